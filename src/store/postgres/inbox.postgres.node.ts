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
  return {
    spend: (issuer, jti, exp) => took([FORGET_SPENT, exp], [SPEND, issuer, jti, exp, issuer]),
    want: (authorityId, subject, askedBy, now) => took([FORGET_WISHES, now], [WANT, authorityId, subject, askedBy, now, authorityId, subject, askedBy]),
  };
}
