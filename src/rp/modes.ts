/** How fresh the answer "in force" is. */
export interface Mode {
  /** What was found out is used again for so long (seconds); 0: asked with every request, one question for all that wait. */
  readonly seconds: number;
  /** How long a request waits for the registry, once something is known already (milliseconds). */
  readonly milliseconds: number;
  /** A statement whose issuer keeps no status list is fetched anew after so long (seconds). */
  readonly statementSeconds: number;
}

/** Ask the registry at most every so many seconds. */
export function cached(seconds = 15): Mode {
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 300) throw new TypeError('cached(seconds): more than 0, at most 300');
  return { seconds, milliseconds: 1000, statementSeconds: Math.min(60, seconds) };
}

/** Ask the registry with every request: a conditional GET, shared by all that came before it was sent. */
export const strict: Mode = { seconds: 0, milliseconds: 300, statementSeconds: 60 };
