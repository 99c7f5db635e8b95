/** What a process on Node may need of its surroundings that is about nobody's secrets. */
const KEPT = /^(PATH|HOME|TZ|LANG|LANGUAGE|LC_\w+|TMPDIR|TEMP|TMP|SystemRoot|NODE_\w+|SSL_CERT_\w+|UV_\w+|NO_COLOR)$/;
/** Where nobody signs, the process that starts workers holds only what they may have. */
const OF_READERS = /^PG\w+$/;

/**
 * The environment of a worker: by what it needs, not less what it must not have, so that no secret is forgotten. What it is to know
 * it is told.
 * @param options `signs`: the process that starts it holds keys
 * @returns all names, those that it does not get with undefined
 */
export const workerEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
  { signs }: { readonly signs: boolean },
): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, KEPT.test(name) || (!signs && OF_READERS.test(name)) ? value : undefined]));
