import type { MaybePromise } from './published.js';

/** All that the public plane may write: no artefact, no event. */
export interface Inbox {
  /** Spend a client assertion. False when it was spent before; scoped by issuer, kept until `exp`. */
  spend(issuer: string, jti: string, exp: number): MaybePromise<boolean>;
}

export const SPEND = 'INSERT INTO used_assertion (issuer, jti, exp) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING jti';
