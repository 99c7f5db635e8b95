import { and, eq } from 'drizzle-orm';
import { usableKeys, verifyEntityStatement } from '../../federation/entry.js';
import { putArtefacts } from '../../store/bulk.js';
import { artefact } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { type Rewrite, rewriteMember } from './rewrite-member.js';
import { keysLeftOut, type WithFindings } from '../judged.js';
import { DOMAIN_CONTROL_NEEDED, type ShownBy, showDomainControl } from './domain-control.js';
import { assignedElsewhere, expectUnassigned } from './identifier-uniqueness.js';
import { hostedArtefact } from './hosted-artefact.js';
import { otherSpellings, respelledFindings, spellingsOf } from './respelled.js';
import { expectWaived } from './waivers.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';

/**
 * Serve the Entity Configuration that a member signed and an operator uploads (Entity Configuration Hosting draft): for
 * leafs that have no web server of their own. The statement about it then says where (`ec_location`). A key we vouch for
 * must have signed it; the identifier must be nobody else's, and the member must be known to control its domain.
 * @param how `shownBy`: how domain control is shown; not needed again once it was
 * @throws Refusal findings, wrong_state, already_exists, invalid_request
 */
export async function hostConfiguration(
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  compact: string,
  { shownBy, waive = [] }: { readonly shownBy?: ShownBy | undefined; readonly waive?: readonly string[] | undefined } = {},
): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const { id: authorityId, entityId: ourId } = await findAuthority(db, slug);
  const { entityId, jwks } = await findMember(db, authorityId, id);
  const statement = await call.explorer.ask('configuration', { entityId, configuration: compact });
  if (!statement.ok) throw refuseFindings('this configuration is not served', statement.findings);
  const { claims } = statement.value;
  if (claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'] !== undefined)
    throw new Refusal('wrong_state', 'only leafs are hosted: this entity has subordinates of its own');
  const keys = usableKeys(claims.jwks);
  const control = shownBy && (await showDomainControl(call, ourId, entityId, jwks, shownBy)); // before the lock: it may go over the network
  const elsewhere = await assignedElsewhere(call, entityId);
  const decide: Rewrite = async (before) => {
    if (before.state !== 'active') throw new Refusal('wrong_state', `of a member that is ${before.state} nothing is served`);
    if (before.intermediate) throw new Refusal('wrong_state', 'only leafs are hosted: this member is an intermediate');
    const signed = await verifyEntityStatement(statement.value, before.jwks);
    if (!signed.ok) throw refuseFindings('no key we vouch for has signed this configuration', signed.findings);
    if (before.ecLocation !== null) throw new Refusal('wrong_state', `its configuration is at ${before.ecLocation}; take ec_location away first`);
    const respelled = respelledFindings(otherSpellings(await spellingsOf(db, authorityId, [entityId]), entityId));
    expectWaived(respelled, waive, 'the identifier is somebody else’s');
    const unassigned = await expectUnassigned(call, before, elsewhere);
    const domainControl = control ?? before.domainControl;
    if (!domainControl) throw new Refusal('invalid_request', DOMAIN_CONTROL_NEEDED);
    const row = await hostedArtefact(before, statement.value);
    return {
      row: { ...before, hosted: true, domainControl },
      events: [
        {
          type: 'member.hosted',
          subjectKind: 'member',
          subjectId: before.id,
          detail: { entity_id: entityId, sha256: row.sha256, exp: claims.exp, domain_control: domainControl },
        },
      ],
      first: [unassigned, ...putArtefacts([row])],
    };
  };
  return rewriteMember(call, slug, id, undefined, null, decide, keysLeftOut(keys.ok ? keys.value.ignored : keys.findings));
}

/** Serve it no longer: the member has a place of its own. */
export async function unhostConfiguration(call: Call<WithFindings<MemberRow>>, slug: string, id: string): Promise<MemberRow> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  return rewriteMember(call, slug, id, undefined, null, async (before) => {
    if (!before.hosted) return { row: before, events: [] };
    return {
      row: { ...before, hosted: false },
      events: [{ type: 'member.unhosted', subjectKind: 'member', subjectId: before.id, detail: { entity_id: before.entityId } }],
      first: [db.delete(artefact).where(and(eq(artefact.authorityId, before.authorityId), eq(artefact.kind, 'hosted'), eq(artefact.key, before.entityId)))],
    };
  });
}
