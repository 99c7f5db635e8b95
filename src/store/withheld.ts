import { sql } from 'drizzle-orm';
import { artefact, KEY_STATES, type WITHHELD } from './schema.js';

/**
 * What is not served although it stands there. Of what a change reaches by the million the rows are written afterwards, in slices
 * (due-slices.ts); that it is not served holds from the commit on, because each look-up asks the two rows that the commit wrote: the key
 * that was revoked, and the authority that came back. Both are final, so nothing has to be taken back when the slices are written.
 */

/**
 * A state that is none of these, or that nobody can read, is that of a key which counts no more. One after the other: for a list of more than
 * two SQLite makes a table of its own each time, which costs more than all the rest of a look-up. @param key what its columns are called by
 */
export const isGone = (key: string): string =>
  `(${KEY_STATES.filter((state) => state !== 'revoked')
    .map((state) => `${key}.state <> '${state}'`)
    .join(' AND ')})`;

/** It is of an earlier generation, or of one that has not come yet: then its cell is damaged, and nobody knows. */
const isOlder = (of: string, by: string, bound: 'keys_from' | 'serves_from'): string =>
  `(${of}.generation < ${by}.${bound} OR (${by}.${bound} <> 0 AND ${of}.generation > ${by}.generation))`;

/** A key signed it that counts no more. Of an authority that has stopped the last of its keys vouch on, and what they do not is withheld by its row. */
const byGoneKey = (of: string, by: string): string => `(${isOlder(of, by, 'keys_from')} AND ${by}.state = 'active' AND ${of}.kind <> 'hosted'
    AND EXISTS (SELECT 1 FROM authority_key AS gone WHERE gone.authority_id = ${by}.id AND gone.kid = ${of}.kid AND ${isGone('gone')}))`;
/** Its authority signed it before it came back. */
const before = (of: string, by: string): string => `(${isOlder(of, by, 'serves_from')} AND ${of}.kind NOT IN ('mark', 'hosted') AND ${of}.exp IS NOT NULL)`;

/** @param of what the columns of the artefact are called by @param by those of its authority, which is joined */
export const isWithheld = (of: string, by: string): string => `(${of}.withheld IS NOT NULL OR ${byGoneKey(of, by)} OR ${before(of, by)})`;

/** A condition as a column, 1 or 0; what nobody can tell is 1. As a value SQLite would look at all of it, also where the first part says it. */
export const asColumn = (condition: string): string => `CASE WHEN NOT (${condition}) THEN 0 ELSE 1 END`;

/** The same where its authority is not joined. */
export const isWithheldAlone = (of: string): string =>
  `(${of}.withheld IS NOT NULL OR EXISTS (SELECT 1 FROM authority AS signing WHERE signing.id = ${of}.authority_id AND (${byGoneKey(of, 'signing')} OR ${before(of, 'signing')})))`;

/** Why an artefact is not served; null: it is. For whoever reads the table `artefact` by that name. */
export const whyWithheld = sql<
  (typeof WITHHELD)[number] | null
>`coalesce(${artefact.withheld}, (SELECT CASE WHEN ${sql.raw(byGoneKey('artefact', 'signing'))} THEN 'key_revoked'
  WHEN ${sql.raw(before('artefact', 'signing'))} THEN 'authority_resumed' END FROM authority AS signing WHERE signing.id = ${artefact.authorityId}))`;

/** Whatever rests on anything of an authority waits. @param by what the columns of the authority are called by */
export const restsOnVoid = (by: string): string => `(${by}.rests_void <> 0)`;
