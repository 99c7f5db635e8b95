import { expect, it } from 'vitest';
import { newId, newIdInTime } from '../../src/keys/random.js';

const ID = /^mem_[0-9a-hjkmnp-tv-z]{26}$/;

it('ids in time stand in the order in which they were made, and no two are the same', () => {
  const times = [0, 1, 255, 256, 1_800_000_000_000, 1_800_000_000_001, 2 ** 48 - 1];
  const made = times.map((at) => newIdInTime('mem', at));
  for (const id of made) expect(id).toMatch(ID);
  expect([...made].sort()).toEqual(made);
  expect(new Set(Array.from({ length: 500 }, () => newIdInTime('mem', 1))).size).toBe(500);
  expect(newIdInTime('mem')).toMatch(ID);
  expect(newId('mem')).toMatch(ID);
});
