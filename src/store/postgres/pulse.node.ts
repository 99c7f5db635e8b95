import { Connection, type Server, type ServerRole } from './connection.node.js';

const EVERY_MS = 1000;

/**
 * Tells a statement that takes long from a server that is frozen: while something is asked of it, it is asked for nothing
 * at all on a connection beside. When that gets no answer in time, every connection to the server is given up.
 */
export class Pulse {
  #on: Promise<Connection> | undefined;
  #asking = false;
  #askedAt = Number.NEGATIVE_INFINITY;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param answerMs milliseconds without an answer after which a server is given up */
  constructor(
    private readonly servers: readonly Server[],
    private readonly role: ServerRole,
    private readonly answerMs: number,
  ) {}

  async during<T>(work: Promise<T>): Promise<T> {
    this.#waiting++;
    this.#beat();
    this.#timer ??= setInterval(() => this.#beat(), EVERY_MS).unref();
    try {
      return await work;
    } finally {
      if (--this.#waiting === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    }
  }

  async end(): Promise<void> {
    this.#asking = true;
    await (await this.#on?.catch(() => undefined))?.close();
  }

  #beat(): void {
    if (this.#asking || performance.now() - this.#askedAt < EVERY_MS) return;
    this.#asking = true;
    this.#askedAt = performance.now();
    void this.#ask()
      .catch(() => undefined)
      .then(() => {
        this.#asking = false;
      });
  }

  async #ask(): Promise<void> {
    const there = await this.#on?.catch(() => undefined);
    if (!there || there.dead) this.#on = Connection.to(this.servers, this.role, this.answerMs);
    await (await this.#on)?.query('SELECT 1');
  }
}
