import { z } from '@hono/zod-openapi';
import { type Entitlement, ENTITLEMENT_KINDS, NAMESPACE_TYPES, type VouchedIssuer } from '../../federation/entry.js';
import { KEY_PROOF_PURPOSES } from '../../federation/key-proof.js';
import type { Enrollment } from '../../operations/members/enrollment.js';
import type { ExportedMember } from '../../operations/members/export-members.js';
import { MEMBER_KEY_STATES, type ShownKey } from '../../operations/binding/show-keys.js';
import type { MemberRow } from '../../operations/registry.js';
import { type HeldIssuer, MEMBER_STATES } from '../../store/schema.js';
import { findingsField, json, metadata, seconds, reason, sponsorField } from './basics.js';
import { shown } from './authorities.js';

/** Members. */

const jwks = z.object({ keys: z.array(json) }).openapi({ description: 'A JWK Set of public keys' });
export const shownBy = z
  .discriminatedUnion('method', [
    z.strictObject({ method: z.literal('well_known') }),
    z.strictObject({ method: z.literal('dns') }),
    z.strictObject({ method: z.literal('operator'), reason: z.string().trim().min(1).max(500) }),
  ])
  .openapi({
    description:
      'How it is shown that the member may use the domain of its identifier: by a token under its host, by one in a TXT record of its domain, or by your word with the reason for it',
  });
const memberFields = {
  entity_types: z.array(z.string().min(1).max(200)).max(50).optional(),
  intermediate: z.boolean().optional(),
  metadata: metadata.optional(),
  constraints: json.optional(),
  claims: json.optional(),
  crit: z.array(z.string()).max(50).optional(),
  statement_lifetime: seconds.nullable().optional(),
  valid_until: seconds.nullable().optional(),
  organization: z.string().trim().min(1).max(300).optional(),
  ec_location: z.string().max(2048).nullable().optional().openapi({ description: 'Where it publishes its configuration, when not at the well-known URL' }),
  domain_control: shownBy.optional(),
};
const entitlement = z
  .strictObject({
    kind: z.enum(ENTITLEMENT_KINDS),
    value: z.string(),
    template: json.optional().openapi({ description: 'Members that authorization details of this type may have (RFC 9396); left out: any' }),
  })
  .openapi('Entitlement');
export const entitlementList = z.array(z.unknown()).openapi({ description: 'Entitlements: {kind, value, template?}' });
export const bundleNames = z.array(z.string().min(1).max(64)).max(200).openapi({ description: 'Names of bundles of entitlements' });
export const shownEntitlements = z.array(entitlement);
export const presentEntitlements = (list: readonly Entitlement[] | null) =>
  list === null ? null : list.map(({ kind, value, template }) => ({ kind, value, ...(template && { template: { ...template } }) }));

const namespace = z
  .strictObject({ type: z.enum(NAMESPACE_TYPES), value: z.string(), subdomains: z.boolean().optional() })
  .openapi('Namespace', { example: { type: 'email_domain', value: 'example.org' } });
export const shownNamespaces = z.array(namespace);
export const namespaceList = z.array(z.unknown()).openapi({ description: 'Namespaces: {type, value, subdomains?}' });
export const issuerList = z.array(z.unknown()).openapi({ description: 'Vouched issuers: {kind, issuer?, jwks_uri?, namespaces}' });
/** Without the id that is ours. */
const presentIssuers = (list: readonly HeldIssuer[]) =>
  list.map(({ kind, issuer, jwks_uri: keys, namespaces }) => ({
    kind,
    issuer,
    ...(keys !== undefined && { jwks_uri: keys }),
    namespaces: namespaces.map((one) => ({ ...one })),
  }));

export const newMember = z
  .strictObject({
    entity_id: z.string(),
    jwks: z.unknown().optional(),
    pem: z.string().optional(),
    entity_configuration: z.string().optional(),
    ...memberFields,
    activate: z.boolean().optional(),
    state: z.enum(MEMBER_STATES).optional().openapi({ description: 'The state it comes in, instead of activate: for a member that was registered elsewhere' }),
    state_reason: reason.nullable().optional(),
    removed_keys: z
      .array(z.string().min(1).max(100))
      .max(1000)
      .optional()
      .openapi({ description: 'RFC 7638 thumbprints of keys that a person took away from it: no configuration brings them back' }),
    hosted_configuration: z.string().min(1).max(262_144).optional().openapi({ description: 'The configuration it signed, to be served here' }),
    readmit: z.string().min(1).max(1000).optional(),
    entitlements: entitlementList.nullable().optional(),
    bundles: bundleNames.optional(),
    vouched_issuers: issuerList.optional(),
    scopes: z.array(z.string()).max(10_000).optional().openapi({ description: 'Scopes it may ask for, beside `entitlements`' }),
    waive: z.array(z.string()).max(50).optional(),
    sponsor: sponsorField.nullable().optional(),
    reattest_by: seconds.nullable().optional(),
  })
  .openapi('NewMember');
export const memberChange = z
  .strictObject({ ...memberFields, organization: memberFields.organization.nullable(), v: z.number().int().optional() })
  .openapi('MemberChange');
const memberKeySchema = z
  .object({
    kid: z.string(),
    thumbprint: z.string().openapi({ description: 'RFC 7638' }),
    state: z.enum(MEMBER_KEY_STATES).openapi({ description: 'proposed and proven: not vouched for yet; bound: it is; unbound: the member has ended' }),
    proven_at: seconds.nullable(),
    proof_purpose: z.enum(KEY_PROOF_PURPOSES).nullable(),
    proof_sha256: z.string().nullable(),
    confirmed_at: seconds.nullable(),
    confirmed_by: z.string().nullable(),
    confirmed_channel: z.string().nullable(),
    x5c_not_after: seconds.nullable().openapi({ description: 'When the first of its certificates ends: nothing said about the member outlives it' }),
  })
  .openapi('MemberKey');
export const memberSchema = z
  .object({
    id: z.string(),
    entity_id: z.string(),
    state: z.enum(MEMBER_STATES),
    state_reason: z.string().nullable(),
    suspended_with: z.string().nullable().openapi({ description: 'The organization or authority whose halt suspended it' }),
    submitted_by: z.string().nullable().openapi({ description: 'Who enrolled it; with quorum 2 others approve it' }),
    not_before: seconds.nullable().openapi({ description: 'When it was taken back last: what relying servers issued to it before is not to live again' }),
    predecessor: z.string().nullable().openapi({ description: 'The bar after which it was readmitted' }),
    last_editor: z.string().nullable().openapi({ description: 'Who changed its content last; with quorum 2 others approve it' }),
    entity_types: z.array(z.string()),
    intermediate: z.boolean(),
    organization_id: z.string().nullable(),
    organization: z.string().optional().openapi({ description: 'Its legal name, where members are read' }),
    jwks,
    metadata,
    constraints: json,
    claims: json,
    crit: z.array(z.string()),
    statement_lifetime: seconds.nullable(),
    valid_until: seconds.nullable(),
    accredited_until: seconds.nullable().openapi({ description: 'The end of the accreditations that it has to have: nothing said about it outlives that' }),
    sponsor: sponsorField.nullable().openapi({ description: 'Who answers for it' }),
    reattest_by: seconds.nullable().openapi({ description: 'Until when somebody has said that it is still needed: nothing said about it outlives that' }),
    hosted: z.boolean(),
    ec_location: z.string().nullable(),
    domain_control: z.object({ method: z.string(), reason: z.string().optional(), at: seconds }).nullable(),
    entitlements: shownEntitlements.nullable().openapi({ description: 'Its own; null: nothing limits it but its bundles' }),
    bundles: bundleNames,
    entitlement_version: z.number().int().openapi({ description: 'Rises with each change of what it may ask for' }),
    vouched_issuers: z.array(z.unknown()).openapi({ description: 'Issuers that it stands for, and for whom each may speak' }),
    keys: z.array(memberKeySchema).optional().openapi({ description: 'What is known of each key, where members are read' }),
    status: z
      .object({ list: z.number().int(), idx: z.number().int(), url: z.string(), value: z.number().int() })
      .nullable()
      .optional()
      .openapi({ description: 'Its place in the status lists, and what its rows say there now (0 valid, 1 invalid, 2 suspended), where one member is read' }),
    created_at: seconds,
    updated_at: seconds,
    v: z.number().int(),
    ...findingsField,
  })
  .openapi('Member');
export const memberInput = (body: Omit<z.infer<typeof memberChange>, 'organization'>) => ({
  entityTypes: body.entity_types,
  intermediate: body.intermediate,
  metadata: body.metadata,
  constraints: body.constraints,
  claims: body.claims,
  crit: body.crit,
  statementLifetime: body.statement_lifetime,
  validUntil: body.valid_until,
  ecLocation: body.ec_location,
  shownBy: body.domain_control,
});
/** What is read of them further in: the list is judged whole, with the place of each fault. */
export function entitled({ entitlements, bundles, scopes }: Pick<z.infer<typeof newMember>, 'entitlements' | 'bundles' | 'scopes'>) {
  const own = scopes ? [...(entitlements ?? []), ...scopes.map((value) => ({ kind: 'scope', value }))] : entitlements;
  return { entitlements: own as readonly Entitlement[] | null | undefined, bundles: bundles && [...new Set(bundles)] };
}
export const enrollmentOf = (body: z.infer<typeof newMember>): Enrollment => ({
  ...memberInput(body),
  entityId: body.entity_id,
  jwks: body.jwks,
  pem: body.pem,
  entityConfiguration: body.entity_configuration,
  organization: body.organization,
  activate: body.activate,
  state: body.state,
  stateReason: body.state_reason ?? undefined,
  removedKeys: body.removed_keys,
  hostedConfiguration: body.hosted_configuration,
  readmit: body.readmit,
  ...entitled(body),
  ...(body.vouched_issuers && { vouchedIssuers: body.vouched_issuers as readonly VouchedIssuer[] }),
  waive: body.waive,
  sponsor: body.sponsor,
  reattestBy: body.reattest_by,
});
/** A member as an enrolment would make it: the line of an export, and of an import. */
export const presentEnrollment = ({ member: row, organization, hosted, entitled: given }: ExportedMember): z.infer<typeof newMember> => ({
  entity_id: row.entityId,
  state: row.state,
  ...(row.stateReason !== null && { state_reason: row.stateReason }),
  jwks: { keys: row.jwks.keys },
  ...(row.removedKeys.length && { removed_keys: [...row.removedKeys] }),
  entity_types: [...row.entityTypes],
  intermediate: row.intermediate,
  metadata: row.metadata as z.infer<typeof metadata>,
  constraints: row.constraints,
  claims: row.claims,
  crit: [...row.crit],
  statement_lifetime: row.statementLifetime,
  valid_until: row.validUntil,
  ...(organization !== undefined && { organization }),
  ec_location: row.ecLocation,
  ...(row.domainControl && { domain_control: { method: 'operator', reason: row.domainControl.reason ?? 'it showed a token under its host' } }),
  ...(given.entitlements && { entitlements: presentEntitlements(given.entitlements) }),
  ...(given.bundles.length && { bundles: [...given.bundles] }),
  ...(row.vouchedIssuers.length && { vouched_issuers: presentIssuers(row.vouchedIssuers) }),
  ...(hosted !== undefined && { hosted_configuration: hosted }),
  ...(row.sponsor && { sponsor: { name: row.sponsor.name, email: row.sponsor.email } }),
  ...(row.reattestBy !== null && { reattest_by: row.reattestBy }),
});
const presentMemberKey = (one: ShownKey): z.infer<typeof memberKeySchema> => ({
  kid: one.kid,
  thumbprint: one.jkt,
  state: one.state,
  proven_at: one.standing?.provenAt ?? null,
  proof_purpose: one.standing?.proofPurpose ?? null,
  proof_sha256: one.standing?.proofSha256 ?? null,
  confirmed_at: one.standing?.confirmedAt ?? null,
  confirmed_by: one.standing?.confirmedBy ?? null,
  confirmed_channel: one.standing?.confirmedChannel ?? null,
  x5c_not_after: one.certifiedUntil,
});
export const presentMember = (row: MemberRow, organization?: string, keys?: readonly ShownKey[]): z.infer<typeof memberSchema> => ({
  id: row.id,
  entity_id: row.entityId,
  state: row.state,
  state_reason: row.stateReason,
  suspended_with: row.suspendedWith,
  submitted_by: row.submittedBy,
  not_before: row.notBefore,
  predecessor: row.predecessor,
  last_editor: row.lastEditor,
  entity_types: shown(() => [...row.entityTypes], []),
  intermediate: row.intermediate,
  organization_id: row.organizationId,
  ...(organization !== undefined && { organization }),
  jwks: shown(() => ({ keys: [...row.jwks.keys] }), { keys: [] }),
  metadata: shown(() => ({ ...row.metadata }) as z.infer<typeof metadata>, {}),
  constraints: shown(() => ({ ...row.constraints }), {}),
  claims: shown(() => ({ ...row.claims }), {}),
  crit: shown(() => [...row.crit], []),
  statement_lifetime: row.statementLifetime,
  valid_until: row.validUntil,
  accredited_until: row.accreditedUntil,
  sponsor: shown(() => row.sponsor && { name: row.sponsor.name, email: row.sponsor.email }, null),
  reattest_by: row.reattestBy,
  hosted: row.hosted,
  ec_location: row.ecLocation,
  domain_control: shown(() => row.domainControl && { ...row.domainControl }, null),
  entitlements: shown(() => presentEntitlements(row.entitlements), null),
  bundles: shown(() => [...row.bundles], []),
  entitlement_version: row.entitlementVersion,
  vouched_issuers: shown(() => presentIssuers(row.vouchedIssuers), []),
  ...(keys && { keys: keys.map(presentMemberKey) }),
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  v: row.v,
});

/* Policies */
