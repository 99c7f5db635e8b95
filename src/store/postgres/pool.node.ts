import { Connection, type Rows, type Server, type ServerRole } from './connection.node.js';
import { Pulse } from './pulse.node.js';

/** The longest that one statement may take, more than the server gives it; whether the server lives at all the pulse tells much sooner. */
const STATEMENT_MS = 30_000;

/** A few connections to whichever server has the role, made anew when one has died. */
export class Pool {
  readonly #slots: (Promise<Connection> | undefined)[];
  readonly #free: number[];
  readonly #waiting: ((slot: number) => void)[] = [];
  #next = 0;

  readonly #statementMs: number;
  readonly pulse: Pulse;

  /**
   * @param answerMs milliseconds without any answer after which a server is given up
   * @param options the pulse of another pool on the same servers; how long one statement may take at most
   */
  constructor(
    private readonly servers: readonly Server[],
    private readonly role: ServerRole,
    size: number,
    answerMs = 5000,
    { pulse, statementMs = STATEMENT_MS }: { readonly pulse?: Pulse; readonly statementMs?: number } = {},
  ) {
    this.#statementMs = Math.min(statementMs, STATEMENT_MS);
    this.pulse = pulse ?? new Pulse(servers, role, answerMs);
    this.#slots = Array.from({ length: size }, () => undefined);
    this.#free = Array.from({ length: size }, (_, slot) => slot);
  }

  async #at(slot: number): Promise<Connection> {
    const current = this.#slots[slot];
    if (current) {
      const there = await current.catch(() => undefined);
      if (there && !there.dead) return there;
      // Another caller has begun to make it anew: two would leave one open that nobody closes.
      if (this.#slots[slot] !== current) return this.#at(slot);
    }
    const made = Connection.to(this.servers, this.role, this.#statementMs);
    this.#slots[slot] = made;
    made.catch(() => {
      if (this.#slots[slot] === made) this.#slots[slot] = undefined;
    });
    return made;
  }

  /** One statement, on a connection that others use at the same time. */
  async query(text: string, params: readonly unknown[] = []): Promise<Rows> {
    const slot = this.#next++ % this.#slots.length;
    return this.pulse.during(this.#at(slot).then((on) => on.query(text, params)));
  }

  /** A transaction, on a connection of its own. */
  async alone<T>(body: (on: Connection) => Promise<T>): Promise<T> {
    const slot = this.#free.pop() ?? (await new Promise<number>((take) => this.#waiting.push(take)));
    try {
      return await this.pulse.during(this.#at(slot).then(body));
    } finally {
      const next = this.#waiting.shift();
      if (next) next(slot);
      else this.#free.push(slot);
    }
  }

  async end(): Promise<void> {
    await this.pulse.end();
    for (const slot of this.#slots) await (await slot?.catch(() => undefined))?.close();
  }
}

export const objectsOf = ({ names, rows }: Rows): Record<string, unknown>[] => rows.map((row) => Object.fromEntries(names.map((name, n) => [name, row[n]])));
