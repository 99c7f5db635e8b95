import type { Logger } from 'pino';
import type { Config } from '../config.js';
import { expectNoKey, type PublicServing, type PublicSettings } from '../local/serve-public.node.js';
import { createLog } from '../log.node.js';
import type { Answering, Listening } from '../server.node.js';
import { type Crew, startCrew } from './crew.node.js';
import { listenPrivately } from './private-listener.node.js';

/** What a worker is told of the configuration: of a database that may be written nothing. */
const settingsOf = ({ url, host, port, data, tls, log, staleness, development, database, readDatabase }: Config): PublicSettings => ({
  url,
  host,
  port,
  data,
  tls,
  log,
  staleness,
  development,
  sealKey: undefined,
  database: undefined,
  readDatabase: database && readDatabase,
});

/**
 * Listen by workers, which answer what is public as soon as they are told that the database is there; all else comes here.
 * @throws Error when one of them cannot start: the port is taken, a TLS file cannot be read
 */
export async function listenByWorkers(answering: Answering, config: Config, log: Logger): Promise<Listening & { readonly crew: Crew }> {
  const { workers, data, tls, metricsPort } = config;
  const { door, stop } = await listenPrivately(answering, data, { workers, encrypted: tls !== undefined });
  try {
    const crew = await startCrew({ workers, settings: settingsOf(config), door, log, counts: metricsPort !== undefined });
    return {
      port: crew.port,
      crew,
      async stop() {
        await crew.stop();
        await stop();
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The public plane alone, by several processes. This one only looks after them. */
export async function startPublicWorkers(config: Config): Promise<PublicServing> {
  expectNoKey(config);
  const { workers, database, readDatabase } = config;
  const crew = await startCrew({ workers, settings: { ...settingsOf(config), database, readDatabase }, log: createLog(config.log, 0) });
  return { listening: crew, notice: crew.notice, stop: crew.stop };
}
