import { describe, expect, it } from 'vitest';
import { askedSeldom } from '../../src/platform/asked-seldom.node.js';

describe('a clock that takes a while to ask', () => {
  const world = () => {
    const at = { uptime: 1000, passed: 0, today: 1_700_000_000_000, asked: 0 };
    const clock = askedSeldom(
      () => {
        at.asked++;
        return at.uptime;
      },
      () => at.passed,
      () => at.today,
    );
    const pass = (milliseconds: number) => {
      at.uptime += milliseconds / 1000;
      at.passed += milliseconds;
      at.today += milliseconds;
    };
    return { at, clock, pass };
  };

  it('goes on by itself for a moment, and is asked again after that', () => {
    const { at, clock, pass } = world();
    expect(clock()).toBe(1000);
    for (let n = 1; n <= 4; n++) {
      pass(10);
      expect(clock()).toBeCloseTo(1000 + n / 100, 6);
    }
    expect(at.asked).toBe(1);
    pass(10);
    expect(clock()).toBeCloseTo(1000.05, 6);
    expect(at.asked).toBe(2);
  });

  it('is asked at once when the machine slept, or somebody set the time: the clock is judged by it', () => {
    const { at, clock, pass } = world();
    clock();
    pass(1);
    // It slept for an hour: the process did not notice.
    at.uptime += 3600;
    at.today += 3_600_000;
    expect(clock()).toBeCloseTo(4600.001, 6);
    pass(1);
    at.today -= 86_400_000;
    expect(clock()).toBeCloseTo(4600.002, 6);
    expect(at.asked).toBe(3);
  });
});
