import { MAX_JSON_DEPTH } from './limits.js';

/** What a value is as JSON: its size when serialized, or why it has none. */
type Measured = { readonly json: true; readonly size: number } | { readonly json: false };

/**
 * Measure a value as `JSON.stringify(value).length` would, without building the text: never more than about `max` steps,
 * at most `MAX_JSON_DEPTH` deep, so that neither a cyclic nor a huge value costs anything. Members that are undefined count
 * as absent.
 */
function measureJson(value: unknown, max: number): Measured {
  const so: SoFar = { size: 0, max };
  return measure(value, 0, so) ? { json: true, size: so.size } : { json: false };
}

interface SoFar {
  size: number;
  readonly max: number;
}

/** False when it is no JSON. Once the size is above the maximum nothing more is looked at: it is refused for that. */
function measure(value: unknown, depth: number, so: SoFar): boolean {
  if (so.size > so.max) return true;
  if (typeof value !== 'object' || value === null) return measureScalar(value, so);
  if (depth >= MAX_JSON_DEPTH) return false;
  if (!Array.isArray(value)) return measureMembers(value as Readonly<Record<string, unknown>>, depth, so);
  so.size += 2 + Math.max(0, value.length - 1);
  for (const element of value as readonly unknown[]) {
    if (so.size > so.max) break;
    if (!measure(element, depth + 1, so)) return false;
  }
  return true;
}

function measureMembers(value: Readonly<Record<string, unknown>>, depth: number, so: SoFar): boolean {
  let members = 0;
  so.size += 2;
  for (const name in value) {
    if (so.size > so.max) break;
    if (!Object.hasOwn(value, name) || value[name] === undefined) continue;
    so.size += JSON.stringify(name).length + (members++ === 0 ? 1 : 2);
    if (!measure(value[name], depth + 1, so)) return false;
  }
  return true;
}

function measureScalar(value: unknown, so: SoFar): boolean {
  if (typeof value === 'string') so.size += value.length > so.max ? value.length : JSON.stringify(value).length;
  else if (typeof value === 'number' && Number.isFinite(value)) so.size += String(value).length;
  else if (value === null || typeof value === 'boolean') so.size += value === false ? 5 : 4;
  else return false;
  return true;
}

/** Characters of a value as JSON, or more than `max`; what cannot be written as JSON is endless. */
export function jsonLength(value: unknown, max: number): number {
  const measured = measureJson(value, max);
  return measured.json ? measured.size : Number.POSITIVE_INFINITY;
}
