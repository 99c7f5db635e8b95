import { matches } from '../edge/conditional.js';
import { etagOf } from '../edge/etag.js';
import type { Published } from '../store/published.js';
import type { Keep } from './built-lists.js';
import { MAX_AGE } from './serve-artefact.js';

/**
 * Lists that are too long to be kept have a tag once one of them was read to its end with no change meanwhile: whoever has it need not
 * take it again. It is made of the moment of this process, not of the bytes, and goes with the next change, so that one that was streamed
 * across a change never passes for a later one; hence it is a weak one (RFC 9110 §8.8.1).
 */
export class Tag {
  readonly #tag: string;

  constructor(
    of: string,
    readonly until: number,
  ) {
    this.#tag = etagOf(`${of}\n${performance.timeOrigin} ${performance.now()}`);
  }

  /** @param now before `until` (seconds) */
  headers(now: number): { readonly etag: string; readonly 'cache-control': string } {
    return { etag: `W/${this.#tag}`, 'cache-control': `public, max-age=${Math.min(MAX_AGE, Math.floor(this.until - now))}` };
  }

  isKnownTo(ifNoneMatch: string | null): boolean {
    return ifNoneMatch !== null && matches(ifNoneMatch, this.#tag);
  }
}

const BYTES = 300;
/** No list has such a name: that of one ends with what somebody asked. */
const nameOf = ({ as }: Keep): string => `tag of ${as}`;

export function tagOf(published: Published, keep: Keep, now: number): Tag | undefined {
  const tag = published.remembered<Tag>(nameOf(keep));
  return tag && now < tag.until ? tag : undefined;
}

/**
 * A list was read to its end.
 * @param until when the first in it ends (seconds); null: none does
 * @param stamp of the group before it was begun
 */
export function keepTag(published: Published, keep: Keep, until: number | null, stamp: string | undefined): void {
  published.begin();
  if (stamp === undefined || published.stamp(keep.share.of) !== stamp) return;
  published.remember(nameOf(keep), new Tag(keep.as, until ?? Number.POSITIVE_INFINITY), BYTES, keep.share);
}
