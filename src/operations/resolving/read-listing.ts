import { and, asc, eq, gt } from 'drizzle-orm';
import { failure, finding, isEntityId, mediaTypes, type Result } from '../../federation/entry.js';
import { parseJson } from '../../federation/strict-json.js';
import { sha256 } from '../../keys/random.js';
import { MAX_LIST_BYTES } from '../../outbound/limits.js';
import { memberLastsBeyond } from '../../store/conditions.js';
import { member } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { rest } from '../../store/piece-by-piece.js';

/** A federation larger than this is crawled as far as this; one deeper has no valid chains anyway. */
export const MAX_CRAWL_ENTITIES = 100_000;
/** Values of one listing that are read at all: an identifier of usual length is longer than the bytes of the list allow more of. */
const MAX_LISTED = 4 * MAX_CRAWL_ENTITIES;
const LOCAL_PAGE = 1000;

/** What tells one answer of a list endpoint from another. */
export interface Seen {
  readonly etag: string | null;
  readonly sha256: string | null;
}

export interface Listing extends Seen {
  /** Undefined: the same as were read the last time. */
  readonly ids: readonly string[] | undefined;
}

const NO_LISTING = { clause: 'OpenID Federation 1.0 §8.2.2', fix: 'Answer with a JSON array of Entity Identifiers.' } as const;

/**
 * A subordinate listing (OpenID Federation 1.0 §8.2.2): a JSON array of Entity Identifiers; what is none is passed over.
 * @param seen what was read the last time
 */
export async function fetchListing(
  { outbound, development }: Pick<Deployment, 'outbound' | 'development'>,
  url: string,
  seen?: Seen,
): Promise<Result<Listing>> {
  const reply = await outbound.get({ url, mediaType: mediaTypes.JSON_TYPE, maxBytes: MAX_LIST_BYTES, etag: seen?.etag ?? undefined });
  if (!reply.ok) return reply;
  if (seen && reply.value.notModified) return { ok: true, value: { ...seen, ids: undefined } };
  const found = { etag: reply.value.etag ?? null, sha256: await sha256(reply.value.body) };
  if (seen?.sha256 === found.sha256) return { ok: true, value: { ...found, ids: undefined } };
  // A byte order mark before JSON is passed over (RFC 8259 §8.1).
  const json = parseJson(reply.value.body.replace(/^\ufeff/, ''), url, { maxValues: MAX_LISTED, mayHoldNul: true });
  if (!json.ok) return json;
  // What is no list says nothing about anybody: it is not an empty one.
  if (!Array.isArray(json.value)) return failure({ ...finding('json_invalid', url, 'it is no JSON array'), ...NO_LISTING });
  const all: readonly unknown[] = json.value;
  const ids = [...new Set(all.filter((one): one is string => isEntityId(one, { development })))].slice(0, MAX_CRAWL_ENTITIES);
  return { ok: true, value: { ...found, ids } };
}

/** Whom an authority of this deployment lists. */
export async function localMembers({ store: { db }, now }: Pick<Deployment, 'store' | 'now'>, authorityId: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (let after = ''; ; ) {
    const begun = performance.now();
    const rows = await db
      .select({ id: member.entityId })
      .from(member)
      .where(and(eq(member.authorityId, authorityId), eq(member.state, 'active'), gt(member.entityId, after), memberLastsBeyond(now())))
      .orderBy(asc(member.entityId))
      .limit(LOCAL_PAGE);
    found.push(...rows.map(({ id }) => id));
    if (rows.length < LOCAL_PAGE || found.length >= MAX_CRAWL_ENTITIES) return found;
    after = rows.at(-1)?.id ?? '';
    await rest(begun);
  }
}
