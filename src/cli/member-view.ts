import { clean, green, out, red, when, yellow } from './output.js';
import { path } from './shell.js';
import type { Finding } from '../federation/entry.js';

interface MemberKeyView {
  readonly kid: string;
  readonly thumbprint: string;
  readonly state: string;
  readonly proven_at: number | null;
  readonly confirmed_at: number | null;
  readonly confirmed_by: string | null;
  readonly x5c_not_after: number | null;
}

/** A key, and what is known of it beside that it is bound. */
const ofKey = (key: MemberKeyView): string =>
  [
    `${clean(key.kid)}  ${key.state}`,
    key.proven_at === null ? 'not proven' : `proven ${when(key.proven_at)}`,
    key.confirmed_at === null ? 'not confirmed' : `confirmed ${when(key.confirmed_at)} by ${key.confirmed_by}`,
    ...(key.x5c_not_after === null ? [] : [`certificate ends ${when(key.x5c_not_after)}`]),
    ...(key.kid === key.thumbprint ? [] : [`thumbprint ${key.thumbprint}`]),
  ].join(', ');

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
  readonly entitlements?: readonly { readonly kind: string; readonly value: string }[] | null;
  readonly bundles?: readonly string[];
  readonly keys?: readonly MemberKeyView[];
  readonly accredited_until?: number | null;
  readonly sponsor?: { readonly name: string; readonly email: string } | null;
  readonly reattest_by?: number | null;
  readonly not_before: number | null;
  readonly status?: { readonly list: number; readonly idx: number; readonly value: number } | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly v: number;
  readonly already?: boolean;
  readonly findings?: readonly (Finding & { readonly severity: string })[];
}
/** A value of a status list, in a word (Token Status List). */
export const statusWord = (value: number): string => ['valid', 'invalid', 'suspended'][value] ?? String(value);
const color = (state: string) => (state === 'active' ? green(state) : state === 'suspended' || state === 'revoked' ? red(state) : yellow(state));
export const base = (authority: string, ...more: string[]) => path('authorities', authority, 'members', ...more);

export function describe(member: MemberView): void {
  out(`${clean(member.entity_id)}  ${color(member.state)}`);
  const row = (name: string, text: string) => out(`  ${name.padEnd(12)}  ${text}`);
  row('id', member.id);
  row('types', `${member.entity_types.join(', ') || '—'}${member.intermediate ? ' (intermediate)' : ''}`);
  if (member.organization_id !== null) row('organization', member.organization ?? member.organization_id);
  if (member.keys) for (const key of member.keys) row('key', ofKey(key));
  else row('keys', member.jwks.keys.map(({ kid, kty }) => `${kid} (${kty})`).join(', '));
  const { entitlements = null, bundles = [] } = member;
  if (entitlements !== null) row('entitled to', clean(entitlements.map(({ kind, value }) => `${kind} ${value}`).join(', ')) || 'nothing of its own');
  if (bundles.length) row('bundles', bundles.join(', '));
  if (member.sponsor) row('sponsor', `${clean(member.sponsor.name)} <${clean(member.sponsor.email)}>`);
  if (member.reattest_by) row('attested', `until ${when(member.reattest_by)}`);
  if (member.accredited_until) row('accredited', `until ${when(member.accredited_until)}`);
  if (member.state_reason) row('reason', member.state_reason);
  row('enrolled', when(member.created_at));
  if (member.not_before) row('not before', `${when(member.not_before)}: tokens issued earlier are not to live again`);
  if (member.status) row('status list', `${member.status.list}, place ${member.status.idx}: ${statusWord(member.status.value)}`);
  row('version', String(member.v));
}

export const DOMAIN_CONTROL =
  'how it shows that it may use its domain: "well-known" (a token under its host), "dns" (a TXT record of its domain), or the reason why you vouch for it';
export const shownBy = (text: string | undefined): object =>
  text === undefined
    ? {}
    : { domain_control: text === 'well-known' ? { method: 'well_known' } : text === 'dns' ? { method: 'dns' } : { method: 'operator', reason: text } };
