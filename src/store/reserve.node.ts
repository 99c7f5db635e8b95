import { randomFillSync } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';

/**
 * Disk space that is kept for cuts: a file that is given up when the disk is full, so that a suspension is still committed.
 * While it is spent nothing else is written, or whoever fills the disk would fill this too.
 */
export interface Reserve {
  readonly spent: boolean;
  /** Give it up. */
  spend(): void;
  /** Take it back; false when there is no room for it. */
  refill(): boolean;
}

/** A cut adds about 1 KiB to the database, and some 100 KiB to the log, which is emptied after each while the reserve is spent. */
const RESERVE_BYTES = 2 * 1024 * 1024;
/** Milliseconds between two attempts to take it back. */
const RETRY_AFTER_MS = 1000;

export const reserveFile = (database: string): string => `${database}.reserve`;

export function diskReserve(database: string, bytes = RESERVE_BYTES): Reserve {
  const file = reserveFile(database);
  // The file says it, and not whoever gave it up: other processes, and other threads, have the same disk.
  const isThere = () => statSync(file, { throwIfNoEntry: false })?.size === bytes;
  let triedAt = Number.NEGATIVE_INFINITY;
  const reserve: Reserve = {
    get spent() {
      return !isThere();
    },
    spend() {
      rmSync(file, { force: true });
      triedAt = performance.now();
    },
    refill() {
      if (performance.now() - triedAt < RETRY_AFTER_MS) return isThere();
      triedAt = performance.now();
      try {
        // Bytes that no file system can compress or leave out.
        if (!isThere()) writeFileSync(file, randomFillSync(Buffer.alloc(bytes)), { mode: 0o600 });
      } catch {
        rmSync(file, { force: true });
      }
      return isThere();
    },
  };
  reserve.refill();
  return reserve;
}

/** Where nothing is set aside: short-lived tools. */
export const noReserve: Reserve = { spent: false, spend: () => undefined, refill: () => true };
