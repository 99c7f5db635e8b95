import type { Finding } from '../federation/entry.js';
import { fitted, startOf, widthOfText } from './width.js';

/**
 * The one seam between what is said and what a terminal obeys. Colours and line breaks of ours are marks until they go out, and
 * nobody else can write a mark: whatever else stands in a text, from wherever it came, is one line and paints nothing.
 */
const OWN = `\uE000${crypto.randomUUID()}:`;
const OWN_MARK = new RegExp(`(${OWN}(?:\\d+m|n))`);
/** Ends a line of ours within a text. */
const BREAK = `${OWN}n`;
/** Every second part is a mark of ours. */
const parts = (text: string): string[] => text.split(OWN_MARK);

/** What others wrote, on one line: no control or bidirectional characters, and no line of its own among ours. */
export const clean = (text: unknown): string =>
  parts(String(text))
    .map((part, n) => (n % 2 ? part : part.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\uFFFD')))
    .join('');

/** Several lines as one text. */
export const lines = (all: readonly string[]): string => all.join(BREAK);
/** A text of ours that has line breaks, such as JSON, where those of others are escaped. */
export const multiline = (text: string): string => text.replaceAll('\n', BREAK);
/** A value for people, as indented JSON. */
export const jsonLines = (value: unknown, indent = ''): string => multiline(JSON.stringify(value, null, 2).replaceAll('\n', `\n${indent}`));

/** A text as it goes out. */
export const composed = (text: string): string =>
  parts(clean(text))
    .map((part, n) => (n % 2 ? (part === BREAK ? '\n' : `\u001b[${part.slice(OWN.length)}`) : part))
    .join('');

let called = 'npx holdfast';
/** How a person calls this program from where he stands; texts say `npx holdfast`. */
export function setCalled(as: string): void {
  called = as;
}
export const asCalled = (text: string): string => text.replaceAll('npx holdfast', called);

let json = false;
let documents = 0;
let said: string[] = [];

/** With `--json` stdout carries one JSON document, whatever a command says: what is not JSON is kept. */
export function beginOutput(asJson: boolean): void {
  json = asJson;
  documents = 0;
  said = [];
}
/** A command that had a document of its own has printed it; another one has said something, which is the document then. */
export function endOutput(): void {
  if (json && documents === 0) printJson({ said });
}
/** With `--json`, this is the document. */
export function printJsonIfAsked(value: object): void {
  if (json && documents === 0) printJson(value);
}
/** An error is the document, unless the command has printed one: then its exit code tells. */
export function printError(error: object): boolean {
  if (json && documents === 0) printJson({ error });
  return json;
}

/** stdout carries data, stderr carries talk. */
export function out(text: string): void {
  if (json) said.push(...composed(text).split('\n'));
  else process.stdout.write(`${asCalled(composed(text))}\n`);
}
/** A question, before its answer on the same line. */
export const ask = (text: string): void => void process.stderr.write(asCalled(composed(text)));
export const talk = (text: string): void => void process.stderr.write(`${asCalled(composed(text))}\n`);

/** JSON says the same with these escaped, and a terminal obeys none of them: those of ASCII it escapes anyway. */
const escaped = (char: string): string =>
  [...char].flatMap((one) => Array.from({ length: one.length }, (_, n) => `\\u${one.charCodeAt(n).toString(16).padStart(4, '0')}`)).join('');
export const jsonText = (value: unknown, indent = 2): string => JSON.stringify(value, null, indent).replace(/[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/gu, escaped);
export function printJson(value: unknown): void {
  documents++;
  process.stdout.write(`${jsonText(value)}\n`);
}
/** One document of a stream, on a line of its own. */
export function printLine(value: unknown): void {
  documents++;
  process.stdout.write(`${jsonText(value, 0)}\n`);
}

/** Bytes for a file, as the server sent them; a terminal sees its control characters replaced. */
export function pass(chunk: Uint8Array): void {
  documents++;
  process.stdout.write(process.stdout.isTTY ? new TextDecoder().decode(chunk).split('\n').map(composed).join('\n') : chunk);
}

/** How far it is, on the line where the cursor stands; shown on a terminal only. */
export const progress = (text: string): void => void (process.stderr.isTTY && process.stderr.write(`\r\u001b[K${composed(text)}`));
export const progressEnds = (): void => void (process.stderr.isTTY && process.stderr.write('\n'));

const color = (code: number) => (text: string) => (process.stdout.isTTY && !process.env['NO_COLOR'] ? `${OWN}${code}m${text}${OWN}0m` : text);
export const green = color(32);
export const red = color(31);
export const yellow = color(33);
export const dim = color(2);

/** Places that a text takes on a line; marks of ours take none. */
const width = (text: string): number => parts(text).reduce((sum, part, n) => sum + (n % 2 ? 0 : widthOfText(part)), 0);

/** A text of at most so many places, colours kept. */
function cut(text: string, room: number): string {
  if (width(text) <= room) return text;
  let left = room - 1;
  const kept = parts(text).map((part, n) => {
    if (n % 2) return part;
    const start = startOf(part, left);
    left -= widthOfText(start);
    // What follows a cut stays cut, though a narrower character had room.
    if (start !== part) left = 0;
    return start;
  });
  return `${kept.join('')}\u2026`;
}

/** `2026-11-24 02:00:00Z (in 3 h)`. */
export function when(seconds: number | null | undefined, now = Math.floor(Date.now() / 1000)): string {
  if (seconds === null || seconds === undefined) return '—';
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return `${clean(seconds)} (no time)`;
  const text = date.toISOString().replace('T', ' ').replace(/\.\d+/, '');
  const away = Math.abs(Math.floor(seconds) - now);
  const [n, unit] =
    away < 120
      ? [away, 's']
      : away < 7200
        ? [Math.round(away / 60), 'min']
        : away < 172_800
          ? [Math.round(away / 3600), 'h']
          : [Math.round(away / 86_400), 'd'];
  return away === 0 ? `${text} (now)` : `${text} (${seconds > now ? `in ${n} ${unit}` : `${n} ${unit} ago`})`;
}

let wide = false;
/** `--wide`: tables are not cut to the terminal. */
export const showWide = (on: boolean): void => {
  wide = on;
};
/** Of no use but whole: what a person copies into the next command. */
const WHOLE = new Set(['id', 'kid', 'jti', 'grant', 'head']);
const GAP = 2;

/** Rows as aligned columns, cut to the width of a terminal. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(clean));
  const natural = header.map((_, n) => all.reduce((most, row) => Math.max(most, width(row[n] ?? '')), 0));
  const room = process.stdout.isTTY && !wide ? (process.stdout.columns || 80) - GAP * (header.length - 1) : Infinity;
  const widths = fitted(
    natural,
    room,
    header.map((name) => WHOLE.has(name)),
  );
  const padded = (cell: string, n: number, last: boolean) => {
    const short = cut(cell, widths[n] ?? 0);
    return last ? short : short + ' '.repeat((widths[n] ?? 0) - width(short));
  };
  return lines(all.map((row) => row.map((cell, n) => padded(cell, n, n === row.length - 1)).join(' '.repeat(GAP))));
}

/** Findings that come along with an answer, as talk: the data on stdout stays what it is. */
export const talkFindings = (findings: readonly (Finding & { readonly severity?: string })[] = []): void => {
  if (findings.length) talk(showFindings(findings));
};

export function showFindings(findings: readonly (Finding & { readonly severity?: string })[]): string {
  return lines(
    findings.flatMap(({ severity, code, where, detail, clause, fix, transient }) => {
      const mark = severity === 'warning' ? yellow('warning') : red('error  ');
      return [`  ${mark} ${code}${where ? ` at ${where}` : ''}: ${detail}${transient ? ' (may pass by itself)' : ''}`, `          ${dim(clause)} — ${fix}`];
    }),
  );
}
