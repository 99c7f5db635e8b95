import { z } from '@hono/zod-openapi';
import type { Evidence } from '../operations/accreditations/find-accreditation.js';
import { type EvidenceInput, linkEvidence, MOST_BYTES, uploadEvidence } from '../operations/evidence/add-evidence.js';
import { listEvidence, readEvidence, reviewEvidence } from '../operations/evidence/read-evidence.js';
import { CLASSIFICATIONS, EVIDENCE_PLACES, EVIDENCE_SUBJECTS } from '../store/schema.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { problem } from './errors.js';
import { pageOf, pageQuery, seconds } from './wire.js';
import { rehearsed, write } from './write.js';

/** What was handed in as proof: taken and given back as bytes, and never as anything that a browser would show. */
const BYTES = 'application/octet-stream';
export const UPLOADS = /\/evidence\/uploads$/;

const about = {
  accreditation: z.string().min(1).max(60).openapi({ description: 'What it is handed in for' }),
  media_type: z
    .string()
    .max(130)
    .optional()
    .openapi({ description: 'What it is, as you say; it is given back as bytes whatever it is', example: 'application/pdf' }),
  name: z.string().max(400).optional().openapi({ description: 'What people call it' }),
  classification: z.enum(CLASSIFICATIONS).optional().openapi({ description: 'Left out: confidential' }),
};
const linkBody = z
  .strictObject({
    ...about,
    uri: z
      .string()
      .max(4096)
      .openapi({ description: 'Where it lies: an https URL. It is never fetched', example: 'https://documents.example.org/iso27001.pdf' }),
    sha256: z
      .string()
      .max(100)
      .openapi({ description: 'In hexadecimal, as sha256sum prints it', example: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' }),
    bytes: z.number().int().min(0).optional(),
    retain_until: seconds.optional().openapi({ description: 'Left out: ten years' }),
  })
  .openapi('EvidenceLink');
const retain = z.coerce.number().int().min(0).optional().openapi({ description: 'Seconds since the epoch; left out: ten years' });
const uploadQuery = z.object({ ...about, retain_until: retain });
const listQuery = pageQuery.extend({ accreditation: z.string().min(1).max(60).optional().openapi({ description: 'Handed in for that one' }) });
export const evidenceSchema = z
  .object({
    id: z.string(),
    subject: z.object({ kind: z.enum(EVIDENCE_SUBJECTS), id: z.string() }),
    sha256: z.string().openapi({ description: 'In hexadecimal' }),
    media_type: z.string(),
    bytes: z.number().int().nullable(),
    place: z.enum(EVIDENCE_PLACES).openapi({ description: 'file: kept here; uri: it lies with somebody else' }),
    uri: z.string().nullable(),
    name: z.string().nullable(),
    classification: z.enum(CLASSIFICATIONS),
    uploaded_by: z.string(),
    reviewed_by: z.string().nullable(),
    reviewed_at: seconds.nullable(),
    retain_until: seconds,
    purged_at: seconds.nullable().openapi({ description: 'When its bytes went; that it was there stays' }),
    created_at: seconds,
  })
  .openapi('Evidence');
export const presentEvidence = (row: Evidence): z.infer<typeof evidenceSchema> => ({
  id: row.id,
  subject: { kind: row.subjectKind, id: row.subjectId },
  sha256: row.sha256,
  media_type: row.mediaType,
  bytes: row.bytes,
  place: row.place,
  uri: row.uri,
  name: row.name,
  classification: row.classification,
  uploaded_by: row.uploadedBy,
  reviewed_by: row.reviewedBy,
  reviewed_at: row.reviewedAt,
  retain_until: row.retainUntil,
  purged_at: row.purgedAt,
  created_at: row.createdAt,
});
const inputOf = (said: Pick<z.infer<typeof linkBody>, 'accreditation' | 'media_type' | 'name' | 'classification' | 'retain_until'>): EvidenceInput => ({
  accreditation: said.accreditation,
  mediaType: said.media_type,
  name: said.name,
  classification: said.classification,
  retainUntil: said.retain_until,
});

/** No browser makes anything of it, whoever leads one here. */
const INERT = {
  'content-type': BYTES,
  'content-disposition': 'attachment; filename="evidence.bin"',
  'x-content-type-options': 'nosniff',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const CONTENT = /\/evidence\/[^/]+\/content$/;

/** Around what every answer gets: that allows what the page of the API needs, and this is nobody's page. */
export async function sandboxed(c: AdminContext, next: () => Promise<void>): Promise<void> {
  await next();
  if (CONTENT.test(c.req.path)) c.header('content-security-policy', "sandbox; default-src 'none'; frame-ancestors 'none'");
}

async function upload(c: AdminContext): Promise<Response> {
  if (c.req.header('idempotency-key') !== undefined)
    return problem(c, 400, 'invalid_request', 'an upload takes no Idempotency-Key: the same bytes for the same accreditation are the same evidence');
  if (c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() !== BYTES)
    return problem(c, 415, 'unsupported_media_type', `send the bytes as ${BYTES}; what they are is said by media_type`);
  if (Number(c.req.header('content-length') ?? 0) > MOST_BYTES)
    return problem(c, 413, 'payload_too_large', `a piece of evidence has at most ${MOST_BYTES / 1024 / 1024} MiB`);
  const body = (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>;
  const take = async () => presentEvidence(await uploadEvidence(c.var.call, param(c, 'slug'), inputOf(validQuery<z.infer<typeof uploadQuery>>(c)), body));
  return c.var.call.rehearsal ? rehearsed(c, take) : c.json(await take(), 201, { 'cache-control': 'no-store' });
}

export function evidenceEndpoints(app: AdminApp): void {
  const tag = 'Accreditations';
  const base = '/authorities/{slug}/evidence';
  endpoint(
    app,
    { method: 'get', path: base, tag, summary: 'What was handed in, without its bytes', query: listQuery, response: pageOf(evidenceSchema) },
    async (c) => {
      const found = await listEvidence(c.var.call, param(c, 'slug'), validQuery<z.infer<typeof listQuery>>(c));
      return c.json({ items: found.items.map(presentEvidence), next_cursor: found.next });
    },
  );
  endpoint(
    app,
    { method: 'post', path: base, tag, summary: 'Say where evidence lies, and which bytes it is', body: linkBody, response: evidenceSchema, status: 201 },
    (c) => {
      const body = validJson<z.infer<typeof linkBody>>(c);
      return write(c, 201, presentEvidence, (call) =>
        linkEvidence(call, param(c, 'slug'), { ...inputOf(body), uri: body.uri, sha256: body.sha256, bytes: body.bytes }),
      );
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: `${base}/uploads`,
      tag,
      summary: 'Hand in evidence: the body is its bytes',
      description: `At most ${MOST_BYTES / 1024 / 1024} MiB. It is kept as it is, and never unpacked or shown. Where no files are kept (Workers, PostgreSQL) it is refused.`,
      query: uploadQuery,
      streams: { [BYTES]: z.string().openapi({ description: 'The bytes', example: '%PDF-1.7' }) },
      response: evidenceSchema,
      status: 201,
    },
    upload,
  );
  endpoint(
    app,
    {
      method: 'get',
      path: `${base}/{evidence}/content`,
      tag,
      summary: 'Its bytes, as an attachment; that you read them is told in the audit trail',
      response: z.string(),
    },
    async (c) => {
      const { body } = await readEvidence(c.var.call, param(c, 'slug'), param(c, 'evidence'));
      return new Response(body, { headers: INERT });
    },
  );
  endpoint(
    app,
    { method: 'post', path: `${base}/{evidence}/review`, tag, summary: 'Say that you looked at it; with quorum 2 not at your own', response: evidenceSchema },
    (c) => write(c, 200, presentEvidence, (call) => reviewEvidence(call, param(c, 'slug'), param(c, 'evidence'))),
  );
}
