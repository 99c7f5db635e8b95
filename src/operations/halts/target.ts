import type { LegalBody } from '../organizations/halt-everywhere.js';
import type { NamedMemberKey } from '../members/halt-key.js';

export const HALT_LEVELS = ['key', 'member', 'organization', 'mark_type', 'authority'] as const;

/** What is cut. */
export type Target =
  | ({ readonly level: 'key' } & NamedMemberKey)
  | { readonly level: 'member'; readonly authority: string; readonly member: string }
  | ({ readonly level: 'organization'; readonly everywhere: boolean } & LegalBody)
  | { readonly level: 'mark_type'; readonly authority: string; readonly type: string }
  | { readonly level: 'authority'; readonly authority: string };

/** At all authorities of the deployment. A number of a public register is nobody's here alone. */
export const isEverywhere = (target: Target): boolean =>
  (target.level === 'organization' && (target.everywhere || target.registrationNumber !== undefined)) ||
  (target.level === 'key' && target.authority === undefined);
