import { and, eq, inArray, ne, type SQL, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { dueAtOnce, marksDueWhere, type Reach, renewable, within } from './due-artefacts.js';
import { nameOf, newToken, startOf, type Work } from './due-notes.js';
import { artefact, authority, LINES } from './schema.js';
import { NUMBER } from './words.js';

/**
 * What makes all that an authority signed, or all that rests on it, due at once. Where that is more than one commit writes in a moment, the
 * commit leaves a note of it (due-notes.ts), and the background writes it in slices (next-slice.ts). What is not to be served any more is not
 * from the commit on (withheld.ts). Whether it is more, the commit finds out itself.
 */

/** Rows that one commit makes due. */
export const DUE_AT_ONCE = 5000;

/** Are there more than so many? By an index, in the commit. @param rows FROM and WHERE */
const more = (rows: string, most: number): string => `(SELECT 1 FROM ${rows} LIMIT 1 OFFSET ${Math.trunc(most)}) IS NOT NULL`;
/** The value of a parameter where there are not; else nothing is equal to it. */
const unless = (many: string): string => `CASE WHEN ${many} THEN NULL ELSE ? END`;

/** A note is written where a condition holds. One of the same that stands there begins anew: its slices know it by its token. */
const note = (work: Work, where: string, ...params: readonly unknown[]): Statement =>
  raw(
    `INSERT INTO setting (name, value) SELECT CAST(? AS TEXT), CAST(? AS TEXT) WHERE ${where} ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    nameOf(work),
    startOf(newToken()),
    ...params,
  );

const OLDER = `artefact WHERE authority_id = ? AND generation < ${NUMBER}`;

/** What an authority signs once, or once in a hundred thousand members: always at once. */
const FEW = ['entity_configuration', 'historical_keys', 'head', 'status_list'] as const;

export interface Resigned {
  readonly authorityId: string;
  /** What is older is to be signed anew. */
  readonly generation: number;
  readonly reach: Reach;
  /** What is not served until then: what this key signed, or (true) all that has an end. */
  readonly withheld: string | true | undefined;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** Make due what is older than the generation of an authority. @param most rows that the commit writes */
export function resignedDue(db: Database, { authorityId, generation, reach, withheld, at }: Resigned, most = DUE_AT_ONCE): readonly Statement[] {
  const due = (which: SQL) =>
    db
      .update(artefact)
      .set({ leaseUntil: 0, ...dueAtOnce(at, withheld) })
      .where(and(which, renewable(at), within(reach)));
  const many = sql`(SELECT 1 FROM artefact AS older WHERE older.authority_id = ${authorityId} AND older.generation < ${generation} LIMIT 1 OFFSET ${sql.raw(String(Math.trunc(most)))}) IS NOT NULL`;
  return [
    due(sql`${artefact.authorityId} = CASE WHEN ${many} THEN NULL ELSE ${authorityId} END`),
    // By its kinds: by its generation a million would be looked at for some.
    due(and(eq(artefact.authorityId, authorityId), inArray(artefact.kind, FEW)) as SQL),
    note({ kind: 'artefacts', authorityId, generation, reach, withheld }, more(OLDER, most), authorityId, generation),
  ];
}

/** Another note for what is older than a generation and of which nothing is due: that of its slices was lost. Why it is not served, if it is not, stands elsewhere. */
export const resignedAnew = ({ authorityId, generation, reach }: Pick<Resigned, 'authorityId' | 'generation' | 'reach'>): Statement =>
  note({ kind: 'artefacts', authorityId, generation, reach, withheld: undefined }, '1 = 1');

/** Marks of an authority that came back are renewed when they would have been: at once, or in the slices of what it signs anew. */
export const marksDue = (authorityId: string, generation: number, now: number, most = DUE_AT_ONCE): Statement =>
  marksDueWhere(`authority_id = ${unless(more(OLDER, most))}`, now, authorityId, generation, authorityId);

const OF_KNOWN = 'known_entity WHERE authority_id = ?';
const OF_LINKS = 'snapshot_link WHERE issuer_id = ?';
const DUE = `UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0`;

/** Evaluate everything an authority knows anew. */
export const knownDue = (authorityId: string, now: number, most = DUE_AT_ONCE): readonly Statement[] => [
  raw(`${DUE} WHERE authority_id = ${unless(more(OF_KNOWN, most))}`, now, authorityId, authorityId),
  note({ kind: 'known', authorityId }, more(OF_KNOWN, most), authorityId),
];

/** An authority of this deployment is back: what others here resolve under it is looked at anew, soon. */
export function dueUnderLocal(trustAnchor: string, now: number, most = DUE_AT_ONCE): readonly Statement[] {
  const pinned = 'anchor_pin AS pin WHERE pin.entity_id = ? AND pin.jwks IS NULL';
  const many = more('known_entity AS of_pin WHERE of_pin.authority_id = pin.authority_id', most);
  return [
    raw(`${DUE}, attempts = 0 WHERE authority_id IN (SELECT pin.authority_id FROM ${pinned} AND NOT (${many}))`, now, trustAnchor),
    raw(
      `INSERT INTO setting (name, value) SELECT ? || pin.authority_id, CAST(? AS TEXT) FROM ${pinned} AND ${many} ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
      nameOf({ kind: 'known', authorityId: '' }),
      startOf(newToken()),
      trustAnchor,
    ),
  ];
}

const LINKED = (issuer: string): string => `(authority_id, entity_id) IN (SELECT authority_id, subject FROM snapshot_link WHERE issuer_id = ${issuer})`;

export interface Resting {
  readonly authorityId: string;
  /**
   * `due`: evaluated anew; `elsewhere`: by others, before whoever has no answer to lose; `void`: no answer that rests on it is served before;
   * `narrowed`: likewise, since the authority vouches as a Trust Anchor for less.
   */
  readonly how: 'due' | 'elsewhere' | 'void' | 'narrowed';
  readonly now: number;
}

/** Have whatever rests on an authority evaluated anew. */
export function restingDue({ authorityId, how, now }: Resting, most = DUE_AT_ONCE): readonly Statement[] {
  const many = more(OF_LINKS, most);
  const issuer = [authorityId, authorityId];
  const linked = LINKED(unless(many));
  return [
    ...(how === 'void'
      ? [
          raw(
            `UPDATE artefact SET withheld = 'key_revoked', renew_at = NULL WHERE kind = 'resolve' AND (authority_id, key) IN (SELECT authority_id, subject FROM snapshot_link WHERE issuer_id = ${unless(many)})`,
            ...issuer,
          ),
        ]
      : []),
    // No artefact has this `cut`.
    ...(how === 'narrowed' ? [raw(`UPDATE snapshot_link SET cut = -1 WHERE issuer_id = ${unless(many)} AND kind = 'entity_configuration'`, ...issuer)] : []),
    how === 'elsewhere'
      ? raw(`${DUE}, attempts = 0, line = ${LINES.held} WHERE ${linked} AND authority_id <> ?`, now, ...issuer, authorityId)
      : raw(`${DUE} WHERE ${linked}`, now, ...issuer),
    note({ kind: 'resting', authorityId, how }, many, authorityId),
    ...(how === 'void' || how === 'narrowed' ? [raw(`UPDATE authority SET rests_void = 1 WHERE id = ? AND ${many}`, ...issuer)] : []),
  ];
}

/**
 * Notes for what rests on an authority and waits for slices of which no note is left: lost, or one that nobody can read. What is asked for then is
 * the most there is: no answer that rests on it is served before it was evaluated anew.
 */
export async function noteMissing(db: Database): Promise<readonly Statement[]> {
  const waiting = await db.select({ id: authority.id }).from(authority).where(ne(authority.restsVoid, 0));
  return waiting.map(({ id: authorityId }) => {
    const work = { kind: 'resting', authorityId, how: 'void' } as const;
    return note(
      work,
      'EXISTS (SELECT 1 FROM authority WHERE id = ? AND rests_void <> 0) AND NOT EXISTS (SELECT 1 FROM setting WHERE name IN (?, ?))',
      authorityId,
      nameOf(work),
      nameOf({ ...work, how: 'narrowed' }),
    );
  });
}
