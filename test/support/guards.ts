/**
 * Tables that are only ever added to say so by triggers. Whoever plays the one who has the file takes them off first, and puts
 * them back, so that what comes after is the service as it is.
 */
const GUARDED = /\b(update|delete)\b[^;]*\b(event|event_private|approval|checkpoint|registration_event)\b/i;

export const GUARDS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND (name LIKE '%\\_kept' ESCAPE '\\' OR name LIKE '%\\_stays' ESCAPE '\\')";

/** What to carry out for a statement, in order. @param guards what GUARDS gives */
export function unguarded(sql: string, guards: () => readonly { readonly name: string; readonly sql: string }[]): readonly string[] {
  if (!GUARDED.test(sql)) return [sql];
  const found = guards();
  return [...found.map(({ name }) => `DROP TRIGGER ${name}`), sql, ...found.map((one) => one.sql)];
}
