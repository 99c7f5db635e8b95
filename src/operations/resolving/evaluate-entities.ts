import { and, eq } from 'drizzle-orm';
import { createKeyCache, type Result } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import type { Outbound, Reply } from '../../outbound/outbound.js';
import { askedBy, lookedAt, withinBudget } from '../../outbound/budget.js';
import { createBudget, watchedBudget } from '../../outbound/evaluation-budget.js';
import { createStatementCache, type StatementCache } from '../../resolver/cached-source.js';
import { withLocation } from '../../resolver/ec-location.js';
import { evaluate } from '../../resolver/evaluate.js';
import type { MarkIssuer } from '../../resolver/judge-marks.js';
import { askMarkStatus } from '../../resolver/mark-status.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { artefact, authority } from '../../store/schema.js';
import { anchorsOf } from './anchors.js';
import type { Deployment } from '../call.js';
import { keptChains } from './kept-chains.js';
import type { Issuer } from '../artefacts/publish.js';
import type { AuthorityRow } from '../registry.js';
import { type LocalEvidence, statementSource } from './statement-source.js';
import { type Evaluated, storeEvaluation } from './store-evaluation.js';
import { watchMember } from '../members/watch-members.js';

/** Superiors of a stranger that are asked where its configuration lies. */
const MAX_SUPERIORS = 4;
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

/** How an evaluation in turn reads what others send. */
export interface Reading {
  /** Awaited before anything is read that somebody else wrote: it may stop whoever reads it. */
  opened(): Promise<void>;
  /** How long that took (milliseconds): nobody's time but ours. */
  waited(): number;
  /** Told before something is asked for, from a cache of what was asked a moment ago too; and awaited when it came, or did not. */
  asks(): void;
  came(): Promise<void>;
  /** Told of each answer, or of none, and how long it took (milliseconds). */
  heard(url: string, reply: Result<Reply>, milliseconds: number): void;
  /** It is fetched through the gate of those who are new. */
  readonly ahead: boolean;
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
  reading?: Reading,
): Promise<Evaluated> {
  const { cache, keyCache } = toolsOf(deployment);
  const local = new Map<string, LocalEvidence>();
  const own = createBudget(() => performance.now() - (reading?.waited() ?? 0));
  const budget = reading
    ? watchedBudget(
        own,
        () => reading.asks(),
        () => reading.came(),
      )
    : own;
  const asked = askedBy(deployment.outbound, budget, reading?.ahead);
  const door = reading ? lookedAt(asked, (...answer) => opening(reading, ...answer)) : asked;
  const outbound = withinBudget(door, budget);
  const source = statementSource(deployment, { outbound: door, cached: { by: cache, subject }, local, superiors, ...(reading && { opened: reading.opened }) });
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
    ...(reading && { beforeKept: reading.opened }),
  });
  return { evaluation, local };
}

async function opening(reading: Reading, url: string, reply: Result<Reply>, milliseconds: number): Promise<void> {
  reading.heard(url, reply, milliseconds);
  if (reply.ok) await reading.opened();
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

/** Whom to ask where the configuration of a known entity lies. */
export const superiorsOf = (issuer: Issuer, known: KnownEntity): readonly string[] =>
  known.source === 'member' ? [issuer.authority.entityId] : known.superiors.slice(0, MAX_SUPERIORS);

/** Evaluate one, store what was found, and, of a member, look at what its configuration shows. @returns false: somebody else has taken it since */
export async function evaluateAndStore(
  deployment: Deployment,
  issuer: Issuer,
  known: KnownEntity,
  anchors?: Awaited<ReturnType<typeof anchorsOf>>,
): Promise<boolean> {
  const evaluated = await evaluateNow(deployment, issuer.authority, known.entityId, anchors, superiorsOf(issuer, known));
  if (!(await storeEvaluation(deployment, issuer, known, evaluated))) return false;
  if (known.source === 'member') await watchMember(deployment, issuer.authority, known.entityId, evaluated);
  return true;
}
