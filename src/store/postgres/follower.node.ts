import { StoreUnreachable } from '../database.js';
import { TROUBLES } from '../trouble.js';
import { Connection, isGone, type Rows, type Server, type ServerRole } from './connection.node.js';
import { named } from './errors.node.js';
import { changesSince, type Since, stateOf, type Told } from './public-changes.node.js';

/** Another process's commit is seen within about this time (milliseconds); an answer that is older than twice that is asked for first. */
const LOOK_EVERY_MS = 20;
export const KNOWN_MS = 2.5 * LOOK_EVERY_MS;
/** Nobody has asked for so long: nothing is looked at until somebody does. */
const IDLE_MS = 5000;
const CONNECTIONS = 4;
const QUERY_MS = 3000;
/** What says of a process of the server that it is this one: of several behind one address each would be somewhere else. */
const WHICH = "SELECT pg_postmaster_start_time()::text || ' ' || coalesce(host(inet_server_addr()), '') || ' ' || coalesce(inet_server_port(), 0)";

/** Milliseconds after which it is tried again to read what was changed, where that could not be read. */
const TRIED_EVERY_MS = 60_000;
/** So often it is looked whether changes are told still, though there was no commit (milliseconds): what is written meanwhile makes none. */
const CHECKED_EVERY_MS = 1000;
/** More changes that nobody takes are taken for everything. */
const MANY = 2000;

/** What was seen last, on which opening. */
interface Seen extends Since {
  readonly opened: number;
}
interface Opened {
  readonly number: number;
  readonly all: readonly Connection[];
}

const merged = (before: Told, told: Told): Told => (before === 'all' || told === 'all' || before.length + told.length > MANY ? 'all' : [...before, ...told]);

export interface FollowerOptions {
  readonly role: ServerRole;
  /** How old may be what is served (seconds). */
  readonly staleness: number;
  readonly connections?: number;
  /** Milliseconds since the epoch. */
  readonly wall: () => number;
}

/**
 * One server at a time, and how far it is: the number of commits that it shows, and when the heart of the deployment beat last
 * there. All that is read comes from the same server as the number, so whoever keeps what he reads until the number changes
 * keeps nothing old. A server that is too far behind answers nothing: what it vouches for may have been cut.
 * The age is that of the beat, which the primary's clock writes: clocks are to agree within a second.
 */
export class Follower {
  #connections: Promise<Opened> | undefined;
  #next = 0;
  #version: string | undefined;
  #seen: Seen | undefined;
  /** How often everything may have changed though there was no commit. */
  #anew = 0;
  #checkedAt = Number.NEGATIVE_INFINITY;
  #opened = 0;
  /** What has changed since it was taken the last time. */
  #told: Told = 'all';
  /** On which opening changes cannot be read, and until when (`performance.now()`) it is not tried again. */
  #untold = { opened: 0, until: 0 };
  #expired = 0;
  #beat = 0;
  /** When the look began whose answer is the newest. */
  #lookedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;
  readonly #wall: () => number;

  constructor(
    private readonly servers: readonly Server[],
    private readonly options: FollowerOptions,
  ) {
    this.#wall = options.wall;
  }

  /**
   * What has another value after every commit, and on every server, where it was looked just now; undefined when it has to be
   * looked first.
   */
  version(): string | undefined {
    const now = performance.now();
    this.#askedAt = now;
    this.#watch();
    return now - this.#lookedAt <= KNOWN_MS ? this.#version : undefined;
  }

  /** What the commits have changed that lie between the versions that its one reader knew when it took them; `all` where nobody can tell. */
  takeChanges(): Told {
    const told = this.#told;
    this.#told = [];
    return told;
  }

  /** There was a commit: what was looked at before, or is being looked at, is old. */
  expire(): void {
    this.#expired++;
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** @throws StoreUnreachable when the server is further behind than it may be */
  expectFresh(): void {
    const age = this.age();
    if (!(age <= this.options.staleness)) throw new StoreUnreachable(`${TROUBLES.unreachable.says}: what can be read is ${Math.round(age)} s old`);
  }

  /** Seconds since the last beat that the server shows; Infinity before the first look. */
  age(): number {
    return this.#version === undefined ? Number.POSITIVE_INFINITY : (this.#wall() - this.#beat) / 1000;
  }

  /** @throws StoreUnreachable when no server answers, or none that is fresh enough */
  async read(text: string, params: readonly unknown[]): Promise<Rows> {
    if (this.version() === undefined) await this.look();
    this.expectFresh();
    return this.#ask((on) => on.query(text, params));
  }

  /** Look how far the server is. Whoever comes meanwhile waits for the same answer. */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    for (const one of (await this.#connections?.catch(() => undefined))?.all ?? []) await one.close();
  }

  async #look(): Promise<void> {
    const began = performance.now();
    const expired = this.#expired;
    try {
      const seen = await this.#ask(async (on, opened) => ({ ...(await this.#state(on, opened)), opened }));
      const { opened, commits, by, told, beat } = seen;
      // Whoever reads does so elsewhere meanwhile.
      if (opened !== this.#opened) return await this.#look();
      if (told === 'all') this.#anew++;
      this.#told = merged(this.#told, told);
      this.#seen = seen;
      this.#version = `${opened} ${commits} ${by} ${this.#anew}`;
      this.#beat = beat;
      if (expired === this.#expired) this.#lookedAt = began;
    } catch (error) {
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  /** How far the server is, and what was changed since it was looked at. */
  async #state(on: Connection, opened: number): Promise<Since> {
    const at = await stateOf(on);
    const seen = this.#seen?.opened === opened ? this.#seen : undefined;
    const same = seen?.commits === at.commits && seen.by === at.by;
    const now = performance.now();
    if (same && now - this.#checkedAt < CHECKED_EVERY_MS) return { ...seen, ...at, told: [] };
    const { opened: untold, until } = this.#untold;
    if (untold !== opened || now >= until)
      try {
        const since = await changesSince(on, seen);
        this.#checkedAt = now;
        // The same number by another transaction: the one that was seen is no part of what is there now.
        return seen?.commits === since.commits && seen.by !== since.by ? { ...since, told: 'all' } : since;
      } catch (error) {
        if (isGone(error) || error instanceof StoreUnreachable) throw error;
        // An older version made the tables, or this role may not read them.
        this.#untold = { opened, until: now + TRIED_EVERY_MS };
      }
    return { ...at, lineage: undefined, told: same ? [] : 'all' };
  }

  async #ask<T>(question: (on: Connection, opened: number) => Promise<T>): Promise<T> {
    try {
      const { number, all } = await this.#open();
      return await question(all[this.#next++ % all.length] as Connection, number);
    } catch (error) {
      throw named(error);
    }
  }

  /** All to one server. When one has died all are made anew, perhaps to another server. */
  async #open(): Promise<Opened> {
    const current = this.#connections;
    if (current) {
      const there = await current.catch(() => undefined);
      if (there?.all.every(({ dead }) => !dead)) return there;
      if (this.#connections !== current) return this.#open();
      for (const one of there?.all ?? []) one.destroy();
    }
    if (this.#ended) throw new StoreUnreachable(TROUBLES.unreachable.says);
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    const number = ++this.#opened;
    const made = this.#connect().then((all): Opened => ({ number, all }));
    this.#connections = made;
    made.catch(() => {
      if (this.#connections === made) this.#connections = undefined;
    });
    return made;
  }

  async #connect(): Promise<readonly Connection[]> {
    const first = await Connection.to(this.servers, this.options.role, QUERY_MS);
    const same = this.servers.filter(({ at }) => at === first.server);
    const more = await Promise.allSettled(
      Array.from({ length: (this.options.connections ?? CONNECTIONS) - 1 }, () => Connection.to(same, this.options.role, QUERY_MS)),
    );
    // One is enough: there may be no more of them to be had.
    const all = [first, ...more.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
    const which = await Promise.all(all.map(async (one) => String((await one.query(WHICH)).rows[0]?.[0])));
    for (const [n, one] of all.entries()) if (which[n] !== which[0]) one.destroy();
    return all.filter((_, n) => which[n] === which[0]);
  }

  /** While somebody asks it is looked again and again, so that his next question finds the answer there. */
  #watch(): void {
    if (this.#timer || this.#ended) return;
    this.#timer = setTimeout(() => {
      this.look()
        .catch(() => undefined)
        .finally(() => {
          this.#timer = undefined;
          if (performance.now() - this.#askedAt < IDLE_MS) this.#watch();
        });
    }, LOOK_EVERY_MS);
    this.#timer.unref();
  }
}
