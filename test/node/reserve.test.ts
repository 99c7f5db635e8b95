import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type SeenHeads, watchHeads } from '../../src/operations/restore/watch-heads.js';
import { insertRows } from '../../src/store/bulk.js';
import { StoreFull } from '../../src/store/database.js';
import { diskReserve, type Reserve, reserveFile } from '../../src/store/reserve.node.js';
import { setting } from '../../src/store/schema.js';
import { unconfirmed } from '../../src/store/standing.js';
import { openStore } from '../../src/store/store.node.js';
import { tempFolder } from '../support/process.js';

const row = (name: string, bytes = 10) => insertRows(setting, [{ name, value: 'x'.repeat(bytes) }]);

/** A store with no room left but what its reserve gives up. */
function fullStore() {
  const did: string[] = [];
  let spent = false;
  let room = false;
  const pages = (more: number) => store.writer.pragma(`max_page_count = ${Number(store.writer.pragma('page_count', { simple: true })) + more}`);
  const reserve: Reserve = {
    get spent() {
      return spent;
    },
    spend() {
      did.push('spent');
      spent = true;
      pages(100);
    },
    refill() {
      if (room) spent = false;
      return !spent;
    },
  };
  const store = openStore(join(tempFolder(), 'a.db'), () => 1, { reserve });
  const change = (name: string, { urgent = false, bytes = 50_000 } = {}) =>
    store.change({
      authorityId: 'a',
      scope: name,
      urgent,
      actor: { id: 't', kind: 'system' },
      decide: async () => ({ events: [{ type: 't', subjectKind: 'job', subjectId: name }], statements: [row(name, bytes)], result: name }),
    });
  pages(1);
  return {
    store,
    did,
    change,
    makeRoom() {
      pages(1_000_000);
      room = true;
    },
    names: async () => (await store.db.select().from(setting)).map(({ name }) => name).sort(),
  };
}

it('R15 a full disk: a cut spends the reserve and is committed, with its event; nothing else may use what it gave up', async () => {
  const { store, did, change, makeRoom, names } = fullStore();
  await expect(change('enrol')).rejects.toBeInstanceOf(StoreFull);
  expect(did, 'what is no cut spends nothing').toEqual([]);
  expect(await change('cut', { urgent: true })).toBe('cut');
  expect(did).toEqual(['spent']);
  await expect(change('small', { bytes: 10 })).rejects.toBeInstanceOf(StoreFull);
  await expect(store.write([row('renewal')])).rejects.toBeInstanceOf(StoreFull);
  await expect(store.probe()).rejects.toBeInstanceOf(StoreFull);
  expect(await change('another cut', { urgent: true })).toBe('another cut');
  expect(await names()).toEqual(['another cut', 'cut']);
  expect(store.reader.prepare('SELECT count(*) AS n FROM event').get()).toEqual({ n: 2 });
  makeRoom();
  await store.probe();
  expect(await change('enrol')).toBe('enrol');
  store.close();
});

it('cuts and others that arrive together: the cuts are committed, each of the others is told that the disk is full', async () => {
  const { store, change, names } = fullStore();
  const all = ['a', 'b', 'c', 'd', 'e', 'f'];
  const done = await Promise.allSettled(all.map((name, n) => change(name, { urgent: n % 2 === 0, bytes: 20_000 })));
  expect(done.map(({ status }) => status)).toEqual(all.map((_, n) => (n % 2 === 0 ? 'fulfilled' : 'rejected')));
  for (const one of done) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(StoreFull);
  expect(await names()).toEqual(['a', 'c', 'e']);
  store.close();
});

it('when even the reserve does not suffice the cut is told so, and does not go round in circles', async () => {
  const { store, did, change } = fullStore();
  await expect(change('cut', { urgent: true, bytes: 10_000_000 })).rejects.toBeInstanceOf(StoreFull);
  expect(did).toEqual(['spent']);
  store.close();
});

it('the reserve is a file beside the database: given up, and taken back when there is room', async () => {
  const database = join(tempFolder(), 'a.db');
  const file = reserveFile(database);
  const reserve = diskReserve(database, 1000);
  expect([reserve.spent, statSync(file).size, statSync(file).mode & 0o777]).toEqual([false, 1000, 0o600]);
  reserve.spend();
  expect([reserve.spent, existsSync(file), reserve.refill()], 'not at once: whoever fills the disk is at it').toEqual([true, false, false]);
  writeFileSync(file, 'half written');
  expect([diskReserve(database, 1000).spent, statSync(file).size]).toEqual([false, 1000]);
  expect(diskReserve(join(tempFolder(), 'no such folder', 'a.db'), 1000)).toMatchObject({ spent: true });
});

it('several processes on one disk: what one of them gave up is used by no other one', async () => {
  const database = join(tempFolder(), 'a.db');
  const [ours, theirs] = [diskReserve(database, 1000), diskReserve(database, 1000)];
  const store = openStore(database, () => 1, { reserve: theirs });
  await store.write([row('before')]);
  ours.spend();
  expect(theirs.spent).toBe(true);
  await expect(store.write([row('after')])).rejects.toBeInstanceOf(StoreFull);
  store.close();
});

it('a cut that was committed is not called failed because its log could not be emptied', async () => {
  const { store, change } = fullStore();
  expect(await change('cut', { urgent: true })).toBe('cut');
  const { pragma } = store.writer;
  store.writer.pragma = (text, options) => {
    if (text.startsWith('wal_checkpoint')) throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
    return pragma.call(store.writer, text, options);
  };
  expect(await change('another cut', { urgent: true })).toBe('another cut');
  store.writer.pragma = pragma;
  store.close();
});

it('what withholds a history that went back is written on a full disk too; nothing else that has no event is', async () => {
  const { store, did, names } = fullStore();
  const seen: SeenHeads = new Map([['aut_gone', { seq: 9, hash: 'cd'.repeat(32) }]]);
  // Nothing that is as long as the pages that are left.
  await expect(store.write([row('renewal', 50_000)])).rejects.toBeInstanceOf(StoreFull);
  store.writer.pragma(`max_page_count = ${Number(store.writer.pragma('page_count', { simple: true }))}`);
  for (let n = 0; n < 60; n++) seen.set(`aut_gone_${n}`, { seq: 9, hash: 'cd'.repeat(32) });
  await watchHeads({ store, now: () => 5 }, seen);
  expect(await names()).toEqual(['unconfirmed']);
  expect(did).toEqual(['spent']);
  seen.set('aut_more', { seq: 9, hash: 'cd'.repeat(32) });
  await watchHeads({ store, now: () => 5 }, seen);
  expect((await unconfirmed(store.db))?.givenUp).toHaveLength(62);
  await expect(store.write([row('renewal')])).rejects.toBeInstanceOf(StoreFull);
  store.close();
});
