import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { inboxOnSqlite, openInbox, readInbox, type Wish } from '../store/inbox.node.js';
import type { Inbox } from '../store/inbox.js';
import { Follower } from '../store/postgres/follower.node.js';
import { heartBeat } from '../store/postgres/heart-beat.node.js';
import { inboxOnPostgres } from '../store/postgres/inbox.postgres.node.js';
import { publishedOnPostgres } from '../store/postgres/published.postgres.node.js';
import { serversOf } from '../store/postgres/servers.node.js';
import { openPostgres } from '../store/postgres/store.postgres.node.js';
import type { Published } from '../store/published.js';
import { publishedOnSqlite } from '../store/published.node.js';
import { diskReserve } from '../store/reserve.node.js';
import type { Store } from '../store/store.js';
import { openStore } from '../store/store.node.js';
import type { DatabaseAddress } from './config.js';
import { lockDatabase } from './data-lock.node.js';
import { databaseFile, inboxFile } from './files.node.js';

/** A store as a process on Node has it. */
export interface ServingStore extends Store {
  /** How many transactions and operations were committed; group commit is counted, not timed. */
  readonly counts: Readonly<Record<'transactions' | 'operations', number>> & { readonly settled?: number; readonly resent?: number };
  onCommit(listener: () => void): void;
}

/** What answers strangers from a store. */
export interface Answering {
  readonly published: Published;
  readonly inbox: Inbox;
  /** Seconds that what is served is old; undefined where it is never old. */
  readonly age: (() => number) | undefined;
  close(): Promise<void>;
}

/** A store that is open, on whichever engine, and what depends on the engine. */
export interface OpenedStore {
  readonly store: ServingStore;
  /** Where it is, for people. */
  readonly name: string;
  /** Beside which file of the data folder this process keeps what it has to remember of this store. */
  readonly memory: string;
  /** For the one thread that answers strangers. */
  answer(): Answering;
  /** What public planes of their own have noted in the data folder since a moment. */
  wishes(since: number, now: number): readonly Wish[];
  close(): Promise<void>;
}

/** Everything a store is opened with: plain values, so that a thread can be given them. */
export interface StorePlace {
  readonly data: string;
  readonly database: DatabaseAddress | undefined;
  /** Seconds. */
  readonly staleness: number;
}

/** Hosts and name of a database: what makes it this one, whoever asks, and however. */
const memoryFile = (data: string, url: string): string =>
  join(
    data,
    `postgres-${createHash('sha256')
      .update(url.replace(/^.*?:\/\/([^@/]*@)?/, '').replace(/\?.*$/, ''))
      .digest('hex')
      .slice(0, 12)}`,
  );

export const openPlace = (place: StorePlace, now: () => number): OpenedStore =>
  place.database ? openOnPostgres(place, place.database, now) : openFile(place.data, now);

/** The database file, open for as long as its lock is held, with disk space that is kept for cuts. */
function openFile(data: string, now: () => number): OpenedStore {
  const file = databaseFile(data);
  const lock = lockDatabase(file);
  try {
    const store = openStore(file, now, { reserve: diskReserve(file) });
    return {
      store,
      name: file,
      memory: file,
      answer() {
        const published = publishedOnSqlite(store.reader);
        store.onCommit(() => published.changed());
        // Assertions are spent where every process on this folder spends them; wishes go straight to the database.
        const shared = openInbox(inboxFile(data));
        return { published, inbox: { ...inboxOnSqlite(store.writer), spend: shared.spend }, age: undefined, close: async () => shared.close() };
      },
      wishes: (since, at) => readInbox(inboxFile(data), since, at),
      async close() {
        store.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function openOnPostgres({ data, staleness }: StorePlace, { url, password }: DatabaseAddress, now: () => number): OpenedStore {
  const servers = serversOf(url, password);
  const store = openPostgres(servers, now);
  return {
    store,
    name: url,
    memory: memoryFile(data, url),
    answer() {
      const follower = new Follower(servers, { role: 'primary', staleness, wall: Date.now });
      const published = publishedOnPostgres(follower);
      store.onCommit(published.changed);
      const heart = heartBeat(store.writers);
      return {
        published,
        inbox: inboxOnPostgres(store.writers),
        age: () => follower.age(),
        async close() {
          await heart.stop();
          await follower.end();
        },
      };
    },
    // They write to the primary themselves.
    wishes: () => [],
    close: () => store.close(),
  };
}
