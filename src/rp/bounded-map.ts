/** A map that forgets what was not used for longest, beyond so many entries. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  constructor(readonly max: number) {}

  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }
  set(key: Key, value: Value): Value {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.max) break;
      this.#entries.delete(oldest);
    }
    return value;
  }
  delete(key: Key): void {
    this.#entries.delete(key);
  }
  get size(): number {
    return this.#entries.size;
  }
}
