import { eq } from 'drizzle-orm';
import { importEntity, job } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { findJob, type JobRow } from './jobs.js';

/** End an import that nobody goes on with: what it took stays, and so does its report. @throws Refusal not_found, wrong_state */
export async function cancelJob(call: Call<JobRow>, slug: string, jobId: string): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const { id: authorityId } = await findAuthority(call.store.db, slug);
  return change(call, {
    authorityId,
    scope: jobId,
    async decide() {
      const before = await findJob(call, authorityId, jobId);
      if (before.kind !== 'import') throw new Refusal('wrong_state', `a job of kind ${before.kind} ends by itself; imports are cancelled`);
      if (before.state === 'cancelled') return { events: [], statements: [], result: before };
      if (before.state !== 'running') throw new Refusal('wrong_state', `the job is ${before.state} already`);
      const row: JobRow = { ...before, state: 'cancelled', updatedAt: call.now() };
      return {
        events: [{ type: 'import.cancelled', subjectKind: 'job', subjectId: jobId, detail: { lines: row.done, refused: row.refused } }],
        statements: [
          call.store.db.update(job).set({ state: row.state, updatedAt: row.updatedAt }).where(eq(job.id, jobId)),
          call.store.db.delete(importEntity).where(eq(importEntity.jobId, jobId)),
        ],
        result: row,
      };
    },
  });
}
