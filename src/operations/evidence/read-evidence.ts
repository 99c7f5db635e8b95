import type { EvidenceRow } from '../../store/accreditations.js';
import { evidenceAfter, findEvidenceRow, setEvidence } from '../../store/evidence-rows.js';
import { findAccreditation } from '../accreditations/find-accreditation.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { expectAnother } from '../deciding/another-person.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';

/** Always under the authority named. @throws Refusal not_found */
async function findEvidence({ store: { db } }: Call, authorityId: string, id: string): Promise<EvidenceRow> {
  const row = await findEvidenceRow(db, authorityId, id);
  if (!row) throw new Refusal('not_found', 'this authority has no such evidence; see: holdfast evidence list');
  return row;
}

export interface EvidenceFilter extends PageRequest {
  readonly accreditation?: string | undefined;
}

/** What was handed in, without its bytes. */
export async function listEvidence(call: Call, slug: string, { accreditation, limit, cursor }: EvidenceFilter): Promise<Page<EvidenceRow>> {
  allow(call, 'evidence', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const of = accreditation === undefined ? undefined : (await findAccreditation(db, id, accreditation)).id;
  return page(await evidenceAfter(db, id, of, cursor, limit + 1), limit, (row) => row.id);
}

export interface ReadEvidence {
  readonly row: EvidenceRow;
  readonly body: ReadableStream<Uint8Array>;
}

/**
 * The bytes of a piece of evidence. Who reads it is told in the chain first: it holds secrets of others.
 * @throws Refusal not_found, wrong_state for what lies elsewhere, or is not what was handed in
 */
export async function readEvidence(call: Call<unknown>, slug: string, id: string): Promise<ReadEvidence> {
  allow(call, 'evidence', slug);
  const { id: authorityId, state } = await findAuthority(call.store.db, slug);
  const row = await findEvidence(call, authorityId, id);
  if (row.purgedAt !== null) throw new Refusal('not_found', `it was kept until ${row.retainUntil}, and is gone since ${row.purgedAt}`);
  if (row.place === 'uri') throw new Refusal('wrong_state', `it lies elsewhere: fetch ${row.uri} and compare its SHA-256 with ${row.sha256}`);
  const body = await call.evidence?.open(row.sha256);
  if (!body) throw new Refusal('not_found', 'its file is missing here; bring it back from a backup of the folder of evidence (holdfast fsck)');
  if (body === 'changed')
    throw new Refusal('wrong_state', 'its file is not what was handed in; bring it back from a backup of the folder of evidence (holdfast fsck)');
  try {
    await change<null>(call as Call<null>, {
      // Of a retired authority the chain goes on no more, and its evidence is read all the same.
      authorityId: state === 'retired' ? DEPLOYMENT : authorityId,
      scope: null,
      decide: async () => ({
        events: [
          { type: 'evidence.read', subjectKind: 'evidence', subjectId: row.id, detail: { authority: slug, subject: row.subjectId, sha256: row.sha256 } },
        ],
        statements: [],
        result: null,
      }),
    });
  } catch (error) {
    await body.cancel();
    throw error;
  }
  return { row, body };
}

/** Somebody other than who handed it in has looked at it. @throws Refusal self_approval */
export async function reviewEvidence(call: Call<EvidenceRow>, slug: string, id: string): Promise<EvidenceRow> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  await findEvidence(call, authorityId, id);
  return change<EvidenceRow>(call, {
    authorityId,
    scope: null,
    async decide() {
      const before = await findEvidence(call, authorityId, id);
      if (before.reviewedBy === call.actor.id) return { events: [], statements: [], result: before };
      if (before.purgedAt !== null) throw new Refusal('wrong_state', 'it is gone, so nobody can look at it');
      const alone = await expectAnother(call, await findAuthority(db, slug), [before.uploadedBy], 'handed it in');
      const set = { reviewedBy: call.actor.id, reviewedAt: call.now(), v: before.v + 1 };
      return {
        events: [
          {
            type: 'evidence.reviewed',
            subjectKind: 'evidence',
            subjectId: id,
            detail: { subject: before.subjectId, sha256: before.sha256, ...alone },
          },
        ],
        statements: [setEvidence(db, id, set)],
        result: { ...before, ...set },
      };
    },
  });
}
