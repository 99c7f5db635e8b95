import { copyFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { startingCall } from '../../src/operations/call.js';
import { lockDatabase } from '../../src/platform/data-lock.node.js';
import { createBackup, restoreBackup, verifyBackup } from '../../src/platform/local/backup.node.js';
import { insertRows } from '../../src/store/bulk.js';
import { authority, setting, UNCONFIRMED } from '../../src/store/schema.js';
import { unconfirmed } from '../../src/store/standing.js';
import { openStore } from '../../src/store/store.node.js';
import { groundOf, openAnswering } from '../../src/platform/deployment.node.js';
import { readConfig } from '../../src/platform/config.js';
import { tempFolder } from '../support/process.js';

async function prepared() {
  const folder = tempFolder();
  const [database, backup] = [join(folder, 'holdfast.db'), join(folder, 'b.db')];
  const store = openStore(database, () => 1);
  await createBackup(database, backup, () => undefined);
  await store.write([insertRows(setting, [{ name: 'later', value: 'x' }])]);
  return { folder, database, backup, store };
}

describe('restoring a backup', () => {
  it('keeps what was there whole: also what stands in the write-ahead log alone', async () => {
    const { database, backup, store } = await prepared();
    const { kept } = await restoreBackup(backup, database); // this connection stands for a process that was killed: it holds no lock
    store.close();
    const old = openSqlite(kept as string, { readonly: true });
    expect(old.prepare("SELECT value FROM setting WHERE name = 'later'").all()).toEqual([{ value: 'x' }]);
    old.close();
    const fresh = openSqlite(database, { readonly: true });
    expect(fresh.prepare("SELECT value FROM setting WHERE name = 'later'").all()).toEqual([]);
    fresh.close();
  });
  it('is refused while a process has the database open, and leaves everything as it was', async () => {
    const { folder, database, backup, store } = await prepared();
    const held = [lockDatabase(database), lockDatabase(database)];
    await expect(restoreBackup(backup, database)).rejects.toThrow(/open; stop it first/);
    expect(readdirSync(folder).filter((name) => /before-restore|partial/.test(name))).toEqual([]);
    for (const one of held) one.release();
    store.close();
    expect((await restoreBackup(backup, database)).kept).toBeDefined();
  });
  it('says that nothing was kept where nothing was; backup and database are their owner’s alone', async () => {
    const { folder, backup, store } = await prepared();
    store.close();
    const elsewhere = join(folder, 'new', 'holdfast.db');
    expect(await restoreBackup(backup, elsewhere)).toMatchObject({ lost: 0, kept: undefined });
    for (const file of [backup, elsewhere]) expect(statSync(file).mode & 0o077, file).toBe(0);
  });
  it('is one file of its owner alone, says when it was made and where it ends, and withholds once it took the place', async () => {
    const { folder, add, database } = await deployment();
    const before = Math.floor(Date.now() / 1000);
    await add('one');
    const backup = join(folder, 'b.db');
    const made = await createBackup(database, backup, () => undefined);
    expect(made.at).toBeGreaterThanOrEqual(before);
    expect(made.heads).toMatchObject([{ slug: 'one', seq: 1, hash: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    expect(await verifyBackup(backup)).toMatchObject({ integrity: 'ok', damages: [], at: made.at, heads: made.heads });
    expect(readdirSync(folder).filter((name) => name.startsWith('b.db'))).toEqual(['b.db']);
    const elsewhere = join(folder, 'new', 'holdfast.db');
    expect(await restoreBackup(backup, elsewhere)).toMatchObject({ lost: 0, heads: made.heads });
    expect(readdirSync(join(folder, 'new')).filter((name) => !name.endsWith('.lock'))).toEqual(['holdfast.db']);
    const restored = openSqlite(elsewhere, { readonly: true });
    const standing = JSON.parse(restored.prepare('SELECT value FROM setting WHERE name = ?').pluck().get(UNCONFIRMED) as string);
    expect(standing).toMatchObject({ reason: 'restored', backupAt: made.at, givenUp: [] });
    restored.close();
    // A backup made of a restored database that nobody confirmed is none that anybody confirmed.
    const second = join(folder, 'second.db');
    await createBackup(elsewhere, second, () => undefined);
    const copy = openSqlite(second, { readonly: true });
    expect(copy.prepare('SELECT count(*) FROM setting WHERE name = ?').pluck().get(UNCONFIRMED)).toBe(1);
    copy.close();
  });
  it('counts what is lost by the history, not by the number: a chain of the same length that went another way lacks it', async () => {
    const { folder, add, database, close } = await deployment();
    await add('one');
    const backup = join(folder, 'b.db');
    await createBackup(database, backup, () => undefined);
    await close();
    const fork = await deployment(join(folder, 'fork'), backup);
    const main = await deployment(folder);
    for (const one of [fork, main]) {
      await one.deployment.store.change({
        authorityId: one.authorityId,
        scope: null,
        actor: { id: 'x', kind: 'system' },
        decide: async () => ({ events: [{ type: one === fork ? 'theirs' : 'ours', subjectKind: 'authority', subjectId: 'x' }], statements: [], result: 0 }),
      });
    }
    const forked = join(folder, 'forked.db');
    await createBackup(fork.database, forked, () => undefined);
    await Promise.all([fork.close(), main.close()]);
    await expect(restoreBackup(forked, database)).rejects.toThrow(/lacks 1 event/);
    expect(await restoreBackup(forked, database, { acceptRollback: true })).toMatchObject({ lost: 1 });
  });
});

/** A deployment on real files. @param from a database to begin with */
async function deployment(folder = tempFolder(), from?: string) {
  const ground = await groundOf(readConfig({ HOLDFAST_DATA: folder }));
  const database = join(folder, 'holdfast.db');
  if (from !== undefined) copyFileSync(from, database);
  const opened = openAnswering(ground, { ask: () => Promise.reject(new Error('nobody is asked')) } as never);
  const [known] = await opened.store.db.select().from(authority);
  return {
    folder,
    database,
    deployment: opened,
    authorityId: known?.id ?? '',
    add: (slug: string) => createAuthority(startingCall(opened), { slug, entityId: `http://localhost:8080/${slug}` }),
    close: () => opened.close(),
  };
}

it('a backup that somebody copied into place by hand is withheld as well', async () => {
  const { folder, add, database } = await deployment();
  await add('one');
  const backup = join(folder, 'b.db');
  await createBackup(database, backup, () => undefined);
  const elsewhere = join(tempFolder(), 'holdfast.db');
  copyFileSync(backup, elsewhere);
  const store = openStore(elsewhere, () => 1);
  expect(await unconfirmed(store.db)).toMatchObject({ reason: 'restored', backupAt: expect.any(Number) });
  store.close();
  expect(await verifyBackup(backup)).toMatchObject({ integrity: 'ok', damages: [] });
});
