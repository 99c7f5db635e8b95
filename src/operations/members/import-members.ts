import { and, eq, sql } from 'drizzle-orm';
import { z } from 'zod';
import { type Constraints, type Finding, type Metadata, type UsableKeys, parseEntityId } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { insertRows, type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { NewEvent } from '../../store/event.js';
import { job, jobRefusal, member, organization } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { findJob, type JobRow } from '../jobs/jobs.js';
import { type MemberInput, memberInputFindings, newMemberRow } from './member-input.js';
import { expectLocatable } from './identifier-uniqueness.js';
import { keysLeftOut } from '../judged.js';
import { knowMembers } from '../../store/known-entities.js';
import { givenKeys } from './member-keys.js';
import { type Issuer, issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import { findAuthority, type MemberRow } from '../registry.js';
import { writeMembers } from './write-member.js';

/** Before the code of a line that was taken all the same. */
export const WARNING = 'warning:';
const MAX_DETAIL = 500;
const textOf = (findings: readonly Finding[]): string =>
  findings
    .map(({ where, detail }) => `${where}: ${detail}`)
    .join('; ')
    .slice(0, MAX_DETAIL);

/** Lines decided, signed and committed together; a crash loses none of them or all of them. */
export const IMPORT_SLICE = 500;
/** A slice of long lines is cut earlier: its statements stay well below the megabyte that D1 binds. */
export const IMPORT_SLICE_BYTES = 256 * 1024;
const SIGN_AT_ONCE = 125;

/** One line: as POST …/members, with the keys given; nothing is fetched. */
const lineShape = z.strictObject({
  entity_id: z.string(),
  jwks: z.unknown().optional(),
  pem: z.string().optional(),
  entity_types: z.array(z.string().min(1).max(200)).max(50).optional(),
  intermediate: z.boolean().optional(),
  metadata: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  constraints: z.record(z.string(), z.unknown()).optional(),
  claims: z.record(z.string(), z.unknown()).optional(),
  crit: z.array(z.string()).max(50).optional(),
  organization: z.string().min(1).max(300).optional(),
  statement_lifetime: z.number().int().optional(),
  valid_until: z.number().int().nullable().optional(),
  ec_location: z.string().max(2048).nullable().optional(),
  /** An operator's word, and the reason for it, that the member controls the domain of its identifier. */
  domain_control: z.string().trim().min(1).max(500).optional(),
  activate: z.boolean().optional(),
});

/** A line as read: its number in the file, and its JSON or what is wrong with it. */
export interface ImportLine {
  readonly line: number;
  readonly value: unknown;
  readonly fault?: string;
  readonly bytes?: number;
}

/** A line of the report: refused, or taken with a warning. */
interface Told {
  readonly line: number;
  readonly entityId: string | null;
  readonly code: string;
  readonly detail: string;
}

/** Open an import: a job with a report. A dry run says what would be refused and writes no member. */
export async function startImport(call: Call, slug: string, input: { readonly dryRun: boolean; readonly total?: number | undefined }): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  const now = call.now();
  const row: JobRow = {
    id: newId('job'),
    authorityId,
    kind: 'import',
    state: 'running',
    total: input.total ?? 0,
    done: 0,
    refused: 0,
    params: { dry_run: input.dryRun },
    createdBy: call.actor.id,
    createdAt: now,
    updatedAt: now,
  };
  return change(call, {
    authorityId,
    scope: row.id,
    decide: async () => ({
      events: [{ type: 'import.started', subjectKind: 'job', subjectId: row.id, detail: { dry_run: input.dryRun } }],
      statements: [insertRows(job, [row])],
      result: row,
    }),
  });
}

/** Close an import; its report stays. */
export async function finishImport(call: Call, slug: string, jobId: string): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  return change(call, {
    authorityId,
    scope: jobId,
    async decide() {
      const before = await findJob(call, authorityId, jobId);
      if (before.state !== 'running') return { events: [], statements: [], result: before };
      const row: JobRow = { ...before, state: 'done', total: before.done, updatedAt: call.now() };
      return {
        events: [
          {
            type: 'import.finished',
            subjectKind: 'job',
            subjectId: jobId,
            detail: { lines: row.done, refused: row.refused, dry_run: row.params['dry_run'] === true },
          },
        ],
        statements: [call.store.db.update(job).set({ state: row.state, total: row.total, updatedAt: row.updatedAt }).where(eq(job.id, jobId))],
        result: row,
      };
    },
  });
}

/**
 * Take a slice of lines: members, statements, events, refusals and progress in one commit, so that an import goes on
 * exactly where it stopped. Lines at or before the job's progress were taken before and are skipped.
 */
export async function importSlice(call: Call, slug: string, jobId: string, lines: readonly ImportLine[]): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const mayApprove = (() => {
    try {
      allow(call, 'approve', slug);
      return true;
    } catch {
      return false;
    }
  })();
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  return change(call, {
    authorityId,
    scope: null,
    async decide() {
      const before = await findJob(call, authorityId, jobId);
      if (before.kind !== 'import' || before.state !== 'running') throw new Refusal('wrong_state', `the job is ${before.state}; start another import`);
      const fresh = lines.filter(({ line }) => line > before.done);
      const dryRun = before.params['dry_run'] === true;
      const slice = await decideSlice(call, slug, authorityId, fresh, mayApprove);
      const told = [...slice.refused, ...slice.warned];
      const now = call.now();
      const row: JobRow = {
        ...before,
        done: Math.max(before.done, ...fresh.map(({ line }) => line)),
        refused: before.refused + slice.refused.length,
        updatedAt: now,
      };
      row.total = Math.max(row.total, row.done);
      if (fresh.length === 0) return { events: [], statements: [], result: before };
      const progress: NewEvent = {
        type: 'import.progressed',
        subjectKind: 'job',
        subjectId: jobId,
        detail: { to_line: row.done, refused: slice.refused.length },
      };
      return {
        events: dryRun ? [progress] : [...slice.events, progress],
        statements: [
          ...(dryRun ? [] : slice.statements),
          ...(told.length
            ? [
                insertRows(
                  jobRefusal,
                  told.map((one) => ({ jobId, ...one })),
                ),
              ]
            : []),
          db.update(job).set({ done: row.done, total: row.total, refused: row.refused, updatedAt: now }).where(eq(job.id, jobId)),
        ],
        result: row,
      };
    },
  });
}

async function decideSlice(call: Call, slug: string, authorityId: string, lines: readonly ImportLine[], mayApprove: boolean) {
  const refused: Told[] = [];
  const warned: Told[] = [];
  const accepted: { line: ImportLine; input: z.infer<typeof lineShape>; keys: UsableKeys }[] = [];
  const authority = await findAuthority(call.store.db, slug);
  const taken = await knownEntities(call, authorityId, lines);
  for (const line of lines) {
    const checked = await checkLine(call, authorityId, line, mayApprove);
    if ('code' in checked) refused.push(checked);
    else if (taken.has(checked.input.entity_id))
      refused.push({
        line: line.line,
        entityId: checked.input.entity_id,
        code: 'already_exists',
        detail: 'this entity identifier is known here, or stands earlier in the file',
      });
    else if (checked.input.entity_id === authority.entityId)
      refused.push({ line: line.line, entityId: checked.input.entity_id, code: 'invalid_request', detail: 'an authority is not its own member' });
    else {
      taken.add(checked.input.entity_id);
      accepted.push({ line, ...checked });
      const { ignored } = checked.keys;
      if (ignored.length)
        warned.push({
          line: line.line,
          entityId: checked.input.entity_id,
          code: `${WARNING}${ignored[0]?.code}`,
          detail: textOf(keysLeftOut(ignored)),
        });
    }
  }
  const organizations = await organizationsOf(
    call,
    authorityId,
    accepted.map(({ input }) => input.organization),
  );
  const now = call.now();
  const described = accepted.map(({ input, keys: { jwks } }) => {
    const organizationId = input.organization === undefined ? null : (organizations.ids.get(input.organization) ?? null);
    return newMemberRow(
      { id: newId('mem'), authorityId, organizationId, entityId: input.entity_id, active: input.activate === true, jwks, keysIat: null, now },
      inputOf(input, now),
    );
  });
  const { rows, statements } = await writeMembers(described.map((after) => ({ after })));
  const active = rows.filter(({ state }) => state === 'active');
  const artefacts = active.length ? await signAll(call, await issuerOf(call, authority), active) : new Map<string, NewArtefact>();
  const events = rows.map((row): NewEvent => {
    const artefact = artefacts.get(row.id);
    return {
      type: 'member.enrolled',
      subjectKind: 'member',
      subjectId: row.id,
      detail: {
        entity_id: row.entityId,
        state: row.state,
        keys_proven_by: 'operator',
        kids: row.jwks.keys.map(({ kid }) => kid),
        ...(row.ecLocation !== null && { ec_location: row.ecLocation }),
        ...(row.domainControl && { domain_control: row.domainControl }),
      },
      artefacts: artefact ? published([artefact]) : [],
    };
  });
  return {
    refused,
    warned,
    events: [...organizations.events, ...events],
    statements: [
      ...organizations.statements,
      ...statements,
      ...(artefacts.size
        ? [
            putArtefacts([...artefacts.values()]),
            knowMembers(
              authority.id,
              active.map(({ entityId }) => entityId),
              call.now(),
            ),
          ]
        : []),
    ],
  };
}

async function checkLine(
  call: Call,
  authorityId: string,
  { line, value, fault }: ImportLine,
  mayApprove: boolean,
): Promise<Told | { input: z.infer<typeof lineShape>; keys: UsableKeys }> {
  const no = (code: string, detail: string, entityId: string | null = null): Told => ({ line, entityId, code, detail: detail.slice(0, MAX_DETAIL) });
  if (fault !== undefined) return no('invalid_request', fault);
  const parsed = lineShape.safeParse(value);
  if (!parsed.success) return no('invalid_request', parsed.error.issues.map((issue) => `${issue.path.join('/') || 'line'}: ${issue.message}`).join('; '));
  const input = parsed.data;
  const id = parseEntityId(input.entity_id, call);
  if (!id.ok) return no('entity_id_invalid', id.findings[0]?.detail ?? '', null);
  if ((input.jwks === undefined) === (input.pem === undefined)) return no('invalid_request', 'give exactly one of jwks and pem', input.entity_id);
  const keys = await givenKeys(input);
  const findings = [...(keys.ok ? [] : keys.findings), ...memberInputFindings(inputOf(input, call.now()), call)];
  if (!keys.ok || findings.length) return no(findings[0]?.code ?? 'invalid_request', textOf(findings), input.entity_id);
  if (input.activate && !mayApprove) return no('permission_denied', 'your role may not activate members', input.entity_id);
  if (typeof input.valid_until === 'number' && input.valid_until <= call.now()) return no('invalid_request', 'valid_until has passed', input.entity_id);
  const { ecLocation = null, domainControl = null } = inputOf(input, call.now());
  try {
    await expectLocatable(call, { authorityId, entityId: input.entity_id, jwks: keys.value.jwks, ecLocation, domainControl }, true);
  } catch (error) {
    if (error instanceof Refusal) return no(error.code, error.message, input.entity_id);
    throw error;
  }
  return { input, keys: keys.value };
}

async function knownEntities(call: Call, authorityId: string, lines: readonly ImportLine[]): Promise<Set<string>> {
  const ids = JSON.stringify(lines.map(({ value }) => (value as { entity_id?: unknown } | null)?.entity_id).filter((id) => typeof id === 'string'));
  const rows = await call.store.db
    .select({ entityId: member.entityId })
    .from(member)
    .where(and(eq(member.authorityId, authorityId), sql`entity_id IN (SELECT value FROM json_each(${ids}))`));
  return new Set(rows.map(({ entityId }) => entityId));
}

async function organizationsOf(call: Call, authorityId: string, names: readonly (string | undefined)[]) {
  const wanted = [...new Set(names.filter((name) => name !== undefined))];
  const ids = new Map<string, string>();
  if (wanted.length === 0) return { ids, events: [], statements: [] };
  const list = JSON.stringify(wanted);
  for (const row of await call.store.db
    .select()
    .from(organization)
    .where(
      and(
        eq(organization.authorityId, authorityId),
        sql`(legal_name IN (SELECT value FROM json_each(${list})) OR id IN (SELECT value FROM json_each(${list})))`,
      ),
    )) {
    ids.set(row.legalName, row.id).set(row.id, row.id);
  }
  const now = call.now();
  const rows = wanted.filter((name) => !ids.has(name)).map((legalName) => ({ id: newId('org'), authorityId, legalName, createdAt: now, updatedAt: now, v: 1 }));
  for (const row of rows) ids.set(row.legalName, row.id);
  const events = rows.map(
    (row): NewEvent => ({ type: 'organization.created', subjectKind: 'organization', subjectId: row.id, detail: { legal_name: row.legalName } }),
  );
  return { ids, events, statements: rows.length ? [insertRows(organization, rows)] : [] };
}

/** A line in the words of the operations. */
const inputOf = (input: z.infer<typeof lineShape>, now: number): MemberInput => ({
  entityTypes: input.entity_types ?? Object.keys(input.metadata ?? {}),
  intermediate: input.intermediate,
  metadata: input.metadata as Metadata | undefined,
  constraints: input.constraints as Constraints | undefined,
  claims: input.claims,
  crit: input.crit,
  statementLifetime: input.statement_lifetime,
  validUntil: input.valid_until,
  ecLocation: input.ec_location,
  domainControl: input.domain_control === undefined ? null : { method: 'operator', reason: input.domain_control, at: now },
});

async function signAll(call: Call, issuer: Issuer, rows: readonly MemberRow[]): Promise<Map<string, NewArtefact>> {
  const signed = new Map<string, NewArtefact>();
  for (let at = 0; at < rows.length; at += SIGN_AT_ONCE) {
    await Promise.all(rows.slice(at, at + SIGN_AT_ONCE).map(async (row) => signed.set(row.id, await signedStatement(call, issuer, row))));
  }
  return signed;
}
