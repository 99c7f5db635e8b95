import { and, count, eq, gt, isNull, max, ne, or } from 'drizzle-orm';
import { artefact, authority, member, snapshotLink, trustMark } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { countMembers } from '../members/search-members.js';
import { findAuthority } from '../registry.js';

/** What a halt of an authority would reach. */
export interface AuthorityReach {
  readonly members: number;
  readonly marks: number;
  /** Answers of other authorities of this deployment that rest on it. */
  readonly answersElsewhere: number;
  /** Authorities of this deployment of which it is an active member, by slug. */
  readonly memberOf: readonly string[];
  /** When the last copy of a statement that somebody may hold ends: until then it verifies, whatever is halted. */
  readonly lastCopyUntil: number | null;
}

/** Count what a halt would reach; changes nothing. */
export async function authorityReach(call: Call, slug: string): Promise<AuthorityReach> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id, entityId } = await findAuthority(db, slug);
  const now = call.now();
  const [members, marks, answers, superiors, last] = await Promise.all([
    countMembers(call, slug),
    db
      .select({ n: count() })
      .from(trustMark)
      .where(and(eq(trustMark.authorityId, id), isNull(trustMark.revokedAt), gt(trustMark.exp, now))),
    db
      .selectDistinct({ authorityId: snapshotLink.authorityId, subject: snapshotLink.subject })
      .from(snapshotLink)
      .where(and(eq(snapshotLink.issuerId, id), ne(snapshotLink.authorityId, id))),
    db
      .select({ slug: authority.slug })
      .from(authority)
      // In this order it is one look-up an authority: by its identifier alone no index finds a member.
      .crossJoin(member)
      .where(and(eq(member.authorityId, authority.id), eq(member.entityId, entityId), eq(member.state, 'active'))),
    db
      .select({ exp: max(artefact.exp) })
      .from(artefact)
      .where(and(eq(artefact.authorityId, id), or(eq(artefact.kind, 'statement'), eq(artefact.kind, 'entity_configuration')))),
  ]);
  return {
    members: members['active'] ?? 0,
    marks: marks[0]?.n ?? 0,
    answersElsewhere: answers.length,
    memberOf: superiors.map((one) => one.slug),
    lastCopyUntil: last[0]?.exp ?? null,
  };
}
