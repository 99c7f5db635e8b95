import { getTableColumns, getTableName } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { artefact, type authority } from './schema.js';
import { raw, type Statement } from './database.js';
import { inPieces, LOT_BYTES, lotsOf, overList } from './lots.js';
import { signedUntil } from './signed-until.js';
import { asType, number } from './words.js';

/** A condition per row; `column('name')` in it is the SQL of that column's new value. */
export type PerRow = (column: (name: string) => string) => string;

/** Insert any number of rows. */
export const insertRows = <T extends SQLiteTable>(table: T, rows: readonly T['$inferInsert'][]): Statement => insertWith(table, rows);

/** Insert those that are not there; those that are stay as they are. */
export const insertMissing = <T extends SQLiteTable>(table: T, rows: readonly T['$inferInsert'][]): Statement =>
  insertWith(table, rows, 'ON CONFLICT DO NOTHING');

/** What does not change from one insertion into a table to the next. */
interface Shape {
  readonly encode: (row: object) => unknown[];
  /** The rows of a lot, out of one parameter. */
  readonly together: (only: PerRow) => string;
  /** One row, a parameter for each column. */
  readonly apart: (only: PerRow) => string;
  readonly columns: number;
}

function shapeOf(table: SQLiteTable, tail: string): Shape {
  const columns = Object.entries(getTableColumns(table)).filter(([, column]) => !(column.primary && column.columnType === 'SQLiteInteger'));
  const names = columns.map(([, { name }]) => `"${name}"`).join(', ');
  const into = `INSERT INTO "${getTableName(table)}" (${names})`;
  const at = (name: string) => columns.findIndex(([, column]) => column.name === name);
  // r.v: inside a condition's subquery a plain v may be a column of another table.
  const cell = (n: number, value: string) => asType(columns[n]?.[1].getSQLType() ?? 'text', value);
  const extracted = (name: string) => cell(at(name), `json_extract(r.v, '$[${at(name)}]')`);
  // MATERIALIZED: json_each writes its value out anew at every mention, once a row is enough.
  const lot = `WITH r AS MATERIALIZED (SELECT value AS v FROM json_each(?)) ${into} SELECT ${columns.map((_, n) => cell(n, `json_extract(v, '$[${n}]')`)).join(', ')} FROM r WHERE`;
  const row = `WITH r AS (SELECT ${columns.map((_, n) => `${cell(n, '?')} AS c${n}`).join(', ')}) ${into} SELECT ${columns.map((_, n) => `c${n}`).join(', ')} FROM r WHERE`;
  return {
    columns: columns.length,
    encode: (one) =>
      columns.map(([property, column]) => {
        const value = (one as Record<string, unknown>)[property] ?? (column.hasDefault ? column.default : null);
        return value === null || value === undefined ? null : column.mapToDriverValue(value);
      }),
    together: (only) => `${lot} ${only(extracted)} ${tail}`,
    apart: (only) => `${row} ${only((name) => `r.c${at(name)}`)} ${tail}`,
  };
}

const shapes = new WeakMap<SQLiteTable, Map<string, Shape>>();
/** By table and tail, of which there are a few in the code. */
function knownShape(table: SQLiteTable, tail: string): Shape {
  const known = shapes.get(table) ?? new Map<string, Shape>();
  shapes.set(table, known);
  const shape = known.get(tail) ?? shapeOf(table, tail);
  known.set(tail, shape);
  return shape;
}

const ALWAYS: PerRow = () => 'true';
/** D1 binds at most a hundred values a statement. */
const MOST_BOUND = 100;

/**
 * Insert any number of rows, by one statement with one parameter for each lot: rows travel as JSON and `json_each` unpacks
 * them. The text of the statement is the same for two rows and for five hundred, so it stays prepared. One row alone travels
 * column by column, which takes half as long, and has no limit but that of a value.
 * @param tail an ON CONFLICT clause, one of those in the code
 */
export function insertWith<T extends SQLiteTable>(table: T, rows: readonly T['$inferInsert'][], tail = '', only: PerRow = ALWAYS): Statement {
  const { encode, together, apart, columns } = knownShape(table, tail);
  const alone = (row: T['$inferInsert']) => raw(apart(only), ...encode(row));
  const [first] = rows;
  if (first && rows.length === 1 && columns <= MOST_BOUND) return inPieces([alone(first)]);
  return inPieces(lotsOf(rows, encode).map((lot) => (lot.bytes > LOT_BYTES ? alone(lot.rows[0] as T['$inferInsert']) : raw(together(only), lot.json))));
}

export type NewArtefact = typeof artefact.$inferInsert;

const REPLACED = [
  'media_type',
  'bytes',
  'sha256',
  'iat',
  'exp',
  'cap',
  'kid',
  'generation',
  'cut',
  'member_id',
  'organization_id',
  'renew_at',
  'lease_until',
  'withheld',
];
const REPLACE = `ON CONFLICT (authority_id, kind, key, variant) DO UPDATE SET ${REPLACED.map((name) => `${name} = excluded.${name}`).join(', ')}`;

/** Publish artefacts: new ones appear, those at the same place are replaced. Each key remembers until when what it signed lasts. */
export const putArtefacts = (rows: readonly NewArtefact[], only?: PerRow): readonly Statement[] => [
  insertWith(artefact, rows, REPLACE, only),
  ...signedUntil(rows),
];

/** Publish without an event and so without a lock: only while the authority is active and of the generation signed for. */
export const whileCurrent: PerRow = (column) =>
  `EXISTS (SELECT 1 FROM authority WHERE authority.id = ${column('authority_id')} AND authority.state = 'active' AND authority.generation = ${column('generation')})`;

/** Without an event and so without a lock: only while the authority is in the state that is said, and its keys are those. */
export const whileStill =
  ({ state, cut }: Pick<typeof authority.$inferSelect, 'state' | 'cut'>): PerRow =>
  (column) =>
    `EXISTS (SELECT 1 FROM authority WHERE authority.id = ${column('authority_id')} AND authority.state = '${state}' AND authority.cut = ${cut} AND authority.generation = ${column('generation')})`;

/** Only while nothing came into the chain of the authority after that event. */
export const whileLastEvent =
  (seq: number): PerRow =>
  (column) =>
    `(SELECT max(seq) FROM event WHERE event.authority_id = ${column('authority_id')}) = ${seq}`;

export type RenewedArtefact = Pick<
  NewArtefact,
  'authorityId' | 'kind' | 'variant' | 'bytes' | 'sha256' | 'iat' | 'exp' | 'cap' | 'kid' | 'generation' | 'cut' | 'renewAt'
> & { readonly id: number; readonly was: Read };

/** What was read of a row that is renewed. */
export type Read = Pick<typeof artefact.$inferSelect, 'sha256' | 'cap' | 'renewAt' | 'withheld' | 'leaseUntil'>;

const NUMBERS = new Set(['iat', 'exp', 'cap', 'generation', 'cut', 'renew_at']);
const RENEWED = ['bytes', 'sha256', 'iat', 'exp', 'cap', 'kid', 'generation', 'cut', 'renew_at'];

/**
 * Renewal: only rows that stand as they were read, and only while the authority is active and its generation the one signed
 * for. One that was withheld meanwhile, or whose end was moved, is signed once more: whoever does that takes the lease away, so
 * it shows also where the row looks as before. Never an insert: what a halt removed
 * stays removed.
 */
export const renewArtefacts = (rows: readonly RenewedArtefact[]): readonly Statement[] => [
  overList(
    `UPDATE artefact SET ${RENEWED.map((name) => `${name} = ${NUMBERS.has(name) ? number(`new.value`, `$.${name}`) : `json_extract(new.value, '$.${name}')`}`).join(', ')}, lease_until = 0, withheld = NULL
     FROM json_each(?) AS new
     WHERE artefact.id = ${number('new.value', '$.id')} AND artefact.sha256 = json_extract(new.value, '$.was.sha256')
       AND artefact.cap IS NOT DISTINCT FROM ${number('new.value', '$.was.cap')} AND artefact.renew_at IS NOT DISTINCT FROM ${number('new.value', '$.was.renewAt')}
       AND artefact.withheld IS NOT DISTINCT FROM json_extract(new.value, '$.was.withheld') AND artefact.lease_until = ${number('new.value', '$.was.leaseUntil')}
       AND (SELECT generation FROM authority WHERE authority.id = artefact.authority_id AND authority.state = 'active') = ${number('new.value', '$.generation')}`,
    rows.map(({ renewAt, cut, authorityId: _, kind: __, variant: ___, ...row }) => ({ ...row, cut: cut ?? 0, renew_at: renewAt ?? null })),
  ),
  ...signedUntil(rows),
];
