import { type ApplicationRow, type ApplicationWithMember, moveStandings } from '../../store/applications.js';
import { readHead } from '../../store/change.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import type { Judged } from '../judged.js';
import { decideEnrollment, writeEnrollments } from '../members/enrolling.js';
import { type Ground, groundOf } from '../members/ground.js';
import { type Enrollment, type Prepared, prepare } from '../members/enrollment.js';
import { apartByKeys } from '../members/key-binding.js';
import { waivedOf } from '../members/waivers.js';
import { registering } from '../organizations/name-organization.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { acceptedOf, expectClean, expectKnownCodes, keysNotPublished, ofEnrolment, ORGANIZATION_KNOWN } from './clean.js';
import { findApplication } from './find-application.js';
import { standsAt } from './standing.js';
import { becoming, putApplication } from './write-application.js';

export interface Take {
  /** Codes of findings that the reviewer accepts by name. */
  readonly waive?: readonly string[] | undefined;
  /** Why one that was revoked or archived may come back; it takes an approver. */
  readonly readmit?: string | undefined;
}
export interface Taken extends ApplicationWithMember {
  readonly already: boolean;
  /** What pre-flight says, and what speaks against the enrolment and was waived. */
  readonly findings: readonly Judged[];
}

const enrollmentOf = ({ application: { id, entityId, requested, details } }: ApplicationWithMember, { waive, readmit }: Take): Enrollment => ({
  entityId,
  jwks: requested.jwks,
  entityTypes: requested.entityTypes,
  intermediate: requested.intermediate,
  entitlements: requested.entitlements,
  bundles: requested.bundles,
  organization: details?.organization.legalName,
  state: 'vetting',
  applicant: id,
  waive: waive && ofEnrolment(waive),
  readmit,
});

/** @throws Refusal wrong_state */
function expectTakeable(found: ApplicationWithMember): void {
  const state = standsAt(found);
  if (state !== 'applied') throw new Refusal('wrong_state', `an application that is ${state} cannot be taken, only one that is applied`);
  // An organization is known by its name to its members: one that begins like our ids names none.
  if (found.application.details?.organization.legalName.startsWith('org_'))
    throw new Refusal('wrong_state', 'the legal name that was given reads like an id of ours; ask the applicant for the right one');
}

/**
 * A person takes an application: pre-flight runs, which changes nothing, and its member is enrolled in state vetting by the rules
 * of every enrolment. What is wrong with what it publishes, or that its keys are not those, stands in the way unless a person
 * accepts it by name: from then on nobody looks at more than what was taken. Here it is decided whose an identifier is: one that
 * is held is refused, one that is barred comes back with a reason, an approver and other keys.
 * @throws Refusal permission_denied, not_found, wrong_state, already_exists, findings, version_conflict, temporarily_unavailable
 */
export async function takeApplication(call: Call<Taken>, slug: string, id: string, asked: Take = {}): Promise<Taken> {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const seen = await findApplication(db, authority.id, id);
  if (standsAt(seen) === 'vetting') return { ...seen, already: true, findings: [] };
  expectTakeable(seen);
  expectKnownCodes(asked.waive ?? []);
  const [{ seq: since }, { seq: haltedSince }] = [await readHead(db, authority.id), await readHead(db, DEPLOYMENT)];
  const report = await call.explorer.ask('preflight', { slug, entityId: seen.application.entityId, configuration: undefined, profile: undefined, own: true });
  const input = enrollmentOf(seen, asked);
  const prepared = await prepare(call, authority, input, input.jwks !== undefined);
  const findings = [...report.findings, ...(await keysNotPublished(input.jwks === undefined ? undefined : prepared.keys.jwks, report.jwks))];
  const waive = asked.waive ?? [];
  return change<Taken>(call, {
    authorityId: authority.id,
    scope: seen.application.entityId,
    apart: await apartByKeys(prepared.keys.jwks),
    async decide() {
      const found = await findApplication(db, authority.id, id);
      if (standsAt(found) === 'vetting') return { events: [], statements: [], result: { ...found, already: true, findings: [] } };
      expectTakeable(found);
      if (found.application.v !== seen.application.v) throw new Refusal('version_conflict', 'the applicant changed it meanwhile; look at it and take it again');
      return taking(call, await findAuthority(db, slug), found, prepared, { since, haltedSince, report: findings, waive });
    },
  });
}

const NOTHING = { events: [], statements: [] };

interface Judgement {
  readonly since: number;
  readonly haltedSince: number;
  readonly report: readonly Judged[];
  /** Codes of it that the caller accepts by name. */
  readonly waive: readonly string[];
}

/**
 * Whoever names an organization that is here gets what that one has: its accreditations, its standing. So a person says that it is
 * the same, unless this application's member is its already.
 * @returns codes that were waived
 * @throws Refusal wrong_state
 */
function expectOwnOrganization({ organizations, former }: Ground, { id, entityId, details }: ApplicationRow, waive: readonly string[]): readonly string[] {
  const known = organizations.known(details?.organization.legalName);
  const member = former.get(entityId);
  if (known === undefined) return [];
  if (member?.submittedBy === id && member.organizationId === known) return waivedOf(member).filter((code) => code === ORGANIZATION_KNOWN);
  if (waive.includes(ORGANIZATION_KNOWN)) return [ORGANIZATION_KNOWN];
  throw new Refusal(
    'wrong_state',
    `there is an organization of that name already (${known}), and the member would be its, with its accreditations. Make sure that the applicant is that one, then accept it by name (waive): ${ORGANIZATION_KNOWN}`,
  );
}

async function taking(
  call: Call<Taken>,
  authority: AuthorityRow,
  { application: before }: ApplicationWithMember,
  read: Prepared,
  { since, haltedSince, report, waive }: Judgement,
) {
  const { db } = call.store;
  const ground = await groundOf(call, authority, [read], since, haltedSince);
  const waived = [...read.keys.waived, ...acceptedOf(report, waive), ...expectOwnOrganization(ground, before, waive)];
  const prepared = { ...read, keys: { ...read.keys, waived } };
  const enrolled = await decideEnrollment(call, ground, prepared);
  expectClean(report, waive);
  const { rows, events, statements } = await writeEnrollments(call, ground, [enrolled]);
  const [member] = rows;
  if (!member) throw new Error('an enrolment wrote no member');
  const places =
    member.organizationId !== null && before.details ? await registering(call, authority.id, member.organizationId, before.details.organization) : NOTHING;
  const after = becoming(before, call.now(), {
    state: 'taken',
    waitingOn: 'reviewer',
    memberId: member.id,
    findings: report,
    takenBy: call.actor.id,
    takenAt: call.now(),
    readmission: before.readmission || prepared.input.readmit !== undefined,
  });
  const told = {
    type: 'application.taken',
    subjectKind: 'application' as const,
    subjectId: before.id,
    detail: {
      entity_id: before.entityId,
      member: member.id,
      findings: report.map(({ code }) => code),
      ...(enrolled.waived.length && { waived: enrolled.waived }),
    },
  };
  const findings = [...report, ...enrolled.findings.filter(({ code }) => !report.some((one) => one.code === code))];
  return {
    events: [told, ...events, ...places.events],
    statements: [...statements, ...places.statements, ...moveStandings(before.id, member.id), putApplication(db, after)],
    result: { application: after, member, already: false, findings },
  };
}
