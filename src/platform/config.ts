import { type GuardOptions, parseAllowed, parseBlocks } from '../outbound/address-guard.js';
import { checkUrl } from '../outbound/check-url.js';
import { isLoopbackHost, parseEntityId } from '../federation/entity-id.js';
import { readUrl } from '../federation/read-url.js';
import { readDuration } from '../federation/written-time.js';
import { faultOfDatabaseUrl } from './database-url.js';

/**
 * Everything that can be set, where from, and what it means. One table: help text, docs/settings.md and parsing agree. A secret comes from
 * its variable, or from the file that `<variable>_FILE` or `--<flag>-file` names; never from the command line itself.
 */
export interface Setting {
  readonly name: string;
  readonly env: string;
  readonly flag: string;
  readonly fallback: string | undefined;
  readonly secret?: true;
  readonly about: string;
}
export const SETTINGS: readonly Setting[] = [
  {
    name: 'url',
    env: 'HOLDFAST_URL',
    flag: 'url',
    fallback: 'http://localhost:<port>',
    about:
      'where the deployment answers; the first authority gets it as its identifier, byte for byte, a final slash included (serve --entity-id gives it another). Loopback http means development mode',
  },
  {
    name: 'organizationName',
    env: 'HOLDFAST_ORGANIZATION_NAME',
    flag: 'organization-name',
    fallback: undefined,
    about: 'what the first authority calls itself when it is made, its host if unset; changed later by: authority change main --metadata',
  },
  { name: 'port', env: 'HOLDFAST_PORT', flag: 'port', fallback: '8080', about: 'port to listen on' },
  { name: 'host', env: 'HOLDFAST_HOST', flag: 'host', fallback: '127.0.0.1', about: 'address to listen on' },
  {
    name: 'workers',
    env: 'HOLDFAST_WORKERS',
    flag: 'workers',
    fallback: '0',
    about:
      'processes that answer what is public, on this one port and on as many cores; they hold no key. 0: this process answers everything itself. On PostgreSQL they read HOLDFAST_READ_DATABASE',
  },
  { name: 'data', env: 'HOLDFAST_DATA', flag: 'data', fallback: './data', about: 'folder of the database' },
  {
    name: 'sealKey',
    env: 'HOLDFAST_SEAL_KEY',
    flag: 'seal-key',
    fallback: undefined,
    secret: true,
    about: '32 bytes, base64: seals the signing keys. Needed with an https URL; in development mode one is kept in the data folder',
  },
  {
    name: 'adminToken',
    env: 'HOLDFAST_ADMIN_TOKEN',
    flag: 'admin-token',
    fallback: undefined,
    secret: true,
    about: 'an owner API key that follows the variable: with another value the former one ends; without it one is made and shown once',
  },
  { name: 'tlsCert', env: 'HOLDFAST_TLS_CERT', flag: 'tls-cert', fallback: undefined, about: 'certificate file (PEM): terminate TLS here' },
  { name: 'tlsKey', env: 'HOLDFAST_TLS_KEY', flag: 'tls-key', fallback: undefined, about: 'private key file (PEM) of the certificate' },
  {
    name: 'outboundAllow',
    env: 'HOLDFAST_OUTBOUND_ALLOW',
    flag: 'outbound-allow',
    fallback: undefined,
    about: 'address blocks reachable despite the guard, comma separated (private networks)',
  },
  {
    name: 'dnsResolver',
    env: 'HOLDFAST_DOH_URL',
    flag: 'doh-url',
    fallback: undefined,
    about: 'resolver that is asked for TXT records over HTTPS (RFC 8484), such as https://dns.example/dns-query. Without it domain control is not shown by DNS',
  },
  {
    name: 'trustedProxies',
    env: 'HOLDFAST_TRUSTED_PROXIES',
    flag: 'trusted-proxies',
    fallback: undefined,
    about:
      'address blocks of the proxies in front, comma separated: what they add to X-Forwarded-For says who applies, for the rate limits of the join API. Without it, all who come by one proxy share one limit',
  },
  {
    name: 'discovery',
    env: 'HOLDFAST_DISCOVERY',
    flag: 'discovery',
    fallback: 'on',
    about: 'evaluate members and crawl federations in the background: on or off (nothing is fetched without being asked for)',
  },
  {
    name: 'metricsPort',
    env: 'HOLDFAST_METRICS_PORT',
    flag: 'metrics-port',
    fallback: undefined,
    about: 'serve Prometheus metrics on this port',
  },
  {
    name: 'metricsHost',
    env: 'HOLDFAST_METRICS_HOST',
    flag: 'metrics-host',
    fallback: '127.0.0.1',
    about: 'address that metrics listen on, whatever the one of the service is: they are open to whoever reaches it',
  },
  {
    name: 'database',
    env: 'HOLDFAST_DATABASE',
    flag: 'database',
    fallback: undefined,
    about:
      'postgres://user@host,host/name?sslmode=verify-full: the database is on PostgreSQL, on whichever of the hosts is the primary. Without it, it is a file in the data folder',
  },
  {
    name: 'databasePassword',
    env: 'HOLDFAST_DATABASE_PASSWORD',
    flag: 'database-password',
    fallback: undefined,
    secret: true,
    about: 'password of the user of the database; never in the URL, which is shown',
  },
  {
    name: 'readDatabase',
    env: 'HOLDFAST_READ_DATABASE',
    flag: 'read-database',
    fallback: undefined,
    about: 'with --public-only or --workers: the URL of standbys nearby to read from, with a user that may only read',
  },
  {
    name: 'readDatabasePassword',
    env: 'HOLDFAST_READ_DATABASE_PASSWORD',
    flag: 'read-database-password',
    fallback: undefined,
    secret: true,
    about: 'password of the user of the read database',
  },
  {
    name: 'staleness',
    env: 'HOLDFAST_STALENESS',
    flag: 'staleness',
    fallback: '10s',
    about: 'on PostgreSQL: how old what is served may be (2s to 10m); above it the answer is 503',
  },
  {
    name: 'turns',
    env: 'HOLDFAST_TURNS',
    flag: 'turns',
    fallback: 'on',
    about:
      'background work of this process (renewal, schedules, discovery): on or off. Of several processes on one database each may have it on: they share it',
  },
  {
    name: 'approvalsLast',
    env: 'HOLDFAST_APPROVALS_LAST',
    flag: 'approvals-last',
    fallback: '14d',
    about: 'how long what one person has approved waits for a second one (1h to 365d); after that it is void',
  },
  { name: 'log', env: 'HOLDFAST_LOG', flag: 'log', fallback: 'info', about: 'log level: debug, info, warn, error, silent' },
];

export interface Config {
  readonly url: string;
  readonly organizationName: string | undefined;
  readonly port: number;
  readonly host: string;
  /** Processes that answer what is public; 0: none apart from this one. */
  readonly workers: number;
  readonly data: string;
  readonly sealKey: string | undefined;
  readonly adminToken: string | undefined;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly outboundAllow: ReturnType<typeof parseAllowed>;
  /** Who is asked for TXT records over HTTPS; undefined: nobody. */
  readonly dnsResolver: string | undefined;
  readonly trustedProxies: ReturnType<typeof parseBlocks>;
  readonly discovery: boolean;
  readonly metricsPort: number | undefined;
  readonly metricsHost: string;
  readonly log: string;
  /** Undefined: a file in the data folder. */
  readonly database: DatabaseAddress | undefined;
  /** Where processes read that hold no key, when it is not `database`. */
  readonly readDatabase: DatabaseAddress | undefined;
  /** Seconds. */
  readonly staleness: number;
  readonly turns: boolean;
  /** Seconds. */
  readonly approvalsLast: number;
  /** The URL is loopback http. */
  readonly development: boolean;
  /** Each setting's value (secrets hidden) and where it came from. */
  readonly sources: readonly {
    readonly setting: Setting;
    readonly value: string | undefined;
    readonly source: 'flag' | 'file' | 'environment' | 'default' | 'unset';
  }[];
}

/** A database on PostgreSQL: the URL may be shown, the password not. */
export interface DatabaseAddress {
  readonly url: string;
  readonly password: string | undefined;
}

export class ConfigError extends Error {}

const MAX_NAME = 200;
const isName = (text: string): boolean => text.trim() !== '' && text.length <= MAX_NAME && !/[\p{Cc}\p{Cf}]/u.test(text);
const LEVELS = ['debug', 'info', 'warn', 'error', 'silent'];

/**
 * Read the configuration from flags, then files, then environment, then defaults.
 * @param files secrets that were read from files, by the name of their setting
 * @throws ConfigError naming every fault with the variable and what to do
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
  files: Readonly<Record<string, string | undefined>> = {},
): Config {
  const faults: string[] = [];
  const sources = SETTINGS.map((setting) => {
    const flag = flags[setting.name];
    const variable = env[setting.env] === '' ? undefined : env[setting.env];
    if (flag !== undefined) return { setting, value: flag, source: 'flag' as const };
    if (files[setting.name] !== undefined) return { setting, value: files[setting.name], source: 'file' as const };
    if (variable !== undefined) return { setting, value: variable, source: 'environment' as const };
    return { setting, value: setting.fallback, source: setting.fallback === undefined ? ('unset' as const) : ('default' as const) };
  });
  const get = (name: string) => sources.find(({ setting }) => setting.name === name)?.value;
  const portOf = (name: string, env_: string): number => {
    const text = get(name) ?? '';
    const port = Number(text);
    if (!/^\d{1,5}$/.test(text) || port < 0 || port > 65_535) faults.push(`${env_}: "${text.slice(0, 20)}" is no port`);
    return port;
  };
  const isOn = (name: string, variable: string): boolean => {
    const text = get(name) ?? 'on';
    if (!['on', 'off'].includes(text)) faults.push(`${variable}: "${text.slice(0, 20)}" is neither on nor off`);
    return text === 'on';
  };
  const port = portOf('port', 'HOLDFAST_PORT');
  const workers = workersOf(get('workers') ?? '0', faults);
  const url = get('url') === 'http://localhost:<port>' ? `http://localhost:${port}` : (get('url') ?? '');
  const parsed = readUrl(url);
  const development = parsed?.protocol === 'http:' && isLoopbackHost(parsed.hostname);
  // The identifier of the first authority: never changed on the way, so what it cannot be is said here.
  const id = parseEntityId(url, { development: true });
  if (!id.ok) {
    if (parsed?.protocol === 'http:' && !development) faults.push(`HOLDFAST_URL: "${url.slice(0, 100)}" is neither https nor loopback http (development)`);
    else faults.push(...id.findings.map(({ detail, fix }) => `HOLDFAST_URL: ${detail}. ${fix}`));
  }
  const cert = get('tlsCert');
  const key = get('tlsKey');
  if ((cert === undefined) !== (key === undefined)) faults.push('HOLDFAST_TLS_CERT and HOLDFAST_TLS_KEY go together; one is missing');
  const sealKey = get('sealKey');
  if (sealKey !== undefined && !/^[A-Za-z0-9+/]{43}=$/.test(sealKey))
    faults.push('HOLDFAST_SEAL_KEY is not 32 bytes of base64; make one with: openssl rand -base64 32');
  const adminToken = get('adminToken');
  if (adminToken !== undefined && !/^[\x21-\x7e]{16,512}$/.test(adminToken)) faults.push('HOLDFAST_ADMIN_TOKEN is not 16 to 512 visible ASCII characters');
  const organizationName = get('organizationName');
  if (organizationName !== undefined && !isName(organizationName)) faults.push(`HOLDFAST_ORGANIZATION_NAME is not 1 to ${MAX_NAME} visible characters`);
  const log = get('log') ?? 'info';
  if (!LEVELS.includes(log)) faults.push(`HOLDFAST_LOG: "${log.slice(0, 20)}" is none of ${LEVELS.join(', ')}`);
  const discovery = isOn('discovery', 'HOLDFAST_DISCOVERY');
  const outboundAllow = blocksOf(() => parseAllowed(get('outboundAllow')), faults);
  const trustedProxies = blocksOf(() => parseBlocks('HOLDFAST_TRUSTED_PROXIES', get('trustedProxies')), faults);
  const dnsResolver = resolverOf(get('dnsResolver'), { loopback: development, allowed: outboundAllow }, faults);
  const database = databaseOf('HOLDFAST_DATABASE', get('database'), get('databasePassword'), faults);
  const readDatabase = databaseOf('HOLDFAST_READ_DATABASE', get('readDatabase'), get('readDatabasePassword'), faults);
  const staleness = durationOf('HOLDFAST_STALENESS', get('staleness') ?? '', [2, 600], '2s to 10m, as 10s or 2m', faults);
  const approvalsLast = durationOf('HOLDFAST_APPROVALS_LAST', get('approvalsLast') ?? '', [3600, 365 * 86_400], '1h to 365d, as 12h or 14d', faults);
  const turns = isOn('turns', 'HOLDFAST_TURNS');
  const metricsPort = get('metricsPort') === undefined ? undefined : portOf('metricsPort', 'HOLDFAST_METRICS_PORT');
  if (faults.length) throw new ConfigError(faults.join('\n'));
  return {
    url,
    organizationName,
    port,
    host: get('host') ?? '127.0.0.1',
    workers,
    data: get('data') ?? './data',
    sealKey,
    adminToken,
    tls: cert !== undefined && key !== undefined ? { cert, key } : undefined,
    outboundAllow,
    dnsResolver,
    trustedProxies,
    discovery,
    metricsPort,
    metricsHost: get('metricsHost') ?? '127.0.0.1',
    log,
    database,
    readDatabase,
    staleness,
    turns,
    approvalsLast,
    development,
    sources: sources.map(({ setting, value, source }) => ({
      setting,
      source,
      value: setting.name === 'url' ? url : setting.secret && value !== undefined ? '(set, not shown)' : value,
    })),
  };
}

const MOST_WORKERS = 64;
function workersOf(text: string, faults: string[]): number {
  const workers = /^\d{1,2}$/.test(text) ? Number(text) : MOST_WORKERS + 1;
  if (workers > MOST_WORKERS) faults.push(`HOLDFAST_WORKERS: "${text.slice(0, 20)}" is no whole number from 0 to ${MOST_WORKERS}`);
  return workers;
}

function durationOf(variable: string, text: string, [least, most]: readonly [number, number], words: string, faults: string[]): number {
  const seconds = readDuration(text) ?? 0;
  if (seconds < least || seconds > most) faults.push(`${variable}: "${text.slice(0, 20)}" is no time from ${words}`);
  return seconds;
}

function resolverOf(url: string | undefined, guard: GuardOptions, faults: string[]): string | undefined {
  const read = url === undefined ? undefined : checkUrl(url, guard);
  if (typeof read === 'string') faults.push(`HOLDFAST_DOH_URL: ${read}`);
  return url;
}

function blocksOf(read: () => ReturnType<typeof parseBlocks>, faults: string[]): ReturnType<typeof parseBlocks> {
  try {
    return read();
  } catch (error) {
    faults.push((error as Error).message);
    return [];
  }
}

function databaseOf(variable: string, url: string | undefined, password: string | undefined, faults: string[]): DatabaseAddress | undefined {
  if (url === undefined) return undefined;
  const fault = faultOfDatabaseUrl(url);
  if (fault !== undefined) faults.push(`${variable}: ${fault}`);
  return { url, password };
}
