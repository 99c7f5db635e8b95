import { failure, finding, type Finding, refuse, type Result, success } from './finding.js';
import { MAX_JSON_DEPTH } from './limits.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

export const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * `JSON.parse` that also refuses what it lets pass: duplicate members (the last would win silently,
 * OpenID Federation 1.0 §6.1.2), nesting deeper than `maxDepth`, a member named `__proto__`, lone surrogates.
 * The caller caps the size of `text` first.
 */
export function parseJson(text: string, where: string, maxDepth = MAX_JSON_DEPTH): Result<unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('json_invalid', where, 'this is not JSON');
  }
  const bad = inspect(text, where, maxDepth);
  return bad ? failure(bad) : success(value);
}

const QUOTE = 34;
const BACKSLASH = 92;

/** One pass over text already known to be JSON: strings are the only place where brackets mean nothing. */
function inspect(text: string, where: string, maxDepth: number): Finding | undefined {
  const open: (Set<string> | null)[] = []; // a Set of names for an object, null for an array
  let expectName = false;
  const escapes = text.includes('\\');
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const start = at;
        do at = text.indexOf('"', at + 1);
        while (escapes && isEscaped(text, at));
        const names = open.at(-1);
        const raw = text.slice(start + 1, at);
        const plain = escapes && raw.includes('\\') ? (JSON.parse(text.slice(start, at + 1)) as string) : raw;
        if (escapes && /\p{Surrogate}/u.test(plain)) return finding('json_invalid', where, 'a string holds half a surrogate pair');
        if (!names || !expectName) break;
        if (plain === '__proto__') return finding('json_forbidden_member', where, 'a member is named __proto__');
        if (names.has(plain)) return finding('json_duplicate_member', where, `the member "${plain.slice(0, 80)}" occurs twice`);
        names.add(plain);
        expectName = false;
        break;
      }
      case 123: // {
        open.push(new Set());
        expectName = true;
        break;
      case 91: // [
        open.push(null);
        expectName = false;
        break;
      case 125: // }
      case 93: // ]
        open.pop();
        expectName = false;
        break;
      case 44: // ,
        expectName = open.at(-1) != null;
        break;
    }
    if (open.length > maxDepth) return finding('json_too_deep', where, `nested deeper than ${maxDepth} levels`);
  }
  return undefined;
}

/** A quote is escaped when an odd number of backslashes stands before it. */
function isEscaped(text: string, at: number): boolean {
  let before = at - 1;
  while (text.charCodeAt(before) === BACKSLASH) before--;
  return (at - before) % 2 === 0;
}

/** Equality of JSON values: members in any order, elements in order, strings by code point (§16, no normalization). */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, n) => jsonEqual(one, b[n]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && jsonEqual(a[name], b[name]));
}
