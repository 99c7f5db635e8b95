import { and, asc, eq, gt, isNotNull, isNull, lte, ne, or, type SQL } from 'drizzle-orm';
import { createKeyCache, type Result } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import type { Outbound } from '../../outbound/outbound.js';
import { askedBy, withinBudget } from '../../outbound/budget.js';
import { createBudget } from '../../outbound/evaluation-budget.js';
import { createStatementCache, type StatementCache } from '../../resolver/cached-source.js';
import { withLocation } from '../../resolver/ec-location.js';
import { evaluate } from '../../resolver/evaluate.js';
import type { MarkIssuer } from '../../resolver/judge-marks.js';
import { askMarkStatus } from '../../resolver/mark-status.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { artefact, authority, knownEntity } from '../../store/schema.js';
import { anchorsOf } from './anchors.js';
import type { Deployment } from '../call.js';
import { keptChains } from './kept-chains.js';
import { type Issuer, issuerOf } from '../artefacts/publish.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';
import { type LocalEvidence, statementSource } from './statement-source.js';
import { type Evaluated, LEASE_SECONDS, storeEvaluation } from './store-evaluation.js';
import { AT_ONCE, evaluateTogether, putBack, setAside, sortOut, STRANGERS_AT_ONCE, take } from './take-entities.js';
import { watchMember } from '../members/watch-members.js';

/** Superiors of a stranger that are asked where its configuration lies. */
const MAX_SUPERIORS = 4;
/** An evaluation that takes longer is a slow one (milliseconds). */
const SLOW_MS = 5000;

interface Tools {
  readonly cache: StatementCache;
  readonly keyCache: ReturnType<typeof createKeyCache>;
}
const tools = new WeakMap<Outbound, Tools>();
function toolsOf(deployment: Deployment): Tools {
  const known = tools.get(deployment.outbound) ?? { cache: createStatementCache(deployment.now), keyCache: createKeyCache() };
  tools.set(deployment.outbound, known);
  return known;
}

/**
 * Evaluate a subject now, as a resolver of ours sees it; nothing is stored.
 * @param superiors who is known to have it as a subordinate, from a listing or a membership: they say where its configuration lies
 */
export async function evaluateNow(
  deployment: Deployment,
  row: AuthorityRow,
  subject: string,
  anchors?: Awaited<ReturnType<typeof anchorsOf>>,
  superiors: readonly string[] = [],
): Promise<Evaluated> {
  const { cache, keyCache } = toolsOf(deployment);
  const local = new Map<string, LocalEvidence>();
  const budget = createBudget();
  const door = askedBy(deployment.outbound, budget);
  const outbound = withinBudget(door, budget);
  const source = statementSource(deployment, { outbound: door, cached: { by: cache, subject }, local, superiors });
  const { development } = deployment;
  const pinned = anchors ?? (await anchorsOf(deployment, row));
  const evaluation = await evaluate(subject, {
    source,
    ...(superiors.length && {
      locate: (paid) => withLocation(paid, outbound, { subject, superiors, now: deployment.now(), development, keyCache, budget, served: source.served }),
    }),
    anchors: pinned,
    now: deployment.now(),
    development,
    keyCache,
    budget,
    kept: await keptChains(deployment, row.id, subject, Object.keys(pinned)),
    active: (issuer, mark) => isActive(deployment, outbound, local, issuer, mark),
  });
  return { evaluation, local };
}

/** Is a mark active? By our own record where we issued it, else by its issuer's status endpoint (§8.4). */
async function isActive(
  deployment: Deployment,
  outbound: Outbound,
  local: Map<string, LocalEvidence>,
  issuer: MarkIssuer,
  mark: string,
): Promise<Result<boolean>> {
  const { db } = deployment.store;
  const [own] = await db.select({ id: authority.id, state: authority.state }).from(authority).where(eq(authority.entityId, issuer.entityId)).limit(1);
  if (own && own.state !== 'active') return { ok: true, value: false };
  if (own) {
    const key = await sha256(mark);
    const [status] = await db
      .select({ cap: artefact.cap, cut: artefact.cut })
      .from(artefact)
      .where(and(eq(artefact.authorityId, own.id), eq(artefact.kind, 'mark_status'), eq(artefact.key, key), eq(artefact.variant, 'active')))
      .limit(1);
    const active = status !== undefined && (status.cap ?? 0) > deployment.now();
    if (active) local.set(mark, { issuerId: own.id, kind: 'mark_status', key, variant: 'active', cut: status.cut });
    return { ok: true, value: active };
  }
  return askMarkStatus(outbound, issuer, mark, deployment.now());
}

/** An entity whose evaluation could not be stored is due again after this (seconds). */
export const AGAIN_AFTER_ERROR = 5 * 60;

export interface DueOptions {
  /** Entities taken on at most. */
  readonly limit?: number | undefined;
  /** Told of every entity that is set aside: it has stopped whoever evaluated it. */
  readonly onSetAside?: ((entityId: string) => void) | undefined;
}

/** The last evaluation gave a verdict, and soon: another one costs little. */
const SETTLED = and(eq(knownEntity.attempts, 0), isNotNull(knownEntity.evaluatedAt));
const isSettled = ({ attempts, evaluatedAt }: KnownEntity): boolean => attempts === 0 && evaluatedAt !== null;
const UNSETTLED = or(gt(knownEntity.attempts, 0), isNull(knownEntity.evaluatedAt));

/**
 * Who is due, in the order in which they are evaluated. However many there are that answer slowly or not at all, those that
 * have a verdict to lose come first, and the others a few at a time beside them: members, whom somebody has vetted, not behind
 * whatever crawls have found.
 */
async function dueNow({ store: { db }, now }: Deployment, limit: number) {
  const some = (which: SQL | undefined, most: number) =>
    db
      .select({ known: knownEntity, row: authority })
      .from(knownEntity)
      .innerJoin(authority, eq(authority.id, knownEntity.authorityId))
      .where(and(lte(knownEntity.dueAt, now()), lte(knownEntity.leaseUntil, now()), eq(authority.state, 'active'), which))
      .orderBy(asc(knownEntity.dueAt))
      .limit(most);
  const settled = await some(SETTLED, limit);
  const most = settled.length > 0 ? Math.min(limit, AT_ONCE) : limit;
  const found = await some(and(UNSETTLED, ne(knownEntity.source, 'member')), most);
  const members = await some(and(UNSETTLED, eq(knownEntity.source, 'member')), Math.max(most - found.length, Math.ceil(most / 2)));
  return [...settled, ...members, ...found.slice(0, most - members.length)];
}

/**
 * Evaluate entities that are due, members and others alike, and store what was found: a snapshot per anchor, signed
 * answers for valid ones. Rows are leased, so several processes seldom evaluate the same ones. Whoever has stopped an
 * evaluation before comes after all others, alone (take-entities.ts).
 * @returns how many were taken; 0 means nothing is due
 * @throws the first error about an entity that could not be stored, after the others had their turn
 */
export async function evaluateDue(deployment: Deployment, { limit = 64, onSetAside }: DueOptions = {}): Promise<number> {
  const now = deployment.now();
  const due = await dueNow(deployment, limit);
  if (due.length === 0 || !(await deployment.turns.claim(deployment, 'discovery'))) return 0;
  const errors: unknown[] = [];
  const lots = [];
  for (const row of new Map(due.map((one) => [one.row.id, one.row])).values()) {
    const own = due.filter((one) => one.row.id === row.id).map(({ known }) => known);
    const [anchors, issuer] = [await anchorsOf(deployment, row), await issuerOf(deployment, row).catch(expected)];
    if (!issuer) {
      await putBack(deployment, own, LEASE_SECONDS); // it cannot sign now
      continue;
    }
    const one = (known: KnownEntity) =>
      evaluateAndStore(deployment, issuer, known, anchors).catch(async (error: unknown) => {
        errors.push(error);
        await putBack(deployment, [known], AGAIN_AFTER_ERROR);
      });
    lots.push({ row, one, ...sortOut(own, now) });
  }
  for (const { row, stopped } of lots)
    for (const known of stopped) {
      await setAside(deployment, row, known);
      onSetAside?.(known.entityId);
    }
  let left = 0;
  // Each kind by itself: who is quick is not measured beside those who are not.
  for (const quick of [true, false])
    for (const { one, together } of lots) {
      const some = together.filter((known) => isSettled(known) === quick);
      left += some.length - (await evaluateTogether(deployment, some, quick ? AT_ONCE : STRANGERS_AT_ONCE, one));
    }
  for (const { one, alone } of lots) for (const known of alone) for (const taken of await take(deployment, [known], 'alone')) await one(taken);
  if (errors.length) throw errors[0];
  return due.length - left;
}

/** Evaluate one, store what was found, and, of a member, look at what its configuration shows. */
export async function evaluateAndStore(
  deployment: Deployment,
  issuer: Issuer,
  known: KnownEntity,
  anchors?: Awaited<ReturnType<typeof anchorsOf>>,
): Promise<void> {
  const superiors = known.source === 'member' ? [issuer.authority.entityId] : known.superiors.slice(0, MAX_SUPERIORS);
  const begun = performance.now();
  const evaluated = await evaluateNow(deployment, issuer.authority, known.entityId, anchors, superiors);
  await storeEvaluation(deployment, issuer, known, { ...evaluated, slow: performance.now() - begun > SLOW_MS });
  if (known.source === 'member') await watchMember(deployment, issuer.authority, known.entityId, evaluated);
}

const expected = (error: unknown): undefined => {
  if (error instanceof Refusal) return undefined;
  throw error;
};
