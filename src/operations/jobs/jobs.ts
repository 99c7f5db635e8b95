import { and, eq } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import type { Reach } from '../../store/due-artefacts.js';
import { resignedDue } from '../../store/due-slices.js';
import { job } from '../../store/schema.js';
import type { Statement } from '../../store/database.js';
import type { Call } from '../call.js';
import type { AuthorityRow } from '../registry.js';
import { Refusal } from '../refusal.js';
import { olderThan, staleArtefacts } from './stale.js';

export type JobRow = typeof job.$inferSelect;

/**
 * An authority after a change that reaches every statement. The one place where `generation` rises, so that whoever keeps a
 * copy of the statements by their times sees each such change.
 */
export const nextGeneration = (row: AuthorityRow, now: number): AuthorityRow => ({
  ...row,
  generation: row.generation + 1,
  statementsChangedAt: now,
  updatedAt: now,
  v: row.v + 1,
});

/** What of a row is written when only its generation rose. */
export const generationOf = ({ generation, statementsChangedAt, updatedAt, v }: AuthorityRow) => ({ generation, statementsChangedAt, updatedAt, v });

export const reachOf = (text: unknown): Reach => (text === 'statements' || text === 'standing' ? text : 'all');

/** The job row of a change of a bundle: what makes its statements due is said with the bundle (store/bundles.ts). */
export async function bundleJob(
  call: Call,
  authority: AuthorityRow,
  bundle: string,
): Promise<{ readonly id: string; readonly statements: readonly Statement[] }> {
  const total = await staleArtefacts(call, authority.id, authority.generation, 'statements', bundle);
  const row = resigning(call, authority, total, { because: `bundle ${bundle}`, reach: 'statements', bundle });
  return { id: row.id, statements: [insertRows(job, [row])] };
}

const resigning = (call: Call, authority: AuthorityRow, total: number, params: Readonly<Record<string, unknown>>): JobRow => ({
  id: newId('job'),
  authorityId: authority.id,
  kind: 'resign',
  state: 'running',
  total,
  done: 0,
  refused: 0,
  params: { generation: authority.generation, ...params },
  createdBy: call.actor.id,
  createdAt: call.now(),
  updatedAt: call.now(),
});

/**
 * A change reached many artefacts: the old ones stay served and fall due at once, oldest expiry first; the renewal job
 * re-signs them in slices. The job row lets people watch.
 * @param withheld what this compromised key signed, or all within reach, is not served from the commit on until it is signed anew
 */
export async function resignJob(
  call: Call,
  authority: AuthorityRow,
  because: string,
  reach: Reach,
  withheld?: string | true,
): Promise<{ readonly id: string; readonly statements: readonly Statement[] }> {
  const { db } = call.store;
  const total = await olderThan(call, authority.id, authority.generation, reach, typeof withheld === 'string');
  const row = resigning(call, authority, total, { because, reach });
  const due = { authorityId: authority.id, generation: authority.generation, reach, withheld, at: call.now() };
  return { id: row.id, statements: [insertRows(job, [row]), ...resignedDue(db, due, call.dueAtOnce)] };
}

export async function findJob(call: Call, authorityId: string, id: string): Promise<JobRow> {
  const [row] = await call.store.db
    .select()
    .from(job)
    .where(and(eq(job.authorityId, authorityId), eq(job.id, id)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'there is no such job');
  return row;
}
