/** Limits of one fetch (bytes and milliseconds); budgets of whole walks stand in resolver/walk.ts. */
export const MAX_BODY_BYTES = 256 * 1024;
export const MAX_HEADER_BYTES = 16 * 1024;
export const CONNECT_MS = 3000;
export const FIRST_BYTE_MS = 3000;
export const WHOLE_FETCH_MS = 5000;
/** A body has to arrive at this rate (bytes a second) once the grace time is over. */
export const MIN_RATE = 1024;
export const RATE_GRACE_MS = 2000;
