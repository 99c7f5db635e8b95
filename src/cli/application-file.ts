import { chmodSync, closeSync, openSync, statSync, writeFileSync } from 'node:fs';
import { parseJson } from '../federation/strict-json.js';
import { readUrl } from '../federation/read-url.js';
import { CliError } from './cli-error.js';
import { EXIT } from './exit-codes.js';
import { readInput } from './input.js';

/** An application of one's own, and how it is asked about. */
export interface Application {
  readonly url: string;
  readonly application: string;
  readonly token: string;
}
/** What a join link is made of. */
export interface JoinLink {
  readonly url: string;
  readonly id: string;
  readonly secret: string;
}

const LINK = /^(https?:\/\/[^/?#]+)\/join\/v1\/(jnl_[0-9a-z]{26})#(hfj_[\w-]{43})$/;

/** @throws CliError for a text that is none */
export function readLink(text: string): JoinLink {
  const [, url, id, secret] = LINK.exec(text.trim()) ?? [];
  if (url === undefined || id === undefined || secret === undefined || !readUrl(url))
    throw new CliError(EXIT.usage, 'this is no join link: it reads https://host/join/v1/jnl_…#hfj_…, whole, with what stands behind #', [], 'no_join_link');
  return { url, id, secret };
}

/** Taken before anything is sent: a token that cannot be kept is lost. Readable by its owner only. @throws CliError */
export function reserveFile(file: string): (content: Application) => void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    const why =
      (error as NodeJS.ErrnoException).code === 'EEXIST' ? 'it is there already, and may hold the token of another application' : (error as Error).message;
    throw new CliError(EXIT.usage, `the token of the application cannot be kept in ${file}: ${why}. Name another one: --file`, [], 'no_application_file');
  }
  return (content) => {
    writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`);
    chmodSync(file, 0o600);
  };
}

/** @throws CliError */
export function readApplication(file: string): Application {
  const text = readInput(file);
  if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0)
    throw new CliError(EXIT.usage, `${file} holds a token, and others may read or write it: chmod 600 ${file}`, [], 'application_file_open');
  const json = parseJson(text, file);
  const { url, application, token } = (json.ok ? (json.value ?? {}) : {}) as Partial<Application>;
  if (typeof url !== 'string' || !readUrl(url) || typeof application !== 'string' || typeof token !== 'string')
    throw new CliError(EXIT.usage, `${file} is no file of an application: holdfast apply send writes one`, [], 'application_file_damaged');
  return { url, application, token };
}
