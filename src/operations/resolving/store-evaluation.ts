import { and, eq } from 'drizzle-orm';
import { type Finding, limits, type TrustChain, uiInfosOf } from '../../federation/entry.js';
import type { Evaluation, Verdict } from '../../resolver/evaluate.js';
import { type NewArtefact, putArtefacts, whileCurrent } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { evaluatedNow, isOvertaken, takeOrKnow, TOGETHER, whileAsTaken } from '../../store/evaluation-leases.js';
import { type KnownEntity, newlyKnown } from '../../store/known-entities.js';
import { CLIENT_DOCUMENT, resolveVariant } from '../../store/published.js';
import { knownEntity, LINES, snapshot, type snapshotLink } from '../../store/schema.js';
import { dropAnswersBut, dropLinks, dropSnapshot, putLinks, putSnapshots } from '../../store/snapshots.js';
import type { Deployment } from '../call.js';
import type { Issuer } from '../artefacts/publish.js';
import { noteSuperior } from './note-superior.js';
import { Refusal } from '../refusal.js';
import { aboutOf, typesOf } from './shown-about.js';
import { clientDocument, documentsUnder } from './client-document.js';
import { signedResponses, typeSets } from './sign-resolve.js';
import type { LocalEvidence } from './statement-source.js';

export type SnapshotRow = typeof snapshot.$inferSelect;
type LinkRow = typeof snapshotLink.$inferInsert;

/** When a subject is looked at again (seconds): never later than this, an invalid one after this. */
const AT_LATEST = 12 * 60 * 60;
const INVALID_AGAIN = 30 * 60;
const MARK_AGAIN = 5 * 60;
/**
 * A failure: first after this (seconds), then twice as long each time, so that whoever was away for a while is looked at again
 * within about as long; as seldom at most as one that is well.
 */
const FAILED_AGAIN = 60;
const distance = (attempts: number): number => Math.min(AT_LATEST, FAILED_AGAIN * 2 ** Math.min(attempts - 1, 12));
/** Who has an answer to lose stays among those that have, for so many failures in a row, or slow evaluations: one may have been slow because of others. */
const FAILURES_AMONG_HELD = 3;
const SLOW_AMONG_HELD = 1;

/** How long an entity is somebody's to evaluate (seconds). */
export const LEASE_SECONDS = 120;

/** Take an entity for evaluation now, due or not; one nobody knew is known from then on. What it was known as stays. */
export async function takeEntity(
  { store: { db, write }, now }: Deployment,
  authorityId: string,
  entityId: string,
  source: KnownEntity['source'],
): Promise<KnownEntity> {
  const leaseUntil = now() + LEASE_SECONDS;
  const row = newlyKnown({ authorityId, entityId, source, dueAt: leaseUntil + TOGETHER, leaseUntil });
  await write([takeOrKnow(row)]);
  const [stored] = await db
    .select()
    .from(knownEntity)
    .where(and(eq(knownEntity.authorityId, authorityId), eq(knownEntity.entityId, entityId)))
    .limit(1);
  return stored ?? row;
}

/** A subject evaluated for a resolver, with what of the evidence came from our own store. */
export interface Evaluated {
  readonly evaluation: Evaluation;
  readonly local: ReadonlyMap<string, LocalEvidence>;
  /** It took so long that others go before this subject the next time. */
  readonly slow?: boolean;
}

/** What becomes of one anchor's verdict. */
interface Settled {
  readonly statements: readonly Statement[];
  readonly put: readonly NewArtefact[];
  /** Variants that go on being served. */
  readonly kept: readonly string[];
  readonly again: number;
  readonly failed: boolean;
  /** It has a valid chain to this anchor. */
  readonly trusted: boolean;
}

/**
 * Write what an evaluation found, in one batch: a snapshot per anchor, the signed answers, what they rest on. What holds
 * still is served; what failed for now keeps what it had; what holds no more goes.
 * @param known as it was taken
 * @returns false: somebody has taken it since, or made it due, and nothing was written
 */
export async function storeEvaluation(deployment: Deployment, issuer: Issuer, known: KnownEntity, evaluated: Evaluated): Promise<boolean> {
  const { db } = deployment.store;
  const now = deployment.now();
  const { authorityId, entityId: subject } = known;
  const before = await db
    .select()
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, authorityId), eq(snapshot.subject, subject)));
  const { under } = evaluated.evaluation;
  const settled = await Promise.all(
    [...under].map(([anchor, verdict]) =>
      settle(deployment, issuer, evaluated, { subject, anchor, verdict, old: before.find((one) => one.trustAnchor === anchor) }),
    ),
  );
  const gone = before.filter(({ trustAnchor }) => !under.has(trustAnchor)).map(({ trustAnchor }) => trustAnchor);
  const failed = settled.some((one) => one.failed);
  const anchors = [...under.keys()];
  const lost = before.filter((old) => old.state === 'valid' && !settled[anchors.indexOf(old.trustAnchor)]?.trusted).map(({ trustAnchor }) => trustAnchor);
  const standing = { trusted: settled.some(({ trusted }) => trusted), lost };
  const attempts = failed || evaluated.slow ? known.attempts + 1 : 0;
  const next = Math.min(now + (failed ? distance(attempts) : AT_LATEST), ...settled.map(({ again }) => again));
  const line = standing.trusted && attempts <= (failed ? FAILURES_AMONG_HELD : SLOW_AMONG_HELD) ? LINES.held : LINES.rest;
  const put = settled.flatMap((one) => one.put);
  const statements = [
    whileAsTaken(known),
    ...settled.flatMap((one) => one.statements),
    ...gone.flatMap((anchor) => [dropSnapshot(authorityId, subject, anchor), dropLinks(authorityId, subject, anchor)]),
    dropAnswersBut(
      authorityId,
      subject,
      settled.flatMap(({ kept }) => kept),
    ),
    ...(put.length ? [...putArtefacts(put, whileCurrent)] : []),
    ...(await noteSuperior(deployment, issuer.authority, subject, evaluated.evaluation, standing)),
    knownNow(known, evaluated, { now, next, attempts, line }),
  ];
  return deployment.store.write(statements).then(
    () => true,
    (error: unknown) => {
      if (isOvertaken(error)) return false;
      throw error;
    },
  );
}

async function settle(
  deployment: Deployment,
  issuer: Issuer,
  evaluated: Evaluated,
  { subject, anchor, verdict, old }: { readonly subject: string; readonly anchor: string; readonly verdict: Verdict; readonly old: SnapshotRow | undefined },
): Promise<Settled> {
  const now = deployment.now();
  const authorityId = issuer.authority.id;
  const failed = verdict.state === 'unreachable';
  // A failure that may pass is no verdict: an answer that is still valid goes on being served, unless what it rests on is denied.
  if (failed && !verdict.denied && old?.state === 'valid' && (old.exp ?? 0) > now)
    return {
      statements: [],
      put: [],
      kept: [
        ...typeSets(old.entityTypes).map((types) => resolveVariant(anchor, types)),
        ...(anchor === (await documentsUnder(deployment.store.db, issuer.authority)) ? [CLIENT_DOCUMENT] : []),
      ],
      again: now + AT_LATEST,
      failed,
      trusted: true,
    };
  if (failed && old && isAsBefore(old, verdict.findings)) return { statements: [], put: [], kept: [], again: now + AT_LATEST, failed, trusted: false };
  const answer = verdict.state === 'valid' ? await answers(deployment, issuer, verdict, evaluated) : verdict;
  const judged = 'put' in answer ? verdict : answer;
  const statements = [
    putSnapshots([snapshotRow({ now, development: deployment.development }, authorityId, subject, anchor, judged)]),
    dropLinks(authorityId, subject, anchor),
  ];
  if (!('put' in answer)) return { statements, put: [], kept: [], again: now + (failed ? AT_LATEST : INVALID_AGAIN), failed, trusted: false };
  return {
    statements: [...statements, ...(answer.links.length ? [putLinks(answer.links)] : [])],
    put: answer.put,
    kept: answer.put.map(({ variant }) => variant ?? ''),
    // A mark whose status could not be had for now is left out, and asked about again soon.
    again: now + (answer.incomplete ? MARK_AGAIN : Math.max(60, Math.floor((answer.exp - now) / 2))),
    failed,
    trusted: true,
  };
}

/** It was found out of reach before, with the same findings: nothing is to be written about it but when it is due. */
const isAsBefore = (old: SnapshotRow, findings: readonly Finding[]): boolean =>
  old.state === 'unreachable' && JSON.stringify(old.findings) === JSON.stringify(findings);

/** The signed answers of a valid verdict and what they rest on; another verdict when they cannot be signed. */
async function answers(
  deployment: Deployment,
  issuer: Issuer,
  { chain, marks, exp, until }: Extract<Verdict, { state: 'valid' }>,
  { local }: Evaluated,
): Promise<
  | { readonly put: readonly NewArtefact[]; readonly links: readonly LinkRow[]; readonly exp: number; readonly incomplete: boolean }
  | Extract<Verdict, { state: 'invalid' }>
> {
  const good = marks.filter(({ findings }) => findings.length === 0).map(({ trust_mark_type, trust_mark }) => ({ trust_mark_type, trust_mark }));
  const trustChain = chain.statements.map(({ compact }) => compact);
  const resolved = { subject: chain.subject, trustAnchor: chain.trustAnchor, metadata: chain.metadata, trustChain, trustMarks: good, exp };
  try {
    // Not served beyond the end of what a mark rests on; the evaluation that is due then says what holds without it.
    const put = [...(await signedResponses(deployment, issuer, resolved)), ...(await clientDocument(deployment, issuer, chain))].map((one) =>
      until < exp ? { ...one, cap: Math.min(until, one.cap ?? until) } : one,
    );
    const evidence = [...trustChain, ...good.map(({ trust_mark }) => trust_mark)].flatMap((bytes) => local.get(bytes) ?? []);
    const place = { authorityId: issuer.authority.id, subject: chain.subject, trustAnchor: chain.trustAnchor };
    const incomplete = marks.some(({ findings }) => findings.some(({ transient }) => transient));
    return { put, links: evidence.map((one) => ({ ...place, ...one })), exp: until, incomplete };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { state: 'invalid', error: 'invalid_trust_chain', findings: error.findings };
  }
}

/** Entity Identifiers along a chain, the subject first. */
export const pathOf = ({ statements, subject }: TrustChain): readonly string[] => [
  subject,
  ...statements.slice(1).flatMap(({ claims }) => (claims.iss === claims.sub ? [] : [claims.iss])),
];

function snapshotRow(
  { now, development }: { now: number; development: boolean },
  authorityId: string,
  subject: string,
  trustAnchor: string,
  verdict: Verdict,
): SnapshotRow {
  const blank = {
    authorityId,
    subject,
    trustAnchor,
    error: null,
    entityTypes: [],
    path: [],
    trustMarkTypes: [],
    findings: [],
    exp: null,
    evaluatedAt: now,
    uiInfos: {},
  };
  if (verdict.state !== 'valid')
    return { ...blank, state: verdict.state, error: verdict.state === 'invalid' ? verdict.error : null, findings: verdict.findings };
  const { chain, marks, exp } = verdict;
  return {
    ...blank,
    state: 'valid',
    entityTypes: Object.keys(chain.metadata).sort(),
    path: pathOf(chain),
    trustMarkTypes: marks.filter(({ findings }) => findings.length === 0).map(({ trust_mark_type: type }) => type),
    findings: marks.flatMap(({ findings }) => findings).slice(0, 20),
    exp,
    uiInfos: uiInfosOf(chain.metadata, { development }),
  };
}

/** When it is looked at again. */
function knownNow(
  known: KnownEntity,
  { evaluation }: Evaluated,
  { now, next, attempts, line }: { now: number; next: number; attempts: number; line: number },
): Statement {
  const claims = evaluation.configuration?.claims;
  // Those that failed together do not come again together.
  const spread = attempts > 0 ? 4 : 10;
  const dueAt = next + Math.floor(Math.random() * Math.max(1, (next - now) / spread));
  return evaluatedNow(
    known,
    { dueAt, attempts, line, now },
    claims && {
      entityTypes: typesOf(claims.metadata),
      about: aboutOf(claims.metadata),
      superiors: (claims.authority_hints ?? []).slice(0, limits.MAX_AUTHORITY_HINTS),
    },
  );
}
