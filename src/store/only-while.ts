import { raw, type Statement } from './database.js';

/**
 * A decision holds only while something is so that it read outside its own event chain: a row of another authority, or of the
 * deployment. The statement goes into its batch. Where the condition does not hold there, it takes a number of the chain that
 * is taken, as a decision does that lost its race: nothing is written, and the operation decides again on what is so now.
 * Two decisions that read what the other one writes each take one; whichever comes second sees the first.
 * @param authorityId the chain of the rows that are written. It is not empty, since the events of a batch go first: whatever
 *   row is lost of it, some number is taken, and the condition is asked
 * @param condition SQL
 */
export const onlyWhile = (authorityId: string, condition: string, ...params: unknown[]): Statement =>
  raw(
    `INSERT INTO event SELECT * FROM event WHERE authority_id = ? AND seq = (SELECT min(seq) FROM event WHERE authority_id = ?) AND (${condition}) IS NOT TRUE`,
    authorityId,
    authorityId,
    ...params,
  );
