import { type Inbox, SPEND } from './inbox.js';

export function inboxOnD1(d1: D1Database): Inbox {
  return { spend: async (issuer, jti, exp) => (await d1.prepare(SPEND).bind(issuer, jti, exp).all()).results.length === 1 };
}
