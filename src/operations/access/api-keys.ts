import { and, count, eq, gt, isNull, ne, or, placeholder } from 'drizzle-orm';
import { newApiKey, newId, sha256, tokenDigest } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { built } from '../../store/built.js';
import type { Database } from '../../store/database.js';
import { keptUntilCommit } from '../../store/kept-until-commit.js';
import { whileOneDecides } from '../../store/guards.js';
import { quorumOf } from '../../store/people.js';
import { apiKey, authority, type KeyRole } from '../../store/schema.js';
import type { Actor } from '../../store/event.js';
import { allow, type Call, change, DEPLOYMENT, type Deployment, SYSTEM, startingCall } from '../call.js';
import { consent, type Consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { expectGranterLeft } from '../people/last-granter.js';
import { findPerson } from '../people/people.js';
import { Refusal } from '../refusal.js';

export type ApiKeyRow = typeof apiKey.$inferSelect;
type NewToken = ReturnType<typeof newApiKey>;

export interface ApiKeyInput {
  readonly name: string;
  /** What it may; of a person's key at most, `person`: whatever the person may. */
  readonly role: KeyRole;
  /** Whose it is; absent: a machine's, nobody's. */
  readonly person?: string | undefined;
  /** Slugs; null: all authorities. */
  readonly authorities: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly expiresAt?: number | null | undefined;
  /** Of a token that somebody has made already (`tokenDigest`): nobody is answered one. */
  readonly tokenDigest?: string | undefined;
}

export interface NewApiKey {
  readonly row: ApiKeyRow;
  /** Where it was made here; shown once. */
  readonly token?: string | undefined;
}

/** Make an API key. Only its hash is kept: the token is shown once. @throws Refusal */
export async function createApiKey(call: Call<NewApiKey>, input: ApiKeyInput, given?: NewToken, seen: Seen = {}): Promise<NewApiKey> {
  allow(call, 'administer', null);
  if (typeof input.expiresAt === 'number' && input.expiresAt <= call.now())
    throw new Refusal('invalid_request', `expires_at: ${input.expiresAt} is past; give seconds since the epoch`);
  if (input.role === 'person' && input.person === undefined)
    throw new Refusal('invalid_request', 'role: a key may what its person may only where it has one; name the person, or give a role');
  const made = input.tokenDigest === undefined ? (given ?? newApiKey()) : undefined;
  const row = newRow(call.now(), call.actor, input, input.tokenDigest ?? (await tokenDigest(made as NewToken)));
  return change<NewApiKey>(call, {
    authorityId: DEPLOYMENT,
    scope: row.personId === null ? row.id : null,
    ...(row.personId !== null && { about: row.personId }),
    async decide() {
      await expectAuthorities(call.store.db, row.authorities);
      await expectNewToken(call.store.db, row);
      const agreed = await keyConsent(call, row, input.tokenDigest, seen);
      if (agreed?.held) return agreed.held;
      const { name, role, authorities, prefix, personId } = row;
      const detail = { name, role, authorities, prefix, ...(personId !== null && { person: personId }), ...agreed?.detail };
      return {
        events: [{ type: 'api_key.created', subjectKind: 'api_key', subjectId: row.id, detail }],
        statements: [...(agreed?.statements ?? []), insertRows(apiKey, [row])],
        result: { row, token: made?.token },
      };
    },
  });
}

/** A token is the way in of one key. @throws Refusal already_exists */
async function expectNewToken(db: Database, row: ApiKeyRow): Promise<void> {
  const [known] = await db.select({ id: apiKey.id }).from(apiKey).where(eq(apiKey.sha256, row.sha256)).limit(1);
  if (known) throw new Refusal('already_exists', 'token_digest: a key with this token was made before; make another token: holdfast api-key secret');
}

/**
 * Whoever knows the token of a person's key could act as that person, so where two persons decide, that person makes it, and
 * gives away what stands for it: the two decide about that, and neither is ever answered a token. Their own keys people make
 * themselves.
 * @throws Refusal not_found, wrong_state, invalid_request
 */
async function keyConsent(
  call: Call,
  { name, role, authorities, personId, expiresAt }: ApiKeyRow,
  token: string | undefined,
  { digest, note }: Seen,
): Promise<Consent | undefined> {
  if (personId === null) return undefined;
  const { state } = await findPerson(call.store.db, personId);
  if (state !== 'active') throw new Refusal('wrong_state', 'this person was ended; whoever comes back is added anew');
  if (call.actor.kind === 'person' && call.actor.id === personId) return undefined;
  const quorum = await quorumOf(call.store.db, null);
  if (quorum > 1 && token === undefined && !call.recovery)
    throw new Refusal(
      'invalid_request',
      'token_digest: with quorum 2 nobody but the person may know the token; the person makes it (holdfast api-key secret) and gives you its digest: --token-digest',
    );
  const content = { person: personId, name, role, authorities, expires_at: expiresAt, ...(token !== undefined && { token_digest: token }) };
  const agreed = await consent(call, quorum, {
    kind: 'person_key',
    subjectId: `${personId}/${name}`,
    authority: null,
    chain: DEPLOYMENT,
    permission: 'administer',
    content,
    request: content,
    seen: digest,
    note,
    recoverable: true,
  });
  return agreed.held || quorum > 1 ? agreed : { ...agreed, statements: [whileOneDecides(DEPLOYMENT, null), ...agreed.statements] };
}

/** A key for an authority that does not exist yet would be a key for whatever is made under that name later. @throws Refusal not_found */
async function expectAuthorities(db: Database, slugs: readonly string[] | null): Promise<void> {
  if (slugs === null) return;
  const known = new Set((await db.select({ slug: authority.slug }).from(authority)).map(({ slug }) => slug));
  const missing = slugs.filter((slug) => !known.has(slug));
  if (missing.length) throw new Refusal('not_found', `there is no authority ${missing.join(', ')}; make it first, then a key for it`);
}

/** @param token a `tokenDigest` */
function newRow(now: number, { id: createdBy }: Actor, { name, role, person: personId, authorities, expiresAt }: ApiKeyInput, token: string): ApiKeyRow {
  const [prefix = '', digest = ''] = token.split('.');
  return {
    id: newId('api'),
    name,
    prefix,
    sha256: digest,
    role,
    personId: personId ?? null,
    authorities,
    createdAt: now,
    createdBy,
    expiresAt: expiresAt ?? null,
    revokedAt: null,
    lastUsedAt: null,
  };
}

/**
 * An owner key for whoever has the database itself, where every other one is lost. It asks nobody's permission, because who can
 * write the database owns the deployment anyway; the event says that it was made so.
 */
export async function recoverOwner(
  { store, now }: Pick<Deployment, 'store' | 'now'>,
  name: string,
): Promise<{ readonly row: ApiKeyRow; readonly token: string }> {
  const token = newApiKey();
  const actor = SYSTEM;
  const row = newRow(now(), actor, { name, role: 'owner', authorities: null }, await tokenDigest(token));
  return store.change({
    authorityId: DEPLOYMENT,
    scope: row.id,
    actor,
    decide: async () => ({
      events: [
        { type: 'api_key.recovered', subjectKind: 'api_key', subjectId: row.id, detail: { name, role: row.role, authorities: null, prefix: row.prefix } },
      ],
      statements: [insertRows(apiKey, [row])],
      result: { row, token: token.token },
    }),
  });
}

/** End an API key at once. The last way to grant anything stays: one that expires is none for long. @throws Refusal last_owner */
export async function revokeApiKey(call: Call<ApiKeyRow>, id: string): Promise<ApiKeyRow> {
  allow(call, 'administer', null);
  const { db } = call.store;
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    async decide() {
      const [before] = await db.select().from(apiKey).where(eq(apiKey.id, id)).limit(1);
      if (!before) throw new Refusal('not_found', 'there is no such API key');
      if (before.revokedAt !== null) return { events: [], statements: [], result: before };
      await expectGranterLeft(db, ({ keyId }) => keyId === id);
      const row = { ...before, revokedAt: call.now() };
      return {
        events: [{ type: 'api_key.revoked', subjectKind: 'api_key', subjectId: id, detail: { name: row.name } }],
        statements: [db.update(apiKey).set({ revokedAt: row.revokedAt }).where(eq(apiKey.id, id))],
        result: row,
      };
    },
  });
}

const withDigest = built((db) =>
  db
    .select()
    .from(apiKey)
    .where(and(eq(apiKey.sha256, placeholder('digest')), isNull(apiKey.revokedAt), or(isNull(apiKey.expiresAt), gt(apiKey.expiresAt, placeholder('now')))))
    .limit(1)
    .prepare(),
);

const known = keptUntilCommit<ApiKeyRow>();

/** The API key a token stands for; undefined when unknown, expired or revoked. */
export async function findApiKey({ store, now }: Deployment, token: string): Promise<ApiKeyRow | undefined> {
  if (token.length < 16 || token.length > 512) return undefined;
  const at = now();
  const digest = await sha256(token);
  const row = await known(store.db, store, digest, async () => (await withDigest(store.db).all({ digest, now: at }))[0]);
  return row && (row.expiresAt === null || row.expiresAt > at) ? row : undefined;
}

const ENVIRONMENT_KEY = 'HOLDFAST_ADMIN_TOKEN';
const ENVIRONMENT_PREFIX = 'environment';

/** Tokens made here have another prefix, so no name makes a key one of these. */
export const isOfEnvironment = ({ prefix, role, personId }: ApiKeyRow): boolean => prefix === ENVIRONMENT_PREFIX && role === 'owner' && personId === null;

/** The key of the variable follows it: tokens it had before end, each with its event. */
async function endFormerTokens(call: Call<unknown>, current: string): Promise<void> {
  const { db } = call.store;
  const former = await db
    .select({ id: apiKey.id })
    .from(apiKey)
    .where(and(eq(apiKey.name, ENVIRONMENT_KEY), eq(apiKey.prefix, ENVIRONMENT_PREFIX), isNull(apiKey.revokedAt), ne(apiKey.sha256, current)));
  for (const { id } of former) await revokeApiKey(call, id);
}

/**
 * The first owner key: the given token, or a new one. Given a token the deployment does not know, it is added as an
 * owner key, and the one that the variable held before ends: whoever sets the environment owns the deployment.
 * @returns the token when it was made here and has to be shown once
 */
export async function ensureOwner(deployment: Deployment, given: string | undefined): Promise<string | undefined> {
  const call = startingCall(deployment);
  if (given !== undefined) {
    if (given.length < 16) throw new Error('HOLDFAST_ADMIN_TOKEN is shorter than 16 characters');
    const digest = await sha256(given);
    const [known] = await deployment.store.db.select({ revokedAt: apiKey.revokedAt }).from(apiKey).where(eq(apiKey.sha256, digest)).limit(1);
    if (known && known.revokedAt !== null) throw new Error('HOLDFAST_ADMIN_TOKEN holds a token that was ended before; set another one');
    if (!known) await createApiKey(call, { name: ENVIRONMENT_KEY, role: 'owner', authorities: null }, { token: given, prefix: ENVIRONMENT_PREFIX });
    await endFormerTokens(call, digest);
    return undefined;
  }
  const [any] = await deployment.store.db.select({ n: count() }).from(apiKey);
  if (any?.n) return undefined;
  return (await createApiKey(call, { name: 'first owner', role: 'owner', authorities: null })).token;
}
