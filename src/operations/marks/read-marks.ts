import { and, asc, desc, eq, gt, isNull } from 'drizzle-orm';
import { markInForce } from '../../store/mark-rows.js';
import { trustMark, trustMarkGrant } from '../../store/schema.js';
import { allow, type Call } from '../call.js';
import { grantById } from './grant-mark.js';
import { endOf, type GrantRow, markKey, type MarkRow } from './issue-mark.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';

export interface GrantFilter extends PageRequest {
  readonly type?: string | undefined;
  readonly member?: string | undefined;
  readonly state?: GrantRow['state'] | undefined;
}

/** Grants of an authority with the mark that is in force, by id. */
export async function listGrants(
  call: Call,
  slug: string,
  filter: GrantFilter,
): Promise<Page<GrantRow & { readonly jti: string | null; readonly exp: number | null }>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const rows = await db
    .select({ grant: trustMarkGrant, live: markInForce(call.now()) })
    .from(trustMarkGrant)
    .where(
      and(
        eq(trustMarkGrant.authorityId, id),
        filter.cursor === undefined ? undefined : gt(trustMarkGrant.id, filter.cursor),
        filter.type === undefined ? undefined : eq(trustMarkGrant.trustMarkType, filter.type),
        filter.member === undefined ? undefined : eq(trustMarkGrant.entityId, filter.member),
        filter.state === undefined ? undefined : eq(trustMarkGrant.state, filter.state),
      ),
    )
    .orderBy(asc(trustMarkGrant.id))
    .limit(filter.limit + 1);
  const named = rows.map(({ grant, live: text }) => {
    const [jti, exp] = text ? (JSON.parse(text) as [string, number]) : [null, null];
    return { ...grant, jti, exp: exp === null ? null : endOf(exp) };
  });
  return page(named, filter.limit, (one) => one.id);
}

/** Marks issued from a grant, newest first: each `jti`, its end, whether it was withdrawn. */
export async function listIssued(call: Call, slug: string, grantId: string): Promise<readonly MarkRow[]> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  await grantById(call, id, grantId);
  return call.store.db
    .select()
    .from(trustMark)
    .where(and(eq(trustMark.authorityId, id), eq(trustMark.grantId, grantId)))
    .orderBy(desc(trustMark.iat), desc(trustMark.jti))
    .limit(200);
}

/** The mark of one type that a member bears now. @throws Refusal not_found */
export async function markOf(call: Call, slug: string, type: string, entityId: string): Promise<MarkRow> {
  allow(call, 'read', slug);
  const { id } = await findAuthority(call.store.db, slug);
  const [row] = await call.store.db
    .select()
    .from(trustMark)
    .where(
      and(
        eq(trustMark.authorityId, id),
        eq(trustMark.trustMarkType, type),
        eq(trustMark.entityId, entityId),
        isNull(trustMark.revokedAt),
        gt(trustMark.exp, call.now()),
      ),
    )
    .orderBy(desc(trustMark.exp), desc(trustMark.iat))
    .limit(1);
  if (!row) throw new Refusal('not_found', `no mark at ${markKey(type, entityId).replace('\n', ' for ')}`);
  return row;
}
