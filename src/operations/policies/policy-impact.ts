import { and, asc, count, desc, eq, gt } from 'drizzle-orm';
import { jsonEqual } from '../../federation/strict-json.js';
import { newId } from '../../keys/random.js';
import { insertMissing, insertRows } from '../../store/bulk.js';
import { byArrivalReversed, hasNone, numberIn, textInIs } from '../../store/conditions.js';
import { job, jobRefusal, member, memberWatch, metadataPolicy } from '../../store/schema.js';
import { type BundleRow, bundlesOf, hasBundle } from '../../store/bundles.js';
import { allow, type Call, change, type Deployment } from '../call.js';
import type { Bundles } from '../entitlements/effective.js';
import type { Entitlement } from '../../federation/entry.js';
import type { JobRow } from '../jobs/jobs.js';
import { type PolicyInput, replay, type Replayed } from './policy-replay.js';
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
  /** Of the policy that is replayed; null: the one in force, with another bundle. */
  readonly version: number | null;
  /** The version it is compared with; null: none was in force. */
  readonly against: number | null;
  /** Name of the bundle that is replayed, and what it would give. */
  readonly bundle?: string;
  readonly entitlements?: readonly Entitlement[];
  readonly cursor: string;
  readonly counts: EffectCounts;
  readonly lines: number;
}
const NONE = Object.fromEntries(EFFECTS.map((effect) => [effect, 0])) as unknown as EffectCounts;
const paramsOf = (row: JobRow) => row.params as unknown as ImpactParams;

const inputOf = (row: PolicyRow | undefined): PolicyInput =>
  row ? { metadataPolicy: row.policy, metadataPolicyCrit: row.crit, constraints: row.constraints } : {};

/** What is replayed: a version of the policy on all members, or another content of a bundle on those that have it. */
export type Replaying = { readonly version: number } | { readonly bundle: string; readonly entitlements: readonly Entitlement[] };

/** Replay it against every active member's current metadata, as a job. One that runs for it is given back. */
export async function startImpact(call: Call<JobRow>, slug: string, what: Replaying): Promise<JobRow> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const jobId = newId('job');
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      await expectThere(call, id, what);
      const running = await db
        .select()
        .from(job)
        .where(and(eq(job.authorityId, id), eq(job.kind, 'impact'), eq(job.state, 'running')));
      const same = running.find((row) => isSame(paramsOf(row), what));
      if (same) return { events: [], statements: [], result: same };
      const [active] = await db
        .select({ n: count() })
        .from(member)
        .where(and(eq(member.authorityId, id), eq(member.state, 'active'), 'bundle' in what ? hasBundle(what.bundle) : undefined));
      const against = (await publishedPolicy(db, id))?.version ?? null;
      const now = call.now();
      const of = 'bundle' in what ? { version: against, ...what } : what;
      const params: ImpactParams = { ...of, against, cursor: '', counts: NONE, lines: 0 };
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
        events: [
          'bundle' in what
            ? { type: 'bundle.impact_started', subjectKind: 'bundle', subjectId: what.bundle, detail: { job: jobId } }
            : { type: 'policy.impact_started', subjectKind: 'policy', subjectId: String(what.version), detail: { version: what.version, against, job: jobId } },
        ],
        statements: [insertRows(job, [row])],
        result: row,
      };
    },
  });
}

const isSame = (params: ImpactParams, what: Replaying): boolean =>
  'bundle' in what
    ? params.bundle === what.bundle && jsonEqual(params.entitlements, what.entitlements)
    : params.bundle === undefined && params.version === what.version;

/** @throws Refusal not_found */
async function expectThere(call: Call, authorityId: string, what: Replaying): Promise<void> {
  if ('bundle' in what) {
    if (!(await bundlesOf(call.store.db, authorityId)).has(what.bundle)) throw new Refusal('not_found', 'there is no such bundle');
  } else if (!(await policyOf(call, authorityId, what.version))) throw new Refusal('not_found', `there is no policy version ${what.version}`);
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
  const [after, before] = await sidesOf(deployment, row.authorityId, params);
  const counts: Record<Effect, number> = { ...params.counts };
  const lines: (typeof jobRefusal.$inferInsert)[] = [];
  let { cursor } = params;
  let taken = 0;
  for (let rows = READ_AT_ONCE; rows === READ_AT_ONCE && taken < limit; taken += rows) {
    const read = await membersAfter(deployment, row.authorityId, cursor, params.bundle);
    rows = read.length;
    cursor = read.at(-1)?.entityId ?? cursor;
    await new Promise((done) => setTimeout(done, 0)); // whoever else works here has a turn
    for (const one of read) {
      const { effect, detail } = judge(one, before, after);
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

/** A policy with the bundles it stands beside. */
interface Side {
  readonly input: PolicyInput;
  readonly bundles: Bundles;
}

async function sidesOf(deployment: Deployment, authorityId: string, params: ImpactParams): Promise<readonly [after: Side, before: Side]> {
  const known = await bundlesOf(deployment.store.db, authorityId);
  const [is, was] = await Promise.all([policyOf(deployment, authorityId, params.version), policyOf(deployment, authorityId, params.against)]);
  const { bundle: name, entitlements = [] } = params;
  const changed = name === undefined ? undefined : known.get(name);
  const bundles = name === undefined || !changed ? known : new Map<string, BundleRow>([...known, [name, { ...changed, entitlements }]]);
  return [
    { input: inputOf(is), bundles },
    { input: inputOf(was), bundles: known },
  ];
}

const membersAfter = ({ store: { db } }: Deployment, authorityId: string, cursor: string, bundle: string | undefined) =>
  db
    .select({
      entityId: member.entityId,
      metadata: member.metadata,
      constraints: member.constraints,
      entitlements: member.entitlements,
      bundles: member.bundles,
      intermediate: member.intermediate,
      own: memberWatch.metadata,
    })
    .from(member)
    .leftJoin(memberWatch, eq(memberWatch.memberId, member.id))
    .where(
      and(eq(member.authorityId, authorityId), eq(member.state, 'active'), gt(member.entityId, cursor), bundle === undefined ? undefined : hasBundle(bundle)),
    )
    .orderBy(asc(member.entityId))
    .limit(READ_AT_ONCE);

async function policyOf({ store: { db } }: Pick<Deployment, 'store'>, authorityId: string, version: number | null): Promise<PolicyRow | undefined> {
  if (version === null) return undefined;
  const [row] = await db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, authorityId), eq(metadataPolicy.version, version)))
    .limit(1);
  return row;
}

type Judged = Replayed & { readonly own: Parameters<typeof replay>[0] | null };

function judge(one: Judged, before: Side, after: Side): { readonly effect: Effect; readonly detail: string } {
  if (one.own === null) return { effect: 'unknown', detail: 'its metadata was never seen' };
  const [was, is] = [replay(one.own, one, before.input, before.bundles), replay(one.own, one, after.input, after.bundles)];
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

/** The last impact of a version or a bundle: its job, the counts, and the members it told of, by pages. @throws Refusal not_found */
export async function readImpact(
  call: Call,
  slug: string,
  of: { readonly version: number } | { readonly bundle: string },
  { limit, cursor, effect }: PageRequest & { readonly effect?: Effect | undefined },
) {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const [last] = await db
    .select()
    .from(job)
    .where(
      and(
        eq(job.authorityId, id),
        eq(job.kind, 'impact'),
        'bundle' in of ? textInIs(job.params, 'bundle', of.bundle) : and(eq(numberIn(job.params, 'version'), of.version), hasNone(job.params, 'bundle')),
      ),
    )
    .orderBy(desc(job.createdAt), byArrivalReversed())
    .limit(1);
  if (!last) throw new Refusal('not_found', `the impact of ${'bundle' in of ? `the bundle ${of.bundle}` : `version ${of.version}`} was not worked out yet`);
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
