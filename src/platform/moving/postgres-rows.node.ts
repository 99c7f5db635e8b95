import { join } from 'node:path';
import type { Connection } from '../../store/postgres/connection.node.js';
import { ageOfPostgres } from '../../store/postgres/migrate.node.js';
import { MIGRATING } from '../../store/postgres/migrating.js';
import type { Session } from '../../store/postgres/session.node.js';
import { MIGRATIONS } from '../../store/store.node.js';
import { type MovedTable, type Row, selected } from './tables.node.js';

export const POSTGRES_MIGRATIONS = join(MIGRATIONS, 'postgres');
const LOT_ROWS = 200;

/** Rows in lots, from a cursor of the server: sorted once, and never all here. */
export async function* lotsOfSession({ run }: Session, table: MovedTable): AsyncIterable<readonly Row[]> {
  const cursor = `"rows of ${table.name}"`;
  await run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${selected(table)}`);
  for (;;) {
    const { rows } = await run(`FETCH ${LOT_ROWS} FROM ${cursor}`);
    if (rows.length) yield rows;
    if (rows.length < LOT_ROWS) break;
  }
  await run(`CLOSE ${cursor}`);
}

/** URL as it may be shown. */
export const shown = (url: string): string => url.replace(/^([a-z]+:\/\/[^:@/]*):[^@/]*@/, '$1@');

/** @throws Error when the schema is not this version's */
export async function expectCurrent(on: Connection, at: string): Promise<void> {
  const age = await ageOfPostgres(on, POSTGRES_MIGRATIONS);
  if (age === 'newer') throw new Error(`a newer version of Holdfast has written ${at}: use that one`);
  if (age === 'older') throw new Error(`${at} has the schema of an older version: start this version once on it, which migrates, then stop it and copy`);
  if (age !== 'current') throw new Error(`${at} holds no store of Holdfast`);
}

export const servedBy = (at: string, others: number): string =>
  `${others} connection(s) of Holdfast to ${at} are open: stop every process on it first (serve, public planes, fsck). They are those of pg_stat_activity with application_name holdfast`;

/**
 * Until the transaction ends no process starts on the database.
 * @throws Error when one is starting
 */
export async function keepStartsOut({ run }: Session, at: string): Promise<void> {
  const { rows } = await run('SELECT pg_try_advisory_xact_lock($1)', [MIGRATING]);
  if (Number(rows[0]?.[0]) !== 1) throw new Error(`another process is starting on ${at}, or copies it; stop it, or try again when that is done`);
}

/** The tables that are not empty. */
export async function filledTables(on: Connection, tables: readonly MovedTable[]): Promise<readonly string[]> {
  const text = tables.map(({ name }) => `SELECT '${name}' AS "table" WHERE EXISTS (SELECT 1 FROM "${name}")`).join(' UNION ALL ');
  return (await on.query(text)).rows.map(([name]) => String(name));
}
