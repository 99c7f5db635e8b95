import { and, eq, gt, isNull, lte, or } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import type { Database, Statement } from './database.js';
import { raw } from './database.js';
import { inLot, overList, readByList } from './lots.js';
import { DEPLOYMENT_CHAIN } from './halted-keys.js';
import { haltedKey, keyChallenge, keyStanding } from './schema.js';

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

/**
 * What counts of it: nothing that was proven or confirmed of a key until it was halted last, there or everywhere, whoever had
 * the key then.
 */
export async function standingsOf(db: Database, memberIds: readonly string[]): Promise<readonly KeyStandingRow[]> {
  const halts = and(
    eq(haltedKey.thumbprint, keyStanding.thumbprint),
    or(eq(haltedKey.authorityId, keyStanding.authorityId), eq(haltedKey.authorityId, DEPLOYMENT_CHAIN)),
  );
  const found = await readByList(memberIds, (lot) =>
    db.select({ row: keyStanding, haltedAt: haltedKey.haltedAt }).from(keyStanding).leftJoin(haltedKey, halts).where(inLot(keyStanding.memberId, lot)),
  );
  const rows = new Map<string, KeyStandingRow>();
  for (const { row, haltedAt } of found) {
    const name = `${row.memberId} ${row.thumbprint}`;
    rows.set(name, since(rows.get(name) ?? row, haltedAt ?? 0));
  }
  return [...rows.values()];
}

const since = (row: KeyStandingRow, haltedAt: number): KeyStandingRow => ({
  ...row,
  ...((row.provenAt ?? 0) <= haltedAt && { provenAt: null, proofPurpose: null, proofSha256: null }),
  ...((row.confirmedAt ?? 0) <= haltedAt && { confirmedAt: null, confirmedBy: null, confirmedChannel: null }),
});

/** Has anybody proven or confirmed a key, whether it is bound or not? @param authorityId undefined: anywhere */
export async function isProposed(db: Database, thumbprint: string, authorityId: string | undefined): Promise<boolean> {
  const at = authorityId === undefined ? undefined : eq(keyStanding.authorityId, authorityId);
  const rows = await db
    .select({ of: keyStanding.memberId })
    .from(keyStanding)
    .where(and(eq(keyStanding.thumbprint, thumbprint), at))
    .limit(1);
  return rows.length > 0;
}

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

const FORGET = 'UPDATE key_standing SET proven_at = NULL, proof_purpose = NULL, proof_sha256 = NULL WHERE';
const FORGET_RESUMING = `${FORGET} proof_purpose = 'resume'`;

/** Members are cut: what they proved before, whatever for, and what they were asked, counts no more. @param which SQL of their ids */
export const forgetProofs = (which: string, ...params: readonly unknown[]): readonly Statement[] => [
  raw(`${FORGET} member_id IN (${which})`, ...params),
  dropChallengesOf(which, ...params),
];
export const forgetProofsOf = (memberIds: readonly string[]): readonly Statement[] => [
  overList(`${FORGET} member_id IN (${LISTED})`, memberIds),
  endChallenges(memberIds),
];

/** A proof for coming back serves once. */
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
