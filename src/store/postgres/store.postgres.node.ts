import { createChanges, type Decided, type Engine, HeadMoved, type Outcome } from '../change.js';
import { isDuplicate, piecesOf, type Statement } from '../database.js';
import { chainEvents, EMPTY_HEAD, type EventRow, type Head, insertEvents, type NewRow } from '../event.js';
import type { KnownHeads } from '../known-heads.js';
import { createRehearsals } from '../rehearse.js';
import type { Store } from '../store.js';
import { StoreUnreachable, TROUBLES, troubleIn } from '../trouble.js';
import { askedFor, type Connection, codeOf, isGone, type Rows, type Server } from './connection.node.js';
import { databaseOver } from './database.node.js';
import { isBusy, named } from './errors.node.js';
import { KNOWN_MS } from './follower.node.js';
import { Pool } from './pool.node.js';
import { numbered } from './translate.js';

export interface PostgresStore extends Store {
  /** For reading on the primary, by whoever needs no drizzle. */
  readonly pool: Pool;
  /** For writing what belongs to no operation. */
  readonly writers: Pool;
  /** How many transactions and operations were committed; commits whose answer was lost: found to be made, sent again. */
  readonly counts: { transactions: number; operations: number; settled: number; resent: number };
  /** Called after every commit of this process. */
  onCommit(listener: () => void): void;
  close(): Promise<void>;
}

export interface PostgresOptions {
  /** Connections for reading. */
  readonly readers?: number;
  /** Operations that share a transaction at most. */
  readonly groupSize?: number;
  /** Milliseconds that a fail-over may take before a commit is given up as unknown, and a read as unanswered. */
  readonly patienceMs?: number;
  /** Milliseconds without any answer after which a server is given up. */
  readonly answerMs?: number;
  /** Milliseconds for which another process may go on serving what it remembers: a cut is acknowledged after them. */
  readonly rememberedMs?: number;
  /** For tests: called when the statements of a commit were sent and their answer has not come. */
  readonly onSent?: (on: Connection) => void;
}

const WRITERS = 2;
const GROUP_SIZE = 64;
const EVENT_PLACE = 'event.authority_id, event.seq';
/** What the failed statement before it said is said again by all that follow it. */
const ABORTED = '25P02';
/** Serialization failure, deadlock: nothing was written. */
const LOST_RACE = new Set(['40001', '40P01']);

const BEGIN = 'BEGIN';
/** When the answer comes, the synchronous standbys show it too: a cut is seen by whoever reads there. */
const EVERYWHERE = 'SET LOCAL synchronous_commit = remote_apply';
/**
 * The lock of writers, the number of commits and the beat of the heart in one row. Guarded statements are not safe under READ
 * COMMITTED beside a writer that has not committed: behind this lock there is none.
 */
const LOCK = 'UPDATE store_state SET version = version + 1, beat_ms = floor(extract(epoch FROM clock_timestamp()) * 1000)';
const HEAD = 'SELECT seq, hash FROM event WHERE authority_id = $1 ORDER BY seq DESC LIMIT 1';
/**
 * COMMIT waits for the synchronous standbys, and a time limit that ends this wait ends it with success: what no standby has would
 * be acknowledged.
 */
const WITHOUT_LIMIT = 'SET LOCAL statement_timeout = 0';
const AT = 'SELECT hash FROM event WHERE authority_id = $1 AND seq = $2';

const later = () => new Promise((done) => setTimeout(done, 50 + Math.random() * 100));

/** The store on PostgreSQL. @param now seconds since the epoch, for the time of events */
export function openPostgres(
  servers: readonly Server[],
  now: () => number,
  { readers = 8, groupSize = GROUP_SIZE, patienceMs = 60_000, answerMs, rememberedMs = KNOWN_MS, onSent }: PostgresOptions = {},
): PostgresStore {
  const pool = new Pool(servers, 'primary', readers, answerMs, { statementMs: patienceMs });
  const writers = new Pool(servers, 'primary', WRITERS, answerMs, { pulse: pool.pulse, statementMs: patienceMs });
  const acknowledged: KnownHeads = new Map();
  const counts = { transactions: 0, operations: 0, settled: 0, resent: 0 };
  const listeners: (() => void)[] = [];

  /** Ask again while servers change their roles. */
  async function patiently<T>(ask: () => Promise<T>, passes: (error: unknown) => boolean = isGone, until = performance.now() + patienceMs): Promise<T> {
    for (; ; await later()) {
      try {
        return await ask();
      } catch (error) {
        if (!passes(error) || performance.now() > until) throw named(error);
      }
    }
  }
  const read = (text: string, params: readonly unknown[]) => patiently(() => pool.query(text, params.map(askedFor)));
  const db = databaseOver(read);

  async function allOf(queries: readonly Promise<unknown>[]): Promise<void> {
    const failed = (await Promise.allSettled(queries)).flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    if (failed.length) throw failed.find((error) => codeOf(error) !== ABORTED) ?? failed[0];
  }
  const send = (on: Connection, statements: readonly Statement[]) =>
    piecesOf(statements).map((statement) => {
      const { sql, params } = statement.toSQL();
      return on.query(numbered(sql), params);
    });

  const alone = <T>(body: (on: Connection) => Promise<T>): Promise<T> =>
    writers.alone(async (on) => {
      try {
        return await body(on);
      } catch (error) {
        if (isGone(error)) on.destroy();
        else await on.query('ROLLBACK').catch(() => on.destroy());
        throw error;
      }
    });

  /** One transaction, two flights. `moved`: a head is not the one decided on, and nothing is written. */
  const transact = (expect: ReadonlyMap<string, Head>, statements: readonly Statement[], urgent: boolean, sent: () => void): Promise<'moved' | 'done'> =>
    alone(async (on) => {
      const opening = [on.query(BEGIN), ...(urgent ? [on.query(EVERYWHERE)] : []), on.query(LOCK)];
      const heads = [...expect.keys()].map((id) => on.query(HEAD, [id]));
      await allOf([...opening, ...heads]);
      const found = await Promise.all(heads);
      if ([...expect.values()].some((head, n) => (found[n]?.rows[0]?.[1] ?? EMPTY_HEAD.hash) !== head.hash)) {
        await on.query('ROLLBACK');
        return 'moved';
      }
      const queries = [...send(on, statements), on.query(WITHOUT_LIMIT), on.query('COMMIT')];
      sent();
      onSent?.(on);
      await allOf(queries);
      counts.transactions++;
      for (const listener of listeners) listener();
      return 'done';
    });

  /**
   * Read by a commit of its own: behind every writer that is under way, on a server that surely writes, and, as whatever was
   * committed before it, on the synchronous standbys as well once it is answered.
   */
  const behindLock = (text: string, params: readonly unknown[], until?: number): Promise<Rows['rows']> =>
    patiently(
      () =>
        alone(async (on) => {
          const [begun, locked] = [on.query(BEGIN), on.query(LOCK)];
          const found = on.query(text, params);
          await allOf([begun, locked, found, on.query(WITHOUT_LIMIT), on.query('COMMIT')]);
          return (await found).rows;
        }),
      (error) => isGone(error) || isBusy(error),
      until,
    );

  /** Whether this event stands in its chain; undefined: there is nothing at its place. */
  async function stands(row: EventRow, until: number): Promise<boolean | undefined> {
    const rows = await behindLock(AT, [row.authorityId, row.seq], until).catch((error: unknown) => {
      throw new StoreUnreachable(TROUBLES.unreachable.says, { cause: error });
    });
    return rows[0] && rows[0][0] === row.hash;
  }

  /** What is known after a failure: nothing was written, or all of it, or it has to be sent again. @param sent something was, before or just now */
  async function settle(error: unknown, mark: EventRow, sent: boolean, until: number): Promise<'moved' | 'done' | 'again'> {
    const moved = LOST_RACE.has(codeOf(error)) || isDuplicate(named(error), EVENT_PLACE);
    if (!moved && !isGone(error)) throw named(error);
    if (!sent) return moved ? 'moved' : 'again';
    const standing = await stands(mark, until);
    if (standing !== undefined) {
      counts.settled++;
      return standing ? 'done' : 'moved';
    }
    if (moved) return 'moved';
    counts.resent++;
    return 'again';
  }

  /**
   * Commit, and where the answer is lost learn it: the event's hash at its place tells. Where nothing stands there the very same
   * batch is sent again; its number lets it in once, also while the first one is still on its way.
   * @throws StoreUnreachable when that could not be learnt in time: it may have been made
   */
  async function surely(expect: ReadonlyMap<string, Head>, mark: EventRow, statements: readonly Statement[], urgent: boolean): Promise<'moved' | 'done'> {
    let sent = false;
    for (const until = performance.now() + patienceMs; ; await later()) {
      const before = sent;
      const known = await transact(expect, statements, urgent, () => {
        sent = true;
      }).catch((error: unknown) => {
        if (isGone(error) && performance.now() > until) throw named(error);
        return settle(error, mark, sent, until);
      });
      // The head moved after something was sent: perhaps by that.
      if (known === 'moved' && before && (await stands(mark, until))) return 'done';
      if (known !== 'again') return known;
    }
  }

  type Chains = ReadonlyMap<string, Head>;
  interface Chained {
    readonly id: string;
    readonly rows: readonly NewRow[];
    readonly head: Head;
  }
  /** @param heads where each chain stands; moved on */
  const chain = (authorityId: string, one: Decided, at: number, heads: Map<string, Head>): readonly Chained[] =>
    [{ authorityId, events: one.events }, ...one.elsewhere].map((part) => {
      const made = { id: part.authorityId, ...chainEvents(part.authorityId, heads.get(part.authorityId) ?? EMPTY_HEAD, at, one.actor, part.events) };
      heads.set(part.authorityId, made.head);
      return made;
    });
  const decidedOn = (authorityId: string, head: Head, group: readonly Decided[]) =>
    new Map<string, Head>([[authorityId, head], ...group.flatMap(({ elsewhere }) => elsewhere.map((part) => [part.authorityId, part.head] as const))]);

  /** The standbys show it by now, and whatever was remembered before has been looked at again: nobody serves what was cut. */
  const forgotten = () => new Promise((done) => setTimeout(done, rememberedMs));

  /** Operations in one transaction. */
  async function together(authorityId: string, head: Head, group: readonly Decided[]): Promise<'moved' | Chains> {
    const expect = decidedOn(authorityId, head, group);
    const heads = new Map(expect);
    const at = now();
    const chained = group.map((one) => chain(authorityId, one, at, heads));
    const [
      [
        {
          rows: [first],
        },
      ],
    ] = chained as unknown as [[{ readonly rows: readonly [NewRow] }]];
    const mark = first.row;
    const statements = group.flatMap((one, n) => [...(chained[n] ?? []).map(({ rows }) => insertEvents(rows)), ...one.statements]);
    const urgent = group.some((one) => one.urgent);
    const outcome = await surely(expect, mark, statements, urgent);
    if (outcome === 'moved') return outcome;
    for (const { operations = 1 } of group) counts.operations += operations;
    if (urgent) await forgotten();
    return heads;
  }

  /** Where it has not, what one operation of a group demands (only-while.ts) is not so, perhaps by another one of them. */
  const hasMoved = async (authorityId: string, head: Head): Promise<boolean> => (await engine.headAgain?.(authorityId))?.seq !== head.seq;

  /** All of them in one transaction; undefined: one of them fails, so each is for itself. The store's own trouble is everybody's. */
  async function atOnce(authorityId: string, head: Head, group: readonly Decided[]): Promise<'lost' | readonly Outcome[] | undefined> {
    try {
      const heads = await together(authorityId, head, group);
      if (heads !== 'moved') return group.map((): Outcome => ({ ok: true, heads }));
      return (await hasMoved(authorityId, head)) ? 'lost' : undefined;
    } catch (error) {
      return troubleIn(error) === undefined ? undefined : group.map((): Outcome => ({ ok: false, error }));
    }
  }

  async function commit(authorityId: string, head: Head, group: readonly Decided[]): Promise<'lost' | readonly Outcome[]> {
    const shared = group.length > 1 ? await atOnce(authorityId, head, group) : undefined;
    if (shared) return shared;
    const outcomes: Outcome[] = [];
    let current = head;
    for (const one of group) {
      try {
        const heads = await together(authorityId, current, [one]);
        if (heads === 'moved' && group.length === 1) return 'lost';
        current = heads === 'moved' ? current : (heads.get(authorityId) ?? current);
        outcomes.push(heads === 'moved' ? { ok: false, error: new HeadMoved() } : { ok: true, heads });
      } catch (error) {
        outcomes.push({ ok: false, error });
      }
    }
    return outcomes;
  }

  /** Statements without an event say themselves where they apply: they may be sent twice. */
  async function write(statements: readonly Statement[], { urgent = false } = {}): Promise<void> {
    if (piecesOf(statements).length === 0) return;
    const again = (error: unknown) => isGone(error) || LOST_RACE.has(codeOf(error));
    await patiently(() => transact(new Map(), statements, urgent, () => undefined), again);
    if (urgent) await forgotten();
  }
  const engine: Engine = {
    db,
    write,
    groupSize,
    commit,
    async headAgain(authorityId) {
      const [row] = await behindLock(HEAD, [authorityId]).catch((error: unknown) => {
        throw named(error);
      });
      return row ? { seq: Number(row[0]), hash: String(row[1]) } : EMPTY_HEAD;
    },
  };

  return {
    db,
    pool,
    writers,
    counts,
    change: createChanges(engine, acknowledged),
    rehearse: createRehearsals(engine, acknowledged),
    acknowledged,
    write,
    /** The row that every commit writes, and nothing that anyone keeps in memory. */
    probe: () =>
      alone(async (on) => {
        await on.query(BEGIN);
        await on.query(LOCK);
        await on.query('ROLLBACK');
      }).catch((error: unknown) => {
        throw named(error);
      }),
    onCommit: (listener) => void listeners.push(listener),
    async close() {
      await Promise.all([pool.end(), writers.end()]);
    },
  };
}
