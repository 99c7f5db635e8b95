/**
 * One SQL text for all engines. It is SQLite's, but for what PostgreSQL cannot be taught: there all that comes out of JSON, and
 * every parameter whose type nothing around it tells, is text, so that where a number is wanted the text says so. What else
 * differs is written in words that all of them know: IS NOT DISTINCT FROM for IS, a line break itself for char(10), columns of
 * ON CONFLICT with their table, `= 1` for a boolean, no truth value beside a number, "names" with capitals in quotes, a name for every sub-select of a FROM (PostgreSQL 15).
 * The functions of SQLite that PostgreSQL lacks are made there (postgres/functions.ts); a column of numbers is one of doubles,
 * as numbers are in JavaScript and JSON.
 */

/** That value as a number. Of SQLite's casts this one takes nothing away: a fraction stays one. */
export const asNumber = (value: string): string => `CAST(${value} AS NUMERIC)`;

/** A value of a column of that type. */
export const asType = (type: string, value: string): string => (type === 'integer' ? asNumber(value) : value);

/** A number out of JSON. @param path like `$.exp` */
export const number = (json: string, path: string): string => asNumber(`json_extract(${json}, '${path}')`);

/** A parameter that is a number, where nothing around it tells. */
export const NUMBER = asNumber('?');

/** The numbers of a list. */
export const NUMBERS_OF = `SELECT ${asNumber('value')} FROM json_each(?)`;

/** Later than any time. */
export const NEVER = 1e15;

/** The earliest end that a member has, `NEVER` without one. @param of what its columns are called by, such as `m.` */
export const memberEnd = (of = ''): string =>
  `min(${['valid_until', 'keys_until', 'accredited_until', 'reattest_by'].map((column) => `coalesce(${of}${column}, ${NEVER})`).join(', ')})`;

/** That the end of something, if it has one, is later than the parameter. */
export const lasts = (end: string): string => `coalesce(${end}, ${NEVER}) > ?`;
