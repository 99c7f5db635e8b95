import { raw, type Statement } from './database.js';
import { forgetProofs } from './key-standing.js';
import { LINES } from './schema.js';
import { suspensionsOf } from './registration-events.js';

/** The members that a halt of their organization suspends, while the rows still say so. Found through it: `+state` chooses no index (only.ts). */
const OF = (column: 'id' | 'entity_id') => `SELECT ${column} FROM member WHERE authority_id = ? AND organization_id = ? AND state || '' = 'active'`;

export interface Said {
  readonly reason: string;
  /** Told to anyone, where the authority publishes what becomes of its subordinates. */
  readonly publicReason: string | undefined;
}

/**
 * Suspend every active member of an organization under an authority, by predicate: as many statements for five thousand as
 * for one, with what a member's own suspension does to artefacts and evaluations. Marks are withdrawn before.
 */
export function suspendOrganization(authorityId: string, organizationId: string, { reason, publicReason }: Said, now: number): readonly Statement[] {
  const which = [authorityId, organizationId];
  /** Snapshots of the members themselves, at whatever authority, that rest on our statements about them. */
  const own = `SELECT l.authority_id, l.subject FROM snapshot_link AS l WHERE l.issuer_id = ? AND l.kind = 'statement' AND l.subject = l.key AND l.key IN (${OF('entity_id')})`;
  const here = (table: string, column: string, more = '') =>
    raw(`DELETE FROM ${table} WHERE authority_id = ?${more} AND ${column} IN (${OF('entity_id')})`, authorityId, ...which);
  return [
    raw(`DELETE FROM artefact WHERE member_id IN (${OF('id')}) AND kind <> 'mark_status'`, ...which),
    raw(
      `UPDATE known_entity SET due_at = ?, lease_until = 0, attempts = 0, line = ${LINES.held} WHERE (authority_id, entity_id) IN
       (SELECT authority_id, subject FROM snapshot_link WHERE issuer_id = ? AND kind = 'statement' AND key IN (${OF('entity_id')}))`,
      now,
      authorityId,
      ...which,
    ),
    raw(`DELETE FROM artefact WHERE kind = 'resolve' AND (authority_id, key) IN (${own})`, authorityId, ...which),
    raw(`DELETE FROM snapshot WHERE (authority_id, subject) IN (${own})`, authorityId, ...which),
    here('known_entity', 'entity_id'),
    here('artefact', 'key', " AND kind = 'resolve'"),
    here('snapshot', 'subject'),
    // The links last but for the members: the statements above ask them what rests on what.
    here('snapshot_link', 'subject'),
    raw(`DELETE FROM snapshot_link WHERE issuer_id = ? AND kind = 'statement' AND subject = key AND key IN (${OF('entity_id')})`, authorityId, ...which),
    ...forgetProofs(OF('id'), ...which),
    ...suspensionsOf(authorityId, organizationId, publicReason ?? null, now),
    raw(
      `UPDATE member SET state = 'suspended', state_reason = ?, suspended_with = ?, cut = cut + 1, hosted = 0, updated_at = ?, v = v + 1
       WHERE authority_id = ? AND organization_id = ? AND state || '' = 'active'`,
      reason,
      organizationId,
      now,
      ...which,
    ),
  ];
}
