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

/** Where the bytes of evidence lie: under their hash, so that what stands there is what was handed in. */
export interface EvidenceFiles {
  /**
   * Take bytes as they arrive. Nothing is left of what is broken off or too large.
   * @throws TooLarge, BrokenOff
   */
  take(body: AsyncIterable<Uint8Array>): Promise<TakenFile>;
  /** Undefined: it is not there. `changed`: it is not what was handed in. */
  open(sha256: string): Promise<ReadableStream<Uint8Array> | 'changed' | undefined>;
  remove(sha256: string): Promise<void>;
}
