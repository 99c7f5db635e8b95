import type { Finding } from '../federation/entry.js';

/** Stands for a colour of ours until it goes out. Nobody else can write it, so that no text from elsewhere paints or moves anything. */
const OWN = `\uE000${crypto.randomUUID()}:`;
const OWN_COLOR = new RegExp(`(${OWN}\\d+m)`);
/** Every second part is a colour of ours. */
const parts = (text: string): string[] => text.split(OWN_COLOR);
const replaced = (text: string, keep: string): string =>
  parts(text)
    .map((part, n) => (n % 2 ? part : part.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => (keep.includes(char) ? char : '\uFFFD'))))
    .join('');

/** What others wrote, on one line: no control or bidirectional characters, and no line of its own among ours. */
export const clean = (text: unknown): string => replaced(String(text), '');

/** A text of ours as it goes out: it has lines and colours. What others wrote in it went through `clean` before. */
export const composed = (text: string): string =>
  parts(replaced(text, '\n\t'))
    .map((part, n) => (n % 2 ? `\u001b[${part.slice(OWN.length)}` : part))
    .join('');

/** stdout carries data, stderr carries talk. */
export const out = (text: string): void => void process.stdout.write(`${composed(text)}\n`);
export const talk = (text: string): void => void process.stderr.write(`${composed(text)}\n`);
export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

const color = (code: number) => (text: string) => (process.stdout.isTTY && !process.env['NO_COLOR'] ? `${OWN}${code}m${text}${OWN}0m` : text);
export const green = color(32);
export const red = color(31);
export const yellow = color(33);
export const dim = color(2);

/** Characters that take a place. */
const width = (text: string): number => parts(text).reduce((sum, part, n) => sum + (n % 2 ? 0 : part.length), 0);

/** `2026-11-24 02:00:00Z (in 3 h)`. */
export function when(seconds: number | null | undefined, now = Math.floor(Date.now() / 1000)): string {
  if (seconds === null || seconds === undefined) return '—';
  const text = new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000', '');
  const away = Math.abs(seconds - now);
  const [n, unit] =
    away < 120
      ? [away, 's']
      : away < 7200
        ? [Math.round(away / 60), 'min']
        : away < 172_800
          ? [Math.round(away / 3600), 'h']
          : [Math.round(away / 86_400), 'd'];
  return `${text} (${seconds >= now ? `in ${n} ${unit}` : `${n} ${unit} ago`})`;
}

/** Rows as aligned columns. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [header, ...rows].map((row) => row.map(clean));
  const widths = header.map((_, n) => Math.max(...all.map((row) => width(row[n] ?? ''))));
  return all.map((row) => row.map((cell, n) => (n === row.length - 1 ? cell : cell + ' '.repeat((widths[n] ?? 0) - width(cell)))).join('  ')).join('\n');
}

/** Findings that come along with an answer, as talk: the data on stdout stays what it is. */
export const talkFindings = (findings: readonly (Finding & { readonly severity?: string })[] = []): void => {
  if (findings.length) talk(showFindings(findings));
};

export function showFindings(findings: readonly (Finding & { readonly severity?: string })[]): string {
  return findings
    .map(({ severity, code, where, detail, clause, fix, transient }) => {
      const mark = severity === 'warning' ? yellow('warning') : red('error  ');
      return `  ${mark} ${code}${where ? ` at ${clean(where)}` : ''}: ${clean(detail)}${transient ? ' (may pass by itself)' : ''}\n          ${dim(clause)} — ${fix}`;
    })
    .join('\n');
}
