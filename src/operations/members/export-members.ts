import { and, eq, gt, sql } from 'drizzle-orm';
import { artefact, organization } from '../../store/schema.js';
import type { Call } from '../call.js';
import { listMembers, type Page, type PageRequest } from '../read.js';
import { findAuthority, type MemberRow } from '../registry.js';

/** A member with everything that stands elsewhere: what an enrolment needs to make it again. */
export interface ExportedMember {
  readonly member: MemberRow;
  readonly organization: string | undefined;
  /** The configuration we serve for it. */
  readonly hosted: string | undefined;
}

/** Members in the form that import takes, by Entity Identifier. */
export async function exportMembers(call: Call, slug: string, request: PageRequest): Promise<Page<ExportedMember>> {
  const page = await listMembers(call, slug, request);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const of = (ids: readonly (string | null)[]) => JSON.stringify([...new Set(ids.filter((id) => id !== null))]);
  const organizations = await db
    .select({ id: organization.id, legalName: organization.legalName })
    .from(organization)
    .where(sql`id IN (SELECT value FROM json_each(${of(page.items.map(({ organizationId }) => organizationId))}))`);
  const names = new Map(organizations.map(({ id, legalName }) => [id, legalName]));
  const served = await db
    .select({ key: artefact.key, bytes: artefact.bytes })
    .from(artefact)
    .where(
      and(
        eq(artefact.authorityId, authorityId),
        eq(artefact.kind, 'hosted'),
        gt(artefact.exp, call.now()),
        sql`key IN (SELECT value FROM json_each(${of(page.items.filter(({ hosted }) => hosted).map(({ entityId }) => entityId))}))`,
      ),
    );
  const configurations = new Map(served.map(({ key, bytes }) => [key, bytes]));
  return {
    next: page.next,
    items: page.items.map((member) => ({
      member,
      organization: member.organizationId === null ? undefined : names.get(member.organizationId),
      hosted: configurations.get(member.entityId),
    })),
  };
}
