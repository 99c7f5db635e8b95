import { expect, it } from 'vitest';
import type { Result } from '../../src/federation/entry.js';
import { finding } from '../../src/federation/entry.js';
import { createStatementCache, KEEP_BYTES, KEEP_SECONDS } from '../../src/resolver/cached-source.js';
import type { StatementSource } from '../../src/resolver/source.js';

function counted(answer: (id: string) => Promise<Result<string>> | Result<string>) {
  const asked: string[] = [];
  const source: StatementSource = {
    configuration: async (id) => {
      asked.push(id);
      return answer(id);
    },
    statement: async () => ({ ok: true, value: '' }),
  };
  return { source, asked };
}
const value = (text: string): Result<string> => ({ ok: true, value: text });

it('§10.2: a superior’s configuration is used again for a minute, the subject’s own never', async () => {
  let now = 1000;
  const { source, asked } = counted(() => value('jwt'));
  const over = createStatementCache(() => now).over(source, 'subject');
  for (const at of [1000, 1000 + KEEP_SECONDS - 1, 1000 + KEEP_SECONDS]) {
    now = at;
    await over.configuration('superior');
  }
  expect(asked).toEqual(['superior']);
  now = 1000 + KEEP_SECONDS + 1;
  await over.configuration('superior');
  now = 900; // a clock that was set back makes nothing fresh
  await over.configuration('superior');
  expect(asked).toHaveLength(3);
  await over.configuration('subject');
  await over.configuration('subject');
  expect(asked.filter((one) => one === 'subject')).toHaveLength(2);
});

it('failures are never kept', async () => {
  let fails = true;
  const { source, asked } = counted(() => (fails ? { ok: false, findings: [finding('fetch_failed', '', '', true)] } : value('jwt')));
  const cache = createStatementCache(() => 0);
  expect((await cache.over(source, '').configuration('a')).ok).toBe(false);
  fails = false;
  expect((await cache.over(source, '').configuration('a')).ok).toBe(true);
  expect(asked).toHaveLength(2);
  expect(cache.size.entries).toBe(1);
});

it('bounded in bytes, keys and empty answers counted: filled far past the bound, and what is new is kept', async () => {
  const keepBytes = 100_000;
  for (const body of ['', 'x'.repeat(3000)]) {
    const { source, asked } = counted(() => value(body));
    const cache = createStatementCache(() => 0, { keepBytes });
    for (let n = 0; n < 2000; n++) await cache.over(source, '').configuration(`https://e${n}.example/${'p'.repeat(n % 2000)}`);
    expect(cache.size.bytes).toBeLessThanOrEqual(keepBytes);
    expect(cache.size.entries).toBeLessThan(keepBytes / 500);
    const before = asked.length;
    await cache.over(source, '').configuration(`https://e1999.example/${'p'.repeat(1999)}`);
    expect(asked).toHaveLength(before);
  }
  expect(KEEP_BYTES).toBe(16 * 1024 * 1024);
});

it('putting an answer in the place of another gives back what that one cost', async () => {
  let now = 0;
  const { source } = counted(() => value('x'.repeat(1000)));
  const cache = createStatementCache(() => now);
  await cache.over(source, '').configuration('a');
  const once = cache.size.bytes;
  for (now = 100; now < 10_000; now += 100) await cache.over(source, '').configuration('a');
  expect(cache.size).toEqual({ entries: 1, bytes: once });
});

it('SE-04: walks that run at the same time share an exchange, never a budget that has run out', async () => {
  let answer: (result: Result<string>) => void = () => undefined;
  const poor = counted(() => new Promise<Result<string>>((done) => (answer = done)));
  const rich = counted(() => value('jwt'));
  const cache = createStatementCache(() => 0);
  const first = cache.over(poor.source, '').configuration('anchor');
  const second = cache.over(rich.source, '').configuration('anchor');
  answer({ ok: false, findings: [finding('budget_exceeded', '', 'the evaluation has used up its bytes')] });
  expect((await first).ok).toBe(false);
  expect(await second).toEqual(value('jwt'));
  expect(rich.asked).toEqual(['anchor']);
});

it('it tells whose configuration it gave: not the subject’s, not one that was fetched, nor one that was asked for anew', async () => {
  const { source, asked } = counted((id) => value(id));
  const cache = createStatementCache(() => 0);
  const first = cache.over(source, 'subject');
  const gave = async (over: StatementSource, id: string, anew?: boolean) => {
    await over.configuration(id, anew);
    return over.fromCache?.(id);
  };
  expect([await gave(first, 'subject'), await gave(first, 'a'), await gave(first, 'a')]).toEqual([false, false, true]);
  const second = cache.over(source, 'other');
  expect(second.fromCache?.('a')).toBe(false);
  expect(await gave(second, 'a')).toBe(true);
  expect(await gave(second, 'a', true)).toBe(false);
  expect(asked).toEqual(['subject', 'a', 'a']);
  expect(await second.statement({ entityId: 'a', fetchEndpoint: 'a/fetch' }, 'b')).toEqual(value(''));
  expect(cache.size.entries).toBe(1);
});

it('a failure that was shared is told as it is, unless it was a budget’s', async () => {
  const { source, asked } = counted(() => ({ ok: false, findings: [finding('fetch_failed', '', '', true)] }));
  const cache = createStatementCache(() => 0);
  const both = await Promise.all([cache.over(source, '').configuration('a'), cache.over(source, '').configuration('a')]);
  expect(both.map(({ ok }) => ok)).toEqual([false, false]);
  expect(asked).toEqual(['a']);
  expect(cache.size).toEqual({ entries: 0, bytes: 0 });
});

it('an exchange that threw is not kept, and a late answer does not take the place of a newer one', async () => {
  const broken = counted(() => Promise.reject(new Error('broken')));
  const cache = createStatementCache(() => 0);
  await expect(cache.over(broken.source, '').configuration('a')).rejects.toThrow('broken');
  expect(cache.size).toEqual({ entries: 0, bytes: 0 });
  for (const end of [
    (done: (result: Result<string>) => void) => done(value('x'.repeat(500))),
    (_: unknown, fail: (why: Error) => void) => fail(new Error('late')),
  ]) {
    let finish = (): void => undefined;
    const slow = counted(() => new Promise<Result<string>>((done, fail) => (finish = () => end(done, fail))));
    const older = cache.over(slow.source, '').configuration('a');
    await cache.over(counted(() => value('new')).source, '').configuration('a', true);
    const { bytes } = cache.size;
    finish();
    await older.catch(() => undefined);
    expect(cache.size).toEqual({ entries: 1, bytes });
    expect(await cache.over(broken.source, '').configuration('a')).toEqual(value('new'));
    await cache
      .over(broken.source, '')
      .configuration('a', true)
      .catch(() => undefined);
  }
});

it('what is oldest goes first, and what an entry costs is its key twice, its text and 500 bytes', async () => {
  const { source, asked } = counted(() => value('x'.repeat(100)));
  const cache = createStatementCache(() => 0, { keepBytes: 2 * (500 + 2 + 100) });
  const over = cache.over(source, '');
  for (const id of ['a', 'b', 'b', 'a']) await over.configuration(id);
  expect(asked).toEqual(['a', 'b']);
  expect(cache.size).toEqual({ entries: 2, bytes: 1204 });
  await over.configuration('c');
  expect(cache.size).toEqual({ entries: 2, bytes: 1204 });
  await over.configuration('b');
  expect(asked).toEqual(['a', 'b', 'c']);
  await over.configuration('a');
  expect(asked).toEqual(['a', 'b', 'c', 'a']);
});
