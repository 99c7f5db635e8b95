import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { createBackup, verifyBackup } from '../../src/platform/local/backup.node.js';
import { fsckFile } from '../../src/platform/local/fsck.node.js';
import { insertRows } from '../../src/store/bulk.js';
import { setting } from '../../src/store/schema.js';
import { MIGRATIONS, openStore } from '../../src/store/store.node.js';
import { tempFolder } from '../support/process.js';

const tables = (file: string) => {
  const client = openSqlite(file, { readonly: true });
  const names = client.prepare("SELECT group_concat(sql, ';') FROM sqlite_master ORDER BY name").pluck().get();
  client.close();
  return names;
};

/** The migrations of the first version alone. */
function olderMigrations(folder: string): string {
  const older = join(folder, 'older');
  mkdirSync(join(older, 'meta'), { recursive: true });
  const journal = JSON.parse(readFileSync(join(MIGRATIONS, 'meta/_journal.json'), 'utf8')) as { entries: { tag: string }[] };
  const entries = journal.entries.slice(0, 1);
  for (const { tag } of entries) copyFileSync(join(MIGRATIONS, `${tag}.sql`), join(older, `${tag}.sql`));
  writeFileSync(join(older, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }));
  return older;
}

it('fsck of a database of an older version says so and changes nothing; a backup of it is verified on its copy', async () => {
  const folder = tempFolder();
  const file = join(folder, 'a.db');
  openStore(file, () => 1, { migrations: olderMigrations(folder) }).close();
  const before = tables(file);
  await expect(fsckFile(file)).rejects.toThrow(/older version.*fsck changes nothing/);
  expect(tables(file)).toEqual(before);
  const backup = join(folder, 'b.db');
  await createBackup(file, backup, () => undefined);
  expect(await verifyBackup(backup)).toMatchObject({ integrity: 'ok' });
  expect(tables(backup)).toEqual(before);
});

it('a database of a newer version is opened by nobody', async () => {
  const file = join(tempFolder(), 'a.db');
  openStore(file, () => 1).close();
  const client = openSqlite(file);
  client.prepare("INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('later', ?)").run(Date.now() + 1e9);
  client.close();
  expect(() => openStore(file, () => 1)).toThrow(/newer version/);
  await expect(fsckFile(file)).rejects.toThrow(/newer version/);
});

it('what a store writes is for its owner to read', async () => {
  const file = join(tempFolder(), 'a.db');
  const store = openStore(file, () => 1);
  await store.write([insertRows(setting, [{ name: 'a', value: 'b' }])]);
  for (const suffix of ['', '-wal', '-shm']) expect(statSync(`${file}${suffix}`).mode & 0o077, suffix).toBe(0);
  store.close();
});

it('fsck beside an open store, and of one that is current', async () => {
  const file = join(tempFolder(), 'a.db');
  const store = openStore(file, () => 1);
  expect(await fsckFile(file)).toEqual({ integrity: 'ok', damages: [] });
  store.close();
  expect(await fsckFile(file)).toEqual({ integrity: 'ok', damages: [] });
});
