import { MAX_JSON_DEPTH } from './limits.js';
import { isObject } from './strict-json.js';

/** More values than any text we read can hold: ends walks through values that JavaScript callers built with shared parts. */
const MAX_NODES = 1_000_000;

/**
 * A text that two JSON values share exactly when they are equal: members in any order, elements in order, strings by code
 * point (OpenID Federation 1.0 §16, no normalization), numbers as IEEE doubles. It makes comparing many values with many
 * others linear. Undefined for what cannot be compared: no JSON, nested deeper than `MAX_JSON_DEPTH`, or an integer beyond
 * 2^53-1, of which reading has already lost digits (RFC 8259 §6), so that different ones look equal.
 */
export function jsonKey(value: unknown): string | undefined {
  // Keys of strings begin with a quote, so they meet no other key.
  if (typeof value === 'string') return `"${value}`;
  return write(value, MAX_JSON_DEPTH, { left: MAX_NODES });
}

function write(value: unknown, depth: number, budget: { left: number }): string | undefined {
  if (depth < 0 || budget.left-- <= 0) return undefined;
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'number') return Number.isFinite(value) && !(Number.isInteger(value) && !Number.isSafeInteger(value)) ? String(value) : undefined;
  if (value === null || typeof value === 'boolean') return String(value);
  const parts: string[] = [];
  if (Array.isArray(value)) {
    for (const one of value) {
      const text = write(one, depth - 1, budget);
      if (text === undefined) return undefined;
      parts.push(text);
    }
    return `[${parts.join(',')}]`;
  }
  if (!isObject(value)) return undefined;
  for (const name of Object.keys(value).sort()) {
    if (value[name] === undefined) continue;
    const text = write(value[name], depth - 1, budget);
    if (text === undefined) return undefined;
    parts.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${parts.join(',')}}`;
}

/** Whether a value could have come out of `parseJson`: JSON types only, no deeper than `MAX_JSON_DEPTH`. Absent members count as left out. */
export function isJson(value: unknown): boolean {
  let left = MAX_NODES;
  const walk = (one: unknown, depth: number): boolean => {
    if (depth < 0 || left-- <= 0) return false;
    if (one === null || typeof one === 'string' || typeof one === 'boolean') return true;
    if (typeof one === 'number') return Number.isFinite(one);
    // Holes are passed over without a step: an array of four thousand million of them would take minutes.
    if (Array.isArray(one)) return one.length <= left && one.every((each) => walk(each, depth - 1));
    // The name `parseJson` forbids: copying such a member would change the copy's prototype.
    if (!isObject(one) || Object.hasOwn(one, '__proto__')) return false;
    return Object.values(one).every((each) => each === undefined || walk(each, depth - 1));
  };
  return walk(value, MAX_JSON_DEPTH);
}
