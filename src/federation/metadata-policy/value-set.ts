import { jsonKey } from '../json-key.js';
import { PolicyFault } from './policy-fault.js';

/** JSON values by equality (see `jsonKey`), so that asking costs the same whatever the set holds. A value that cannot be compared has an unsupported type. */
export class ValueSet {
  readonly #keys = new Set<string>();

  constructor(values: readonly unknown[]) {
    for (const value of values) this.add(value);
  }

  has(value: unknown): boolean {
    return this.#keys.has(keyOf(value));
  }

  add(value: unknown): void {
    this.#keys.add(keyOf(value));
  }
}

/** The text that equal values share. */
export function keyOf(value: unknown): string {
  const key = jsonKey(value);
  if (key === undefined) throw new PolicyFault('policy_operator_type', 'a value cannot be compared: an integer beyond 2^53-1, or nested too deep');
  return key;
}
