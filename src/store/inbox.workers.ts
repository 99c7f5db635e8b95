import { FORGET_SPENT, FORGET_WISHES, type Inbox, SPEND, WANT } from './inbox.js';

export function inboxOnD1(d1: D1Database): Inbox {
  const bound = (sql: string, ...params: unknown[]) => d1.prepare(sql).bind(...params);
  const took = async (forget: D1PreparedStatement, take: D1PreparedStatement) => (await d1.batch([forget, take])).at(-1)?.results.length === 1;
  return {
    spend: (issuer, jti, exp) => took(bound(FORGET_SPENT, exp), bound(SPEND, issuer, jti, exp, issuer, issuer, jti)),
    want: (authorityId, subject, askedBy, now) =>
      took(bound(FORGET_WISHES, now), bound(WANT, authorityId, subject, askedBy, now, authorityId, subject, askedBy)),
  };
}
