import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { GUARDS, unguarded } from '../support/guards.js';
import { command } from '../support/node/command.js';
import { freePort, tempFolder } from '../support/process.js';

const PAGE = 4096;

async function initialized() {
  const folder = tempFolder();
  const env = { HOLDFAST_DATA: folder, HOLDFAST_URL: `http://localhost:${await freePort()}` };
  expect((await command(['init'], env)).code).toBe(0);
  const database = join(folder, 'holdfast.db');
  const change = (sql: string) => {
    const client = openSqlite(database);
    for (const one of unguarded(sql, () => client.prepare(GUARDS).all() as { name: string; sql: string }[])) client.exec(one);
    client.pragma('wal_checkpoint(TRUNCATE)');
    client.close();
  };
  change('SELECT 1');
  return { folder, env, database, change };
}

/** Overwrite the page where a table begins. */
function damage(database: string, table: string): void {
  const client = openSqlite(database, { readonly: true });
  const page = client.prepare('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck().get(table) as number;
  client.close();
  const bytes = readFileSync(database);
  bytes.fill(0xff, (page - 1) * PAGE, page * PAGE);
  writeFileSync(database, bytes);
}

describe('a damaged file', () => {
  it.each(['artefact', 'event', 'member', 'event_subject'])('backup create ends with 4 and leaves nothing, when a page of %s is damaged', async (table) => {
    const { folder, env, database } = await initialized();
    damage(database, table);
    const made = await command(['backup', 'create', join(folder, 'b.db')], env);
    expect([made.code, made.stdout]).toEqual([4, '']);
    expect(made.stderr).toMatch(/no backup was made: the copy is damaged \(.+\)/);
    expect(readdirSync(folder).filter((name) => name.startsWith('b.db'))).toEqual([]);
  });
  it('backup verify and restore end with 4, and say what is damaged', async () => {
    const { folder, env, database } = await initialized();
    const backup = join(folder, 'b.db');
    expect((await command(['backup', 'create', backup], env)).code).toBe(0);
    expect((await command(['backup', 'verify', backup], env)).code).toBe(0);
    damage(backup, 'artefact');
    const verified = await command(['backup', 'verify', backup], env);
    expect([verified.code, verified.stdout]).toEqual([
      4,
      expect.stringMatching(/^the backup is damaged: .*\n(.*\n)*rows_unreadable +deployment +table artefact /),
    ]);
    const before = readFileSync(database);
    expect((await command(['backup', 'restore', backup, '--accept-rollback'], env)).code).toBe(4);
    expect(readFileSync(database).equals(before)).toBe(true);
    const text = join(folder, 'text.db');
    writeFileSync(text, 'this is no database at all. '.repeat(1000));
    expect(await command(['backup', 'verify', text], env)).toMatchObject({ code: 4, stdout: expect.stringContaining('file is not a database') });
    expect(readdirSync(folder).filter((name) => name.includes('verify-'))).toEqual([]);
  });
  it('fsck tells what SQLite found, and looks at what can be read all the same', async () => {
    const { env, database, change } = await initialized();
    change("UPDATE event SET reason = 'forged' WHERE authority_id <> 'deployment' AND seq = 1");
    damage(database, 'artefact');
    const { code, stdout, stderr } = await command(['fsck'], env);
    expect(code).toBe(4);
    expect(stdout).toMatch(/^the database file is damaged: /);
    expect(stdout).toMatch(/rows_unreadable +main +artefacts/);
    expect(stdout).toMatch(/event_hash +main +event 1/);
    expect(stderr).toMatch(/rows_unreadable \(\d\): the file is damaged: stop the server/);
  });
});

describe('a cell that cannot be read', () => {
  it('fsck names its row, goes on, says what to do and ends with 4', async () => {
    const { env, change } = await initialized();
    change("UPDATE authority SET metadata = '{'; UPDATE event SET reason = 'forged' WHERE authority_id <> 'deployment' AND seq = 1");
    const text = await command(['fsck'], env);
    expect([text.code, text.stdout]).toEqual([4, expect.stringMatching(/cell_unreadable +main +authority row 1 \(http:\/\/localhost:\d+\)/)]);
    expect(text.stdout).toMatch(/event_hash +main +event 1/);
    expect(text.stderr).toContain('2 finding(s). What to do:');
    const json = JSON.parse((await command(['fsck', '--json'], env)).stdout) as { integrity: string; damages: { code: string; fix: string }[] };
    expect([json.integrity, json.damages.map(({ code }) => code)]).toEqual(['ok', ['cell_unreadable', 'event_hash']]);
    expect(json.damages[0]?.fix).toContain('restore a sound backup');
  });
  it('a backup with what the running deployment puts right is restored, one with worse is not', async () => {
    const { folder, env, database, change } = await initialized();
    const [slight, grave] = [join(folder, 'slight.db'), join(folder, 'grave.db')];
    copyFileSync(database, slight);
    change("UPDATE authority SET metadata = '{'");
    copyFileSync(database, grave);
    const client = openSqlite(slight);
    client.exec('UPDATE authority_key SET signed_until = 1');
    client.close();
    expect((await command(['backup', 'verify', slight], env)).stdout).toContain('signed_until');
    expect(await command(['backup', 'restore', grave], env)).toMatchObject({ code: 4, stderr: expect.stringContaining('1 finding(s)') });
    expect((await command(['backup', 'restore', slight], env)).code).toBe(0);
  });
});
