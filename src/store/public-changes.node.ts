import type { PublicChange } from './kept-keys.js';
import { WATCHES } from './public-watches.js';
import type { LightDatabase, LightStatement } from './light-database.js';

/**
 * What a commit has changed of what the public plane keeps in memory, said by triggers in the same commit: whoever writes the file,
 * an older version or a shell, cannot forget to say it (but for a `REPLACE`, whose deletions fire none; nothing here uses it on
 * these). A commit that says nothing here costs readers nothing; one that does costs them what it is about. It is about one file and the processes on it, so it is no part of the schema that engines share, and
 * nothing is lost when it is: then everything is read again.
 */
// No number is given twice: one that was read and taken away would come again, and say something else.
const TABLE = 'CREATE TABLE public_change (n INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, authority_id TEXT, kind TEXT, key TEXT, variant TEXT)';

/** So many are kept, at least: who is further behind reads everything again. */
const KEPT = 4000;
/** More of them at once are taken for everything. */
const MANY = 500;

const TRIGGERS: readonly { readonly name: string; readonly sql: string }[] = [
  ...WATCHES.map(({ on, when, what, says = [] }, n) => {
    const values = [`'${what}'`, ...[0, 1, 2, 3].map((at) => says[at] ?? 'NULL')];
    const name = `public_change_${n}`;
    return {
      name,
      sql: `CREATE TRIGGER ${name} AFTER ${on} ${when ? `WHEN ${when} ` : ''}BEGIN INSERT INTO public_change (what, authority_id, kind, key, variant) VALUES (${values.join(', ')}); END`,
    };
  }),
  {
    name: 'public_change_purge',
    sql: `CREATE TRIGGER public_change_purge AFTER INSERT ON public_change WHEN NEW.n % 1000 = 0 BEGIN DELETE FROM public_change WHERE n <= NEW.n - ${KEPT}; END`,
  },
];

const WANTED = new Map([['public_change', TABLE], ...TRIGGERS.map(({ name, sql }) => [name, sql] as const)]);
const STANDING = "SELECT type, name, sql FROM sqlite_master WHERE name LIKE 'public\\_change%' ESCAPE '\\'";
const standing = (client: LightDatabase) => client.prepare(STANDING).all() as { readonly type: string; readonly name: string; readonly sql: string }[];
/** Whether it is just these that stand there: another version may tell of less. */
function areTold(client: LightDatabase): boolean {
  const found = standing(client);
  return found.length === WANTED.size && found.every(({ name, sql }) => WANTED.get(name) === sql);
}

/** Have changes told from now on; nothing is written where that is so already. */
export function tellPublicChanges(writer: LightDatabase): void {
  if (areTold(writer)) return;
  writer
    .transaction(() => {
      if (areTold(writer)) return; // another process was first
      tellNothing(writer);
      writer.exec('DROP TABLE IF EXISTS public_change');
      for (const sql of WANTED.values()) writer.exec(sql);
      // What was written before was told of by nobody, or by others.
      writer.exec("INSERT INTO public_change (what) VALUES ('all')");
    })
    .immediate();
}

/** A migration may make a table anew, or take a column away that one of these looks at. */
export function tellNothing(writer: LightDatabase): void {
  for (const { type, name } of standing(writer)) if (type === 'trigger') writer.exec(`DROP TRIGGER ${name}`);
}

/**
 * Reads on from where it stood: what was told since, or that everything may have changed. That is so whenever anything is not as it
 * was left: the triggers are others, rows are missing, the table is not there.
 */
export function publicChanges(reader: LightDatabase): () => readonly PublicChange[] | 'all' {
  const schemaVersion = reader.prepare('PRAGMA schema_version').pluck();
  let since: LightStatement | undefined;
  let seen: unknown;
  /** The newest row that was read; undefined: nothing can be told. */
  let at: number | undefined;
  const begin = (): 'all' => {
    seen = schemaVersion.get();
    at = undefined;
    if (!areTold(reader)) return 'all';
    since = reader.prepare(`SELECT n, what, authority_id AS authorityId, kind, key, variant FROM public_change WHERE n >= ? ORDER BY n LIMIT ${MANY + 1}`);
    at = (reader.prepare('SELECT max(n) FROM public_change').pluck().get() as number | null | undefined) ?? undefined;
    return 'all';
  };
  begin();
  return () => {
    if (schemaVersion.get() !== seen) return begin();
    if (at === undefined || !since) return 'all';
    const rows = since.all(at) as (PublicChange & { readonly n: number })[];
    if (rows.length > MANY || rows[0]?.n !== at) return begin();
    at = rows.at(-1)?.n ?? at;
    const told = rows.slice(1);
    return told.some(({ what }) => what === 'all') ? 'all' : told;
  };
}
