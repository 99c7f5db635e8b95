/**
 * One SQL text for all engines. It is SQLite's, but for what PostgreSQL cannot be taught: there all that comes out of JSON, and
 * every parameter of a SELECT, is text, so that where a number is wanted the text says so. What else differs is written in words
 * that all of them know: IS NOT DISTINCT FROM for IS, a line break itself for char(10), columns of ON CONFLICT with their table.
 * The functions of SQLite that PostgreSQL lacks are made there (postgres/functions.ts).
 */

/** A value of a column of that type. */
export const asType = (type: string, value: string): string => (type === 'integer' ? `CAST(${value} AS BIGINT)` : value);

/** A number out of JSON. @param path like `$.exp` */
export const number = (json: string, path: string): string => asType('integer', `json_extract(${json}, '${path}')`);

/** A parameter that is a number, in a SELECT. */
export const NUMBER = asType('integer', '?');
