import { z } from '@hono/zod-openapi';
import { ENTITLEMENT_KINDS, limits } from '../federation/entry.js';
import type { Entitlement, JwkSet } from '../federation/entry.js';
import { KEY_PROOF_PURPOSES } from '../federation/key-proof.js';
import type { Own } from '../operations/join/applicant.js';
import type { Offer } from '../operations/join/show-link.js';
import type { ShownOwn } from '../operations/join/show-own.js';
import { nextSteps, standsAt, waitsOn } from '../operations/join/standing.js';
import { type ApplicantDetails, MEMBER_STATES, type RequestedMembership, WAITING_ON } from '../store/schema.js';

/** The wire of /join/v1: snake_case, unknown members refused, every text and list capped, times in seconds since the epoch. */
export const TAGS = {
  'Join links': 'What an authority offers to whoever has been given a link.',
  Applications: 'One’s own application: handing it in, changing it, what is said about it.',
  Agents: 'Agents that a member makes and retires itself, in an authority of its own.',
  Keys: 'Showing that one has the keys that are to be bound.',
  Registration: 'Members that become clients of authorization servers, and those servers: by a client assertion of their own.',
} as const;
export type Tag = keyof typeof TAGS;

const json = z.record(z.string(), z.unknown());
const seconds = z.number().int();
export const problemSchema = z
  .object({ type: z.string(), title: z.string(), status: z.number().int(), code: z.string(), detail: z.string(), findings: z.array(json).optional() })
  .openapi('Problem', { description: 'RFC 9457 problem details' });

/** One line, as people read it. */
export const line = (most: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(most)
    .refine((text) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text), 'it holds control characters or line breaks');
/** Several lines. */
export const words = z
  .string()
  .trim()
  .min(1)
  .max(4000)
  .refine((text) => !/[^\P{Cc}\n\r\t]/u.test(text), 'it holds control characters');

const organization = z
  .strictObject({
    legal_name: line(300),
    registration_number: line(100).optional(),
    jurisdiction: line(100).optional().openapi({ description: 'Whose register: ISO 3166-1 or 3166-2, such as SE or US-DE' }),
  })
  .openapi('ApplyingOrganization', { description: 'The legal body, as a register has it' });
const contact = z
  .strictObject({ name: line(200).optional(), email: line(320).optional(), phone: line(60).optional() })
  .refine((one) => Object.keys(one).length > 0, 'say how to reach somebody: name, email or phone')
  .openapi('ApplyingContact');
const contacts = z.array(contact).max(10).openapi({ description: 'Whom to ask; erased on request' });
const jwks = z
  .looseObject({ keys: z.array(json).min(1).max(20) })
  .openapi({ description: 'Public Federation Entity Keys (a JWK Set); left out: those of the published entity configuration' });
export const entitlement = z
  .strictObject({ kind: z.enum(ENTITLEMENT_KINDS), value: z.string().max(2048), template: json.optional() })
  .openapi('RequestedEntitlement');

const requestedFields = {
  entity_types: z.array(line(200)).max(20).optional(),
  intermediate: z.boolean().optional().openapi({ description: 'It will have subordinates of its own' }),
  jwks: jwks.optional(),
  entitlements: z.array(entitlement).max(200).optional(),
  scopes: z.array(line(200)).max(200).optional().openapi({ description: 'Scopes it wants to ask for, beside `entitlements`' }),
  bundles: z.array(line(64)).max(20).optional().openapi({ description: 'Names of bundles of entitlements, as the authority told them' }),
  trust_mark_types: z.array(line(2048)).max(20).optional().openapi({ description: 'Trust marks it wants; an authority grants them apart' }),
};
export const applicationBody = z
  .strictObject({
    join_link: z.string().max(60),
    entity_id: z.string().min(1).max(limits.MAX_ENTITY_ID_LENGTH),
    organization,
    contacts: contacts.optional(),
    ...requestedFields,
    message: words.optional(),
  })
  .openapi('NewApplication', {
    example: {
      join_link: 'jnl_0123456789abcdefghjkmnpqrs',
      entity_id: 'https://rp.example.org',
      organization: { legal_name: 'Example Ltd' },
      scopes: ['accounts:read'],
    },
  });
export const editBody = z
  .strictObject({ organization: organization.optional(), contacts: contacts.optional(), ...requestedFields, v: seconds.optional() })
  .openapi('ApplicationEdit', { description: 'Fields left out stay' });
export const messageBody = z.strictObject({ text: words }).openapi('ApplicantMessage');
export const proofsBody = z
  .strictObject({ challenge_id: z.string().max(60), proofs: z.array(z.string().min(1).max(limits.MAX_KEY_PROOF_BYTES)).min(1).max(16) })
  .openapi('ApplicantProofs');
export const emptyBody = z.strictObject({}).openapi('Nothing', { description: 'An empty object' });

type Requested = Pick<z.infer<typeof applicationBody>, keyof typeof requestedFields>;
export function requestedOf(body: Requested): RequestedMembership {
  const own = body.scopes ? [...(body.entitlements ?? []), ...body.scopes.map((value) => ({ kind: 'scope', value }))] : body.entitlements;
  return {
    entityTypes: body.entity_types && [...new Set(body.entity_types)],
    intermediate: body.intermediate,
    // Read and judged further in.
    jwks: body.jwks as unknown as JwkSet | undefined,
    entitlements: own as readonly Entitlement[] | undefined,
    bundles: body.bundles && [...new Set(body.bundles)],
    trustMarkTypes: body.trust_mark_types && [...new Set(body.trust_mark_types)],
  };
}
export const organizationOf = ({ legal_name, registration_number, jurisdiction }: z.infer<typeof organization>): ApplicantDetails['organization'] => ({
  legalName: legal_name,
  registrationNumber: registration_number,
  jurisdiction,
});

export const offerSchema = z
  .object({
    join_link: z.string(),
    authority: z.object({ entity_id: z.string(), name: z.string().nullable() }),
    expires_at: seconds,
    wants: z.array(z.object({ field: z.string(), required: z.boolean(), about: z.string() })),
    key_proof: z.string().openapi({ description: 'Whether each key has to be proven before it is bound' }),
  })
  .openapi('JoinOffer');
const WANTS = [
  { field: 'entity_id', required: true, about: 'your Entity Identifier (OpenID Federation 1.0 §1.2)' },
  { field: 'organization', required: true, about: 'the legal body, as a register has it' },
  { field: 'jwks', required: false, about: 'your public Federation Entity Keys; else publish your entity configuration' },
  { field: 'entity_types', required: false, about: 'what you are, such as openid_relying_party' },
  { field: 'scopes', required: false, about: 'what you want to ask for as a client; entitlements and bundles too' },
  { field: 'trust_mark_types', required: false, about: 'trust marks that you want' },
  { field: 'contacts', required: false, about: 'whom to ask' },
];
export const presentOffer = ({ link, authority }: Offer): z.infer<typeof offerSchema> => {
  const name = (authority.metadata['federation_entity'] as Readonly<Record<string, unknown>> | undefined)?.['organization_name'];
  return {
    join_link: link.id,
    authority: { entity_id: authority.entityId, name: typeof name === 'string' ? name : null },
    expires_at: link.expiresAt,
    wants: WANTS.map((one) => ({ ...one })),
    key_proof: authority.keyProof,
  };
};

const message = z.object({
  seq: z.number().int(),
  at: seconds,
  from: z.enum(['applicant', 'authority']),
  text: z.string().nullable().openapi({ description: 'Null: it was erased' }),
});
const summary = {
  id: z.string(),
  entity_id: z.string(),
  authority: z.string().openapi({ description: 'Its Entity Identifier: name it in authority_hints' }),
  state: z.enum(MEMBER_STATES),
  waiting_on: z.enum(WAITING_ON).nullable(),
  next: z.array(z.string()).openapi({ description: 'What to do next, in words' }),
  submitted_at: seconds,
  updated_at: seconds,
  v: z.number().int(),
};
export const summarySchema = z.object(summary).openapi('ApplicationSummary');
export const submittedSchema = z
  .object({ ...summary, token: z.string().openapi({ description: 'Of this application: shown once. Whoever has it acts as the applicant' }) })
  .openapi('SubmittedApplication');
export const ownSchema = z
  .object({
    ...summary,
    organization: organization.nullable(),
    contacts: z.array(contact),
    requested: json,
    findings: z.array(json).openapi({ description: 'What pre-flight said when it was taken' }),
    messages: z.array(message),
    refusal: z.object({ at: seconds, reason_code: z.string().nullable(), reason: z.string().nullable(), redress: z.string().nullable() }).nullable(),
  })
  .openapi('OwnApplication');
export const challengeSchema = z
  .object({ challenge_id: z.string(), nonce: z.string(), aud: z.string(), sub: z.string(), purpose: z.enum(KEY_PROOF_PURPOSES), exp: seconds })
  .openapi('ApplicantChallenge');
export const provenSchema = z
  .object({ purpose: z.enum(KEY_PROOF_PURPOSES), at: seconds, keys: z.array(z.object({ kid: z.string(), thumbprint: z.string(), sha256: z.string() })) })
  .openapi('ApplicantProven');
export const preflightSchema = z
  .object({ entity_id: z.string(), ok: z.boolean(), entity_types: z.array(z.string()), intermediate: z.boolean(), findings: z.array(json) })
  .openapi('ApplicantPreflight');

export const presentSummary = (own: Own): z.infer<typeof summarySchema> => {
  const { application } = own;
  return {
    id: application.id,
    entity_id: application.entityId,
    authority: own.authority.entityId,
    state: standsAt(own),
    waiting_on: waitsOn(own),
    next: [...nextSteps(own)],
    submitted_at: application.submittedAt,
    updated_at: application.updatedAt,
    v: application.v,
  };
};
export const presentRequested = ({
  entityTypes,
  intermediate,
  jwks: keys,
  entitlements,
  bundles,
  trustMarkTypes,
}: RequestedMembership): Record<string, unknown> => ({
  ...(entityTypes && { entity_types: [...entityTypes] }),
  ...(intermediate !== undefined && { intermediate }),
  ...(keys && { jwks: { keys: [...keys.keys] } }),
  ...(entitlements && { entitlements: [...entitlements] }),
  ...(bundles && { bundles: [...bundles] }),
  ...(trustMarkTypes && { trust_mark_types: [...trustMarkTypes] }),
});
const presentOrganization = (one: ApplicantDetails['organization']): z.infer<typeof organization> => ({
  legal_name: one.legalName,
  ...(one.registrationNumber !== undefined && { registration_number: one.registrationNumber }),
  ...(one.jurisdiction !== undefined && { jurisdiction: one.jurisdiction }),
});
export const presentOwn = (own: ShownOwn): z.infer<typeof ownSchema> => {
  const { details, requested, findings } = own.application;
  return {
    ...presentSummary(own),
    organization: details && presentOrganization(details.organization),
    contacts: (details?.contacts ?? []).map((one) => ({ ...one })),
    requested: presentRequested(requested),
    findings: findings.map((one) => ({ ...one })),
    messages: own.messages.map((one) => ({ ...one })),
    refusal: own.refusal && { at: own.refusal.at, reason_code: own.refusal.reasonCode, reason: own.refusal.text, redress: own.refusal.redress },
  };
};
