import type { MaybePromise } from './published.js';

/** All that the public plane may write: no artefact, no event. */
export interface Inbox {
  /** Spend a client assertion. False when it was spent before; scoped by issuer, kept until `exp`. */
  spend(issuer: string, jti: string, exp: number): MaybePromise<boolean>;
  /** Record that an authenticated caller wants a subject evaluated. False when the caller's budget, or everyone's, is used up. */
  want(authorityId: string, subject: string, askedBy: string, now: number): MaybePromise<boolean>;
}

/** Open wishes one caller may have, and all together: a stranger's questions never grow into work without bound. */
export const MAX_WISHES = 1000;
export const MAX_WISHES_PER_CALLER = 20;

export const SPEND = 'INSERT INTO used_assertion (issuer, jti, exp) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING jti';

/** Parameters: authority, subject, caller, now, caller. A wish that is there already counts as granted. */
export const WANT = `INSERT INTO wanted_subject (authority_id, subject, asked_by, asked_at) SELECT ?, ?, ?, ?
WHERE (SELECT count(*) FROM wanted_subject WHERE asked_by = ?) < ${MAX_WISHES_PER_CALLER} AND (SELECT count(*) FROM wanted_subject) < ${MAX_WISHES}
ON CONFLICT (authority_id, subject) DO UPDATE SET subject = excluded.subject RETURNING subject`;
