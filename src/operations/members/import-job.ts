import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { job } from '../../store/schema.js';
import { allow, asWhom, type Call, change, may } from '../call.js';
import { endImport } from '../jobs/end-import.js';
import type { JobRow } from '../jobs/jobs.js';
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

/** Close an import; its report stays. @throws Refusal not_found, wrong_state */
export async function finishImport(call: Call<JobRow>, slug: string, jobId: string): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return endImport(call, id, jobId, 'done', () => true);
}
