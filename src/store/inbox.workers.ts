import { type Inbox, SPEND, WANT } from './inbox.js';

export function inboxOnD1(d1: D1Database): Inbox {
  const took = async (sql: string, ...params: unknown[]) =>
    (
      await d1
        .prepare(sql)
        .bind(...params)
        .all()
    ).results.length === 1;
  return {
    spend: (issuer, jti, exp) => took(SPEND, issuer, jti, exp),
    want: (authorityId, subject, askedBy, now) => took(WANT, authorityId, subject, askedBy, now, askedBy),
  };
}
