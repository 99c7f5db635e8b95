import { and, eq, ne } from 'drizzle-orm';
import { mediaTypes, usableKeys, verifyEntityStatement } from '../federation/entry.js';
import { sha256 } from '../keys/random.js';
import { type NewArtefact, putArtefacts } from '../store/bulk.js';
import { artefact, member } from '../store/schema.js';
import { allow, type Call } from './call.js';
import { type Rewrite, rewriteMember } from './change-member.js';
import { keysLeftOut, type WithFindings } from './judged.js';
import { knowMembers } from '../store/known-entities.js';
import { Refusal, refuseFindings } from './refusal.js';
import { findAuthority, findMember, type MemberRow } from './registry.js';

/**
 * Serve the Entity Configuration that a member signed and an operator uploads (Entity Configuration Hosting draft): for
 * leafs that have no web server of their own. The statement about it then says where (`ec_location`). A key we vouch for
 * must have signed it; the identifier must not be hosted or active under another authority here.
 * @throws Refusal findings, wrong_state, already_exists
 */
export async function hostConfiguration(call: Call, slug: string, id: string, compact: string): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const { entityId } = await findMember(db, authorityId, id);
  const statement = await call.explorer.ask('configuration', { entityId, configuration: compact });
  if (!statement.ok) throw refuseFindings('this configuration is not served', statement.findings);
  const { claims, header } = statement.value;
  if (claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'] !== undefined)
    throw new Refusal('wrong_state', 'only leafs are hosted: this entity has subordinates of its own');
  const keys = usableKeys(claims.jwks);
  const decide: Rewrite = async (before) => {
    if (before.state !== 'active') throw new Refusal('wrong_state', `of a member that is ${before.state} nothing is served`);
    if (before.intermediate) throw new Refusal('wrong_state', 'only leafs are hosted: this member is an intermediate');
    const signed = await verifyEntityStatement(statement.value, before.jwks);
    if (!signed.ok) throw refuseFindings('no key we vouch for has signed this configuration', signed.findings);
    const [elsewhere] = await db
      .select({ state: member.state })
      .from(member)
      .where(and(eq(member.entityId, entityId), ne(member.authorityId, authorityId), eq(member.hosted, true)))
      .limit(1);
    if (elsewhere) throw new Refusal('already_exists', 'another authority of this deployment hosts this identifier');
    const row: NewArtefact = {
      authorityId,
      kind: 'hosted',
      key: entityId,
      variant: '',
      mediaType: mediaTypes.ENTITY_STATEMENT,
      bytes: compact,
      sha256: await sha256(compact),
      iat: claims.iat,
      exp: claims.exp,
      cap: claims.exp,
      kid: header.kid,
      generation: 0,
      cut: before.cut,
      memberId: before.id,
      organizationId: before.organizationId,
      renewAt: null,
      leaseUntil: 0,
    };
    return {
      row: { ...before, hosted: true },
      events: [{ type: 'member.hosted', subjectKind: 'member', subjectId: before.id, detail: { entity_id: entityId, sha256: row.sha256, exp: claims.exp } }],
      first: [putArtefacts([row]), knowMembers(authorityId, [entityId], call.now())],
    };
  };
  return rewriteMember(call, slug, id, undefined, decide, keysLeftOut(keys.ok ? keys.value.ignored : keys.findings));
}

/** Serve it no longer: the member has a place of its own. */
export async function unhostConfiguration(call: Call, slug: string, id: string): Promise<MemberRow> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  return rewriteMember(call, slug, id, undefined, async (before) => {
    if (!before.hosted) return { row: before, events: [] };
    return {
      row: { ...before, hosted: false },
      events: [{ type: 'member.unhosted', subjectKind: 'member', subjectId: before.id, detail: { entity_id: before.entityId } }],
      first: [db.delete(artefact).where(and(eq(artefact.authorityId, before.authorityId), eq(artefact.kind, 'hosted'), eq(artefact.key, before.entityId)))],
    };
  });
}
