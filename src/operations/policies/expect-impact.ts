import { lastOf, toldSince } from '../../store/told-since.js';
import { job } from '../../store/schema.js';
import { eq } from 'drizzle-orm';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { publishedPolicy } from '../registry.js';
import type { JobRow } from '../jobs/jobs.js';
import { impactOf, unknownIn } from './policy-impact.js';

/** What whoever publishes takes upon himself. */
export interface Acceptance {
  readonly acceptBreaks?: boolean;
  readonly acceptUnknown?: boolean;
}

/** What members declare changes without us: so long (seconds) an impact counts. */
const COUNTS_FOR = 24 * 60 * 60;

/** Members that an impact has not seen, or has seen otherwise. Keys are nothing that a policy meets. */
const CHANGES = [
  ...['member.enrolled', 'member.activated', 'member.resumed', 'member.changed'],
  ...['member.entitlements_changed', 'bundle.changed', 'bundle.ended'],
];

/**
 * Whoever asked what a policy does to the members publishes on what is so now: an impact that is old, that was compared with
 * another version than the one in force, or that members have changed since says nothing about today. Asked behind the lock.
 * One that nobody asked for is not demanded: who drafts a first policy has nobody whom it could break.
 * @returns what the event says: the job that was relied on, or that there is none
 * @throws Refusal wrong_state
 */
export async function expectImpact(call: Call, authorityId: string, version: number, { acceptBreaks, acceptUnknown }: Required<Acceptance>): Promise<string> {
  const { db } = call.store;
  const started = await lastOf(db, authorityId, String(version), 'policy.impact_started');
  if (!started) return acceptBreaks ? 'waived' : 'none';
  const [row] = await db
    .select()
    .from(job)
    .where(eq(job.id, String(started.detail['job'])))
    .limit(1);
  if (row?.state === 'done' && !acceptUnknown) await expectAllKnown(call, row, version);
  if (acceptBreaks) return 'waived';
  const stale = (why: string) =>
    new Refusal('wrong_state', `its impact ${why}; work it out anew with: holdfast policy impact ${version}, or publish with --accept-breaks`);
  if (row?.state === 'running') throw stale('is still being worked out');
  if (row?.state !== 'done' || row.createdAt + COUNTS_FOR <= call.now()) throw stale('is too old to count');
  const { against, breaks } = impactOf(row);
  const inForce = (await publishedPolicy(db, authorityId))?.version ?? null;
  if (against !== inForce) throw stale(`was compared with ${against === null ? 'no policy' : `version ${against}`}, and another one is in force`);
  if (await toldSince(db, authorityId, started.seq, CHANGES)) throw stale('was worked out before members came or changed');
  if (breaks)
    throw new Refusal(
      'wrong_state',
      `by its impact it breaks ${breaks} members; look at them with: holdfast policy impact ${version}, then publish with --accept-breaks`,
    );
  return row.id;
}

/** Of whom nothing is known, nothing is said either: who publishes all the same says so by name. */
async function expectAllKnown(call: Call, row: JobRow, version: number): Promise<void> {
  const { unknown } = impactOf(row);
  if (!unknown) return;
  const some = await unknownIn(call, row.id);
  const who = some.length ? ` (${some.join(', ')}${unknown > some.length ? ', …' : ''})` : '';
  throw new Refusal(
    'wrong_state',
    `its impact could not judge ${unknown} members, whose metadata was never seen${who}; list them with: holdfast policy impact ${version} --effect unknown, then publish with --accept-unknown`,
  );
}
