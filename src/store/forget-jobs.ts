import { raw, type Statement } from './database.js';

/** A finished job is kept this long (seconds), and the last ones of each kind of an authority whatever their age. */
export const JOB_KEPT = 90 * 24 * 60 * 60;
export const JOBS_KEPT = 20;
/** Reports go in slices: one of them may have a hundred thousand lines. */
const LINES = 5000;

/**
 * Drop jobs that have served their time, reports first: a job goes once nothing of its report is left. The result of the last
 * crawl of an anchor stays on show, and so does its job.
 */
export function forgetJobs(now: number): readonly Statement[] {
  const before = now - JOB_KEPT;
  const old = `SELECT id FROM (SELECT id, state, updated_at, row_number() OVER (PARTITION BY authority_id, kind ORDER BY created_at DESC, id DESC) AS n FROM job) AS one
    WHERE n > ${JOBS_KEPT} AND state <> 'running' AND updated_at < ? AND NOT EXISTS (SELECT 1 FROM crawl_entity WHERE job_id = one.id)`;
  return [
    raw(`DELETE FROM job_refusal WHERE rowid IN (SELECT rowid FROM job_refusal WHERE job_id IN (${old}) LIMIT ${LINES})`, before),
    raw(`DELETE FROM job WHERE id IN (${old}) AND NOT EXISTS (SELECT 1 FROM job_refusal WHERE job_id = job.id)`, before),
    // A dry run that nobody closed.
    raw("DELETE FROM import_entity WHERE job_id IN (SELECT id FROM job WHERE kind = 'import' AND updated_at < ?)", before),
  ];
}
