import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sealedCustody } from '../keys/custody.js';
import { newSealKey } from '../keys/random.js';
import { importSealKey } from '../keys/seal.js';
import type { Deployment } from '../operations/call.js';
import { perProcess } from '../outbound/budget.js';
import { safeFetch } from '../outbound/safe-fetch.node.js';
import { type NodeStore, openStore } from '../store/store.node.js';
import { type Config, ConfigError } from './config.js';

export const seconds = (): number => Math.floor(Date.now() / 1000);
export const databaseFile = (data: string): string => join(data, 'holdfast.db');
/** Where a public plane of its own notes what it may write. */
export const inboxFile = (data: string): string => join(data, 'inbox.db');
export const sealKeyFile = (data: string): string => join(data, 'seal.key');
export const cliFile = (data: string): string => join(data, 'cli.json');

export interface NodeDeployment extends Deployment {
  readonly store: NodeStore;
  close(): Promise<void>;
}

/** Everything that signs and writes, on one machine. @throws ConfigError without a seal key outside development */
export async function openDeployment(config: Config): Promise<NodeDeployment> {
  const sealKey = await importSealKey(sealKeyOf(config));
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const store = openStore(databaseFile(config.data), seconds);
  const door = safeFetch({ loopback: config.development, allowed: config.outboundAllow });
  return {
    store,
    custody: sealedCustody(sealKey),
    outbound: perProcess(door),
    now: seconds,
    development: config.development,
    async close() {
      await door.close();
      store.close();
    },
  };
}

/** In development mode a random seal key is kept beside the database; in production it comes from outside or not at all. */
function sealKeyOf({ sealKey, development, data, url }: Config): string {
  if (sealKey !== undefined) return sealKey;
  if (!development)
    throw new ConfigError(
      `HOLDFAST_SEAL_KEY is missing. ${url} is no development URL, so signing keys are not sealed with a key that lies beside them. Make one with: openssl rand -base64 32`,
    );
  const file = sealKeyFile(data);
  if (!existsSync(file)) {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    writeFileSync(file, `${newSealKey()}\n`, { mode: 0o600, flag: 'wx' });
  }
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}

export interface CliCredentials {
  readonly url: string;
  readonly token: string;
}

/** Where the CLI finds the server and the first owner key; readable by the owner of the process only. */
export function writeCredentials(data: string, credentials: CliCredentials): void {
  writeFileSync(cliFile(data), `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  chmodSync(cliFile(data), 0o600);
}
