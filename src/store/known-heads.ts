import { and, desc, eq, inArray, placeholder, sql } from 'drizzle-orm';
import { built } from './built.js';
import type { Database } from './database.js';
import { EMPTY_HEAD, type Head } from './event.js';
import { artefact, authority, event } from './schema.js';
import { confirmed, type SeenHead, unconfirmed } from './standing.js';
import { HistoryLost, TROUBLES } from './trouble.js';

/** The newest head of each chain that this process was told of by a commit: whoever asked for it was told that it is done. */
export type KnownHeads = Map<string, Head>;

const lastEvent = built((db) =>
  db
    .select({ seq: event.seq, hash: event.hash })
    .from(event)
    .where(eq(event.authorityId, placeholder('authorityId')))
    .orderBy(desc(event.seq))
    .limit(1)
    .prepare(),
);

export async function readHead(db: Database, authorityId: string): Promise<Head> {
  const [last] = await lastEvent(db).all({ authorityId });
  return last ?? EMPTY_HEAD;
}

/** The hash of one event; undefined when there is none of that number. */
export async function hashAt(db: Database, authorityId: string, seq: number): Promise<string | undefined> {
  const [row] = await db
    .select({ hash: event.hash })
    .from(event)
    .where(and(eq(event.authorityId, authorityId), eq(event.seq, seq)))
    .limit(1);
  return row?.hash;
}

/** Where the event chain of an authority ends. */
export interface ChainHead {
  readonly authorityId: string;
  readonly slug: string;
  readonly entityId: string;
  readonly seq: number;
  readonly hash: string;
  /** When its last event was written. */
  readonly at: number;
}

/** The heads of all authorities, by index. */
export const headsOf = (db: Database): Promise<readonly ChainHead[]> =>
  db.all<ChainHead>(sql`
    SELECT a.id AS "authorityId", a.slug AS slug, a.entity_id AS "entityId", e.seq AS seq, e.hash AS hash, e.at AS at
    FROM authority AS a JOIN event AS e ON e.authority_id = a.id AND e.seq = (SELECT max(seq) FROM event WHERE authority_id = a.id)
    ORDER BY a.created_at, a.rowid`);

/** What is signed of the heads, by place: of other artefacts there are as many as members. */
export const signedHeads = (db: Database): Promise<readonly (typeof artefact.$inferSelect)[]> =>
  db
    .select()
    .from(artefact)
    .where(and(inArray(artefact.authorityId, db.select({ id: authority.id }).from(authority)), eq(artefact.kind, 'head')));

const isGivenUp = (all: readonly SeenHead[] | undefined, authorityId: string, { seq, hash }: Head): boolean =>
  all?.some((one) => one.authorityId === authorityId && one.seq === seq && one.hash === hash) ?? false;

/**
 * Where a chain stands, as a basis to decide on: what was acknowledged is in it. A database that lacks it is an older copy, put
 * in the place of the one that was written, and may vouch again for whom the lost events cut off. Once what is missing is
 * written down as given up, it is withheld until a person confirms it: from then on that rules, and not this memory.
 * @param again the head as a server has it that surely writes, where another one may have been read
 * @throws HistoryLost
 */
export async function headToDecideOn(db: Database, known: KnownHeads, authorityId: string, again?: (authorityId: string) => Promise<Head>): Promise<Head> {
  // As it is known before the look: what is acknowledged meanwhile need not be in what was read.
  const last = known.get(authorityId);
  const holds = async (head: Head): Promise<boolean> => {
    if (!last || last.seq > head.seq) return !last;
    return (last.seq === head.seq ? head.hash : await hashAt(db, authorityId, last.seq)) === last.hash;
  };
  const head = await readHead(db, authorityId);
  if (await holds(head)) return head;
  const sure = again ? await again(authorityId) : head;
  if (again && (await holds(sure))) return sure;
  if (last && !isGivenUp((await unconfirmed(db))?.givenUp, authorityId, last) && !isGivenUp((await confirmed(db))?.givenUp, authorityId, last))
    throw new HistoryLost(TROUBLES.history_lost.says);
  if (known.get(authorityId) === last) known.delete(authorityId);
  return sure;
}
