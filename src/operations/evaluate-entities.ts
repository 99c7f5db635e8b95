import { and, asc, eq, lte } from 'drizzle-orm';
import { createKeyCache, type Result } from '../federation/entry.js';
import { sha256 } from '../keys/random.js';
import { perWalk } from '../outbound/budget.js';
import type { Outbound } from '../outbound/outbound.js';
import { createStatementCache, type StatementCache } from '../resolver/cached-source.js';
import { withLocation } from '../resolver/ec-location.js';
import { evaluate } from '../resolver/evaluate.js';
import type { MarkIssuer } from '../resolver/judge-marks.js';
import { askMarkStatus } from '../resolver/mark-status.js';
import { raw } from '../store/database.js';
import { artefact, authority, knownEntity } from '../store/schema.js';
import { anchorsOf } from './anchors.js';
import type { Deployment } from './call.js';
import { type Issuer, issuerOf } from './publish.js';
import { Refusal } from './refusal.js';
import type { AuthorityRow } from './registry.js';
import { type LocalEvidence, statementSource } from './statement-source.js';
import { type Evaluated, type KnownEntity, LEASE_SECONDS, storeEvaluation } from './store-evaluation.js';
import { watchMember } from './watch-members.js';

/** Subjects evaluated at once; the doors bound what that means for the world. */
const AT_ONCE = 8;
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
  const outbound = perWalk(deployment.outbound, () => performance.now());
  const source = statementSource(deployment, { outbound, cached: { by: cache, subject }, local, superiors });
  const { development } = deployment;
  const evaluation = await evaluate(subject, {
    source: superiors.length
      ? withLocation(source, outbound, { subject, superiors, now: deployment.now(), development, keyCache, served: source.served })
      : source,
    anchors: anchors ?? (await anchorsOf(deployment, row)),
    now: deployment.now(),
    development,
    keyCache,
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
  const [own] = await db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, issuer.entityId)).limit(1);
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

/**
 * Evaluate entities that are due, members and others alike, and store what was found: a snapshot per anchor, signed
 * answers for valid ones. Rows are leased, so several processes seldom evaluate the same ones.
 * @returns how many were taken; 0 means nothing is due
 */
export async function evaluateDue(deployment: Deployment, limit = 64): Promise<number> {
  const { db } = deployment.store;
  const now = deployment.now();
  const due = await db
    .select({ known: knownEntity, row: authority })
    .from(knownEntity)
    .innerJoin(authority, eq(authority.id, knownEntity.authorityId))
    .where(and(lte(knownEntity.dueAt, now), lte(knownEntity.leaseUntil, now), eq(authority.state, 'active')))
    .orderBy(asc(knownEntity.dueAt))
    .limit(limit);
  if (due.length === 0) return 0;
  const lease = now + LEASE_SECONDS;
  const taken = JSON.stringify(due.map(({ known }) => [known.authorityId, known.entityId]));
  await deployment.store.write([
    raw(
      "UPDATE known_entity SET lease_until = ? WHERE (authority_id, entity_id) IN (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))",
      lease,
      taken,
    ),
  ]);
  for (const row of new Map(due.map((one) => [one.row.id, one.row])).values()) {
    const own = due.filter((one) => one.row.id === row.id).map(({ known }) => ({ ...known, leaseUntil: lease }));
    const anchors = await anchorsOf(deployment, row);
    const issuer = await issuerOf(deployment, row).catch(expected);
    if (!issuer) continue; // it cannot sign now: the leases run out
    for (let at = 0; at < own.length; at += AT_ONCE)
      await Promise.all(own.slice(at, at + AT_ONCE).map((known) => evaluateAndStore(deployment, issuer, known, anchors)));
  }
  return due.length;
}

/** Evaluate one, store what was found, and, of a member, look at what its configuration shows. */
export async function evaluateAndStore(
  deployment: Deployment,
  issuer: Issuer,
  known: KnownEntity,
  anchors?: Awaited<ReturnType<typeof anchorsOf>>,
): Promise<void> {
  const superiors = known.source === 'member' ? [issuer.authority.entityId] : known.superiors.slice(0, MAX_SUPERIORS);
  const evaluated = await evaluateNow(deployment, issuer.authority, known.entityId, anchors, superiors);
  await storeEvaluation(deployment, issuer, known, evaluated);
  if (known.source === 'member') await watchMember(deployment, issuer.authority, known.entityId, evaluated);
}

const expected = (error: unknown): undefined => {
  if (error instanceof Refusal) return undefined;
  throw error;
};
