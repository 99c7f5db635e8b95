import { and, eq, gt } from 'drizzle-orm';
import { inLot, readByList } from '../../store/lots.js';
import { artefact, organization } from '../../store/schema.js';
import type { Call } from '../call.js';
import { bundlesOf } from '../../store/bundles.js';
import type { Entitled } from '../entitlements/effective.js';
import type { Page, PageRequest } from '../read.js';
import { listMembers } from './search-members.js';
import { findAuthority, type MemberRow } from '../registry.js';

/** A member with everything that stands elsewhere: what an enrolment needs to make it again. */
export interface ExportedMember {
  readonly member: MemberRow;
  readonly organization: string | undefined;
  /** The configuration we serve for it. */
  readonly hosted: string | undefined;
  /** What it is entitled to, without bundles that have ended: those nobody is given any more. */
  readonly entitled: Entitled;
}

/** Members in the form that import takes, by Entity Identifier. */
export async function exportMembers(call: Call, slug: string, request: PageRequest): Promise<Page<ExportedMember>> {
  const page = await listMembers(call, slug, request);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const organizations = await readByList(
    page.items.flatMap(({ organizationId }) => organizationId ?? []),
    (ids) => db.select({ id: organization.id, legalName: organization.legalName }).from(organization).where(inLot(organization.id, ids)),
  );
  const names = new Map(organizations.map(({ id, legalName }) => [id, legalName]));
  const served = await readByList(
    page.items.flatMap(({ hosted, entityId }) => (hosted ? [entityId] : [])),
    (keys) =>
      db
        .select({ key: artefact.key, bytes: artefact.bytes })
        .from(artefact)
        .where(and(eq(artefact.authorityId, authorityId), eq(artefact.kind, 'hosted'), gt(artefact.exp, call.now()), inLot(artefact.key, keys))),
  );
  const configurations = new Map(served.map(({ key, bytes }) => [key, bytes]));
  const known = page.items.some(({ bundles }) => bundles.length) ? await bundlesOf(db, authorityId) : undefined;
  return {
    next: page.next,
    items: page.items.map((member) => ({
      member,
      organization: member.organizationId === null ? undefined : names.get(member.organizationId),
      hosted: configurations.get(member.entityId),
      entitled: lasting(member, known),
    })),
  };
}

/** Whose bundles have all ended is entitled to nothing, and not without limit. */
function lasting({ entitlements, bundles }: MemberRow, known: ReadonlyMap<string, { readonly state: string }> | undefined): Entitled {
  const left = bundles.filter((name) => known?.get(name)?.state === 'active');
  return { bundles: left, entitlements: entitlements ?? (bundles.length && left.length === 0 ? [] : null) };
}
