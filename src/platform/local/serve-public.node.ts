import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPublicApp } from '../../public/app.js';
import { hotPath } from '../../public/hot-path.node.js';
import { StoreUnreachable } from '../../store/database.js';
import type { Inbox } from '../../store/inbox.js';
import { openInbox } from '../../store/inbox.node.js';
import { Follower } from '../../store/postgres/follower.node.js';
import { inboxOnPostgres } from '../../store/postgres/inbox.postgres.node.js';
import { Pool } from '../../store/postgres/pool.node.js';
import { publishedOnPostgres } from '../../store/postgres/published.postgres.node.js';
import { serversOf } from '../../store/postgres/servers.node.js';
import type { Published } from '../../store/published.js';
import { publishedOnFile } from '../../store/published-file.node.js';
import { type Config, ConfigError } from '../config.js';
import { lockDatabase } from '../data-lock.node.js';
import { databaseFile, inboxFile } from '../files.node.js';
import { createLog, logRequests, requestLines } from '../log.node.js';
import { createRoot } from '../root.js';
import { seconds } from '../seconds.js';
import { type Listening, listen } from '../server.node.js';

/** What the public plane stands on where it holds no key. */
interface Plane {
  /** Asked for at each request. @throws StoreUnreachable while nothing can be read */
  current(): Published;
  /** Where assertions are spent; undefined where they cannot be. */
  readonly inbox: Inbox | undefined;
  /** Said at the start, where something is left out. */
  readonly notice: string | undefined;
  close(): Promise<void>;
}

export interface PublicServing {
  readonly listening: Listening;
  readonly notice: string | undefined;
  stop(): Promise<void>;
}

/**
 * The public plane alone: no seal key in its environment, the database read-only. It answers the same bytes as the
 * process that signs.
 * @throws ConfigError when the database is not there, or cannot be read without write access
 */
export async function startPublicOnly(config: Config): Promise<PublicServing> {
  if (config.sealKey !== undefined) throw new ConfigError('HOLDFAST_SEAL_KEY is set: a public-only process must not hold it; take it out of its environment');
  const { current, inbox, notice, close } = (config.readDatabase ?? config.database) ? await onPostgres(config) : onFile(config);
  const contextOf = () => ({ published: current(), inbox, now: seconds, development: config.development });
  const publicApp = createPublicApp(contextOf);
  const ready = async () => {
    const published = current();
    published.begin();
    const found = await published.authorities();
    const withheld = found.some((one) => one.withheld);
    return {
      ready: found.length > 0 && !withheld,
      checks: { store: found.length > 0 ? ('ok' as const) : ('failing' as const), ...(withheld && { restored: 'not confirmed' as const }) },
    };
  };
  const root = createRoot({ admin: undefined, publicApp, readiness: ready });
  const lines = requestLines(createLog(config.log));
  const listening = await listen({ fetch: logRequests(lines, root), hot: hotPath(contextOf, config.tls ? 'https' : 'http', lines?.add) }, config);
  return {
    listening,
    notice,
    async stop() {
      await listening.stop();
      lines?.flush();
      await close();
    },
  };
}

function onFile({ data }: Config): Plane {
  const file = databaseFile(data);
  if (!existsSync(file)) throw new ConfigError(`there is no database ${file}; start the signing process first`);
  const writable = isWritable(dirname(file));
  if (!existsSync(`${file}-shm`) && !writable)
    throw new ConfigError(`${file}-shm is missing and its folder is not writable: start the signing process first, or make the folder writable`);
  const lock = writable ? lockDatabase(file) : undefined;
  const database = publishedOnFile(file);
  const inbox = writable ? openInbox(inboxFile(data)) : undefined;
  return {
    current: () => database.current(),
    inbox,
    notice: inbox ? undefined : 'The data folder is not writable: requests with client authentication get 503.',
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
async function onPostgres({ database, readDatabase, staleness }: Config): Promise<Plane> {
  const from = readDatabase ?? database;
  if (!from) throw new ConfigError('neither HOLDFAST_READ_DATABASE nor HOLDFAST_DATABASE is set');
  const follower = new Follower(serversOf(from.url, from.password), { role: 'any', staleness, wall: Date.now });
  // Whoever starts it learns at once what is wrong with the address; a server that is away may come.
  await follower.look().catch((error: unknown) => {
    if (!(error instanceof StoreUnreachable)) throw error;
  });
  const published = publishedOnPostgres(follower);
  const primary = database ? new Pool(serversOf(database.url, database.password), 'primary', INBOX_CONNECTIONS) : undefined;
  return {
    current: () => published,
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
