import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { didYouMean } from '../federation/nearest.js';
import { type Config, ConfigError, SETTINGS } from './config.js';
import { bunFault } from './on-bun.node.js';
import { expectSealKey } from './seal-key-needed.js';

const causeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? (error as Error).message;

function tlsFault({ tls }: Config): string | undefined {
  if (!tls) return undefined;
  for (const [variable, file] of [
    ['HOLDFAST_TLS_CERT', tls.cert],
    ['HOLDFAST_TLS_KEY', tls.key],
  ] as const)
    try {
      accessSync(file, constants.R_OK);
    } catch (error) {
      return `${variable}: cannot read ${file} (${causeOf(error)})`;
    }
  try {
    createSecureContext({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) });
    return undefined;
  } catch (error) {
    return `HOLDFAST_TLS_CERT and HOLDFAST_TLS_KEY: no certificate (PEM) with its private key (${causeOf(error)})`;
  }
}

/** One that is not there yet is made in the nearest folder that is. */
function folderFault({ data }: Config): string | undefined {
  let at = resolve(data);
  while (!existsSync(at) && dirname(at) !== at) at = dirname(at);
  try {
    accessSync(at, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `HOLDFAST_DATA: ${at} cannot be written by this user (${causeOf(error)}); choose another folder, or give it to the user of the service`;
  }
}

function portFault({ port, metricsPort, host, metricsHost }: Config): string | undefined {
  const overlap = host === metricsHost || [host, metricsHost].some((one) => one === '0.0.0.0' || one === '::');
  return metricsPort !== undefined && metricsPort !== 0 && metricsPort === port && overlap
    ? `HOLDFAST_METRICS_PORT: ${metricsPort} is the port of the service; choose another`
    : undefined;
}

/** A worker is given no password of somebody who may write. */
function workersFault({ workers, database, readDatabase }: Config): string | undefined {
  return workers > 0 && database && !readDatabase
    ? 'HOLDFAST_WORKERS: on PostgreSQL workers read with a user that may only read; name the database and that user in HOLDFAST_READ_DATABASE (a standby, or the same servers)'
    : undefined;
}

function sealFault(config: Config): string | undefined {
  try {
    expectSealKey(config);
    return undefined;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/**
 * Look at what a start needs beyond the settings themselves, before anything is made: a start that fails leaves nothing behind.
 * @throws ConfigError naming every fault
 */
export function expectStartable(config: Config, { publicOnly = false } = {}): void {
  const faults = [
    publicOnly ? undefined : sealFault(config),
    tlsFault(config),
    portFault(config),
    bunFault(config),
    ...(publicOnly ? [] : [folderFault(config), workersFault(config)]),
  ];
  const found = faults.filter((one) => one !== undefined);
  if (found.length) throw new ConfigError(found.join('\n'));
}

const KNOWN = SETTINGS.flatMap(({ env, secret }) => (secret ? [env, `${env}_FILE`] : [env]));

/** Variables that look like settings and are none: a setting that is misspelt is silently not set. */
export const strayVariables = (env: Readonly<Record<string, string | undefined>>): readonly string[] =>
  Object.keys(env)
    .filter((name) => name.startsWith('HOLDFAST_') && !KNOWN.includes(name))
    .sort()
    .map((name) => `${name} is no setting${didYouMean(name, KNOWN)}`);

/** More workers than there are cores make nothing faster: they take turns. */
export const moreThanCores = ({ workers }: Config, cores = availableParallelism()): readonly string[] =>
  workers > cores ? [`HOLDFAST_WORKERS: ${workers} workers on ${cores} ${cores === 1 ? 'core' : 'cores'}: more than there are cores make nothing faster`] : [];
