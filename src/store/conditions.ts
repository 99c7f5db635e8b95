import { type AnyColumn, type SQL, sql } from 'drizzle-orm';
import { searchForms } from './search-forms.js';
import { memberEnd } from './words.js';

/** Small pieces of SQL that drizzle's query builder has no words for. */

/** A column, or what is made of one. */
type Text = AnyColumn | SQL;

/**
 * A text somewhere in a column, whatever its case. LIKE patterns treat % and _ as wild; ours are literal. D1 caps patterns at 50
 * bytes, so search uses instr. Of engines only some know the case of letters outside ASCII (`store/search-forms.ts`).
 */
export const containsText = (column: Text, text: string): SQL =>
  sql`(${sql.join(
    searchForms(text).map((form) => sql`instr(lower(${column}), ${form}) > 0`),
    sql` OR `,
  )})`;

/** Does that very text stand in a column? */
export const holdsText = (column: Text, text: string): SQL => sql`instr(${column}, ${text}) > 0`;

/** Is a value in the list that a JSON column holds? */
export const listHas = (column: Text, value: string): SQL => sql`EXISTS (SELECT 1 FROM json_each(${column}) WHERE value = ${value})`;

/** Has the list that a JSON column holds any value? */
export const listHasAny = (column: Text): SQL => sql`${column} <> '[]'`;

/** A number in what a JSON column holds. @param name of the property */
export const numberIn = (column: Text, name: string): SQL<number> => sql<number>`CAST(json_extract(${column}, ${sql.raw(`'$.${name}'`)}) AS NUMERIC)`;

/** Does a JSON column hold this text? @param name of the property */
export const textInIs = (column: Text, name: string, text: string): SQL => sql`json_extract(${column}, ${sql.raw(`'$.${name}'`)}) = ${text}`;

/** Has the object in a JSON column no such property? */
export const hasNone = (column: Text, name: string): SQL => sql`json_extract(${column}, ${sql.raw(`'$.${name}'`)}) IS NULL`;

/** A JSON cell as text: a row whose JSON cannot be read hides no other, and holds up nobody else. */
export const cellText = (column: AnyColumn): SQL<string> => sql<string>`${column}`;

/** The version of a row after a write by predicate. */
export const nextVersion = (): SQL => sql`v + 1`;

/** The order in which rows came into the table. */
export const byArrival = (): SQL => sql`rowid`;
export const byArrivalReversed = (): SQL => sql`rowid DESC`;

/** The end of a member, if it has one, is later than now. */
export const memberLastsBeyond = (now: number): SQL => sql`${sql.raw(memberEnd('member.'))} > ${now}`;
