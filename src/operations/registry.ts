import { and, desc, eq, or, placeholder } from 'drizzle-orm';
import { type AskedOf, askedOf } from '../store/asked-of.js';
import { built } from '../store/built.js';
import { authority, authorityKey, member, metadataPolicy, organization } from '../store/schema.js';
import type { Database } from '../store/database.js';
import { keptUntilCommit } from '../store/kept-until-commit.js';
import type { Store } from '../store/store.js';
import { overtaken } from './overtaken.js';
import { Refusal } from './refusal.js';

/** Reads that many operations share. Each gives the row or refuses with `not_found`. */
export type AuthorityRow = typeof authority.$inferSelect;
export type AuthorityKeyRow = typeof authorityKey.$inferSelect;
export type MemberRow = typeof member.$inferSelect;
export type PolicyRow = typeof metadataPolicy.$inferSelect;

const bySlug = built((db) =>
  db
    .select()
    .from(authority)
    .where(eq(authority.slug, placeholder('slug')))
    .limit(1)
    .prepare(),
);

export async function findAuthority(db: Database, slug: string): Promise<AuthorityRow> {
  const [row] = await bySlug(db).all({ slug });
  if (!row) throw noAuthority(slug);
  return row;
}

const noAuthority = (slug: string): Refusal => new Refusal('not_found', `there is no authority ${slug.slice(0, 60)}`);

const asked = keptUntilCommit<AskedOf>();

/** An authority as it is when something is asked of it, and where its chain and that of the deployment end. */
export async function findAsked(store: Store, slug: string): Promise<AskedOf> {
  const found = await asked(store.db, store, slug, () => askedOf(store.db, slug));
  if (!found) throw noAuthority(slug);
  return found;
}

const memberNamed = built((db) =>
  db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, placeholder('authorityId')), or(eq(member.id, placeholder('id')), eq(member.entityId, placeholder('id')))))
    .limit(1)
    .prepare(),
);

/** A member by our id or by its entity identifier, always under the authority named. */
export async function findMember(db: Database, authorityId: string, id: string): Promise<MemberRow> {
  const [row] = await memberNamed(db).all({ authorityId, id });
  if (!row) throw new Refusal('not_found', 'this authority has no such member');
  return row;
}

const keysOf = built((db) =>
  db
    .select()
    .from(authorityKey)
    .where(eq(authorityKey.authorityId, placeholder('authorityId')))
    .orderBy(authorityKey.createdAt)
    .prepare(),
);

export const authorityKeys = async (db: Database, authorityId: string): Promise<AuthorityKeyRow[]> => keysOf(db).all({ authorityId });

const policyInForce = built((db) =>
  db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, placeholder('authorityId')), eq(metadataPolicy.state, 'published')))
    .limit(1)
    .prepare(),
);

export async function publishedPolicy(db: Database, authorityId: string): Promise<PolicyRow | undefined> {
  const [row] = await policyInForce(db).all({ authorityId });
  return row;
}

export async function lastPolicyVersion(db: Database, authorityId: string): Promise<number> {
  const [row] = await db
    .select({ version: metadataPolicy.version })
    .from(metadataPolicy)
    .where(eq(metadataPolicy.authorityId, authorityId))
    .orderBy(desc(metadataPolicy.version))
    .limit(1);
  return row?.version ?? 0;
}

export async function findOrganization(db: Database, authorityId: string, idOrName: string) {
  const [row] = await db
    .select()
    .from(organization)
    .where(and(eq(organization.authorityId, authorityId), or(eq(organization.id, idOrName), eq(organization.legalName, idOrName))))
    .limit(1);
  return row;
}

/**
 * Whoever gives back decided on what stood there when the request came in. A cut since then, in whatever process, was not
 * known to him; one that waits in the same queue is refused by that (store/change.ts).
 * @param rises a column that each cut of the row raises
 * @throws Overtaken
 */
export function expectNotOvertaken(seen: number | undefined, rises: number | undefined): void {
  if ((rises ?? 0) > (seen ?? 0)) throw overtaken();
}

/** Optimistic concurrency: the caller says which version it saw (If-Match). */
export function expectVersion(row: { readonly v: number }, expected: number | undefined): void {
  if (expected !== undefined && row.v !== expected) throw new Refusal('version_conflict', `it is at version ${row.v} now, you saw ${expected}; read it again`);
}
