import type { Database } from '../database.js';
import { askedFor, Connection, isGone, type Rows, type Server } from './connection.node.js';
import { databaseOver } from './database.node.js';
import { named } from './errors.node.js';

/** One transaction on one connection, for whoever reads or writes a store as a whole. */
export interface Session {
  readonly on: Connection;
  /** Reads in the transaction. A statement that fails leaves it as it was. */
  readonly db: Database;
  /** What is written, with parameters numbered as PostgreSQL does. */
  run(text: string, params?: readonly unknown[]): Promise<Rows>;
  close(): Promise<void>;
}

/** A whole table may take its time. */
const PATIENCE_MS = 600_000;
/** Between two statements a whole store is checked elsewhere. */
const UNHURRIED = 'SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0';

/** @param begin the statement that begins the transaction */
export async function openSession(servers: readonly Server[], begin: string): Promise<Session> {
  const on = await Connection.to(servers, 'primary', PATIENCE_MS);
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };
  const run = (text: string, params: readonly unknown[] = []): Promise<Rows> =>
    on.query(text, params).catch((error: unknown) => {
      throw named(error);
    });
  const look = async (text: string, params: readonly unknown[]): Promise<Rows> => {
    const [, found, released] = await Promise.allSettled([on.query('SAVEPOINT look'), on.query(text, params.map(askedFor)), on.query('RELEASE look')]);
    if (found.status === 'fulfilled' && released.status === 'fulfilled') return found.value;
    const error: unknown = found.status === 'rejected' ? found.reason : (released as PromiseRejectedResult).reason;
    if (!isGone(error)) {
      await on.query('ROLLBACK TO look');
      await on.query('RELEASE look');
    }
    throw named(error);
  };
  try {
    await on.script(begin);
    await on.script(UNHURRIED);
  } catch (error) {
    on.destroy();
    throw named(error);
  }
  return {
    on,
    db: databaseOver((text, params) => inTurn(() => look(text, params))),
    run: (text, params) => inTurn(() => run(text, params)),
    close: () => on.close(),
  };
}

const OTHERS = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'holdfast' AND pid <> pg_backend_pid()`;
/** One that has just ended is seen for a moment more. */
const ENDING_MS = 2000;

/** Other processes of Holdfast that have a connection to this database. */
export async function othersOn(on: Connection): Promise<number> {
  for (const until = performance.now() + ENDING_MS; ; await new Promise((done) => setTimeout(done, 100))) {
    const others = Number((await on.query(OTHERS)).rows[0]?.[0]);
    if (others === 0 || performance.now() > until) return others;
  }
}
