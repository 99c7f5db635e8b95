import { piecesOf, StoreUnreachable } from '../../store/database.js';
import { Connection, type Server } from '../../store/postgres/connection.node.js';
import { ageOfPostgres, migratePostgres } from '../../store/postgres/migrate.node.js';
import { openSession, othersOn, type Session } from '../../store/postgres/session.node.js';
import { numbered } from '../../store/postgres/translate.js';
import { makeDormant } from '../../store/dormant.js';
import { CommitUnknown, type Target } from './ends.js';
import { expectCurrent, filledTables, keepStartsOut, lotsOfSession, POSTGRES_MIGRATIONS, servedBy } from './postgres-rows.node.js';
import { MOVED, type MovedTable } from './tables.node.js';

/** The lock of writers, so that none of them comes in between. */
const LOCK = 'UPDATE store_state SET version = version + 1, beat_ms = floor(extract(epoch FROM clock_timestamp()) * 1000) RETURNING version';
const VERSION = 'SELECT version FROM store_state';

const notEmpty = (at: string, tables: readonly string[]): string =>
  `${at} is not empty (${tables.join(', ')}): a copy overwrites nothing. Name another database, or drop this one and create it anew if nobody needs what it holds`;

/**
 * Whether a copy could go there. Changes nothing.
 * @throws Error when it is used, is not empty, or holds something else
 */
export async function expectEmpty(servers: readonly Server[], at: string): Promise<void> {
  const on = await Connection.to(servers, 'primary', 20_000);
  try {
    const age = await ageOfPostgres(on, POSTGRES_MIGRATIONS);
    if (age === 'foreign') throw new Error(`${at} holds tables of something else; Holdfast needs a database of its own`);
    if (age === 'newer') await expectCurrent(on, at);
    if (age === 'current') {
      const filled = await filledTables(on, MOVED);
      if (filled.length) throw new Error(notEmpty(at, filled));
    }
    const others = await othersOn(on);
    if (others) throw new Error(servedBy(at, others));
  } finally {
    await on.close();
  }
}

/** Rows travel as one JSON text. */
const insertInto = ({ name, columns, id }: MovedTable): string => {
  const names = ['rowid', ...columns.map((one) => one.name)].map((one) => `"${one}"`).join(', ');
  const cells = columns.map((one, n) => {
    const cell = `r.v ->> ${n + 1}`;
    return one.name === id ? `(${cell})::bigint` : one.type === 'number' ? `(${cell})::double precision` : cell;
  });
  return `INSERT INTO "${name}" (${names}) SELECT (r.v ->> 0)::bigint, ${cells.join(', ')} FROM json_array_elements($1::json) AS r (v)`;
};

/** What is given out next comes after all that was copied. */
async function setSequences({ run }: Session): Promise<void> {
  for (const { name, id } of MOVED)
    for (const column of ['rowid', ...(id === undefined ? [] : [id])])
      await run(
        `SELECT setval(pg_get_serial_sequence($1, $2), greatest(coalesce(most, 1), 1), most IS NOT NULL) FROM (SELECT max("${column}") AS most FROM "${name}") AS given`,
        [`"${name}"`, column],
      );
}

/** One transaction: whoever ends before it is committed, and however, has left an empty database. */
export async function targetOnPostgres(servers: readonly Server[], at: string): Promise<Target> {
  await expectEmpty(servers, at);
  await migratePostgres(servers, POSTGRES_MIGRATIONS);
  const session = await openSession(servers, 'BEGIN');
  const { run, on } = session;
  let version: number;
  try {
    await keepStartsOut(session, at);
    version = Number((await run(LOCK)).rows[0]?.[0]);
    const filled = await filledTables(on, MOVED);
    if (filled.length) throw new Error(notEmpty(at, filled));
  } catch (error) {
    await session.close();
    throw error;
  }
  const committed = async (): Promise<boolean> => {
    const other = await Connection.to(servers, 'primary', 20_000);
    try {
      return Number((await other.query(VERSION)).rows[0]?.[0]) >= version;
    } finally {
      await other.close();
    }
  };
  return {
    at,
    db: session.db,
    integrity: () => undefined,
    rows: (table) => lotsOfSession(session, table),
    put: async (table, rows) => void (await run(insertInto(table), [JSON.stringify(rows)])),
    async filled() {
      await setSequences(session);
      await run(`ANALYZE ${MOVED.map(({ name }) => `"${name}"`).join(', ')}`);
    },
    async spend(all) {
      const { rows } = await run(
        `INSERT INTO used_assertion (issuer, jti, exp) SELECT r.v ->> 'issuer', r.v ->> 'jti', (r.v ->> 'exp')::double precision FROM json_array_elements($1::json) AS r (v) ON CONFLICT DO NOTHING RETURNING 1`,
        [JSON.stringify(all)],
      );
      return rows.length;
    },
    async makeDormant(one) {
      for (const { sql, params } of piecesOf(makeDormant(one)).map((piece) => piece.toSQL())) await run(numbered(sql), params);
    },
    async commit() {
      const failure = await run('COMMIT').then(
        () => undefined,
        (error: unknown) => error,
      );
      // The answer to a COMMIT of a transaction that had failed is no error, and one whose answer is lost may have been made.
      const there = await committed().catch(() => undefined);
      if (there) return;
      if (there === undefined || failure instanceof StoreUnreachable) throw new CommitUnknown(`${at} did not answer to the commit`, { cause: failure });
      throw failure ?? new Error(`${at} took the copy back`);
    },
    close: () => session.close(),
  };
}
