import { and, asc, eq, gt, isNull, notExists, or, sql } from 'drizzle-orm';
import { onlyWhile } from '../../store/only-while.js';
import { artefact, authority, member, trustMarkGrant, trustMarkType } from '../../store/schema.js';
import { issuerOf, published } from '../artefacts/publish.js';
import { type Call, change } from '../call.js';
import { issueMark } from './issue-mark.js';
import { publishMarks } from './reissue-marks.js';

/** Marks that one commit issues. */
const SLICE = 50;

/**
 * An issuer came back: members that came back themselves while it was halted bear their marks again. What is left to do is in
 * the rows: a grant in force, of a member that is active, without a mark.
 */
export async function reissueLacking(call: Call, authorityId: string): Promise<void> {
  const { idempotency: _, ...plain } = call;
  for (let last: string | undefined = ''; last !== undefined; ) last = await reissueSlice(plain, authorityId, last);
}

async function lacking({ store: { db }, now }: Call, authorityId: string, after: string) {
  const unended = (end: typeof member.validUntil | typeof trustMarkGrant.validUntil | typeof trustMarkType.delegationExp) => or(isNull(end), gt(end, now()));
  return db
    .select({ grant: trustMarkGrant, type: trustMarkType, about: member })
    .from(trustMarkGrant)
    .innerJoin(trustMarkType, and(eq(trustMarkType.authorityId, trustMarkGrant.authorityId), eq(trustMarkType.trustMarkType, trustMarkGrant.trustMarkType)))
    .innerJoin(member, eq(member.id, trustMarkGrant.memberId))
    .where(
      and(
        eq(trustMarkGrant.authorityId, authorityId),
        eq(trustMarkGrant.state, 'active'),
        eq(trustMarkType.state, 'active'),
        eq(member.state, 'active'),
        unended(trustMarkGrant.validUntil),
        unended(member.validUntil),
        unended(trustMarkType.delegationExp),
        gt(trustMarkGrant.id, after),
        notExists(
          db
            .select({ id: artefact.id })
            .from(artefact)
            .where(
              and(
                eq(artefact.authorityId, authorityId),
                eq(artefact.kind, 'mark'),
                sql`${artefact.key} = ${trustMarkGrant.trustMarkType} || char(10) || ${trustMarkGrant.entityId}`,
              ),
            ),
        ),
      ),
    )
    .orderBy(asc(trustMarkGrant.id))
    .limit(SLICE);
}

/** @returns the last grant that was looked at; undefined when none is left */
const reissueSlice = (call: Call, authorityId: string, after: string): Promise<string | undefined> =>
  change(call, {
    authorityId,
    scope: null,
    async decide() {
      const [issuing] = await call.store.db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
      const found = issuing?.state === 'active' ? await lacking(call, authorityId, after) : [];
      if (!issuing || found.length === 0) return { events: [], statements: [], result: undefined };
      const issuer = await issuerOf(call, issuing);
      const issued = await Promise.all(found.map(({ grant, type, about }) => issueMark(call, issuer, type, grant, about)));
      return {
        events: issued.map(({ mark, row }) => ({
          type: 'trust_mark.resumed',
          subjectKind: 'trust_mark',
          subjectId: row.memberId,
          detail: { entity_id: row.entityId, types: [row.trustMarkType] },
          artefacts: published([mark]),
        })),
        statements: [
          // Members of whatever authority: one may be cut off while this is decided.
          onlyWhile(
            authorityId,
            `NOT EXISTS (SELECT 1 FROM json_each(?) AS was LEFT JOIN member AS m ON m.id = was.value ->> 0 AND m.v = was.value ->> 1 AND m.state = 'active' WHERE m.id IS NULL)`,
            JSON.stringify(found.map(({ about: { id, v } }) => [id, v])),
          ),
          ...publishMarks(issued),
        ],
        result: found.at(-1)?.grant.id,
      };
    },
  });
