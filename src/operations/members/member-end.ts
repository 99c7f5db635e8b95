import type { MemberRow } from '../registry.js';

/** The earliest of several ends; null when none of them has one. */
export const earliest = (...ends: readonly (number | null)[]): number | null => {
  const given = ends.filter((end) => end !== null);
  return given.length ? Math.min(...given) : null;
};

/** The ends that a member has, of its own and of what it rests on. */
export type Bounds = Pick<MemberRow, 'validUntil' | 'keysUntil' | 'accreditedUntil' | 'reattestBy'>;

/**
 * Until when anything may be said about a member: nothing that is signed about it, no mark and no listing goes beyond. Time is
 * held by `exp` and not by a job, so it ends also while every job is dead. In SQL the same is `memberEnd` (store/words.ts).
 */
export const endOfMember = ({ validUntil, keysUntil, accreditedUntil, reattestBy }: Bounds): number | null =>
  earliest(validUntil, keysUntil, accreditedUntil, reattestBy);
