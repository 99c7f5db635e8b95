import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readUrl } from '../federation/read-url.js';
import type { Target } from './client.js';
import { type Context, contextNamed, readContexts } from './contexts.js';
import { readInput, readJson } from './input.js';

export interface TargetOptions {
  readonly url?: string;
  readonly data?: string;
  readonly context?: string;
}

/** What the data folder of a server says about it. */
interface Folder {
  readonly url?: string;
  readonly token?: string;
  /** Where it listens on this machine. */
  readonly local?: string;
}

const folderAt = (data: string): Folder => {
  const file = join(data, 'cli.json');
  return existsSync(file) ? (readJson(file) as Folder) : {};
};

const originOf = (url: string): string => readUrl(url)?.origin ?? url;

function tokenOfFile(): string | undefined {
  const file = process.env['HOLDFAST_ADMIN_TOKEN_FILE'];
  return file ? readInput(file).trim() : undefined;
}

/**
 * Which server is spoken to, and with which key: flags, then environment, then the context in use, then the data folder. A key
 * that is kept goes to the server it is kept for, and nowhere else.
 */
export function targetOf({ url: flag, data: folderFlag, context: named }: TargetOptions): Target & { readonly from: string } {
  const data = folderFlag ?? (process.env['HOLDFAST_DATA'] || undefined);
  const folder = folderAt(data ?? './data');
  const contexts = readContexts();
  const chosen = named === undefined ? undefined : contextNamed(named, contexts);
  const current = contexts.current === null ? undefined : contexts.contexts[contexts.current];
  const inUse = current && { url: current.url, from: `context ${contexts.current}` };
  const ofFolder = folder.url === undefined ? undefined : { url: folder.url, from: 'data folder' };
  const env = process.env['HOLDFAST_URL'];
  const { url, from } = [
    flag === undefined ? undefined : { url: flag, from: '--url' },
    chosen && { url: chosen.url, from: `--context ${named}` },
    env ? { url: env, from: 'HOLDFAST_URL' } : undefined,
    // A folder that is named comes before a context that happens to be in use.
    ...(data === undefined ? [inUse, ofFolder] : [ofFolder, inUse]),
  ].find((one) => one !== undefined) ?? { url: `http://localhost:${process.env['HOLDFAST_PORT'] ?? '8080'}`, from: 'default' };
  const origin = originOf(url);
  const kept = (one: Context | undefined) => (one && originOf(one.url) === origin ? one.token : undefined);
  const ofServer = [folder.url, folder.local].some((one) => one !== undefined && originOf(one) === origin) ? folder.token : undefined;
  const token =
    kept(chosen) ?? (process.env['HOLDFAST_ADMIN_TOKEN'] || tokenOfFile() || (data === undefined ? (kept(current) ?? ofServer) : (ofServer ?? kept(current))));
  return { url: origin, from, token, local: ofFolder && originOf(ofFolder.url) === origin ? folder.local : undefined };
}
