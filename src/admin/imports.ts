import { z } from '@hono/zod-openapi';
import { parse } from 'csv-parse/sync';
import { parseJson } from '../federation/strict-json.js';
import { exportMembers } from '../operations/members/export-members.js';
import { finishImport, startImport } from '../operations/members/import-job.js';
import { IMPORT_SLICE, IMPORT_SLICE_BYTES, type ImportLine, importSlice } from '../operations/members/import-members.js';
import { Refusal } from '../operations/refusal.js';
import { allow } from '../operations/call.js';
import { findAuthority } from '../operations/registry.js';
import { type AdminApp, type AdminContext, param, validJson, validQuery } from './context.js';
import { endpoint } from './endpoint.js';
import { problem } from './errors.js';
import { enrollmentOf, jobSchema, newMember, presentEnrollment, presentJob } from './wire.js';
import { write } from './write.js';

/** A line may carry a configuration to serve, of a quarter of a megabyte. */
const MAX_LINE_BYTES = 384 * 1024;
const MAX_CSV_BYTES = 8 * 1024 * 1024;
const JSON_COLUMNS = ['jwks', 'metadata', 'constraints', 'claims'];
const LIST_COLUMNS = ['entity_types', 'crit', 'removed_keys', 'waive'];
const BOOLEAN_COLUMNS = ['intermediate', 'activate'];
const NUMBER_COLUMNS = ['statement_lifetime', 'valid_until'];
const TEXT_COLUMNS = ['entity_id', 'pem', 'organization', 'ec_location', 'domain_control', 'state', 'state_reason', 'hosted_configuration', 'readmit'];

const opening = z.strictObject({ dry_run: z.boolean().default(false), total: z.number().int().min(0).optional() }).openapi('NewImport');

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
      const { dry_run: dryRun = false, total } = validJson<z.infer<typeof opening>>(c);
      return write(c, 201, presentJob, (call) => startImport(call, param(c, 'slug'), { dryRun, total }));
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
        'Each line is what POST …/members takes, with the keys given: nothing is fetched. Taken in slices, each committed whole. The answer tells how far it came; lines up to there are skipped when sent again, so after a broken connection send the file again, or the rest with ?first_line=N. A gap is refused.',
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
    },
    async (c) => {
      const type = c.req.header('content-type')?.split(';')[0]?.trim();
      const { first_line: first } = validQuery<z.infer<typeof linesQuery>>(c);
      if (type !== 'application/x-ndjson' && type !== 'text/csv') return problem(c, 415, 'unsupported_media_type', 'send application/x-ndjson or text/csv');
      const lines = type === 'text/csv' ? csvLines(await readAll(c), first) : ndjsonLines(c, first);
      let job = await importSlice(c.var.call, param(c, 'slug'), param(c, 'job'), []);
      let slice: ImportLine[] = [];
      let bytes = 0;
      const flush = async () => {
        job = await importSlice(c.var.call, param(c, 'slug'), param(c, 'job'), slice);
        slice = [];
        bytes = 0;
      };
      for await (const line of lines) {
        slice.push(line);
        bytes += line.bytes ?? 0;
        if (slice.length === IMPORT_SLICE || bytes > IMPORT_SLICE_BYTES) await flush();
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
      return c.body(exportStream(c), 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
    },
  );
}

async function* ndjsonLines(c: AdminContext, first: number): AsyncGenerator<ImportLine> {
  let line = first;
  for await (const text of textLines(c)) {
    yield text.trim() === '' ? { line } : parseLine(text, line);
    line++;
  }
}

function parseLine(text: string, line: number): ImportLine {
  if (text.length > MAX_LINE_BYTES) return { line, fault: `the line has more than ${MAX_LINE_BYTES} bytes` };
  const json = parseJson(text, 'line');
  return json.ok ? { ...lineOf(json.value, line), bytes: text.length } : { line, fault: json.findings[0]?.detail ?? 'not JSON' };
}

/** A line is what POST …/members takes; a mere text as domain_control is somebody's word. */
function lineOf(value: unknown, line: number): ImportLine {
  const word = (value as { domain_control?: unknown } | null)?.domain_control;
  const parsed = newMember.safeParse(typeof word === 'string' ? { ...(value as object), domain_control: { method: 'operator', reason: word } } : value);
  if (parsed.success) return { line, input: enrollmentOf(parsed.data) };
  return { line, fault: parsed.error.issues.map((issue) => `${issue.path.join('/') || 'line'}: ${issue.message}`).join('; ') };
}

/** Lines of the body as they arrive; one that never ends is cut off at the cap, the rest of it is skipped. */
async function* textLines(c: AdminContext): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop() ?? '';
    if (rest.length > MAX_LINE_BYTES) rest = rest.slice(0, MAX_LINE_BYTES + 1);
    yield* parts;
  }
  rest += decoder.decode();
  if (rest) yield rest;
}

async function readAll(c: AdminContext): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_CSV_BYTES) throw new Refusal('invalid_request', `a CSV body has at most ${MAX_CSV_BYTES} bytes; send NDJSON, or several files`);
  }
  return text + decoder.decode();
}

/** CSV with a header row: JSON in jwks, metadata, constraints, claims; lists separated by spaces; empty cells are absent. */
function csvLines(text: string, first: number): ImportLine[] {
  let records: Record<string, string>[];
  try {
    records = parse(text, { columns: true, skip_empty_lines: true, bom: true, max_record_size: MAX_LINE_BYTES }) as Record<string, string>[];
  } catch (error) {
    throw new Refusal('invalid_request', `the CSV cannot be read: ${error instanceof Error ? error.message.slice(0, 200) : 'unknown'}`);
  }
  const known = [...JSON_COLUMNS, ...LIST_COLUMNS, ...BOOLEAN_COLUMNS, ...NUMBER_COLUMNS, ...TEXT_COLUMNS];
  const unknown = Object.keys(records[0] ?? {}).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Refusal('invalid_request', `unknown column "${unknown.slice(0, 60)}"; known are ${known.join(', ')}`);
  return records.map((record, n) => csvLine(record, first + n));
}

function csvLine(record: Record<string, string>, line: number): ImportLine {
  const value: Record<string, unknown> = {};
  for (const [name, cell] of Object.entries(record)) {
    if (cell === '') continue;
    if (cell.includes('\0')) return { line, fault: `${name} holds U+0000, which no text here may` };
    if (JSON_COLUMNS.includes(name)) {
      const json = parseJson(cell, name);
      if (!json.ok) return { line, fault: `${name}: ${json.findings[0]?.detail}` };
      value[name] = json.value;
    } else if (LIST_COLUMNS.includes(name)) value[name] = cell.split(/\s+/).filter(Boolean);
    else if (BOOLEAN_COLUMNS.includes(name)) value[name] = cell === 'true' ? true : cell === 'false' ? false : cell;
    else if (NUMBER_COLUMNS.includes(name)) value[name] = Number(cell);
    else value[name] = cell;
  }
  return { ...lineOf(value, line), bytes: Object.values(record).join().length };
}

/** Each may come with a configuration of a quarter of a megabyte. */
const EXPORT_PAGE = 100;

function exportStream(c: AdminContext): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const call = c.var.call;
  const slug = param(c, 'slug');
  let cursor: string | undefined;
  return new ReadableStream({
    async pull(controller) {
      const page = await exportMembers(call, slug, { limit: EXPORT_PAGE, cursor });
      const lines = page.items.map((one) => `${JSON.stringify(presentEnrollment(one))}\n`);
      if (lines.length) controller.enqueue(encoder.encode(lines.join('')));
      cursor = page.next ?? undefined;
      if (page.next === null) controller.close();
    },
  });
}
