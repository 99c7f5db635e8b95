/** Of lists in whose place others have come so much may be held by those who take nothing (bytes). */
const MOST_HELD = 32 * 1024 * 1024;
/** Shorter ones are not counted (bytes). */
const LONG = 64 * 1024;

/**
 * A long list is one body for all who read it. With a commit another one takes its place, and those who take nothing hold the old one: who
 * begins to read after each commit would have one of each held, eight megabytes every second. What is held is known by asking the collector,
 * so what nobody holds counts until it was collected.
 */
export class Superseded {
  readonly #current = new Map<string, WeakRef<ArrayBufferLike>>();
  #old: WeakRef<ArrayBufferLike>[] = [];
  readonly #most: number;

  constructor(most = MOST_HELD) {
    this.#most = most;
  }

  /** Another one is to be made in the place of what is there under a name: is too much held of such? Then it is streamed. */
  isFull(name: string): boolean {
    const before = this.#current.get(name);
    if (before) this.#old.push(before);
    this.#current.delete(name);
    const held = this.#old.map((one) => one.deref()?.byteLength ?? 0);
    this.#old = this.#old.filter((_, n) => held[n] !== 0);
    return held.reduce((sum, bytes) => sum + bytes, 0) > this.#most;
  }

  made(name: string, body: string | Uint8Array): void {
    // Workers may have no word for it, and keep nothing.
    if (typeof WeakRef === 'undefined' || typeof body === 'string' || body.byteLength < LONG) return;
    const before = this.#current.get(name);
    if (before) this.#old.push(before);
    // The bytes: a connection has a view of its own.
    this.#current.set(name, new WeakRef(body.buffer));
  }
}
