import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPublicApp } from '../../public/app.js';
import { openInbox } from '../../store/inbox.node.js';
import { publishedOnFile } from '../../store/published-file.node.js';
import { type Config, ConfigError } from '../config.js';
import { lockDatabase } from '../data-lock.node.js';
import { databaseFile, inboxFile, seconds } from '../deployment.node.js';
import { createLog, logRequests } from '../log.node.js';
import { createRoot } from '../root.js';
import { type Listening, listen } from '../server.node.js';

/**
 * The public plane alone: no seal key in its environment, the database read-only. It answers the same bytes as the
 * process that signs.
 * @throws ConfigError when the database is not there, or cannot be read without write access
 */
export async function startPublicOnly(config: Config): Promise<{ readonly listening: Listening; readonly authenticates: boolean; stop(): Promise<void> }> {
  const file = databaseFile(config.data);
  if (config.sealKey !== undefined) throw new ConfigError('HOLDFAST_SEAL_KEY is set: a public-only process must not hold it; take it out of its environment');
  if (!existsSync(file)) throw new ConfigError(`there is no database ${file}; start the signing process first`);
  const writable = isWritable(dirname(file));
  if (!existsSync(`${file}-shm`) && !writable)
    throw new ConfigError(`${file}-shm is missing and its folder is not writable: start the signing process first, or make the folder writable`);
  const lock = writable ? lockDatabase(file) : undefined;
  const database = publishedOnFile(file);
  const inbox = writable ? openInbox(inboxFile(config.data)) : undefined;
  const publicApp = createPublicApp(() => ({ published: database.current(), inbox, now: seconds, development: config.development }));
  const ready = async () => {
    const found = await database.current().authorities();
    const withheld = found.some((one) => one.withheld);
    return {
      ready: found.length > 0 && !withheld,
      checks: { store: found.length > 0 ? ('ok' as const) : ('failing' as const), ...(withheld && { restored: 'not confirmed' as const }) },
    };
  };
  const root = createRoot({ admin: undefined, publicApp, readiness: ready });
  const listening = await listen(logRequests(createLog(config.log), root), config);
  return {
    listening,
    authenticates: inbox !== undefined,
    async stop() {
      await listening.stop();
      database.close();
      inbox?.close();
      lock?.release();
    },
  };
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
