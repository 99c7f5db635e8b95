import type { Options } from 'csv-parse';

/** A row may carry a configuration to serve, of a quarter of a megabyte. */
export const MAX_ROW_BYTES = 384 * 1024;
const SEPARATORS = [',', ';', '\t'] as const;
export type Separator = (typeof SEPARATORS)[number];

/** What separates cells, by the first row that holds something: names of columns have none of these in them. */
export function separatorOf(text: string): Separator {
  const header = text.split(/\r\n|\r|\n/).find((line) => line.trim() !== '') ?? '';
  const outside = header.replace(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((one) => outside.split(one).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** How a CSV file is read, whole or as a stream: each row of the sheet is a record, an empty one too. */
export const csvOptions = (separator: Separator) =>
  ({
    bom: true,
    delimiter: separator,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    trim: true,
    max_record_size: MAX_ROW_BYTES,
  }) satisfies Options;

export const isBlank = (row: readonly string[]): boolean => row.every((cell) => cell.trim() === '');

/** A row as any reader takes it. */
export const csvRow = (row: readonly string[], separator: Separator): string => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator);

const WORDS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quotation mark is opened and never closed',
  INVALID_OPENING_QUOTE: 'a quotation mark stands within a cell that does not begin with one; quote the whole cell and double the mark',
  CSV_INVALID_CLOSING_QUOTE: 'text follows a closing quotation mark; double a mark that belongs to the text',
  CSV_MAX_RECORD_SIZE: `a row has more than ${MAX_ROW_BYTES} bytes; is a quotation mark never closed?`,
};

/** What is wrong with a file that is no CSV, and where: in the row of the sheet and in the line of the text. */
export function csvFault(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code, lines, records } = error as Error & { code: string; lines?: number; records?: number };
  const row = records === undefined ? '' : `row ${records + 1}`;
  const line = lines === undefined ? '' : `${row && ' '}(line ${lines} of the text)`;
  return `${row}${line}${row || line ? ': ' : ''}${WORDS[code] ?? error.message.slice(0, 200)}`;
}
