import { limits } from '../federation/entry.js';
import type { MaybePromise } from './published.js';
import { NUMBER } from './words.js';

/** All that the public plane may write: no artefact, no event. */
export interface Inbox {
  /**
   * Spend a client assertion; scoped by issuer, kept until `exp` is past. False when it was spent before, or when its issuer,
   * or all together, have spent too many that have not ended.
   */
  spend(issuer: string, jti: string, exp: number): MaybePromise<boolean>;
  /** Record that an authenticated caller wants a subject evaluated. False when the caller's budget, or everyone's, is used up. */
  want(authorityId: string, subject: string, askedBy: string, now: number): MaybePromise<boolean>;
}

/** Open wishes one caller may have, and all together: a stranger's questions never grow into work without bound. */
export const MAX_WISHES = 1000;
export const MAX_WISHES_PER_CALLER = 20;
/** A wish counts against its caller's budget for this long (seconds): twenty new entities an hour, not twenty a moment. */
export const WISH_SECONDS = 60 * 60;

/** Assertions that have not ended of one caller, some fifty a second, and about so many of all together. */
export const MAX_SPENT_PER_CALLER = 20_000;
export const MAX_SPENT = 200_000;

/**
 * Parameters: issuer, jti, exp, issuer, issuer, jti. The span of row numbers is no less than the number of rows, and costs two
 * look-ups. One that was spent before is not even tried: where numbers come from a sequence, each try uses one up.
 */
export const SPEND = `INSERT INTO used_assertion (issuer, jti, exp) SELECT ?, ?, ${NUMBER}
WHERE NOT EXISTS (SELECT 1 FROM used_assertion WHERE issuer = ? LIMIT 1 OFFSET ${MAX_SPENT_PER_CALLER - 1})
AND NOT EXISTS (SELECT 1 FROM used_assertion WHERE issuer = ? AND jti = ?)
AND coalesce((SELECT max(rowid) FROM used_assertion) - (SELECT min(rowid) FROM used_assertion), 0) < ${MAX_SPENT - 1}
ON CONFLICT DO NOTHING RETURNING jti`;

/**
 * Parameter: `exp` of an assertion that is spent now. One is accepted that ends from a little ago to a few minutes ahead, so
 * what ended this much before it is accepted no more. Each one spent clears away a few: the table never grows by itself.
 */
export const FORGET_SPENT = `DELETE FROM used_assertion WHERE rowid IN
(SELECT rowid FROM used_assertion WHERE exp < ${NUMBER} - ${limits.MAX_ASSERTION_LIFETIME + 3 * limits.CLOCK_SKEW_SECONDS} LIMIT 10)`;

/** Parameters: authority, subject, caller, now, authority, subject, caller. A wish that is there already counts as granted. */
export const WANT = `INSERT INTO wanted_subject (authority_id, subject, asked_by, asked_at) SELECT ?, ?, ?, ${NUMBER}
WHERE EXISTS (SELECT 1 FROM wanted_subject WHERE authority_id = ? AND subject = ?)
OR ((SELECT count(*) FROM wanted_subject WHERE asked_by = ?) < ${MAX_WISHES_PER_CALLER} AND (SELECT count(*) FROM wanted_subject) < ${MAX_WISHES})
ON CONFLICT (authority_id, subject) DO UPDATE SET subject = excluded.subject RETURNING subject`;

/** Parameter: now. */
export const FORGET_WISHES = `DELETE FROM wanted_subject WHERE asked_at < ${NUMBER} - ${WISH_SECONDS}`;
