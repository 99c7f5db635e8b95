import { getTableName, is } from 'drizzle-orm';
import { getTableConfig, SQLiteTable } from 'drizzle-orm/sqlite-core';
import * as schema from '../../src/store/schema.js';
import { literal } from './model/copies.js';
import { platform } from '#test-platform';
import type { TestStore } from './platform.js';

interface Column {
  readonly name: string;
  /** By its value rows are found. */
  readonly key: boolean;
  readonly text: boolean;
}
export interface SabotagedTable {
  readonly name: string;
  readonly columns: readonly Column[];
}

/** Every table of the schema with its columns, so that a new one is among them. */
export const SABOTAGED: readonly SabotagedTable[] = Object.values(schema).flatMap((one) => {
  if (!is(one, SQLiteTable)) return [];
  const { columns, primaryKeys, indexes } = getTableConfig(one);
  const unique = [...primaryKeys.flatMap((key) => key.columns), ...indexes.filter(({ config }) => config.unique).flatMap(({ config }) => config.columns)];
  const keys = new Set(unique.flatMap((column) => ('name' in column && typeof column.name === 'string' ? [column.name] : [])));
  return [
    {
      name: getTableName(one),
      columns: columns.map(({ name, primary, isUnique, dataType }) => ({
        name,
        key: primary || isUnique || keys.has(name),
        text: dataType === 'string' || dataType === 'custom',
      })),
    },
  ];
});

/** PostgreSQL lets nothing into a cell that is not of its column's type: no word among numbers, no bytes for a text. */
const typed = platform === 'postgres';

/** What may become of a cell. By name: the SQL of its new value; undefined: it stays. */
export const DAMAGES: Readonly<Record<string, (column: Column) => string | undefined>> = {
  'text cut off': ({ key, text, name }) => (key || !text ? undefined : `substr("${name}", 1, 1 + length("${name}") / 2) || '{"'`),
  'text emptied': ({ key, text }) => (key || !text ? undefined : "''"),
  'JSON null': ({ key, text }) => (key || !text ? undefined : "'null'"),
  'a word nobody knows, in numbers too': ({ key, text }) => (key || (typed && !text) ? undefined : "'sabotage'"),
  'bytes that are no text': ({ key }) => (key || typed ? undefined : "X'00ff80fe'"),
  'its names destroyed': ({ key, text, name }) => (key && text ? `'sabotage ' || rowid || ' ${name}'` : undefined),
};

/** A table in which nothing lies gets a row that says nothing, so that it is not passed over. */
export async function fillEmpty({ rows, execute }: TestStore): Promise<readonly string[]> {
  const filled: string[] = [];
  for (const { name, columns } of SABOTAGED) {
    const [found] = await rows(`SELECT count(*) AS n FROM "${name}"`);
    if (Number(found?.['n']) > 0) continue;
    await execute(
      `INSERT INTO "${name}" (${columns.map((one) => `"${one.name}"`).join(', ')}) VALUES (${columns.map(({ text }) => (text ? "'{}'" : '1')).join(', ')})`,
    );
    filled.push(name);
  }
  return filled;
}

/** Damage one row; gives what mends it, or undefined when nothing of it can be damaged in that way. */
export async function damage(
  { rows, execute }: TestStore,
  { name, columns }: SabotagedTable,
  rowid: unknown,
  how: (column: Column) => string | undefined,
  spared: readonly string[] = [],
): Promise<(() => Promise<void>) | undefined> {
  const hit = columns.filter((column) => !spared.includes(column.name) && how(column) !== undefined);
  if (hit.length === 0) return undefined;
  const [before] = await rows(`SELECT * FROM "${name}" WHERE rowid = ${rowid}`);
  await execute(`UPDATE OR REPLACE "${name}" SET ${hit.map((column) => `"${column.name}" = ${how(column)}`).join(', ')} WHERE rowid = ${rowid}`);
  return async () =>
    execute(
      `UPDATE OR REPLACE "${name}" SET ${hit.map((column) => `"${column.name}" = ${literal(before?.[column.name] ?? null)}`).join(', ')} WHERE rowid = ${rowid}`,
    );
}
