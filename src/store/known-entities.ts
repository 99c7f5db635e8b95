import { HAVING_BUNDLE, namedInCell } from './bundles.js';
import { raw, type Statement } from './database.js';
import { knownDue, restingDue } from './due-slices.js';
import { overList } from './lots.js';
import { lineOf } from './lines.js';
import { type knownEntity, LINES } from './schema.js';
import { unwatchListings } from './superior-listings.js';
import { NUMBER } from './words.js';

export type KnownEntity = typeof knownEntity.$inferSelect;

/** The row of an entity of which nothing is known but its name, and how we came to know it. */
export const newlyKnown = (of: Pick<KnownEntity, 'authorityId' | 'entityId' | 'source' | 'dueAt' | 'leaseUntil'>): KnownEntity => ({
  ...of,
  entityTypes: [],
  about: {},
  superiors: [],
  attempts: 0,
  evaluatedAt: null,
  line: of.source === 'member' ? LINES.changed : LINES.found,
});

/**
 * What an operation on a member does to the evaluations that rest on it, set-based and in the member's own batch. Answers
 * that rest on a changed statement are held back by `snapshot_link` at once; these statements see to the rest.
 */

/** Evaluate these entities soon, as members of an authority. @param apart each came by itself, however many are written together */
export const knowMembers = (authorityId: string, entityIds: readonly string[], now: number, apart = false): Statement =>
  overList(
    `INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at, line) SELECT ?, value, 'member', '[]', '{}', '[]', CAST(? AS NUMERIC), ${lineOf(apart ? 1 : entityIds.length)} FROM json_each(?) WHERE true
     ON CONFLICT (authority_id, entity_id) DO UPDATE SET source = 'member', due_at = excluded.due_at, lease_until = 0, attempts = 0, line = excluded.line`,
    entityIds,
    (lot) => [authorityId, now, lot],
  );

const below = (line: number) => `UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0, attempts = 0, line = ${line} WHERE (authority_id, entity_id) IN
  (SELECT authority_id, subject FROM snapshot_link WHERE issuer_id = ? AND kind = 'statement' AND key IN`;

/**
 * Evaluate anew, soon, everything that rests on our statements about members: the members themselves and what lies below them.
 * @param line where they stand in line: what was changed goes before all others, what was cut has an answer to lose
 */
export const dueBelow = (authorityId: string, entityIds: readonly string[], now: number, line: number = LINES.changed): readonly Statement[] =>
  entityIds.length === 0 ? [] : [overList(`${below(line)} (SELECT value FROM json_each(?)))`, entityIds, (lot) => [now, authorityId, lot])];

/** The same for the statements about all members that have a bundle, by predicate. */
export const dueBelowHolders = (authorityId: string, bundle: string, now: number): Statement =>
  raw(`${below(LINES.changed)} (SELECT entity_id FROM member WHERE ${HAVING_BUNDLE}))`, now, authorityId, authorityId, namedInCell(bundle));

/**
 * Members are cut off: their own snapshots that rest on our statements go with their answers, and their authority knows them no
 * more; what lies below is held back by its links and evaluated anew. As many statements for many as for one.
 */
export const forgetMembers = (authorityId: string, entityIds: readonly string[], now: number): readonly Statement[] => {
  const listed = 'SELECT value FROM json_each(?)';
  /** Snapshots of the members themselves, at whatever authority, that rest on our statements about them. */
  const own = `SELECT l.authority_id, l.subject FROM snapshot_link AS l WHERE l.issuer_id = ? AND l.kind = 'statement' AND l.subject = l.key AND l.key IN (${listed})`;
  const here = (sql: string) => overList(sql, entityIds, (lot) => [authorityId, lot]);
  return [
    ...dueBelow(authorityId, entityIds, now, LINES.held),
    here(`DELETE FROM artefact WHERE kind = 'resolve' AND (authority_id, key) IN (${own})`),
    here(`DELETE FROM snapshot WHERE (authority_id, subject) IN (${own})`),
    here(`DELETE FROM known_entity WHERE authority_id = ? AND entity_id IN (${listed})`),
    here(`DELETE FROM artefact WHERE authority_id = ? AND kind = 'resolve' AND key IN (${listed})`),
    here(`DELETE FROM snapshot WHERE authority_id = ? AND subject IN (${listed})`),
    ...unwatchListings(authorityId, entityIds),
    // The links last: the statements above ask them what rests on what.
    here(`DELETE FROM snapshot_link WHERE authority_id = ? AND subject IN (${listed})`),
    here(`DELETE FROM snapshot_link WHERE issuer_id = ? AND kind = 'statement' AND subject = key AND key IN (${listed})`),
  ];
};

/** Evaluate anew everything that rests on any statement of an authority: all of them have changed. @param most rows that the commit writes */
export const dueResting = (authorityId: string, now: number, most?: number): readonly Statement[] => [
  ...knownDue(authorityId, now, most),
  ...restingDue({ authorityId, how: 'due', now }, most),
];

/**
 * An authority is halted: what others know that rests on anything of its is evaluated anew, soon. Nothing of it is served
 * meanwhile, because each look-up asks whether the authority is active.
 */
export const dueElsewhere = (authorityId: string, now: number, most?: number): readonly Statement[] => restingDue({ authorityId, how: 'elsewhere', now }, most);

/** A key of an authority was compromised: every answer that rests on its statements waits until it was evaluated anew. */
export const withholdResting = (authorityId: string, now: number, most?: number): readonly Statement[] => [
  ...restingDue({ authorityId, how: 'void', now }, most),
  ...knownDue(authorityId, now, most),
];

/**
 * A Trust Anchor of ours vouches for less than before (a type of mark, an issuer): every answer under it waits until it was
 * evaluated anew.
 */
export const withholdUnder = (authorityId: string, now: number, most?: number): readonly Statement[] => [
  ...restingDue({ authorityId, how: 'narrowed', now }, most),
  ...knownDue(authorityId, now, most),
];

/** A pinned Trust Anchor lost a key: what was found under it was proved with the keys of before, so none of it is left. */
export const dropUnder = (authorityId: string, trustAnchor: string): readonly Statement[] => [
  raw('DELETE FROM snapshot WHERE authority_id = ? AND trust_anchor = ?', authorityId, trustAnchor),
  raw('DELETE FROM snapshot_link WHERE authority_id = ? AND trust_anchor = ?', authorityId, trustAnchor),
];
