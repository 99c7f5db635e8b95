import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { inboxOnSqlite } from '../../src/store/inbox.node.js';
import { publishedOnSqlite } from '../../src/store/published.node.js';
import { type NodeStore, openStore } from '../../src/store/store.node.js';
import type { TestStore } from './platform.js';

export const platform: 'node' | 'workers' = 'node';

/** A real SQLite file, empty but for the schema. */
export async function freshStore(now: () => number): Promise<TestStore> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const file = join(folder, 'holdfast.db');
  const store = openStore(file, now);
  const others: NodeStore[] = [];
  onTestFinished(() => {
    for (const one of others) one.close();
    store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const published = publishedOnSqlite(store.reader);
  store.onCommit(() => published.changed());
  return {
    store,
    published,
    another() {
      const other = openStore(file, now);
      others.push(other);
      return other;
    },
    inbox: inboxOnSqlite(store.writer),
    execute: async (sql) => void store.writer.exec(sql),
    rows: async (sql) => store.reader.prepare(sql).all() as Record<string, unknown>[],
  };
}
