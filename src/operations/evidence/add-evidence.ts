import { readUrl } from '../../federation/read-url.js';
import { newId } from '../../keys/random.js';
import { evidenceFor, type EvidenceRow, setAccreditation } from '../../store/accreditations.js';
import { BrokenOff, MAX_EVIDENCE_BYTES, TooLarge } from '../../store/evidence-files.js';
import { isKept, putEvidence } from '../../store/evidence-rows.js';
import type { CLASSIFICATIONS } from '../../store/schema.js';
import { findAccreditation } from '../accreditations/find-accreditation.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';

export interface EvidenceInput {
  /** What it is handed in for. */
  readonly accreditation: string;
  readonly mediaType?: string | undefined;
  /** What people call it; never where it lies. */
  readonly name?: string | undefined;
  readonly classification?: (typeof CLASSIFICATIONS)[number] | undefined;
  /** Seconds since the epoch; left out: ten years. */
  readonly retainUntil?: number | undefined;
}
export interface LinkedEvidence extends EvidenceInput {
  readonly uri: string;
  /** In hexadecimal. */
  readonly sha256: string;
  readonly bytes?: number | undefined;
}

const TEN_YEARS = 10 * 366 * 24 * 60 * 60;
/** One file has at most so many bytes. */
export const MOST_BYTES = MAX_EVIDENCE_BYTES;
/** Pieces of evidence for one accreditation. */
const MOST = 50;
const SHA256 = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = /^[a-zA-Z0-9][\w!#$&^.+-]{0,62}\/[a-zA-Z0-9][\w!#$&^.+-]{0,62}$/;
const BYTES = 'application/octet-stream';

type Lies = Pick<EvidenceRow, 'place' | 'sha256' | 'bytes' | 'uri'>;

/** What was verified was verified with its evidence: there is no other by and by. @throws Refusal not_found, wrong_state, invalid_request */
async function expectOpen(call: Call, slug: string, { accreditation, mediaType, name, retainUntil }: EvidenceInput) {
  allow(call, 'enroll', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const of = await findAccreditation(db, authorityId, accreditation);
  if (of.state !== 'pending')
    throw new Refusal(
      'wrong_state',
      `an accreditation that is ${of.state} takes no more evidence; renew it (holdfast accreditation renew), and hand it in for that`,
    );
  if (mediaType !== undefined && !MEDIA_TYPE.test(mediaType)) throw new Refusal('invalid_request', 'media_type: write it as application/pdf');
  if (name !== undefined && (name.length > 200 || /[\p{Cc}\p{Cf}/\\]/u.test(name) || name === '.' || name === '..'))
    throw new Refusal('invalid_request', 'name: at most 200 visible characters, and no path: it is what people call it, not where it lies');
  if (retainUntil !== undefined && retainUntil <= call.now()) throw new Refusal('invalid_request', `retain_until: ${retainUntil} has passed`);
  return of;
}

/** @throws Refusal invalid_request */
function expectLink({ uri, sha256 }: LinkedEvidence): void {
  const url = uri.length <= 2048 ? readUrl(uri) : undefined;
  if (url?.protocol !== 'https:' || url.username || url.password || url.hash)
    throw new Refusal('invalid_request', 'uri: an https URL of at most 2048 characters, without credentials and fragment');
  if (!SHA256.test(sha256)) throw new Refusal('invalid_request', 'sha256: 64 characters of 0-9 and a-f, as sha256sum prints them');
}

/** Evidence that lies with somebody else: where, and which bytes it is. It is never fetched. */
export async function linkEvidence(call: Call<EvidenceRow>, slug: string, input: LinkedEvidence): Promise<EvidenceRow> {
  await expectOpen(call, slug, input);
  expectLink(input);
  return keep(call, slug, input, { place: 'uri', sha256: input.sha256, bytes: input.bytes ?? null, uri: input.uri });
}

/**
 * Evidence as it arrives, kept as the bytes it is: it is never unpacked, rendered or looked into.
 * @throws Refusal payload_too_large, wrong_state where this deployment keeps no files
 */
export async function uploadEvidence(call: Call<EvidenceRow>, slug: string, input: EvidenceInput, body: AsyncIterable<Uint8Array>): Promise<EvidenceRow> {
  await expectOpen(call, slug, input);
  const { evidence: files } = call;
  if (!files)
    throw new Refusal(
      'wrong_state',
      'this deployment keeps no files (it runs on Workers, or its database is on PostgreSQL): put the evidence where you keep documents, and say where it lies and its SHA-256: holdfast evidence add --uri --sha256',
    );
  const { db } = call.store;
  return files
    .take(
      body,
      (file) => keep(call, slug, input, { place: 'file', ...file, uri: null }),
      (sha256) => isKept(db, sha256),
    )
    .catch((error: unknown) => {
      if (error instanceof TooLarge)
        throw new Refusal('payload_too_large', `a piece of evidence has at most ${MAX_EVIDENCE_BYTES / 1024 / 1024} MiB; nothing was kept of it`);
      if (error instanceof BrokenOff) throw new Refusal('invalid_request', 'the upload was broken off; nothing was kept of it. Send it again');
      throw error;
    });
}

async function keep(call: Call<EvidenceRow>, slug: string, input: EvidenceInput, lies: Lies): Promise<EvidenceRow> {
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  return change<EvidenceRow>(call, {
    authorityId,
    scope: null,
    async decide() {
      const of = await expectOpen(call, slug, input);
      const there = await evidenceFor(db, authorityId, [of.id]);
      const same = there.find(({ sha256, purgedAt }) => sha256 === lies.sha256 && purgedAt === null);
      if (same) return { events: [], statements: [], result: same };
      if (there.length >= MOST) throw new Refusal('wrong_state', `${MOST} pieces of evidence stand for it already`);
      if (there.some(({ sha256 }) => sha256 === lies.sha256))
        throw new Refusal('already_exists', 'these bytes were handed in for it before, and were kept no longer');
      const now = call.now();
      const row: EvidenceRow = {
        id: newId('evi'),
        authorityId,
        subjectKind: 'accreditation',
        subjectId: of.id,
        ...lies,
        mediaType: input.mediaType ?? BYTES,
        name: input.name ?? null,
        classification: input.classification ?? 'confidential',
        uploadedBy: call.actor.id,
        reviewedBy: null,
        reviewedAt: null,
        retainUntil: input.retainUntil ?? now + TEN_YEARS,
        purgedAt: null,
        createdAt: now,
        v: 1,
      };
      const { sha256, bytes, place, classification } = row;
      return {
        events: [
          {
            type: 'evidence.added',
            subjectKind: 'evidence',
            subjectId: row.id,
            detail: { accreditation: of.id, sha256, bytes, place, classification, ...(row.name !== null && { name: row.name }) },
          },
        ],
        // Whoever verifies has to have seen it: it is another version of the accreditation.
        statements: [putEvidence(row), setAccreditation(db, of.id, { v: of.v + 1, updatedAt: now })],
        result: row,
      };
    },
  });
}
