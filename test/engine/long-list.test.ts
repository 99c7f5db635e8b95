import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { platform } from '#test-platform';
import { maxWholeBytes } from '../../src/public/built-lists.js';
import { insertRows } from '../../src/store/bulk.js';
import { LIST_PAGE } from '../../src/store/published.js';
import { member } from '../../src/store/schema.js';
import { type Answer, NOW, testDeployment } from '../support/deployment.js';
import { almostNoTimePasses } from '../support/slow-clock.js';

const name = (n: number, tail = '') => `https://m${String(n).padStart(5, '0')}.example${tail}`;

/** So many active members, behind the back of every operation. */
async function members(count: number, about: (n: number) => { readonly type?: string; readonly tail?: string; readonly validUntil?: number }) {
  const d = await testDeployment();
  const [owner] = await d.rows('SELECT id FROM authority');
  const rows = Array.from({ length: count }, (_, n) => {
    const { type, tail, validUntil } = about(n);
    const [entityTypes, json] = [type === undefined ? [] : [type], {}];
    const fixed = { state: 'active' as const, intermediate: false, jwks: { keys: [] }, metadata: json, constraints: json, claims: json, crit: [], cut: 0 };
    return { ...fixed, id: `mem_${n}`, authorityId: String(owner?.['id']), entityId: name(n, tail), entityTypes, validUntil, createdAt: 1, updatedAt: 1, v: 1 };
  });
  for (let at = 0; at < rows.length; at += 500) await d.deployment.store.write([insertRows(member, rows.slice(at, at + 500))]);
  return d;
}

describe('a long list, read in pages of members whether they pass the filter or not', () => {
  it.each([LIST_PAGE - 1, LIST_PAGE, LIST_PAGE + 1])('LI-02: %i members, each once, and of a page no more are read', async (count) => {
    const d = await members(count, () => ({}));
    expect((await d.public('/list')).json).toEqual(Array.from({ length: count }, (_, n) => name(n)));
    const [owner] = await d.rows('SELECT id FROM authority');
    const filter = { entityTypes: ['nothing'], intermediate: false, trustMarked: false, trustMarkTypes: [] };
    const page = await d.published.listPage(String(owner?.['id']), filter, '', LIST_PAGE, NOW);
    expect(page).toEqual({ json: '', next: count >= LIST_PAGE ? name(LIST_PAGE - 1) : undefined, until: null });
  });
  it('LI-03: the few that pass are found on every page, and are one answer with a tag', async () => {
    const d = await members(3500, (n) => (n % 1200 === 1199 ? { type: 'openid_provider', ...(n > 2000 && { validUntil: NOW + 50 }) } : {}));
    const answer = await d.public('/list?entity_type=openid_provider');
    expect(answer.json).toEqual([name(1199), name(2399)]);
    const etag = answer.headers.get('etag') as string;
    expect((await d.public('/list?entity_type=openid_provider', { headers: { 'if-none-match': `W/${etag}` } })).status).toBe(304);
    d.clock = NOW + 50;
    expect((await d.public('/list?entity_type=openid_provider')).json, 'one of them ended, also in what is kept').toEqual([name(1199)]);
    expect((await d.public('/list?entity_type=nothing')).json).toEqual([]);
  });
  it('LI-03: a stream goes on over pages of which nothing passes, to its end', async () => {
    const tail = '/a/path/that/makes/the/answer/too/long/to/be/kept/in/one/piece';
    const passes = (n: number) => n < 1500 || n === 4999;
    const d = await members(5500, (n) => (passes(n) ? { type: 'openid_provider', tail } : { tail }));
    const answer = await d.public('/list?entity_type=openid_provider');
    expect(answer.headers.has('etag'), 'where it can be kept it has a tag').toBe(maxWholeBytes(d.published) > 200_000);
    expect(answer.json).toEqual([...Array.from({ length: 1500 }, (_, n) => name(n, tail)), name(4999, tail)]);
    expect((await d.public('/list')).json).toHaveLength(5500);
    // Of unions there is no end: each that somebody reads slowly would be another copy in memory.
    const union = await d.public('/list?entity_type=openid_provider&entity_type=nothing');
    expect([union.headers.has('etag'), union.text === answer.text]).toEqual([false, true]);
  });
  it('LI-02: whoever asks after a member has ended does not get what is being put together for somebody who came before', async () => {
    const d = await members(LIST_PAGE + 1, (n) => (n === 0 ? { validUntil: NOW + 10 } : {}));
    const { listPage } = d.published;
    let go = () => {};
    const held = new Promise<void>((done) => {
      go = done;
    });
    let pages = 0;
    const slow: typeof listPage = (...asked) => {
      const page = listPage(...asked);
      return ++pages === 2 ? held.then(() => page) : page;
    };
    Object.assign(d.published, { listPage: slow });
    const before = d.public('/list');
    while (pages < 2) await new Promise((done) => setTimeout(done, 0));
    d.clock = NOW + 10;
    const later = d.public('/list');
    while (pages < 3) await new Promise((done) => setTimeout(done, 0));
    go();
    expect([(await before).json.length, (await later).json.length]).toEqual([LIST_PAGE + 1, LIST_PAGE]);
    expect((await later).headers.get('cache-control')).toMatch(/max-age=[1-9]/);
  });
  it.each([
    [0, true],
    [1, false],
  ])(
    'an answer of several pages that is as long as one may be, and %i more, has a tag: %s',
    async (more, whole) => {
      const d = await members(0, () => ({}));
      const most = maxWholeBytes(d.published);
      const count = Math.max(LIST_PAGE + 1, Math.ceil(most / 2000));
      // All of one length, quotes and comma counted, and the last as long as is left.
      const each = Math.floor((most - 1) / count);
      const last = most - 1 - each * (count - 1) + more;
      const tail = (n: number) => `/${'x'.repeat((n === count - 1 ? last : each) - 3 - name(n).length - 1)}`;
      const e = await members(count, (n) => ({ tail: tail(n) }));
      if (platform === 'postgres') almostNoTimePasses();
      const answer = await e.public('/list');
      expect([answer.text.length, answer.json.length]).toEqual([most + more, count]);
      expect(answer.headers.has('etag')).toBe(whole);
      const keeps = e.published.stamp('') !== undefined;
      // On PostgreSQL nobody may have looked yet what has changed: what is read then goes without a tag, and so does whoever is next.
      const asked = async (holds: (answer: Answer) => boolean, how: Parameters<typeof e.public>[1] = {}): Promise<Answer> => {
        for (let left = keeps && platform === 'postgres' ? 2 : 0; ; left--) {
          const answered = await e.public('/list', how);
          if (left === 0 || holds(answered)) return answered;
        }
      };
      const tagged = ({ headers }: Answer) => headers.has('etag');
      const again = await asked(tagged);
      const tag = again.headers.get('etag');
      expect([tag !== null, tag?.startsWith('W/') ?? false, again.text === answer.text]).toEqual([whole || keeps, keeps && !whole, true]);
      if (whole || tag === null) return;
      // Of one that is too long to be kept there is a tag once it was read to its end, until something changes.
      const same = await asked(({ status }) => status === 304, { headers: { 'if-none-match': tag } });
      expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', tag]);
      expect((await asked(tagged, { method: 'HEAD' })).headers.get('etag')).toBe(tag);
      await e.deployment.store.write([
        e.deployment.store.db
          .update(member)
          .set({ validUntil: NOW + 100 })
          .where(eq(member.id, 'mem_1')),
      ]);
      const known = () => e.public('/list', { headers: { 'if-none-match': tag } });
      expect([(await known()).status, (await e.public('/list')).headers.get('etag') === tag]).toEqual([200, false]);
      const until = await asked(tagged);
      expect(until.headers.get('cache-control')).toMatch(/max-age=\d+$/);
      e.clock = NOW + 100;
      const later = await e.public('/list', { headers: { 'if-none-match': until.headers.get('etag') ?? '"x"' } });
      expect([later.status, later.json.length], 'one of them ended').toEqual([200, count - 1]);
    },
    600_000,
  );
});
