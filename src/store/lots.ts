import { type AnyColumn, type SQL, sql } from 'drizzle-orm';
import { raw, type Statement } from './database.js';

/**
 * Lists travel as one JSON text that `json_each` unpacks, since D1 binds at most 100 values a statement. It also takes no value
 * and no row above 2 000 000 bytes, and 500 identifiers of the longest kind are a million already: so what binds a list is made
 * here, and carried out once for each lot of it.
 */
const LOT_ROWS = 500;
export const LOT_BYTES = 1_000_000;

const encoder = new TextEncoder();
const PLAIN = /^[\x20-\x7e]*$/;
const bytesOf = (text: string): number => (PLAIN.test(text) ? text.length : encoder.encode(text).length);

export interface Lot<T> {
  readonly rows: readonly T[];
  /** The rows as a JSON array. */
  readonly json: string;
  readonly bytes: number;
}

/** Cut a list into lots that one statement each takes; one that is larger by itself is a lot of its own. */
export function lotsOf<T>(rows: readonly T[], encode: (row: T) => unknown = (row) => row): readonly Lot<T>[] {
  const lots: Lot<T>[] = [];
  let from = 0;
  let bytes = 2;
  let texts: string[] = [];
  const close = (to: number) => {
    if (texts.length) lots.push({ rows: rows.slice(from, to), json: `[${texts.join(',')}]`, bytes });
    [from, bytes, texts] = [to, 2, []];
  };
  for (const [n, row] of rows.entries()) {
    const text = JSON.stringify(encode(row) ?? null);
    const more = bytesOf(text) + 1;
    if (texts.length === LOT_ROWS || bytes + more > LOT_BYTES) close(n);
    texts.push(text);
    bytes += more;
  }
  close(rows.length);
  return lots;
}

/** A statement that is several: the engines carry out its pieces, in one commit. */
export const inPieces = (pieces: readonly Statement[]): Statement => ({
  pieces,
  toSQL() {
    const [only] = pieces;
    if (!only || pieces.length > 1) throw new Error(`a statement of ${pieces.length} pieces`);
    return only.toSQL();
  },
});

/**
 * A statement over a list, carried out lot by lot. What it does to one row must not hang on the others.
 * @param params what is bound, in order, with the lot's JSON among it
 */
export const overList = (sql: string, rows: readonly unknown[], params: (lot: string) => readonly unknown[] = (lot) => [lot]): Statement =>
  inPieces(lotsOf(rows).map(({ json }) => raw(sql, ...params(json))));

/** Read by a list, lot by lot; rows come in the order of the lots. @param read given a lot as JSON */
export async function readByList<T>(values: readonly unknown[], read: (lot: string) => PromiseLike<readonly T[]>): Promise<T[]> {
  const all: T[] = [];
  for (const { json } of lotsOf([...new Set(values)])) all.push(...(await read(json)));
  return all;
}

/** Is a column's value among those of a lot? */
export const inLot = (column: AnyColumn, lot: string): SQL => sql`${column} IN (SELECT value FROM json_each(${lot}))`;
