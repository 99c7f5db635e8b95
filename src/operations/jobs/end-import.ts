import { and, eq, lt, ne } from 'drizzle-orm';
import { authority, importEntity, job } from '../../store/schema.js';
import { type Call, change, type Deployment, systemCall } from '../call.js';
import { Refusal } from '../refusal.js';
import { findJob, type JobRow } from './jobs.js';

/** How an import ends: a person is done with it, gives it up, or nobody goes on with it. */
const ENDS = { done: 'import.finished', cancelled: 'import.cancelled', failed: 'import.abandoned' } as const;
export type ImportEnd = keyof typeof ENDS;

/**
 * End an import. What it took stays, and so does its report; every end is an event. One that has ended stays as it is.
 * @param ends looks at the job as it stands behind the lock, and may refuse; false leaves it running
 */
export function endImport(call: Call<JobRow>, authorityId: string, jobId: string, end: ImportEnd, ends: (before: JobRow) => boolean): Promise<JobRow> {
  return change(call, {
    authorityId,
    scope: jobId,
    async decide() {
      const before = await findJob(call, authorityId, jobId);
      if (before.kind !== 'import') throw new Refusal('wrong_state', `a job of kind ${before.kind} ends by itself; imports are ended by hand`);
      if (!ends(before) || before.state !== 'running') return { events: [], statements: [], result: before };
      const row: JobRow = { ...before, state: end, total: end === 'done' ? before.done : before.total, updatedAt: call.now() };
      const { db } = call.store;
      return {
        events: [
          {
            type: ENDS[end],
            subjectKind: 'job',
            subjectId: jobId,
            detail: { lines: row.done, refused: row.refused, dry_run: row.params['dry_run'] === true },
          },
        ],
        statements: [
          db
            .update(job)
            .set({ state: row.state, total: row.total, updatedAt: row.updatedAt })
            .where(and(eq(job.id, jobId), eq(job.state, 'running'))),
          db.delete(importEntity).where(eq(importEntity.jobId, jobId)),
        ],
        result: row,
      };
    },
  });
}

/** An import that nobody went on with for this long is over. */
const IDLE = 86_400;
/** Of those that are over, how many end in one turn. */
const AT_ONCE = 100;

/** End the imports that nobody goes on with. Those of a retired authority stay as they are: nothing of it changes any more. */
export async function endIdleImports(deployment: Deployment): Promise<void> {
  const { db } = deployment.store;
  const idle = () => deployment.now() - IDLE;
  const over = await db
    .select({ id: job.id, authorityId: job.authorityId })
    .from(job)
    .innerJoin(authority, eq(authority.id, job.authorityId))
    .where(and(eq(job.kind, 'import'), eq(job.state, 'running'), lt(job.updatedAt, idle()), ne(authority.state, 'retired')))
    .limit(AT_ONCE);
  for (const { id, authorityId } of over) await endImport(systemCall(deployment), authorityId, id, 'failed', ({ updatedAt }) => updatedAt < idle());
}
