import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { lockDatabase } from '../../src/platform/data-lock.node.js';
import { createBackup, restoreBackup } from '../../src/platform/local/backup.node.js';
import { insertRows } from '../../src/store/bulk.js';
import { setting } from '../../src/store/schema.js';
import { openStore } from '../../src/store/store.node.js';
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
    const old = new Sqlite(kept as string, { readonly: true });
    expect(old.prepare("SELECT value FROM setting WHERE name = 'later'").all()).toEqual([{ value: 'x' }]);
    old.close();
    const fresh = new Sqlite(database, { readonly: true });
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
    expect(await restoreBackup(backup, elsewhere)).toEqual({ lost: 0, kept: undefined });
    for (const file of [backup, elsewhere]) expect(statSync(file).mode & 0o077, file).toBe(0);
  });
});
