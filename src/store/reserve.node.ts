import { randomFillSync } from 'node:crypto';
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs';

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
  const isThere = () => existsSync(file) && statSync(file).size === bytes;
  let triedAt = Number.NEGATIVE_INFINITY;
  let spent = false;
  const reserve: Reserve = {
    get spent() {
      return spent;
    },
    spend() {
      rmSync(file, { force: true });
      spent = true;
      triedAt = performance.now();
    },
    refill() {
      if (performance.now() - triedAt < RETRY_AFTER_MS) return !spent;
      triedAt = performance.now();
      try {
        // Bytes that no file system can compress or leave out.
        if (!isThere()) writeFileSync(file, randomFillSync(Buffer.alloc(bytes)), { mode: 0o600 });
        spent = false;
      } catch {
        rmSync(file, { force: true });
        spent = true;
      }
      return !spent;
    },
  };
  reserve.refill();
  return reserve;
}

/** Where nothing is set aside: short-lived tools. */
export const noReserve: Reserve = { spent: false, spend: () => undefined, refill: () => true };
