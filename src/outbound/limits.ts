/** Limits of one fetch (bytes and milliseconds); the budget of a whole evaluation stands in evaluation-budget.ts. */
export const MAX_BODY_BYTES = 256 * 1024;
export const MAX_HEADER_BYTES = 16 * 1024;
export const CONNECT_MS = 3000;
export const FIRST_BYTE_MS = 3000;
export const WHOLE_FETCH_MS = 5000;
/** A body has to arrive at this rate (bytes a second) once the grace time is over. */
export const MIN_RATE = 1024;
export const RATE_GRACE_MS = 2000;
/** How long a host name may take to look up; two tries. */
export const LOOKUP_MS = 1500;
/** An idle connection is kept this long, whatever the peer asks for. */
export const KEEP_ALIVE_MS = 1000;
/** Fetches at the same time: to one host, of the whole process. */
export const PARALLEL_PER_HOST = 4;
export const PARALLEL_PER_PROCESS = 64;
/** Besides those: fetches for who is new, so that nobody who does not answer is in the way; of the process, and to one host. */
export const PARALLEL_AHEAD = 32;
export const PARALLEL_AHEAD_PER_HOST = 2;
/** Requests that may wait for their turn; more are refused at once, so that a queue never grows without bound. */
export const MAX_WAITING = 10_000;
/** A subordinate listing of 100 000 entities is about 3 MB. */
export const MAX_LIST_BYTES = 8 * 1024 * 1024;
