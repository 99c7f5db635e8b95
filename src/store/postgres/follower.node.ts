import { StoreUnreachable } from '../database.js';
import { TROUBLES } from '../trouble.js';
import { Connection, type Rows, type Server, type ServerRole } from './connection.node.js';
import { named } from './errors.node.js';

/** Another process's commit is seen within about this time (milliseconds); an answer that is older than twice that is asked for first. */
const LOOK_EVERY_MS = 20;
export const KNOWN_MS = 2.5 * LOOK_EVERY_MS;
/** Nobody has asked for so long: nothing is looked at until somebody does. */
const IDLE_MS = 5000;
const CONNECTIONS = 4;
const QUERY_MS = 3000;
const STATE = 'SELECT s.version, greatest(s.beat_ms, b.beat_ms) FROM store_state AS s CROSS JOIN store_beat AS b';

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
  #connections: Promise<readonly Connection[]> | undefined;
  #next = 0;
  #version: string | undefined;
  #opened = 0;
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

  /** @throws StoreUnreachable when the server is further behind than it may be */
  expectFresh(): void {
    const age = this.age();
    if (age > this.options.staleness) throw new StoreUnreachable(`${TROUBLES.unreachable.says}: what can be read is ${Math.round(age)} s old`);
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
    for (const one of (await this.#connections?.catch(() => undefined)) ?? []) await one.close();
  }

  async #look(): Promise<void> {
    const began = performance.now();
    try {
      const { rows } = await this.#ask((on) => on.query(STATE));
      this.#version = `${this.#opened} ${rows[0]?.[0]}`;
      this.#beat = Number(rows[0]?.[1]);
      this.#lookedAt = began;
    } catch (error) {
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  async #ask<T>(question: (on: Connection) => Promise<T>): Promise<T> {
    try {
      const all = await this.#open();
      return await question(all[this.#next++ % all.length] as Connection);
    } catch (error) {
      throw named(error);
    }
  }

  /** All to one server. When one has died all are made anew, perhaps to another server. */
  async #open(): Promise<readonly Connection[]> {
    const current = this.#connections;
    if (current) {
      const there = await current.catch(() => undefined);
      if (there?.every(({ dead }) => !dead)) return there;
      if (this.#connections !== current) return this.#open();
      for (const one of there ?? []) one.destroy();
    }
    if (this.#ended) throw new StoreUnreachable(TROUBLES.unreachable.says);
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    this.#opened++;
    const made = this.#connect();
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
    return [first, ...more.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))];
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
