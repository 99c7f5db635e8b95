import { etagOf } from '../edge/etag.js';
import { bytesOf, type Page, type Published, type Share } from '../store/published.js';
import { KeptAnswer, keptBytes, LARGE_BYTES } from './kept-answer.js';
import { earlier, type Pages, readPiece } from './pieces.js';
import { MAX_AGE } from './serve-artefact.js';
import { Superseded } from './superseded.js';

/** Lists up to this size are whole, with an entity tag; what is longer is streamed page by page (bytes). */
const MAX_WHOLE_BYTES = 96 * 1024;
/** The same where what is read once is kept. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;
export const maxWholeBytes = (published: Published): number => (published.stamp('') === undefined ? MAX_WHOLE_BYTES : MAX_KEPT_BYTES);
/**
 * Lists that are built at the same time, and one more of all members; whoever asks for another one meanwhile has it streamed. Of filters
 * there is no end, so strangers could keep the others busy.
 */
const MAX_BUILDS = 2;

/** Under which name an answer is kept until a commit changes it, or until something counted in it ends. */
export interface Keep {
  readonly as: string;
  readonly share: Share;
  /** Also when there is nothing in it: of questions that nothing answers there is no end. */
  readonly empty: boolean;
  /**
   * Strangers can make ever new questions that have this answer, and read each slowly or not at all: what is long is not put together for
   * them in memory.
   */
  readonly endless?: boolean;
  /** Let the URL lead to it. */
  readonly spell: (held: object, answer: KeptAnswer) => void;
}

/** The beginning of a list: it goes on after `next`, if at all. Each who reads it slowly holds that much of it. */
export interface Begun {
  readonly parts: readonly Uint8Array[];
  readonly next: string | undefined;
  /** The first end in it. */
  readonly until: number | null;
}
type Built = KeptAnswer | Begun;

export const begin = ({ json, next, until }: Page): Begun => ({ parts: [encoded(json, false)], next, until });

export interface Reading {
  readonly first: Page;
  readonly pages: Pages;
  /** Whether pages are read by this process while it does nothing else. */
  readonly here: boolean;
  /** Of the group before the first page was read. */
  readonly stamp: string | undefined;
  /** Undefined: it is kept by nobody. */
  readonly keep: Keep | undefined;
  /** Whoever asked has gone. */
  readonly isGone: () => boolean;
}

/** One that is under way, and whether those who wait for it have gone. */
interface Build {
  readonly answer: Promise<Built>;
  readonly waiting: (() => boolean)[];
}
const builds = new WeakMap<Published, Map<string, Build>>();
const tooLong = new WeakMap<Published, Set<string>>();
const supersededOf = new WeakMap<Published, Superseded>();
const MAX_NOTED = 1000;

const of = <T>(map: WeakMap<Published, T>, published: Published, make: () => T): T => {
  const found = map.get(published) ?? make();
  map.set(published, found);
  return found;
};

export const listAnswer = (body: string | Uint8Array<ArrayBuffer>, until: number | null): KeptAnswer => {
  const bytes = typeof body === 'string' && body.length > LARGE_BYTES ? (new TextEncoder().encode(body) as Uint8Array<ArrayBuffer>) : body;
  return new KeptAnswer(bytes, 'application/json', etagOf(bytes), until ?? Number.POSITIVE_INFINITY, MAX_AGE);
};

/** Keep what was read since the group had that stamp; what was read across a change of it is answered and not kept. */
export function keep(published: Published, { as, share, empty, spell }: Keep, answer: KeptAnswer, stamp: string | undefined): void {
  published.begin();
  const { body } = answer;
  if (stamp === undefined || published.stamp(share.of) !== stamp || (!empty && body.length <= 2)) return;
  published.remember(as, answer, (typeof body === 'string' ? bytesOf(body) : body.byteLength) + keptBytes(answer), share);
  spell(answer, answer);
}

/**
 * A list of more than one page: built once, whoever asks for it meanwhile, and kept. Nobody is given one that was begun before a
 * change that he may know of. When everybody who waits for it has gone, nothing is read any more.
 * @returns what is to be streamed where it is too long for one piece
 */
export function built(published: Published, reading: Reading): Promise<Built> | undefined {
  const { keep: wanted, stamp, isGone } = reading;
  if (!wanted || stamp === undefined) return build(published, reading, [isGone]);
  if (of(tooLong, published, () => new Set<string>()).has(wanted.as)) return undefined;
  const running = of(builds, published, () => new Map<string, Build>());
  const name = `${wanted.as} ${stamp}`;
  const known = running.get(name);
  // One that is about to be given up may be begun anew by whoever comes then.
  if (known && !known.waiting.every((gone) => gone())) {
    known.waiting.push(isGone);
    return known.answer;
  }
  if (known || running.size >= (wanted.empty ? MAX_BUILDS + 1 : MAX_BUILDS)) return undefined;
  const superseded = of(supersededOf, published, () => new Superseded());
  if (!wanted.endless && superseded.isFull(wanted.as)) return undefined;
  const waiting = [isGone];
  const answer = build(published, reading, waiting)
    .then((made) => {
      if (!wanted.endless && made instanceof KeptAnswer) superseded.made(wanted.as, made.body);
      return made;
    })
    .finally(() => running.delete(name));
  running.set(name, { answer, waiting });
  return answer;
}

async function build(published: Published, { first, pages, here, keep: wanted, stamp }: Reading, waiting: readonly (() => boolean)[]): Promise<Built> {
  const most = stamp === undefined || !wanted || wanted.endless ? MAX_WHOLE_BYTES : MAX_KEPT_BYTES;
  const parts: Uint8Array[] = [];
  let length = 2;
  let until: number | null = null;
  for (let now: Page = first; ; now = await readPiece(pages, now.next, here)) {
    const part = encoded(now.json, parts.length > 0);
    if (part.length) parts.push(part);
    length += part.length;
    until = earlier(until, now.until);
    if (length > most) {
      if (wanted && stamp !== undefined) note(published, wanted.as);
      // What was put together is let go, where it is much: several who read it slowly would each hold it to its end.
      return most === MAX_WHOLE_BYTES ? { parts, next: now.next, until } : begin(first);
    }
    if (now.next === undefined) break;
    if (waiting.every((gone) => gone())) return begin(first);
  }
  const answer = listAnswer(joined(parts, length), until);
  if (wanted) keep(published, wanted, answer, stamp);
  return answer;
}

const encoder = new TextEncoder();

/** Some of the members of a JSON array. */
export const encoded = (json: string, more: boolean): Uint8Array => encoder.encode(json !== '' && more ? `,${json}` : json);

function joined(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(length);
  let at = 1;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  body[0] = 0x5b;
  body[length - 1] = 0x5d;
  return body;
}

/** The next time it is streamed from the beginning. */
function note(published: Published, as: string): void {
  const noted = of(tooLong, published, () => new Set<string>());
  if (noted.size >= MAX_NOTED) noted.clear();
  noted.add(as);
}
