import { and, count, eq, gt, isNull, ne, or } from 'drizzle-orm';
import { newApiKey, newId, sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import type { Database } from '../../store/database.js';
import { apiKey, authority, type Role } from '../../store/schema.js';
import type { Actor } from '../../store/event.js';
import { allow, type Call, change, DEPLOYMENT, type Deployment, SYSTEM, startingCall } from '../call.js';
import { Refusal } from '../refusal.js';

export type ApiKeyRow = typeof apiKey.$inferSelect;
type NewToken = ReturnType<typeof newApiKey>;

export interface ApiKeyInput {
  readonly name: string;
  readonly role: Role;
  /** Slugs; null: all authorities. */
  readonly authorities: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly expiresAt?: number | null | undefined;
}

/** Make an API key. Only its hash is kept: the token is shown once. */
export async function createApiKey(
  call: Call<{ readonly row: ApiKeyRow; readonly token: string }>,
  input: ApiKeyInput,
  token = newApiKey(),
): Promise<{ readonly row: ApiKeyRow; readonly token: string }> {
  allow(call, 'administer', null);
  if (typeof input.expiresAt === 'number' && input.expiresAt <= call.now())
    throw new Refusal('invalid_request', `expires_at: ${input.expiresAt} is past; give seconds since the epoch`);
  const row = await newRow(call.now(), call.actor, input, token);
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: row.id,
    async decide() {
      await expectAuthorities(call.store.db, row.authorities);
      const detail = { name: row.name, role: row.role, authorities: row.authorities, prefix: row.prefix };
      return {
        events: [{ type: 'api_key.created', subjectKind: 'api_key', subjectId: row.id, detail }],
        statements: [insertRows(apiKey, [row])],
        result: { row, token: token.token },
      };
    },
  });
}

/** A key for an authority that does not exist yet would be a key for whatever is made under that name later. @throws Refusal not_found */
async function expectAuthorities(db: Database, slugs: readonly string[] | null): Promise<void> {
  if (slugs === null) return;
  const known = new Set((await db.select({ slug: authority.slug }).from(authority)).map(({ slug }) => slug));
  const missing = slugs.filter((slug) => !known.has(slug));
  if (missing.length) throw new Refusal('not_found', `there is no authority ${missing.join(', ')}; make it first, then a key for it`);
}

async function newRow(now: number, { id: createdBy }: Actor, { name, role, authorities, expiresAt }: ApiKeyInput, token: NewToken): Promise<ApiKeyRow> {
  const digest = await sha256(token.token);
  return {
    id: newId('api'),
    name,
    prefix: token.prefix,
    sha256: digest,
    role,
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
  const row = await newRow(now(), actor, { name, role: 'owner', authorities: null }, token);
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

const usable = (now: number) => and(isNull(apiKey.revokedAt), or(isNull(apiKey.expiresAt), gt(apiKey.expiresAt, now)));

/** End an API key at once. The last owner key of the whole deployment that has no end stays: one that expires is no owner for long. @throws Refusal last_owner */
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
      const [owners] = await db
        .select({ n: count() })
        .from(apiKey)
        .where(and(eq(apiKey.role, 'owner'), isNull(apiKey.authorities), isNull(apiKey.revokedAt), isNull(apiKey.expiresAt), ne(apiKey.id, id)));
      if (before.role === 'owner' && before.authorities === null && (owners?.n ?? 0) === 0)
        throw new Refusal('last_owner', 'this is the last owner key; make another one first');
      const row = { ...before, revokedAt: call.now() };
      return {
        events: [{ type: 'api_key.revoked', subjectKind: 'api_key', subjectId: id, detail: { name: row.name } }],
        statements: [db.update(apiKey).set({ revokedAt: row.revokedAt }).where(eq(apiKey.id, id))],
        result: row,
      };
    },
  });
}

/** The API key a token stands for; undefined when unknown, expired or revoked. */
export async function findApiKey({ store: { db }, now }: Deployment, token: string): Promise<ApiKeyRow | undefined> {
  if (token.length < 16 || token.length > 512) return undefined;
  const [row] = await db
    .select()
    .from(apiKey)
    .where(and(eq(apiKey.sha256, await sha256(token)), usable(now())))
    .limit(1);
  return row;
}

const ENVIRONMENT_KEY = 'HOLDFAST_ADMIN_TOKEN';

/** The key of the variable follows it: tokens it had before end, each with its event. */
async function endFormerTokens(call: Call<unknown>, current: string): Promise<void> {
  const { db } = call.store;
  const former = await db
    .select({ id: apiKey.id })
    .from(apiKey)
    .where(and(eq(apiKey.name, ENVIRONMENT_KEY), eq(apiKey.prefix, 'environment'), isNull(apiKey.revokedAt), ne(apiKey.sha256, current)));
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
    if (!known) await createApiKey(call, { name: ENVIRONMENT_KEY, role: 'owner', authorities: null }, { token: given, prefix: 'environment' });
    await endFormerTokens(call, digest);
    return undefined;
  }
  const [any] = await deployment.store.db.select({ n: count() }).from(apiKey);
  if (any?.n) return undefined;
  return (await createApiKey(call, { name: 'first owner', role: 'owner', authorities: null })).token;
}
