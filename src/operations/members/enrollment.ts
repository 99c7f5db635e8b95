import { type EntityStatement, type JwkSet, parseEntityId, verifyEntityStatement } from '../../federation/entry.js';
import type { MemberState } from '../../store/schema.js';
import { asWhom, type Call, may } from '../call.js';
import { expectList } from '../entitlements/check-entitled.js';
import { expectIssuers } from '../issuers/edit-issuers.js';
import { type Judged, keysLeftOut } from '../judged.js';
import type { StatedKeys } from '../explorer.js';
import { assignedElsewhere, statedElsewhere } from './identifier-uniqueness.js';
import { Refusal, refuseFindings } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';
import { type ShownBy, showDomainControl } from './domain-control.js';
import type { DomainControl } from '../../store/schema.js';
import { expectNotForLonger } from './attestation.js';
import { expectMemberInput, type MemberInput } from './member-input.js';
import { givenKeys } from './member-keys.js';
import { preflight } from './preflight.js';
import { expectWaived } from './waivers.js';

/** What somebody enrols: alone, or as a line of an import. One shape, and it is what an export gives. */
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
  /** The state it comes in, for a member that was somebody's before: an export says it. */
  readonly state?: MemberState | undefined;
  readonly stateReason?: string | undefined;
  /** Thumbprints of keys that a person took away from it. */
  readonly removedKeys?: readonly string[] | undefined;
  /** The configuration it signed, to be served by us. */
  readonly hostedConfiguration?: string | undefined;
  /** Why one that was revoked or archived may come back; it takes an approver. */
  readonly readmit?: string | undefined;
  /** The id of the application that says all this: its keys are its own word, and it takes back what it said before. */
  readonly applicant?: string | undefined;
  /** Codes of findings the operator accepts by name. */
  readonly waive?: readonly string[] | undefined;
}

export interface BoundKeys {
  readonly jwks: JwkSet;
  readonly provenBy: 'operator' | 'applicant' | 'entity_configuration' | 'fetched_entity_configuration';
  readonly entityTypes: readonly string[];
  readonly intermediate: boolean;
  readonly iat: number | null;
  readonly waived: readonly string[];
  readonly findings: readonly Judged[];
}

/** An enrolment after everything that needs no lock: what it says holds in itself, its keys are read. */
export interface Prepared {
  readonly input: Enrollment;
  readonly state: MemberState;
  readonly keys: BoundKeys;
  readonly domainControl: DomainControl | undefined;
  readonly hosted: EntityStatement | undefined;
  /** What superiors elsewhere state about the identifier, where its configuration is not at its well-known URL. */
  readonly elsewhere: readonly StatedKeys[];
}

/** States that somebody who may approve has decided. */
export const DECIDED: readonly MemberState[] = ['approved', 'active'];

export const TWO_APPROVE = 'quorum 2: two persons approve a member before it is active; without activate (CLI: with --vetting) it waits in state vetting';

/**
 * Check an enrolment and read its keys, before the lock.
 * @param offline nothing is fetched: the keys are given
 * @throws Refusal findings, invalid_request, permission_denied
 */
export async function prepare(call: Call, authority: AuthorityRow, input: Enrollment, offline: boolean): Promise<Prepared> {
  const id = parseEntityId(input.entityId, call);
  if (!id.ok) throw refuseFindings('the entity identifier is not valid', id.findings);
  if (input.activate !== undefined && input.state !== undefined) throw new Refusal('invalid_request', 'give one of activate and state');
  const state = input.state ?? (input.activate ? 'active' : 'vetting');
  if ((DECIDED.includes(state) || input.readmit !== undefined) && !may(call, 'approve', authority.slug))
    throw new Refusal(
      'permission_denied',
      `${asWhom(call)} may not activate members or take them back; without activate (CLI: with --vetting) they wait in state vetting`,
    );
  if (DECIDED.includes(state) && authority.quorum > 1) throw new Refusal('wrong_state', TWO_APPROVE);
  expectMemberInput(input, call);
  // An export that is older than its attestations is taken all the same.
  if (typeof input.reattestBy === 'number') expectNotForLonger(input.reattestBy, call.now());
  const entitlements = input.entitlements && expectList(input.entitlements);
  const vouchedIssuers = input.vouchedIssuers && expectIssuers(input.vouchedIssuers, input.entityId, call);
  if (typeof input.validUntil === 'number' && input.validUntil <= call.now() && DECIDED.includes(state))
    throw new Refusal('invalid_request', 'valid_until has passed');
  const keys = offline ? await keysGiven(input, call.now()) : await keysOf(call, authority.slug, input);
  if (offline && input.shownBy && input.shownBy.method !== 'operator')
    throw new Refusal('invalid_request', 'an import fetches nothing: give your word for domain_control ({"method":"operator","reason":"…"})');
  const domainControl = input.shownBy && (await showDomainControl(call, authority.entityId, input.entityId, keys.jwks, input.shownBy));
  const hosted = await hostedOf(call, input, state, keys.jwks);
  const elsewhere = hosted ? await assignedElsewhere(call, input.entityId) : await statedElsewhere(call, input.entityId, input.ecLocation);
  return {
    input: { ...input, ...(entitlements && { entitlements }), ...(vouchedIssuers && { vouchedIssuers }) },
    state,
    keys,
    domainControl,
    hosted,
    elsewhere,
  };
}

async function hostedOf(call: Call, input: Enrollment, state: MemberState, jwks: JwkSet): Promise<EntityStatement | undefined> {
  const { entityId, hostedConfiguration: configuration } = input;
  if (configuration === undefined) return undefined;
  if (state !== 'active') throw new Refusal('wrong_state', `of a member that is ${state} nothing is served`);
  if (input.intermediate || input.ecLocation) throw new Refusal('invalid_request', 'only leafs without ec_location are hosted');
  const statement = await call.explorer.ask('configuration', { entityId, configuration });
  if (!statement.ok) throw refuseFindings('this configuration is not served', statement.findings);
  const signed = await verifyEntityStatement(statement.value, jwks);
  if (!signed.ok) throw refuseFindings('no key we vouch for has signed this configuration', signed.findings);
  return statement.value;
}

/** Keys given by an operator count as proven by him; those of an applicant are as yet nobody's word but his. */
async function keysGiven(input: Enrollment, now: number): Promise<BoundKeys> {
  const given = [input.jwks, input.pem].filter((one) => one !== undefined);
  if (given.length !== 1 || input.entityConfiguration !== undefined) throw new Refusal('invalid_request', 'give exactly one of jwks and pem');
  const keys = await givenKeys(input, now);
  if (!keys.ok) throw refuseFindings('these keys cannot be bound', keys.findings);
  return {
    jwks: keys.value.jwks,
    provenBy: input.applicant === undefined ? 'operator' : 'applicant',
    entityTypes: input.intermediate ? ['federation_entity'] : Object.keys(input.metadata ?? {}),
    intermediate: false,
    iat: null,
    waived: [],
    findings: [...keysLeftOut(keys.value.ignored), ...keys.value.told],
  };
}

/** The keys to vouch for, and how they were proven. */
async function keysOf(call: Call, slug: string, input: Enrollment): Promise<BoundKeys> {
  const given = [input.jwks, input.pem, input.entityConfiguration].filter((one) => one !== undefined);
  if (given.length > 1) throw new Refusal('invalid_request', 'give one of jwks, pem and entity_configuration');
  if (input.jwks !== undefined || input.pem !== undefined) return keysGiven(input, call.now());
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
