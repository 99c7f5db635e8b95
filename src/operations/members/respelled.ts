import { finding } from '../../federation/entry.js';
import { spellingOf } from '../../federation/place.js';
import type { Database } from '../../store/database.js';
import { spelledSo } from '../../store/member-lookups.js';
import { authority, type MemberState } from '../../store/schema.js';
import type { Judged } from '../judged.js';
import { Refusal } from '../refusal.js';
import { indexedTo } from './index-members.js';

/** Applications that ended without a decision against them: the right spelling may follow a wrong one. */
const GONE: readonly MemberState[] = ['refused', 'withdrawn'];

export interface Respelled {
  readonly entityId: string;
  /** Undefined for an authority of this deployment. */
  readonly state?: MemberState;
}

export type Spellings = ReadonlyMap<string, readonly Respelled[]>;

/**
 * Who bears these identifiers, in whatever spelling: members of the authority by the index, and the authorities of the
 * deployment. Byte for byte they are different entities (OpenID Federation 1.0 §1.2); to people and to servers they are one.
 * @returns by what all spellings have in common
 * @throws Refusal temporarily_unavailable while the index has gaps
 */
export async function spellingsOf(db: Database, authorityId: string, entityIds: readonly string[]): Promise<Spellings> {
  if ((await indexedTo(db)) !== undefined)
    throw new Refusal('temporarily_unavailable', 'the members that an earlier version wrote are being indexed; try again in a minute');
  const rows = await spelledSo(
    db,
    authorityId,
    entityIds.map((id) => spellingOf(id)),
    GONE,
  );
  const ours = await db.select({ entityId: authority.entityId }).from(authority);
  const all = new Map<string, Respelled[]>();
  const add = (spelling: string, one: Respelled) => all.set(spelling, [...(all.get(spelling) ?? []), one]);
  for (const { entityId, state, spelling } of rows) add(spelling ?? entityId, { entityId, state });
  for (const { entityId } of ours) add(spellingOf(entityId), { entityId });
  return all;
}

/** Those that an identifier equals but for its spelling. */
export const otherSpellings = (all: Spellings, entityId: string): readonly Respelled[] =>
  (all.get(spellingOf(entityId)) ?? []).filter((one) => one.entityId !== entityId);

export const respelledFindings = (others: readonly Respelled[]): readonly Judged[] =>
  others.map(({ entityId, state }) => ({
    ...finding('identifier_respelled', 'entity_id', `it differs from ${entityId} (${state ?? 'an authority of this deployment'}) in its spelling only`),
    severity: 'error',
  }));

const BARRED: readonly (MemberState | undefined)[] = ['revoked', 'archived'];

/** Is one of them barred? Then coming back under another spelling is an approver's decision, as coming back is. */
export const isBarred = (others: readonly Respelled[]): boolean => others.some(({ state }) => BARRED.includes(state));
