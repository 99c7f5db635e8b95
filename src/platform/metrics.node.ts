import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { and, count, eq, isNotNull, lt, min } from 'drizzle-orm';
import type { DiscoveryThread } from './local/discovery-thread.node.js';
import { activeMembers } from './active-members.node.js';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { overdue, withheldNow } from '../operations/artefacts/renew.js';
import type { Deployment } from '../operations/call.js';
import { artefact, job } from '../store/schema.js';
import { unconfirmed } from '../store/standing.js';
import type { ServingStore } from './opened.node.js';
import { type Counts, countRequests, countsOf, registryOf, type Requests } from './request-counts.node.js';

export interface Metrics extends Requests {
  readonly registry: Registry;
  renewed(n: number): void;
}

/** What workers do, where there are any. */
export interface Workers {
  readonly wanted: number;
  readonly there: () => number;
  readonly restarts: () => number;
  /** What they have answered, those that are gone too. */
  readonly counted: () => Promise<Counts>;
}

export interface Measured {
  /** What has become of the thread that reads strangers, where there is one. */
  readonly discovery?: DiscoveryThread['counts'] | undefined;
  /** Seconds that what is served is old, where it can be. */
  readonly age?: (() => number) | undefined;
  readonly workers?: Workers | undefined;
}

export function createMetrics(deployment: Deployment, store: ServingStore, { discovery = { restarts: 0, setAside: 0 }, age, workers }: Measured = {}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const renewals = new Counter({ name: 'holdfast_renewed_total', help: 'Artefacts signed again', registers: [registry] });
  const gauge = (name: string, help: string, read: () => Promise<number> | number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect: async function collect() {
        this.set(await read());
      },
    });
  /** What is counted elsewhere, and only ever rises. */
  const counted = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers: [registry],
      collect: function collect() {
        this.reset();
        this.inc(read());
      },
    });
  const { db } = store;
  gauge('holdfast_artefact_expires_seconds', 'Seconds until the first artefact expires that is renewed', async () => {
    const [row] = await db
      .select({ exp: min(artefact.exp) })
      .from(artefact)
      .where(and(isNotNull(artefact.renewAt), lt(artefact.renewAt, artefact.exp)));
    return (row?.exp ?? deployment.now()) - deployment.now();
  });
  gauge(
    'holdfast_artefacts_withheld',
    'Artefacts that are not served until they are signed anew (a revoked key, a resumed authority, an end that was moved); counted up to 1000',
    () => withheldNow(deployment),
  );
  gauge('holdfast_clock_trusted', '1 while the clock is trusted; 0: nothing is signed', async () => Number((await deployment.clock.state(store)).trusted));
  gauge('holdfast_renewal_overdue', 'Artefacts overdue for renewal; counted up to about 1000', () => overdue(deployment));
  gauge('holdfast_restore_unconfirmed', '1 while a restored database is not confirmed: nothing is signed and served', async () =>
    (await unconfirmed(db)) === undefined ? 0 : 1,
  );
  gauge('holdfast_jobs_running', 'Jobs that are not done', async () => (await db.select({ n: count() }).from(job).where(eq(job.state, 'running')))[0]?.n ?? 0);
  gauge('holdfast_members_active', 'Active members; of many, counted once a minute', activeMembers(db));
  counted('holdfast_transactions_total', 'Transactions committed by this process', () => store.counts.transactions);
  counted('holdfast_operations_total', 'Operations committed by this process; more than one share a transaction', () => store.counts.operations);
  if (age)
    gauge(
      'holdfast_store_age_seconds',
      'Age of what is read from the database, by the last beat of the primary; above HOLDFAST_STALENESS nothing is served',
      age,
    );
  if (workers) {
    gauge('holdfast_workers_missing', 'Workers that do not listen, of those wanted', () => workers.wanted - workers.there());
    counted('holdfast_worker_restarts_total', 'Times a worker ended and was started again', workers.restarts);
  }
  const { settled, resent } = store.counts;
  if (settled !== undefined && resent !== undefined) {
    counted('holdfast_commits_settled_total', 'Commits whose answer was lost and was found in the event chain', () => store.counts.settled ?? 0);
    counted('holdfast_commits_resent_total', 'Commits whose answer was lost and that were sent again', () => store.counts.resent ?? 0);
  }
  counted('holdfast_discovery_restarts_total', 'Times the thread that reads what others publish hung or ended and was started again', () => discovery.restarts);
  counted(
    'holdfast_discovery_set_aside_total',
    'Times an entity was set aside because evaluating it had stopped that thread; an entity may be set aside more than once',
    () => discovery.setAside,
  );
  return {
    registry,
    ...countRequests(),
    renewed: (n) => renewals.inc(n),
  };
}

/** Metrics have a listener of their own: they are nobody else's business. */
export function serveMetrics(metrics: Metrics, host: string, port: number, workers?: Workers) {
  const { registry } = metrics;
  const app = new Hono();
  app.get('/metrics', async (c) => {
    const answered = registryOf([await countsOf(metrics), ...(workers ? [await workers.counted()] : [])]);
    return c.body(`${await registry.metrics()}\n${await answered.metrics()}`, 200, { 'content-type': registry.contentType });
  });
  return serve({ fetch: app.fetch, hostname: host, port });
}
