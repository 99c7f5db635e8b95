import { and, eq } from 'drizzle-orm';
import type { Evaluation } from '../../resolver/evaluate.js';
import { readUrl } from '../../federation/read-url.js';
import type { Statement } from '../../store/database.js';
import { authority, superiorListing } from '../../store/schema.js';
import { unwatchListing, watchListing, withholdThrough } from '../../store/superior-listings.js';
import type { Deployment } from '../call.js';
import type { AuthorityRow } from '../registry.js';

export interface Standing {
  /** It has a valid chain to some anchor, or had one that goes on being used. */
  readonly trusted: boolean;
  /** Anchors under which it had a valid chain and has none any more. */
  readonly lost: readonly string[];
}

/**
 * What the evaluation of a superior means for those below it: one that is trusted and has a listing is looked at from then on,
 * at once when it is new; one that is not trusted any more is not asked, and what rests on it is evaluated anew.
 */
export async function noteSuperior(
  { store: { db }, now }: Deployment,
  row: AuthorityRow,
  subject: string,
  { configuration }: Evaluation,
  { trusted, lost }: Standing,
): Promise<readonly Statement[]> {
  // Our own members are known by being members.
  if (subject === row.entityId) return [];
  const endpoint = configuration?.claims.metadata?.['federation_entity']?.['federation_list_endpoint'];
  const superior = { authorityId: row.id, entityId: subject };
  if (trusted && typeof endpoint === 'string') {
    const [own] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, subject)).limit(1);
    const host = readUrl(endpoint)?.hostname ?? '';
    return [watchListing({ ...superior, ...(own ? { url: null, host: subject } : { url: endpoint, host }) }, now()), ...through(superior, lost)];
  }
  const [watched] = await db
    .select({ id: superiorListing.entityId })
    .from(superiorListing)
    .where(and(eq(superiorListing.authorityId, row.id), eq(superiorListing.entityId, subject)))
    .limit(1);
  if (!watched) return [];
  // Silence is no verdict: without a configuration it is only not known where its listing lies.
  return [...(trusted && !configuration ? [] : unwatchListing(superior)), ...through(superior, lost)];
}

const through = ({ authorityId, entityId }: { readonly authorityId: string; readonly entityId: string }, lost: readonly string[]) =>
  lost.flatMap((anchor) => withholdThrough(authorityId, anchor, entityId));
