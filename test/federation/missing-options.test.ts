import { expect, it } from 'vitest';
import * as federation from '../../src/federation/entry.js';
import { walk } from '../../src/resolver/walk.js';
import { preflightEntity } from '../../src/rp/preflight.js';

/** Callers in JavaScript leave out what types demand; without a time nothing would ever have expired. */
const NEEDS_A_TIME: Record<string, (options: never) => unknown> = {
  parseEntityStatement: (options) => federation.parseEntityStatement('a.b.c', options),
  parseTrustMark: (options) => federation.parseTrustMark('a.b.c', options),
  parseTrustMarkDelegation: (options) => federation.parseTrustMarkDelegation('a.b.c', options),
  validateTrustMark: (options) => federation.validateTrustMark('a.b.c', options),
  validateTrustMarkStatus: (options) => federation.validateTrustMarkStatus('a.b.c', options),
  validateTrustChain: (options) => federation.validateTrustChain([], options),
  validateResolveResponse: (options) => federation.validateResolveResponse('a.b.c', options),
  parseClientAssertion: (options) => federation.parseClientAssertion('a.b.c', options),
  preflightEntity: (options) => preflightEntity('https://rp.example.org', options),
  walk: (options) => walk('https://rp.example.org', options),
};

it.each(Object.entries(NEEDS_A_TIME))('%s says what is missing, whatever stands where its options should', async (_name, call) => {
  for (const options of [undefined, null, {}, [], 'now', 7, { now: Number.NaN }, { now: '1' }])
    await expect((async () => call(options as never))()).rejects.toThrow('now: seconds since the epoch are needed');
});

it.each([undefined, null, {}, 'keys', new Array(4_000_000_000)])('no historical key is found in what is no set of them', (keys) =>
  expect(federation.historicalKeyFor(keys as never, { kid: 'k', iat: 1 })).toBeUndefined(),
);
