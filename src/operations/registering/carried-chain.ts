import { and, eq } from 'drizzle-orm';
import { calculateJwkThumbprint } from 'jose';
import { type Finding, finding, validateTrustChain } from '../../federation/entry.js';
import type { Database } from '../../store/database.js';
import { knownEntity } from '../../store/schema.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, authorityKeys } from '../registry.js';
import { anchorsOf } from '../resolving/anchors.js';
import { servedChains } from '../resolving/served-chains.js';

/** A chain that ends sooner is looked for anew (seconds). */
const LASTS = 600;
/** Whoever asks for a signature waits so long for an evaluation, which goes on meanwhile (milliseconds). */
const PATIENCE_MS = 3000;
/** After one that found nothing (seconds): members may ask, and each evaluation goes over the network. */
const AGAIN = 30;

interface SoundChain {
  readonly statements: readonly string[];
  /** `kid` and RFC 7638 thumbprint of the keys that its subject has by it. */
  readonly keys: ReadonlySet<string>;
  /** Seconds since the epoch. */
  readonly exp: number;
}

/** The chains of an authority to anchors above it, and what became of looking for one. */
export interface ChainsAbove {
  /** The longest first: an operator in between is an anchor to its own authorities too, and whoever is outside pins the one above it. */
  readonly chains: readonly SoundChain[];
  /** Why there is none; undefined: none is wanted. */
  readonly none: string | undefined;
}

/** For what nobody verifies by one. */
export const NO_CHAIN: ChainsAbove = { chains: [], none: undefined };

/** Those that hold. */
async function soundOf(call: Call, { entityId }: AuthorityRow, anchors: Awaited<ReturnType<typeof anchorsOf>>, all: Iterable<readonly string[]>) {
  const sound: SoundChain[] = [];
  for (const chain of all) {
    const valid = await validateTrustChain(chain, { anchors, now: call.now(), subject: entityId, development: call.development });
    if (!valid.ok) continue;
    const own = valid.value.statements[0]?.claims.jwks.keys ?? [];
    const names = await Promise.all(own.map(async (key) => [key.kid, await calculateJwkThumbprint(key as never).catch(() => key.kid)]));
    sound.push({ statements: chain, keys: new Set(names.flat()), exp: valid.value.exp });
  }
  return sound.sort((one, other) => other.statements.length - one.statements.length);
}

/** Those that are served at this moment. */
async function chainsServed(call: Call, authority: AuthorityRow, anchors: Awaited<ReturnType<typeof anchorsOf>>): Promise<readonly SoundChain[]> {
  const above = Object.keys(anchors).filter((id) => id !== authority.entityId);
  return soundOf(call, authority, anchors, await servedChains(call, authority.id, authority.entityId, above));
}

/** What was found before the lock, without what was cut since. */
export async function stillServed(call: Call, authority: AuthorityRow, found: ChainsAbove): Promise<ChainsAbove> {
  // What a rehearsal found stands nowhere.
  if (found.chains.length === 0 || call.rehearsal) return found;
  const chains = await chainsServed(call, authority, await anchorsOf(call, authority));
  return { chains, none: found.none ?? 'it was cut, or changed, just now' };
}

/**
 * The chains of an intermediate to anchors above it, as they are signed along: with one whoever pins only the anchor verifies what the
 * intermediate signs, offline. Where none is known that lasts and shows its key, it is evaluated on the spot.
 * @param allowed throws where nothing would be signed: then nobody is asked
 * @param patience how long an evaluation is waited for (milliseconds)
 */
export async function chainsAbove(call: Call, authority: AuthorityRow, allowed: () => Promise<unknown>, patience = PATIENCE_MS): Promise<ChainsAbove> {
  if (authority.authorityHints.length === 0) return NO_CHAIN;
  const anchors = await anchorsOf(call, authority);
  const above = Object.keys(anchors).filter((id) => id !== authority.entityId);
  if (above.length === 0) return { chains: [], none: 'no trust anchor above it is pinned here' };
  const served = () => chainsServed(call, authority, anchors);
  const active = (await authorityKeys(call.store.db, authority.id)).find(({ state }) => state === 'active')?.kid ?? '';
  const chains = await served();
  if (chains.some(({ keys, exp }) => keys.has(active) && exp >= call.now() + LASTS)) return { chains, none: undefined };
  if (await wasJustEvaluated(call.store.db, authority, call.now())) return { chains, none: 'it was evaluated a moment ago, and none was found' };
  await allowed();
  if (call.rehearsal) return { chains: await rehearsed(call, authority, anchors, above), none: 'it was evaluated just now, and none was found' };
  const why = await evaluated(call, authority, patience);
  return { chains: await served(), none: why ?? 'it was evaluated just now, and none was found' };
}

async function wasJustEvaluated(db: Database, { id, entityId }: AuthorityRow, now: number): Promise<boolean> {
  const [known] = await db
    .select({ at: knownEntity.evaluatedAt, dueAt: knownEntity.dueAt })
    .from(knownEntity)
    .where(and(eq(knownEntity.authorityId, id), eq(knownEntity.entityId, entityId)))
    .limit(1);
  return known !== undefined && (known.at ?? 0) > now - AGAIN && known.dueAt > now;
}

/** What a rehearsal finds is kept nowhere. */
async function rehearsed(call: Call, authority: AuthorityRow, anchors: Awaited<ReturnType<typeof anchorsOf>>, above: readonly string[]) {
  const found = await inTime(call.explorer.ask('explain', { slug: authority.slug, entityId: authority.entityId, trustAnchor: undefined }), PATIENCE_MS).catch(
    (): typeof LATE => LATE,
  );
  if (found === LATE) return [];
  const valid = found.under.flatMap((one) => (one.state === 'valid' && above.includes(one.trustAnchor) ? [one.trustChain] : []));
  return soundOf(call, authority, anchors, valid);
}

/** Evaluations of authorities that are under way, by id: those who ask meanwhile wait for the same one. */
const under = new WeakMap<Call['explorer'], Map<string, Promise<undefined>>>();

/** @returns why nothing came of it */
async function evaluated(call: Call, { id, slug, entityId }: AuthorityRow, patience: number): Promise<string | undefined> {
  const running = under.get(call.explorer) ?? new Map<string, Promise<undefined>>();
  under.set(call.explorer, running);
  const asked = running.get(id) ?? call.explorer.ask('evaluate', { slug, entityId }).finally(() => running.delete(id));
  running.set(id, asked);
  try {
    return (await inTime(asked, patience)) === LATE ? `it is still being evaluated after ${patience / 1000} s; ask again shortly` : undefined;
  } catch (error) {
    return error instanceof Refusal ? error.message : 'it could not be evaluated just now';
  }
}

const LATE: unique symbol = Symbol('late');

/** What comes later is nobody's. */
async function inTime<T>(asked: Promise<T>, milliseconds: number): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((done) => {
    timer = setTimeout(() => done(LATE), milliseconds);
  });
  try {
    return await Promise.race([asked, late]);
  } finally {
    clearTimeout(timer);
    asked.catch(() => undefined);
  }
}

/**
 * The chain that goes along with what a key signs.
 * @param room characters of it, as JSON
 */
export function carriedBy(
  { authority, kid }: { readonly authority: AuthorityRow; readonly kid: string },
  { chains, none }: ChainsAbove,
  room: number,
): { readonly chain?: readonly string[]; readonly findings: readonly Finding[] } {
  const found = chains.find(({ keys, statements }) => keys.has(kid) && JSON.stringify(statements).length <= room);
  if (found) return { chain: found.statements, findings: [] };
  if (chains.length === 0 && none === undefined) return { findings: [] };
  const why = chains.length === 0 ? none : 'none that is known here fits and shows its key';
  const detail = `no chain of this authority to an anchor goes along with what it signs: ${why}`;
  return {
    findings: [
      { ...finding('no_chain', 'header/trust_chain', detail), fix: `Pin the anchor, and have it evaluated: holdfast entity evaluate ${authority.entityId}` },
    ],
  };
}
