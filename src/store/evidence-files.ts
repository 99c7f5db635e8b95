import { hashed } from '../federation/sha256.js';

/** An upload had more bytes than one may have. */
export class TooLarge extends Error {}

/** Whoever sent it stopped in the middle. */
export class BrokenOff extends Error {}

/** One file of evidence has at most so many bytes. */
export const MAX_EVIDENCE_BYTES = 25 * 1024 * 1024;

export interface TakenFile {
  /** In hexadecimal. */
  readonly sha256: string;
  readonly bytes: number;
}

/** Does any row need this file? Asked once it is out of the way. */
export type IsKept = (sha256: string) => Promise<boolean>;

/**
 * Where the bytes of evidence lie: under their hash, so that what stands there is what was handed in. A file stays while a row
 * needs it and no longer: rows are written elsewhere, so whoever puts one there, or takes it away, looks again afterwards.
 */
export interface EvidenceFiles {
  /**
   * Take bytes as they arrive. Nothing is left of what is broken off, too large, or not kept in the end.
   * @param keep writes the row; the file is there by then
   * @throws TooLarge, BrokenOff, what `keep` throws
   */
  take<T>(body: AsyncIterable<Uint8Array>, keep: (file: TakenFile) => Promise<T>, isKept: IsKept): Promise<T>;
  /** Undefined: it is not there. `changed`: it is not what was handed in. */
  open(sha256: string): Promise<ReadableStream<Uint8Array> | 'changed' | undefined>;
  /** Unless a row needs it by now. */
  remove(sha256: string, isKept: IsKept): Promise<void>;
}

/** What bytes would be taken as; nothing is kept of them. @throws TooLarge, BrokenOff */
export async function measured(body: AsyncIterable<Uint8Array>): Promise<TakenFile> {
  const hash = hashed.running();
  let bytes = 0;
  for await (const chunk of arriving(body)) {
    bytes += chunk.length;
    if (bytes > MAX_EVIDENCE_BYTES) throw new TooLarge(`more than ${MAX_EVIDENCE_BYTES} bytes`);
    hash.update(chunk);
  }
  return { sha256: hash.hex(), bytes };
}

/** What the sender fails at is told apart from what the disk does. */
export async function* arriving(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw new BrokenOff('the upload was broken off', { cause: error });
  }
}
