import { and, asc, count, desc, eq, gt, max, ne } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import type { KnownEntity } from '../../store/known-entities.js';
import { insertRows } from '../../store/bulk.js';
import { dropCrawls, hasFound, queueBelow, setCrawled } from '../../store/crawls.js';
import type { Statement } from '../../store/database.js';
import { inLot, readByList } from '../../store/lots.js';
import { authority, crawlEntity, job, LINES, snapshot } from '../../store/schema.js';
import { anchorsOf } from './anchors.js';
import { allow, type Call, change, type Deployment, systemCall } from '../call.js';
import type { DueOptions } from './evaluate-due.js';
import { evaluateNow } from './evaluate-entities.js';
import { pieceByPiece } from '../../store/piece-by-piece.js';
import type { JobRow } from '../jobs/jobs.js';
import { type Issuer, issuerOf } from '../artefacts/publish.js';
import { noteFinding, type Share, shareOf } from './listed-share.js';
import { fetchListing, localMembers, MAX_CRAWL_ENTITIES } from './read-listing.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { type Evaluated, storeEvaluation } from './store-evaluation.js';
import { AGAIN_AFTER_ERROR, evaluateAlone, evaluateTogether, knowEntities, putBack, setAside, sortOut } from './take-entities.js';

const MAX_DEPTH = 10;
const CRAWL_EVERY = 24 * 60 * 60;
/** Entities that a commit queues. */
const QUEUED_AT_ONCE = 250;

/** Who starts the daily ones. */
const BY_ITSELF = 'system';

type Found = typeof crawlEntity.$inferSelect;

const running = (authorityId: string) => and(eq(job.authorityId, authorityId), eq(job.kind, 'crawl'), eq(job.state, 'running'));
const anchorOf = (row: JobRow): string => String(row.params['trust_anchor']);

/**
 * Begin to walk a federation from its anchor downwards by listing (OpenID Federation 1.0 §8.2): every entity found is
 * evaluated. A job does the work in slices; it survives restarts. One that runs already is given back.
 * @throws Refusal invalid_request when the anchor is not one of the authority's
 */
export async function startCrawl(call: Call<JobRow>, slug: string, trustAnchor: string | undefined): Promise<JobRow> {
  allow(call, 'crawl', slug);
  const { db } = call.store;
  const row = await findAuthority(db, slug);
  const anchor = trustAnchor ?? row.entityId;
  if (!Object.hasOwn(await anchorsOf(call, row), anchor)) throw new Refusal('invalid_request', 'that trust anchor is not pinned; see: holdfast anchor list');
  const id = newId('job');
  return change(call, {
    authorityId: row.id,
    scope: null,
    async decide() {
      const before = (await db.select().from(job).where(running(row.id))).find((one) => anchorOf(one) === anchor);
      if (before) return { events: [], statements: [], result: before };
      const now = call.now();
      const fresh: JobRow = {
        id,
        authorityId: row.id,
        kind: 'crawl',
        state: 'running',
        total: 1,
        done: 0,
        refused: 0,
        params: { trust_anchor: anchor },
        createdBy: call.actor.id,
        createdAt: now,
        updatedAt: now,
      };
      const first = { jobId: id, entityId: anchor, superior: null, depth: 0, state: 'queued' as const };
      return {
        events: [{ type: 'crawl.started', subjectKind: 'job', subjectId: id, detail: { trust_anchor: anchor } }],
        statements: [insertRows(job, [fresh]), insertRows(crawlEntity, [first])],
        result: fresh,
      };
    },
  });
}

/** Start the daily crawl of every anchor whose last one is too old. */
export async function scheduleCrawls(deployment: Deployment): Promise<void> {
  const call = systemCall(deployment);
  for (const row of await deployment.store.db.select().from(authority).where(eq(authority.state, 'active'))) {
    const recent = await deployment.store.db
      .select()
      .from(job)
      .where(and(eq(job.authorityId, row.id), eq(job.kind, 'crawl'), gt(job.createdAt, deployment.now() - CRAWL_EVERY)));
    const anchors = Object.keys(await anchorsOf(deployment, row));
    for (const anchor of anchors.filter((one) => !recent.some((job_) => anchorOf(job_) === one)))
      if (await deployment.turns.claim(deployment, 'discovery')) await startCrawl(call, row.slug, anchor);
  }
}

/**
 * Take the next entities of every running crawl. Each is evaluated and stored; a superior that is trusted itself is asked
 * for its list. The last slice exchanges the result: from that write on the new one is on show, whole.
 * @returns how many entities were looked at; 0 means no crawl is running
 * @throws the first error about an entity that could not be stored, after the slice is done
 */
export async function crawlSlice(deployment: Deployment, { limit = 64, onSetAside, places }: DueOptions = {}): Promise<number> {
  const { db } = deployment.store;
  let taken = 0;
  const errors: unknown[] = [];
  for (const one of await db
    .select({ job, row: authority })
    .from(job)
    .innerJoin(authority, eq(authority.id, job.authorityId))
    .where(and(eq(job.kind, 'crawl'), eq(job.state, 'running')))
    .orderBy(asc(job.createdAt))) {
    if (one.row.state !== 'active') continue;
    if (!(await deployment.turns.claim(deployment, 'discovery'))) return 0;
    const queued = await db
      .select()
      .from(crawlEntity)
      .where(and(eq(crawlEntity.jobId, one.job.id), eq(crawlEntity.state, 'queued')))
      .orderBy(asc(crawlEntity.id))
      .limit(limit);
    const [last] = await db.select({ id: max(crawlEntity.id) }).from(crawlEntity);
    const seen: Seen = { done: 0, failed: 0 };
    taken += await look(deployment, one, queued, { errors, onSetAside, places, seen });
    if (queued.length) await progress(deployment, one.job, seen, last?.id ?? 0);
    else await finish(deployment, one.job);
  }
  if (errors.length) throw errors[0];
  return taken;
}

/** What a slice has looked at: those that were reached, and the others. */
interface Seen {
  done: number;
  failed: number;
}

interface Crawling {
  readonly job: JobRow;
  readonly row: AuthorityRow;
}

/** Visit what a slice has taken, as many as there is time for; who has stopped an evaluation before comes after all others, alone, or not at all. */
async function look(
  deployment: Deployment,
  { job: crawl, row }: Crawling,
  queued: readonly Found[],
  { errors, onSetAside, places, seen }: Pick<DueOptions, 'onSetAside' | 'places'> & { readonly errors: unknown[]; readonly seen: Seen },
): Promise<number> {
  const { write } = deployment.store;
  const issuer = await issuerOf(deployment, row);
  const anchors = await anchorsOf(deployment, row);
  const room = roomIn(deployment, crawl);
  const found = new Map(queued.map((one) => [one.entityId, one]));
  const of = (known: KnownEntity) => found.get(known.entityId) as Found;
  const one = (known: KnownEntity) =>
    // One entity that cannot be stored must not stall the crawl: it counts as not reached, and the error is told.
    visit(deployment, { issuer, crawl, anchors, room, seen }, of(known), known).catch(async (error: unknown) => {
      errors.push(error);
      await putBack(deployment, [known], AGAIN_AFTER_ERROR);
      await write([setCrawled(of(known), 'failed')]);
      seen.failed++;
    });
  const known = await knowEntities(deployment, row.id, [...found.keys()], 'crawl');
  // Who did not answer is asked in its own time, unless a person wants to know.
  const silent = crawl.createdBy === BY_ITSELF ? await silentOf(deployment, known) : [];
  const { together, alone, stopped, resting } = sortOut(
    known.filter((one_) => !silent.includes(one_)),
    deployment.now(),
  );
  for (const known of stopped) {
    if (await setAside(deployment, row, known)) onSetAside?.(known.entityId);
  }
  const passedOver = [...stopped, ...resting, ...silent];
  if (passedOver.length) await write(passedOver.map((known) => setCrawled(of(known), 'failed')));
  seen.failed += passedOver.length;
  const left = together.length - (await evaluateTogether(deployment, together, one, places));
  for (const each of alone) await evaluateAlone(deployment, each, one, places);
  return queued.length - left;
}

/** Those of these that had no answer when they were asked last, have none that is served, and are not due. */
async function silentOf({ store: { db }, now }: Deployment, known: readonly KnownEntity[]): Promise<readonly KnownEntity[]> {
  const waiting = known.filter(({ attempts, line, dueAt, leaseUntil }) => attempts > 0 && line === LINES.rest && dueAt > now() && leaseUntil === 0);
  const [first] = waiting;
  if (!first) return [];
  const valid = await readByList(
    waiting.map(({ entityId }) => entityId),
    (ids) =>
      db
        .select({ subject: snapshot.subject })
        .from(snapshot)
        .where(and(eq(snapshot.authorityId, first.authorityId), eq(snapshot.state, 'valid'), inLot(snapshot.subject, ids))),
  );
  const served = new Set(valid.map(({ subject }) => subject));
  return waiting.filter(({ entityId }) => !served.has(entityId));
}

interface Visiting {
  readonly issuer: Issuer;
  readonly crawl: JobRow;
  readonly anchors: Awaited<ReturnType<typeof anchorsOf>>;
  readonly room: Room;
  readonly seen: Seen;
}

/** Room for entities that a crawl may still find; counted when it is needed, and when there seems to be none left. */
interface Room {
  /** Takes so many, or what is left. */
  take(wanted: number): Promise<number>;
  /** So many of those that were taken are in the store now: what was there already has taken none. */
  used(taken: number): void;
}

function roomIn({ store: { db } }: Deployment, { id }: JobRow): Room {
  let left = 0;
  let under = 0;
  return {
    async take(wanted) {
      if (left < wanted) {
        const [found] = await db.select({ n: count() }).from(crawlEntity).where(eq(crawlEntity.jobId, id));
        left = MAX_CRAWL_ENTITIES - (found?.n ?? 0) - under;
      }
      const taken = Math.max(0, Math.min(wanted, left));
      left -= taken;
      under += taken;
      return taken;
    },
    used(taken) {
      under -= taken;
    },
  };
}

async function visit(deployment: Deployment, { issuer, crawl, anchors, room, seen }: Visiting, found: Found, known: KnownEntity): Promise<void> {
  const evaluated = await evaluateNow(deployment, issuer.authority, found.entityId, anchors, found.superior === null ? [] : [found.superior]);
  // The list is a stranger's too: it is read before the lease is given back.
  const listed = found.depth < MAX_DEPTH ? await subordinates(deployment, evaluated, anchorOf(crawl), found.entityId) : { taken: [] };
  await storeEvaluation(deployment, issuer, known, evaluated);
  // A long list is queued piece by piece, with others in between. Whoever is stopped among them begins anew with this superior.
  const queued = listed.taken.slice(0, listed.taken.length && (await room.take(listed.taken.length)));
  await pieceByPiece(queued, QUEUED_AT_ONCE, (piece) => deployment.store.write([queueBelow(crawl.id, found, piece)]));
  room.used(queued.length);
  const state = evaluated.evaluation.configuration ? 'done' : 'failed';
  await deployment.store.write([...(listed.finding ? [noteFinding(crawl.id, listed.finding)] : []), setCrawled(found, state)]);
  seen[state]++;
}

/** Whom a superior lists; nobody, unless it is the anchor or itself trusted under it. */
async function subordinates(deployment: Deployment, { evaluation }: Evaluated, anchor: string, entityId: string): Promise<Share> {
  if (evaluation.under.get(anchor)?.state !== 'valid') return { taken: [] };
  const [own] = await deployment.store.db.select({ id: authority.id }).from(authority).where(eq(authority.entityId, entityId)).limit(1);
  if (own) return { taken: await localMembers(deployment, own.id) };
  const endpoint = evaluation.configuration?.claims.metadata?.['federation_entity']?.['federation_list_endpoint'];
  if (typeof endpoint !== 'string') return { taken: [] };
  const listed = await fetchListing(deployment, endpoint);
  const ids = (listed.ok && listed.value.ids) || [];
  return entityId === anchor ? { taken: ids } : shareOf(entityId, ids);
}

/** How far it is: what this slice has added. Whatever the size of the crawl, that costs the same; the end counts all of it. */
async function progress({ store: { db, write }, now }: Deployment, crawl: JobRow, { done, failed }: Seen, last: number): Promise<void> {
  const [come] = await db.select({ n: count() }).from(crawlEntity).where(gt(crawlEntity.id, last));
  const set = { total: crawl.total + (come?.n ?? 0), done: crawl.done + done + failed, refused: crawl.refused + failed, updatedAt: now() };
  await write([db.update(job).set(set).where(stillRunning(crawl))]);
}

const stillRunning = ({ id }: JobRow) => and(eq(job.id, id), eq(job.state, 'running'));

async function finish(deployment: Deployment, crawl: JobRow): Promise<void> {
  const { db } = deployment.store;
  const counts = await db.select({ state: crawlEntity.state, n: count() }).from(crawlEntity).where(eq(crawlEntity.jobId, crawl.id)).groupBy(crawlEntity.state);
  const n = (state: Found['state']) => counts.find((one) => one.state === state)?.n ?? 0;
  const done = n('done') + n('failed');
  const set = { total: done + n('queued'), done, refused: n('failed'), updatedAt: deployment.now(), state: 'done' as const };
  await deployment.store.write([db.update(job).set(set).where(stillRunning(crawl)), ...(await exchange(deployment, crawl))]);
}

/** The result of the crawl before goes, and with it the entities that only that one had found. */
async function exchange({ store: { db } }: Deployment, crawl: JobRow): Promise<readonly Statement[]> {
  const before = (
    await db
      .select()
      .from(job)
      .where(and(eq(job.authorityId, crawl.authorityId), eq(job.kind, 'crawl'), ne(job.id, crawl.id), ne(job.state, 'running')))
  ).filter((one) => anchorOf(one) === anchorOf(crawl));
  return dropCrawls(
    crawl.authorityId,
    before.map(({ id }) => id),
  );
}

/** The crawl whose result is on show for an anchor. */
export async function shownCrawl({ store: { db } }: Deployment, authorityId: string, anchor: string): Promise<JobRow | undefined> {
  const rows = await db
    .select()
    .from(job)
    .where(and(eq(job.authorityId, authorityId), eq(job.kind, 'crawl'), eq(job.state, 'done'), hasFound()))
    .orderBy(desc(job.updatedAt));
  return rows.find((one) => anchorOf(one) === anchor);
}
