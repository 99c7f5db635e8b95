import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import type { Deployment } from '../../operations/call.js';
import { type SeenHeads, watchHeads } from '../../operations/restore/watch-heads.js';

/** Beside the database, and not in it: a database that went back cannot take it along. */
export const headsFile = (database: string): string => `${database}.heads`;
const WRITE_EVERY_MS = 60_000;

const shape = z.record(z.string(), z.object({ seq: z.number().int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) }));

/** @throws Error when the file is there and cannot be read: what it guards against may have happened */
export function readHeads(database: string): SeenHeads {
  const file = headsFile(database);
  if (!existsSync(file)) return new Map();
  try {
    return new Map(Object.entries(shape.parse(JSON.parse(readFileSync(file, 'utf8')))));
  } catch {
    throw new Error(`${file} cannot be read. It holds the newest events seen here. If you are sure that the database is the newest there was, delete it`);
  }
}

/** The newest heads that this machine has seen, over restarts. */
export function headMemory(database: string, deployment: Deployment) {
  const seen = readHeads(database);
  let written = JSON.stringify(Object.fromEntries(seen));
  let writtenAt = Number.NEGATIVE_INFINITY;
  function keep(): void {
    const text = JSON.stringify(Object.fromEntries(seen));
    if (text === written) return;
    const own = `${headsFile(database)}.${process.pid}`;
    writeFileSync(own, text, { mode: 0o600 });
    renameSync(own, headsFile(database));
    written = text;
    writtenAt = performance.now();
  }
  return {
    /** Compare, remember, and now and then write down. */
    async look(): Promise<void> {
      await watchHeads(deployment, seen);
      if (performance.now() - writtenAt > WRITE_EVERY_MS) keep();
    },
    async end(): Promise<void> {
      await watchHeads(deployment, seen);
      keep();
    },
  };
}
