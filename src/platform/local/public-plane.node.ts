import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreUnreachable } from '../../store/database.js';
import type { Inbox } from '../../store/inbox.js';
import { openInbox } from '../../store/inbox.node.js';
import type { Published } from '../../store/published.js';
import { publishedOnFile } from '../../store/published-file.node.js';
import { type Config, ConfigError } from '../config.js';
import { lockDatabase } from '../data-lock.node.js';
import { databaseFile, inboxFile } from '../files.node.js';

/** What the public plane stands on where it holds no key. */
export interface Plane {
  /** Asked for at each request. @throws StoreUnreachable while nothing can be read */
  current(): Published;
  /** Another process has committed: the next request looks at once. */
  changed(): void;
  /** Where assertions are spent; undefined where they cannot be. */
  readonly inbox: Inbox | undefined;
  /** Said at the start, where something is left out. */
  readonly notice: string | undefined;
  close(): Promise<void>;
}

type Where = Pick<Config, 'data' | 'database' | 'readDatabase' | 'staleness'>;

/**
 * @param options `spends`: it takes assertions and wishes itself; false: another process does
 * @throws ConfigError when the database is not there, or cannot be read without write access
 */
export const openPlane = async (where: Where, options: { readonly spends: boolean }): Promise<Plane> =>
  (where.readDatabase ?? where.database) ? onPostgres(where, options) : onFile(where, options);

type Options = Parameters<typeof openPlane>[1];

function onFile({ data }: Where, { spends }: Options): Plane {
  const file = databaseFile(data);
  if (!existsSync(file)) throw new ConfigError(`there is no database ${file}; start the signing process first`);
  const writable = isWritable(dirname(file));
  if (!existsSync(`${file}-shm`) && !writable)
    throw new ConfigError(`${file}-shm is missing and its folder is not writable: start the signing process first, or make the folder writable`);
  const lock = writable ? lockDatabase(file) : undefined;
  const database = publishedOnFile(file);
  const inbox = writable && spends ? openInbox(inboxFile(data)) : undefined;
  return {
    current: () => database.current(),
    changed: () => database.changed(),
    inbox,
    notice: writable ? undefined : 'The data folder is not writable: requests with client authentication get 503.',
    async close() {
      database.close();
      inbox?.close();
      lock?.release();
    },
  };
}

/**
 * Read from a server nearby, spend assertions on the primary: one is good once, whichever of the processes is asked
 * (RFC 7523 §3, `jti`), so without a primary none is taken.
 */
async function onPostgres({ database, readDatabase, staleness }: Where, { spends }: Options): Promise<Plane> {
  const from = readDatabase ?? database;
  if (!from) throw new ConfigError('neither HOLDFAST_READ_DATABASE nor HOLDFAST_DATABASE is set');
  const [{ Follower }, { inboxOnPostgres }, { Pool }, { publishedOnPostgres }, { serversOf }] = await Promise.all([
    import('../../store/postgres/follower.node.js'),
    import('../../store/postgres/inbox.postgres.node.js'),
    import('../../store/postgres/pool.node.js'),
    import('../../store/postgres/published.postgres.node.js'),
    import('../../store/postgres/servers.node.js'),
  ]);
  const follower = new Follower(serversOf(from.url, from.password), { role: 'any', staleness, wall: Date.now });
  // Whoever starts it learns at once what is wrong with the address; a server that is away may come.
  await follower.look().catch((error: unknown) => {
    if (!(error instanceof StoreUnreachable)) throw error;
  });
  const published = publishedOnPostgres(follower);
  const primary = database && spends ? new Pool(serversOf(database.url, database.password), 'primary', INBOX_CONNECTIONS) : undefined;
  return {
    current: () => published,
    changed: () => published.changed(),
    inbox: primary && inboxOnPostgres(primary),
    notice: primary ? undefined : 'HOLDFAST_DATABASE is not set, so no primary is known: requests with client authentication get 503.',
    async close() {
      await follower.end();
      await primary?.end();
    },
  };
}
const INBOX_CONNECTIONS = 2;

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
