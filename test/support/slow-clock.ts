import { onTestFinished, vi } from 'vitest';

/**
 * From here on almost no time passes, and no two moments are the same. What was looked at on PostgreSQL is known for milliseconds, and a
 * busy machine takes longer for anything: by this clock it is known until somebody commits.
 * @returns lets time pass again, which the end of the test does too
 */
export function almostNoTimePasses(): () => void {
  const begun = performance.now();
  let moments = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => begun + ++moments / 1e6);
  const passes = () => void clock.mockRestore();
  onTestFinished(passes);
  return passes;
}
