import { piecesOf, type Statement } from '../../store/database.js';
import { Connection, type Server } from '../../store/postgres/connection.node.js';
import { openSession, othersOn, type Session } from '../../store/postgres/session.node.js';
import { numbered } from '../../store/postgres/translate.js';
import { DORMANT, saidOf, makeDormant, StoreDormant, takeBack } from '../../store/dormant.js';
import { objectsOf } from '../../store/postgres/pool.node.js';
import type { Source, Spent } from './ends.js';
import { expectCurrent, keepStartsOut, lotsOfSession, servedBy } from './postgres-rows.node.js';

/** Before anything is read: whoever writes takes the row of this table, and waits. What is read is of the moment after it. */
const NOBODY_WRITES = 'LOCK TABLE store_state IN EXCLUSIVE MODE';
const dormancyOf = async ({ run }: Session): Promise<string | undefined> => {
  const [row] = (await run('SELECT value FROM setting WHERE name = $1', [DORMANT])).rows;
  return row && String(row[0]);
};

/** In a transaction of their own. */
export async function writeOnce(servers: readonly Server[], statements: readonly Statement[]): Promise<void> {
  const session = await openSession(servers, 'BEGIN');
  try {
    for (const { sql, params } of piecesOf(statements).map((one) => one.toSQL())) await session.run(numbered(sql), params);
    await session.run('COMMIT');
  } finally {
    await session.close();
  }
}

/**
 * A store on PostgreSQL. @param look it is only looked at: that may be beside a server
 * @throws Error when it is served, or has another schema
 */
export async function sourceOnPostgres(servers: readonly Server[], at: string, look: boolean): Promise<Source> {
  const before = await Connection.to(servers, 'primary', 20_000);
  let served: boolean;
  try {
    await expectCurrent(before, at);
    const others = await othersOn(before);
    served = others > 0;
    if (served && !look) throw new Error(servedBy(at, others));
  } finally {
    await before.close();
  }
  const session = await openSession(servers, look ? 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' : 'BEGIN ISOLATION LEVEL REPEATABLE READ');
  try {
    if (!look) {
      await session.run(NOBODY_WRITES);
      await keepStartsOut(session, at);
    }
    const dormant = await dormancyOf(session);
    if (dormant !== undefined) throw new StoreDormant(saidOf(dormant));
  } catch (error) {
    await session.close();
    throw error;
  }
  return {
    at,
    db: session.db,
    served,
    integrity: () => undefined,
    rows: (table) => lotsOfSession(session, table),
    spent: async (now) =>
      objectsOf(await session.run('SELECT issuer, jti, exp FROM used_assertion WHERE exp >= $1 - 120.0 ORDER BY rowid', [now])) as unknown as readonly Spent[],
    async makeDormant(one) {
      for (const { sql, params } of piecesOf(makeDormant(one)).map((piece) => piece.toSQL())) await session.run(numbered(sql), params);
      await session.run('COMMIT');
      // The answer to a COMMIT of a transaction that had failed is no error.
      if ((await dormancyOf(session)) === undefined) throw new Error(`${at} could not be made dormant`);
    },
    takeBack: (one) => writeOnce(servers, takeBack(one)),
    close: () => session.close(),
  };
}
