import { existsSync } from 'node:fs';
import { importSealKey } from '../../keys/seal.js';
import { resealKeys } from '../../operations/keys/reseal-keys.js';
import { serversOf } from '../../store/postgres/servers.node.js';
import { openSession, othersOn } from '../../store/postgres/session.node.js';
import { openPostgres } from '../../store/postgres/store.postgres.node.js';
import type { Config, DatabaseAddress } from '../config.js';
import { seconds, sealKeyOf } from '../deployment.node.js';
import { expectCurrent, keepStartsOut, servedBy, shown } from '../moving/postgres-rows.node.js';
import { keyToBe, type Rotated } from './seal-key.node.js';
import { makeKeyFile } from './seal-key-file.node.js';

/**
 * Seal all private keys of a store on PostgreSQL under the key of a file, which is made when it is not there. One that goes on
 * running under the old key could open none, and would seal new ones under it: so no process may have a connection, and none
 * starts meanwhile.
 * @param dryRun see whether each key opens, and change nothing; it may be beside a server
 * @throws Error when one has, or a key opens with neither
 */
export async function rotateSealKeyOnPostgres(config: Config, { url, password }: DatabaseAddress, file: string | undefined, dryRun = false): Promise<Rotated> {
  if (file === undefined) throw new Error('say where the new seal key is, or is to be made: --new-key-file <file>');
  const servers = serversOf(url, password);
  const at = shown(url);
  const session = await openSession(servers, 'BEGIN');
  try {
    if (!dryRun) await keepStartsOut(session, at);
    await expectCurrent(session.on, at);
    const others = await othersOn(session.on);
    if (others > 0 && !dryRun) throw new Error(servedBy(at, others));
    const from = await importSealKey(sealKeyOf(config));
    if (!existsSync(file) && !dryRun) makeKeyFile(file);
    const to = await keyToBe(file);
    const store = openPostgres(servers, seconds);
    try {
      if (dryRun) return { keys: await resealKeys({ db: store.db, change: store.rehearse }, from, to), file, served: others > 0 };
      return { keys: await resealKeys(store, from, to), file };
    } finally {
      await store.close();
    }
  } finally {
    await session.close();
  }
}
