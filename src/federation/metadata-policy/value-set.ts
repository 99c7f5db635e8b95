import { jsonKey } from '../json-key.js';
import { PolicyFault } from './policy-fault.js';

/**
 * JSON values by equality (see `jsonKey`): strings and numbers as themselves, objects by their text, so that asking costs
 * the same whatever the set holds. A value that cannot be compared has an unsupported type.
 */
export class ValueSet {
  readonly #scalars = new Set<unknown>();
  #texts: Set<string> | undefined;

  constructor(values: readonly unknown[]) {
    for (const value of values) this.add(value);
  }

  has(value: unknown): boolean {
    return isPlain(value) ? this.#scalars.has(value) : (this.#texts?.has(keyOf(value)) ?? false);
  }

  add(value: unknown): void {
    if (isPlain(value)) this.#scalars.add(value);
    else {
      this.#texts ??= new Set();
      this.#texts.add(keyOf(value));
    }
  }
}

const isPlain = (value: unknown): boolean =>
  typeof value === 'string' || (typeof value === 'number' && (Number.isSafeInteger(value) || !Number.isInteger(value)));

/** The text that equal values share. */
export function keyOf(value: unknown): string {
  const key = jsonKey(value);
  if (key === undefined) throw new PolicyFault('policy_operator_type', 'a value cannot be compared: an integer beyond 2^53-1, or nested too deep');
  return key;
}
