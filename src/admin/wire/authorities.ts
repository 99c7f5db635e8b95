import { z } from '@hono/zod-openapi';
import { SIGNING_ALGORITHMS } from '../../federation/entry.js';
import { authorityMetadata } from '../../operations/artefacts/publish.js';
import type { AuthorityKeyRow, AuthorityRow } from '../../operations/registry.js';
import {
  AUTHORITY_ENDPOINTS,
  AUTHORITY_STATES,
  CLIENT_AUTH_MODES,
  EC_LOCATION_MODES,
  KEY_PROOF_MODES,
  KEY_STATES,
  SECOND_CHANNEL_MODES,
} from '../../store/schema.js';
import { findingsField, json, metadata, seconds, slug } from './basics.js';

/** Authorities and their keys. */

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
export function shown<T>(read: () => T, nothing: T): T {
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
