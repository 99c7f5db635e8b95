import { createAdminApp } from '../admin/app.js';
import { ADMIN_BASE } from '../admin/base.js';
import { createJoinApp } from '../join/app.js';
import { clientAddress } from './client-address.js';
import { sealedCustody } from '../keys/custody.js';
import { importSealKey } from '../keys/seal.js';
import type { Deployment } from '../operations/call.js';
import { trustedClock } from '../operations/clock/trusted-clock.js';
import type { TellUnsigned } from '../operations/artefacts/renew.js';
import { backgroundTurn } from '../operations/background.js';
import { scheduleCrawls } from '../operations/resolving/crawl.js';
import { exploringDirectly } from '../operations/explore-directly.js';
import { type SeenHeads, watchHeads } from '../operations/restore/watch-heads.js';
import { discoveryTurn } from '../operations/discovery.js';
import { perProcess } from '../outbound/budget.js';
import { closedDoor } from '../outbound/closed-door.js';
import { safeFetch } from '../outbound/safe-fetch.workers.js';
import { createPublicApp, type PublicContext } from '../public/app.js';
import type { Clock } from '../store/clock.js';
import { inboxOnD1 } from '../store/inbox.workers.js';
import { publishedOnD1 } from '../store/published.workers.js';
import { openStore } from '../store/store.workers.js';
import { readConfig } from './config.js';
import { firstStart } from './first-start.js';
import { readiness } from './health.js';
import { createRoot } from './root.js';
import { seconds } from './seconds.js';

/** Holdfast on Workers: D1, cron, secrets. The same apps as on Node over another store and another door. */
export interface Bindings {
  readonly DB: D1Database;
  readonly HOLDFAST_URL: string;
  readonly HOLDFAST_SEAL_KEY?: string;
  readonly HOLDFAST_ADMIN_TOKEN?: string;
  readonly HOLDFAST_ORGANIZATION_NAME?: string;
  readonly HOLDFAST_APPROVALS_LAST?: string;
  readonly HOLDFAST_DOH_URL?: string;
}

interface Instance {
  /** As long as the isolate lives. */
  readonly seen: SeenHeads;
  readonly public: PublicContext;
  deployment(): Promise<Deployment>;
}

/** Here both come from the platform, which sets neither while an isolate lives. */
const CLOCK: Clock = { now: seconds, elapsed: () => performance.now() / 1000 };
/**
 * There is no socket hook on Workers: the platform's own flag keeps requests off private networks and sends even our own
 * zone through the public front door. Without it nothing is fetched.
 */
const mayDiscover = (): boolean =>
  (globalThis as { Cloudflare?: { compatibilityFlags?: Record<string, boolean> } }).Cloudflare?.compatibilityFlags?.['global_fetch_strictly_public'] === true;

const instances = new WeakMap<D1Database, Instance>();

function instanceOf(env: Bindings): Instance {
  const known = instances.get(env.DB);
  if (known) return known;
  const { HOLDFAST_URL, HOLDFAST_SEAL_KEY, HOLDFAST_ADMIN_TOKEN, HOLDFAST_ORGANIZATION_NAME, HOLDFAST_APPROVALS_LAST, HOLDFAST_DOH_URL } = env;
  const config = readConfig({
    HOLDFAST_URL,
    HOLDFAST_SEAL_KEY,
    HOLDFAST_ADMIN_TOKEN,
    HOLDFAST_ORGANIZATION_NAME,
    HOLDFAST_APPROVALS_LAST,
    HOLDFAST_DOH_URL,
  });
  const store = openStore(env.DB, seconds);
  let started: Promise<Deployment> | undefined;
  async function start(): Promise<Deployment> {
    if (config.sealKey === undefined) throw new Error('the secret HOLDFAST_SEAL_KEY is not set; set it with: wrangler secret put HOLDFAST_SEAL_KEY');
    if (config.adminToken === undefined) throw new Error('the secret HOLDFAST_ADMIN_TOKEN is not set; set it with: wrangler secret put HOLDFAST_ADMIN_TOKEN');
    const deployment = exploringDirectly({
      store,
      custody: sealedCustody(await importSealKey(config.sealKey)),
      outbound: mayDiscover() ? perProcess(safeFetch({ loopback: config.development })) : closedDoor('set the compatibility flag global_fetch_strictly_public'),
      clock: trustedClock(CLOCK, { development: config.development }),
      approvalsLast: config.approvalsLast,
      development: config.development,
      dnsResolver: config.dnsResolver,
    });
    await firstStart(deployment, config.url, config.adminToken, undefined, config.organizationName);
    return deployment;
  }
  const instance: Instance = {
    seen: new Map(),
    public: {
      published: publishedOnD1(env.DB, () => Date.now()),
      inbox: inboxOnD1(env.DB),
      now: seconds,
      development: config.development,
      apiPage: `${ADMIN_BASE}/docs`,
    },
    /** The first cron tick or admin request makes key and authority; a start that failed is tried again. */
    deployment() {
      started ??= start().catch((error: unknown) => {
        started = undefined;
        throw error;
      });
      return started;
    },
  };
  instances.set(env.DB, instance);
  return instance;
}

const root = createRoot({
  admin: createAdminApp((env) => instanceOf(env as Bindings).deployment()),
  join: createJoinApp({
    deploymentOf: (env) => instanceOf(env as Bindings).deployment(),
    // The platform says who asked, and nobody else can write this header.
    addressOf: (request) => clientAddress(request.headers.get('cf-connecting-ip') ?? undefined, null, []),
    inboxOf: (env) => instanceOf(env as Bindings).public.inbox,
  }),
  publicApp: createPublicApp<Bindings>((env) => instanceOf(env).public),
  readiness: async (env) => readiness(await instanceOf(env as Bindings).deployment()),
  tell: ({ ready, reasons }) => console.error(JSON.stringify(ready ? { level: 'info', msg: 'ready again' } : { level: 'warn', reasons, msg: 'not ready' })),
});

/** Artefacts signed per cron tick: a tick has a bounded number of queries. */
const CRON_SLICE = 200;
/** Steps of each kind of discovery per tick, and entities looked at in each: each costs a few subrequests, and a tick has a bounded number of those. */
const CRON_STEPS = 2;
const CRON_EVALUATIONS = 8;
/** Slices of work per tick (operations/background.ts). */
const CRON_SLICES = 20;

async function tick(env: Bindings): Promise<void> {
  const deployment = await instanceOf(env).deployment();
  await watchHeads(deployment, instanceOf(env).seen);
  const tell: TellUnsigned = (one) => console.error(JSON.stringify({ level: 'error', ...one, msg: 'this is due and cannot be signed' }));
  await backgroundTurn(deployment, { more: () => true, slices: CRON_SLICES, slice: CRON_SLICE, tell });
  if (!mayDiscover()) return;
  await scheduleCrawls(deployment);
  const onSetAside = (entity: string) =>
    console.error(JSON.stringify({ level: 'warn', entity, msg: 'set aside: evaluating this entity has stopped the invocation that did so' }));
  await discoveryTurn(deployment, { more: () => true, steps: CRON_STEPS, step: CRON_EVALUATIONS, onSetAside });
}

// biome-ignore lint/style/noDefaultExport: the Workers runtime looks for it
export default {
  fetch: (request: Request, env: Bindings) => root(request, env),
  scheduled(_event: ScheduledController, env: Bindings, context: ExecutionContext) {
    context.waitUntil(tick(env));
  },
} satisfies ExportedHandler<Bindings>;
