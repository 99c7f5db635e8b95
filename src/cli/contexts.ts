import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseJson } from '../federation/strict-json.js';
import { readUrl } from '../federation/read-url.js';
import { CliError } from './client.js';
import { EXIT } from './exit-codes.js';

/** A server and the API key for it. */
export interface Context {
  readonly url: string;
  readonly token: string;
}
export interface Contexts {
  /** The one in use where nothing else says which. */
  readonly current: string | null;
  readonly contexts: Readonly<Record<string, Context>>;
}

export const contextsFile = (): string => join(process.env['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'holdfast', 'contexts.json');

const isContext = (value: unknown): value is Context => {
  const { url, token } = (value ?? {}) as Partial<Context>;
  return typeof url === 'string' && readUrl(url) !== undefined && typeof token === 'string';
};

/** @throws CliError for a file that is none of ours: what a damaged one would have said is not guessed */
export function readContexts(): Contexts {
  const file = contextsFile();
  if (!existsSync(file)) return { current: null, contexts: {} };
  const wrong = new CliError(EXIT.usage, `${file} is no file of contexts; remove it and sign in again: holdfast login --url <url>`, [], 'contexts_damaged');
  const json = parseJson(readFileSync(file, 'utf8'), file);
  if (!json.ok) throw wrong;
  const { current = null, contexts } = (json.value ?? {}) as Partial<Contexts>;
  if (typeof contexts !== 'object' || contexts === null || !Object.values(contexts).every(isContext)) throw wrong;
  if (current !== null && (typeof current !== 'string' || !Object.hasOwn(contexts, current))) return { current: null, contexts };
  return { current, contexts };
}

/** Whole or not at all, and readable by its owner only. */
export function writeContexts(all: Contexts): void {
  const file = contextsFile();
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
  chmodSync(partial, 0o600);
  renameSync(partial, file);
}

/** @throws CliError */
export function contextNamed(name: string, { contexts }: Contexts): Context {
  const found = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
  if (found) return found;
  const known = Object.keys(contexts);
  throw new CliError(
    EXIT.usage,
    `there is no context ${name}; ${known.length ? `there are ${known.join(', ')}` : 'there is none yet'}. Make one: holdfast login ${name} --url <url>`,
    [],
    'no_such_context',
  );
}
