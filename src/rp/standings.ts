import { type Finding, finding, type JwkSet, type KeyCache, notBeforeOf, type TrustChain, validateTrustChain } from '../federation/entry.js';
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import type { Found, NotFound, SearchHints } from './find-chain.js';
import { searchSlots } from './search-slots.js';
import type { GateAnswer } from './gate/gate.js';

const KEEP_SECONDS = 600;
const NEGATIVE_SECONDS = 5;
/** Looking for chains at the same time. */
const IN_FLIGHT = 32;
const MAX_STANDINGS = 5000;

export type Standing =
  | { readonly ok: true; readonly chain: TrustChain; readonly notBefore?: number | undefined; readonly statusSeq?: number | undefined }
  | (NotFound & { readonly chain?: TrustChain | undefined; readonly statusSeq?: number | undefined });

export interface StandingsOptions {
  readonly anchors: Readonly<Record<string, JwkSet>>;
  readonly clock: Clock;
  readonly development: boolean;
  readonly keyCache: KeyCache;
  /** Searches walk to the hosts that entities name, each as long as that lets it wait: no domain takes all of them. */
  readonly walks?: boolean;
  /** @param hints.missed it was looked for a moment ago: only a chain that was sent is looked at */
  search(entity: string, anchor: string | undefined, hints: SearchHints): Promise<Found>;
  check(chain: TrustChain): Promise<GateAnswer>;
}

interface Entry {
  chain: TrustChain;
  /** When it was found (seconds). */
  found: number;
  /** When it was seen to be cut off: whatever was issued until then is dead. */
  cutSeen?: number;
}

/**
 * Who stands where: the chain of each entity that was asked about, found once, used for ten minutes at most, and gone through the
 * gate with each question. Who is not found is not looked for again for five seconds.
 */
export function createStandings({ anchors, clock, development, keyCache, walks = false, search, check }: StandingsOptions) {
  const entries = new BoundedMap<string, Entry>(MAX_STANDINGS);
  // Apart: whoever asks for many that are nobody drives out nobody who is known.
  const misses = new BoundedMap<string, { readonly at: number; readonly answer: NotFound }>(MAX_STANDINGS);
  const looking = new Map<string, Promise<Found>>();
  const slots = searchSlots(IN_FLIGHT, walks);
  const keyOf = (entity: string, anchor: string | undefined): string => `${anchor ?? '*'} ${entity}`;
  const missing = (error: NotFound['error'], findings: readonly Finding[], unavailable = false): NotFound => ({ ok: false, error, findings, unavailable });

  /** Look for a chain: once at a time for each entity, and for so many entities. */
  async function look(entity: string, anchor: string | undefined, trustChain: readonly string[] | undefined): Promise<Found> {
    const key = keyOf(entity, anchor);
    const miss = misses.get(key);
    const missed = miss && clock.now() - miss.at < NEGATIVE_SECONDS ? miss.answer : undefined;
    if (!trustChain && missed) return missed;
    const flight = `${key} ${trustChain?.join('\n') ?? ''}`;
    const under = looking.get(flight);
    if (under) return under;
    const free = slots.take(entity);
    if (!free) return missing('temporarily_unavailable', [finding('budget_exceeded', entity, 'too many entities are being looked for', true)], true);
    const newest = entries.get(key)?.chain.statements[0]?.claims.iat;
    const searching = search(entity, anchor, { trustChain, missed, newest, miss: (answer) => void misses.set(key, { at: clock.now(), answer }) })
      .then((found) => {
        if (!found.ok) return found;
        misses.delete(key);
        const known = entries.get(key);
        if (known) Object.assign(known, { chain: found.chain, found: clock.now() });
        else entries.set(key, { chain: found.chain, found: clock.now() });
        return found;
      })
      .finally(() => {
        free();
        looking.delete(flight);
      });
    looking.set(flight, searching);
    return searching;
  }

  /** The gate, and the chain with what its issuers state today. */
  async function through(chain: TrustChain): Promise<Standing> {
    const answer = await check(chain);
    const { statusSeq } = answer;
    if (answer.state !== 'in_force')
      return {
        ...missing(answer.state === 'denied' ? 'invalid_client' : 'temporarily_unavailable', answer.findings, answer.state === 'unavailable'),
        chain,
        statusSeq,
      };
    if (answer.chain.every((compact, n) => compact === chain.statements[n]?.compact)) return { ok: true, chain, notBefore: answer.notBefore, statusSeq };
    const today = await validateTrustChain(answer.chain, { anchors, now: clock.now(), subject: chain.subject, development, keyCache });
    return today.ok
      ? { ok: true, chain: today.value, notBefore: answer.notBefore, statusSeq }
      : { ...missing('invalid_client', today.findings), chain, statusSeq };
  }

  async function find(entity: string, entry: Entry | undefined, anchor: string | undefined, trustChain: readonly string[] | undefined): Promise<Standing> {
    const now = clock.now();
    const known = entry && entry.chain.exp > now ? entry.chain : undefined;
    if (known && now - (entry?.found ?? 0) < KEEP_SECONDS) {
      const standing = await through(known);
      if (standing.ok || standing.unavailable) return standing;
      // It may have been let in again, or have other superiors by now.
      const again = await look(entity, anchor, trustChain);
      return again.ok ? through(again.chain) : standing;
    }
    const found = await look(entity, anchor, trustChain);
    if (found.ok) return through(found.chain);
    // What is known serves to its end while nobody can be asked for a newer one; the gate is asked all the same.
    if (!found.unavailable || !entry) return found;
    if (known) return through(known);
    // By one that has ended nobody is let in; but what its issuers say about it today may be a clear no, whatever nobody can say of another chain.
    const { state, findings, statusSeq } = { findings: [], ...(await check(entry.chain)) };
    return state === 'denied' ? { ...missing('invalid_client', findings), chain: entry.chain, statusSeq } : found;
  }

  return {
    /** The chain that it had last, for logs: nobody is let in by it. */
    known: (entity: string): TrustChain | undefined => entries.get(keyOf(entity, undefined))?.chain,
    /** Where an entity stands now. */
    async stand(entity: string, anchor?: string, trustChain?: readonly string[]): Promise<Standing> {
      const key = keyOf(entity, anchor);
      const before = entries.get(key);
      const standing = await find(entity, before, anchor, trustChain);
      const entry = entries.get(key) ?? before;
      if (standing.ok && entry) entry.chain = standing.chain;
      // Whoever was cut off and is let in again has nothing of what was issued before. In the same second it may have been before.
      if (!standing.ok && !standing.unavailable && entry) entry.cutSeen = clock.now() + 1;
      if (!standing.ok) return standing;
      const ends = [entry?.cutSeen, standing.notBefore, ...standing.chain.statements.map(({ claims }) => notBeforeOf(claims))].filter(
        (one) => one !== undefined,
      );
      return { ...standing, notBefore: ends.length ? Math.max(...ends) : undefined };
    },
  };
}
