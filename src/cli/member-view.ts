import { clean, green, out, red, when, yellow } from './output.js';
import { path } from './shell.js';
import type { Finding } from '../federation/entry.js';

export interface MemberView {
  readonly id: string;
  readonly entity_id: string;
  readonly state: string;
  readonly state_reason: string | null;
  readonly entity_types: readonly string[];
  readonly intermediate: boolean;
  readonly organization_id: string | null;
  readonly organization?: string;
  readonly jwks: { readonly keys: readonly { readonly kid: string; readonly kty: string }[] };
  readonly not_before: number | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly v: number;
  readonly already?: boolean;
  readonly findings?: readonly (Finding & { readonly severity: string })[];
}
const color = (state: string) => (state === 'active' ? green(state) : state === 'suspended' || state === 'revoked' ? red(state) : yellow(state));
export const base = (authority: string, ...more: string[]) => path('authorities', authority, 'members', ...more);

export function describe(member: MemberView): void {
  out(`${clean(member.entity_id)}  ${color(member.state)}`);
  const row = (name: string, text: string) => out(`  ${name.padEnd(12)}  ${text}`);
  row('id', member.id);
  row('types', `${member.entity_types.join(', ') || '—'}${member.intermediate ? ' (intermediate)' : ''}`);
  if (member.organization_id !== null) row('organization', member.organization ?? member.organization_id);
  row('keys', member.jwks.keys.map(({ kid, kty }) => `${kid} (${kty})`).join(', '));
  if (member.state_reason) row('reason', member.state_reason);
  row('enrolled', when(member.created_at));
  if (member.not_before) row('not before', `${when(member.not_before)}: tokens issued earlier are not to live again`);
  row('version', String(member.v));
}

export const DOMAIN_CONTROL = 'how it shows that it may use its domain: "well-known" (a token under its host), or the reason why you vouch for it';
export const shownBy = (text: string | undefined): object =>
  text === undefined ? {} : { domain_control: text === 'well-known' ? { method: 'well_known' } : { method: 'operator', reason: text } };
