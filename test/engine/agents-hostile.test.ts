import { platform } from '#test-platform';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  HOLDER,
  AGENTS,
  agentConfiguration,
  type AgentKeys,
  agentKeys,
  askAs,
  assertion,
  clientOf,
  DAY,
  type Keeping,
  makeAgent,
  SLUG,
  withAgents,
} from '../support/agents.js';
import { ANCHOR, type Answer, NOW, type TestDeployment, testDeployment } from '../support/deployment.js';
import { askJoin } from '../support/join.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const code = ({ status, json }: Answer): readonly [number, string] => [status, json.code];
const UNKNOWN = [401, 'unauthenticated'] as const;

/** Read and refused before the store: the same on all engines, and on D1 each request costs several times as much. */
const same = (title: string, test: () => Promise<void>): void => {
  if (platform !== 'workers') it(title, test);
};

describe('whoever asks for agents that are not his, or for more than he may', () => {
  let d: TestDeployment;
  let acme: Keeping;
  let other: Keeping;
  let keys: AgentKeys;
  /** An agent of each, made once. */
  let agent: string;
  /** A store belongs to one test. */
  async function setUp(): Promise<void> {
    d = await testDeployment();
    acme = await withAgents(d);
    other = await withAgents(d, {}, { holder: 'https://other.example.com', slug: 'other', organization: 'Other Ltd' });
    keys = await agentKeys();
    const made = await makeAgent(d, acme, 'mine', { keys });
    expect(made.status, made.text).toBe(201);
    agent = made.json.id;
    expect((await makeAgent(d, other, 'theirs')).status).toBe(201);
  }
  const members = async () => (await d.rows('SELECT count(*) AS n FROM member'))[0]?.['n'];
  /** Nothing of it is written. */
  async function refused(asked: Promise<Answer>, expected: readonly [number, string], why: string): Promise<Answer> {
    const before = await members();
    const answer = await asked;
    expect(code(answer), `${why}: ${answer.text}`).toEqual(expected);
    expect(await members(), why).toBe(before);
    return answer;
  }

  same('agents of another organization are nobody, by id and by name; and only one’s own are listed', async () => {
    await setUp();
    for (const [method, path] of [
      ['GET', `/agents/${agent}`],
      ['POST', `/agents/${agent}/retire`],
      ['POST', `/agents/${agent}/renew`],
      ['GET', '/agents/mine'],
      ['POST', '/agents/mine/retire'],
      ['POST', '/agents/..%2f..%2fmine/retire'],
      ['GET', `/agents/${acme.id}`],
    ] as const)
      await refused(askAs(d, other, method, path), [404, 'not_found'], path);
    const { json } = await askAs(d, other, 'GET', '/agents');
    expect(json.items.map(({ name }: { name: string }) => name)).toEqual(['theirs']);
    expect((await askAs(d, acme, 'GET', '/agents/mine')).json).toMatchObject({ state: 'active' });
  });

  it('an assertion counts once, of its own member, for this authority, for minutes, under a bound key', async () => {
    await setUp();
    const list = (token: string | undefined) => askJoin(d, 'GET', '/agents', undefined, token === undefined ? {} : { token });
    const good = await assertion(d, acme);
    expect((await list(good)).status).toBe(200);
    const bad: Record<string, string | undefined> = {
      'used before': good,
      none: undefined,
      'no JWT': 'hfa_secret',
      'of another member, by one’s own key': await assertion(d, { entityId: HOLDER, key: other.key }),
      'for the authority of the agents': await assertion(d, acme, { aud: AGENTS }),
      'for two': await assertion(d, acme, { aud: [ANCHOR, 'https://as.example'] }),
      ended: await assertion(d, acme, { exp: d.clock - 120 }),
      'for an hour': await assertion(d, acme, { exp: d.clock + 3600 }),
      'without jti': await assertion(d, acme, { jti: undefined }),
      'about another': await assertion(d, acme, { sub: other.entityId }),
      'of nobody': await assertion(d, { entityId: 'https://nobody.example', key: acme.key }),
    };
    for (const [why, token] of Object.entries(bad)) await refused(list(token), UNKNOWN, why);
    // However often somebody tries in its name, the member itself is let in.
    const forged = { entityId: HOLDER, key: other.key };
    for (let n = 0; n < (platform === 'workers' ? 5 : 70); n++) await list(await assertion(d, forged));
    expect((await list(await assertion(d, acme))).status).toBe(200);
    // An agent is a member of that authority, and keeps nobody.
    const itself = { entityId: `${AGENTS}/agents/mine`, key: keys.federation };
    await refused(list(await assertion(d, itself, { aud: AGENTS })), [404, 'not_found'], 'of an agent');
    const { status, headers } = await list('x.y.z');
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')]);
  });

  it('a member without such an authority has no agents, and an agent is no member that keeps some', async () => {
    await setUp();
    const key = await testKey();
    const plain = { entityId: 'https://plain.example.com', key } as Keeping;
    await d.admin('POST', `${A}/members`, { entity_id: plain.entityId, jwks: { keys: [key.jwk] }, entity_types: ['oauth_client'], activate: true });
    await refused(askAs(d, plain, 'GET', '/agents'), [404, 'not_found'], 'none is given');
    await refused(askAs(d, plain, 'POST', '/agents', { name: 'x', entity_configuration: 'x' }), [404, 'not_found'], 'none is given');
  });

  same('names are one label, in one spelling', async () => {
    await setUp();
    const names = ['../x', '..', '.', 'a/b', '%2e%2e', 'a%2fb', 'A', 'Ä', 'ａ', 'аcme', 'a_b', 'a b', '-a', 'a-', 'a.b', 'a\u0000', 'a\n', 'x'.repeat(64), ''];
    for (const name of names) {
      const body = { name, entity_configuration: await agentConfiguration('x', await agentKeys()), scopes: ['tools:read'] };
      await refused(askAs(d, acme, 'POST', '/agents', body), [400, 'invalid_request'], JSON.stringify(name));
    }
    expect((await d.public(`${AGENTS}/agents/../agents/mine/.well-known/openid-federation`)).status, 'a URL has one spelling too').toBe(200);
    expect((await d.public(`${AGENTS}/agents/Mine/.well-known/openid-federation`)).status).toBe(404);
  });

  same('what an agent says of itself: signed by its own key, below its authority, of these types, with keys by value', async () => {
    await setUp();
    const client = clientOf('b', await agentKeys());
    const leaf = { federation_entity: { organization_name: 'Acme' } };
    const claims: Record<string, object> = {
      'of type openid_provider': { metadata: { oauth_client: client, openid_provider: { issuer: AGENTS } } },
      'a relying party': { metadata: { openid_relying_party: client } },
      'of no type': { metadata: leaf },
      'with somebody below it': {
        metadata: { oauth_client: client, federation_entity: { federation_fetch_endpoint: `${AGENTS}/f`, federation_list_endpoint: `${AGENTS}/l` } },
      },
      'keys by reference': { metadata: { oauth_client: { ...client, jwks: undefined, jwks_uri: 'https://evil.example/jwks' } } },
      'keys by value and reference': { metadata: { oauth_client: { ...client, jwks_uri: 'https://evil.example/jwks' } } },
      'no keys': { metadata: { oauth_client: { ...client, jwks: undefined } } },
      'below another authority': { authority_hints: [ANCHOR] },
      'below two': { authority_hints: [AGENTS, 'https://evil.example'] },
      'about another': { sub: `${AGENTS}/agents/mine`, iss: `${AGENTS}/agents/mine` },
      ended: { exp: NOW - 1 },
    };
    for (const [why, some] of Object.entries(claims)) await refused(makeAgent(d, acme, 'b', { claims: some }), [422, 'findings'], why);
    const stolen = await agentKeys();
    const forged = await agentConfiguration('b', { ...stolen, federation: { ...stolen.federation, jwk: keys.federation.jwk } });
    await refused(
      askAs(d, acme, 'POST', '/agents', { name: 'b', entity_configuration: forged, scopes: ['tools:read'] }),
      [422, 'findings'],
      'another key than it says',
    );
    await refused(askAs(d, acme, 'POST', '/agents', { name: 'b', entity_configuration: 'eyJ', scopes: ['tools:read'] }), [422, 'findings'], 'no JWT');
  });

  it('keys that somebody else has, had, or that were halted are refused, for the client too', async () => {
    await setUp();
    const fresh = await agentKeys();
    const with_ = (some: Partial<AgentKeys>) => makeAgent(d, acme, 'k', { keys: { ...fresh, ...some } });
    await refused(with_({ federation: keys.federation }), [422, 'findings'], 'of another agent');
    await refused(with_({ federation: acme.key }), [422, 'findings'], 'of its own organization');
    await refused(with_({ federation: other.key }), [422, 'findings'], 'of another member');
    await refused(with_({ client: other.key }), [422, 'findings'], 'of another member, for the client');
    const leaked = await testKey();
    await d.admin('POST', `${A}/members`, { entity_id: 'https://leaky.example', jwks: { keys: [leaked.jwk] }, entity_types: ['oauth_client'], activate: true });
    const halted = await d.admin('POST', '/halts', { level: 'key', key: await calculateJwkThumbprint(leaked.jwk as never), reason: 'leaked' });
    expect(halted.status, halted.text).toBe(200);
    await refused(with_({ federation: leaked }), [422, 'findings'], 'halted');
    await refused(with_({ client: leaked }), [422, 'findings'], 'halted, for the client');
    // Two at once with one key: one of them.
    const twice = await Promise.all(['k1', 'k2'].map((name) => makeAgent(d, acme, name, { keys: fresh })));
    expect(twice.map(({ status }) => status).sort()).toEqual([201, 422]);
  });

  same('no wider scope than is said above, no longer life than is allowed, and no room by the sponsor or unknown members', async () => {
    await setUp();
    const wide = (body: object) => makeAgent(d, acme, 'w', { body });
    await refused(wide({ scopes: ['tools:read', 'admin'] }), [422, 'findings'], 'a scope beyond');
    await refused(wide({ entitlements: [{ kind: 'resource', value: 'https://bank.example' }] }), [422, 'findings'], 'a resource beyond');
    await refused(wide({ scopes: [] }), [400, 'invalid_request'], 'a client for nothing');
    await refused(wide({ scopes: undefined }), [400, 'invalid_request'], 'a client for anything');
    await refused(wide({ scopes: ['tools:read tools:call'] }), [422, 'findings'], 'two scopes as one');
    for (const life of [10 * 365 * DAY, 30 * DAY + 1, 0, -1, 1.5, 1e300]) await refused(wide({ life }), [400, 'invalid_request'], `life ${life}`);
    await refused(wide({ valid_until: NOW + 10 }), [400, 'invalid_request'], 'an unknown member');
    await refused(wide({ sponsor: { name: 'A', email: 'a' } }), [400, 'invalid_request'], 'no address');
    await refused(askAs(d, acme, 'GET', '/agents?all=1'), [400, 'invalid_request'], 'an unknown parameter');
    // It ends with its configuration, whatever is asked for.
    const short = await makeAgent(d, acme, 'short', { claims: { exp: NOW + 600 }, body: { life: DAY } });
    expect(short.json, short.text).toMatchObject({ ends_at: NOW + 600 });
    await refused(
      askAs(d, acme, 'POST', '/agents/short/renew', { entity_configuration: await agentConfiguration('short', await agentKeys()) }),
      [400, 'invalid_request'],
      'other keys',
    );
  });

  it('the same request sent again makes one agent; another one under its Idempotency-Key is refused', async () => {
    await setUp();
    const own = await agentKeys();
    const entity_configuration = await agentConfiguration('once', own);
    const body = { name: 'once', entity_configuration, scopes: ['tools:read'] };
    const send = (more: object = {}, key = 'k-1') => askAs(d, acme, 'POST', '/agents', { ...body, ...more }, { headers: { 'idempotency-key': key } });
    const [one, two] = [await send(), await send()];
    expect([one.status, two.status, two.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true']);
    expect(two.json).toEqual(one.json);
    expect(code(await send({ life: 60 }))).toEqual([422, 'idempotency_key_reused']);
    expect(code(await send({}, ' '))).toEqual([400, 'invalid_request']);
    const at = (await askAs(d, other, 'POST', '/agents', body, { headers: { 'idempotency-key': 'k-1' } })).status;
    expect(at, 'a key is that of its member').not.toBe(201);
  });

  it('a member that is suspended, and one whose end has come, asks for nothing; nobody makes agents of an authority that is not in force', async () => {
    await setUp();
    const lost = `${A}/members/${encodeURIComponent(HOLDER)}`;
    expect((await d.admin('POST', `${lost}/suspend`, { reason: 'incident' })).status).toBe(200);
    await refused(askAs(d, acme, 'GET', '/agents'), UNKNOWN, 'suspended');
    await refused(makeAgent(d, acme, 'late'), UNKNOWN, 'suspended');
    await d.admin('POST', `${lost}/resume`, { reason: 'over' });
    await d.admin('POST', `/authorities/${SLUG}/halt`, { reason: 'incident' });
    await refused(makeAgent(d, acme, 'late'), [409, 'wrong_state'], 'its authority is halted');
    expect((await askAs(d, acme, 'GET', '/agents')).json).toMatchObject({ stands: false });
    await d.admin('POST', `/authorities/${SLUG}/resume`, { reason: 'over' });
    await d.admin('POST', `${A}/members/${encodeURIComponent(AGENTS)}/suspend`, { reason: 'incident' });
    await refused(makeAgent(d, acme, 'late'), [409, 'wrong_state'], 'its membership is suspended');
    // Ending one is always possible.
    expect((await askAs(d, acme, 'POST', '/agents/mine/retire')).json).toMatchObject({ state: 'retired' });
  });
});
