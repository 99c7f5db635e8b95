import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { parseJson } from '../federation/strict-json.js';
import { type Client, CliError, createClient } from './client.js';
import { composed, lines, printJson } from './output.js';
import { readUrl } from '../federation/read-url.js';

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
  const stored = existsSync(file) ? (readJson(file) as { url?: string; token?: string }) : {};
  const port = process.env['HOLDFAST_PORT'] ?? '8080';
  const url = options.url ?? process.env['HOLDFAST_URL'] ?? stored.url ?? `http://localhost:${port}`;
  const origin = readUrl(url)?.origin ?? url;
  // The token kept in the data folder is for the server that made it, and is sent nowhere else.
  const kept = stored.url !== undefined && readUrl(stored.url)?.origin === origin ? stored.token : undefined;
  return {
    json: options.json === true,
    authority: options.authority ?? 'main',
    client: createClient({ url: origin, token: process.env['HOLDFAST_ADMIN_TOKEN'] || tokenOfFile() || kept }),
  };
}

function tokenOfFile(): string | undefined {
  const file = process.env['HOLDFAST_ADMIN_TOKEN_FILE'];
  return file ? readInput(file).trim() : undefined;
}

/** Show data: as JSON for scripts, else as the text for people. */
export function show(json: boolean, value: unknown, text: () => void): void {
  if (json) printJson(value);
  else text();
}

/** JSON, PEM and JWTs are small; what is larger is another file. */
export const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** The bytes of a file or of standard input, never more than the cap. */
function readBytes(name: string, most: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  const from = name === '-' ? 0 : openSync(name, 'r');
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(64 * 1024);
      const n = readSync(from, chunk);
      if (n === 0) return Buffer.concat(chunks);
      total += n;
      if (total > most) throw new CliError(2, `${name} has more than ${most / (1024 * 1024)} MiB`);
      chunks.push(chunk.subarray(0, n));
    }
  } finally {
    if (from !== 0) closeSync(from);
  }
}

/** Text of bytes: UTF-8, or UTF-16 when a byte order mark says so, as some shells write; the mark itself is no text. */
function decodeText(name: string, bytes: Buffer): string {
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(2, `${name} is not ${encoding.toUpperCase()} text`);
  }
}

/** Read a file of text, or standard input for `-`. Every file that a command is given is read here. @throws CliError */
export function readInput(name: string, most = MAX_INPUT_BYTES): string {
  try {
    return decodeText(name, readBytes(name, most));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw new CliError(2, `cannot read ${name}: ${(error as NodeJS.ErrnoException).code ?? 'unknown'}`);
  }
}

/** @throws CliError when the text is not JSON, or says something twice */
export function parseText(text: string, name: string): unknown {
  const json = parseJson(text, name);
  if (!json.ok) throw new CliError(2, `${name} is not accepted as JSON: ${json.findings[0]?.detail ?? ''}`, [], json.findings[0]?.code);
  return json.value;
}

export const readJson = (name: string): unknown => parseText(readInput(name), name);

/** Destructive verbs want the id typed again: `--yes=<id>`, or at the prompt of a terminal. */
export async function confirm(id: string, yes: string | undefined, what: string): Promise<void> {
  if (yes === id) return;
  if (yes !== undefined || !process.stdin.isTTY) throw new CliError(2, `${what}. Confirm with --yes=${id}`);
  const { createInterface } = await import('node:readline/promises');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(composed(lines([`${what}.`, 'Type the id to confirm: '])));
  prompt.close();
  if (answer.trim() !== id) throw new CliError(2, 'not confirmed; nothing was changed');
}

export const path = (...segments: readonly string[]): string => `/${segments.map(encodeURIComponent).join('/')}`;

/** An option that is given several times. */
export const collect = (value: string, before: string[]): string[] => [...before, value];
