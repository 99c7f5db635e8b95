import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { insertRows } from '../../src/store/bulk.js';
import { StoreBusy, StoreFull } from '../../src/store/database.js';
import { setting } from '../../src/store/schema.js';
import { MIGRATIONS, openStore } from '../../src/store/store.node.js';
import { tempFolder } from '../support/process.js';

const row = (name: string, bytes = 10) => insertRows(setting, [{ name, value: 'x'.repeat(bytes) }]);

describe('the database file', () => {
  it('a full disk: StoreFull, nothing half-written, reads go on, and it recovers', async () => {
    const store = openStore(join(tempFolder(), 'a.db'), () => 1);
    await store.write([row('before')]);
    store.writer.pragma(`max_page_count = ${Number(store.writer.pragma('page_count', { simple: true })) + 2}`);
    await expect(store.write([row('a'), row('b', 100_000)])).rejects.toBeInstanceOf(StoreFull);
    const change = store.change({
      authorityId: 'a',
      scope: null,
      actor: { id: 't', kind: 'system' },
      decide: async () => ({ events: [{ type: 't', subjectKind: 'job', subjectId: 'x' }], statements: [row('c', 100_000)], result: 1 }),
    });
    await expect(change).rejects.toBeInstanceOf(StoreFull);
    expect((await store.db.select().from(setting)).map(({ name }) => name)).toEqual(['before']);
    expect(store.reader.prepare('SELECT count(*) AS n FROM event').get()).toEqual({ n: 0 });
    store.writer.pragma('max_page_count = 1073741823');
    await store.write([row('after', 100_000)]);
    store.close();
  });

  it('a database locked by another process: waited for without blocking, then StoreBusy', async () => {
    const file = join(tempFolder(), 'a.db');
    const store = openStore(file, () => 1);
    const other = openSqlite(file);
    other.exec('BEGIN IMMEDIATE');
    let ticks = 0;
    // The other one gives it back only when the event loop has gone on for a while.
    const ticking = setInterval(() => void (++ticks === 6 && other.exec('COMMIT')), 40);
    await store.write([row('patient')]);
    expect(ticks, 'the event loop went on').toBeGreaterThan(5);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.write([row('too late')])).rejects.toBeInstanceOf(StoreBusy);
    other.exec('COMMIT');
    clearInterval(ticking);
    other.close();
    store.close();
  });

  it('64 operations at once share transactions: at least 8 each, counted', async () => {
    const store = openStore(join(tempFolder(), 'a.db'), () => 1);
    await Promise.all(
      Array.from({ length: 640 }, (_, n) =>
        store.change({
          authorityId: 'a',
          scope: `m${n}`,
          actor: { id: 't', kind: 'system' },
          decide: async () => ({ events: [{ type: 't', subjectKind: 'job', subjectId: `${n}` }], statements: [row(`n${n}`)], result: n }),
        }),
      ),
    );
    expect(store.counts.operations).toBe(640);
    expect(store.counts.operations / store.counts.transactions).toBeGreaterThanOrEqual(8);
    store.close();
  });

  it('reads cannot write: the reader is query_only', () => {
    const store = openStore(join(tempFolder(), 'a.db'), () => 1);
    expect(() => store.reader.exec('DELETE FROM setting')).toThrow(/readonly|query_only|read/i);
    store.close();
  });

  it('migrations never drop a table nor cascade: a rebuild would silently delete children', () => {
    const sql = readdirSync('drizzle')
      .filter((name) => name.endsWith('.sql'))
      .map((name) => readFileSync(join('drizzle', name), 'utf8'))
      .join('\n');
    expect(sql).toContain('CREATE TABLE');
    expect(sql).not.toMatch(/DROP TABLE|ON DELETE|REFERENCES/i);
  });

  it('a database of the first schema, with data, is brought up to date and keeps everything', () => {
    const folder = tempFolder();
    const first = join(folder, 'drizzle');
    mkdirSync(join(first, 'meta'), { recursive: true });
    const journal = JSON.parse(readFileSync(join(MIGRATIONS, 'meta/_journal.json'), 'utf8')) as { entries: { idx: number; tag: string }[] };
    const [oldest] = journal.entries;
    writeFileSync(join(first, 'meta/_journal.json'), JSON.stringify({ ...journal, entries: [oldest] }));
    copyFileSync(join(MIGRATIONS, `${oldest?.tag}.sql`), join(first, `${oldest?.tag}.sql`));
    const file = join(folder, 'holdfast.db');
    const old = openStore(file, () => 1, { migrations: first });
    old.writer.exec(
      "INSERT INTO member (id, authority_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, cut, created_at, updated_at, v) VALUES ('m', 'a', 'https://x.example', 'active', '[]', 0, '{\"keys\":[]}', '{}', '{}', '{}', '[]', 3, 1, 1, 7)",
    );
    old.close();
    const store = openStore(file, () => 1);
    expect(store.reader.prepare('SELECT entity_id, cut, v, hosted FROM member').all()).toEqual([{ entity_id: 'https://x.example', cut: 3, v: 7, hosted: 0 }]);
    expect(store.reader.prepare('SELECT count(*) AS n FROM snapshot').get()).toEqual({ n: 0 });
    store.close();
  });
});
