import { newAuditKey } from '../audit/audit-keys.js';
import { eq } from 'drizzle-orm';
import { type Finding, finding, isTrustMarkType, limits, type Metadata, parseEntityId, parseMetadata, type SigningAlgorithm } from '../../federation/entry.js';
import { homeOf as placeOfAuthority, placeOf } from '../../federation/place.js';
import { newId } from '../../keys/random.js';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { tellAll, tellNothing } from '../../store/registration-events.js';
import { auditKey, authority, authorityKey, type ClientAuth, type EC_LOCATION_MODES } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { homeOf, RESERVED_CLAIMS } from './claim-homes.js';
import { nextGeneration, resignJob } from '../jobs/jobs.js';
import type { Judged, WithFindings } from '../judged.js';
import { issuerOf, published, signedConfiguration, signedHistoricalKeys } from '../artefacts/publish.js';
import { fromCustody } from '../keys/from-custody.js';
import { expectNotCompromised, whileNotCompromised } from '../keys/not-compromised.js';
import { ownerThumbprints } from '../keys/owner-keys.js';
import { consequencesOf } from '../facts.js';
import { recognizesLess } from '../../federation/recognition.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { settingsWidened } from '../deciding/widening.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityKeyRow, type AuthorityRow, expectVersion, findAuthority } from '../registry.js';

/** What may be said about an authority; everything has a default. Times in seconds. */
export interface AuthorityInput {
  readonly metadata?: Metadata | undefined;
  /** Further claims of the Entity Configuration, such as trust_mark_issuers. */
  readonly claims?: Readonly<Record<string, unknown>> | undefined;
  readonly authorityHints?: readonly string[] | undefined;
  readonly configurationLifetime?: number | undefined;
  readonly statementLifetime?: number | undefined;
  readonly clientAuth?: ClientAuth | undefined;
  readonly keyRotation?: number | null | undefined;
  readonly ecLocation?: (typeof EC_LOCATION_MODES)[number] | undefined;
  readonly subordinateEvents?: boolean | undefined;
  readonly entityCollection?: boolean | undefined;
  /** `organization_name` of its federation_entity metadata, whatever else is there; null takes it out. */
  readonly organizationName?: string | null | undefined;
}

type OwnMetadata = AuthorityRow['metadata'];

/** Metadata with another `organization_name`. */
function named(metadata: OwnMetadata, name: string | null | undefined): OwnMetadata {
  if (name === undefined) return metadata;
  const { organization_name: _, ...entity } = metadata['federation_entity'] ?? {};
  return { ...metadata, federation_entity: { ...entity, ...(name !== null && { organization_name: name }) } };
}

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
/** Claims of a configuration that an operator may set himself; the others come from keys, metadata and settings. */
const OWN_CLAIMS = new Set(['trust_mark_issuers', 'trust_mark_owners', 'trust_anchor_hints', 'crit']);
const MIN_ROTATION = 24 * 60 * 60;

function inputFindings(input: AuthorityInput, development: boolean): readonly Finding[] {
  const findings: Finding[] = [];
  const no = (where: string, detail: string, fix: string) => findings.push({ ...finding('claim_invalid', where, detail), fix });
  const metadata = parseMetadata(input.metadata ?? {});
  if (!metadata.ok) findings.push(...metadata.findings);
  for (const name of Object.keys(input.claims ?? {}))
    if (RESERVED_CLAIMS.has(name) && !OWN_CLAIMS.has(name)) no(`claims/${name}`, `"${name}" is not set as a further claim`, homeOf('authority', name).fix);
  // A type identifier must not collide across federations: a URL of whoever defines it (§7.1).
  for (const claim of ['trust_mark_issuers', 'trust_mark_owners'])
    for (const type of Object.keys((input.claims?.[claim] as object | undefined) ?? {}))
      if (!isTrustMarkType(type)) no(`claims/${claim}`, `"${type.slice(0, 80)}" is no URL`, 'Name a trust mark type by a URL.');
  for (const [n, hint] of (input.authorityHints ?? []).entries()) {
    const id = parseEntityId(hint, { development });
    if (!id.ok) findings.push(...id.findings.map((one) => ({ ...one, where: `authority_hints/${n}` })));
  }
  for (const [name, seconds] of [
    ['configuration_lifetime', input.configurationLifetime],
    ['statement_lifetime', input.statementLifetime],
  ] as const) {
    if (seconds !== undefined && (seconds < limits.MIN_STATEMENT_LIFETIME || seconds > limits.MAX_STATEMENT_LIFETIME))
      no(name, `${seconds} s`, `Choose between ${limits.MIN_STATEMENT_LIFETIME} and ${limits.MAX_STATEMENT_LIFETIME} seconds.`);
  }
  if (typeof input.keyRotation === 'number' && input.keyRotation < MIN_ROTATION)
    no('key_rotation', `${input.keyRotation} s`, `Rotate at most once a day (${MIN_ROTATION} s).`);
  return findings;
}

function expectInput(input: AuthorityInput, development: boolean): void {
  const findings = inputFindings(input, development);
  if (findings.length) throw refuseFindings('the authority is not described correctly', findings);
}

/**
 * No owner of a type is named with a key that was called compromised here, also not since it was asked.
 * @throws Refusal invalid_request
 */
async function expectSoundOwners({ store: { db } }: Call, authorityId: string, claims: AuthorityInput['claims']): Promise<readonly Statement[]> {
  const thumbprints = await ownerThumbprints(claims ?? {});
  await expectNotCompromised(db, thumbprints, 'it cannot be listed in trust_mark_owners');
  return whileNotCompromised(authorityId, thumbprints);
}

export interface NewAuthority extends AuthorityInput {
  readonly slug: string;
  readonly entityId: string;
  readonly keyAlg?: SigningAlgorithm | undefined;
}

/** Make an authority with its first key, active at once, and publish its configuration. @throws Refusal */
export async function createAuthority(call: Call<AuthorityRow>, input: NewAuthority): Promise<AuthorityRow> {
  allow(call, 'administer', null);
  const { db } = call.store;
  if (!SLUG.test(input.slug)) throw new Refusal('invalid_request', 'a slug is 1 to 40 characters of a-z, 0-9 and -, not beginning with -');
  const entityId = parseEntityId(input.entityId, call);
  if (!entityId.ok) throw refuseFindings('the entity identifier is not valid', entityId.findings);
  const [, ...segments] = placeOf(input.entityId).split('/');
  const reserved = segments.find((segment) => RESERVED.has(segment.toLowerCase()));
  if (reserved) throw new Refusal('invalid_request', `the path segment "${reserved}" of the identifier is taken by an endpoint`);
  expectInput(input, call.development);
  const place = placeOfAuthority(input.entityId, call.development);
  const id = newId('aut');
  const keyId = newId('key');
  const key = await fromCustody(call.custody).generate(keyId, input.keyAlg ?? 'ES256');
  const audit = await newAuditKey(call, id, call.now());
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      for (const other of await db.select().from(authority)) {
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
        createdAt: now,
        updatedAt: now,
        v: 1,
      };
      const keyRow: AuthorityKeyRow = {
        id: keyId,
        authorityId: id,
        ...key,
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
      };
      const issuer = await issuerOf(call, row, { keys: [keyRow] });
      const artefacts = [await signedConfiguration(call, issuer), await signedHistoricalKeys(call, issuer)];
      return {
        events: [
          {
            type: 'authority.created',
            subjectKind: 'authority',
            subjectId: id,
            detail: { slug: row.slug, entity_id: row.entityId, kid: key.kid, audit_kid: audit.kid },
            artefacts: published(artefacts),
          },
        ],
        statements: [...sound, insertRows(authority, [row]), insertRows(authorityKey, [keyRow]), insertRows(auditKey, [audit]), ...putArtefacts(artefacts)],
        result: row,
      };
    },
  });
}

/** What became of its subordinates is told from now on, or no more. */
function toldFrom({ store: { db }, now }: Call, before: AuthorityRow, after: AuthorityRow): readonly Statement[] {
  if (before.subordinateEvents === after.subordinateEvents) return [];
  return [after.subordinateEvents ? tellAll(after.id, now()) : tellNothing(db, after.id)];
}

/** The same settings as they stand. */
export const asTheyAre = (before: AuthorityRow, set: object): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.keys(set).map((name) => [name, before[name as keyof AuthorityRow]]));

/** Settings whose change reaches every statement. */
const RESIGNS = ['statementLifetime', 'ecLocation'] as const;

/**
 * Change an authority's settings; its configuration is signed anew at once, statements in slices when they change too. What
 * it recognizes beside what it did, and longer lifetimes, take the quorum; all else takes one person.
 * @param findings what is told along with the answer
 */
export async function changeAuthority(
  call: Call<WithFindings<AuthorityRow>>,
  slug: string,
  { version, organizationName, ...input }: AuthorityInput & { readonly version?: number | undefined },
  findings: readonly Judged[] = [],
  seen: Seen = {},
): Promise<WithFindings<AuthorityRow>> {
  allow(call, 'administer', slug);
  expectInput(input, call.development);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      expectVersion(before, version);
      const sound = await expectSoundOwners(call, id, input.claims);
      const metadata = organizationName === undefined ? input.metadata : named(input.metadata ?? before.metadata, organizationName);
      const set = Object.fromEntries(Object.entries({ ...input, metadata }).filter(([, value]) => value !== undefined)) as Partial<AuthorityRow>;
      const all = RESIGNS.some((name) => set[name] !== undefined && set[name] !== before[name]);
      const now = call.now();
      const changed: AuthorityRow = { ...before, ...set };
      const widens = settingsWidened(before, changed);
      const agreed = await consent(call, widens.length ? before.quorum : 1, {
        kind: 'settings',
        subjectId: id,
        authority: before,
        chain: id,
        permission: 'administer',
        content: { authority: slug, widens, from: asTheyAre(before, set), to: set },
        request: { ...input, ...(organizationName !== undefined && { organizationName }) },
        seen: seen.digest,
        note: seen.note,
      });
      if (agreed.held) return agreed.held;
      const after = all ? nextGeneration(changed, now) : { ...changed, updatedAt: now, v: before.v + 1 };
      const artefacts = [await signedConfiguration(call, await issuerOf(call, after))];
      const job = all ? await resignJob(call, after, 'settings', 'statements') : undefined;
      // What signing raises is not ours to write: it may have risen since the row was read.
      const {
        id: _,
        slug: __,
        entityId: ___,
        createdAt: ____,
        configurationExp: _____,
        quorum: ______,
        keyProof: _______,
        secondChannel: ________,
        ...columns
      } = after;
      return {
        events: [
          {
            type: 'authority.changed',
            subjectKind: 'authority',
            subjectId: id,
            detail: { changed: Object.keys(set), generation: after.generation, ...(widens.length && { widens, ...agreed.detail }) },
            artefacts: published(artefacts),
          },
        ],
        statements: [
          ...agreed.statements,
          ...sound,
          db.update(authority).set(columns).where(eq(authority.id, id)),
          ...(job?.statements ?? []),
          ...(recognizesLess(before.claims, after.claims) ? consequencesOf(id, { fact: 'recognizes less' }, now) : []),
          ...toldFrom(call, before, after),
          ...putArtefacts(artefacts),
        ],
        result: { ...after, findings },
      };
    },
  });
}
