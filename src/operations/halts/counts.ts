/** Counts of what a cut would reach. */
export interface Counts {
  readonly members: number;
  readonly statements: number;
  readonly marks: number;
  /** Resolve responses that fall, of whatever authority here. */
  readonly answers: number;
  readonly intermediates: number;
  /** Entities whose chains go through what is cut. */
  readonly below: number;
  /** Other authorities here that have to do with it. */
  readonly otherAuthorities: number;
}
export const NONE: Counts = { members: 0, statements: 0, marks: 0, answers: 0, intermediates: 0, below: 0, otherAuthorities: 0 };
export const COUNTS = Object.keys(NONE) as (keyof Counts)[];
