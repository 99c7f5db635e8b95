import { raw, type Statement } from './database.js';

/** So many values one statement binds at most: D1 takes a hundred. */
const MOST_BOUND = 90;

interface Asked {
  readonly chain: string;
  /** Conditions in brackets, all of which hold. */
  readonly all: string;
  readonly params: readonly unknown[];
}
const asked = new WeakMap<Statement, Asked>();

function asking(one: Asked): Statement {
  const { chain, all, params } = one;
  const statement: Statement = {
    ...raw(
      `INSERT INTO event SELECT * FROM event WHERE authority_id = ? AND seq = (SELECT min(seq) FROM event WHERE authority_id = ?) AND (${all}) IS NOT TRUE`,
      chain,
      chain,
      ...params,
    ),
    // What is asked one after the other, with nothing written in between, is asked at once.
    and(next) {
      const other = asked.get(next);
      if (other?.chain !== chain || params.length + other.params.length > MOST_BOUND) return undefined;
      return asking({ chain, all: `${all} AND ${other.all}`, params: [...params, ...other.params] });
    },
  };
  asked.set(statement, one);
  return statement;
}

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
  asking({ chain: authorityId, all: `(${condition})`, params });
