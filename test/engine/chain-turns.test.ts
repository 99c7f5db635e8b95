import { asc, eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { freshStore } from '#test-platform';
import { insertRows } from '../../src/store/bulk.js';
import type { ChangeRequest } from '../../src/store/change.js';
import { raw } from '../../src/store/database.js';
import { event, lease, organization } from '../../src/store/schema.js';
import type { Store } from '../../src/store/store.js';

const now = () => 1_800_000_000;
const later = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));
const add = (store: Store, name: string, { takes = 0, ...more }: Partial<ChangeRequest<string>> & { takes?: number } = {}) =>
  store.change<string>({
    authorityId: 'a',
    scope: name,
    actor: { id: 'test', kind: 'system' },
    decide: async () => {
      if (takes) await later(takes);
      return {
        events: [{ type: 'test', subjectKind: 'organization', subjectId: name }],
        statements: [insertRows(organization, [{ id: name, authorityId: 'a', legalName: name, createdAt: 1, updatedAt: 1, v: 1 }])],
        result: name,
      };
    },
    ...more,
  });

describe('several processes that decide on one event chain', () => {
  it('lets the slower one have its turns beside one that never rests', async () => {
    const { store, another } = await freshStore(now);
    const slow = another().store;
    let going = true;
    let quick = 0;
    const restless = (async () => {
      for (; going; await later(0)) await add(store, `quick ${quick++}`);
    })();
    for (let n = 0; n < 8; n++) await add(slow, `slow ${n}`, { takes: 15 });
    going = false;
    await restless;
    const names = (await store.db.select({ id: event.subjectId }).from(event).where(eq(event.authorityId, 'a')).orderBy(asc(event.seq))).map(({ id }) => id);
    expect(names.filter((id) => id.startsWith('slow'))).toEqual(Array.from({ length: 8 }, (_, n) => `slow ${n}`));
    expect(names).toHaveLength(8 + quick);
    expect(await store.db.select().from(lease)).toEqual([]);
  });

  it('takes over the turn of a process that has died in it', async () => {
    const { store } = await freshStore(now);
    await store.write([raw("INSERT INTO lease (name, holder, until) VALUES ('chain a', 'dead', 0)")]);
    await add(store, 'one');
    expect(await store.db.select().from(lease)).toEqual([]);
    await add(store, 'two');
  });

  it('lets a cut wait for nobody, also one that comes while something waits', async () => {
    const { store } = await freshStore(now);
    await store.write([raw("INSERT INTO lease (name, holder, until) VALUES ('chain a', 'dead', 0)")]);
    const done: string[] = [];
    const waits = add(store, 'waits').then((name) => done.push(name));
    await later(20);
    await add(store, 'cut', { urgent: true }).then((name) => done.push(name));
    await waits;
    expect(done).toEqual(['cut', 'waits']);
    const [first] = await store.db.select().from(event).where(eq(event.authorityId, 'a')).orderBy(asc(event.seq)).limit(1);
    expect(first?.subjectId).toBe('cut');
  });

  it.each(['this process', 'another process'])('a cut of several chains wins against writers of %s who never rest; they go on after it', async (where) => {
    const { store, another } = await freshStore(now);
    const busy = where === 'this process' ? store : another().store;
    let [going, quick, tries] = [true, 0, 0];
    const restless = (async () => {
      for (; going; await later(0)) await add(busy, `quick ${quick++}`);
    })();
    while (quick < 2) await later(1);
    const told = (subjectId: string) => [{ type: 'test', subjectKind: 'organization' as const, subjectId }];
    await store.change({
      authorityId: 'deployment',
      scope: null,
      urgent: true,
      actor: { id: 'test', kind: 'system' },
      async decide(watch) {
        await watch('a');
        const before = quick;
        // As long as others may write they do so while it decides.
        for (let looks = 0; tries < 20 && looks < 10 && quick === before; looks++) await later(5);
        tries++;
        return { events: told('cut'), elsewhere: [{ authorityId: 'a', events: told('cut') }], statements: [], result: null };
      },
    });
    const [then, last] = [quick, tries];
    while (quick < then + 2) await later(1);
    going = false;
    await restless;
    expect(last).toBeLessThan(8);
    expect(await store.db.select().from(lease)).toEqual([]);
  });
});
