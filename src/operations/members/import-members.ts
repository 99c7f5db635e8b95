import { and, eq } from 'drizzle-orm';
import type { Finding } from '../../federation/entry.js';
import { spellingOf } from '../../federation/place.js';
import { insertRows } from '../../store/bulk.js';
import { beganAt } from '../../store/cut-since.js';
import type { NewEvent } from '../../store/event.js';
import { inLot, readByList } from '../../store/lots.js';
import { importEntity, job, jobRefusal } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { findJob, type JobRow } from '../jobs/jobs.js';
import type { Judged } from '../judged.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { decideEnrollment, type Enrolled, writeEnrollments } from './enrolling.js';
import { groundOf } from './ground.js';
import { type Enrollment, type Prepared, prepare } from './enrollment.js';

/** Before the code of a line that was taken all the same. */
export const WARNING = 'warning:';
const MAX_DETAIL = 500;

/** Lines decided, signed and committed together at most; a crash loses none of them or all of them. */
export const IMPORT_SLICE = 500;
/** A slice of long lines is cut earlier, so that one commit stays small. */
export const IMPORT_SLICE_BYTES = 256 * 1024;

/** A line as read: an enrolment, or what is wrong with it, or nothing (a blank line counts, so that no line is passed over). */
export interface ImportLine {
  readonly line: number;
  readonly input?: Enrollment;
  readonly fault?: string;
  /** What stands where the identifier belongs, beside a fault. */
  readonly entityId?: string;
  readonly bytes?: number;
}

/** A line of the report: refused, or taken with a warning. */
interface Told {
  readonly line: number;
  readonly entityId: string | null;
  readonly code: string;
  readonly detail: string;
}

/**
 * Take a slice of lines: members, statements, events, refusals and progress in one commit, so that an import goes on
 * exactly where it stopped. Lines at or before the job's progress were taken before and are skipped; a gap is refused,
 * because progress is one number.
 * @throws Refusal wrong_state
 */
export async function importSlice(call: Call<JobRow>, slug: string, jobId: string, lines: readonly ImportLine[]): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const authority = await findAuthority(call.store.db, slug);
  const activate = (await findJob(call, authority.id, jobId)).params['activate'] === true;
  const read = await Promise.all(lines.map((line) => readLine(call, authority, activate ? activated(line) : line)));
  return change(call, {
    authorityId: authority.id,
    scope: null,
    async decide() {
      const before = await findJob(call, authority.id, jobId);
      if (before.kind !== 'import' || before.state !== 'running') throw new Refusal('wrong_state', `the job is ${before.state}; start another import`);
      const fresh = read.filter(({ line }) => line > before.done);
      expectNoGap(fresh, before.done);
      if (fresh.length === 0) return { events: [], statements: [], result: before };
      const dryRun = before.params['dry_run'] === true;
      const slice = await decideSlice(call, slug, fresh, { id: jobId, dryRun: dryRun ? jobId : undefined });
      const told = [...slice.refused, ...slice.warned];
      const done = fresh.at(-1)?.line ?? before.done;
      const row: JobRow = {
        ...before,
        done,
        total: Math.max(before.total, done),
        refused: before.refused + slice.refused.length,
        params: { ...before.params, enrolled: counted(before.params['enrolled'], slice.states) },
        updatedAt: call.now(),
      };
      const progress: NewEvent = {
        type: 'import.progressed',
        subjectKind: 'job',
        subjectId: jobId,
        detail: { to_line: row.done, refused: slice.refused.length },
      };
      const refusals = told.map((one) => ({ jobId, ...one }));
      return {
        events: [...slice.events, progress],
        statements: [
          ...slice.statements,
          ...(refusals.length ? [insertRows(jobRefusal, refusals)] : []),
          call.store.db
            .update(job)
            .set({ done: row.done, total: row.total, refused: row.refused, params: row.params, updatedAt: row.updatedAt })
            .where(eq(job.id, jobId)),
        ],
        result: row,
      };
    },
  });
}

/** @throws Refusal wrong_state */
function expectNoGap(lines: readonly { readonly line: number }[], done: number): void {
  let next = done + 1;
  for (const { line } of lines) {
    if (line !== next) throw new Refusal('wrong_state', `line ${next} has not come, this is line ${line}; send the rest with ?first_line=${next}`);
    next++;
  }
}

/** What an import says of all its lines, a line may say otherwise of itself. */
const activated = ({ input, ...line }: ImportLine): ImportLine =>
  input && input.activate === undefined && input.state === undefined ? { ...line, input: { ...input, activate: true } } : { ...line, ...(input && { input }) };

interface Read {
  readonly line: number;
  readonly prepared?: Prepared;
  readonly told?: Told;
}

async function readLine(call: Call, authority: AuthorityRow, { line, input, fault, entityId }: ImportLine): Promise<Read> {
  if (fault !== undefined) return { line, told: { line, entityId: named(entityId), code: 'invalid_request', detail: fault.slice(0, MAX_DETAIL) } };
  if (input === undefined) return { line };
  return prepare(call, authority, input, true).then(
    (prepared) => ({ line, prepared }),
    (error: unknown) => ({ line, told: refusalOf(line, input.entityId, error) }),
  );
}

async function decideSlice(call: Call, slug: string, lines: readonly Read[], { id, dryRun }: { readonly id: string; readonly dryRun: string | undefined }) {
  const refused: Told[] = lines.flatMap(({ told }) => told ?? []);
  const warned: Told[] = [];
  const all = lines.flatMap(({ prepared }) => prepared ?? []);
  const authority = await findAuthority(call.store.db, slug);
  // The file was written before the import began: a cut that came since then was not known to whoever wrote it.
  const ground = await groundOf(call, authority, all, await beganAt(call.store.db, authority.id, id, 'import.started'));
  const earlier = dryRun === undefined ? [] : await seenBefore(call, dryRun, all);
  const seen = new Set(earlier.map(({ entityId }) => entityId));
  for (const { spelling, entityId } of earlier) ground.spellings.set(spelling, [...(ground.spellings.get(spelling) ?? []), { entityId, state: 'vetting' }]);
  const accepted: Enrolled[] = [];
  for (const { line, prepared } of lines) {
    if (!prepared) continue;
    const { entityId } = prepared.input;
    try {
      if (seen.has(entityId)) throw new Refusal('already_exists', 'this entity identifier stands earlier in the file');
      const enrolled = await decideEnrollment(call, ground, prepared);
      accepted.push(enrolled);
      seen.add(entityId);
      const findings = enrolled.findings;
      if (findings.length) warned.push({ line, entityId, code: `${WARNING}${findings[0]?.code}`, detail: textOf(findings) });
    } catch (error) {
      refused.push(refusalOf(line, entityId, error));
    }
  }
  const states = accepted.map(({ after }) => after.state);
  if (dryRun !== undefined) {
    const rows = accepted.map(({ after }) => ({ jobId: dryRun, entityId: after.entityId, spelling: spellingOf(after.entityId) }));
    return { refused, warned, states, events: [], statements: rows.length ? [insertRows(importEntity, rows)] : [] };
  }
  const { events, statements } = await writeEnrollments(call, ground, accepted);
  return { refused, warned, states, events, statements };
}

/** Members taken so far, by the state they came in. */
function counted(before: unknown, states: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = { ...(before as Record<string, number> | undefined) };
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** A dry run makes no members: what it would have made is remembered apart. */
function seenBefore(call: Call, jobId: string, all: readonly Prepared[]): Promise<{ entityId: string; spelling: string }[]> {
  return readByList(
    all.map(({ input }) => spellingOf(input.entityId)),
    (spellings) =>
      call.store.db
        .select({ entityId: importEntity.entityId, spelling: importEntity.spelling })
        .from(importEntity)
        .where(and(eq(importEntity.jobId, jobId), inLot(importEntity.spelling, spellings))),
  );
}

/** What a line calls itself, for the report: it may be no identifier at all. No store takes U+0000 in a text. */
const named = (text: string | undefined): string | null => text?.replaceAll('\0', '\uFFFD').slice(0, MAX_DETAIL) || null;

function refusalOf(line: number, entityId: string, error: unknown): Told {
  if (!(error instanceof Refusal)) throw error;
  const [first] = error.findings;
  return {
    line,
    entityId: named(entityId),
    code: first?.code ?? error.code,
    detail: (error.findings.length ? textOf(error.findings) : error.message).slice(0, MAX_DETAIL),
  };
}

const textOf = (findings: readonly (Finding | Judged)[]): string =>
  findings
    .map(({ where, detail }) => `${where}: ${detail}`)
    .join('; ')
    .slice(0, MAX_DETAIL);
