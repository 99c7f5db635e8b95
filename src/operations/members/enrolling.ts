import { unknownEntityTypes } from '../../federation/entity-types.js';
import { spellingOf } from '../../federation/place.js';
import { newIdInTime } from '../../keys/random.js';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import { readmit } from '../../store/barred.js';
import { dropWatches } from '../../store/member-watches.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { type Issuer, published, signedStatement } from '../artefacts/publish.js';
import { expectVouchable } from '../binding/key-rules.js';
import type { Call } from '../call.js';
import { certificateFaults } from '../../keys/certificates.js';
import { asErrors, asWarnings, isError, type Judged } from '../judged.js';
import { expectEntitled } from '../entitlements/check-entitled.js';
import type { Entitled } from '../entitlements/effective.js';
import { issuersInWords } from '../issuers/edit-issuers.js';
import { expectNamespacesFree } from '../issuers/free-namespaces.js';
import { expectRoom, isCounted, whileThereIsRoom } from '../agents/room.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { type BoundKeys, DECIDED, type Prepared, TWO_APPROVE } from './enrollment.js';
import type { Ground } from './ground.js';
import { hostedArtefact } from './hosted-artefact.js';
import { expectLocatable, expectUnassigned } from './identifier-uniqueness.js';
import { bindKeys, namedKeys, takenAway, thumbprintsOf } from './key-binding.js';
import { expectAdmitted } from '../accreditations/admitted.js';
import { expectAuthorityActive, expectOrganizationActive } from './may-be-active.js';
import { newMemberRow } from './member-input.js';
import { isBarred, otherSpellings, type Respelled, respelledFindings } from './respelled.js';
import { expectWaived } from './waivers.js';
import { DOMAIN_CONTROL_NEEDED } from './domain-control.js';
import { writeMembers } from './write-member.js';

/** An enrolment that was decided. */
export interface Enrolled {
  readonly prepared: Prepared;
  readonly before: MemberRow | undefined;
  readonly after: MemberRow;
  /** What is worth knowing about it. */
  readonly findings: readonly Judged[];
  /** Codes that were waived. */
  readonly waived: readonly string[];
  /** What it was decided on elsewhere has to be so in the commit. */
  readonly holds: readonly Statement[];
}

/** Whoever was limited by entitlements comes back entitled to nothing, unless it is said what it may ask for; null says: anything. */
function stillLimited(before: MemberRow | undefined, fresh: MemberRow, { entitlements }: Prepared['input']): Entitled | undefined {
  const limited = before !== undefined && (before.entitlements !== null || before.bundles.length > 0);
  return limited && entitlements === undefined && fresh.bundles.length === 0 ? { entitlements: [], bundles: [] } : undefined;
}

/**
 * Decide about one enrolment. An identifier that was here before comes back under the same id: what it was, and which keys a
 * person took from it, stays known. Refused and withdrawn applicants just apply again; whoever was revoked or archived is
 * readmitted, with a reason.
 * @throws Refusal already_exists, wrong_state, invalid_request, not_found, version_conflict
 */
export async function decideEnrollment(call: Call, ground: Ground, prepared: Prepared): Promise<Enrolled> {
  const { input, keys, domainControl, state } = prepared;
  const { authority } = ground;
  const before = ground.former.get(input.entityId);
  expectMayCome(before, input, ground);
  if (!isCounted(before)) expectRoom(authority, ground.room);
  const others = otherSpellings(ground.spellings, input.entityId);
  const certificates = await certificateFaults(keys.jwks.keys, authority.certificateRoots, call.now());
  const found = [...respelledFindings(others), ...(ground.shared.get(input.entityId) ?? []), ...asErrors(certificates)];
  expectWaived(found, input.waive ?? [], 'it is, or has, what is somebody else’s');
  await expectMayWaive(ground, input.entityId, others, found);
  for (const { entityId } of others) await expectOtherKeys(ground.former.get(entityId), keys, ground);
  const now = call.now();
  if (DECIDED.includes(state)) await expectDecidable(call, ground, prepared, before, now);
  const fresh = newMemberRow(
    {
      id: before?.id ?? newIdInTime('mem'),
      authorityId: authority.id,
      organizationId: null,
      entityId: input.entityId,
      state,
      jwks: keys.jwks,
      keysIat: keys.iat,
      submittedBy: input.applicant ?? call.actor.id,
      now,
    },
    { ...input, domainControl, entityTypes: input.entityTypes ?? keys.entityTypes, intermediate: input.intermediate ?? keys.intermediate },
  );
  const stays = stillLimited(before, fresh, input);
  const row = { ...(before ? await again(before, { ...fresh, ...stays }, keys, ground) : fresh), stateReason: input.stateReason ?? null };
  expectEntitled(ground, row, stays, now);
  const free = row.vouchedIssuers.length ? [await expectNamespacesFree(call.store.db, row, ground.vouching)] : [];
  const located = await expectLocatable(call, row, true, prepared.elsewhere);
  const unassigned = prepared.hosted ? [await expectUnassigned(call, row, prepared.elsewhere)] : [];
  if (prepared.hosted && !row.domainControl) throw new Refusal('invalid_request', DOMAIN_CONTROL_NEEDED);
  const given = new Set(keys.provenBy === 'operator' ? (input.removedKeys ?? []) : []);
  if (state === 'active') expectAuthorityActive(ground.halted.get(input.entityId));
  if (DECIDED.includes(state))
    await expectAdmitted(call.store.db, { ...row, organizationId: ground.organizations.known(input.organization) ?? before?.organizationId ?? null }, now, [
      authority,
    ]);
  // The organization last: nothing may be refused once a new one is made.
  const spelling = spellingOf(input.entityId);
  ground.spellings.set(spelling, [...(ground.spellings.get(spelling) ?? []), { entityId: input.entityId, state }]);
  const organizationId = ground.organizations.idOf(input.organization) ?? before?.organizationId ?? null;
  if (state === 'active') await expectOrganizationActive(call.store.db, organizationId);
  if (ground.room && !isCounted(before)) {
    ground.room.living++;
    ground.room.made++;
  }
  const waived = [...new Set([...keys.waived, ...found.filter(isError).map(({ code }) => code)])];
  return {
    prepared,
    before,
    holds: [...located, ...unassigned, ...free],
    findings: [...keys.findings, ...typed(input), ...found.filter(({ code }) => !keys.findings.some((one) => one.code === code))],
    waived,
    // Whoever waives what speaks against an applicant has a part in what is decided.
    after: {
      ...row,
      waived,
      ...(input.applicant !== undefined && waived.length && { lastEditor: call.actor.id }),
      organizationId,
      hosted: prepared.hosted !== undefined,
      removedKeys: [...new Set([...row.removedKeys, ...given])],
    },
  };
}

/** @throws Refusal invalid_request, already_exists, wrong_state */
function expectMayCome(before: MemberRow | undefined, { entityId, applicant, readmit }: Prepared['input'], ground: Ground): void {
  if (entityId === ground.authority.entityId) throw new Refusal('invalid_request', 'an authority is not its own member');
  if (before && !isOwn(before, applicant)) expectReturn(before, readmit, ground);
  else if (!before && readmit !== undefined) throw new Refusal('wrong_state', `${entityId} was never here; enrol it without readmit`);
}

/** Whoever is approved as it is enrolled: one person may decide that, and its keys are what the authority demands. @throws Refusal */
async function expectDecidable(call: Call, { authority }: Ground, { input, keys }: Prepared, before: MemberRow | undefined, now: number): Promise<void> {
  if (authority.quorum > 1) throw new Refusal('wrong_state', TWO_APPROVE);
  const about = { id: before?.id ?? '', entityId: input.entityId, intermediate: input.intermediate ?? keys.intermediate };
  await expectVouchable(call.store.db, authority, about, keys.jwks, 'bind', now);
}

/** Entity Types that a person wrote; what an entity says of itself is its own. */
const typed = ({ entityTypes, metadata }: Prepared['input']) => asWarnings(unknownEntityTypes([...(entityTypes ?? []), ...Object.keys(metadata ?? {})]));

/** May the caller waive what was found, and could he know of it? @throws Refusal permission_denied, version_conflict */
async function expectMayWaive(ground: Ground, entityId: string, others: readonly Respelled[], found: readonly Judged[]): Promise<void> {
  if (found.some(({ code }) => code === 'key_halted') && !ground.readmits)
    throw new Refusal('permission_denied', 'a key of it was halted; only an approver gives one back');
  if (found.some(({ code }) => code === 'key_halted') && (await ground.haltedMeanwhile()))
    throw new Refusal('version_conflict', 'a key of it was halted since this was asked for; look at it and decide again');
  if (isBarred(others) && !ground.readmits)
    throw new Refusal('permission_denied', `${others[0]?.entityId} is barred; only an approver takes it back, under whatever spelling`);
  const gone = [entityId, ...others.map(({ entityId }) => entityId)].find((one) => ground.revokedMeanwhile.has(one));
  if (gone !== undefined) throw new Refusal('version_conflict', `${gone} was revoked since this was asked for; look at it and decide again`);
}

/** An application that was changed after it had been taken describes its own member anew. */
const isOwn = ({ state, submittedBy }: MemberRow, applicant: string | undefined): boolean =>
  state === 'applied' && applicant !== undefined && submittedBy === applicant;

const RETURN_BY_THEMSELVES = ['refused', 'withdrawn'];
const RETURN_BY_DECISION = ['revoked', 'archived'];

/** @throws Refusal already_exists, wrong_state */
function expectReturn({ id, entityId, state }: MemberRow, readmit: string | undefined, { inVain }: Ground): void {
  if (RETURN_BY_THEMSELVES.includes(state) || inVain.has(id)) return;
  if (!RETURN_BY_DECISION.includes(state)) throw new Refusal('already_exists', `${entityId} is already known here, in state ${state}`);
  if (readmit === undefined)
    throw new Refusal(
      'already_exists',
      `${entityId} is already known here, in state ${state}; an approver can take it back with a reason: --readmit (API: readmit)`,
    );
}

/** The row of an entity that comes back: described anew, its history kept. A key that a person took away comes back by a person only. */
async function again(former: MemberRow, fresh: MemberRow, keys: BoundKeys, ground: Ground): Promise<MemberRow> {
  const { entityId } = former;
  const bar = ground.bars.get(entityId);
  const ever = await expectOtherKeys(former, keys, ground);
  const taken = keys.provenBy === 'operator' ? [] : await takenAway(former, keys.jwks);
  if (taken.length)
    throw new Refusal(
      'wrong_state',
      `${entityId} shows keys that a person took away from it (${taken.map(({ kid }) => kid).join(', ')}); give the keys to bind (jwks or pem)`,
    );
  const before = { ...fresh, jwks: former.jwks, removedKeys: [...new Set([...former.removedKeys, ...ever])], cut: former.cut + 1 };
  const { row } = await bindKeys(before, keys.jwks, keys.iat === null ? { person: fresh.createdAt } : { iat: Math.max(keys.iat, former.keysIat ?? 0) });
  return {
    ...row,
    createdAt: former.createdAt,
    v: former.v + 1,
    notBefore: bar ? fresh.createdAt : former.notBefore,
    predecessor: bar?.id ?? former.predecessor,
  };
}

/** Whoever is barred comes back with keys of its own that it never had, under whatever spelling. @returns those it had @throws Refusal wrong_state */
async function expectOtherKeys(former: MemberRow | undefined, keys: BoundKeys, ground: Ground): Promise<readonly string[]> {
  // A version that writes no bars may have revoked it, beside this one.
  if (!former || !(ground.bars.has(former.entityId) || former.state === 'revoked')) return [];
  const ever = await everyKeyOf(former, ground);
  const known = (await namedKeys(keys.jwks)).filter(({ jkt }) => ever.includes(jkt));
  if (known.length)
    throw new Refusal(
      'wrong_state',
      `${former.entityId} is barred, and comes back with other keys than it ever had: ${known.map(({ kid }) => kid).join(', ')} ${known.length === 1 ? 'is' : 'are'} of before`,
    );
  return ever;
}

/** What a barred entity had bound, what a person took from it, and what it laid down itself. */
async function everyKeyOf(former: MemberRow, { formerKeys }: Ground): Promise<readonly string[]> {
  return [...new Set([...(await thumbprintsOf(former.jwks)), ...former.removedKeys, ...(formerKeys.get(former.id) ?? [])])];
}

export interface WrittenEnrollments {
  readonly rows: readonly MemberRow[];
  readonly events: readonly NewEvent[];
  /** Of these those of each enrolment; before them come those of new organizations, and of what writing members did. */
  readonly enrolled: readonly NewEvent[];
  readonly statements: readonly Statement[];
}

/** What enrolments write: organizations, members, statements, configurations to serve, events. @param apart each was asked for by itself */
export async function writeEnrollments(call: Call, ground: Ground, all: readonly Enrolled[], { apart = false } = {}): Promise<WrittenEnrollments> {
  const { authority } = ground;
  const written = await writeMembers(
    call.store.db,
    all.map(({ before, after }) => ({ before, after, decided: ground.approver })),
    { authorities: [authority], places: ground.places, apart },
  );
  const active = written.rows.filter(({ state }) => state === 'active');
  const statements = active.length ? await signAll(call, await ground.issuer(), active) : new Map<string, NewArtefact>();
  const hosted = await Promise.all(all.flatMap(({ prepared }, n) => (prepared.hosted ? [hostedArtefact(written.rows[n] as MemberRow, prepared.hosted)] : [])));
  const organizations = ground.organizations.made();
  const returned = all.flatMap(({ before }) => (before ? [before.id] : []));
  const enrolled = all.map((one, n) => eventOf(one, statements.get(written.rows[n]?.id ?? '')));
  return {
    rows: written.rows,
    enrolled,
    events: [...organizations.events, ...written.events, ...enrolled],
    statements: [
      ...whileThereIsRoom(authority, all.filter(({ before }) => !isCounted(before)).length, call.now()),
      ...ground.sound,
      ...all.flatMap(({ holds }) => holds),
      ...all.flatMap(({ before, after }) => (before && ground.bars.has(before.entityId) ? [readmit(call.store.db, before, after.updatedAt)] : [])),
      ...organizations.statements,
      ...written.statements,
      // Of whoever comes back nothing is left that watching found before.
      dropWatches(returned),
      ...(statements.size ? putArtefacts([...statements.values()]) : []),
      // One by one: each may be as long as a line.
      ...hosted.flatMap((one) => putArtefacts([one])),
    ],
  };
}

function eventOf({ prepared: { input, keys, domainControl, hosted }, before, after, waived }: Enrolled, statement: NewArtefact | undefined): NewEvent {
  return {
    type: 'member.enrolled',
    subjectKind: 'member',
    subjectId: after.id,
    reason: input.readmit,
    detail: {
      entity_id: after.entityId,
      state: after.state,
      keys_proven_by: keys.provenBy,
      kids: keys.jwks.keys.map(({ kid }) => kid),
      ...(waived.length && { waived }),
      ...(after.ecLocation !== null && { ec_location: after.ecLocation }),
      ...(domainControl && { domain_control: domainControl }),
      ...(hosted && { hosted: true }),
      ...(after.entitlementVersion > 0 && { bundles: after.bundles, entitlements: after.entitlements?.length ?? null }),
      ...(after.vouchedIssuers.length && { vouched_issuers: issuersInWords(after.vouchedIssuers) }),
      ...(after.state === 'active' && { single_operator: true }),
      ...(before && { was: before.state }),
      ...(after.predecessor !== null && after.predecessor !== before?.predecessor && { predecessor: after.predecessor }),
    },
    artefacts: statement ? published([statement]) : [],
  };
}

const SIGN_AT_ONCE = 125;

async function signAll(call: Call, issuer: Issuer, rows: readonly MemberRow[]): Promise<Map<string, NewArtefact>> {
  const signed = new Map<string, NewArtefact>();
  for (let at = 0; at < rows.length; at += SIGN_AT_ONCE)
    await Promise.all(rows.slice(at, at + SIGN_AT_ONCE).map(async (row) => signed.set(row.id, await signedStatement(call, issuer, row))));
  return signed;
}
