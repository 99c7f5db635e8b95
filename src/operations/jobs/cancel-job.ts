import { allow, type Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { findAuthority } from '../registry.js';
import { endImport } from './end-import.js';
import type { JobRow } from './jobs.js';

/** End an import that nobody goes on with. @throws Refusal not_found, wrong_state */
export async function cancelJob(call: Call<JobRow>, slug: string, jobId: string): Promise<JobRow> {
  allow(call, 'enroll', slug);
  const { id } = await findAuthority(call.store.db, slug);
  return endImport(call, id, jobId, 'cancelled', ({ state }) => {
    if (state !== 'running' && state !== 'cancelled') throw new Refusal('wrong_state', `the job is ${state} already`);
    return true;
  });
}
