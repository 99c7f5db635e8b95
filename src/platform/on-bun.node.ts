import type { Command } from 'commander';
import { ON_BUN } from '../store/bun-sqlite.node.js';
import { type Config, ConfigError } from './config.js';

/** Bun carries out one command alone: the one that opens no file with the native driver, and signs nothing. @throws ConfigError for every other one */
export function expectRunsHere(command: Command): void {
  if (!ON_BUN || (command.name() === 'serve' && command.opts<{ publicOnly?: boolean }>().publicOnly === true)) return;
  throw new ConfigError('on Bun only holdfast serve --public-only runs: run this with Node 20.19 or later');
}

/** What cannot be served from here. */
export function bunFault({ database, readDatabase, workers }: Config): string | undefined {
  if (!ON_BUN) return undefined;
  if (database ?? readDatabase)
    return `${readDatabase ? 'HOLDFAST_READ_DATABASE' : 'HOLDFAST_DATABASE'}: on Bun the public plane reads the file of a data folder, and no PostgreSQL; run it with Node`;
  return workers > 0 ? 'HOLDFAST_WORKERS: on Bun the public plane is one process; run it with Node' : undefined;
}
