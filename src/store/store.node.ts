import { chmodSync, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import { openSqlite, type SqliteDatabase, type SqliteStatement } from './sqlite.node.js';
import { createChanges, type Decided, type Engine, HeadMoved, type Outcome } from './change.js';
import { chainEvents, EMPTY_HEAD, type Head, insertEvents } from './event.js';
import type { KnownHeads } from './known-heads.js';
import { createRehearsals } from './rehearse.js';
import * as schema from './schema.js';
import { type Database, isDuplicate, piecesOf, type Statement, storeError, StoreFull } from './database.js';
import { preparedReads } from './prepared-reads.node.js';
import { patiently } from './patience.node.js';
import { noReserve } from './reserve.node.js';
import { tellNothing, tellPublicChanges } from './public-changes.node.js';
import { NEWER, schemaAge } from './schema-age.node.js';
import { DORMANT, saidOf, StoreDormant } from './dormant.js';
import type { Store } from './store.js';
import { TROUBLES } from './trouble.js';
import { whyUnopened } from './unopened.node.js';

export interface NodeStore extends Store {
  /** Read-only: `query_only` is on. Its `data_version` moves with every commit, our own included. */
  readonly reader: SqliteDatabase;
  /** For backup and fsck; everything else writes through `change` and `write`. */
  readonly writer: SqliteDatabase;
  /** Called after every commit of this process. */
  onCommit(listener: () => void): void;
  /** How many transactions and operations were committed; group commit is counted, not timed. */
  readonly counts: { transactions: number; operations: number };
  close(): void;
}

export const MIGRATIONS = join(dirname(fileURLToPath(import.meta.url)), '../../drizzle');

/** Blocks the event loop while another process holds the lock, so it is short; longer waits are asynchronous. */
const BUSY_TIMEOUT_MS = 20;
const BUSY_PATIENCE_MS = 5000;
/** While opening nothing is answered yet, and another process may be turning the same file into a WAL database. */
const OPENING_TIMEOUT_MS = 5000;
const GROUP_SIZE = 64;
/** Some sixty pages of 4096 bytes, of which so few are kept in memory. */
const PROBE_BYTES = 256 * 1024;
const PROBE_PAGES = 8;
const TAKE_BACK = new Error('taken back');

function open(file: string): SqliteDatabase {
  const client = openSqlite(file);
  client.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
  client.pragma('foreign_keys = OFF');
  return client;
}

/**
 * Both connections, the schema brought up to this version.
 * @throws Error that names the file, and what to do
 */
function openBoth(file: string, migrations: string): { readonly writer: SqliteDatabase; readonly reader: SqliteDatabase } {
  const isNew = !existsSync(file);
  let writer: SqliteDatabase | undefined;
  try {
    writer = open(file);
    writer.pragma(`busy_timeout = ${OPENING_TIMEOUT_MS}`);
    // It holds members and the hashes of tokens; its log takes the same mode.
    if (isNew) chmodSync(file, 0o600);
    const age = schemaAge(writer, migrations);
    if (age === 'newer') throw new Error(NEWER);
    if (age !== 'empty') expectInForce(writer);
    writer.pragma('journal_mode = WAL');
    writer.pragma('synchronous = FULL');
    // What was erased, or stood in a row before, is overwritten where that costs no writing more.
    writer.pragma('secure_delete = FAST');
    writer.pragma('wal_autocheckpoint = 4000'); // 16 MB: bulk writes checkpoint less often
    if (age === 'older') tellNothing(writer);
    migrate(drizzle(writer, { schema }), { migrationsFolder: migrations });
    // Of a schema that this version does not serve nobody reads.
    if (migrations === MIGRATIONS) tellPublicChanges(writer);
    writer.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const reader = open(file);
    reader.pragma('query_only = ON');
    return { writer, reader };
  } catch (error) {
    writer?.close();
    throw whyUnopened(file, error);
  }
}

/**
 * Open (and create or migrate) the database file. A commit is on disk when it is acknowledged: WAL with FULL.
 * @param now seconds since the epoch, for the time of events
 * @param reserve what is given up for cuts when the disk is full
 * @throws Error when a newer version has written it
 * @throws StoreDormant when another store is in force instead
 */
export function openStore(file: string, now: () => number, { migrations = MIGRATIONS, reserve = noReserve } = {}): NodeStore {
  const { writer, reader } = openBoth(file, migrations);
  // The only cast: a synchronous query awaited is the same value, so the async type is true of it.
  const db = drizzle(preparedReads(reader), { schema }) as unknown as Database;

  const prepared = new Map<string, SqliteStatement>();
  const run = (statement: Statement) => {
    const { sql, params } = statement.toSQL();
    let ready = prepared.get(sql);
    if (!ready) {
      ready = writer.prepare(sql);
      if (prepared.size < 500) prepared.set(sql, ready);
    }
    ready.run(...params);
  };
  const listeners: (() => void)[] = [];
  const counts = { transactions: 0, operations: 0 };

  const hasRoom = (): boolean => !reserve.spent || reserve.refill();
  const expectRoom = (): void => {
    if (!hasRoom()) throw new StoreFull(TROUBLES.full.says);
  };

  /** BEGIN IMMEDIATE … COMMIT. */
  const transact = <T>(body: () => T): Promise<T> =>
    patiently(() => {
      const result = writer.transaction(body).immediate();
      counts.transactions++;
      for (const listener of listeners) listener();
      return result;
    }, BUSY_PATIENCE_MS);

  const room = writer.prepare("INSERT OR REPLACE INTO setting (name, value) VALUES ('readyz', zeroblob(?))");
  /**
   * Take the lock, write, take it back. With few pages to keep in memory SQLite really writes them out, so a full disk shows;
   * nothing is committed, so `data_version` stays, and with it what every process keeps in memory of what is published.
   */
  function probe(): void {
    expectRoom();
    const pages = writer.pragma('cache_size', { simple: true });
    writer.pragma(`cache_size = ${PROBE_PAGES}`);
    try {
      writer
        .transaction(() => {
          room.run(PROBE_BYTES);
          throw TAKE_BACK;
        })
        .immediate();
    } catch (error) {
      if (error !== TAKE_BACK) throw error;
    } finally {
      writer.pragma(`cache_size = ${pages}`);
    }
  }

  const headNow = writer.prepare('SELECT seq, hash FROM event WHERE authority_id = ? ORDER BY seq DESC LIMIT 1');
  /** Carry out in one transaction; an operation that fails leaves the others. */
  const carryOut = (authorityId: string, decidedOn: Head, group: readonly Decided[]): Promise<'lost' | readonly Outcome[]> =>
    transact(() => {
      const readNow = (id: string) => (headNow.get(id) as Head | undefined) ?? EMPTY_HEAD;
      if (readNow(authorityId).seq !== decidedOn.seq) return 'lost' as const;
      const at = now();
      // Where each chain stood when the group began, and where it stands with what the group has added.
      const began = new Map<string, Head>();
      const heads = new Map<string, Head>();
      const headOf = (id: string): Head => {
        if (!began.has(id)) began.set(id, readNow(id));
        return heads.get(id) ?? (began.get(id) as Head);
      };
      return group.map(({ actor, events, elsewhere, statements, operations = 1 }): Outcome => {
        const chained = [{ authorityId, events }, ...elsewhere].map((one) => ({
          id: one.authorityId,
          ...chainEvents(one.authorityId, headOf(one.authorityId), at, actor, one.events),
        }));
        if (elsewhere.some((one) => began.get(one.authorityId)?.seq !== one.head.seq)) return { ok: false, error: new HeadMoved() };
        try {
          // A nested transaction is a savepoint: one that fails rolls back alone and uses no number.
          writer.transaction(() => piecesOf([...chained.map(({ rows }) => insertEvents(rows)), ...statements]).forEach(run))();
        } catch (error) {
          if (!writer.inTransaction) throw error; // the disk is full: SQLite rolled all of it back
          // A number is taken by `onlyWhile` (only-while.ts) alone: the heads were compared above.
          return { ok: false, error: isDuplicate(error, 'event.authority_id, event.seq') ? new HeadMoved() : storeError(error) };
        }
        for (const { id, head } of chained) heads.set(id, head);
        counts.operations += operations;
        return { ok: true, heads: new Map(chained.map(({ id, head }) => [id, head])) };
      });
    });

  /** What was committed stays committed, whether or not there is room for this. */
  function emptyLog(): void {
    try {
      writer.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      if (!(storeError(error) instanceof StoreFull)) throw error;
    }
  }

  /** While the reserve is spent only cuts are carried out. The first cut that finds the disk full spends it, and is decided again. */
  async function commit(authorityId: string, decidedOn: Head, group: readonly Decided[]): Promise<'lost' | readonly Outcome[]> {
    const room = hasRoom();
    const those = room ? group : group.filter(({ urgent }) => urgent);
    const failed = (error: unknown) => those.map((): Outcome => ({ ok: false, error }));
    const outcomes = those.length ? await carryOut(authorityId, decidedOn, those).catch(failed) : [];
    if (outcomes === 'lost') return 'lost';
    const isFull = (one: Outcome | undefined) => one?.ok === false && one.error instanceof StoreFull;
    const spends = room && those.some(({ urgent }, n) => urgent && isFull(outcomes[n]));
    if (spends) reserve.spend();
    // The log is emptied into the database, so that the next cut finds room in it.
    if (!room && those.length) emptyLog();
    return group.map((one): Outcome => {
      const outcome = outcomes[those.indexOf(one)] ?? { ok: false, error: new StoreFull(TROUBLES.full.says) };
      return spends && one.urgent && isFull(outcome) ? { ok: false, error: new HeadMoved() } : outcome;
    });
  }
  async function write(statements: readonly Statement[], { urgent = false } = {}): Promise<void> {
    const room = hasRoom();
    if (!room && !urgent) throw new StoreFull(TROUBLES.full.says);
    const all = () => transact(() => piecesOf(statements).forEach(run));
    await all().catch((error: unknown) => {
      if (!(urgent && room && error instanceof StoreFull)) throw error;
      reserve.spend();
      return all();
    });
    if (reserve.spent) emptyLog();
  }
  const acknowledged: KnownHeads = new Map();
  const engine: Engine = { db, write, groupSize: GROUP_SIZE, commit };
  const version = reader.prepare('PRAGMA data_version').pluck();
  const changes = createChanges(engine, acknowledged);
  let asked = 0;

  return {
    db,
    reader,
    readsHere: true,
    writer,
    counts,
    change(request) {
      asked++;
      return changes(request).finally(() => asked--);
    },
    waiting: () => asked > 0,
    version: () => version.get() as number,
    rehearse: createRehearsals(engine, acknowledged),
    acknowledged,
    write,
    probe: () => patiently(probe, BUSY_PATIENCE_MS),
    scrub: emptyLog,
    onCommit: (listener) => void listeners.push(listener),
    close() {
      reader.close();
      writer.close();
    },
  };
}

/** @throws StoreDormant */
function expectInForce(client: SqliteDatabase): void {
  const value = client.prepare('SELECT value FROM setting WHERE name = ?').pluck().get(DORMANT);
  if (value !== undefined) throw new StoreDormant(saidOf(String(value)));
}
