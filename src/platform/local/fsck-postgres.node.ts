import { type Damage, fsck } from '../../operations/fsck.js';
import type { Server } from '../../store/postgres/connection.node.js';
import { openSession } from '../../store/postgres/session.node.js';
import { expectCurrent } from '../moving/postgres-rows.node.js';

/**
 * Check the rows of a store on PostgreSQL as they are at one moment, also beside a server. Changes nothing.
 * @throws Error when its schema is not the one this program knows
 */
export async function fsckPostgres(
  servers: readonly Server[],
  at: string,
  progress: (what: string, n: number) => void,
): Promise<{ readonly integrity: undefined; readonly damages: readonly Damage[] }> {
  const session = await openSession(servers, 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    await expectCurrent(session.on, at);
    return { integrity: undefined, damages: await fsck({ store: { db: session.db } }, progress) };
  } finally {
    await session.close();
  }
}
