import { describe, expect, it } from 'vitest';
import { createKeyCache, type JwkSet, NOT_BEFORE, type TrustChain } from '../../src/federation/entry.js';
import { type Reply, watched } from '../../src/rp/gate/watched.js';
import { cached, type Mode, strict } from '../../src/rp/modes.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { federatedClients } from '../../src/rp/oidc-provider/federated-clients.js';
import { memoryAdapter } from '../../src/rp/oidc-provider/memory-adapter.js';
import { createStandings } from '../../src/rp/standings.js';
import { JoseFederation, joseKey } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, AGENT] = ['https://anchor.example', 'https://agent.example'];
const START = 1_800_000_000;
const LIST = `${ANCHOR}/status-lists/0`;
const requires = { entityType: 'oauth_client' };

async function world({ lists = true, mode = strict as Mode } = {}) {
  const clock = { seconds: START, now: () => clock.seconds, milliseconds: () => 1000 * (clock.seconds - START) };
  const federation = new JoseFederation(clock.now);
  const anchor = await federation.superior(ANCHOR);
  const client = await joseKey();
  const agent = await federation.entity(AGENT, { oauth_client: { scope: 'read', jwks: { keys: [client.jwk] } } }, [ANCHOR]);
  const record = federation.enroll(anchor, agent, {}, lists ? 5 : undefined);
  const network = joseNetwork(federation);
  const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet>, mode }, { outbound: network, clock });
  const admit = (trustChain?: readonly string[], entity = AGENT) => party.admit(entity, { requires, trustChain });
  const told = async (trustChain?: readonly string[]) => {
    const said = await admit(trustChain);
    return said.admitted ? 'admitted' : said.reason;
  };
  return { clock, federation, network, anchor, agent, record, admit, told, party };
}

describe('silence takes no answer back', () => {
  it('who was refused stays out when the registry goes silent then', async () => {
    const { told, record, clock, network } = await world({ lists: false });
    expect(await told()).toBe('admitted');
    record.state = 1;
    clock.seconds += 61;
    expect(await told()).toBe('denied');
    network.down.add('https://');
    clock.seconds += 10;
    expect(await told()).toBe('denied');
    network.down.clear();
    record.state = 0;
    clock.seconds += 10;
    expect(await told()).toBe('admitted');
  });

  it('a list that was withheld is not the old one again when nobody answers any more', async () => {
    const { told, clock, network, federation } = await world();
    expect(await told()).toBe('admitted');
    federation.instead.set(LIST, () => ({ status: 503, type: '', body: '' }));
    clock.seconds += 1;
    expect(await told()).toBe('unavailable');
    network.down.add('https://');
    clock.seconds += 2;
    expect(await told()).toBe('unavailable');
    network.down.clear();
    federation.instead.clear();
    clock.seconds += 2;
    expect(await told()).toBe('admitted');
  });
});

describe('what is asked again and again', () => {
  /** Values end 60 s after they were confirmed; answers are given by hand. */
  function watching(milliseconds: number) {
    const clock = { seconds: START, passed: 0, now: () => clock.seconds, milliseconds: () => 1000 * clock.passed };
    const answers: ((reply: Reply<string>) => void)[] = [];
    const one = watched<string>({
      what: 'it',
      ask: () => new Promise((give) => answers.push(give)),
      until: (_, confirmed) => confirmed + 60,
      milliseconds,
      clock,
    });
    const pass = (seconds: number) => {
      clock.seconds += seconds;
      clock.passed += seconds;
    };
    const value = (text: string): Reply<string> => ({ kind: 'value', value: text, etag: undefined });
    const now = async (reply: Reply<string>) => {
      const asked = one.get(0);
      answers.at(-1)?.(reply);
      return asked;
    };
    return { one, clock, pass, answers, value, now };
  }

  it('a no that comes late counts from when it comes', async () => {
    const { one, pass, answers, value, now } = watching(1);
    await now(value('yes'));
    pass(1);
    expect(await one.get(0), 'late').toMatchObject({ state: 'known', value: 'yes' });
    answers[1]?.({ kind: 'denied', findings: [] });
    await new Promise((done) => setTimeout(done, 0));
    expect(await one.get(0)).toMatchObject({ state: 'denied' });
  });

  it('who says "not now" is not silent: what is known serves no more, however late he says more', async () => {
    const { clock } = watching(1);
    let asked = 0;
    const slow = watched<string>({
      what: 'it',
      ask: async () => {
        asked++;
        if (asked === 1) return { kind: 'value', value: 'old', etag: undefined };
        if (asked === 2) return { kind: 'wrong', findings: [] };
        return new Promise(() => undefined);
      },
      until: (_, confirmed) => confirmed + 60,
      passes: ({ kind }) => kind === 'wrong',
      milliseconds: 80,
      clock,
    });
    expect(await slow.get(0)).toMatchObject({ value: 'old' });
    expect([await slow.get(0), asked]).toEqual([{ state: 'unavailable', findings: [] }, 3]);
  });

  it('an answer to an earlier question never takes the place of that to a later one', async () => {
    const { one, pass, answers, value, now } = watching(1);
    await now(value('first'));
    await one.get(0);
    pass(2);
    expect(await now(value('third'))).toMatchObject({ value: 'third' });
    answers[1]?.(value('second'));
    await new Promise((done) => setTimeout(done, 0));
    pass(2);
    expect(await now({ kind: 'unreachable', findings: [] })).toMatchObject({ value: 'third' });
  });

  it('once nothing is left to serve, it is waited for as at first: a slow registry is no dead one', async () => {
    const { one, pass, answers, value, now } = watching(1);
    await now(value('first'));
    pass(61);
    const slow = one.get(15);
    await new Promise((done) => setTimeout(done, 30));
    answers[1]?.(value('second'));
    expect(await slow).toMatchObject({ state: 'known', value: 'second' });
  });

  it('a clock that is set back keeps nothing alive', async () => {
    const { clock, value, now } = watching(1);
    await now(value('first'));
    clock.seconds -= 3600;
    clock.passed += 61;
    expect(await now({ kind: 'unreachable', findings: [] })).toMatchObject({ state: 'unavailable' });
  });
});

it('a list that is withheld for a quarter of a second, since it is being signed, refuses nobody', async () => {
  const { told, clock, federation } = await world({ mode: cached(15) });
  expect(await told()).toBe('admitted');
  clock.seconds += 15;
  let asked = 0;
  federation.instead.set(LIST, (usual) => (++asked < 4 ? { status: 503, type: '', body: '' } : usual()));
  expect(await told()).toBe('admitted');
  expect(asked).toBe(4);
});

it('what a request of a client is held to is what was found for that request, whatever others find meanwhile', async () => {
  const id = 'https://client.example';
  const oauth = { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [(await joseKey()).jwk] }, scope: 'read', client_name: 'x' };
  let admission: object = {};
  const provider = { Client: { validate: async () => undefined } };
  let ctx: object | undefined = { oidc: { entities: {}, provider } };
  const clients = federatedClients({
    federation: { anchors: {}, development: false, admit: async () => admission } as never,
    ability: { scopes: new Set(['read']), detailTypes: new Set() },
    ...{ entityTypes: ['oauth_client'], marks: [], own: new Set<string>(), isDocument: () => false },
    request: () => ctx as never,
    log: () => undefined,
  });
  const store = clients.over(memoryAdapter()('Client'));
  const one = ctx;
  admission = {
    admitted: true,
    entity: id,
    entityType: 'oauth_client',
    metadata: oauth,
    allMetadata: { oauth_client: oauth },
    entitled: { scopes: ['read'] },
    context: {},
  };
  await store.find(id);
  ctx = { oidc: { entities: {}, provider } };
  admission = { ...admission, entitled: { scopes: [] } };
  await store.find(id);
  expect(clients.known(id)).toMatchObject({ entitled: { scopes: [] } });
  ctx = one;
  expect(clients.known(id)).toMatchObject({ entitled: { scopes: ['read'] } });
});

it('a list that ends early, since somebody in it ends, is asked for anew then, however fresh it is', async () => {
  const { told, clock, federation, anchor } = await world({ mode: cached(15) });
  federation.instead.set(LIST, async () => ({
    status: 200,
    type: 'application/statuslist+jwt',
    body: await federation.list(anchor, { exp: clock.seconds + 4 }),
  }));
  expect(await told()).toBe('admitted');
  clock.seconds += 5;
  expect(await told()).toBe('admitted');
});

it('who came back is told by the list before the statement says so', async () => {
  const { admit, clock, federation, anchor } = await world();
  federation.instead.set(LIST, async () => ({
    status: 200,
    type: 'application/statuslist+jwt',
    body: await federation.list(anchor, { [NOT_BEFORE]: { '5': START - 10, '6': START } }),
  }));
  expect(await admit()).toMatchObject({ admitted: true, notBefore: START - 10 });
  clock.seconds += 1;
  federation.instead.delete(LIST);
  expect(await admit()).toMatchObject({ admitted: true, notBefore: undefined });
});

it('a statement that was signed next on a machine whose clock is 5 s behind is the one of today; one of long before is none', async () => {
  const { admit, clock, federation, record } = await world();
  clock.seconds += 100;
  const scope = async () => {
    const said = await admit();
    return said.admitted ? said.entitled.scopes.join() : said.reason;
  };
  expect(await scope()).toBe('read');
  const at = (iat: number) => {
    record.claims = { iat, metadata_policy: { oauth_client: { scope: { subset_of: ['other'] } } } };
  };
  at(START + 95);
  clock.seconds += 1;
  expect(await scope()).toBe('');
  at(START + 50);
  clock.seconds += 1;
  expect(await scope()).toBe('unavailable');
  expect(federation.asked.length).toBeGreaterThan(0);
});

describe('chains that strangers send', () => {
  it('have nobody looked for again and again: who was not found a moment ago is not, whatever is sent along', async () => {
    const { admit, federation, clock } = await world();
    const stranger = 'https://stranger.example';
    const ask = async (n: number) => {
      await admit([`garbage${n}`], stranger);
      return federation.asked.filter((url) => url.startsWith(stranger)).length;
    };
    expect(await ask(0)).toBe(1);
    expect([await ask(1), await ask(2)]).toEqual([1, 1]);
    clock.seconds += 6;
    expect(await ask(3)).toBe(2);
  });

  it('drive out nobody who is known, however many there are', async () => {
    const chain = { subject: AGENT, trustAnchor: ANCHOR, statements: [], metadata: {}, exp: START + 3600 } as unknown as TrustChain;
    let state: 'in_force' | 'denied' = 'in_force';
    const { stand } = createStandings({
      anchors: {},
      development: false,
      keyCache: createKeyCache(1),
      clock: { now: () => START, milliseconds: () => 0 },
      search: async (entity) => (entity === AGENT ? { ok: true, chain } : { ok: false, error: 'invalid_trust_chain', unavailable: false, findings: [] }),
      check: async () => (state === 'denied' ? { state, findings: [] } : { state, chain: [] }),
    });
    expect(await stand(AGENT)).toMatchObject({ ok: true, notBefore: undefined });
    state = 'denied';
    expect(await stand(AGENT)).toMatchObject({ ok: false });
    for (let n = 0; n < 5001; n++) await stand(`https://s${n}.example`);
    state = 'in_force';
    expect(await stand(AGENT), 'what was issued before the cut is dead').toMatchObject({ ok: true, notBefore: START + 1 });
  });

  it('bring no configuration back that its entity has replaced since', async () => {
    const { admit, agent, anchor, federation, clock } = await world();
    const old = await federation.chain(agent, anchor);
    const next = await joseKey();
    clock.seconds += 10;
    agent.metadata = { oauth_client: { scope: 'read', jwks: { keys: [next.jwk] } } };
    const kid = async (chain?: readonly string[]) => {
      const said = await admit(chain);
      return said.admitted ? said.jwks?.keys[0]?.kid : said.findings[0]?.code;
    };
    expect(await kid()).toBe(next.jwk.kid);
    clock.seconds += 601;
    expect(await kid(old)).toBe(next.jwk.kid);
  });
});
