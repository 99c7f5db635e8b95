import canonicalize from 'canonicalize';
import { and, desc, eq } from 'drizzle-orm';
import { type Finding, finding, type Metadata, parseConstraints, parseMetadataPolicy, parsePolicyCrit } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { bundlesOf } from '../../store/bundles.js';
import { countIntermediates, declaredTypes } from '../../store/member-query.js';
import { policyTold } from '../../store/registration-events.js';
import { authority, metadataPolicy } from '../../store/schema.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import { loosens } from '../deciding/widening.js';
import { contradicted } from '../entitlements/check-entitled.js';
import { asErrors, asWarnings, isError, type Judged, type WithFindings } from '../judged.js';
import { policyNotices, type Subjects } from './policy-notices.js';
import { type Acceptance, expectImpact } from './expect-impact.js';
import { generationOf, nextGeneration, resignJob } from '../jobs/jobs.js';
import { type PolicyInput, type PolicyPreview, replay } from './policy-replay.js';
import { preflight } from '../members/preflight.js';
import { withoutRoom } from './statement-room.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { type AuthorityRow, findAuthority, findMember, lastPolicyVersion, type PolicyRow, publishedPolicy } from '../registry.js';

/**
 * What is wrong with a policy in itself and against the superiors' (§6.1.4.1), as errors; what is worth knowing about one
 * that holds, as warnings: a superior whose policy cannot be read now, and what deployed software is known not to survive.
 */
export async function policyFindings(call: Call, row: AuthorityRow, input: PolicyInput): Promise<readonly Judged[]> {
  const findings: Finding[] = [];
  const take = (result: { readonly ok: true } | { readonly ok: false; readonly findings: readonly Finding[] }) =>
    void (result.ok || findings.push(...result.findings));
  const policy = input.metadataPolicy && Object.keys(input.metadataPolicy).length ? input.metadataPolicy : undefined;
  if (policy) take(parseMetadataPolicy(policy));
  if (input.metadataPolicyCrit?.length) take(parsePolicyCrit(input.metadataPolicyCrit));
  take(parseConstraints(input.constraints ?? {}));
  if (findings.length || !policy) return asErrors(findings);
  const under: Judged[] = [];
  for (const superior of row.authorityHints) under.push(...(await comparedWith(call, superior, row.entityId, policy)));
  under.push(...asErrors(await withoutRoom(call.store.db, row, input)));
  under.push(...asErrors(await contradicted(call.store.db, { authority: row, policy: rulesOf(input), bundles: await bundlesOf(call.store.db, row.id) })));
  return [...under, ...policyNotices(policy, await subjectsOf(call, row.id, input.constraints), input.metadataPolicyCrit)];
}

const rulesOf = ({ metadataPolicy: policy = {}, metadataPolicyCrit = [], constraints = {} }: PolicyInput) => ({
  policy,
  crit: metadataPolicyCrit,
  constraints,
});

/** A superior that takes too long is like one that is away: a warning. Tightening does not depend on somebody else's server. */
export const comparedWith = (call: Call, superior: string, subject: string, policy: Readonly<Record<string, unknown>>): Promise<readonly Judged[]> =>
  call.explorer.ask('policyUnder', { superior, subject, policy }).catch((error: unknown) => {
    if (!(error instanceof Refusal && error.code === 'temporarily_unavailable')) throw error;
    return asWarnings([finding('fetch_failed', superior, `${error.message}; the policy was not compared with this superior's`, true)]);
  });

/** Warnings as the audit trail keeps them: what the policy was not compared with, and what speaks against it. */
const WARNINGS_KEPT = 20;
const warningsOf = (findings: readonly Judged[]) =>
  findings.length ? { warnings: findings.slice(0, WARNINGS_KEPT).map(({ code, where }) => ({ code, where: where.slice(0, 300) })) } : {};

/** Entity Types among the active members, for what a policy meets. */
async function subjectsOf({ store: { db } }: Call, authorityId: string, constraints: PolicyInput['constraints']): Promise<Subjects> {
  return { ...(await declaredTypes(db, authorityId)), superiors: await countIntermediates(db, authorityId), allowed: constraints?.allowed_entity_types };
}

function expectPolicy(findings: readonly Judged[]): void {
  if (findings.some(isError)) throw refuseFindings('the policy does not hold', findings);
}

/**
 * Write a new version as a draft; nothing is published. A policy that contradicts itself or its superior's is refused.
 * @throws Refusal findings
 */
export async function draftPolicy(call: Call<WithFindings<PolicyRow>>, slug: string, input: PolicyInput): Promise<WithFindings<PolicyRow>> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const findings = await policyFindings(call, row, input);
  expectPolicy(findings);
  return change(call, {
    authorityId: row.id,
    scope: null,
    async decide() {
      const version = (await lastPolicyVersion(db, row.id)) + 1;
      const draft: PolicyRow = {
        authorityId: row.id,
        version,
        state: 'draft',
        policy: input.metadataPolicy ?? {},
        crit: input.metadataPolicyCrit ?? [],
        constraints: input.constraints ?? {},
        note: input.note ?? null,
        createdBy: call.actor.id,
        createdAt: call.now(),
        publishedAt: null,
      };
      return {
        events: [
          {
            type: 'policy.drafted',
            subjectKind: 'policy',
            subjectId: String(version),
            detail: { version, ...(input.note !== undefined && { note: input.note }), ...warningsOf(findings) },
          },
        ],
        statements: [insertRows(metadataPolicy, [draft])],
        result: { ...draft, findings },
      };
    },
  });
}

export async function findPolicy(call: Call, authorityId: string, version: number): Promise<PolicyRow> {
  const [row] = await call.store.db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, authorityId), eq(metadataPolicy.version, version)))
    .limit(1);
  if (!row) throw new Refusal('not_found', `there is no policy version ${version}`);
  return row;
}

/** With quorum 2: the digest of the decision that the caller looked at, and what he says about it. */
interface Seen {
  readonly digest?: string | undefined;
  readonly note?: string | undefined;
}

/** Two persons for a policy that is more than a tightening of the one in force. */
async function policyConsent(call: Call, of: AuthorityRow, old: PolicyRow | undefined, policy: PolicyRow, accepted: Acceptance, { digest, note }: Seen) {
  const { version, crit, constraints } = policy;
  const rules = canonicalize({ policy: policy.policy, crit, constraints }) as string;
  if (of.quorum > 1 && digest === undefined && !loosens(old, policy)) return { held: undefined, statements: [], detail: { tightens: true } };
  return consent(call, of.quorum, {
    kind: 'policy',
    subjectId: `${of.slug}/${version}`,
    authority: of,
    chain: of.id,
    permission: 'approve',
    content: { version, replaces: old?.version ?? null, rules_sha256: await sha256(rules), ...accepted },
    request: { act: 'publish', version, ...accepted },
    seen: digest,
    note,
  });
}

export type Publication = WithFindings<{ readonly policy: PolicyRow; readonly jobId: string | null }>;

/**
 * Put a version in force: every statement is signed anew in slices, visible as a job. Old versions can be published again.
 * @param acceptBreaks though its impact says that members break, or does not count any more
 * @param acceptUnknown though its impact could not judge members that were never reached
 * @throws Refusal findings, wrong_state
 */
export async function publishPolicy(
  call: Call<Publication>,
  slug: string,
  version: number,
  { acceptBreaks = false, acceptUnknown = false, digest, note }: Acceptance & Seen = {},
): Promise<Publication> {
  allow(call, 'approve', slug);
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const wanted = await findPolicy(call, row.id, version);
  const findings = await policyFindings(call, row, { metadataPolicy: wanted.policy, metadataPolicyCrit: wanted.crit, constraints: wanted.constraints });
  expectPolicy(findings);
  return change<Publication>(call, {
    authorityId: row.id,
    scope: null,
    async decide() {
      const before = await findAuthority(db, slug);
      const policy = await findPolicy(call, row.id, version);
      if (policy.state === 'published') return { events: [], statements: [], result: { policy, jobId: null, findings } };
      // Entitlements that were given since this was asked for.
      expectPolicy(asErrors(await contradicted(db, { authority: before, policy, bundles: await bundlesOf(db, row.id) })));
      const impact = await expectImpact(call, row.id, version, { acceptBreaks, acceptUnknown });
      const old = await publishedPolicy(db, row.id);
      const agreed = await policyConsent(call, before, old, policy, { acceptBreaks, acceptUnknown }, { digest, note });
      if (agreed.held) return agreed.held;
      const now = call.now();
      const after = nextGeneration(before, now);
      const job = await resignJob(call, after, `policy version ${version}`, 'statements');
      const set = (n: number, state: PolicyRow['state'], more: object = {}) =>
        db
          .update(metadataPolicy)
          .set({ state, ...more })
          .where(and(eq(metadataPolicy.authorityId, row.id), eq(metadataPolicy.version, n)));
      return {
        events: [
          {
            type: 'policy.published',
            subjectKind: 'policy',
            subjectId: String(version),
            detail: {
              version,
              replaces: old?.version ?? null,
              generation: after.generation,
              job: job.id,
              impact,
              ...(acceptUnknown && { accepted_unknown: true }),
              ...agreed.detail,
              ...warningsOf(findings),
            },
          },
        ],
        statements: [
          ...agreed.statements,
          ...(old ? [set(old.version, 'superseded')] : []),
          set(version, 'published', { publishedAt: now }),
          db.update(authority).set(generationOf(after)).where(eq(authority.id, row.id)),
          ...job.statements,
          policyTold(db, row.id, now),
        ],
        result: { policy: { ...policy, state: 'published', publishedAt: now }, jobId: job.id, findings },
      };
    },
  });
}

/**
 * What a policy would do to one member's metadata; changes nothing.
 * @param metadata the member's own; as last seen, or taken from its live configuration, when absent
 */
export async function previewPolicy(call: Call, slug: string, memberId: string, input: PolicyInput, metadata?: Metadata): Promise<PolicyPreview> {
  allow(call, 'read', slug);
  const row = await findAuthority(call.store.db, slug);
  const one = await findMember(call.store.db, row.id, memberId);
  const faults = (await policyFindings(call, row, input)).filter(isError);
  let own = metadata;
  if (!own) {
    const report = await preflight(call, slug, one.entityId);
    if (!report.metadata) throw refuseFindings("the member's metadata cannot be read; send it along as `metadata`", report.findings);
    own = report.metadata;
  }
  return faults.length ? { before: own, after: null, findings: faults } : { before: own, ...replay(own, one, input, await bundlesOf(call.store.db, row.id)) };
}

/**
 * Put a draft into its report-only period, or take it out: members that it would break are told apart in their findings
 * as they are watched; nothing is published.
 */
export async function reportPolicy(call: Call<PolicyRow>, slug: string, version: number, on: boolean): Promise<PolicyRow> {
  allow(call, 'draft', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  return change(call, {
    authorityId: id,
    scope: null,
    async decide() {
      const before = await findPolicy(call, id, version);
      const [from, to] = on ? (['draft', 'reporting'] as const) : (['reporting', 'draft'] as const);
      if (before.state === to) return { events: [], statements: [], result: before };
      if (before.state !== from)
        throw new Refusal('wrong_state', `a policy that is ${before.state} cannot be ${on ? 'reported on' : 'taken out of its report-only period'}`);
      const reporting = and(eq(metadataPolicy.authorityId, id), eq(metadataPolicy.state, 'reporting'));
      return {
        events: [{ type: on ? 'policy.reporting' : 'policy.report_ended', subjectKind: 'policy', subjectId: String(version), detail: { version } }],
        statements: [
          // One at a time: findings say which version they are about.
          db.update(metadataPolicy).set({ state: 'draft' }).where(reporting),
          db
            .update(metadataPolicy)
            .set({ state: to })
            .where(and(eq(metadataPolicy.authorityId, id), eq(metadataPolicy.version, version))),
        ],
        result: { ...before, state: to },
      };
    },
  });
}

/** Publish the version again that the one in force has replaced. @throws Refusal wrong_state when there is none */
export async function rollbackPolicy(call: Call<Publication>, slug: string) {
  allow(call, 'approve', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const [last] = await db
    .select()
    .from(metadataPolicy)
    .where(and(eq(metadataPolicy.authorityId, id), eq(metadataPolicy.state, 'superseded')))
    .orderBy(desc(metadataPolicy.publishedAt), desc(metadataPolicy.version))
    .limit(1);
  if (!last) throw new Refusal('wrong_state', 'no policy was in force before this one');
  return publishPolicy(call, slug, last.version, { acceptBreaks: true, acceptUnknown: true });
}
