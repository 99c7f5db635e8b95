import { and, eq, gt, isNull, lte } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import type { Database, Statement } from './database.js';
import { raw } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { keyChallenge, keyStanding } from './schema.js';

/** What is known of members' keys beside that they are bound, and what members were asked to prove. */
export type KeyStandingRow = typeof keyStanding.$inferSelect;
export type KeyChallengeRow = typeof keyChallenge.$inferSelect;

type Of = Pick<KeyStandingRow, 'memberId' | 'thumbprint' | 'authorityId'>;
const setting = (...columns: readonly string[]) =>
  `ON CONFLICT (member_id, thumbprint) DO UPDATE SET ${columns.map((name) => `${name} = excluded.${name}`).join(', ')}`;

export const putProofs = (rows: readonly (Of & Pick<KeyStandingRow, 'provenAt' | 'proofPurpose' | 'proofSha256'>)[]): Statement =>
  insertWith(keyStanding, rows, setting('proven_at', 'proof_purpose', 'proof_sha256'));

export const putConfirmation = (row: Of & Pick<KeyStandingRow, 'confirmedAt' | 'confirmedBy' | 'confirmedChannel'>): Statement =>
  insertWith(keyStanding, [row], setting('confirmed_at', 'confirmed_by', 'confirmed_channel'));

export const standingsOf = (db: Database, memberIds: readonly string[]): Promise<readonly KeyStandingRow[]> =>
  readByList(memberIds, (lot) => db.select().from(keyStanding).where(inLot(keyStanding.memberId, lot)));

/** A key that was taken away from a member begins anew when it comes back. */
export const dropStandings = (keys: readonly { readonly memberId: string; readonly thumbprint: string }[]): Statement =>
  overList(
    `DELETE FROM key_standing WHERE (member_id, thumbprint) IN
       (SELECT json_extract(value, '$.memberId'), json_extract(value, '$.thumbprint') FROM json_each(?))`,
    keys.map(({ memberId, thumbprint }) => ({ memberId, thumbprint })),
  );

/** A key was halted: what anybody proved or confirmed of it before counts no more. @param authorityId undefined: everywhere */
export const dropStandingsWith = (thumbprint: string, authorityId: string | undefined): Statement =>
  authorityId === undefined
    ? raw('DELETE FROM key_standing WHERE thumbprint = ?', thumbprint)
    : raw('DELETE FROM key_standing WHERE thumbprint = ? AND authority_id = ?', thumbprint, authorityId);

export const dropStandingsOf = (memberIds: readonly string[]): Statement =>
  overList('DELETE FROM key_standing WHERE member_id IN (SELECT value FROM json_each(?))', memberIds);

const FORGET_RESUMING = "UPDATE key_standing SET proven_at = NULL, proof_purpose = NULL, proof_sha256 = NULL WHERE proof_purpose = 'resume'";

/** A proof for coming back serves once, and for the suspension in which it was asked for. @param which SQL of ids of members */
export const forgetResuming = (which: string, ...params: readonly unknown[]): readonly Statement[] => [
  raw(`${FORGET_RESUMING} AND member_id IN (${which})`, ...params),
  dropChallengesOf(which, ...params),
];
export const forgetResumingOf = (memberIds: readonly string[]): readonly Statement[] => [
  overList(`${FORGET_RESUMING} AND member_id IN (${LISTED})`, memberIds),
  endChallenges(memberIds),
];

const LISTED = 'SELECT value FROM json_each(?)';
const DROP_CHALLENGES = 'DELETE FROM key_challenge WHERE member_id IN';
const dropChallengesOf = (which: string, ...params: readonly unknown[]): Statement => raw(`${DROP_CHALLENGES} (${which})`, ...params);

/** What they were asked is answered no more. */
export const endChallenges = (memberIds: readonly string[]): Statement => overList(`${DROP_CHALLENGES} (${LISTED})`, memberIds);

/** Proofs of keys that are not bound count for a day; after that nothing is left of them, so that nobody fills the table. */
export const dropStale = (memberId: string, before: number): Statement =>
  raw(
    `DELETE FROM key_standing WHERE member_id = ? AND coalesce(proven_at, 0) < ? AND confirmed_at IS NULL
       AND thumbprint NOT IN (SELECT thumbprint FROM member_key WHERE member_id = ?)`,
    memberId,
    before,
    memberId,
  );

/** Challenges of a member that can still be answered. */
export const openChallenges = (db: Database, memberId: string, now: number): Promise<readonly KeyChallengeRow[]> =>
  db
    .select()
    .from(keyChallenge)
    .where(and(eq(keyChallenge.memberId, memberId), gt(keyChallenge.expiresAt, now), isNull(keyChallenge.usedAt)));

export const findChallenge = async (db: Database, memberId: string, id: string): Promise<KeyChallengeRow | undefined> =>
  (
    await db
      .select()
      .from(keyChallenge)
      .where(and(eq(keyChallenge.id, id), eq(keyChallenge.memberId, memberId)))
      .limit(1)
  )[0];

export const dropChallenges = (db: Database, memberId: string, now: number): Statement =>
  db.delete(keyChallenge).where(and(eq(keyChallenge.memberId, memberId), lte(keyChallenge.expiresAt, now)));

export const spendChallenge = (db: Database, id: string, now: number): Statement =>
  db
    .update(keyChallenge)
    .set({ usedAt: now })
    .where(and(eq(keyChallenge.id, id), isNull(keyChallenge.usedAt)));
