import { z } from 'zod';
import { finding, type Finding } from './finding.js';
import { MAX_TIME } from './limits.js';

/** Seconds since the epoch as RFC 7519 §2 has them: a fraction is legal. What we sign ourselves has none. */
export const numericDate = z.number().min(0).max(MAX_TIME);

/** @throws TypeError without a time: left out, every comparison with it would be false, and nothing would ever have expired */
export function requireNow(now: unknown): asserts now is number {
  if (typeof now !== 'number' || !Number.isFinite(now)) throw new TypeError('now: seconds since the epoch are needed');
}

/** A time as everything we sign has it: whole seconds since the epoch. */
const isWhole = (time: unknown): boolean => Number.isInteger(time) && (time as number) >= 0 && (time as number) <= MAX_TIME;

/** Times that may stand in whatever is signed. */
const TIMES = ['iat', 'nbf', 'exp'] as const;

/** What is wrong with the times of claims about to be signed: `iat` is there, and each is a whole number of seconds. */
export function timeFaults(claims: object, required: readonly string[] = ['iat']): readonly Finding[] {
  return TIMES.filter((name) => (claims as Claims)[name] !== undefined || required.includes(name)).flatMap((name) =>
    isWhole((claims as Claims)[name]) ? [] : [finding('claim_invalid', name, 'it is not a whole number of seconds')],
  );
}
type Claims = Readonly<Record<string, unknown>>;

/** @throws TypeError unless each of these times is a whole number of seconds since the epoch: nothing else is signed */
export function requireWhole(times: Readonly<Record<string, unknown>>): void {
  for (const [name, time] of Object.entries(times)) if (!isWhole(time)) throw new TypeError(`${name}: whole seconds since the epoch are signed`);
}
