import { and, eq, gt, isNull, or } from 'drizzle-orm';
import type { JWK } from 'jose';
import { REVOCATION_REASONS, type SigningAlgorithm } from '../../federation/entry.js';
import { activationObstacle } from '../../keys/life-cycle.js';
import type { NewKey } from '../../keys/custody.js';
import { newId } from '../../keys/random.js';
import { insertRows, putArtefacts } from '../../store/bulk.js';
import { artefact, authority, authorityKey } from '../../store/schema.js';
import type { Statement } from '../../store/database.js';
import { allow, type Call, change } from '../call.js';
import { generationOf, nextGeneration, resignJob } from '../jobs/jobs.js';
import { withholdResting } from '../../store/known-entities.js';
import { issuerOf, published, signedConfiguration, signedHistoricalKeys } from '../artefacts/publish.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityKeyRow, type AuthorityRow, authorityKeys, findAuthority } from '../registry.js';

export interface KeyInput {
  readonly alg?: SigningAlgorithm | undefined;
  /** A private JWK or PKCS#8 PEM to take over; generated when absent. */
  readonly secret?: JWK | string | undefined;
  /** Publish it at once (default), so that it can sign one configuration lifetime later. */
  readonly stage?: boolean | undefined;
}

/** One change of the key set: which rows become what, and whether every artefact has to be signed anew. */
interface KeyChange {
  readonly keys: readonly AuthorityKeyRow[];
  readonly key: AuthorityKeyRow;
  readonly event: string;
  readonly reason?: string | undefined;
  readonly resign?: boolean;
  readonly withheld?: string;
}

/** Every change of keys: rows, configuration, historical keys and, when the signer changed, a re-signing; one commit. */
function changeKeys(
  call: Call,
  slug: string,
  authorityId: string,
  decide: (keys: readonly AuthorityKeyRow[], row: AuthorityRow) => Promise<KeyChange | AuthorityKeyRow>,
): Promise<AuthorityKeyRow> {
  const { db } = call.store;
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const row = await findAuthority(db, slug);
      const before = await authorityKeys(db, authorityId);
      const decided = await decide(before, row);
      if (!('keys' in decided)) return { events: [], statements: [], result: decided };
      const { keys, key, event, reason, resign, withheld } = decided;
      const after = resign ? nextGeneration(row, call.now()) : row;
      const issuer = await issuerOf(call, after, { keys });
      const artefacts = [await signedConfiguration(call, issuer), await signedHistoricalKeys(call, issuer)];
      const job = resign ? await resignJob(call, after, event, withheld) : undefined;
      return {
        events: [
          {
            type: event,
            subjectKind: 'key',
            subjectId: key.kid,
            reason,
            detail: { state: key.state, alg: key.alg, generation: after.generation },
            artefacts: published(artefacts),
          },
        ],
        statements: [
          ...saveKeys(call, before, keys),
          ...(resign ? [db.update(authority).set(generationOf(after)).where(eq(authority.id, authorityId))] : []),
          ...(job?.statements ?? []),
          ...(withheld === undefined ? [] : withholdResting(authorityId, call.now())),
          putArtefacts(artefacts),
        ],
        result: key,
      };
    },
  });
}

function saveKeys({ store: { db } }: Call, before: readonly AuthorityKeyRow[], after: readonly AuthorityKeyRow[]): readonly Statement[] {
  return after.flatMap((row) => {
    const old = before.find(({ id }) => id === row.id);
    if (!old) return [insertRows(authorityKey, [row])];
    if (old === row) return [];
    const { id, ...columns } = row;
    return [db.update(authorityKey).set(columns).where(eq(authorityKey.id, id))];
  });
}

const newRow = (id: string, authorityId: string, key: NewKey, now: number, staged: boolean): AuthorityKeyRow => ({
  id,
  authorityId,
  ...key,
  state: staged ? 'staged' : 'created',
  createdAt: now,
  stagedAt: staged ? now : null,
  activeAt: null,
  retiringAt: null,
  endedAt: null,
  revokedReason: null,
  superiorReadyAt: null,
});

const swap = (keys: readonly AuthorityKeyRow[], ...changed: readonly AuthorityKeyRow[]): readonly AuthorityKeyRow[] => [
  ...keys.map((one) => changed.find(({ id }) => id === one.id) ?? one),
  ...changed.filter(({ id }) => !keys.some((one) => one.id === id)),
];

function pick(keys: readonly AuthorityKeyRow[], kid: string): AuthorityKeyRow {
  const key = keys.find((one) => one.kid === kid);
  if (!key) throw new Refusal('not_found', 'this authority has no such key');
  return key;
}

/** Make or take over a key. @throws Refusal findings, already_exists */
export async function createKey(call: Call, slug: string, input: KeyInput): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const { id: authorityId, keyAlg } = await findAuthority(call.store.db, slug);
  const id = newId('key');
  const made =
    input.secret === undefined
      ? ({ ok: true, value: await call.custody.generate(id, input.alg ?? (keyAlg as SigningAlgorithm)) } as const)
      : await call.custody.adopt(id, input.secret, input.alg);
  if (!made.ok) throw refuseFindings('this key cannot be taken over', made.findings);
  return changeKeys(call, slug, authorityId, async (keys) => {
    if (keys.some(({ kid }) => kid === made.value.kid)) throw new Refusal('already_exists', 'the authority has this key already');
    const key = newRow(id, authorityId, made.value, call.now(), input.stage !== false);
    return { keys: [...keys, key], key, event: input.secret === undefined ? 'key.generated' : 'key.imported' };
  });
}

/** Publish a key that was made without being published. */
export async function stageKey(call: Call, slug: string, kid: string): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return changeKeys(call, slug, id, async (keys) => {
    const before = pick(keys, kid);
    if (before.state === 'staged') return before;
    if (before.state !== 'created') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be staged`);
    const key: AuthorityKeyRow = { ...before, state: 'staged', stagedAt: call.now() };
    return { keys: swap(keys, key), key, event: 'key.staged' };
  });
}

/**
 * Sign with a staged key from now on; the one before retires. Everything is signed anew in slices.
 * @param force skip the wait for caches and superiors: for emergencies, the event says so
 * @throws Refusal key_not_ready, wrong_state
 */
export async function activateKey(
  call: Call,
  slug: string,
  kid: string,
  { force = false, reason }: { readonly force?: boolean; readonly reason?: string | undefined } = {},
): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const row = await findAuthority(call.store.db, slug);
  if (!force && row.authorityHints.length) await noteSuperiors(call, slug);
  return changeKeys(call, slug, row.id, async (keys, current) => {
    const before = pick(keys, kid);
    if (before.state === 'active') return before;
    if (before.state !== 'staged') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be activated; stage it first`);
    const now = call.now();
    const obstacle = activationObstacle(before, { now, configurationLifetime: current.configurationLifetime, hasSuperior: current.authorityHints.length > 0 });
    if (obstacle && !force) throw new Refusal('key_not_ready', `the key cannot sign yet: ${obstacle}`);
    const key: AuthorityKeyRow = { ...before, state: 'active', activeAt: now };
    const old = keys.filter(({ state }) => state === 'active').map((one): AuthorityKeyRow => ({ ...one, state: 'retiring', retiringAt: now }));
    return { keys: swap(keys, key, ...old), key, event: force && obstacle ? 'key.activated_by_force' : 'key.activated', reason, resign: true };
  });
}

/**
 * Take a retiring key out of the configuration. It waits until nothing it signed can still be in anyone's hands.
 * @throws Refusal key_not_ready, wrong_state
 */
export async function retireKey(call: Call, slug: string, kid: string): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return changeKeys(call, slug, id, async (keys, row) => {
    const before = pick(keys, kid);
    if (before.state === 'historical') return before;
    if (before.state !== 'retiring') throw new Refusal('wrong_state', `a key that is ${before.state} cannot be retired; activate another one first`);
    const now = call.now();
    const until = (before.retiringAt ?? now) + Math.max(row.configurationLifetime, row.statementLifetime);
    if (now < until) throw new Refusal('key_not_ready', `statements it signed are valid for another ${until - now} s`);
    const [left] = await db
      .select({ id: artefact.id })
      .from(artefact)
      .where(and(eq(artefact.authorityId, id), eq(artefact.kid, kid), or(gt(artefact.exp, now), isNull(artefact.exp))))
      .limit(1);
    if (left) throw new Refusal('key_not_ready', 'artefacts it signed are still published; the renewal has not reached them');
    const key: AuthorityKeyRow = { ...before, state: 'historical', endedAt: now };
    return { keys: swap(keys, key), key, event: 'key.retired' };
  });
}

/**
 * Revoke a key with a reason (§8.7.3). When it was signing, the oldest staged key takes over at once, or a new one is
 * made. After `compromised` nothing it signed is served any more, from this commit on.
 */
export async function revokeKey(call: Call, slug: string, kid: string, reason: string): Promise<AuthorityKeyRow> {
  allow(call, 'keys', slug);
  const { id, keyAlg } = await findAuthority(call.store.db, slug);
  const spareId = newId('key');
  const spare = await call.custody.generate(spareId, keyAlg as SigningAlgorithm);
  return changeKeys(call, slug, id, async (keys) => {
    const before = pick(keys, kid);
    if (before.state === 'revoked' && before.revokedReason === reason) return before;
    const now = call.now();
    const key: AuthorityKeyRow = { ...before, state: 'revoked', endedAt: before.endedAt ?? now, revokedReason: reason };
    const compromised = reason === 'compromised';
    if (before.state !== 'active') return { keys: swap(keys, key), key, event: 'key.revoked', reason, ...(compromised && { resign: true, withheld: kid }) };
    const heir = keys.find(({ state }) => state === 'staged') ?? newRow(spareId, id, spare, now, true);
    return {
      keys: swap(keys, key, { ...heir, state: 'active', activeAt: now }),
      key,
      event: 'key.revoked',
      reason,
      resign: true,
      ...(compromised && { withheld: kid }),
    };
  });
}

export const isRevocationReason = (text: string): boolean => (REVOCATION_REASONS as readonly string[]).includes(text) || /^[a-z][a-z0-9_]{0,39}$/.test(text);

/**
 * Look which staged keys the superiors' statements list (KR-03). A key is ready once a statement that lists it has been
 * out for its whole lifetime: then no older statement, without the key, is valid any more.
 */
export async function noteSuperiors(call: Call, slug: string): Promise<void> {
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const readyAt = new Map<string, number>();
  for (const hint of row.authorityHints) {
    const listed = await call.explorer.ask('listedKeys', { superior: hint, subject: row.entityId }).catch(unavailable);
    for (const key of await authorityKeys(db, row.id)) {
      // The last statement without it can have been signed just now: it has ended one lifetime from now.
      const at = listed?.kids.includes(key.kid) ? call.now() + listed.lifetime : Number.POSITIVE_INFINITY;
      readyAt.set(key.kid, Math.max(readyAt.get(key.kid) ?? 0, at));
    }
  }
  const noted = (await authorityKeys(db, row.id)).filter(
    ({ kid, state, superiorReadyAt }) => state === 'staged' && superiorReadyAt === null && Number.isFinite(readyAt.get(kid)),
  );
  if (noted.length)
    await call.store.write(
      noted.map(({ id, kid }) =>
        db
          .update(authorityKey)
          .set({ superiorReadyAt: readyAt.get(kid) ?? null })
          .where(eq(authorityKey.id, id)),
      ),
    );
}

/** Not being able to ask is like a superior that does not answer: the key waits. */
const unavailable = (error: unknown): undefined => {
  if (!(error instanceof Refusal && error.code === 'temporarily_unavailable')) throw error;
};

/** The schedule: stage the next key ahead of time, activate it when it is due and ready, retire the old one. */
export async function rotateBySchedule(call: Call, row: AuthorityRow): Promise<readonly string[]> {
  const { keyRotation, configurationLifetime } = row;
  const done: string[] = [];
  const now = call.now();
  const keys = await authorityKeys(call.store.db, row.id);
  const attempt = async (what: string, act: () => Promise<unknown>) => {
    try {
      await act();
      done.push(what);
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'key_not_ready')) throw error;
    }
  };
  const active = keys.find(({ state }) => state === 'active');
  const staged = keys.find(({ state }) => state === 'staged');
  if (keyRotation !== null && active) {
    const due = (active.activeAt ?? active.createdAt) + keyRotation;
    if (!staged && now >= due - configurationLifetime * 2) await attempt('staged', () => createKey(call, row.slug, {}));
    if (staged && now >= due) await attempt('activated', () => activateKey(call, row.slug, staged.kid, { reason: 'schedule' }));
  }
  for (const { kid } of keys.filter(({ state }) => state === 'retiring')) await attempt('retired', () => retireKey(call, row.slug, kid));
  return done;
}
