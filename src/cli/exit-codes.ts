/** What a command ends with. One table: the code, the help and the README agree. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3, findings: 4, conflict: 5, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const MEANING: readonly (readonly [ExitCode, short: string, long: string])[] = [
  [EXIT.done, 'done', 'also when there was nothing to do'],
  [EXIT.refused, 'refused', 'not permitted, not found, or it failed'],
  [EXIT.usage, 'usage', 'a command, option, value, file or setting that is none, whoever found it'],
  [EXIT.unreachable, 'not reachable', 'the server, or the entity asked about; it may pass by itself'],
  [EXIT.findings, 'findings', 'something was found that a person has to look at'],
  [EXIT.conflict, 'conflict', 'it exists already, or its state does not allow it'],
  [EXIT.interrupted, 'interrupted', 'Ctrl-C'],
];

/** `0 done, 1 refused, …`. */
export const EXIT_SENTENCE = MEANING.map(([code, short]) => `${code} ${short}`).join(', ');
export const EXIT_HELP = ['Exit codes:', ...MEANING.map(([code, short, long]) => `  ${String(code).padEnd(4)} ${short.padEnd(14)} ${long}`)].join('\n');

const BY_STATUS: Readonly<Record<number, ExitCode>> = {
  400: EXIT.usage,
  409: EXIT.conflict,
  410: EXIT.conflict,
  412: EXIT.conflict,
  413: EXIT.usage,
  415: EXIT.usage,
  422: EXIT.findings,
  429: EXIT.unreachable,
  502: EXIT.unreachable,
  503: EXIT.unreachable,
  504: EXIT.unreachable,
};
/** Of an answer of the server that is no success. */
export const exitOfStatus = (status: number): ExitCode => BY_STATUS[status] ?? EXIT.refused;

/** Of errors that were found: where each may pass by itself, nobody was reached. */
export const exitOfErrors = (errors: readonly { readonly transient?: boolean | undefined }[]): ExitCode =>
  errors.length === 0 ? EXIT.done : errors.every(({ transient }) => transient) ? EXIT.unreachable : EXIT.findings;
