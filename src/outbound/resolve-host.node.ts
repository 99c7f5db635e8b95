import { lookup as systemLookup, type LookupAddress, Resolver } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import type { GuardOptions } from './address-guard.js';
import { LOOKUP_MS } from './limits.js';
import { createTurns } from './turns.js';

/** What answers a DNS query; tests put a name server of their own here (`setServers`). */
export interface ResolveHostOptions extends Pick<GuardOptions, 'allowed' | 'loopback'> {
  readonly servers?: readonly string[];
  readonly timeout?: number;
}

const SYSTEM = promisify(systemLookup) as (host: string, options: { readonly all: true }) => Promise<LookupAddress[]>;

/** More addresses than this of one name are nobody's (a hostile answer may hold thousands). */
const MAX_ADDRESSES = 16;
const LOOPBACK: readonly LookupAddress[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];

/**
 * A look-up for sockets that gives every address of a name. It asks by DNS queries over sockets of our own, two tries with a
 * bound: the system's look-up would hold one of the process's four worker threads for as long as a hostile zone keeps silent,
 * and signing and verifying run on the same threads. Names that only the system knows (its hosts file, search domains) are
 * asked there where private networks are reachable at all, one at a time: so at most one thread ever waits.
 */
export function hostResolver({ allowed = [], loopback = false, servers, timeout = LOOKUP_MS }: ResolveHostOptions = {}): LookupFunction {
  const resolver = new Resolver({ timeout, tries: 2 });
  if (servers) resolver.setServers(servers);
  const query = {
    4: promisify(resolver.resolve4.bind(resolver)) as (host: string) => Promise<string[]>,
    6: promisify(resolver.resolve6.bind(resolver)) as (host: string) => Promise<string[]>,
  };
  const system = createTurns(1);

  async function byDns(host: string): Promise<readonly LookupAddress[]> {
    const answers = await Promise.allSettled([query[4](host), query[6](host)]);
    const found = answers.flatMap((answer, n) =>
      answer.status === 'fulfilled' ? answer.value.map((address): LookupAddress => ({ address, family: n === 0 ? 4 : 6 })) : [],
    );
    if (found.length) return found.slice(0, MAX_ADDRESSES);
    // A name that has no address of one kind is no failure of the other: what tells most is what is thrown.
    const reasons = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as NodeJS.ErrnoException] : []));
    throw reasons.find(({ code }) => code !== 'ENODATA') ?? reasons[0] ?? new Error('no address');
  }

  async function bySystem(host: string): Promise<readonly LookupAddress[]> {
    const done = await system.take();
    return SYSTEM(host, { all: true }).finally(done);
  }

  const isLocal = (host: string): boolean => /(?:^|\.)localhost$/.test(host);
  async function find(host: string): Promise<readonly LookupAddress[]> {
    if (isLocal(host)) return LOOPBACK;
    return byDns(host).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ETIMEOUT' || !(loopback || allowed.length)) throw error;
      return bySystem(host);
    });
  }
  return (host, _how, done) =>
    void find(host).then(
      (all) => done(null, [...all]),
      (error: NodeJS.ErrnoException) => done(error, []),
    );
}
