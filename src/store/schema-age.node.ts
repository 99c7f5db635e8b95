import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SqliteDatabase } from './sqlite.node.js';

/** How the schema of a database stands to the one this program knows; `empty`: there is none yet. */
export type SchemaAge = 'empty' | 'older' | 'current' | 'newer';

/** By the time of the last migration: drizzle's journal has those this program knows, the database those it has seen. */
export function schemaAge(client: SqliteDatabase, migrations: string): SchemaAge {
  const { entries } = JSON.parse(readFileSync(join(migrations, 'meta/_journal.json'), 'utf8')) as { entries: readonly { when: number }[] };
  const known = Math.max(...entries.map(({ when }) => when));
  if (!client.prepare("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'").get()) return 'empty';
  const seen = client.prepare('SELECT max(created_at) FROM __drizzle_migrations').pluck().get() as number | null;
  if (seen === null) return 'empty';
  return seen === known ? 'current' : seen < known ? 'older' : 'newer';
}

export const NEWER = 'this database was written by a newer version of Holdfast; use that version, or restore a backup from before the upgrade';
