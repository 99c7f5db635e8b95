import { createPublicApp } from '../../public/app.js';
import { plainAnswers } from '../../public/plain-answers.node.js';
import { hotPath } from '../../public/hot-path.node.js';
import { type Config, ConfigError } from '../config.js';
import { seconds } from '../seconds.js';
import { createLog, logRequests, requestLines } from '../log.node.js';
import { createRoot, publicOf } from '../root.js';
import { type Listening, listen } from '../server.node.js';
import { openPlane } from './public-plane.node.js';

export interface PublicServing {
  readonly listening: Listening;
  readonly notice: string | undefined;
  stop(): Promise<void>;
}

/** What it needs of the configuration: plain values, so that another process can be given them. */
export type PublicSettings = Pick<
  Config,
  'sealKey' | 'url' | 'host' | 'port' | 'data' | 'tls' | 'log' | 'database' | 'readDatabase' | 'staleness' | 'development'
>;

/** Where it is one of several that listen on one port: which one it is, and whether others are missing. */
export interface OneOfSeveral {
  readonly number: number;
  readonly missing: () => boolean;
}

/** @throws ConfigError */
export function expectNoKey({ sealKey }: Pick<Config, 'sealKey'>): void {
  if (sealKey !== undefined) throw new ConfigError('HOLDFAST_SEAL_KEY is set: a public-only process must not hold it; take it out of its environment');
}

/**
 * The public plane alone: no seal key in its environment, the database read-only. It answers the same bytes as the
 * process that signs.
 * @throws ConfigError when the database is not there, or cannot be read without write access
 */
export async function startPublicOnly(config: PublicSettings, worker?: OneOfSeveral): Promise<PublicServing> {
  expectNoKey(config);
  const { current, inbox, notice, close } = await openPlane(config, { spends: true });
  const contextOf = () => ({ published: current(), inbox, now: seconds, development: config.development });
  const publicApp = createPublicApp(contextOf);
  const ready = async () => {
    const published = current();
    published.begin();
    const found = await published.authorities();
    const withheld = found.some((one) => one.withheld);
    return {
      ready: found.length > 0 && !withheld,
      checks: {
        store: found.length > 0 ? ('ok' as const) : ('failing' as const),
        ...(withheld && { restored: 'not confirmed' as const }),
        ...(worker && { workers: worker.missing() ? ('missing' as const) : ('ok' as const) }),
      },
    };
  };
  const root = createRoot({ admin: undefined, publicApp, readiness: ready });
  const lines = requestLines(createLog(config.log, worker?.number), undefined, worker?.number);
  const scheme = config.tls ? 'https' : 'http';
  const listening = await listen(
    { fetch: logRequests(lines, root), hot: hotPath(contextOf, scheme, lines?.add), plain: plainAnswers(contextOf, scheme, lines?.add, publicOf(publicApp)) },
    config,
  );
  return {
    listening,
    notice,
    async stop() {
      await listening.stop();
      lines?.flush();
      await close();
    },
  };
}
