import type { Logger } from 'pino';
import { ADMIN_BASE, createAdminApp } from '../../admin/app.js';
import { systemCall } from '../../operations/call.js';
import { listAuthorities } from '../../operations/read.js';
import { authorityKeys } from '../../operations/registry.js';
import { backgroundTurn } from '../../operations/background.js';
import { scheduleCrawls } from '../../operations/crawl.js';
import { discoveryTurn } from '../../operations/discovery.js';
import { createPublicApp } from '../../public/app.js';
import { noteWishes } from '../../operations/wishes.js';
import { readInbox, inboxOnSqlite } from '../../store/inbox.node.js';
import { publishedOnSqlite } from '../../store/published.node.js';
import type { Config } from '../config.js';
import { inboxFile, type NodeDeployment, openDeployment, writeCredentials } from '../deployment.node.js';
import { firstStart } from '../first-start.js';
import { readiness } from '../health.js';
import { createLog, logRequests } from '../log.node.js';
import { createMetrics, type Metrics, serveMetrics } from '../metrics.node.js';
import { createRoot } from '../root.js';
import { type Listening, listen } from '../server.node.js';

export interface Serving {
  readonly deployment: NodeDeployment;
  readonly listening: Listening;
  /** Shown once: the owner token made at this start. */
  readonly token: string | undefined;
  readonly notice: string | undefined;
  stop(): Promise<void>;
}

const TURN_EVERY_MS = 5000;
const DISCOVERY_EVERY_MS = 1000;

/** Start everything in one process: the public plane, the admin API, the background work. */
export async function startServer(config: Config, { entityId }: { readonly entityId?: string | undefined } = {}): Promise<Serving> {
  const log = createLog(config.log);
  const deployment = await openDeployment(config);
  const { token, notice } = await firstStart(deployment, config.url, config.adminToken, entityId);
  if (token !== undefined) writeCredentials(config.data, { url: new URL(config.url).origin, token });
  const { store } = deployment;
  const published = publishedOnSqlite(store.reader);
  store.onCommit(() => published.changed());
  const publicApp = createPublicApp(() => context);
  const context = { published, inbox: inboxOnSqlite(store.writer), now: deployment.now, development: config.development };
  const admin = createAdminApp(() => deployment);
  const metrics = config.metricsPort === undefined ? undefined : createMetrics(deployment, store);
  const root = createRoot({ admin, publicApp, readiness: () => readiness(deployment) });
  const listening = await listen(measure(logRequests(log, root), metrics), config);
  const metricsServer = metrics && config.metricsPort !== undefined ? serveMetrics(metrics, config.host, config.metricsPort) : undefined;
  const background = startBackground(deployment, log, metrics, config);
  return {
    deployment,
    listening,
    token,
    notice,
    async stop() {
      metricsServer?.close();
      await Promise.all([listening.stop(), background.stop()]);
      await deployment.close();
    },
  };
}

function measure(next: (request: Request) => Response | Promise<Response>, metrics: Metrics | undefined) {
  if (!metrics) return next;
  return async (request: Request): Promise<Response> => {
    const start = performance.now();
    const response = await next(request);
    const plane = request.url.includes(ADMIN_BASE) ? 'admin' : 'public';
    metrics.request(request.method, plane, response.status, (performance.now() - start) / 1000);
    return response;
  };
}

/** One kind of work in turns; a turn that fails is logged and the next one tries again. */
function inTurns(log: Logger, what: string, every: number, turn: (more: () => boolean) => Promise<object | undefined>) {
  let stopping = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async () => {
    try {
      const done = await turn(() => !stopping);
      if (done) log.info(done, what);
    } catch (error) {
      log.error({ error: error instanceof Error ? error.message : String(error) }, `${what} failed; it is tried again`);
    }
    if (!stopping) schedule();
  };
  const schedule = () => {
    timer = setTimeout(() => {
      running = run();
    }, every);
  };
  schedule();
  return {
    async stop() {
      stopping = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** Renewal, schedules and purging; and, beside it, what asks the world: it may wait for strangers, renewal may not. */
function startBackground(deployment: NodeDeployment, log: Logger, metrics: Metrics | undefined, { discovery, data }: Config) {
  let wishesSince = 0;
  const loops = [
    inTurns(log, 'background work', TURN_EVERY_MS, async (more) => {
      const done = await backgroundTurn(deployment, { more });
      metrics?.renewed(done.renewed);
      return done.renewed || done.rotated.length ? done : undefined;
    }),
    ...(discovery
      ? [
          inTurns(log, 'discovery', DISCOVERY_EVERY_MS, async (more) => {
            const now = deployment.now();
            await noteWishes(deployment, readInbox(inboxFile(data), wishesSince, now));
            wishesSince = now - 1; // the second that is running may get more
            await scheduleCrawls(deployment);
            const done = await discoveryTurn(deployment, { more });
            return done.evaluated || done.crawled ? done : undefined;
          }),
        ]
      : []),
  ];
  return {
    stop: () => Promise.all(loops.map((loop) => loop.stop())),
  };
}

/** What a person sees after `npm start`. */
export async function banner({ deployment, token, notice }: Serving, config: Config, startedAt: number): Promise<string> {
  const lines = ['', 'Holdfast is running.', ''];
  if (config.development)
    lines.push('  DEVELOPMENT MODE: the URL is loopback http. Identifiers are not https; nobody outside this machine can trust them.', '');
  for (const row of await listAuthorities(systemCall(deployment))) {
    const active = (await authorityKeys(deployment.store.db, row.id)).find(({ state }) => state === 'active');
    lines.push(`  authority ${row.slug}`, `    entity identifier  ${row.entityId}`, `    key thumbprint     ${active?.kid ?? 'none'}`);
  }
  if (notice !== undefined) lines.push(`    NOTE: ${notice}`);
  lines.push(
    `  admin API            ${new URL(config.url).origin}${ADMIN_BASE}`,
    `  API page             ${new URL(config.url).origin}${ADMIN_BASE}/docs`,
    `  database             ${deployment.store.writer.name}`,
  );
  if (config.outboundAllow.length) lines.push(`  outbound allowed     ${config.sources.find(({ setting }) => setting.name === 'outboundAllow')?.value}`);
  if (config.metricsPort !== undefined) lines.push(`  metrics              http://${config.host}:${config.metricsPort}/metrics`);
  if (token !== undefined) lines.push('', '  First owner API key, shown once (the CLI finds it in the data folder):', `    ${token}`);
  lines.push(
    '',
    '  Enrol the first member:',
    '    npx holdfast member enroll <entity-id>',
    '',
    `  ready after ${Math.round(performance.now() - startedAt)} ms; stop with Ctrl-C`,
    '',
  );
  return lines.join('\n');
}
