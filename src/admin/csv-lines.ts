import { parse } from 'csv-parse/sync';
import { csvFault, csvOptions, isBlank, separatorOf } from '../edge/csv.js';
import type { ImportLine } from '../operations/members/import-members.js';
import { Refusal } from '../operations/refusal.js';
import { cellOf, COLUMNS } from './csv-cells.js';
import { lineOf } from './import-line.js';

const NAMES: Readonly<Record<string, string>> = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' };
const invalid = (detail: string) => new Refusal('invalid_request', detail);
const short = (text: string): string => JSON.stringify(text.slice(0, 60));

/** What is parsed at once: while that is done nobody else has a turn, and short rows take a hundred times their bytes in memory. */
const MOST = { rows: 50_000, cells: 500_000 };

function countOf(text: string, one: string): number {
  let count = 0;
  for (let at = text.indexOf(one); at !== -1; at = text.indexOf(one, at + 1)) count++;
  return count;
}

/** @throws Refusal invalid_request */
function expectFew(text: string, separator: string): void {
  const rows = Math.max(countOf(text, '\n'), countOf(text, '\r'));
  if (rows <= MOST.rows && countOf(text, separator) + rows <= MOST.cells) return;
  throw invalid(`a CSV body has at most ${MOST.rows} lines and ${MOST.cells} cells; send the rows in several requests, each with the header and ?first_line=N`);
}

/**
 * The lines of a CSV text with a header row, each read when it is asked for. They are numbered as a sheet numbers its rows: the header, rows without a word and
 * cells of several lines are counted as there.
 * @param first the row of the first record, when this is not the beginning of the file
 * @throws Refusal invalid_request
 */
export function csvLines(text: string, first?: number): Iterable<ImportLine> {
  const separator = separatorOf(text.slice(0, 64 * 1024).replace(/^\uFEFF/, ''));
  expectFew(text, separator);
  let rows: string[][];
  try {
    rows = parse(text, csvOptions(separator)) as string[][];
  } catch (error) {
    throw invalid(`the CSV cannot be read: ${csvFault(error) ?? 'unknown'}`);
  }
  const at = rows.findIndex((row) => !isBlank(row));
  const names = columnsOf(rows[at] ?? [], NAMES[separator] ?? separator);
  return read(names, rows, at + 1, first);
}

function* read(names: readonly string[], rows: readonly (readonly string[])[], begin: number, first: number | undefined): Generator<ImportLine> {
  for (let n = 1; first === undefined && n <= begin; n++) yield { line: n };
  for (let n = begin; n < rows.length; n++) yield rowOf(names, rows[n] as readonly string[], (first ?? begin + 1) + n - begin);
}

/** The names of the columns, as the API writes them; nameless ones are those that a spreadsheet leaves behind. */
function columnsOf(header: readonly string[], separators: string): readonly string[] {
  if (header.length === 0) throw invalid('the CSV is empty; its first row names the columns, such as entity_id,jwks');
  const names = header.map((name) =>
    name
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, '_'),
  );
  const unknown = names.findIndex((name) => name !== '' && !Object.hasOwn(COLUMNS, name));
  const twice = names.find((name, n) => name !== '' && names.indexOf(name) !== n);
  if (unknown >= 0)
    throw invalid(`unknown column ${short(header[unknown] ?? '')} (columns are separated by ${separators}); known are ${Object.keys(COLUMNS).join(', ')}`);
  if (twice !== undefined) throw invalid(`the column ${short(twice)} stands twice in the header`);
  if (!names.includes('entity_id')) throw invalid(`there is no column entity_id; the first row names the columns, separated by ${separators}`);
  return names;
}

function rowOf(names: readonly string[], row: readonly string[], line: number): ImportLine {
  if (isBlank(row)) return { line };
  const entityId = row[names.indexOf('entity_id')] ?? '';
  const no = (fault: string): ImportLine => ({ line, entityId, fault });
  if (row.length < names.length || !isBlank(row.slice(names.length)))
    return no(`the row has ${row.length} cells, the header ${names.length}; put a cell that holds a separator into quotation marks`);
  const value: Record<string, unknown> = {};
  for (const [n, name] of names.entries()) {
    const text = row[n] ?? '';
    if (text.trim() === '') continue;
    if (name === '') return no(`${short(text)} stands in a column without a name`);
    const cell = cellOf(name, text);
    if ('fault' in cell) return no(`${name}: ${cell.fault}`);
    value[name] = cell.value;
  }
  return { ...lineOf(value, line), bytes: row.join().length };
}
