import { and, eq, inArray, lt, lte, or, sql } from 'drizzle-orm';
import { type NewArtefact, renewArtefacts } from '../store/bulk.js';
import { artefact, authority, idempotency, job, member, usedAssertion } from '../store/schema.js';
import { type Deployment, systemCall } from './call.js';
import { staleArtefacts } from './jobs.js';
import { type Issuer, issuerOf, signedConfiguration, signedHistoricalKeys, signedStatement } from './publish.js';
import { rotateBySchedule } from './authority-keys.js';
import { Refusal } from './refusal.js';

/** Statements per slice: one UPDATE each; and how many are signed at once (one after another is three times slower). */
export const SLICE = 500;
const SIGN_AT_ONCE = 32;
const LEASE_SECONDS = 60;

type Due = typeof artefact.$inferSelect;

/**
 * Sign again what is due, in one slice, shortest life first. Renewal changes no content: no event, no lock. Rows are
 * leased, so several processes seldom sign the same ones (when they do, one write wins); a crashed one's lease runs out.
 * @returns how many rows were taken; 0 means nothing is due
 * @throws the first error of an authority that cannot sign, after the others had their turn
 */
export async function renewSlice(deployment: Deployment, limit = SLICE): Promise<number> {
  const { db } = deployment.store;
  const now = deployment.now();
  const due = await db
    .select()
    .from(artefact)
    .where(and(lte(artefact.renewAt, now), lte(artefact.leaseUntil, now)))
    .orderBy(artefact.renewAt, artefact.exp)
    .limit(limit);
  if (due.length === 0) return 0;
  const ids = JSON.stringify(due.map(({ id }) => id));
  await deployment.store.write([
    db
      .update(artefact)
      .set({ leaseUntil: now + LEASE_SECONDS })
      .where(sql`id IN (SELECT value FROM json_each(${ids}))`),
  ]);
  const errors: unknown[] = [];
  for (const [authorityId, rows] of byAuthority(due)) await renewFor(deployment, authorityId, rows).catch((error: unknown) => errors.push(error));
  if (errors.length) throw errors[0];
  return due.length;
}

async function renewFor(deployment: Deployment, authorityId: string, rows: readonly Due[]): Promise<void> {
  const [row] = await deployment.store.db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (row?.state !== 'active') return;
  const renewed = await signAll(deployment, await issuerOf(deployment, row), rows);
  if (renewed.length) await deployment.store.write([renewArtefacts(renewed)]);
}

function byAuthority(rows: readonly Due[]): Map<string, Due[]> {
  const groups = new Map<string, Due[]>();
  for (const row of rows) {
    const group = groups.get(row.authorityId);
    if (group) group.push(row);
    else groups.set(row.authorityId, [row]);
  }
  return groups;
}

async function signAll(deployment: Deployment, issuer: Issuer, rows: readonly Due[]) {
  const { db } = deployment.store;
  const memberIds = JSON.stringify(rows.map(({ memberId }) => memberId).filter((id) => id !== null));
  const members = new Map(
    (
      await db
        .select()
        .from(member)
        .where(and(eq(member.authorityId, issuer.authority.id), sql`id IN (SELECT value FROM json_each(${memberIds}))`))
    ).map((row) => [row.id, row]),
  );
  const signed: (NewArtefact & { readonly id: number; readonly was: string })[] = [];
  const one = async (row: Due) => {
    // One member whose statement cannot be signed must not hold up the others; its lease runs out and it is tried again.
    const fresh = await sign(deployment, issuer, row, members).catch((error: unknown) => {
      if (!(error instanceof Refusal)) throw error;
      return undefined;
    });
    if (fresh) signed.push({ ...fresh, id: row.id, was: row.sha256 });
  };
  for (let at = 0; at < rows.length; at += SIGN_AT_ONCE) await Promise.all(rows.slice(at, at + SIGN_AT_ONCE).map(one));
  return signed.map(({ id, was, bytes, sha256, iat, exp = null, kid, generation, renewAt }) => ({
    id,
    was,
    bytes,
    sha256,
    iat,
    exp,
    kid,
    generation,
    renewAt,
  }));
}

async function sign(
  deployment: Deployment,
  issuer: Issuer,
  row: Due,
  members: ReadonlyMap<string, typeof member.$inferSelect>,
): Promise<NewArtefact | undefined> {
  if (row.kind === 'entity_configuration') return signedConfiguration(deployment, issuer);
  if (row.kind === 'historical_keys') return signedHistoricalKeys(deployment, issuer);
  const about = row.memberId === null ? undefined : members.get(row.memberId);
  if (row.kind !== 'statement' || about?.state !== 'active') return undefined;
  if (about.validUntil !== null && about.validUntil <= deployment.now()) return undefined;
  return signedStatement(deployment, issuer, about);
}

/** Bring the progress of re-signing jobs up to date; a job is done when no artefact is older than its generation. */
export async function trackJobs(deployment: Deployment): Promise<void> {
  const { db } = deployment.store;
  for (const row of await db
    .select()
    .from(job)
    .where(and(eq(job.kind, 'resign'), eq(job.state, 'running')))) {
    const left = await staleArtefacts(deployment, row.authorityId, Number(row.params['generation']));
    const done = Math.max(0, row.total - left);
    await deployment.store.write([
      db
        .update(job)
        .set({ done, state: left === 0 ? 'done' : 'running', updatedAt: deployment.now() })
        .where(eq(job.id, row.id)),
    ]);
  }
}

/** Drop what has served its time: spent assertions, idempotency records. */
export async function purge({ store, now }: Deployment): Promise<void> {
  const { db } = store;
  await store.write([db.delete(usedAssertion).where(lt(usedAssertion.exp, now() - 120)), db.delete(idempotency).where(lt(idempotency.expiresAt, now()))]);
}

/** Keys by schedule, for every authority. Gives what was done. */
export async function rotateAll(deployment: Deployment): Promise<readonly string[]> {
  const call = systemCall(deployment);
  const rotated: string[] = [];
  for (const row of await deployment.store.db.select().from(authority).where(eq(authority.state, 'active'))) {
    rotated.push(...(await rotateBySchedule(call, row)).map((what) => `${row.slug} ${what}`));
  }
  return rotated;
}

/** One turn of the background work: keys by schedule, then slices until nothing is due or `more` says stop. */
export async function backgroundTurn(deployment: Deployment, more: () => boolean): Promise<{ readonly renewed: number; readonly rotated: readonly string[] }> {
  const rotated = await rotateAll(deployment);
  let renewed = 0;
  for (let taken = 1; taken > 0 && more(); renewed += taken) {
    const started = performance.now();
    taken = await renewSlice(deployment);
    if (taken) await trackJobs(deployment);
    // Bulk work leaves as much time to others as it took.
    if (taken) await new Promise((done) => setTimeout(done, performance.now() - started));
  }
  await trackJobs(deployment);
  await purge(deployment);
  return { renewed, rotated };
}

/** Artefacts overdue for renewal by more than a quarter of their lifetime, those at their cap aside. */
export async function overdue({ store: { db }, now }: Deployment): Promise<number> {
  const rows = await db
    .select({ n: sql<number>`count(*)` })
    .from(artefact)
    .where(
      and(
        or(
          sql`renew_at > 0 AND renew_at + (exp - iat) / 4 < ${now()}`,
          and(inArray(artefact.kind, ['statement', 'entity_configuration']), sql`renew_at = 0 AND exp < ${now()}`),
        ),
      ),
    );
  return rows[0]?.n ?? 0;
}
