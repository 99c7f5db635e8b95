import { existsSync } from 'node:fs';
import { openSqlite } from '../../store/sqlite.node.js';
import { Connection, type Server } from '../../store/postgres/connection.node.js';
import { othersOn } from '../../store/postgres/session.node.js';
import { reopen, DORMANT } from '../../store/dormant.js';
import { lockDatabase } from '../data-lock.node.js';
import { expectCurrent, servedBy } from './postgres-rows.node.js';
import { writeOnce } from './postgres-source.node.js';
import { writeDurably } from './sqlite-source.node.js';

/** @returns whether it was dormant @throws Error when it is open elsewhere */
export function reopenFile(file: string, dryRun = false): boolean {
  if (!existsSync(file)) throw new Error(`there is no database ${file}`);
  const lock = lockDatabase(file, { alone: true });
  try {
    const client = openSqlite(file, { readonly: true, fileMustExist: true });
    const there = client.prepare('SELECT 1 FROM setting WHERE name = ?').get(DORMANT) !== undefined;
    client.close();
    if (there && !dryRun) writeDurably(file, reopen());
    return there;
  } finally {
    lock.release();
  }
}

/** The same on PostgreSQL. */
export async function reopenPostgres(servers: readonly Server[], at: string, dryRun = false): Promise<boolean> {
  const on = await Connection.to(servers, 'primary', 20_000);
  try {
    await expectCurrent(on, at);
    const others = await othersOn(on);
    if (others) throw new Error(servedBy(at, others));
    if ((await on.query('SELECT 1 FROM setting WHERE name = $1', [DORMANT])).rows.length === 0) return false;
    if (!dryRun) await writeOnce(servers, reopen());
    return true;
  } finally {
    await on.close();
  }
}
