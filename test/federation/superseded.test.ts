import { expect, it } from 'vitest';
import { Superseded } from '../../src/public/superseded.js';

const KB = 1024;

it('of lists that others took the place of so much is held at most; what is in place does not count, nor what is short', () => {
  const lists = new Superseded(250 * KB);
  const held = Array.from({ length: 4 }, () => new Uint8Array(100 * KB));
  for (const name of ['one', 'two', 'three', 'four']) lists.made(name, new Uint8Array(200 * KB));
  for (const [n, body] of held.entries()) {
    expect(lists.isFull('x'), `${n} in the place of which others came`).toBe(n > 2);
    lists.made('x', body);
  }
  expect(held).toHaveLength(4);
  const short = new Superseded(10 * KB);
  for (let n = 0; n < 20; n++) {
    short.made('x', new Uint8Array(KB));
    short.made('y', 'a text');
    expect(short.isFull('x')).toBe(false);
  }
});
