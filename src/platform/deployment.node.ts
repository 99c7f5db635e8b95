import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { askedSeldom } from './asked-seldom.node.js';
import type { CryptoKey } from 'jose';
import { sealedCustody } from '../keys/custody.js';
import { byNode } from '../keys/open-key.node.js';
import { NATIVE_SHA256 } from '../keys/native-sha256.node.js';
import { hashWith } from '../federation/sha256.js';
import { parseJson } from '../federation/strict-json.js';
import { newId, newSealKey } from '../keys/random.js';
import { importSealKey } from '../keys/seal.js';
import type { Deployment } from '../operations/call.js';
import { trustedClock } from '../operations/clock/trusted-clock.js';
import { exploringDirectly } from '../operations/explore-directly.js';
import type { Explorer } from '../operations/explorer.js';
import { signMovedLists } from '../operations/status/sign-lists.js';
import { createTurns } from '../operations/turns.js';
import { parseAllowed } from '../outbound/address-guard.js';
import { perProcess } from '../outbound/budget.js';
import { closedDoor } from '../outbound/closed-door.js';
import type { Outbound } from '../outbound/outbound.js';
import { safeFetch } from '../outbound/safe-fetch.node.js';
import type { Clock } from '../store/clock.js';
import type { Config } from './config.js';
import { expectSealKey } from './seal-key-needed.js';
import { finishRotation } from './finish-rotation.node.js';
import { evidenceIn, sweepPartial } from '../store/evidence-files.node.js';
import { cliFile, databaseFile, evidenceFolder, nextSealKeyFile, sealKeyFile } from './files.node.js';
import { type OpenedStore, openPlace, type ServingStore, type StorePlace } from './opened.node.js';
import { seconds } from './seconds.js';

export { databaseFile, inboxFile, nextSealKeyFile, sealKeyFile } from './files.node.js';
export { seconds } from './seconds.js';

hashWith(NATIVE_SHA256);

/** The machine's; its uptime counts on while it sleeps. */
const CLOCK: Clock = { now: seconds, elapsed: askedSeldom(uptime) };

export interface NodeDeployment extends Deployment {
  readonly store: ServingStore;
  readonly opened: OpenedStore;
  close(): Promise<void>;
}

/** What a process stands on; plain values and a key that cannot be exported, so another thread can have it. */
export interface Ground extends StorePlace {
  readonly sealKey: CryptoKey;
  readonly development: boolean;
  /** Address blocks reachable despite the guard, as configured. */
  readonly outboundAllow: string | undefined;
  readonly approvalsLast: number;
  readonly dnsResolver?: string | undefined;
  /** Under which this process takes leases, its threads too: one that is started again goes on with what the one before had. */
  readonly holder: string;
}

/** @throws ConfigError without a seal key outside development */
export async function groundOf(config: Config): Promise<Ground> {
  if (!config.database) await finishRotation(databaseFile(config.data), sealKeyFile(config.data), nextSealKeyFile(config.data));
  const sealKey = await importSealKey(sealKeyOf(config));
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const allowed = config.sources.find(({ setting }) => setting.name === 'outboundAllow')?.value;
  const { data, database, staleness, development, approvalsLast, dnsResolver } = config;
  return { data, database, staleness, sealKey, development, approvalsLast, outboundAllow: allowed, dnsResolver, holder: newId('prc') };
}

/** Beside the file of the database; one on PostgreSQL is everybody's, and no folder of this machine is. */
function evidenceOf({ data, database }: Ground): Pick<Deployment, 'evidence'> {
  if (database) return {};
  sweepPartial(evidenceFolder(data), seconds() * 1000);
  return { evidence: evidenceIn(evidenceFolder(data)) };
}

/**
 * Everything that signs and writes, with the database open; what strangers send is read by `explorer`, never here.
 * @param pressed does whoever reads that wait for the processor?
 */
export function openAnswering(ground: Ground, explorer: Explorer, pressed?: () => boolean): NodeDeployment {
  const { sealKey, development, holder, approvalsLast } = ground;
  const opened = openPlace(ground, CLOCK.now);
  const outbound = closedDoor('what strangers send is read by the discovery thread alone');
  const clock = trustedClock(CLOCK, { development });
  return {
    store: opened.store,
    opened,
    custody: sealedCustody(sealKey, byNode),
    outbound,
    explorer,
    clock,
    now: clock.now,
    turns: createTurns(holder),
    approvalsLast,
    pressed,
    afterCommit: signMovedLists,
    ...evidenceOf(ground),
    development,
    close: opened.close,
  };
}

/**
 * The same with a door of its own: it reads strangers itself.
 * @param around what is put around the door
 */
export function openExploring(ground: Ground, around: (door: Outbound) => Outbound = (door) => door): NodeDeployment {
  const { sealKey, development, outboundAllow, dnsResolver, holder, approvalsLast } = ground;
  const opened = openPlace(ground, CLOCK.now);
  const { store } = opened;
  const door = safeFetch({ loopback: development, allowed: parseAllowed(outboundAllow) });
  const outbound = around(perProcess(door));
  return {
    ...exploringDirectly(
      { store, custody: sealedCustody(sealKey, byNode), outbound, clock: trustedClock(CLOCK, { development }), approvalsLast, development, dnsResolver },
      createTurns(holder),
    ),
    store,
    opened,
    ...evidenceOf(ground),
    async close() {
      await door.close();
      await opened.close();
    },
  };
}

/** In development mode a random seal key is kept beside the database; in production it comes from outside or not at all. */
export function sealKeyOf({ sealKey, development, data, url }: Config): string {
  expectSealKey({ sealKey, development, url });
  if (sealKey !== undefined) return sealKey;
  const file = sealKeyFile(data);
  if (!existsSync(file)) {
    mkdirSync(data, { recursive: true, mode: 0o700 });
    makeWhole(file, `${newSealKey()}\n`);
  }
  chmodSync(file, 0o600);
  return readFileSync(file, 'utf8').trim();
}

/** Make a file with its whole content, unless another process was first: then the file is its. */
function makeWhole(file: string, content: string): void {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, content, { mode: 0o600 });
  try {
    linkSync(own, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(own);
  }
}

export interface CliCredentials {
  readonly url: string;
  readonly token: string;
  /** Where the server listens on this machine, when its URL is another place. */
  readonly local?: string;
}

/** Where the CLI finds the server and the first owner key; readable by the owner of the process only. */
export function writeCredentials(data: string, credentials: CliCredentials): void {
  writeFileSync(cliFile(data), `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
  chmodSync(cliFile(data), 0o600);
}

/** The CLI on this machine is told where the server listens, for when its URL cannot be reached from here. */
export function noteListening(data: string, host: string, port: number): void {
  const file = cliFile(data);
  if (!existsSync(file)) return;
  const anywhere = host === '0.0.0.0' || host === '::';
  const local = `http://${anywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`;
  const known = parseJson(readFileSync(file, 'utf8'), file);
  const { url, token, local: before } = (known.ok ? known.value : {}) as Partial<CliCredentials>;
  if (typeof url === 'string' && typeof token === 'string' && before !== local) writeCredentials(data, { url, token, local });
}
