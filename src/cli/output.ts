import type { Finding } from '../federation/entry.js';

/** stdout carries data, stderr carries talk. Text from strangers never carries control or bidirectional characters. */
export const clean = (text: unknown): string =>
  String(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => (char === '\n' || char === '\t' ? char : '\uFFFD'));

export const out = (text: string): void => void process.stdout.write(`${clean(text)}\n`);
export const talk = (text: string): void => void process.stderr.write(`${clean(text)}\n`);
export const printJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);

const color = (code: number) => (text: string) => (process.stdout.isTTY && !process.env['NO_COLOR'] ? `\u001b[${code}m${text}\u001b[0m` : text);
export const green = color(32);
export const red = color(31);
export const yellow = color(33);
export const dim = color(2);

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
  const widths = header.map((_, n) => Math.max(...all.map((row) => row[n]?.length ?? 0)));
  return all.map((row) => row.map((cell, n) => (n === row.length - 1 ? cell : cell.padEnd(widths[n] ?? 0))).join('  ')).join('\n');
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
