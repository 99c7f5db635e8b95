import { limits, parseEntityId, type SigningAlgorithm } from '../../federation/entry.js';
import { homeOf as placeOfAuthority, placeOf } from '../../federation/place.js';
import { newId } from '../../keys/random.js';
import { insertRows, type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { auditKey, authority, authorityKey } from '../../store/schema.js';
import { issuerOf, published, signedConfiguration, signedHistoricalKeys } from '../artefacts/publish.js';
import { newAuditKey } from '../audit/audit-keys.js';
import type { Call } from '../call.js';
import { fromCustody } from '../keys/from-custody.js';
import { Refusal, refuseFindings } from '../refusal.js';
import type { AuthorityKeyRow, AuthorityRow } from '../registry.js';
import { type AuthorityInput, expectInput, expectSoundOwners, named } from './authority-input.js';

const SLUG = /^[a-z0-9][a-z0-9-]{0,39}$/;
/** Path segments below an authority that mean something else (architecture §6). */
const RESERVED = new Set([
  ...[
    'fetch',
    'list',
    'extended-list',
    'resolve',
    'trust-mark',
    'trust-mark-status',
    'trust-mark-list',
    'historical-keys',
    'subordinate-events',
    'collection',
    'status-lists',
    'status',
    'checkpoints',
    'collection',
    'agents',
    'clients',
  ],
  ...[
    'authorization',
    'recognition',
    'hosted',
    'head',
    'checkpoints',
    'join',
    'ssf',
    'token',
    'events',
    'admin',
    'console',
    'healthz',
    'readyz',
    '.well-known',
  ],
]);

export interface NewAuthority extends AuthorityInput {
  readonly slug: string;
  readonly entityId: string;
  readonly keyAlg?: SigningAlgorithm | undefined;
}

/** Whose agents an authority is for, and how many; of an ordinary one nothing. */
export type ForAgents = Pick<AuthorityRow, 'agentsOf' | 'agentsAs' | 'agentsBy' | 'agentsLiving' | 'agentsPerDay' | 'agentsLife'>;
const NO_AGENTS: ForAgents = { agentsOf: null, agentsAs: null, agentsBy: null, agentsLiving: null, agentsPerDay: null, agentsLife: null };

/** What a new authority is made of before the lock: its ids, its first key and its audit key. */
export interface PreparedAuthority {
  readonly input: NewAuthority;
  readonly id: string;
  readonly place: string;
  readonly key: AuthorityKeyRow;
  readonly audit: typeof auditKey.$inferSelect;
}

/** Check what is asked for, and make the keys. @throws Refusal invalid_request, findings */
export async function prepareAuthority(call: Call, input: NewAuthority): Promise<PreparedAuthority> {
  if (!SLUG.test(input.slug)) throw new Refusal('invalid_request', 'a slug is 1 to 40 characters of a-z, 0-9 and -, not beginning with -');
  const entityId = parseEntityId(input.entityId, call);
  if (!entityId.ok) throw refuseFindings('the entity identifier is not valid', entityId.findings);
  const [, ...segments] = placeOf(input.entityId).split('/');
  const reserved = segments.find((segment) => RESERVED.has(segment.toLowerCase()));
  if (reserved) throw new Refusal('invalid_request', `the path segment "${reserved}" of the identifier is taken by an endpoint`);
  expectInput(input, call.development);
  const id = newId('aut');
  const keyId = newId('key');
  const made = await fromCustody(call.custody).generate(keyId, input.keyAlg ?? 'ES256');
  const now = call.now();
  return {
    input,
    id,
    place: placeOfAuthority(input.entityId, call.development),
    key: {
      id: keyId,
      authorityId: id,
      ...made,
      state: 'active',
      createdAt: now,
      stagedAt: now,
      activeAt: now,
      retiringAt: null,
      endedAt: null,
      revokedReason: null,
      superiorReadyAt: null,
      signedUntil: null,
      unseenUntil: null,
    },
    audit: await newAuditKey(call, id, now),
  };
}

/** A new authority as it goes into a commit: into its own chain, or beside that of another one. */
export interface DecidedAuthority {
  readonly row: AuthorityRow;
  readonly artefacts: readonly NewArtefact[];
  readonly event: NewEvent;
  readonly statements: readonly Statement[];
}

/** Decided behind the lock. @throws Refusal already_exists */
export async function decideAuthority(call: Call, { input, id, place, key, audit }: PreparedAuthority, agents = NO_AGENTS): Promise<DecidedAuthority> {
  for (const other of await call.store.db.select().from(authority)) {
    if (other.slug === input.slug) throw new Refusal('already_exists', `there is an authority ${input.slug} already`);
    // The column decides between two that are made at once; this one says which authority it is, and knows rows without a place.
    if (placeOfAuthority(other.entityId, call.development) === place)
      throw new Refusal('already_exists', `the authority ${other.slug}, ${other.entityId}, answers at that URL already`);
  }
  const sound = await expectSoundOwners(call, id, input.claims);
  const now = call.now();
  const row: AuthorityRow = {
    id,
    slug: input.slug,
    entityId: input.entityId,
    place,
    state: 'active',
    stateReason: null,
    cut: 0,
    notBefore: null,
    servesFrom: 0,
    keysFrom: 0,
    restsVoid: 0,
    metadata: named(input.metadata ?? {}, input.organizationName),
    claims: input.claims ?? {},
    authorityHints: input.authorityHints ?? [],
    configurationLifetime: input.configurationLifetime ?? limits.DEFAULT_STATEMENT_LIFETIME,
    statementLifetime: input.statementLifetime ?? limits.DEFAULT_STATEMENT_LIFETIME,
    clientAuth: input.clientAuth ?? {},
    keyAlg: key.alg,
    keyRotation: input.keyRotation ?? null,
    generation: 1,
    statementsChangedAt: now,
    ecLocation: input.ecLocation ?? 'needed',
    subordinateEvents: input.subordinateEvents ?? false,
    entityCollection: input.entityCollection ?? false,
    quorum: 1,
    keyProof: 'optional',
    secondChannel: 'never',
    certificateRoots: null,
    admission: {},
    configurationExp: null,
    ...agents,
    createdAt: now,
    updatedAt: now,
    v: 1,
  };
  const issuer = await issuerOf(call, row, { keys: [key] });
  const artefacts = [await signedConfiguration(call, issuer), await signedHistoricalKeys(call, issuer)];
  return {
    row,
    artefacts,
    event: {
      type: 'authority.created',
      subjectKind: 'authority',
      subjectId: id,
      detail: { slug: row.slug, entity_id: row.entityId, kid: key.kid, audit_kid: audit.kid },
      artefacts: published(artefacts),
    },
    statements: [...sound, insertRows(authority, [row]), insertRows(authorityKey, [key]), insertRows(auditKey, [audit]), ...putArtefacts(artefacts)],
  };
}
