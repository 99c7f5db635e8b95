import type { CutCode } from '../../audit/reason-codes.js';

/** What goes with every cut beside its reason in words. */
export interface CutBy {
  /** Chosen by whoever cuts; `stated` stands there otherwise. */
  readonly reasonCode?: CutCode | undefined;
  /** The act: one of them may cut in several chains, and each event names it. */
  readonly halt?: string | undefined;
}

export const actOf = ({ halt }: CutBy): { readonly halt?: string } => (halt === undefined ? {} : { halt });
