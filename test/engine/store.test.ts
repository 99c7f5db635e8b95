import { asc, eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { freshStore, platform } from '#test-platform';
import { limits } from '../../src/federation/entry.js';
import { insertRows } from '../../src/store/bulk.js';
import type { ChangeRequest } from '../../src/store/change.js';
import { eventHash } from '../../src/audit/event-hash.js';
import { EMPTY_HEAD } from '../../src/store/event.js';
import { MAX_SPENT, MAX_SPENT_PER_CALLER, MAX_WISHES, MAX_WISHES_PER_CALLER, WISH_SECONDS } from '../../src/store/inbox.js';
import { event, organization, setting } from '../../src/store/schema.js';
import { isDuplicate, raw } from '../../src/store/database.js';
import type { Store } from '../../src/store/store.js';

const now = () => 1_800_000_000;
const actor = { id: 'test', kind: 'system' } as const;
const add = (store: Store, name: string, more: Partial<ChangeRequest<string>> = {}) =>
  store.change<string>({
    authorityId: 'a',
    scope: name,
    actor,
    decide: async () => ({
      events: [{ type: 'test', subjectKind: 'organization', subjectId: name, detail: { name, nested: { z: 1, a: [true, null, 'ü'] } } }],
      statements: [insertRows(organization, [{ id: name, authorityId: 'a', legalName: name, createdAt: 1, updatedAt: 1, v: 1 }])],
      result: name,
    }),
    ...more,
  });
const events = (store: Store) => store.db.select().from(event).where(eq(event.authorityId, 'a')).orderBy(asc(event.seq));

describe(`the store on ${platform}`, () => {
  it('runs where it says it runs', () => {
    const { navigator } = globalThis as { navigator?: { userAgent?: string } };
    expect(navigator?.userAgent === 'Cloudflare-Workers').toBe(platform === 'workers');
  });

  it('commits an operation with its event, or nothing of it', async () => {
    const { store } = await freshStore(now);
    await add(store, 'one');
    const failing = add(store, 'two', {
      decide: async () => ({
        events: [{ type: 'test', subjectKind: 'organization', subjectId: 'two' }],
        statements: [
          insertRows(organization, [{ id: 'two', authorityId: 'a', legalName: 'two', createdAt: 1, updatedAt: 1, v: 1 }]),
          raw('INSERT INTO no_such_table VALUES (1)'),
        ],
        result: '',
      }),
    });
    await expect(failing).rejects.toThrow(/no_such_table/);
    expect((await store.db.select().from(organization)).map(({ id }) => id)).toEqual(['one']);
    expect((await events(store)).map(({ seq, subjectId }) => [seq, subjectId])).toEqual([[1, 'one']]);
  });

  it('numbers and chains the events of 40 writers without a gap', async () => {
    const { store } = await freshStore(now);
    await Promise.all(Array.from({ length: 40 }, (_, n) => add(store, `w${n}`)));
    let head = EMPTY_HEAD;
    for (const row of await events(store)) {
      expect(row.seq).toBe(head.seq + 1);
      expect(row.prevHash).toBe(head.hash);
      expect(eventHash(row)).toBe(row.hash);
      head = { seq: row.seq, hash: row.hash };
    }
    expect(head.seq).toBe(40);
  });

  it('an operation that another writer overtook decides again, on fresh state', async () => {
    const { store } = await freshStore(now);
    await add(store, 'first');
    let runs = 0;
    await add(store, 'late', {
      decide: async () => {
        runs++;
        if (runs === 1)
          await store.write([
            raw(
              "INSERT INTO event (authority_id, seq, at, type, subject_kind, subject_id, actor_id, actor_kind, detail, artefacts, prev_hash, hash) VALUES ('a', 2, 1, 'other', 'member', 'x', 'y', 'system', '{}', '[]', '', '00')",
            ),
          ]);
        return { events: [{ type: 'test', subjectKind: 'organization', subjectId: 'late' }], statements: [], result: '' };
      },
    });
    expect(runs).toBe(2);
    expect((await events(store)).map(({ seq, subjectId }) => [seq, subjectId])).toEqual([
      [1, 'first'],
      [2, 'x'],
      [3, 'late'],
    ]);
  });

  it('operations on one scope never run side by side; a refusal in one leaves the others', async () => {
    const { store } = await freshStore(now);
    let inside = 0;
    const slow = (n: number) =>
      add(store, 'same', {
        decide: async () => {
          expect(++inside).toBe(1);
          await new Promise((done) => setTimeout(done, 5));
          inside--;
          if (n === 1) throw new Error('refused');
          return { events: [{ type: 'test', subjectKind: 'organization', subjectId: `s${n}` }], statements: [], result: '' };
        },
      });
    const results = await Promise.allSettled([slow(0), slow(1), slow(2), add(store, 'other')]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await events(store)).toHaveLength(3);
  });

  it('an operation that finds nothing to do writes nothing', async () => {
    const { store } = await freshStore(now);
    expect(await add(store, 'none', { decide: async () => ({ events: [], statements: [raw('DELETE FROM no_such_table')], result: 'already' }) })).toBe(
      'already',
    );
    expect(await events(store)).toEqual([]);
  });

  it('what cuts goes to the head of the queue', async () => {
    const { store } = await freshStore(now);
    const order: string[] = [];
    const note = (name: string, more: Partial<ChangeRequest<string>> = {}) =>
      add(store, name, {
        scope: null,
        ...more,
        decide: async () => ({
          events: [{ type: 'test', subjectKind: 'organization', subjectId: name }],
          statements: [],
          result: void order.push(name) as never,
        }),
      });
    const first = note('first');
    const waiting = [note('a'), note('b'), note('cut', { urgent: true })];
    await Promise.all([first, ...waiting]);
    expect(order.indexOf('cut')).toBeLessThan(order.indexOf('b'));
  });

  it('takes 500 rows and text of every kind in one statement of one parameter', async () => {
    const { store } = await freshStore(now);
    const rows = Array.from({ length: 500 }, (_, n) => ({ name: `n${n}`, value: `"'\\\n😀${n}` }));
    await store.write([insertRows(setting, rows)]);
    const read = await store.db.select().from(setting);
    expect(read).toHaveLength(500);
    expect(read.find(({ name }) => name === 'n7')?.value).toBe(`"'\\\n😀7`);
  });

  it('tells which uniqueness failed', async () => {
    const { store } = await freshStore(now);
    await store.write([insertRows(setting, [{ name: 'x', value: '1' }])]);
    const error: unknown = await store
      .write([insertRows(setting, [{ name: 'y', value: '1' }]), insertRows(setting, [{ name: 'x', value: '2' }])])
      .catch((one: unknown) => one);
    expect(isDuplicate(error, 'setting.name')).toBe(true);
    expect(isDuplicate(error, 'member.')).toBe(false);
    expect((await store.db.select().from(setting)).map(({ name }) => name)).toEqual(['x']);
  });

  it('spends a client assertion once, per issuer, also 50 at a time (CA-03 replay)', async () => {
    const { inbox } = await freshStore(now);
    const spent = await Promise.all(Array.from({ length: 50 }, () => inbox.spend('https://a.example', 'jti', 5)));
    expect(spent.filter(Boolean)).toHaveLength(1);
    expect(await inbox.spend('https://b.example', 'jti', 5)).toBe(true);
  });
});

describe('what the public plane may write', () => {
  const A = 'https://a.example';
  const assertions = (issuer: string, count: number, exp: string) =>
    `WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ${count}) INSERT INTO used_assertion SELECT ${issuer}, 'old' || i, ${exp} FROM n`;

  it(`CA-03: of one caller ${MAX_SPENT_PER_CALLER} assertions that have not ended: n-1, n, n+1; another caller has his own`, async () => {
    const { inbox, execute } = await freshStore(now);
    await execute(assertions(`'${A}'`, MAX_SPENT_PER_CALLER - 2, '1000'));
    expect([await inbox.spend(A, 'n-1', 1000), await inbox.spend(A, 'n', 1000), await inbox.spend(A, 'n+1', 1000)]).toEqual([true, true, false]);
    expect(await inbox.spend(A, 'n', 1000), 'once').toBe(false);
    expect(await inbox.spend('https://b.example', 'n+1', 1000)).toBe(true);
  });
  it(`of all callers ${MAX_SPENT}: n-1, n, n+1`, async () => {
    const { inbox, execute } = await freshStore(now);
    await execute(assertions("'https://c' || (i % 100)", MAX_SPENT - 2, '1000'));
    expect([await inbox.spend(A, 'n-1', 1000), await inbox.spend(A, 'n', 1000), await inbox.spend(A, 'n+1', 1000)]).toEqual([true, true, false]);
  });
  it('CA-03: assertions that are sent again and again use nothing up, one after another and at once', async () => {
    const { inbox, rows } = await freshStore(now);
    expect(await inbox.spend(A, 'first', 1000)).toBe(true);
    for (let n = 0; n < 20; n++) expect(await inbox.spend(A, 'first', 1000)).toBe(false);
    await Promise.all(Array.from({ length: 50 }, () => inbox.spend(A, 'at once', 1000)));
    expect(await inbox.spend(A, 'last', 1000)).toBe(true);
    const [span] = await rows('SELECT max(rowid) - min(rowid) AS n FROM used_assertion');
    expect(span).toEqual({ n: 2 });
  });
  it('each assertion spent clears a few away that ended long ago, and none that could still be replayed', async () => {
    const { inbox, execute, rows } = await freshStore(now);
    await execute(assertions(`'${A}'`, 35, '1000'));
    await execute("INSERT INTO used_assertion VALUES ('https://b.example', 'recent', 1520)");
    for (let n = 0; n < 4; n++) expect(await inbox.spend(A, `new ${n}`, 2000)).toBe(true);
    expect((await rows("SELECT jti FROM used_assertion WHERE jti NOT LIKE 'new%'")).map(({ jti }) => jti)).toEqual(['recent']);
    // The newest that is accepted ends in six minutes; one that ended a minute ago is accepted still.
    expect(await inbox.spend('https://b.example', 'recent', 1520 + limits.MAX_ASSERTION_LIFETIME + limits.CLOCK_SKEW_SECONDS)).toBe(false);
  });
  it(`${MAX_WISHES_PER_CALLER} wishes of one caller, ${MAX_WISHES} of all: n-1, n, n+1; one that is there is granted; after an hour they are forgotten`, async () => {
    const { inbox, rows } = await freshStore(now);
    const want = (n: number, caller = 'a', at = 10) => inbox.want('aut', `https://s${n}.example`, caller, at);
    for (let n = 0; n < MAX_WISHES_PER_CALLER; n++) expect(await want(n), `${n + 1}`).toBe(true);
    expect([await want(20), await want(0), await want(0, 'b')]).toEqual([false, true, true]);
    for (let n = MAX_WISHES_PER_CALLER; n < MAX_WISHES; n++) expect(await want(n, `c${n % 50}`), `${n + 1}`).toBe(true);
    expect([await want(MAX_WISHES, 'd'), await want(5, 'd')]).toEqual([false, true]);
    expect(await want(MAX_WISHES, 'a', 10 + WISH_SECONDS)).toBe(false);
    expect(await want(MAX_WISHES, 'a', 11 + WISH_SECONDS)).toBe(true);
    expect(await rows('SELECT subject FROM wanted_subject')).toHaveLength(1);
  });
});
