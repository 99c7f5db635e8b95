import { and, asc, desc, eq, gt, lt, or } from 'drizzle-orm';
import { containsText } from '../store/conditions.js';
import { apiKey, authority, job, jobRefusal, metadataPolicy, organization } from '../store/schema.js';

import { allow, type Call, may } from './call.js';
import { Refusal } from './refusal.js';
import { type AuthorityRow, findAuthority } from './registry.js';

/** A page and where the next one begins; keyset paging, so a page costs the same at row 10 and at row 100 000. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}
export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export const page = <T>(rows: readonly T[], limit: number, cursorOf: (row: T) => string | number): Page<T> => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? String(cursorOf(last)) : null };
};
export const numeric = (cursor: string | undefined): number | undefined => {
  if (cursor === undefined) return undefined;
  if (!/^\d{1,15}$/.test(cursor)) throw new Refusal('invalid_request', 'the cursor is not one of ours');
  return Number(cursor);
};

export async function listAuthorities(call: Call): Promise<readonly AuthorityRow[]> {
  const rows = await call.store.db.select().from(authority).orderBy(asc(authority.slug));
  return rows.filter(({ slug }) => may(call, 'read', slug));
}

export async function listOrganizations(call: Call, slug: string, { limit, cursor, q }: PageRequest & { readonly q?: string | undefined }) {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const rows = await call.store.db
    .select()
    .from(organization)
    .where(
      and(
        eq(organization.authorityId, id),
        cursor === undefined ? undefined : gt(organization.legalName, cursor),
        q === undefined ? undefined : containsText(organization.legalName, q),
      ),
    )
    .orderBy(asc(organization.legalName))
    .limit(limit + 1);
  return page(rows, limit, ({ legalName }) => legalName);
}

export async function listPolicies(call: Call, slug: string, { limit, cursor }: PageRequest) {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const before = numeric(cursor);
  const rows = await call.store.db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, id), before === undefined ? undefined : lt(metadataPolicy.version, before)))
    .orderBy(desc(metadataPolicy.version))
    .limit(limit + 1);
  return page(rows, limit, ({ version }) => version);
}

export async function listJobs(call: Call, slug: string, { limit, cursor }: PageRequest) {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const [from] =
    cursor === undefined
      ? []
      : await call.store.db
          .select()
          .from(job)
          .where(and(eq(job.authorityId, id), eq(job.id, cursor)))
          .limit(1);
  if (cursor !== undefined && !from) throw new Refusal('invalid_request', 'the cursor is not one of ours, or its job is kept no longer; begin again');
  const rows = await call.store.db
    .select()
    .from(job)
    .where(and(eq(job.authorityId, id), from ? or(lt(job.createdAt, from.createdAt), and(eq(job.createdAt, from.createdAt), lt(job.id, from.id))) : undefined))
    .orderBy(desc(job.createdAt), desc(job.id))
    .limit(limit + 1);
  return page(rows, limit, ({ id: last }) => last);
}

export async function listRefusals(call: Call, slug: string, jobId: string, { limit, cursor }: PageRequest) {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const [owner] = await call.store.db
    .select({ id: job.id })
    .from(job)
    .where(and(eq(job.authorityId, id), eq(job.id, jobId)))
    .limit(1);
  if (!owner) throw new Refusal('not_found', 'there is no such job');
  const after = numeric(cursor);
  const rows = await call.store.db
    .select()
    .from(jobRefusal)
    .where(and(eq(jobRefusal.jobId, jobId), after === undefined ? undefined : gt(jobRefusal.line, after)))
    .orderBy(asc(jobRefusal.line))
    .limit(limit + 1);
  return page(rows, limit, ({ line }) => line);
}

export async function listApiKeys(call: Call) {
  allow(call, 'administer', null);
  return call.store.db.select().from(apiKey).orderBy(asc(apiKey.createdAt), asc(apiKey.id));
}
