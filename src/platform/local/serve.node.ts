import type { Logger } from 'pino';
import { createAdminApp } from '../../admin/app.js';
import { ADMIN_BASE } from '../../admin/base.js';
import { createJoinApp } from '../../join/app.js';
import { systemCall } from '../../operations/call.js';
import { whyWithheld } from '../../operations/artefacts/expect-confirmed.js';
import { listAuthorities } from '../../operations/read.js';
import { authorityKeys } from '../../operations/registry.js';
import { backgroundTurn } from '../../operations/background.js';
import { createPublicApp } from '../../public/app.js';
import { plainAnswers } from '../../public/plain-answers.node.js';
import { hotPath, type Told } from '../../public/hot-path.node.js';
import { endLeases } from '../../operations/resolving/take-entities.js';
import { unconfirmed } from '../../store/standing.js';
import type { Config } from '../config.js';
import type { Crew } from '../cores/crew.node.js';
import { groundOf, noteListening, type NodeDeployment, openAnswering } from '../deployment.node.js';
import { openFirst } from '../open-first.node.js';
import { type Readiness, readiness } from '../health.js';
import { createLog, logRequests, requestLines } from '../log.node.js';
import { createMetrics, type Metrics, serveMetrics } from '../metrics.node.js';
import { createRoot, publicOf } from '../root.js';
import { clientAddress } from '../client-address.js';
import { type Answering, expectFree, type Listening, listen, peerOf } from '../server.node.js';
import { startingRoot } from '../starting.js';
import { type DiscoveryThread, discoveryThread, type ThreadLimits } from './discovery-thread.node.js';
import { headMemory } from './head-memory.node.js';
import { inTurns } from './in-turns.node.js';

export interface Serving {
  readonly deployment: NodeDeployment;
  readonly listening: Listening;
  readonly discovery: DiscoveryThread;
  /** Shown once: the owner token made at this start. */
  readonly token: string | undefined;
  readonly notice: string | undefined;
  stop(): Promise<void>;
}

type Answer = (request: Request, env?: object) => Response | Promise<Response>;

const TURN_EVERY_MS = 5000;

export interface ServeOptions {
  /** Identifier of the first authority, when it is not the URL. */
  readonly entityId?: string | undefined;
  readonly thread?: ThreadLimits | undefined;
}

/**
 * Start everything in one process: public plane, admin API and background work here, what reads strangers in a thread of its own.
 * The ports are taken and the files read before anything is made, so that a start that fails leaves nothing behind; until all of it
 * is there `startingRoot` answers.
 */
export async function startServer(config: Config, options: ServeOptions = {}): Promise<Serving> {
  if (config.metricsPort !== undefined) await expectFree(config.metricsHost, config.metricsPort);
  const answering: Answering = { fetch: startingRoot() };
  const log = createLog(config.log, config.workers > 0 ? 0 : undefined);
  const listening: Listening & { readonly crew?: Crew } =
    config.workers > 0 ? await (await import('../cores/by-workers.node.js')).listenByWorkers(answering, config, log) : await listen(answering, config);
  try {
    return await startBehind(config, options, { listening, log }, (ready) => Object.assign(answering, ready));
  } catch (error) {
    await listening.stop();
    throw error;
  }
}

interface Before {
  readonly listening: Listening & { readonly crew?: Crew };
  readonly log: Logger;
}

async function startBehind(config: Config, { entityId, thread }: ServeOptions, { listening, log }: Before, open: (ready: Answering) => void): Promise<Serving> {
  const { crew } = listening;
  const ground = await groundOf(config);
  const discovery = discoveryThread({ ground, discovery: config.discovery && config.turns, log, ...thread });
  const { deployment, token, notice } = await openFirst(config, () => openAnswering(ground, discovery.explorer, discovery.behind), entityId);
  const { opened } = deployment;
  const heads = headMemory(opened.memory, deployment);
  await heads.look();
  const answering = opened.answer();
  const publicApp = createPublicApp(() => context);
  const { published, inbox } = answering;
  const context = { published, inbox, now: deployment.now, development: config.development, apiPage: `${ADMIN_BASE}/docs` };
  const admin = createAdminApp(() => deployment);
  const join = createJoinApp({
    deploymentOf: () => deployment,
    addressOf: (request, env) => clientAddress(peerOf(env), request.headers.get('x-forwarded-for'), config.trustedProxies),
    inboxOf: () => inbox,
  });
  const metrics =
    config.metricsPort === undefined
      ? undefined
      : createMetrics(deployment, deployment.store, { discovery: discovery.counts, age: answering.age, workers: crew?.metrics });
  const root = createRoot({
    admin,
    join,
    publicApp,
    readiness: async () => withWorkers(await readiness(deployment), crew),
    tell: ({ ready, reasons }) => (ready ? log.info('ready again') : log.warn({ reasons }, 'not ready')),
  });
  const lines = requestLines(log, undefined, crew && 0);
  const told: Told | undefined =
    lines || metrics
      ? (method, path, status, since) => {
          lines?.add(method, path, status, since);
          metrics?.request(method, 'public', status, (performance.now() - since) / 1000);
        }
      : undefined;
  if (crew) {
    deployment.store.onCommit(crew.changed);
    await crew.open();
  }
  const scheme = config.tls ? 'https' : 'http';
  open({
    fetch: behindWorkers(measure(logRequests(lines, root), metrics), crew),
    hot: hotPath(() => context, scheme, told),
    plain: plainAnswers(() => context, scheme, told, publicOf(publicApp)),
  });
  if (!config.development && !config.tls) noteListening(config.data, config.host, listening.port);
  const metricsServer = metrics && config.metricsPort !== undefined ? serveMetrics(metrics, config.metricsHost, config.metricsPort, crew?.metrics) : undefined;
  const background = config.turns ? startBackground(deployment, log, metrics, heads.look) : startLooking(log, heads.look);
  deployment.store.onCommit(discovery.wake);
  discovery.start();
  return {
    deployment,
    discovery,
    listening,
    token,
    notice,
    async stop() {
      metricsServer?.close();
      await Promise.all([listening.stop(), background.stop(), discovery.stop()]);
      lines?.flush();
      // Whatever the thread had not finished in its grace is nobody's fault.
      await endLeases(deployment, false);
      await heads.end();
      await answering.close();
      await deployment.close();
    },
  };
}

/** Whoever is answered that something was changed, or cut, finds it so at every worker. */
const behindWorkers = (next: Answer, crew: Crew | undefined): Answer =>
  crew
    ? async (request, env) => {
        const response = await next(request, env);
        await crew.seen();
        return response;
      }
    : next;

const withWorkers = (found: Readiness, crew: Crew | undefined): Readiness =>
  crew ? { ...found, checks: { ...found.checks, workers: crew.missing() > 0 ? 'missing' : 'ok' } } : found;

function measure(next: Answer, metrics: Metrics | undefined): Answer {
  if (!metrics) return next;
  return async (request, env): Promise<Response> => {
    const start = performance.now();
    const response = await next(request, env);
    const plane = request.url.includes(ADMIN_BASE) ? 'admin' : 'public';
    metrics.request(request.method, plane, response.status, (performance.now() - start) / 1000);
    return response;
  };
}

/** Renewal, schedules and purging. What asks the world is done by the discovery thread: it may wait for strangers, renewal may not. */
const startBackground = (deployment: NodeDeployment, log: Logger, metrics: Metrics | undefined, before: () => Promise<void>) =>
  inTurns(log, 'background work', TURN_EVERY_MS, async (more) => {
    await before();
    const done = await backgroundTurn(deployment, { more, tell: (one) => log.error(one, 'this is due and cannot be signed') });
    metrics?.renewed(done.renewed);
    return done.renewed || done.rotated.length ? done : undefined;
  });

/** Another process does the background work: this one only looks whether its store went back. */
const startLooking = (log: Logger, look: () => Promise<void>) =>
  inTurns(log, 'looking at the heads of the event chains', TURN_EVERY_MS, async () => {
    await look();
    return undefined;
  });

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
  const standing = await unconfirmed(deployment.store.db);
  if (standing)
    lines.push(
      '',
      `  NOT CONFIRMED: ${whyWithheld(standing)}.`,
      '  Nothing is signed, and nothing of it is served. Look at it with: npx holdfast restore status',
      '',
    );
  lines.push(
    `  in a browser         ${new URL(config.url).origin}/`,
    `  admin API            ${new URL(config.url).origin}${ADMIN_BASE}`,
    `  API page             ${new URL(config.url).origin}${ADMIN_BASE}/docs`,
    `  database             ${deployment.opened.name}`,
  );
  if (config.outboundAllow.length) lines.push(`  outbound allowed     ${config.sources.find(({ setting }) => setting.name === 'outboundAllow')?.value}`);
  if (config.workers > 0) lines.push(`  workers              ${config.workers}, which answer what is public`);
  if (config.metricsPort !== undefined) lines.push(`  metrics              http://${config.metricsHost}:${config.metricsPort}/metrics`);
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
