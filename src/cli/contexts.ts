import { closeSync, existsSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
  if ((statSync(file).mode & 0o077) !== 0 && process.platform !== 'win32')
    throw new CliError(EXIT.usage, `${file} holds API keys, and others may read or write it: chmod 600 ${file}`, [], 'contexts_open');
  const json = parseJson(readFileSync(file, 'utf8'), file);
  if (!json.ok) throw wrong;
  const { current = null, contexts } = (json.value ?? {}) as Partial<Contexts>;
  if (typeof contexts !== 'object' || contexts === null || !Object.values(contexts).every(isContext)) throw wrong;
  if (current !== null && (typeof current !== 'string' || !Object.hasOwn(contexts, current))) return { current: null, contexts };
  return { current, contexts };
}

/** Names that a person can type, and that no terminal obeys. */
const NAME = /^[\p{L}\p{N}[][\p{L}\p{N}._:@[\]-]{0,199}$/u;
/** Longer than anybody who holds the file needs; what is older was left by a process that was killed. */
const LEFT_MS = 10_000;

/**
 * Read, decide, write: one process at a time, whole or not at all, readable by its owner only. The new file is the lock, and
 * comes into being where there was none: a link that somebody has put there is not followed.
 * @throws CliError
 */
export async function changeContexts(change: (all: Contexts) => Contexts): Promise<void> {
  const file = contextsFile();
  const next = `${file}.new`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  for (let turn = 0; !made(next); turn++) {
    const since = lstatSync(next, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    if (Date.now() - since > LEFT_MS) rmSync(next, { force: true });
    else if (turn > 100) throw new CliError(EXIT.conflict, `another process is changing ${file}; try again`, [], 'contexts_busy');
    else await sleep(50);
  }
  try {
    const all = change(readContexts());
    const [bad] = Object.keys(all.contexts).filter((name) => !NAME.test(name));
    if (bad !== undefined)
      throw new CliError(EXIT.usage, `${bad} is no name for a context: letters, digits, and . _ : @ - between them`, [], 'no_context_name');
    writeFileSync(next, `${JSON.stringify(all, null, 2)}\n`);
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

function made(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
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
