import { sql } from 'drizzle-orm';
import { limits } from '../federation/entry.js';
import type { Database } from './database.js';
import { readByList } from './lots.js';
import { LAST_TOLD, TOLD_OTHERWISE } from './registration-events.js';

/** What is kept twice, or refers to something, looked at in sets. At most `most` rows each. */

/** Rows of the key index whose member is gone. */
export const keysOfNobody = (db: Database, most: number) =>
  db.all<{ memberId: string; authorityId: string }>(
    sql`SELECT DISTINCT member_id AS "memberId", authority_id AS "authorityId" FROM member_key AS k
      WHERE NOT EXISTS (SELECT 1 FROM member AS m WHERE m.id = k.member_id AND m.authority_id = k.authority_id) LIMIT ${most}`,
  );

/** Artefacts that name a member or an organization that is gone. */
export const artefactsOfNobody = (db: Database, authorityId: string, most: number) =>
  db.all<{ kind: string; key: string; who: string }>(
    sql`SELECT kind, key, CASE WHEN member_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM member WHERE id = a.member_id) THEN member_id ELSE organization_id END AS who
      FROM artefact AS a WHERE a.authority_id = ${authorityId}
      AND ((member_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM member WHERE id = a.member_id))
        OR (organization_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM organization WHERE id = a.organization_id))) ORDER BY kind, key LIMIT ${most}`,
  );

/**
 * Keys that signed what lasts longer than `signed_until` says (signed-until.ts says what counts). Of keys that were retiring
 * before that was kept nothing is on record; the settings stand in for it.
 */
export const signedBeyond = (db: Database, authorityId: string) =>
  db.all<{ kid: string; signedUntil: number | null; exp: number }>(
    sql`SELECT k.kid AS kid, k.signed_until AS "signedUntil", max(CASE WHEN a.exp IS NULL AND a.kind = 'mark' THEN ${limits.MAX_TIME} ELSE a.exp END) AS exp
      FROM artefact AS a JOIN authority_key AS k ON k.authority_id = a.authority_id AND k.kid = a.kid
      WHERE a.authority_id = ${authorityId} AND a.kind <> 'hosted' AND NOT (a.kind = 'mark_status' AND a.variant = 'expired')
        AND (k.signed_until IS NOT NULL OR k.state = 'active')
      GROUP BY k.id HAVING max(CASE WHEN a.exp IS NULL AND a.kind = 'mark' THEN ${limits.MAX_TIME} ELSE a.exp END) > coalesce(k.signed_until, 0)`,
  );

/** Members of whom something else is told to whoever asks what became of them. */
export const toldOtherwise = (db: Database, authorityId: string, most: number) =>
  db.all<{ entityId: string; state: string; last: string | null }>(
    sql`SELECT m.entity_id AS "entityId", m.state AS state, ${sql.raw(LAST_TOLD)} AS last FROM member AS m
      WHERE m.authority_id = ${authorityId} AND ${sql.raw(TOLD_OTHERWISE)} LIMIT ${most}`,
  );

/** The thumbprints on record of members, by their ids. */
export const keysOnRecord = (db: Database, memberIds: readonly string[]) =>
  readByList(memberIds, (lot) =>
    db.all<{ memberId: string; thumbprint: string }>(
      sql`SELECT member_id AS "memberId", thumbprint FROM member_key WHERE member_id IN (SELECT value FROM json_each(${lot}))`,
    ),
  );
