import { FORGET_SPENT, FORGET_WISHES, type Inbox, SPEND, WANT } from '../inbox.js';
import { askedFor } from './connection.node.js';
import { named } from './errors.node.js';
import type { Pool } from './pool.node.js';
import { numbered } from './translate.js';

/** Any number that is ours: one is taken after the other, so that a budget is not passed by many that count at the same moment. */
const LOCK = 7_236_004;

/**
 * One transaction each, without the lock of writers: nothing published changes by it.
 * @param pool of whose connections each is used by one transaction at a time
 */
export function inboxOnPostgres(pool: Pool): Inbox {
  const took = ([forgetting, ...old]: readonly [string, ...unknown[]], [taking, ...values]: readonly [string, ...unknown[]]): Promise<boolean> =>
    pool.alone(async (on) => {
      try {
        const [, , , taken] = await Promise.all([
          on.query('BEGIN'),
          on.query('SELECT pg_advisory_xact_lock($1)', [LOCK]),
          on.query(numbered(forgetting), old),
          // With another character in its place it is as unlike all others as it was.
          on.query(numbered(taking), values.map(askedFor)),
          on.query('COMMIT'),
        ]);
        return taken.rows.length === 1;
      } catch (error) {
        on.destroy();
        throw named(error);
      }
    });
  const spending = new Set<string>();
  return {
    async spend(issuer, jti, exp) {
      const which = JSON.stringify([issuer, jti]);
      // Of the same one at the same moment only the first is tried: each try that fails would use up a row number.
      if (spending.has(which)) return false;
      spending.add(which);
      return took([FORGET_SPENT, exp], [SPEND, issuer, jti, exp, issuer, issuer, jti]).finally(() => spending.delete(which));
    },
    want: (authorityId, subject, askedBy, now) => took([FORGET_WISHES, now], [WANT, authorityId, subject, askedBy, now, authorityId, subject, askedBy]),
  };
}
