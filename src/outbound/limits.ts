/** Limits of one fetch (bytes and milliseconds); budgets of whole walks stand in resolver/walk.ts. */
export const MAX_BODY_BYTES = 256 * 1024;
export const MAX_HEADER_BYTES = 16 * 1024;
export const CONNECT_MS = 3000;
export const FIRST_BYTE_MS = 3000;
export const WHOLE_FETCH_MS = 5000;
/** A body has to arrive at this rate (bytes a second) once the grace time is over. */
export const MIN_RATE = 1024;
export const RATE_GRACE_MS = 2000;
/** Fetches at the same time: of one walk, to one host, of the whole process. */
export const PARALLEL_PER_WALK = 8;
export const PARALLEL_PER_HOST = 4;
export const PARALLEL_PER_PROCESS = 64;
/** Decoded bytes and time of one walk. */
export const MAX_WALK_BYTES = 4 * 1024 * 1024;
export const WHOLE_WALK_MS = 15_000;
/** Requests that may wait for their turn; more are refused at once, so that a queue never grows without bound. */
export const MAX_WAITING = 10_000;
/** A subordinate listing of 100 000 entities is about 3 MB. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;
