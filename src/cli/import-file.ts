import { closeSync, createReadStream, mkdtempSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { csvFault, csvOptions, csvRow, isBlank, MAX_ROW_BYTES, separatorOf } from '../edge/csv.js';
import { likelyEncoding, noText } from '../edge/encoding.js';
import { CliError } from './client.js';

/** About a million members. */
const MAX_FILE_BYTES = 1024 * 1024 * 1024;
const PEEK_BYTES = 64 * 1024;
/** A request carries no more than this: proxies in front allow about as much. */
const LINES_PER_REQUEST = 500;
const BYTES_PER_REQUEST = 768 * 1024;

export type Format = 'csv' | 'ndjson';

/** A row or a line, by its number in the file. */
export interface Line {
  readonly line: number;
  readonly text: string;
  readonly blank: boolean;
}

/** Consecutive lines, as one request carries them. */
export interface Slice {
  readonly first: number;
  readonly lines: readonly string[];
}

export interface ImportFile {
  readonly name: string;
  readonly format: Format;
  readonly bytes: number;
  /** Lines, read anew each time. */
  lines(): AsyncGenerator<Line>;
  /** Take away what was kept. */
  close(): void;
}

const unreadable = (name: string, error: unknown) => new CliError(2, `cannot read ${name}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);

/**
 * A file for import, read in pieces: it is read twice, once to see that it can be read to its end. What is no file, such as
 * standard input (`-`), is kept in a temporary one.
 * @throws CliError
 */
export function openImport(name: string, given: string | undefined): ImportFile {
  if (given !== undefined && given !== 'csv' && given !== 'ndjson') throw new CliError(2, `--format is csv or ndjson, not ${given.slice(0, 40)}`);
  const { path, close } = onDisk(name);
  try {
    const bytes = statSync(path).size;
    if (bytes > MAX_FILE_BYTES) throw new CliError(2, `${name} has more than ${MAX_FILE_BYTES / 1024 ** 2} MiB; split it`);
    const start = startOf(path);
    const binary = noText(start);
    if (binary) throw new CliError(2, `${name} is not text, but likely ${binary.name}: ${binary.fix}`);
    const encoding = encodingOf(start);
    // The piece may end within a character.
    const text = new TextDecoder(encoding).decode(start, { stream: true });
    const format = given ?? formatOf(name, text);
    const decoded = () => textOf(name, path, encoding);
    return { name, format, bytes, close, lines: format === 'csv' ? () => csvRows(name, decoded(), text) : () => textLines(decoded()) };
  } catch (error) {
    close();
    throw error instanceof CliError ? error : unreadable(name, error);
  }
}

function onDisk(name: string): { readonly path: string; readonly close: () => void } {
  try {
    if (name !== '-' && statSync(name).isFile()) return { path: name, close: () => undefined };
    if (name !== '-' && statSync(name).isDirectory()) throw new CliError(2, `${name} is a folder`);
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-import-'));
    const close = () => rmSync(folder, { recursive: true, force: true });
    try {
      return { path: copied(name, join(folder, 'lines')), close };
    } catch (error) {
      close();
      throw error;
    }
  } catch (error) {
    throw error instanceof CliError ? error : unreadable(name, error);
  }
}

function copied(name: string, path: string): string {
  const from = name === '-' ? 0 : openSync(name, 'r');
  const to = openSync(path, 'wx', 0o600);
  const piece = Buffer.allocUnsafe(PEEK_BYTES);
  let total = 0;
  for (let n = readSync(from, piece); n > 0; n = readSync(from, piece)) {
    total += n;
    if (total > MAX_FILE_BYTES) throw new CliError(2, `${name} has more than ${MAX_FILE_BYTES / 1024 ** 2} MiB`);
    writeSync(to, piece, 0, n);
  }
  closeSync(to);
  if (from !== 0) closeSync(from);
  return path;
}

function startOf(path: string): Buffer {
  const file = openSync(path, 'r');
  try {
    const piece = Buffer.alloc(PEEK_BYTES);
    return piece.subarray(0, readSync(file, piece));
  } finally {
    closeSync(file);
  }
}

const encodingOf = (start: Buffer) => (start[0] === 0xff && start[1] === 0xfe ? 'utf-16le' : start[0] === 0xfe && start[1] === 0xff ? 'utf-16be' : 'utf-8');

/** By its suffix, else by how it begins. */
function formatOf(name: string, text: string): Format {
  if (/\.(csv|tsv)$/i.test(name)) return 'csv';
  if (/\.(ndjson|jsonl)$/i.test(name)) return 'ndjson';
  const first = text.trimStart()[0];
  if (first === '[') throw new CliError(2, `${name} is a JSON array; an import takes one object a line: jq -c '.[]'`);
  return first === '{' || first === undefined ? 'ndjson' : 'csv';
}

/** @throws CliError for what is not text of the encoding, with the line where it is not */
async function* textOf(name: string, path: string, encoding: string): AsyncGenerator<string> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  let line = 1;
  let last: Buffer = Buffer.alloc(0);
  const decode = (chunk?: Buffer): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      const { name: likely, fix } = likelyEncoding(last);
      const before = new TextDecoder(encoding).decode(last).split('\uFFFD')[0] ?? '';
      throw new CliError(2, `${name} is not ${encoding.toUpperCase()} text, near line ${line + before.split('\n').length - 1}, but likely ${likely}: ${fix}`);
    }
  };
  for await (const chunk of createReadStream(path)) {
    last = chunk as Buffer;
    const text = decode(last);
    yield text;
    line += text.split('\n').length - 1;
  }
  yield decode();
}

/** Lines of text; of one that never ends no more is kept than is told wrong about. */
async function* textLines(text: AsyncIterable<string>): AsyncGenerator<Line> {
  let line = 1;
  let rest = '';
  const of = (one: string): Line => ({ line: line++, text: one, blank: one.trim() === '' });
  for await (const piece of text) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_ROW_BYTES) rest = rest.slice(0, MAX_ROW_BYTES + 1);
    for (const one of parts) yield of(one);
  }
  if (rest) yield of(rest);
}

/** Rows of a sheet, each with all cells quoted. @throws CliError */
async function* csvRows(name: string, text: AsyncIterable<string>, start: string): AsyncGenerator<Line> {
  const separator = separatorOf(start);
  const parser = parse(csvOptions(separator));
  // What goes wrong with the file ends the parser, and is told below.
  pipeline(Readable.from(text), parser, () => undefined);
  let line = 1;
  try {
    for await (const row of parser as AsyncIterable<string[]>) yield { line: line++, text: csvRow(row, separator), blank: isBlank(row) };
  } catch (error) {
    if (error instanceof CliError) throw error;
    const fault = csvFault(error);
    throw fault === undefined ? unreadable(name, error) : new CliError(2, `${name} is no CSV that can be read: ${fault}`);
  }
}

/** What a file holds, read to its end; of CSV its header too. @throws CliError */
export async function countLines(file: ImportFile): Promise<{ readonly lines: number; readonly members: number; readonly header: string | undefined }> {
  let [lines, members] = [0, 0];
  let header: string | undefined;
  for await (const { line, text, blank } of file.lines()) {
    if (blank) continue;
    lines = line;
    if (file.format === 'csv' && header === undefined) header = text;
    else members++;
  }
  return { lines, members, header };
}

/** Lines as requests carry them, up to the last one that holds something. A piece of a CSV file has the header before it. */
export async function* slicesOf(file: ImportFile, after: number, last: number): AsyncGenerator<Slice> {
  let header: Line | undefined;
  let [lines, first, bytes]: [string[], number, number] = [[], 0, 0];
  const withHeader = (): Slice => ({ first, lines: file.format === 'csv' && header && header.line < first ? [header.text, ...lines] : lines });
  for await (const one of file.lines()) {
    const { line, text, blank } = one;
    if (line > last) break;
    if (!blank) header ??= one;
    if (line > after) {
      if (lines.length && (lines.length === LINES_PER_REQUEST || bytes + text.length > BYTES_PER_REQUEST)) {
        yield withHeader();
        [lines, bytes] = [[], 0];
      }
      if (lines.length === 0) first = line;
      lines.push(text);
      bytes += text.length;
    }
  }
  if (lines.length) yield withHeader();
}
