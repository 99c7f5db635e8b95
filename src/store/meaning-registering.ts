import { type SQL, sql } from 'drizzle-orm';
import { cutAbove } from './stands-above.js';

/** What rows of software statements, initial access tokens and reported clients say, held against the event chain, the members, and each other. */

const happened = (type: string, subject = 'k.jti'): string =>
  `EXISTS (SELECT 1 FROM event AS h WHERE h.authority_id = k.authority_id AND h.subject_id = ${subject} AND h.type = '${type}')`;
const rows = (table: string, what: string, where: string, more = ''): SQL =>
  sql.raw(`SELECT k.authority_id AS "authorityId", '${table} ' || ${what} AS what FROM ${table} AS k ${more} WHERE ${where}`);
const statements = (where: string, more?: string) => rows('software_statement', 'k.jti', where, more);
const tokens = (where: string, more?: string) => rows('initial_access_token', 'k.jti', where, more);
const clients = (where: string) => rows('client_registration', "k.client_id || ' ' || k.server", where);

/** As long as one may live (operations/registering/lifetime.ts), and what clocks differ by (seconds). */
const LONGEST = 24 * 60 * 60;
const SKEW = 60;
const LIVES = `k.exp <= k.created_at OR k.exp > k.created_at + ${LONGEST}`;

/** What was signed before a cut is good no more: the sum of those there were only rises. */
const MEMBER = `JOIN member AS m ON m.id = k.member_id AND m.authority_id = k.authority_id JOIN authority AS a ON a.id = k.authority_id`;
const CUTS = `m.cut + a.cut + ${cutAbove('a')} + (SELECT count(*) FROM authority_key AS s WHERE s.authority_id = a.id AND s.revoked_reason = 'compromised')`;
/** Of its own revocation, or use, nobody has taken its place in the status list. */
const stillListed = (kind: string): string =>
  `EXISTS (SELECT 1 FROM status_entry AS e WHERE e.authority_id = k.authority_id AND e.kind = '${kind}' AND e.subject_id = k.jti AND e.revoked_at IS NULL)`;
const otherStatement = (key: string): string =>
  `EXISTS (SELECT 1 FROM software_statement AS s WHERE s.jti = ${key} AND (s.member_id <> k.member_id OR s.authority_id <> k.authority_id))`;

/** What is wrong, and where it is so. */
export const REGISTERED_OTHERWISE: readonly (readonly [detail: string, rule: SQL])[] = [
  ['no event tells that it was issued', statements(`NOT ${happened('software_statement.issued')}`)],
  ['no event tells that it was issued', tokens(`NOT ${happened('initial_access_token.issued')}`)],
  ['it lives longer than any may', statements(LIVES)],
  ['it lives longer than any may', tokens(LIVES)],
  ['it was signed under more cuts than there were', statements(`k.cut > ${CUTS}`, MEMBER)],
  ['it was signed under more cuts than there were', tokens(`k.cut > ${CUTS}`, MEMBER)],
  ['it was revoked, and its row does not say so', statements(`k.revoked_at IS NULL AND ${happened('software_statement.revoked')}`)],
  ['it was revoked, and its row does not say so', tokens(`k.revoked_at IS NULL AND ${happened('initial_access_token.revoked')}`)],
  ['it is revoked, and no event tells of it', statements(`k.revoked_at IS NOT NULL AND NOT ${happened('software_statement.revoked')}`)],
  ['it is revoked, and no event tells of it', tokens(`k.revoked_at IS NOT NULL AND NOT ${happened('initial_access_token.revoked')}`)],
  ['it was revoked, and the status list calls it valid', statements(`k.revoked_at IS NOT NULL AND ${stillListed('software_statement')}`)],
  [
    'it was revoked or used, and the status list calls it valid',
    tokens(`(k.revoked_at IS NOT NULL OR k.redeemed_at IS NOT NULL) AND ${stillListed('initial_access_token')}`),
  ],
  ['it was used, and its row does not say so: it would serve again', tokens(`k.redeemed_at IS NULL AND ${happened('initial_access_token.redeemed')}`)],
  ['it is used, and no event tells of it', tokens(`k.redeemed_at IS NOT NULL AND NOT ${happened('initial_access_token.redeemed')}`)],
  [
    'it was used more than once',
    tokens(`(SELECT count(*) FROM event AS h WHERE h.authority_id = k.authority_id AND h.subject_id = k.jti AND h.type = 'initial_access_token.redeemed') > 1`),
  ],
  [
    'it was used for no request, or for one without having been used',
    tokens('(k.redeemed_at IS NULL AND k.request_sha256 IS NOT NULL) OR (k.redeemed_at IS NOT NULL AND k.request_sha256 IS NULL)'),
  ],
  [
    'it was used before it was there, after its end, or after it was revoked',
    tokens(`k.redeemed_at < k.created_at - ${SKEW} OR k.redeemed_at > k.exp + ${SKEW} OR k.redeemed_at > k.revoked_at + ${SKEW}`),
  ],
  ['it is bound to the software statement of another member', tokens(otherStatement('k.software_statement_jti'))],
  ['no event tells that it was registered', clients(`NOT ${happened('client.registered', 'k.client_id')}`)],
  ['it was ended, and no event tells of it', clients(`k.ended_at IS NOT NULL AND NOT ${happened('client.ended', 'k.client_id')}`)],
  [
    'it came by a software statement, and by none or that of another member',
    clients(`k.method = 'software_statement' AND (k.software_statement_jti IS NULL OR ${otherStatement('k.software_statement_jti')})`),
  ],
];
