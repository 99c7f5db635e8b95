import { and, asc, count, desc, eq, gt } from 'drizzle-orm';
import { jsonEqual } from '../../federation/strict-json.js';
import { newId } from '../../keys/random.js';
import { insertMissing, insertRows } from '../../store/bulk.js';
import { byArrivalReversed, numberIn } from '../../store/conditions.js';
import { job, jobRefusal, member, memberWatch, metadataPolicy } from '../../store/schema.js';
import { allow, type Call, change, type Deployment } from '../call.js';
import type { JobRow } from '../jobs/jobs.js';
import { type PolicyInput, replay } from './policy-replay.js';
import { numeric, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority, type PolicyRow, publishedPolicy } from '../registry.js';

/** Members replayed per slice; other work comes in between. What they declare may be large, so few are read at once. */
const SLICE = 250;
const READ_AT_ONCE = 25;
/** Lines kept of members that change or mend; those that break are all kept. */
const MAX_LINES = 10_000;

/** What becomes of a member: `unknown` when its metadata was never seen. */
export const EFFECTS = ['unchanged', 'changes', 'breaks', 'mends', 'still_broken', 'unknown'] as const;
export type Effect = (typeof EFFECTS)[number];
export type EffectCounts = Readonly<Record<Effect, number>>;

interface ImpactParams {
  readonly version: number;
  /** The version it is compared with; null: none was in force. */
  readonly against: number | null;
  readonly cursor: string;
  readonly counts: EffectCounts;
  readonly lines: number;
}
const NONE = Object.fromEntries(EFFECTS.map((effect) => [effect, 0])) as unknown as EffectCounts;
const paramsOf = (row: JobRow) => row.params as unknown as ImpactParams;

const inputOf = (row: PolicyRow | undefined): PolicyInput =>
  row ? { metadataPolicy: row.policy, metadataPolicyCrit: row.crit, constraints: row.constraints } : {};

/** Replay a version against every active member's current metadata, as a job. One that runs for it is given back. */
export async function startImpact(call: Call<JobRow>, slug: string, version: number): Promise<JobRow> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const jobId = newId('job');
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const [policy] = await db
        .select()
        .from(metadataPolicy)
        .where(and(eq(metadataPolicy.authorityId, id), eq(metadataPolicy.version, version)))
        .limit(1);
      if (!policy) throw new Refusal('not_found', `there is no policy version ${version}`);
      const running = await db
        .select()
        .from(job)
        .where(and(eq(job.authorityId, id), eq(job.kind, 'impact'), eq(job.state, 'running')));
      const same = running.find((row) => paramsOf(row).version === version);
      if (same) return { events: [], statements: [], result: same };
      const [active] = await db
        .select({ n: count() })
        .from(member)
        .where(and(eq(member.authorityId, id), eq(member.state, 'active')));
      const against = (await publishedPolicy(db, id))?.version ?? null;
      const now = call.now();
      const params: ImpactParams = { version, against, cursor: '', counts: NONE, lines: 0 };
      const row: JobRow = {
        id: jobId,
        authorityId: id,
        kind: 'impact',
        state: 'running',
        total: active?.n ?? 0,
        done: 0,
        refused: 0,
        params: { ...params },
        createdBy: call.actor.id,
        createdAt: now,
        updatedAt: now,
      };
      return {
        events: [{ type: 'policy.impact_started', subjectKind: 'policy', subjectId: String(version), detail: { version, against, job: jobId } }],
        statements: [insertRows(job, [row])],
        result: row,
      };
    },
  });
}

const running = and(eq(job.kind, 'impact'), eq(job.state, 'running'));

export async function impactRuns({ store: { db } }: Deployment): Promise<boolean> {
  return (await db.select({ id: job.id }).from(job).where(running).limit(1)).length > 0;
}

/** Replay the next members of every running impact job. @returns how many were replayed; 0 means none is running */
export async function impactSlice(deployment: Deployment, limit = SLICE): Promise<number> {
  const { db } = deployment.store;
  let taken = 0;
  for (const row of await db.select().from(job).where(running).orderBy(asc(job.createdAt))) taken += await slice(deployment, row, limit);
  return taken;
}

async function slice(deployment: Deployment, row: JobRow, limit: number): Promise<number> {
  const { db } = deployment.store;
  const params = paramsOf(row);
  const [after, before] = await Promise.all([policyOf(deployment, row.authorityId, params.version), policyOf(deployment, row.authorityId, params.against)]);
  const counts: Record<Effect, number> = { ...params.counts };
  const lines: (typeof jobRefusal.$inferInsert)[] = [];
  let { cursor } = params;
  let taken = 0;
  for (let rows = READ_AT_ONCE; rows === READ_AT_ONCE && taken < limit; taken += rows) {
    const read = await membersAfter(deployment, row.authorityId, cursor);
    rows = read.length;
    cursor = read.at(-1)?.entityId ?? cursor;
    await new Promise((done) => setTimeout(done, 0)); // whoever else works here has a turn
    for (const one of read) {
      const { effect, detail } = judge(one, inputOf(before), inputOf(after));
      counts[effect]++;
      const told = effect === 'breaks' || (effect !== 'unchanged' && params.lines + lines.length < MAX_LINES);
      if (told) lines.push({ jobId: row.id, line: params.lines + lines.length + 1, entityId: one.entityId, code: effect, detail });
    }
  }
  const next: ImpactParams = { ...params, cursor, counts, lines: params.lines + lines.length };
  const done = row.done + taken;
  const finished = taken < limit;
  await deployment.store.write([
    ...(lines.length ? [insertMissing(jobRefusal, lines)] : []),
    db
      .update(job)
      .set({
        done,
        total: finished ? done : Math.max(row.total, done),
        refused: counts.breaks,
        params: { ...next },
        state: finished ? 'done' : 'running',
        updatedAt: deployment.now(),
      })
      // Another process may have taken the same slice: only one of the two moves on.
      .where(and(eq(job.id, row.id), eq(job.done, row.done), eq(job.state, 'running'))),
  ]);
  return taken;
}

const membersAfter = ({ store: { db } }: Deployment, authorityId: string, cursor: string) =>
  db
    .select({ entityId: member.entityId, metadata: member.metadata, constraints: member.constraints, own: memberWatch.metadata })
    .from(member)
    .leftJoin(memberWatch, eq(memberWatch.memberId, member.id))
    .where(and(eq(member.authorityId, authorityId), eq(member.state, 'active'), gt(member.entityId, cursor)))
    .orderBy(asc(member.entityId))
    .limit(READ_AT_ONCE);

async function policyOf({ store: { db } }: Deployment, authorityId: string, version: number | null): Promise<PolicyRow | undefined> {
  if (version === null) return undefined;
  const [row] = await db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, authorityId), eq(metadataPolicy.version, version)))
    .limit(1);
  return row;
}

type Replayed = Parameters<typeof replay>[1] & { readonly own: Parameters<typeof replay>[0] | null };

function judge(one: Replayed, before: PolicyInput, after: PolicyInput): { readonly effect: Effect; readonly detail: string } {
  if (one.own === null) return { effect: 'unknown', detail: 'its metadata was never seen' };
  const [was, is] = [replay(one.own, one, before), replay(one.own, one, after)];
  const why = is.findings.map(({ code, where, detail }) => `${code} at ${where}: ${detail}`).join('; ');
  if (is.after === null) return { effect: was.after === null ? 'still_broken' : 'breaks', detail: why.slice(0, 2000) };
  if (was.after === null) return { effect: 'mends', detail: 'it fits the new policy' };
  if (jsonEqual(was.after, is.after)) return { effect: 'unchanged', detail: '' };
  return { effect: 'changes', detail: differences(was.after, is.after).slice(0, 2000) };
}

/** Which parameters differ, `type/name: before → after`. */
function differences(a: Readonly<Record<string, Readonly<Record<string, unknown>>>>, b: typeof a): string {
  const text = (value: unknown) => (value === undefined ? 'absent' : JSON.stringify(value).slice(0, 200));
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .flatMap((type) =>
      [...new Set([...Object.keys(a[type] ?? {}), ...Object.keys(b[type] ?? {})])]
        .filter((name) => !jsonEqual(a[type]?.[name], b[type]?.[name]))
        .map((name) => `${type}/${name}: ${text(a[type]?.[name])} → ${text(b[type]?.[name])}`),
    )
    .join('; ');
}

/** What a finished impact says: the version it was compared with, and how many members break. */
export const impactOf = (row: JobRow): { readonly against: number | null; readonly breaks: number; readonly unknown: number } => {
  const { against, counts } = paramsOf(row);
  return { against, breaks: counts.breaks, unknown: counts.unknown };
};

/** Some of the members that an impact could not judge. */
const SAMPLE = 3;
export async function unknownIn({ store: { db } }: Deployment, jobId: string): Promise<readonly string[]> {
  const rows = await db
    .select({ entityId: jobRefusal.entityId })
    .from(jobRefusal)
    .where(and(eq(jobRefusal.jobId, jobId), eq(jobRefusal.code, 'unknown')))
    .orderBy(asc(jobRefusal.line))
    .limit(SAMPLE);
  return rows.flatMap(({ entityId }) => entityId ?? []);
}

/** The last impact of a version: its job, the counts, and the members it told of, by pages. @throws Refusal not_found */
export async function readImpact(call: Call, slug: string, version: number, { limit, cursor, effect }: PageRequest & { readonly effect?: Effect | undefined }) {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const [last] = await db
    .select()
    .from(job)
    .where(and(eq(job.authorityId, id), eq(job.kind, 'impact'), eq(numberIn(job.params, 'version'), version)))
    .orderBy(desc(job.createdAt), byArrivalReversed())
    .limit(1);
  if (!last) throw new Refusal('not_found', `the impact of version ${version} was not worked out yet`);
  const after = numeric(cursor);
  const rows = await db
    .select()
    .from(jobRefusal)
    .where(
      and(
        eq(jobRefusal.jobId, last.id),
        effect === undefined ? undefined : eq(jobRefusal.code, effect),
        after === undefined ? undefined : gt(jobRefusal.line, after),
      ),
    )
    .orderBy(asc(jobRefusal.line))
    .limit(limit + 1);
  const { against, counts } = paramsOf(last);
  return { job: last, against, counts, ...page(rows, limit, ({ line }) => line) };
}
