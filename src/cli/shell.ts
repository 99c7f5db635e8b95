import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { type Client, CliError, createClient } from './client.js';
import { printJson } from './output.js';

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

interface Options {
  readonly json?: boolean;
  readonly authority?: string;
  readonly url?: string;
  readonly data?: string;
}

/** Options that every command takes, and the client made from them. */
export function globals(command: Command): Globals {
  const options = command.optsWithGlobals<Options>();
  const data = options.data ?? process.env['HOLDFAST_DATA'] ?? './data';
  const file = join(data, 'cli.json');
  const stored = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as { url?: string; token?: string }) : {};
  const port = process.env['HOLDFAST_PORT'] ?? '8080';
  const url = options.url ?? process.env['HOLDFAST_URL'] ?? stored.url ?? `http://localhost:${port}`;
  return {
    json: options.json === true,
    authority: options.authority ?? 'main',
    client: createClient({ url: URL.canParse(url) ? new URL(url).origin : url, token: process.env['HOLDFAST_ADMIN_TOKEN'] || stored.token }),
  };
}

/** Show data: as JSON for scripts, else as the text for people. */
export function show(json: boolean, value: unknown, text: () => void): void {
  if (json) printJson(value);
  else text();
}

/** Read a file, or standard input for `-`. @throws CliError */
export function readInput(name: string): string {
  try {
    return readFileSync(name === '-' ? 0 : name, 'utf8');
  } catch (error) {
    throw new CliError(2, `cannot read ${name}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

/** @throws CliError when the file is not JSON */
export function readJson(name: string): unknown {
  try {
    return JSON.parse(readInput(name));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(2, `${name} is not JSON`);
  }
}

/** Destructive verbs want the id typed again: `--yes=<id>`, or at the prompt of a terminal. */
export async function confirm(id: string, yes: string | undefined, what: string): Promise<void> {
  if (yes === id) return;
  if (yes !== undefined || !process.stdin.isTTY) throw new CliError(2, `${what}. Confirm with --yes=${id}`);
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`${what}.\nType the id to confirm: `);
  prompt.close();
  if (answer.trim() !== id) throw new CliError(2, 'not confirmed; nothing was changed');
}

export const path = (...segments: readonly string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;

/** An option that is given several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];
