import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MIGRATIONS } from '../../../src/store/store.node.js';

/** The migrations before one, in a folder of their own. @returns where */
export function migrationsBefore(folder: string, tag: string): string {
  const older = join(folder, 'drizzle');
  mkdirSync(join(older, 'meta'), { recursive: true });
  const journal = JSON.parse(readFileSync(join(MIGRATIONS, 'meta/_journal.json'), 'utf8')) as { entries: { tag: string }[] };
  const entries = journal.entries.filter((one) => one.tag < tag);
  for (const one of entries) copyFileSync(join(MIGRATIONS, `${one.tag}.sql`), join(older, `${one.tag}.sql`));
  writeFileSync(join(older, 'meta/_journal.json'), JSON.stringify({ ...journal, entries }));
  return older;
}
