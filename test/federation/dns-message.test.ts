import { describe, expect, it } from 'vitest';
import { isDnsName, readTxtAnswer, txtQuestion } from '../../src/outbound/dns-message.js';

const NAME = '_holdfast-domain-control.example.com';
const word = (n: number) => [n >> 8, n & 255];
const wire = (name: string) => [...name.split('.').flatMap((label) => [label.length, ...new TextEncoder().encode(label)]), 0];
const text = (...strings: string[]) => strings.flatMap((one) => [one.length, ...new TextEncoder().encode(one)]);
interface Given {
  readonly flags?: readonly [number, number];
  readonly question?: readonly number[];
  readonly counts?: readonly number[];
  readonly records?: readonly (readonly number[])[];
}
const record = (
  data: readonly number[],
  { owner = [0xc0, 12], type = 16, of = 1, size = data.length }: { owner?: number[]; type?: number; of?: number; size?: number } = {},
) => [...owner, ...word(type), ...word(of), 0, 0, 0, 60, ...word(size), ...data];
function answer({ flags = [0x81, 0x80], question = [...wire(NAME), 0, 16, 0, 1], records = [], counts }: Given): Uint8Array {
  return Uint8Array.from([0, 0, ...flags, ...(counts ?? [...word(1), ...word(records.length), 0, 0, 0, 0]), ...question, ...records.flat()]);
}
const read = (given: Given) => readTxtAnswer(answer(given), NAME);
const why = (given: Given) => {
  const found = read(given);
  return found.ok ? found.texts : found.why;
};

describe('one TXT question and its answer (RFC 1035)', () => {
  it('asks as it should, and reads strings put together, several records, and only those of the name', () => {
    expect([...txtQuestion('a.bc')]).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 97, 2, 98, 99, 0, 0, 16, 0, 1]);
    const other = { owner: wire('other.example.com') };
    expect(
      why({ records: [record(text('one')), record(text('tw', 'o')), record(text('')), record(text('x'), other), record([1, 2, 3, 4], { type: 1 })] }),
    ).toEqual(['one', 'two', '']);
    expect(why({ records: [] })).toEqual([]);
    expect(
      why({
        question: [...wire(NAME.toUpperCase()), 0, 16, 0, 1],
        records: [record(text('x'), { of: 3 }), record(text('y'), { owner: wire(NAME.toUpperCase()) })],
      }),
    ).toEqual(['y']);
    const oneLabel = { owner: [...text(NAME), 0] };
    expect(why({ records: [record(text('x'), oneLabel)] }), 'one label with dots in it is another name').toEqual([]);
    expect(why({ records: [record([])] }), 'a record without strings is an empty text').toEqual(['']);
  });
  it('follows aliases within the answer, and no circles', () => {
    const alias = (from: string, to: readonly number[]) => record(to, { owner: wire(from), type: 5 });
    const [a, b] = ['a.example.net', 'b.example.net'];
    expect(
      why({ records: [alias(NAME, wire(a)), alias(a, wire(b)), record(text('yes'), { owner: wire(b) }), record(text('no'), { owner: wire(a) })] }),
    ).toEqual(['yes']);
    expect(why({ records: [alias(NAME, wire(a))] }), 'whose target has none').toEqual([]);
    expect(why({ records: [alias(NAME, wire(a)), alias(a, wire(NAME))] })).toContain('circles');
    expect(why({ records: [alias(NAME, [...wire(a), 0])] })).toContain('no DNS message');
  });
  it('what the resolver could not say is said', () => {
    for (const [flags, says] of [
      [[0x81, 0x83], 'NXDOMAIN'],
      [[0x81, 0x82], 'SERVFAIL'],
      [[0x81, 0x85], 'REFUSED'],
      [[0x81, 0x8f], 'code 15'],
      [[0x83, 0x80], 'cut short'],
      [[0x01, 0x00], 'no answer to a query'],
      [[0xa9, 0x80], 'no answer to a query'],
    ] as const)
      expect(why({ flags, records: [record(text('token'))] })).toContain(says);
    for (const question of [
      [...wire('evil.example.com'), 0, 16, 0, 1],
      [...wire(NAME), 0, 1, 0, 1],
      [...wire(NAME), 0, 16, 0, 3],
    ])
      expect(why({ question, records: [record(text('token'))] })).toContain('another question');
    expect(why({ counts: [0, 0, 0, 1, 0, 0, 0, 0], records: [record(text('token'))] })).toContain('another question');
    expect(why({ counts: [0, 1, 0xff, 0xff, 0, 0, 0, 0], records: [record(text('x'))] })).toContain('more than 200 records');
  });
  it('nothing is read beyond its end, and no name leads back to itself', () => {
    for (const bad of [
      record(text('x'), { size: 500 }),
      record([200, 1, 2]),
      record(text('x'), { owner: [0xc0, 0xff] }),
      record(text('x'), { owner: [0xc0, 3] }),
      record(text('x'), { owner: [0xff, 0xff] }),
      record(text('x'), { owner: [0x40, 1] }),
      record(text('x'), { owner: [0x80, 1] }),
    ])
      expect(why({ records: [bad] }), String(bad.slice(0, 4))).toContain('no DNS message');
    const at = answer({}).length;
    expect(why({ records: [record(text('x'), { owner: [0xc0, at] })] }), 'a pointer to itself').toContain('nowhere');
    expect(why({ records: [record(text('x'), { owner: [1, 97, 0xc0, at] })] }), 'one that comes round again').toContain('nowhere');
    expect(why({ records: [record(text('x'), { owner: [0xc0, at + 20] })] }), 'one that leads on').toContain('nowhere');
    expect(why({ records: [record(text('x'), { owner: [...Array.from({ length: 5 }, () => [63, ...Array(63).fill(97)]).flat(), 0] })] })).toContain('too long');
    // Names that point to each other, each a little further up: bounded by how many, not by how long they get.
    const steps = Array.from({ length: 40 }, (_, n) => (n === 0 ? [1, 97, 0] : [0xc0, at + (n === 1 ? 0 : 3 + 2 * (n - 2))]));
    expect(readTxtAnswer(Uint8Array.from([...answer({ counts: [0, 1, 0, 1, 0, 0, 0, 0] }), ...steps.flat()]), NAME).ok).toBe(false);
    expect(readTxtAnswer(new Uint8Array(70_000), NAME)).toMatchObject({ ok: false });
  });
  it('whatever comes it ends with an answer or a reason (fuzz)', () => {
    const good = answer({ records: [record(wire('a.example.net'), { type: 5 }), record(text('token', 'more'), { owner: wire('a.example.net') })] });
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    for (let cut = 0; cut < good.length; cut++) expect(readTxtAnswer(good.subarray(0, cut), NAME).ok, `cut at ${cut}`).toBe(false);
    for (let round = 0; round < 1500; round++) {
      const bytes = round % 3 === 0 ? Uint8Array.from({ length: random(400) }, () => random(256)) : Uint8Array.from(good);
      for (let n = 0; n < random(6); n++) bytes[random(bytes.length || 1)] = random(256);
      if (round % 3 === 1) for (const [n, byte] of [0, 0, 0x81, 0x80, 0, 1].entries()) bytes[n] = byte;
      const found = readTxtAnswer(bytes, NAME);
      expect(found.ok ? found.texts.every((one) => typeof one === 'string') : found.why.length > 0).toBe(true);
    }
    // 64 kB of pointers, and of records that say they are many.
    const head = answer({ counts: [0, 1, 0, 200, 0, 0, 0, 0] });
    for (const fill of [0xc0, 0x00, 0x3f, 0xff, 0x01]) {
      const whole = new Uint8Array(65_535).fill(fill);
      whole.set(head);
      expect(typeof readTxtAnswer(whole, NAME).ok).toBe('boolean');
    }
  });
  it('what goes onto the wire is a name', () => {
    expect(['a.example', NAME, `${'a'.repeat(63)}.example`].map(isDnsName)).toEqual([true, true, true]);
    expect(['', 'a..b', '.a', 'a.', `${'a'.repeat(64)}.example`, 'a b.example', 'ä.example', `${'a.'.repeat(130)}example`].map(isDnsName)).toEqual(
      Array(8).fill(false),
    );
  });
});
