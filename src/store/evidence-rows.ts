import { and, asc, eq, gt, isNull, lte, ne, or } from 'drizzle-orm';
import type { EvidenceRow } from './accreditations.js';
import { insertRows } from './bulk.js';
import type { Database, Statement } from './database.js';
import { accreditation, authority, evidence } from './schema.js';

/** Pieces of evidence, apart from their bytes. */
export const putEvidence = (row: EvidenceRow): Statement => insertRows(evidence, [row]);

export const setEvidence = (db: Database, id: string, set: Partial<EvidenceRow>): Statement => db.update(evidence).set(set).where(eq(evidence.id, id));

export const findEvidenceRow = async (db: Database, authorityId: string, id: string): Promise<EvidenceRow | undefined> =>
  (
    await db
      .select()
      .from(evidence)
      .where(and(eq(evidence.authorityId, authorityId), eq(evidence.id, id)))
      .limit(1)
  )[0];

/** By id. @param subjectId undefined: of the whole authority */
export const evidenceAfter = (
  db: Database,
  authorityId: string,
  subjectId: string | undefined,
  after: string | undefined,
  most: number,
): Promise<readonly EvidenceRow[]> =>
  db
    .select()
    .from(evidence)
    .where(
      and(
        eq(evidence.authorityId, authorityId),
        subjectId === undefined ? undefined : eq(evidence.subjectId, subjectId),
        after === undefined ? undefined : gt(evidence.id, after),
      ),
    )
    .orderBy(asc(evidence.id))
    .limit(most);

/** Those that are kept no longer, by index; what is in force is kept with its evidence. */
export const retainedNoLonger = (db: Database, now: number, most: number): Promise<readonly EvidenceRow[]> =>
  db
    .select({ row: evidence })
    .from(evidence)
    .innerJoin(authority, and(eq(authority.id, evidence.authorityId), ne(authority.state, 'retired')))
    .leftJoin(accreditation, and(eq(accreditation.id, evidence.subjectId), eq(accreditation.authorityId, evidence.authorityId)))
    .where(
      and(
        lte(evidence.retainUntil, now),
        isNull(evidence.purgedAt),
        or(isNull(accreditation.id), ne(accreditation.state, 'in_force'), lte(accreditation.validUntil, now)),
      ),
    )
    .limit(most)
    .then((rows) => rows.map(({ row }) => row));

/** Is a file needed by any row? */
export const isKept = async (db: Database, sha256: string): Promise<boolean> =>
  (
    await db
      .select({ id: evidence.id })
      .from(evidence)
      .where(and(eq(evidence.sha256, sha256), eq(evidence.place, 'file'), isNull(evidence.purgedAt)))
      .limit(1)
  ).length > 0;

/** Files that have to be there, by hash. @param after where the page before ended */
export const filesAfter = (db: Database, after: string, most: number): Promise<readonly Pick<EvidenceRow, 'id' | 'authorityId' | 'sha256'>[]> =>
  db
    .select({ id: evidence.id, authorityId: evidence.authorityId, sha256: evidence.sha256 })
    .from(evidence)
    .where(and(gt(evidence.id, after), eq(evidence.place, 'file'), isNull(evidence.purgedAt)))
    .orderBy(asc(evidence.id))
    .limit(most);
