import { and, asc, eq, gt } from 'drizzle-orm';
import { type AccreditationRow, type EvidenceRow, evidenceFor } from '../../store/accreditations.js';
import type { Database } from '../../store/database.js';
import { type ACCREDITATION_STATES, accreditation } from '../../store/schema.js';
import { allow, type Call, may } from '../call.js';
import { organizationOrRefuse } from '../organizations/find-organization.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember } from '../registry.js';

/** As they are shown. */
export type Accreditation = AccreditationRow;
export type Evidence = EvidenceRow;

/** Always under the authority named. @throws Refusal not_found */
export async function findAccreditation(db: Database, authorityId: string, id: string): Promise<AccreditationRow> {
  const [row] = await db
    .select()
    .from(accreditation)
    .where(and(eq(accreditation.authorityId, authorityId), eq(accreditation.id, id)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'this authority has no such accreditation; see: holdfast accreditation list');
  return row;
}

export interface ShownAccreditation {
  readonly row: AccreditationRow;
  readonly evidence: readonly EvidenceRow[];
}

export async function showAccreditation(call: Call, slug: string, id: string): Promise<ShownAccreditation> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const row = await findAccreditation(db, (await findAuthority(db, slug)).id, id);
  const evidence = await evidenceFor(db, row.authorityId, [row.id]);
  // What it is called and where it lies is for whoever may read it: a link may be all that it takes.
  return { row, evidence: may(call, 'evidence', slug) ? evidence : evidence.map((one) => ({ ...one, name: null, uri: null })) };
}

export interface AccreditationFilter extends PageRequest {
  readonly member?: string | undefined;
  readonly organization?: string | undefined;
  readonly kind?: string | undefined;
  readonly state?: (typeof ACCREDITATION_STATES)[number] | undefined;
}

/** By id. */
export async function listAccreditations(call: Call, slug: string, filter: AccreditationFilter): Promise<Page<AccreditationRow>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const about = filter.member === undefined ? undefined : await findMember(db, id, filter.member);
  const of = filter.organization === undefined ? undefined : await organizationOrRefuse(call, id, filter.organization);
  const rows = await db
    .select()
    .from(accreditation)
    .where(
      and(
        eq(accreditation.authorityId, id),
        about && eq(accreditation.memberId, about.id),
        of && eq(accreditation.organizationId, of.id),
        filter.kind === undefined ? undefined : eq(accreditation.kind, filter.kind),
        filter.state === undefined ? undefined : eq(accreditation.state, filter.state),
        filter.cursor === undefined ? undefined : gt(accreditation.id, filter.cursor),
      ),
    )
    .orderBy(asc(accreditation.id))
    .limit(filter.limit + 1);
  return page(rows, filter.limit, (row) => row.id);
}
