/** A map that forgets what was not used for longest, beyond so many entries and, where they are weighed, so much weight. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #weights = new Map<Key, number>();
  #weight = 0;
  constructor(
    readonly max: number,
    readonly maxWeight = Number.POSITIVE_INFINITY,
  ) {}

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
    this.#trim();
    return value;
  }
  /** What an entry weighs from now on. One that is gone weighs nothing, and one that is too heavy by itself goes. */
  weigh(key: Key, weight: number): void {
    if (!this.#entries.has(key)) return;
    this.#weight += weight - (this.#weights.get(key) ?? 0);
    this.#weights.set(key, weight);
    this.#trim();
  }
  delete(key: Key): void {
    this.#entries.delete(key);
    this.#weight -= this.#weights.get(key) ?? 0;
    this.#weights.delete(key);
  }
  #trim(): void {
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.max && this.#weight <= this.maxWeight) break;
      this.delete(oldest);
    }
  }
  get size(): number {
    return this.#entries.size;
  }
  get weight(): number {
    return this.#weight;
  }
}
