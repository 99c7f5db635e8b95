import { describe, expect, it } from 'vitest';
import { ENTITLEMENT_VERSION, type JwkSet, POLICY_VERSION, STATUS_SEQ } from '../../src/federation/entry.js';
import type { FederationContext } from '../../src/rp/context.js';
import { cached, type Mode, strict } from '../../src/rp/modes.js';
import { relyingPartyOver, type RelyingPartySettings } from '../../src/rp/relying-party.js';
import { type JoseEntity, JoseFederation, joseKey } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, OPERATOR, AGENT] = ['https://anchor.example', 'https://operator.example', 'https://agent.example/one'];
const START = 1_800_000_000;
const requires = { entityType: 'oauth_client' };

/** Anchor, operator, agent: with status lists, or as a federation that has none. */
async function world({ lists = true, mode = strict as Mode, settings = {} as Partial<RelyingPartySettings> } = {}) {
  const clock = { seconds: START, now: () => clock.seconds, milliseconds: () => 1000 * clock.seconds };
  const federation = new JoseFederation(clock.now);
  const anchor = await federation.superior(ANCHOR);
  const operator = await federation.superior(OPERATOR, [ANCHOR]);
  const client = await joseKey();
  const agent = await federation.entity(AGENT, { oauth_client: { scope: 'read write admin', jwks: { keys: [client.jwk] }, organization_name: 'Agents' } }, [
    OPERATOR,
  ]);
  const above = federation.enroll(anchor, operator, { metadata_policy: { oauth_client: { scope: { subset_of: ['read', 'write'] } } } }, lists ? 3 : undefined);
  const record = federation.enroll(operator, agent, {}, lists ? 5 : undefined);
  const network = joseNetwork(federation);
  const anchors = federation.anchors(anchor) as Record<string, JwkSet>;
  const party = relyingPartyOver({ anchors, mode, ...settings }, { outbound: network, clock });
  const admit = (trustChain?: readonly string[]) => party.admit(AGENT, { requires, trustChain });
  const told = async (trustChain?: readonly string[]) => {
    const said = await admit(trustChain);
    return said.admitted ? said.entitled.scopes.join(' ') : `${said.reason} ${said.error} ${said.findings[0]?.code}`;
  };
  return { clock, federation, network, anchor, operator, agent, client, above, record, party, admit, told };
}

const spoil = (jwt: string): string => `${jwt.slice(0, -4)}${jwt.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`;

describe('admission', () => {
  it('AR-10 AR-12 who was never seen is admitted by the federation: metadata under every policy, keys, entitlements, context', async () => {
    const { admit, client } = await world();
    const said = await admit();
    expect(said).toMatchObject({
      admitted: true,
      anchor: ANCHOR,
      entityType: 'oauth_client',
      entitled: { scopes: ['read', 'write'], resources: undefined },
      jwks: { keys: [{ kid: client.jwk.kid }] },
      context: { entity: AGENT, decision: 'admitted', authority: OPERATOR, anchor: ANCHOR, organization: 'Agents', statement_exp: START + 3600 },
    });
    expect(said.context.chain_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('§12 the context names the record, the policy and the event that it was decided by, of the Immediate Superior; what is no number is not told', async () => {
    const { admit, party, federation, operator, record, clock } = await world();
    const numbers = ({ entitlement_version, policy_version, status_seq }: FederationContext) => [entitlement_version, policy_version, status_seq];
    expect(numbers((await admit()).context), 'a superior that says nothing').toEqual([undefined, undefined, undefined]);
    federation.instead.set(`${OPERATOR}/status-lists/0`, async () => ({
      ...{ status: 200, type: 'application/statuslist+jwt', body: await federation.list(operator, { [STATUS_SEQ]: seq }) },
    }));
    let seq: unknown = 41;
    record.claims = { [ENTITLEMENT_VERSION]: 3, [POLICY_VERSION]: 7 };
    clock.seconds += 1;
    expect(numbers((await admit()).context)).toEqual([3, 7, 41]);
    record.state = 2;
    seq = 42;
    clock.seconds += 1;
    expect(numbers((await admit()).context), 'of a refusal too').toEqual([3, 7, 42]);
    expect((await party.gate(AGENT)).context).toMatchObject({ decision: 'denied', status_seq: 42, authority: OPERATOR });
    record.state = 0;
    for (const wrong of ['x', -1, 1.5, { a: 1 }, null]) {
      seq = wrong;
      record.claims = { [ENTITLEMENT_VERSION]: wrong, [POLICY_VERSION]: wrong };
      clock.seconds += 700;
      const said = await admit();
      expect([said.admitted, ...numbers(said.context)], String(wrong)).toEqual([true, undefined, undefined, undefined]);
    }
  });

  it('what is required and not there is a finding', async () => {
    const { party } = await world();
    const wanted = (requires: object) => party.admit(AGENT, { requires: { entityType: 'oauth_client', ...requires } });
    expect(await wanted({ entityType: 'openid_provider' })).toMatchObject({
      admitted: false,
      error: 'invalid_metadata',
      findings: [{ code: 'requirement_unmet' }],
    });
    expect(await wanted({ marks: ['https://anchor.example/mark'] })).toMatchObject({
      admitted: false,
      reason: 'denied',
      findings: [{ code: 'requirement_unmet' }],
    });
    expect(await party.admit('http://no.example', { requires })).toMatchObject({ admitted: false, reason: 'denied', error: 'invalid_subject' });
    expect(await party.admit(AGENT, { requires, anchor: OPERATOR })).toMatchObject({ admitted: false, error: 'invalid_trust_anchor' });
  });

  it('a chain is found once for all that ask at the same time, and used again; who is not found is not looked for again for 5 s', async () => {
    const { admit, federation, party, clock } = await world({ mode: cached(15) });
    await Promise.all([admit(), admit(), admit()]);
    const before = federation.asked.length;
    await admit();
    expect(federation.asked.length, 'nothing is asked within the 15 s').toBe(before);
    const stranger = () => party.admit('https://stranger.example', { requires });
    expect(await stranger()).toMatchObject({ admitted: false, reason: 'denied' });
    const asked = federation.asked.length;
    await stranger();
    expect(federation.asked.length).toBe(asked);
    clock.seconds += 6;
    await stranger();
    expect(federation.asked.length).toBeGreaterThan(asked);
  });

  it('no more than 32 entities are looked for at once', async () => {
    const { party, federation } = await world();
    let go = (): void => undefined;
    const held = new Promise<void>((done) => {
      go = done;
    });
    const ids = Array.from({ length: 33 }, (_, n) => `https://s${n}.example`);
    for (const id of ids)
      federation.instead.set(`${id}/.well-known/openid-federation`, async () => {
        await held;
        return { status: 404, type: '', body: '' };
      });
    const all = ids.map((id) => party.admit(id, { requires }));
    expect(await all[32]).toMatchObject({ reason: 'unavailable', findings: [{ code: 'budget_exceeded' }] });
    go();
    expect((await Promise.all(all)).filter((one) => !one.admitted && one.reason === 'denied')).toHaveLength(32);
  });
});

describe('a chain that came with the request is a hint', () => {
  it('AR-11 it saves asking the entity, is verified whole, and what its issuers state now counts', async () => {
    const { federation, told, anchor, operator, agent, record, above } = await world();
    const chain = await federation.chain(agent, operator, anchor);
    above.claims = { metadata_policy: { oauth_client: { scope: { subset_of: ['read'] } } } };
    expect(await told(chain), 'the chain says read and write').toBe('read');
    expect(
      federation.asked.some((url) => url.startsWith(AGENT)),
      'the entity itself was not asked',
    ).toBe(false);
    record.state = 2;
    expect(await told(chain), 'a chain that holds opens nothing once its subject is halted').toBe('denied invalid_client not_in_force');
  });

  it('one that ends elsewhere, has ended, was changed, or contradicts a policy opens nothing, and the right error says why', async () => {
    const elsewhere = await world();
    const other = await elsewhere.federation.superior('https://other.example');
    elsewhere.federation.enroll(other, elsewhere.operator);
    elsewhere.agent.hints = ['https://other.example', OPERATOR];
    const { federation, told, anchor, operator, agent, record, clock } = await world();
    federation.instead.set(`${AGENT}/.well-known/openid-federation`, () => ({ status: 404, type: '', body: '' }));
    const chain = await federation.chain(agent, operator, anchor);
    expect(await told(await elsewhere.federation.chain(elsewhere.agent, elsewhere.operator, other))).toMatch(/^denied invalid_trust_anchor/);
    expect(await told(chain.map((one, n) => (n === 1 ? spoil(one) : one)))).toMatch(/^denied invalid_trust_chain/);
    expect(await told(chain.slice(1))).toMatch(/^denied invalid_trust_chain/);
    expect(await told([])).toMatch(/^denied invalid_trust_chain/);
    record.claims = { metadata_policy: { oauth_client: { scope: { one_of: ['nothing'] } } } };
    expect(await told(await federation.chain(agent, operator, anchor))).toMatch(/^denied invalid_metadata/);
    record.claims = {};
    clock.seconds += 3601;
    expect(await told(chain)).toMatch(/^denied invalid_trust_chain/);
  });

  it('a policy of 100 000 elements, and a chain of thousands of statements, end at their limits', async () => {
    const { federation, told, anchor, operator, agent, record } = await world();
    record.claims = { metadata_policy: { oauth_client: { scope: { subset_of: Array.from({ length: 100_000 }, (_, n) => `s${n}`) } } } };
    expect(await told(await federation.chain(agent, operator, anchor))).toMatch(/^denied/);
    const [own = '', ...rest] = await federation.chain(agent, operator, anchor);
    expect(await told([own, ...Array.from({ length: 5000 }, () => rest[0] ?? ''), ...rest])).toMatch(/^denied/);
  });
});

describe.each([
  ['strict', strict, 0],
  ['cached', cached(15), 15],
] as const)('the gate, %s', (_, mode, seconds) => {
  it('a halt of the entity, and of anybody above it, is seen; whoever comes back finds that what was issued before is dead', async () => {
    const { told, admit, record, above, clock } = await world({ mode });
    expect(await told()).toBe('read write');
    for (const one of [record, above]) {
      for (const state of [2, 1] as const) {
        one.state = state;
        clock.seconds += seconds;
        expect(await told()).toBe('denied invalid_client not_in_force');
      }
      one.state = 0;
      clock.seconds += Math.max(6, seconds);
      expect(await told()).toBe('read write');
      expect((await admit()) as object).toMatchObject({ notBefore: expect.any(Number) });
    }
  });

  it('a record that was narrowed narrows what is admitted next, without another registration', async () => {
    const { told, record, above, clock } = await world({ mode });
    expect(await told()).toBe('read write');
    record.claims = { metadata_policy: { oauth_client: { scope: { subset_of: ['write'] } } } };
    clock.seconds += seconds;
    expect(await told()).toBe('write');
    above.claims = { metadata_policy: { oauth_client: { scope: { subset_of: ['read'] } } } };
    clock.seconds += seconds;
    expect(await told(), 'nothing is left, and nothing is not everything').toBe('');
  });

  it('while nobody answers, what is known serves until the end of the list, then nobody gets in', async () => {
    const { told, network, clock } = await world({ mode });
    expect(await told()).toBe('read write');
    network.down.add('https://');
    clock.seconds += 299;
    expect(await told()).toBe('read write');
    clock.seconds += 2;
    expect(await told()).toMatch(/^unavailable temporarily_unavailable/);
    network.down.clear();
    clock.seconds += 2;
    expect(await told()).toBe('read write');
  });

  it.each(['503', '404', 'garbage', 'old', 'of another', 'unsigned', 'ended', 'another type'])('an answer that is no list is no silence: %s', async (kind) => {
    const { told, federation, anchor, operator, clock } = await world({ mode });
    const old = await federation.list(operator);
    clock.seconds += 30;
    expect(await told()).toBe('read write');
    const place = `${OPERATOR}/status-lists/0`;
    const body = async (): Promise<string> => {
      if (kind === 'garbage') return 'garbage';
      if (kind === 'old') return old;
      if (kind === 'of another') return federation.list(anchor);
      if (kind === 'ended') return federation.list(operator, { exp: clock.seconds - 1 });
      const list = await federation.list(operator);
      return kind === 'unsigned' ? spoil(list) : list;
    };
    federation.instead.set(place, async () => ({
      status: Number(kind) || 200,
      type: kind === 'another type' ? 'text/html' : 'application/statuslist+jwt',
      body: await body(),
    }));
    clock.seconds += Math.max(1, seconds);
    expect(await told()).toMatch(/^unavailable temporarily_unavailable/);
    federation.instead.delete(place);
    clock.seconds += 2;
    expect(await told(), 'and it passes').toBe('read write');
  });
});

describe('a federation without status lists', () => {
  it('its statements are fetched anew: at most every 60 s in strict mode, and what they say now counts', async () => {
    const { told, record, clock, federation } = await world({ lists: false });
    expect(await told()).toBe('read write');
    const asked = federation.asked.length;
    clock.seconds += 50;
    expect(await told()).toBe('read write');
    expect(federation.asked.length).toBe(asked);
    record.claims = { metadata_policy: { oauth_client: { scope: { subset_of: ['write'] } } } };
    clock.seconds += 11;
    expect(await told()).toBe('write');
    record.state = 1;
    clock.seconds += 61;
    expect(await told()).toMatch(/^denied/);
  });

  it('a status claim that cannot be read refuses', async () => {
    const { told, record } = await world({ lists: false });
    record.claims = { status: { status_list: { idx: -1, uri: 'x' } } };
    expect(await told()).toMatch(/^denied invalid_client claim_invalid/);
  });
});

it('strict: a registry that never answers holds nobody up for long, and what is known serves', async () => {
  const { told, federation, clock } = await world();
  expect(await told()).toBe('read write');
  federation.instead.set(`${OPERATOR}/status-lists/0`, () => new Promise(() => undefined));
  expect(await told()).toBe('read write');
  clock.seconds += 301;
  expect(await told()).toMatch(/^unavailable temporarily_unavailable status_unknown/);
});

it('strict: requests that come while the registry is asked share the next question', async () => {
  const { told, federation } = await world();
  await told();
  const before = federation.asked.filter((url) => url.includes('/status-lists/')).length;
  await Promise.all(Array.from({ length: 50 }, () => told()));
  expect(federation.asked.filter((url) => url.includes('/status-lists/')).length - before).toBeLessThanOrEqual(2 * 3);
});

describe('a resolver is a cache, not an authority', () => {
  const RESOLVE = `${ANCHOR}/resolve`;
  async function resolving(
    change: (claims: { metadata: object; trust_chain: string[] }, w: Awaited<ReturnType<typeof world>>) => Promise<object> | object = (claims) => claims,
  ) {
    const w = await world({ settings: { resolver: { entityId: ANCHOR, endpoint: RESOLVE } } });
    const { federation, anchor, operator, agent, clock } = w;
    federation.instead.set(RESOLVE, async () => {
      const trust_chain = await federation.chain(agent, operator, anchor);
      const metadata = { oauth_client: { ...agent.metadata['oauth_client'], scope: 'read write' } };
      const times = { iat: clock.seconds, exp: clock.seconds + 600 };
      const claims = await change({ metadata, trust_chain }, w);
      return {
        status: 200,
        type: 'application/resolve-response+jwt',
        body: await anchor.key.sign('resolve-response+jwt', { iss: ANCHOR, sub: AGENT, ...times, ...claims }),
      };
    });
    return w;
  }

  it('R3 what it answers is verified against the pinned keys, and nothing is fetched from who asks', async () => {
    const { told, federation } = await resolving();
    expect(await told()).toBe('read write');
    expect(federation.asked.some((url) => url.startsWith(AGENT))).toBe(false);
  });

  it('one that cannot say lets nobody in whose chain has ended; that the superior states it no more is a clear no all the same', async () => {
    const { told, federation, record, clock } = await resolving();
    expect(await told()).toBe('read write');
    federation.instead.set(RESOLVE, () => ({ status: 503, type: 'application/json', body: '{}' }));
    clock.seconds += 3600;
    expect(await told(), 'in force, by no chain that is known').toBe('unavailable invalid_trust_chain status_unexpected');
    record.state = 1;
    clock.seconds += 1;
    expect(await told()).toBe('denied invalid_client not_in_force');
  });

  it('metadata that its chain does not give, a chain of somebody else, and one that does not hold are refused', async () => {
    const wider = await resolving((claims) => ({ ...claims, metadata: { oauth_client: { scope: 'read write admin' } } }));
    expect(await wider.told()).toMatch(/^denied invalid_metadata/);
    const broken = await resolving((claims) => ({ ...claims, trust_chain: claims.trust_chain.map((one, n) => (n === 1 ? spoil(one) : one)) }));
    expect(await broken.told()).toMatch(/^denied invalid_trust_chain/);
    const foreign = await resolving(async (claims, w) => {
      const other: JoseEntity = await w.federation.entity('https://other.example', { oauth_client: {} }, [OPERATOR]);
      w.federation.enroll(w.operator, other);
      return { ...claims, trust_chain: await w.federation.chain(other, w.operator, w.anchor) };
    });
    expect(await foreign.told()).toMatch(/^denied invalid_trust_chain/);
    const silent = await resolving();
    silent.federation.instead.set(RESOLVE, () => ({ status: 404, type: 'application/json', body: '{}' }));
    expect(await silent.told()).toMatch(/^denied invalid_trust_chain/);
    expect(silent.federation.asked.some((url) => url.startsWith(AGENT))).toBe(false);
  });
});
