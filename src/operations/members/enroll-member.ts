import { and, eq } from 'drizzle-orm';
import { type JwkSet, parseEntityId } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import { member, memberWatch, organization } from '../../store/schema.js';
import type { Statement } from '../../store/database.js';
import { allow, type Call, change } from '../call.js';
import { expectMemberInput, type MemberInput, newMemberRow } from './member-input.js';
import { type ShownBy, showDomainControl } from './domain-control.js';
import { expectLocatable } from './identifier-uniqueness.js';
import { knowMembers } from '../../store/known-entities.js';
import { bindKeys as bind, takenAway } from './key-binding.js';
import { type Judged, keysLeftOut, type WithFindings } from '../judged.js';
import { givenKeys } from './member-keys.js';
import { preflight } from './preflight.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { findAuthority, findOrganization, type MemberRow } from '../registry.js';
import { expectWaived } from './waivers.js';
import { writeMember } from './write-member.js';

export interface Enrollment extends Omit<MemberInput, 'domainControl'> {
  /** How domain control is shown, for a configuration elsewhere than on the identifier's own host. */
  readonly shownBy?: ShownBy | undefined;
  readonly entityId: string;
  /** Where the keys come from; exactly one, or none: then pre-flight fetches the configuration. */
  readonly jwks?: unknown;
  readonly pem?: string | undefined;
  readonly entityConfiguration?: string | undefined;
  /** Id or legal name; created if new. */
  readonly organization?: string | undefined;
  /** Straight to active; else the state is vetting and nothing is signed. */
  readonly activate?: boolean | undefined;
  /** Why one that was revoked or archived may come back; it takes an approver. */
  readonly readmit?: string | undefined;
  /** Codes of findings the operator accepts by name. */
  readonly waive?: readonly string[] | undefined;
}

interface BoundKeys {
  readonly jwks: JwkSet;
  readonly provenBy: 'operator' | 'entity_configuration' | 'fetched_entity_configuration';
  readonly entityTypes: readonly string[];
  readonly intermediate: boolean;
  readonly iat: number | null;
  readonly waived: readonly string[];
  readonly findings: readonly Judged[];
}

/**
 * Enrol an entity: bind its keys, and, when asked and allowed, publish a statement about it in the same commit.
 * An identifier that was here before comes back under the same id: what it was, and which keys a person took from it, stays
 * known. Refused and withdrawn applicants just apply again; whoever was revoked or archived is readmitted, with a reason.
 * @throws Refusal findings, already_exists, wrong_state, permission_denied
 */
export async function enrollMember(call: Call, slug: string, input: Enrollment): Promise<WithFindings<MemberRow>> {
  allow(call, 'enroll', slug);
  if (input.activate || input.readmit !== undefined) allow(call, 'approve', slug);
  const id = parseEntityId(input.entityId, call);
  if (!id.ok) throw refuseFindings('the entity identifier is not valid', id.findings);
  expectMemberInput(input, call);
  const keys = await bindKeys(call, slug, input); // before the lock: it may go over the network
  const { id: authorityId, entityId: ourId } = await findAuthority(call.store.db, slug);
  const domainControl = input.shownBy && (await showDomainControl(call, ourId, input.entityId, keys.jwks, input.shownBy));
  return change(call, {
    authorityId,
    scope: input.entityId,
    async decide() {
      const { db } = call.store;
      const authority = await findAuthority(db, slug);
      if (input.entityId === authority.entityId) throw new Refusal('invalid_request', 'an authority is not its own member');
      const [former] = await db
        .select()
        .from(member)
        .where(and(eq(member.authorityId, authorityId), eq(member.entityId, input.entityId)))
        .limit(1);
      if (former) expectReturn(former, input.readmit);
      else if (input.readmit !== undefined) throw new Refusal('wrong_state', `${input.entityId} was never here; enrol it without readmit`);
      const now = call.now();
      const owner = await organizationOf(call, authorityId, input.organization, now);
      const fresh = newMemberRow(
        {
          id: former?.id ?? newId('mem'),
          authorityId,
          organizationId: owner.id,
          entityId: input.entityId,
          active: input.activate === true,
          jwks: keys.jwks,
          keysIat: keys.iat,
          now,
        },
        { ...input, domainControl, entityTypes: input.entityTypes ?? keys.entityTypes, intermediate: input.intermediate ?? keys.intermediate },
      );
      const described = former ? await again(former, fresh, keys, input.entityId) : fresh;
      const { row, ...written } = await writeMember({ before: former, after: described });
      await expectLocatable(call, row, true);
      const artefacts = input.activate ? [await signedStatement(call, await issuerOf(call, authority), row)] : [];
      const detail = {
        entity_id: row.entityId,
        state: row.state,
        keys_proven_by: keys.provenBy,
        kids: keys.jwks.keys.map(({ kid }) => kid),
        ...(keys.waived.length && { waived: keys.waived }),
        ...(row.ecLocation !== null && { ec_location: row.ecLocation }),
        ...(domainControl && { domain_control: domainControl }),
        ...(input.activate && { single_operator: true }),
        ...(former && { was: former.state }),
      };
      return {
        events: [
          ...owner.events,
          { type: 'member.enrolled', subjectKind: 'member', subjectId: row.id, reason: input.readmit, detail, artefacts: published(artefacts) },
        ],
        statements: [
          ...owner.statements,
          ...written.statements,
          // Nothing is left of what watching found before.
          ...(former ? [db.delete(memberWatch).where(eq(memberWatch.memberId, row.id))] : []),
          ...(artefacts.length ? [putArtefacts(artefacts), knowMembers(authorityId, [row.entityId], now)] : []),
        ],
        result: { ...row, findings: keys.findings },
      };
    },
  });
}

const RETURN_BY_THEMSELVES = ['refused', 'withdrawn'];
const RETURN_BY_DECISION = ['revoked', 'archived'];

/** @throws Refusal already_exists, wrong_state */
function expectReturn({ entityId, state }: MemberRow, readmit: string | undefined): void {
  if (RETURN_BY_THEMSELVES.includes(state)) return;
  if (!RETURN_BY_DECISION.includes(state)) throw new Refusal('already_exists', `${entityId} is already known here, in state ${state}`);
  if (readmit === undefined)
    throw new Refusal(
      'already_exists',
      `${entityId} is already known here, in state ${state}; an approver can take it back with a reason: --readmit (API: readmit)`,
    );
}

/** The row of an entity that comes back: described anew, its history kept. A key that a person took away comes back by a person only. */
async function again(former: MemberRow, fresh: MemberRow, keys: BoundKeys, entityId: string): Promise<MemberRow> {
  const taken = keys.provenBy === 'operator' ? [] : await takenAway(former, keys.jwks);
  if (taken.length)
    throw new Refusal(
      'wrong_state',
      `${entityId} shows keys that a person took away from it (${taken.map(({ kid }) => kid).join(', ')}); give the keys to bind (jwks or pem)`,
    );
  const before = { ...fresh, jwks: former.jwks, removedKeys: former.removedKeys, cut: former.cut + 1 };
  const { row } = await bind(before, keys.jwks, keys.iat === null ? { person: fresh.createdAt } : { iat: Math.max(keys.iat, former.keysIat ?? 0) });
  return { ...row, organizationId: fresh.organizationId ?? former.organizationId, createdAt: former.createdAt, v: former.v + 1 };
}

/** The keys to vouch for, and how they were proven (registry: keys given by an operator count as proven by him). */
async function bindKeys(call: Call, slug: string, input: Enrollment): Promise<BoundKeys> {
  const given = [input.jwks, input.pem, input.entityConfiguration].filter((one) => one !== undefined);
  if (given.length > 1) throw new Refusal('invalid_request', 'give one of jwks, pem and entity_configuration');
  if (input.jwks !== undefined || input.pem !== undefined) {
    const keys = await givenKeys(input);
    if (!keys.ok) throw refuseFindings('these keys cannot be bound', keys.findings);
    return {
      jwks: keys.value.jwks,
      provenBy: 'operator',
      entityTypes: input.intermediate ? ['federation_entity'] : [],
      intermediate: false,
      iat: null,
      waived: [],
      findings: keysLeftOut(keys.value.ignored),
    };
  }
  const report = await preflight(call, slug, input.entityId, input.entityConfiguration);
  expectWaived(report.findings, input.waive ?? []);
  if (!report.jwks) throw refuseFindings('pre-flight found no key to bind', report.findings);
  const waived = report.findings.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  return {
    jwks: report.jwks,
    provenBy: input.entityConfiguration === undefined ? 'fetched_entity_configuration' : 'entity_configuration',
    entityTypes: report.entityTypes,
    intermediate: report.intermediate,
    iat: report.iat,
    waived,
    findings: report.findings,
  };
}

/** Find the organization, or make it in the same commit. */
export async function organizationOf(call: Call, authorityId: string, idOrName: string | undefined, now: number) {
  const none = { id: null as string | null, events: [], statements: [] as Statement[] };
  if (idOrName === undefined) return none;
  const found = await findOrganization(call.store.db, authorityId, idOrName);
  if (found) return { ...none, id: found.id };
  if (idOrName.startsWith('org_')) throw new Refusal('not_found', `there is no organization ${idOrName}`);
  const row = { id: newId('org'), authorityId, legalName: idOrName, createdAt: now, updatedAt: now, v: 1 };
  return {
    id: row.id,
    events: [{ type: 'organization.created', subjectKind: 'organization' as const, subjectId: row.id, detail: { legal_name: idOrName } }],
    // Two enrolments of one group may name the same new organization: the second fails its uniqueness and is decided again.
    statements: [insertRows(organization, [row])],
  };
}
