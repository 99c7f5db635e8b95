import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { inboxOnSqlite } from '../../src/store/inbox.node.js';
import { publishedOnSqlite } from '../../src/store/published.node.js';
import { openStore } from '../../src/store/store.node.js';
import { GUARDS, unguarded } from './guards.js';
import type { TestStore } from './platform.js';

export { askingAll as askingPublic } from './hot-answers.js';
export const platform: 'node' | 'workers' | 'postgres' = 'node';

function opened(file: string, now: () => number) {
  const store = openStore(file, now);
  onTestFinished(() => store.close());
  const published = publishedOnSqlite(store.reader);
  store.onCommit(() => published.changed());
  return { store, published, inbox: inboxOnSqlite(store.writer) };
}

/** What all migrations leave, made once: each test has a copy. */
let migrated: Buffer | undefined;
function migratedIn(folder: string): Buffer {
  const file = join(folder, 'migrated.db');
  openStore(file, () => 0).close();
  return readFileSync(file);
}

/** A real SQLite file, empty but for the schema. */
export async function freshStore(now: () => number): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'holdfast.db');
  migrated ??= migratedIn(folder);
  writeFileSync(file, migrated, { mode: 0o600 });
  const own = opened(file, now);
  const { store } = own;
  return {
    ...own,
    another: () => opened(file, now),
    execute: async (sql) => {
      for (const one of unguarded(sql, () => store.writer.prepare(GUARDS).all() as { name: string; sql: string }[])) store.writer.exec(one);
    },
    rows: async (sql) => store.reader.prepare(sql).all() as Record<string, unknown>[],
  };
}
