import type { Command } from 'commander';
import { type Client, CliError, createClient } from './client.js';
import { isDryRun } from './dry-run.js';
import { composed, lines, printJson } from './output.js';
import { type TargetOptions, targetOf } from './target.js';

export { parseText, readInput, readJson } from './input.js';

export interface Globals {
  readonly json: boolean;
  readonly authority: string;
  readonly client: Client;
}

/** A page of a list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next_cursor: string | null;
}

interface Options extends TargetOptions {
  readonly json?: boolean;
  readonly authority?: string;
}

/** Options that every command takes, and the client made from them. */
export function globals(command: Command): Globals {
  const options = command.optsWithGlobals<Options>();
  return { json: options.json === true, authority: options.authority ?? 'main', client: createClient(targetOf(options)) };
}

/** Show data: as JSON for scripts, else as the text for people. */
export function show(json: boolean, value: unknown, text: () => void): void {
  if (json) printJson(value);
  else text();
}

/**
 * Destructive verbs want the id typed again: `--yes=<id>`, or at the prompt of a terminal.
 * @param named what is typed, where it is no id
 */
export async function confirm(id: string, yes: string | undefined, what: string, named = 'the id'): Promise<void> {
  if (yes === id || isDryRun()) return;
  if (yes !== undefined || !process.stdin.isTTY) throw new CliError(2, `${what}. Confirm with --yes=${id}`);
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(composed(lines([`${what}.`, `Type ${named} to confirm: `])));
  prompt.close();
  if (answer.trim() !== id) throw new CliError(2, 'not confirmed; nothing was changed');
}

export const path = (...segments: readonly string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;

/** The query of what is asked with; what is not given is not asked. */
export const queryOf = (given: Readonly<Record<string, string | undefined>>): URLSearchParams =>
  new URLSearchParams(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as [string, string]])));

/** An option that is given several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];
