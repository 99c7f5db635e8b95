import { z } from '@hono/zod-openapi';
import { MAX_ROW_BYTES } from '../edge/csv.js';
import { exportMembers } from '../operations/members/export-members.js';
import { finishImport, startImport } from '../operations/members/import-job.js';
import { fairLots } from '../operations/fair-lots.js';
import { IMPORT_SLICE, IMPORT_SLICE_BYTES, type ImportLine, importSlice } from '../operations/members/import-members.js';
import { allow } from '../operations/call.js';
import { findAuthority } from '../operations/registry.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { problem } from './errors.js';
import { csvLines } from './csv-lines.js';
import { csvText, jsonLines } from './import-body.js';
import { type Lines, streamed } from './streamed.js';
import { jobSchema, presentEnrollment, presentJob } from './wire.js';
import { write } from './write.js';

const opening = z
  .strictObject({
    dry_run: z.boolean().default(false),
    activate: z
      .boolean()
      .default(false)
      .openapi({ description: 'Members whose line gives neither activate nor state become active; else they wait in state vetting' }),
    total: z.number().int().min(0).optional(),
    csv_header: z.string().max(MAX_ROW_BYTES).optional().openapi({
      description: 'The header row of the CSV that is to come: an unknown column is refused here, and no job is made',
      example: 'entity_id,organization',
    }),
  })
  .openapi('NewImport');

const FIRST_LINE = 'first_line is the number, from 1, of the first line sent';
const linesQuery = z.object({
  first_line: z.coerce
    .number({ error: FIRST_LINE })
    .int(FIRST_LINE)
    .min(1, FIRST_LINE)
    .default(1)
    .openapi({ description: 'The number in the whole file, from 1, of the first line sent' }),
});

/** Bulk import: open a job, send lines in as many requests as you like, close it. Export streams the same lines back. */
export function importEndpoints(app: AdminApp): void {
  const tag = 'Import and export';
  endpoint(
    app,
    {
      method: 'post',
      path: '/authorities/{slug}/imports',
      tag,
      summary: 'Open an import',
      body: opening,
      bodyOptional: true,
      response: jobSchema,
      status: 201,
    },
    (c) => {
      const { dry_run: dryRun = false, activate = false, total, csv_header: header } = validJson<z.infer<typeof opening>>(c);
      if (header !== undefined) csvLines(header);
      return write(c, 201, presentJob, (call) => startImport(call, param(c, 'slug'), { dryRun, activate, total }));
    },
  );
  endpoint(
    app,
    {
      method: 'post',
      path: '/authorities/{slug}/imports/{job}/lines',
      tag,
      summary: 'Send lines: NDJSON (application/x-ndjson) or CSV with a header row (text/csv)',
      description:
        'Each line is what POST …/members takes, with the keys given: nothing is fetched. Taken in slices, each committed whole. The answer tells how far it came; lines up to there are skipped when sent again, so after a broken connection send the file again, or the rest with ?first_line=N. A gap is refused. Lines of CSV are numbered as the rows of a sheet, the header is row 1; what separates its columns is seen in the header.',
      query: linesQuery,
      streams: {
        'application/x-ndjson': z
          .string()
          .openapi({ description: 'One member a line, as NewMember', example: '{"entity_id":"https://rp.example.org","jwks":{"keys":[]}}\n' }),
        'text/csv': z
          .string()
          .openapi({ description: 'A header row of member names, then one member a row', example: 'entity_id,organization\nhttps://rp.example.org,Bank A\n' }),
      },
      response: jobSchema,
      unrehearsed: 'an import is rehearsed as a whole: open one with "dry_run": true in its body',
    },
    async (c) => {
      const type = c.req.header('content-type')?.split(';')[0]?.trim();
      const { first_line: first } = validQuery<z.infer<typeof linesQuery>>(c);
      if (type !== 'application/x-ndjson' && type !== 'text/csv') return problem(c, 415, 'unsupported_media_type', 'send application/x-ndjson or text/csv');
      // Nothing is read of who may not, or of a job that is over.
      let job = await importSlice(c.var.call, param(c, 'slug'), param(c, 'job'), []);
      const body = (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>;
      const lines = type === 'text/csv' ? csvLines(await csvText(body), first === 1 ? undefined : first) : jsonLines(body, first);
      const lots = fairLots(c.var.call, { most: IMPORT_SLICE, inLine: true });
      let slice: ImportLine[] = [];
      let bytes = 0;
      const flush = async () => {
        job = await lots.carry(() => importSlice(c.var.call, param(c, 'slug'), param(c, 'job'), slice));
        slice = [];
        bytes = 0;
      };
      for await (const line of lines) {
        slice.push(line);
        bytes += line.bytes ?? 0;
        if (slice.length >= lots.size() || bytes > IMPORT_SLICE_BYTES) await flush();
      }
      if (slice.length) await flush();
      return c.json(presentJob(job));
    },
  );
  endpoint(
    app,
    { method: 'post', path: '/authorities/{slug}/imports/{job}/finish', tag, summary: 'Close an import; its report stays', response: jobSchema },
    (c) => write(c, 200, presentJob, (call) => finishImport(call, param(c, 'slug'), param(c, 'job'))),
  );
  endpoint(
    app,
    { method: 'get', path: '/authorities/{slug}/export', tag, summary: 'All members as NDJSON, in the form that import takes', response: z.string() },
    async (c) => {
      allow(c.var.call, 'read', param(c, 'slug'));
      await findAuthority(c.var.call.store.db, param(c, 'slug'));
      return streamed(c, exported(c));
    },
  );
}

/** Each may come with a configuration of a quarter of a megabyte. */
const EXPORT_PAGE = 100;

function exported(c: AdminContext): Lines {
  const call = c.var.call;
  const slug = param(c, 'slug');
  let cursor: string | null | undefined;
  return {
    async next() {
      if (cursor === null) return undefined;
      const page = await exportMembers(call, slug, { limit: EXPORT_PAGE, cursor });
      cursor = page.next;
      return page.items.map((one) => `${JSON.stringify(presentEnrollment(one))}\n`).join('');
    },
  };
}
