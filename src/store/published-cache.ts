import type { Forget } from './kept-keys.js';

/** What an entry may belong to beside the whole: a group that is dropped together, of which only so many are kept. */
export interface Share {
  readonly of: string;
  /** By default as many as there is room for. */
  readonly atMost?: number;
}

export interface Cache {
  /**
   * Called at the beginning of a request: drops what was changed by commits since the last one, everything where nobody can tell.
   * @returns a number that changes whenever that happens
   */
  begin(): number;
  /** The number `begin` gave last: what was read under another one is old. */
  era(): number;
  /** The same of one group: it changes whenever something was to be dropped from it. Undefined where nothing is kept. */
  stamp(group: string): string | undefined;
  get(key: string): unknown;
  /** @param bytes what the value costs; the key and the entry itself are added here */
  set(key: string, value: unknown, bytes: number, ...shares: readonly Share[]): void;
  /**
   * Whether a key may push others out: while there is room each may, and then whoever is asked for a second time before many others
   * were. So somebody who asks for a million things once each costs nobody anything, and a look-up of his is all that he costs.
   */
  admits(key: string): boolean;
  /** What a URL stood for, as it was spelled. */
  spelled(url: string): unknown;
  /**
   * Let a spelling of a question lead to an answer at once. It lives and dies with `value`, which must be held under a key, or be that key,
   * is charged to that entry, and of one value only a few are held.
   */
  spell(url: string, value: object | string, answer: unknown, bytes: number): void;
  /** For tests and for whoever watches memory. */
  size(): { readonly entries: number; readonly spellings: number; readonly bytes: number };
}

/** No cache at all: every request reads. */
export const NO_CACHE: Cache = {
  begin: () => 0,
  era: () => 0,
  stamp: () => undefined,
  get: () => undefined,
  set: () => undefined,
  admits: () => false,
  spelled: () => undefined,
  spell: () => undefined,
  size: () => ({ entries: 0, spellings: 0, bytes: 0 }),
};

/** Bytes that an entry costs beside key and value: the slots in the maps, the objects that hold them together. */
const ENTRY_BYTES = 300;
const SPELLING_BYTES = 150;
/** By http or https, with the port or without, escaped or not, the default said or left out. */
const MAX_SPELLINGS = 12;

/** Bytes that a text takes: engines keep two for every character as soon as one of them needs it. */
export const bytesOf = (text: string): number => (/[^\0-\xff]/.test(text) ? 2 : 1) * text.length + 24;

/**
 * How many keys that were not admitted are remembered, each by 32 bits of it at a place that it shares with others. Few: who is asked for
 * more often than others is asked again before that many others were. With sixteen times as many, a fifth of those that are asked for by
 * chance among 100 000 pushed each other out, and each fetch took a quarter more processor time.
 */
const TURNED_AWAY = 1 << 11;

/** From this part of its bytes on a cache is full: others soon have to go. */
const FULL = 0.95;

/** FNV-1a of 32 bits over the low bytes: who shares his with another is admitted one question early. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

interface Entry {
  readonly key: string;
  readonly value: unknown;
  readonly shares: readonly string[];
  bytes: number;
  spellings: readonly string[];
}

/**
 * A cache bounded in bytes: after a commit nothing old is ever served, and a read behind it costs one prepared statement. What is
 * put in is charged with its key and all that hangs on it, the oldest goes first, and what replaces another gives its bytes back.
 * @param fresh asked once a request; false when something was committed since, or what of it is to be dropped
 */
export function createCache(maxBytes: number, fresh: () => boolean | Forget): Cache {
  const entries = new Map<string, Entry>();
  const spellings = new Map<string, unknown>();
  const shares = new Map<string, Set<string>>();
  let holders = new WeakMap<object, Entry>();
  /** How often each group was dropped, of those that somebody reads for. */
  const dropped = new Map<string, number>();
  let total = 0;
  let era = 0;
  let cleared = 0;
  let turnedAway: Uint32Array | undefined;

  function drop(entry: Entry): void {
    entries.delete(entry.key);
    total -= entry.bytes;
    for (const url of entry.spellings) spellings.delete(url);
    if (typeof entry.value === 'object' && entry.value !== null) holders.delete(entry.value);
    for (const share of entry.shares) {
      const keys = shares.get(share);
      keys?.delete(entry.key);
      if (keys?.size === 0) shares.delete(share);
    }
  }

  function forget({ keys, groups }: Forget): void {
    for (const group of groups) if (dropped.has(group)) dropped.set(group, (dropped.get(group) ?? 0) + 1);
    const all = [...keys, ...groups.flatMap((group) => [...(shares.get(group) ?? [])])];
    for (const key of all) {
      const entry = entries.get(key);
      if (entry) drop(entry);
    }
  }

  function trim(): void {
    for (const entry of entries.values()) {
      if (total <= maxBytes) return;
      drop(entry);
    }
  }

  /** Make room among those of one share. */
  function join({ of, atMost = Number.POSITIVE_INFINITY }: Share, key: string): void {
    const keys = shares.get(of) ?? new Set();
    for (const oldest of keys) {
      if (keys.size < atMost) break;
      const entry = entries.get(oldest);
      if (entry) drop(entry);
    }
    shares.set(of, keys.add(key));
  }

  return {
    begin() {
      const since = fresh();
      if (since === true) return era;
      if (since !== false) {
        forget(since);
        return ++era;
      }
      entries.clear();
      spellings.clear();
      shares.clear();
      dropped.clear();
      cleared++;
      holders = new WeakMap();
      total = 0;
      return ++era;
    },
    era: () => era,
    stamp(group) {
      if (!dropped.has(group)) dropped.set(group, 0);
      return `${cleared} ${dropped.get(group)}`;
    },
    get: (key) => entries.get(key)?.value,
    set(key, value, bytes, ...own) {
      const before = entries.get(key);
      if (before) drop(before);
      const all = bytes + bytesOf(key) + ENTRY_BYTES;
      if (all > maxBytes / 4) return;
      for (const share of own) join(share, key);
      const entry: Entry = { key, value, shares: own.map(({ of }) => of), bytes: all, spellings: [] };
      entries.set(key, entry);
      if (typeof value === 'object' && value !== null) holders.set(value, entry);
      total += all;
      trim();
    },
    admits(key) {
      if (total < maxBytes * FULL) return true;
      turnedAway ??= new Uint32Array(TURNED_AWAY);
      const hash = hashOf(key);
      const place = hash % TURNED_AWAY;
      if (turnedAway[place] === hash) return true;
      turnedAway[place] = hash;
      return false;
    },
    spelled: (url) => spellings.get(url),
    spell(url, value, answer, bytes) {
      const entry = typeof value === 'string' ? entries.get(value) : holders.get(value);
      if (!entry || entry.spellings.length >= MAX_SPELLINGS || spellings.has(url)) return;
      const all = bytes + bytesOf(url) + SPELLING_BYTES;
      spellings.set(url, answer);
      entry.spellings = [...entry.spellings, url];
      entry.bytes += all;
      total += all;
      trim();
    },
    size: () => ({ entries: entries.size, spellings: spellings.size, bytes: total }),
  };
}
