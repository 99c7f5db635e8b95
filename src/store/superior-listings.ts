import { overList } from './lots.js';
import { raw, type Statement } from './database.js';
import { LINES, type superiorListing } from './schema.js';

export type SuperiorListing = typeof superiorListing.$inferSelect;
type Place = Pick<SuperiorListing, 'authorityId' | 'entityId'>;

/** After a change of ours a listing is looked at again at once, but not sooner after the last look than this (seconds). */
const AGAIN_AFTER_CHANGE = 60;

/** Look at a superior's listing from now on, at once when it is a new one or lies elsewhere. */
export const watchListing = ({ authorityId, entityId, url, host }: Place & Pick<SuperiorListing, 'url' | 'host'>, now: number): Statement =>
  raw(
    `INSERT INTO superior_listing (authority_id, entity_id, url, host, due_at) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (authority_id, entity_id) DO UPDATE SET url = excluded.url, host = excluded.host, due_at = excluded.due_at, etag = NULL, sha256 = NULL,
       failures = 0, problem = NULL WHERE superior_listing.url IS DISTINCT FROM excluded.url`,
    authorityId,
    entityId,
    url,
    host,
    now,
  );

/** A superior that is not trusted any more, or has no listing: nobody asks it, and whom it listed counts no more. */
export const unwatchListing = ({ authorityId, entityId }: Place): readonly Statement[] => unwatchListings(authorityId, [entityId]);

export const unwatchListings = (authorityId: string, entityIds: readonly string[]): readonly Statement[] =>
  [
    'DELETE FROM superior_listing WHERE authority_id = ? AND entity_id IN (SELECT value FROM json_each(?))',
    'DELETE FROM listed_entity WHERE authority_id = ? AND superior IN (SELECT value FROM json_each(?))',
  ].map((sql) => overList(sql, entityIds, (lot) => [authorityId, lot]));

/** Members of these authorities came or went: who resolves below them looks again. */
export const localListingsDue = (authorityIds: readonly string[], now: number): Statement =>
  overList(
    `UPDATE superior_listing SET due_at = ? WHERE due_at > ? AND url IS NULL AND entity_id IN
     (SELECT entity_id FROM authority WHERE id IN (SELECT value FROM json_each(?)))`,
    authorityIds,
    (lot) => [now, now, lot],
  );

/** Something about these superiors was changed here: what they list is looked at soon. */
export const listingsDue = (authorityId: string, entityIds: readonly string[], now: number): Statement =>
  overList(
    `UPDATE superior_listing SET due_at = min(due_at, max(?, coalesce(checked_at, 0) + ?)), failures = 0
     WHERE authority_id = ? AND entity_id IN (SELECT value FROM json_each(?))`,
    entityIds,
    (lot) => [now, AGAIN_AFTER_CHANGE, authorityId, lot],
  );

/** Whose step to its superior is listed no more: everything that rests on it, first of all that is due. Who is set aside stays so. */
const goneFirst = ({ authorityId, entityId }: Place, now: number): Statement =>
  raw(
    `UPDATE known_entity SET due_at = 0, lease_until = 0, attempts = 0, line = ${LINES.held} WHERE authority_id = ? AND NOT (lease_until > ? AND due_at - lease_until = 2)
     AND entity_id IN (SELECT s.subject FROM snapshot AS s, json_each(s.path) AS one, json_each(s.path) AS above
       WHERE s.authority_id = ? AND s.state = 'valid' AND above.key = one.key + 1 AND above.value = ?
       AND NOT EXISTS (SELECT 1 FROM listed_entity AS l WHERE l.authority_id = s.authority_id AND l.superior = above.value AND l.entity_id = one.value))`,
    authorityId,
    now,
    authorityId,
    entityId,
  );

/** Whom only this listing had brought, and who never had a valid chain: a listing that changes all the time leaves nothing behind. */
const forgetGone = ({ authorityId }: Place, ids: readonly string[]): readonly Statement[] => [
  overList(
    `DELETE FROM known_entity WHERE authority_id = ? AND source = 'crawl' AND entity_id IN (SELECT value FROM json_each(?))
     AND NOT EXISTS (SELECT 1 FROM listed_entity AS l WHERE l.authority_id = known_entity.authority_id AND l.entity_id = known_entity.entity_id)
     AND NOT EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id AND s.state = 'valid')
     AND NOT EXISTS (SELECT 1 FROM crawl_entity AS c JOIN job AS j ON j.id = c.job_id WHERE c.entity_id = known_entity.entity_id AND j.authority_id = known_entity.authority_id)`,
    ids,
    (lot) => [authorityId, lot],
  ),
  overList(
    `DELETE FROM snapshot WHERE authority_id = ? AND state <> 'valid' AND subject IN (SELECT value FROM json_each(?))
     AND NOT EXISTS (SELECT 1 FROM known_entity AS k WHERE k.authority_id = snapshot.authority_id AND k.entity_id = snapshot.subject)`,
    ids,
    (lot) => [authorityId, lot],
  ),
];

interface Looked {
  readonly now: number;
  /** Entities that all listings of an authority together bring. */
  readonly most: number;
  /** Where those stand that nobody knew. */
  readonly line: number;
}

/**
 * Whom it lists now: known, and evaluated soon unless they have a valid chain already, or are being evaluated, or are set aside.
 * `CROSS JOIN`: SQLite takes the tables in this order and finds each one by its key; left to itself it goes through all that the superior
 * lists for each of them, and nobody else writes meanwhile.
 */
const come = ({ authorityId, entityId }: Place, ids: readonly string[], { now, most, line }: Looked): readonly Statement[] => [
  overList(
    `INSERT INTO listed_entity (authority_id, superior, entity_id) SELECT ?, ?, value FROM json_each(?)
     WHERE (SELECT count(*) FROM listed_entity WHERE authority_id = ?) < ?
     AND EXISTS (SELECT 1 FROM superior_listing WHERE authority_id = ? AND entity_id = ?) ON CONFLICT DO NOTHING`,
    ids,
    (lot) => [authorityId, entityId, lot, authorityId, most, authorityId, entityId],
  ),
  overList(
    `INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at, line)
     SELECT l.authority_id, l.entity_id, 'crawl', '[]', '{}', '[' || json_quote(l.superior) || ']', CAST(? AS NUMERIC), ${line} FROM json_each(?) AS one
     CROSS JOIN listed_entity AS l WHERE l.authority_id = ? AND l.superior = ? AND l.entity_id = one.value
     ON CONFLICT (authority_id, entity_id) DO UPDATE SET due_at = min(known_entity.due_at, excluded.due_at) WHERE known_entity.lease_until = 0 AND NOT EXISTS
       (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id AND s.state = 'valid')`,
    ids,
    (lot) => [now, lot, authorityId, entityId],
  ),
];

/** What a changed listing leads to. */
export function listingChanged(
  of: Place,
  { come: fresh, gone }: { readonly come: readonly string[]; readonly gone: readonly string[] },
  looked: Looked,
): readonly Statement[] {
  return [
    overList('DELETE FROM listed_entity WHERE authority_id = ? AND superior = ? AND entity_id IN (SELECT value FROM json_each(?))', gone, (lot) => [
      of.authorityId,
      of.entityId,
      lot,
    ]),
    ...forgetGone(of, gone),
    ...come(of, fresh, looked),
    ...(gone.length ? [goneFirst(of, looked.now)] : []),
  ];
}

/**
 * A superior has no valid chain to an anchor any more: answers that rest on it wait until they were evaluated anew, first of
 * all that is due. No artefact has this `cut`.
 */
export const withholdThrough = (authorityId: string, trustAnchor: string, superior: string): readonly Statement[] => {
  const through = `FROM snapshot AS s WHERE s.authority_id = ? AND s.trust_anchor = ? AND s.state = 'valid' AND s.subject <> ?
    AND EXISTS (SELECT 1 FROM json_each(s.path) WHERE value = ?)`;
  const which = [authorityId, trustAnchor, superior, superior];
  return [
    raw(
      `INSERT INTO snapshot_link (authority_id, subject, trust_anchor, issuer_id, kind, key, variant, cut)
       SELECT s.authority_id, s.subject, s.trust_anchor, s.authority_id, 'entity_configuration', '', '', -1 ${through}
       ON CONFLICT (authority_id, subject, trust_anchor, issuer_id, kind, key) DO UPDATE SET cut = -1`,
      ...which,
    ),
    raw(
      `UPDATE known_entity SET due_at = 0, lease_until = 0, attempts = 0, line = ${LINES.held} WHERE authority_id = ? AND entity_id IN (SELECT s.subject ${through})`,
      authorityId,
      ...which,
    ),
  ];
};
