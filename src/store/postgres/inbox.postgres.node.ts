import { FORGET_SPENT, FORGET_WISHES, type Inbox, SPEND, WANT } from '../inbox.js';
import { askedFor } from './connection.node.js';
import type { Pool } from './pool.node.js';
import { numbered } from './translate.js';

/** One transaction each, without the lock of writers: nothing published changes by it. */
export function inboxOnPostgres(pool: Pool): Inbox {
  const took = async (forget: readonly [string, ...unknown[]], take: readonly [string, ...unknown[]]): Promise<boolean> => {
    const [forgetting, ...old] = forget;
    const [taking, ...values] = take;
    await pool.query(numbered(forgetting), old);
    // With another character in its place it is as unlike all others as it was.
    return (await pool.query(numbered(taking), values.map(askedFor))).rows.length === 1;
  };
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
