import { integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Metadata, PublicJwk, VouchedIssuer } from '../../federation/entry.js';
import { json, type Json } from './json-column.js';

/** Authorities and their keys. */

/** Endpoints of an authority: the name in `federation_<name>_endpoint` → the path below its identifier. */
export const ENDPOINT_PATHS = {
  fetch: 'fetch',
  list: 'list',
  extended_list: 'extended-list',
  resolve: 'resolve',
  trust_mark_status: 'trust-mark-status',
  trust_mark_list: 'trust-mark-list',
  trust_mark: 'trust-mark',
  historical_keys: 'historical-keys',
  subordinate_events: 'subordinate-events',
  collection: 'collection',
} as const;
export type AuthorityEndpoint = keyof typeof ENDPOINT_PATHS;
export const AUTHORITY_ENDPOINTS = Object.keys(ENDPOINT_PATHS) as [AuthorityEndpoint, ...AuthorityEndpoint[]];
/** How an endpoint treats client authentication (OpenID Federation 1.0 §8.8). */
export const CLIENT_AUTH_MODES = ['none', 'optional', 'required'] as const;
export type ClientAuth = Partial<Record<AuthorityEndpoint, (typeof CLIENT_AUTH_MODES)[number]>>;
/** Which statements say where the subject's configuration lies: those of members that need it, or all of them. */
export const EC_LOCATION_MODES = ['needed', 'always'] as const;

/** How it was shown that a member may use the domain of its identifier. */
export interface DomainControl {
  /** `well_known`: a token under the identifier's host; `dns`: in a TXT record of its domain; `operator`: somebody's word, with the reason for it. */
  readonly method: 'well_known' | 'dns' | 'operator';
  readonly reason?: string;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** An issuer that a member stands for, under an id of ours. */
export type HeldIssuer = VouchedIssuer & { readonly id: string };

/** From the loosest to the strictest. */
export const KEY_PROOF_MODES = ['optional', 'required'] as const;
export const SECOND_CHANNEL_MODES = ['never', 'intermediates', 'always'] as const;

/** Who answers for a member: a person, so it stands in no chain and can be taken out. */
export interface Sponsor {
  readonly name: string;
  readonly email: string;
}

/** What a member of an Entity Type has to have to be in force; under `*` what all have to have. */
export interface Admission {
  /** Kinds of accreditation, of the member or of its organization. */
  readonly accreditations?: readonly string[];
  /** Somebody answers for it, and says so again before `reattest_by`. */
  readonly sponsor?: 'required' | 'optional';
}
export type AdmissionRules = Readonly<Record<string, Admission>>;

/** Halted: nothing of it is served or signed until it is resumed, but the head that says so. Retired: nor ever again, its historical keys aside. */
export const AUTHORITY_STATES = ['active', 'halted', 'retired'] as const;

export const authority = sqliteTable('authority', {
  id: text('id').primaryKey(),
  slug: text('slug').notNull().unique(),
  entityId: text('entity_id').notNull().unique(),
  /** Where its configuration is served, as requests are routed (federation/place.ts): two authorities never share one. Null only beside an older one there. */
  place: text('place').unique(),
  state: text('state', { enum: AUTHORITY_STATES }).notNull(),
  stateReason: text('state_reason'),
  /** Raised by each halt; part of the `cut` of everything it signs, so that what rested on it before never serves again. */
  cut: integer('cut').notNull().default(0),
  /** Published beside the endpoints that Holdfast adds under federation_entity. */
  metadata: json<Metadata>('metadata').notNull(),
  /** Further claims of the Entity Configuration, such as trust_mark_issuers. */
  claims: json<Json>('claims').notNull(),
  authorityHints: json<readonly string[]>('authority_hints').notNull(),
  configurationLifetime: integer('configuration_lifetime_s').notNull(),
  statementLifetime: integer('statement_lifetime_s').notNull(),
  clientAuth: json<ClientAuth>('client_auth').notNull(),
  keyAlg: text('key_alg').notNull(),
  /** Rotate the signing key this often; null: by command only. */
  keyRotation: integer('key_rotation_s'),
  /** Raised by every change that touches all artefacts; artefacts of older generations are re-signed in slices. */
  generation: integer('generation').notNull(),
  /** What it signed in an earlier generation it signed before it came back from a halt: that is not served, marks and hosted configurations aside. */
  servesFrom: integer('serves_from').notNull().default(0),
  /** What is of an earlier generation may have been signed by a key that was revoked since: of each such artefact the key is asked for. */
  keysFrom: integer('keys_from').notNull().default(0),
  /** Whatever rests on anything of it waits: what a change made of all that is being written, in slices (store/due-slices.ts). */
  restsVoid: integer('rests_void').notNull().default(0),
  /** When the last change that reaches every statement was made, and again when all of them had been signed anew. */
  statementsChangedAt: integer('statements_changed_at').notNull().default(0),
  ecLocation: text('ec_location', { enum: EC_LOCATION_MODES }).notNull().default('needed'),
  /** It publishes what became of each of its subordinates (Federation Subordinate Events Endpoint draft). */
  subordinateEvents: integer('subordinate_events', { mode: 'boolean' }).notNull().default(false),
  /** It publishes whom it knows to be in force, with what a person is shown of each (Entity Collection draft). */
  entityCollection: integer('entity_collection', { mode: 'boolean' }).notNull().default(false),
  /** When it came back from a halt: what relying servers issued before to its members is not to live again. */
  notBefore: integer('not_before'),
  /** How many persons it takes to widen trust here: 1 or 2. */
  quorum: integer('quorum').notNull().default(1),
  /** Whether a key is bound only on a fresh proof that the member has it. */
  keyProof: text('key_proof', { enum: KEY_PROOF_MODES }).notNull().default('optional'),
  /** Whose keys a person compares with a contact of his own before they are bound. */
  secondChannel: text('second_channel', { enum: SECOND_CHANNEL_MODES }).notNull().default('never'),
  /** PEM: the roots of certificates in keys (`x5c`); null: only self-issued ones are accepted. */
  certificateRoots: text('certificate_roots'),
  /** Entity Type, or `*` for all, to what its members have to have. */
  admission: json<AdmissionRules>('admission').notNull().default({}),
  /** The largest `exp` of any Entity Configuration it published: until then somebody may keep one that lacks a newer key. */
  configurationExp: integer('configuration_exp'),
  /** Of an authority for the agents of a member: the authority above it, and its own row as a member there. Null: of an ordinary one. */
  agentsOf: text('agents_of'),
  agentsAs: text('agents_as'),
  /** The member, above, that makes and retires agents here. */
  agentsBy: text('agents_by'),
  /** How many agents may live at once, and be made within a day. */
  agentsLiving: integer('agents_living'),
  agentsPerDay: integer('agents_per_day'),
  /** For how long one is made or renewed at most. */
  agentsLife: integer('agents_life_s'),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  v: integer('v').notNull(),
});

export const KEY_STATES = ['created', 'staged', 'active', 'retiring', 'historical', 'revoked'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export const authorityKey = sqliteTable(
  'authority_key',
  {
    id: text('id').primaryKey(),
    authorityId: text('authority_id').notNull(),
    kid: text('kid').notNull(),
    alg: text('alg').notNull(),
    state: text('state', { enum: KEY_STATES }).notNull(),
    jwk: json<PublicJwk>('jwk').notNull(),
    /** The private key, sealed; see keys/seal.ts. */
    sealed: text('sealed').notNull(),
    createdAt: integer('created_at').notNull(),
    stagedAt: integer('staged_at'),
    activeAt: integer('active_at'),
    retiringAt: integer('retiring_at'),
    /** From when on the key is no longer valid: `exp` among the historical keys. */
    endedAt: integer('ended_at'),
    revokedReason: text('revoked_reason'),
    /** Under a superior: the moment from which every valid statement about us lists this key. */
    superiorReadyAt: integer('superior_ready_at'),
    /** The largest `exp` it ever signed; it is published for as long. */
    signedUntil: integer('signed_until'),
    /** The largest `exp` of the configurations that were published before it. */
    unseenUntil: integer('unseen_until'),
  },
  (t) => [uniqueIndex('authority_key_kid').on(t.authorityId, t.kid)],
);
