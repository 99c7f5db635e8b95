import { CUT_CODES } from '../audit/reason-codes.js';
import { z } from '@hono/zod-openapi';
import { TOKEN_DIGEST } from '../keys/random.js';
import { type Entitlement, ENTITLEMENT_KINDS, limits, NAMESPACE_TYPES, SIGNING_ALGORITHMS, type VouchedIssuer } from '../federation/entry.js';
import { KEY_PROOF_PURPOSES } from '../federation/key-proof.js';
import type { ApiKeyRow } from '../operations/access/api-keys.js';
import type { WithFindings } from '../operations/judged.js';
import type { Enrollment } from '../operations/members/enrollment.js';
import type { ExportedMember } from '../operations/members/export-members.js';
import type { JobRow } from '../operations/jobs/jobs.js';
import { MEMBER_KEY_STATES, type ShownKey } from '../operations/binding/show-keys.js';
import { authorityMetadata } from '../operations/artefacts/publish.js';
import type { AuthorityKeyRow, AuthorityRow, MemberRow, PolicyRow } from '../operations/registry.js';
import {
  AUTHORITY_ENDPOINTS,
  AUTHORITY_STATES,
  CLIENT_AUTH_MODES,
  EC_LOCATION_MODES,
  type HeldIssuer,
  JOB_KINDS,
  JOB_STATES,
  KEY_PROOF_MODES,
  KEY_STATES,
  MEMBER_STATES,
  POLICY_STATES,
  SECOND_CHANNEL_MODES,
  KEY_ROLES,
} from '../store/schema.js';

/** The wire of /admin/v1: snake_case, unknown members refused, times in seconds since the epoch. One presenter a kind. */
const json = z.record(z.string(), z.unknown());
const metadata = z.record(z.string(), json).openapi({ description: 'Entity Type → parameter → value (OpenID Federation 1.0 §5)' });
/** Seconds: a time or a length of time. Milliseconds by mistake are refused. */
export const seconds = z.number().int().min(0).max(limits.MAX_TIME);

export const reason = z.string().trim().min(1).max(500);
/** Who answers for a member. */
export const sponsorField = z
  .strictObject({
    name: z.string().trim().min(1).max(200),
    email: z
      .string()
      .trim()
      .max(254)
      .regex(/^[^\s@<>]+@[^\s@<>]+$/, 'an e-mail address, such as ada@example.org'),
  })
  .openapi('Sponsor', { description: 'A person who answers for it', example: { name: 'Ada Moe', email: 'ada@example.org' } });
export const slug = z.string().openapi({ example: 'main' });

export const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.number().int(), code: z.string(), detail: z.string(), findings: z.array(json).optional() })
  .openapi('Problem', { description: 'RFC 9457 problem details' });

/** What is worth knowing beside an answer; `severity` is error or warning. */
export const findingsField = { findings: z.array(json).optional() };
/** The findings of a change beside what it made. */
export const withFindings =
  <T, V extends object>(present: (row: T) => V) =>
  (row: WithFindings<T>) => ({ ...present(row), findings: row.findings.map((one) => ({ ...one })) });

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100).openapi({ description: 'Items of a page' }),
  cursor: z.string().max(4096).optional().openapi({ description: 'Where the page before ended: its `next_cursor`' }),
});
export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next_cursor: z.string().nullable() });

/** Why, in words that anyone may read. */
export const reasonCode = z.enum(CUT_CODES).optional().openapi({ description: 'Why, in a word that stays in the audit trail when the reason is erased' });
export const publicReason = z
  .string()
  .trim()
  .min(1)
  .max(500)
  .optional()
  .openapi({ description: 'Told to anyone by an authority that publishes what became of its subordinates; `reason` never is' });

/* Authorities */

const clientAuth = z
  .partialRecord(z.enum(AUTHORITY_ENDPOINTS), z.enum(CLIENT_AUTH_MODES))
  .openapi({ description: 'Client authentication per endpoint (§8.8)' });
const ecLocationMode = z
  .enum(EC_LOCATION_MODES)
  .openapi({ description: 'Which statements say where the configuration lies: those that have to, or all (Entity Configuration Hosting draft)' });
const subordinateEvents = z
  .boolean()
  .openapi({ description: 'Whether it publishes what became of each of its subordinates (Federation Subordinate Events Endpoint draft)' });
const entityCollection = z
  .boolean()
  .openapi({ description: 'Whether it publishes whom it knows to be in force, its members and whoever is below them (Entity Collection draft)' });
const authorityFields = {
  metadata: metadata.optional(),
  claims: json.optional(),
  authority_hints: z.array(z.string()).max(16).optional(),
  configuration_lifetime: seconds.optional(),
  statement_lifetime: seconds.optional(),
  client_auth: clientAuth.optional(),
  key_rotation: seconds.nullable().optional(),
  ec_location: ecLocationMode.optional(),
  subordinate_events: subordinateEvents.optional(),
  entity_collection: entityCollection.optional(),
  organization_name: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .nullable()
    .optional()
    .openapi({ description: 'organization_name of its federation_entity metadata, beside what else is there; null takes it out' }),
};
export const newAuthority = z
  .strictObject({ slug: z.string(), entity_id: z.string(), key_alg: z.enum(SIGNING_ALGORITHMS).optional(), ...authorityFields })
  .openapi('NewAuthority');
export const authorityChange = z.strictObject({ ...authorityFields, v: z.number().int().optional() }).openapi('AuthorityChange');
export const authoritySchema = z
  .object({
    id: z.string(),
    slug,
    entity_id: z.string(),
    state: z.enum(AUTHORITY_STATES),
    state_reason: z.string().nullable(),
    metadata,
    claims: json,
    authority_hints: z.array(z.string()),
    configuration_lifetime: seconds,
    statement_lifetime: seconds,
    client_auth: clientAuth,
    key_rotation: seconds.nullable(),
    ec_location: ecLocationMode,
    subordinate_events: subordinateEvents,
    entity_collection: entityCollection,
    quorum: z.number().int().openapi({ description: 'How many persons it takes to widen trust: 1 or 2' }),
    key_proof: z.enum(KEY_PROOF_MODES).openapi({ description: 'Whether a key is bound only on a proof of the last 24 h' }),
    second_channel: z.enum(SECOND_CHANNEL_MODES).openapi({ description: 'Whose keys are compared by a second channel before they are bound' }),
    admission: json.openapi({ description: 'Entity Type, or * for all, to what its members have to have: accreditations, sponsor' }),
    certificate_roots: z.string().nullable().openapi({ description: 'PEM: who may issue certificates in keys (x5c)' }),
    not_before: seconds.nullable().openapi({ description: 'When it came back from a halt; for its members the later of the two counts' }),
    generation: z.number().int(),
    created_at: seconds,
    updated_at: seconds,
    v: z.number().int(),
    ...findingsField,
  })
  .openapi('Authority');

export const authorityInput = (body: z.infer<typeof authorityChange>) => ({
  metadata: body.metadata,
  claims: body.claims,
  authorityHints: body.authority_hints,
  configurationLifetime: body.configuration_lifetime,
  statementLifetime: body.statement_lifetime,
  clientAuth: body.client_auth,
  keyRotation: body.key_rotation,
  ecLocation: body.ec_location,
  subordinateEvents: body.subordinate_events,
  entityCollection: body.entity_collection,
  organizationName: body.organization_name,
});
export const presentAuthority = (row: AuthorityRow): z.infer<typeof authoritySchema> => ({
  id: row.id,
  slug: row.slug,
  entity_id: row.entityId,
  state: row.state,
  state_reason: row.stateReason,
  metadata: authorityMetadata(row) as z.infer<typeof metadata>,
  claims: row.claims,
  authority_hints: [...row.authorityHints],
  configuration_lifetime: row.configurationLifetime,
  statement_lifetime: row.statementLifetime,
  client_auth: row.clientAuth,
  key_rotation: row.keyRotation,
  ec_location: row.ecLocation,
  subordinate_events: row.subordinateEvents,
  entity_collection: row.entityCollection,
  quorum: row.quorum,
  key_proof: row.keyProof,
  second_channel: row.secondChannel,
  admission: shown(() => ({ ...row.admission }), {}),
  certificate_roots: row.certificateRoots,
  not_before: row.notBefore,
  generation: row.generation,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
  v: row.v,
});

/* Keys */

export const newKey = z
  .strictObject({ alg: z.enum(SIGNING_ALGORITHMS).optional(), jwk: json.optional(), pem: z.string().max(16_384).optional(), stage: z.boolean().optional() })
  .refine((body) => !(body.jwk && body.pem), 'give a jwk or a pem, not both')
  .openapi('NewKey', { description: 'Generate a key, or import a private JWK or PKCS#8 PEM' });
export const keySchema = z
  .object({
    kid: z.string(),
    alg: z.string(),
    state: z.enum(KEY_STATES),
    jwk: json,
    created_at: seconds,
    staged_at: seconds.nullable(),
    active_at: seconds.nullable(),
    retiring_at: seconds.nullable(),
    ended_at: seconds.nullable(),
    revoked_reason: z.string().nullable(),
    superior_ready_at: seconds.nullable(),
    signed_until: seconds.nullable().openapi({ description: 'The largest `exp` it ever signed; it is published until then' }),
    unseen_until: seconds
      .nullable()
      .openapi({ description: 'The largest `exp` of the Entity Configurations published before it; it signs nothing until then' }),
  })
  .openapi('Key');
/** What is shown of a cell; nothing where the store cannot read it, so that the rest of the row, and what was done with it, is told. */
function shown<T>(read: () => T, nothing: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError) return nothing;
    throw error;
  }
}

export const presentKey = (row: AuthorityKeyRow): z.infer<typeof keySchema> => ({
  kid: row.kid,
  alg: row.alg,
  state: row.state,
  jwk: shown(() => ({ ...row.jwk }), { kid: row.kid, kty: 'unreadable' }),
  created_at: row.createdAt,
  staged_at: row.stagedAt,
  active_at: row.activeAt,
  retiring_at: row.retiringAt,
  ended_at: row.endedAt,
  revoked_reason: row.revokedReason,
  superior_ready_at: row.superiorReadyAt,
  signed_until: row.signedUntil,
  unseen_until: row.unseenUntil,
});

/* Members */

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

const UNWRAPPED: z.core.$ZodErrorMap = (issue) => {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const [name] = issue.keys;
  return `"${name}" is no member of a policy. Wrap entity types in metadata_policy: {"metadata_policy":{"${name}":{…}}}`;
};
export const policyBody = z
  .strictObject(
    {
      metadata_policy: json.optional(),
      metadata_policy_crit: z.array(z.string()).optional(),
      constraints: json.optional(),
      note: z.string().max(500).optional(),
    },
    { error: UNWRAPPED },
  )
  .openapi('PolicyInput');
/** Anew rather than extended: extended, it would be all of `PolicyInput` in the contract, which has no room for more. */
export const previewBody = z
  .strictObject({ ...policyBody.shape, member: z.string(), metadata: metadata.optional() }, { error: UNWRAPPED })
  .openapi('PolicyPreviewInput');
export const policySchema = z
  .object({
    version: z.number().int(),
    state: z.enum(POLICY_STATES),
    metadata_policy: json,
    metadata_policy_crit: z.array(z.string()),
    constraints: json,
    note: z.string().nullable(),
    created_by: z.string(),
    created_at: seconds,
    published_at: seconds.nullable(),
    ...findingsField,
  })
  .openapi('Policy');
export const policyInput = (body: z.infer<typeof policyBody>) => ({
  metadataPolicy: body.metadata_policy,
  metadataPolicyCrit: body.metadata_policy_crit,
  constraints: body.constraints,
  note: body.note,
});
export const presentPolicy = (row: PolicyRow): z.infer<typeof policySchema> => ({
  version: row.version,
  state: row.state,
  metadata_policy: row.policy,
  metadata_policy_crit: [...row.crit],
  constraints: row.constraints,
  note: row.note,
  created_by: row.createdBy,
  created_at: row.createdAt,
  published_at: row.publishedAt,
});

/* Jobs, API keys */

export const jobSchema = z
  .object({
    id: z.string(),
    kind: z.enum(JOB_KINDS),
    state: z.enum(JOB_STATES),
    done: z.number().int(),
    total: z.number().int(),
    refused: z.number().int(),
    params: json,
    created_by: z.string(),
    created_at: seconds,
    updated_at: seconds,
  })
  .openapi('Job');
export const presentJob = (row: JobRow): z.infer<typeof jobSchema> => ({
  id: row.id,
  kind: row.kind,
  state: row.state,
  done: row.done,
  total: row.total,
  refused: row.refused,
  params: row.params,
  created_by: row.createdBy,
  created_at: row.createdAt,
  updated_at: row.updatedAt,
});

export const newApiKey = z
  .strictObject({
    name: z.string().trim().min(1).max(100),
    role: z
      .enum(KEY_ROLES)
      .optional()
      .openapi({ description: 'What it may. Of a person’s key the most it may: left out, or `person`, whatever the person may' }),
    person: z.string().min(1).max(60).optional().openapi({ description: 'Whose key it is; left out: a machine’s' }),
    authorities: z.array(z.string()).min(1).nullable().default(null),
    expires_at: seconds.nullable().optional(),
    token_digest: z.string().regex(TOKEN_DIGEST, 'give what holdfast api-key secret prints: prefix, dot, SHA-256 in base64url').optional().openapi({
      description:
        'Of a token that was made elsewhere: its first 11 characters, a dot, its SHA-256 in base64url. No token is in the answer then. With quorum 2 a key for another person takes it, and that person makes it',
    }),
  })
  .refine(({ role, person }) => role !== undefined || person !== undefined, { path: ['role'], message: 'a key of nobody needs a role' })
  .openapi('NewApiKey', { example: { name: 'Ada', role: 'operator' } });
export const apiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    prefix: z.string(),
    role: z.enum(KEY_ROLES),
    person: z.string().nullable().openapi({ description: 'Whose key it is; null: a machine’s' }),
    authorities: z.array(z.string()).nullable(),
    created_at: seconds,
    expires_at: seconds.nullable(),
    revoked_at: seconds.nullable(),
    last_used_at: seconds.nullable(),
  })
  .openapi('ApiKey');
export const presentApiKey = (row: ApiKeyRow): z.infer<typeof apiKeySchema> => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  role: row.role,
  person: row.personId,
  authorities: row.authorities ? [...row.authorities] : null,
  created_at: row.createdAt,
  expires_at: row.expiresAt,
  revoked_at: row.revokedAt,
  last_used_at: row.lastUsedAt,
});
