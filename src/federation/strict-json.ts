import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import { MAX_JSON_DEPTH } from './limits.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `JSON.parse` that also refuses what it lets pass: duplicate members (the last would win silently,
 * OpenID Federation 1.0 §6.1.2), nesting deeper than `maxDepth`, a member named `__proto__`, lone surrogates, U+0000 (no name and
 * no value has a use for it, and what keeps texts often cannot hold it), and more than
 * `maxValues` values: a text of three bytes for each takes twenty times its size in memory.
 * The caller caps the size of `text` first.
 */
export function parseJson(
  text: string,
  where: string,
  { maxDepth = MAX_JSON_DEPTH, maxValues = Number.POSITIVE_INFINITY, mayHoldNul = false } = {},
): Result<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('json_invalid', where, 'this is not JSON');
  }
  const bad = inspect(text, where, maxDepth, maxValues);
  if (bad) return failure(bad);
  const names = !mayHoldNul && text.includes('\\u0000') ? placeOfNul(value) : undefined;
  return names ? refuse('json_invalid', where, `${names.length ? quote(names.join('/')) : 'it'} holds U+0000, which no text here may`) : success(value);
}

/** Names and numbers that lead to the first string with U+0000; undefined where there is none. Nested no deeper than was checked. */
function placeOfNul(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.includes('\0') ? [] : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [name, one] of Object.entries(value)) {
    const below = name.includes('\0') ? [] : placeOfNul(one);
    if (below) return [name, ...below];
  }
  return undefined;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** What is open: an array as null, an object as its names: none yet, the only one, or a Set, which costs more than most need. */
type Open = Set<string> | string | null | undefined;

/** One pass over text already known to be JSON: strings are the only place where brackets mean nothing. */
function inspect(text: string, where: string, maxDepth: number, maxValues: number): Finding | undefined {
  const open: Open[] = [];
  // Every value but the first follows a bracket or a comma; of the brackets of what is empty nobody complains.
  let values = 1;
  let expectName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const start = at;
        do at = text.indexOf('"', at + 1);
        while (isEscaped(text, at));
        const raw = text.slice(start + 1, at);
        const plain = raw.includes('\\') ? (JSON.parse(text.slice(start, at + 1)) as string) : raw;
        if (/\p{Surrogate}/u.test(plain)) return finding('json_invalid', where, 'a string holds half a surrogate pair');
        if (!expectName) break;
        const bad = takeName(open, plain, where);
        if (bad) return bad;
        expectName = false;
        break;
      }
      case 123: // {
        open.push(undefined);
        values++;
        expectName = true;
        break;
      case 91: // [
        open.push(null);
        values++;
        expectName = false;
        break;
      case 125: // }
      case 93: // ]
        open.pop();
        break;
      case 44: // ,
        expectName = open.at(-1) !== null;
        values++;
        break;
    }
    if (values > maxValues) return finding('too_many', where, `it holds more than ${maxValues} values`);
    if (open.length > maxDepth) return finding('json_too_deep', where, `nested deeper than ${maxDepth} levels`);
  }
  return undefined;
}

function takeName(open: Open[], name: string, where: string): Finding | undefined {
  const names = open.at(-1);
  if (name === '__proto__') return finding('json_forbidden_member', where, 'a member is named __proto__');
  if (names instanceof Set ? names.has(name) : names === name) return finding('json_duplicate_member', where, `the member ${quote(name)} occurs twice`);
  if (names instanceof Set) names.add(name);
  else open[open.length - 1] = typeof names === 'string' ? new Set([names, name]) : name;
  return undefined;
}

/** A quote is escaped when an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

/**
 * Equality of JSON values: members in any order, elements in order, strings by code point (§16, no normalization).
 * Beyond `depth` levels nothing is equal, so that no value exhausts the stack.
 */
export function jsonEqual(a: unknown, b: unknown, depth = 2 * MAX_JSON_DEPTH): boolean {
  if (a === b) return true;
  if (depth <= 0) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, n) => jsonEqual(one, b[n], depth - 1));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && jsonEqual(a[name], b[name], depth - 1));
}
