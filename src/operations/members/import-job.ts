import { eq } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { importEntity, job } from '../../store/schema.js';
import { allow, asWhom, type Call, change, may } from '../call.js';
import { findJob, type JobRow } from '../jobs/jobs.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { TWO_APPROVE } from './enrollment.js';

/** Open an import: a job with a report. A dry run says what would be refused and writes no member. */
export async function startImport(
  call: Call<JobRow>,
  slug: string,
  input: { readonly dryRun: boolean; readonly activate?: boolean; readonly total?: number | undefined },
): Promise<JobRow> {
  allow(call, 'enroll', slug);
  if (input.activate && !may(call, 'approve', slug))
    throw new Refusal('permission_denied', `${asWhom(call)} may not activate members; without activate they wait in state vetting`);
  const { id: authorityId, quorum } = await findAuthority(call.store.db, slug);
  if (input.activate && quorum > 1) throw new Refusal('wrong_state', TWO_APPROVE);
  const now = call.now();
  const row: JobRow = {
    id: newId('job'),
    authorityId,
    kind: 'import',
    state: 'running',
    total: input.total ?? 0,
    done: 0,
    refused: 0,
    params: { dry_run: input.dryRun, ...(input.activate && { activate: true }) },
    createdBy: call.actor.id,
    createdAt: now,
    updatedAt: now,
  };
  return change(call, {
    authorityId,
    scope: row.id,
    decide: async () => ({
      events: [{ type: 'import.started', subjectKind: 'job', subjectId: row.id, detail: { dry_run: input.dryRun, ...(input.activate && { activate: true }) } }],
      statements: [insertRows(job, [row])],
      result: row,
    }),
  });
}

/** Close an import; its report stays. */
export async function finishImport(call: Call<JobRow>, slug: string, jobId: string): Promise<JobRow> {
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
        statements: [
          call.store.db.update(job).set({ state: row.state, total: row.total, updatedAt: row.updatedAt }).where(eq(job.id, jobId)),
          call.store.db.delete(importEntity).where(eq(importEntity.jobId, jobId)),
        ],
        result: row,
      };
    },
  });
}
