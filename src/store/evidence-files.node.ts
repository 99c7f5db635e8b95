import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { arriving, type EvidenceFiles, type IsKept, MAX_EVIDENCE_BYTES, type TakenFile, TooLarge } from './evidence-files.js';

const SHA256 = /^[0-9a-f]{64}$/;
const PARTIAL = '.partial';
/** What is written for longer was broken off with its process (milliseconds). */
const BROKEN_OFF = 60 * 60 * 1000;

/** @throws Error for what is no hash: nothing else names a file here */
export function evidenceFile(folder: string, sha256: string): string {
  if (!SHA256.test(sha256)) throw new Error('evidence lies under its SHA-256, in hexadecimal');
  return join(folder, sha256);
}

/** A file is there once it is whole: what is acknowledged outlives the machine. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

/** Write bytes as they arrive into a file of its own. @throws TooLarge, BrokenOff */
async function written(partial: string, body: AsyncIterable<Uint8Array>, most: number): Promise<TakenFile> {
  const hash = createHash('sha256');
  let bytes = 0;
  const file = await open(partial, 'wx', 0o600);
  try {
    for await (const chunk of arriving(body)) {
      bytes += chunk.length;
      if (bytes > most) throw new TooLarge(`more than ${most} bytes`);
      hash.update(chunk);
      await file.appendFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), bytes };
}

const partialIn = (folder: string): string => join(folder, `${randomUUID()}${PARTIAL}`);

/** Under its hash, whole, and over what may lie there; what was written stays beside it. */
async function put(folder: string, partial: string, sha256: string): Promise<void> {
  const second = partialIn(folder);
  // Where the file system knows no links.
  await link(partial, second).catch(() => copyFile(partial, second));
  await rename(second, evidenceFile(folder, sha256));
  await syncFolder(folder);
}

/**
 * Out of the way first, then asked: a row that is written before that is seen, and whoever writes one after it looks whether the
 * file is there, and puts it there again.
 */
async function removeFrom(folder: string, sha256: string, isKept: IsKept): Promise<void> {
  const file = evidenceFile(folder, sha256);
  const aside = partialIn(folder);
  if (!existsSync(file)) return;
  await rename(file, aside);
  if (await isKept(sha256).catch(() => true)) await rename(aside, file);
  else await rm(aside, { force: true });
}

/** Files in a folder beside the database, made when the first one comes. */
export function evidenceIn(folder: string, most = MAX_EVIDENCE_BYTES): EvidenceFiles {
  return {
    async take(body, keep, isKept) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      const partial = partialIn(folder);
      try {
        const file = await written(partial, body, most);
        await put(folder, partial, file.sha256);
        try {
          const kept = await keep(file);
          if (!existsSync(evidenceFile(folder, file.sha256))) await put(folder, partial, file.sha256);
          return kept;
        } catch (error) {
          await removeFrom(folder, file.sha256, isKept);
          throw error;
        }
      } finally {
        await rm(partial, { force: true });
      }
    },
    async open(sha256) {
      const found = await hashOf(folder, sha256);
      if (found === undefined) return undefined;
      return found === sha256 ? (Readable.toWeb(createReadStream(evidenceFile(folder, sha256))) as ReadableStream<Uint8Array>) : 'changed';
    },
    remove: (sha256, isKept) => removeFrom(folder, sha256, isKept),
  };
}

/** What was broken off with a process that ended is taken away. @param now milliseconds */
export function sweepPartial(folder: string, now: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((one) => one.endsWith(PARTIAL))) {
    const file = join(folder, name);
    if (now - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? now) > BROKEN_OFF) rmSync(file, { force: true });
  }
}

/** The hash of a file as it lies there; undefined: it is not there. */
export async function hashOf(folder: string, sha256: string): Promise<string | undefined> {
  if (!SHA256.test(sha256)) return undefined;
  const file = join(folder, sha256);
  if (!existsSync(file)) return undefined;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
