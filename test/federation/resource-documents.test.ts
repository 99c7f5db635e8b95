import { expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import { strict } from '../../src/rp/modes.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { type CallContext, createResourceServer, type Introspect, type ResourceServerOptions } from '../../src/rp/resource-server/entry.js';
import { type JoseEntity, JoseFederation, joseKey } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, OPERATOR, STRANGER, AGENT, MCP] = [
  ...['https://anchor.example', 'https://anchor.example/operator', 'https://stranger.example', 'https://agent.example', 'https://tools.example/mcp'],
] as const;
const SECOND = 'https://second.example';
const [STOCK, FEDERATED] = ['https://stock.example', 'https://as.example'];
const now = () => Math.floor(Date.now() / 1000);
type Document = Record<string, unknown>;

/** A resource with two authorization servers: one knows documents of clients, the other knows the federation. */
async function world(more: Partial<ResourceServerOptions> = {}) {
  const federation = new JoseFederation(now);
  const anchor = await federation.superior(ANCHOR);
  const operator = await federation.superior(OPERATOR, [ANCHOR]);
  const stranger = await federation.superior(STRANGER);
  const client = await joseKey();
  const agent = await federation.entity(AGENT, { oauth_client: { scope: 'call', jwks: { keys: [client.jwk] } } }, [OPERATOR, SECOND]);
  const operatorRecord = federation.enroll(anchor, operator, {}, 1);
  const record = federation.enroll(operator, agent, {}, 2);
  const network = joseNetwork(federation);
  const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet>, mode: strict }, { outbound: network });
  const told: CallContext[] = [];
  const asked: string[] = [];
  const tokens = new Map<string, Document>();
  const introspect = (issuer: string): Introspect =>
    async function ask(form) {
      asked.push(issuer);
      if (network.down.has(issuer)) throw new Error('no answer');
      const found = tokens.get(form.get('token') ?? '');
      return found && found['by'] === issuer ? found : { active: false };
    };
  const server = createResourceServer({
    ...{ federation: party, resource: MCP, authorizationServers: [STOCK, FEDERATED] },
    introspect: { [STOCK]: introspect(STOCK), [FEDERATED]: introspect(FEDERATED) },
    log: (one) => void told.push(one),
    ...more,
  });
  /** A document that an authority serves, as long as `there` is true. */
  const serve = (of: JoseEntity, id: string, document: Document = {}) => {
    const url = `${of.id}/clients/${id}`;
    const one = { url, there: true, status: 404 };
    const body = JSON.stringify({ client_id: url, federation_entity: AGENT, jwks: { keys: [client.jwk] }, ...document });
    federation.instead.set(url, () => (one.there ? { status: 200, type: 'application/json', body, etag: '"1"' } : { status: one.status, type: '', body: '' }));
    return one;
  };
  const token = (name: string, by: string, client_id: string, claims: Document = {}) =>
    tokens.set(name, { active: true, client_id, scope: 'call', aud: MCP, iss: by, iat: now(), exp: now() + 300, by, ...claims });
  const status = async (name: string, scopes: readonly string[] = ['call']) => {
    const checked = await server.check(`Bearer ${name}`, scopes);
    return checked.ok ? 'ok' : `${checked.status} ${checked.body['error']}`;
  };
  return { federation, anchor, operator, stranger, agent, record, operatorRecord, client, network, told, asked, tokens, serve, token, status };
}

it('a client by its document is the entity that its authority says: a halt ends its session, and each call is logged with its chain', async () => {
  const { operator, record, serve, token, status, told } = await world();
  const document = serve(operator, 'mem_1');
  token('t', STOCK, document.url);
  expect(await status('t')).toBe('ok');
  expect(told.at(-1)).toMatchObject({
    ...{ entity: AGENT, client_id: document.url, authority: OPERATOR, anchor: ANCHOR, status: 200, decision: 'admitted' },
    chain_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  record.state = 2;
  expect(await status('t'), 'halted at its superior, whatever else is served').toBe('401 invalid_token');
  expect(told.at(-1)).toMatchObject({ entity: AGENT, chain_sha256: expect.any(String), status: 401, reason: 'the client is not in force' });
});

it('gone, or withheld for a moment, is out; and for the log it is who it was', async () => {
  const { operator, serve, token, status, told, network } = await world();
  const document = serve(operator, 'mem_1');
  token('t', STOCK, document.url);
  expect(await status('t')).toBe('ok');
  document.there = false;
  expect(await status('t')).toBe('401 invalid_token');
  expect(told.at(-1)).toMatchObject({ entity: AGENT, client_id: document.url, authority: OPERATOR });
  document.status = 503;
  expect(await status('t'), 'nobody can say').toBe('503 temporarily_unavailable');
  document.there = true;
  expect(await status('t')).toBe('ok');
  network.down.add(document.url);
  expect(await status('t'), 'silence takes nothing back that was known').toBe('ok');
});

it('a document is no word of its own: who is no authority above the entity says nothing about it', async () => {
  const { anchor, operator, operatorRecord, stranger, serve, token, status, client, federation, told } = await world();
  const other = await joseKey();
  const cases: readonly [string, { readonly url: string }, string][] = [
    ['by nobody of the federation', serve(stranger, 'mem_1'), '401 invalid_token'],
    ['about another URL', serve(operator, 'a', { client_id: `${OPERATOR}/clients/b` }), '401 invalid_token'],
    ['about nobody', serve(operator, 'c', { federation_entity: undefined }), '401 invalid_token'],
    ['about a text', serve(operator, 'd', { federation_entity: 'agent' }), '401 invalid_token'],
    ['without a key', serve(operator, 'e', { jwks: { keys: [] } }), '401 invalid_token'],
    ['about somebody that is nobody', serve(operator, 'f', { federation_entity: 'https://nobody.example' }), '401 invalid_token'],
    ['an anchor is above all', serve(anchor, 'g'), 'ok'],
  ];
  for (const [what, { url }, expected] of cases) {
    const name = what.replaceAll(' ', '-');
    token(name, STOCK, url);
    expect(await status(name), what).toBe(expected);
    if (url.startsWith(STRANGER)) expect(federation.asked, 'it is never asked').not.toContain(url);
    if (expected !== 'ok') expect(told.at(-1)?.reason, what).toBe('the client is not in force');
  }
  // A second authority of the federation, which the chain does not lead by: with the keys of the entity it is believed.
  const second = await federation.superior(SECOND, [ANCHOR]);
  const secondRecord = federation.enroll(anchor, second, {}, 3);
  token('second', STOCK, serve(second, 'mem_2').url);
  token('thief', STOCK, serve(second, 'mem_3', { jwks: { keys: [client.jwk, other.jwk] } }).url);
  expect([await status('second'), await status('thief')]).toEqual(['ok', '401 invalid_token']);
  // Who is in force and no authority of the entity would get in as that one, with its public keys: a leaf, or somebody else's superior.
  const leaf = await federation.entity('https://leaf.example', { oauth_client: { scope: 'call' } }, [OPERATOR]);
  federation.enroll(operator, leaf, {}, 5);
  const elsewhere = await federation.superior('https://elsewhere.example', [ANCHOR]);
  federation.enroll(anchor, elsewhere, {}, 6);
  token('leaf', STOCK, serve(leaf, 'mem_4').url);
  token('elsewhere', STOCK, serve(elsewhere, 'mem_5').url);
  expect([await status('leaf'), await status('elsewhere')]).toEqual(['401 invalid_token', '401 invalid_token']);
  const { network: silent, ...late } = await world();
  late.token('late', STOCK, late.serve(late.operator, 'mem_1').url);
  silent.down.add('https://');
  expect(await late.status('late'), 'nobody can say who that authority is').toBe('503 temporarily_unavailable');
  secondRecord.state = 1;
  expect(await status('second'), 'it is out itself').toBe('401 invalid_token');
  operatorRecord.state = 1;
  expect(await status('an-anchor-is-above-all'), 'nobody is above it any more').toBe('401 invalid_token');
});

it('an entity may be called like a document', async () => {
  const { federation, operator, token, status, told } = await world();
  const id = `${OPERATOR}/clients/agent`;
  federation.enroll(operator, await federation.entity(id, { oauth_client: { scope: 'call' } }, [OPERATOR]), {}, 4);
  token('t', FEDERATED, id);
  expect(await status('t')).toBe('ok');
  expect(told.at(-1)).toMatchObject({ entity: id });
});

it('a token is asked about where it is from: in order, and then there alone; and nobody speaks for another issuer', async () => {
  const { asked, tokens, token, status, network, told } = await world();
  token('theirs', FEDERATED, AGENT);
  expect([await status('theirs'), asked.splice(0)]).toEqual(['ok', [STOCK, FEDERATED]]);
  expect([await status('theirs'), asked.splice(0)]).toEqual(['ok', [FEDERATED]]);
  tokens.delete('theirs');
  expect([await status('theirs'), asked.splice(0)], 'what was known is not asked about elsewhere').toEqual(['401 invalid_token', [FEDERATED]]);
  expect(told.at(-1), 'whose it was').toMatchObject({ entity: AGENT, chain_sha256: expect.any(String), reason: 'the token is not active' });
  expect([await status('nobodys'), asked.splice(0)]).toEqual(['401 invalid_token', [STOCK, FEDERATED]]);
  network.down.add(STOCK);
  expect(await status('nobodys'), 'one that might know it is silent').toBe('503 temporarily_unavailable');
  token('ours', FEDERATED, AGENT);
  expect(await status('ours'), 'another one is not').toBe('ok');
  network.down.clear();
  tokens.set('forged', { ...tokens.get('ours'), by: STOCK });
  expect(await status('forged')).toBe('401 invalid_token');
  // A JWT says whose it is; nobody else sees it.
  const part = (json: object) => btoa(JSON.stringify(json)).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const jwt = `${part({ alg: 'ES256', typ: 'at+jwt', kid: 'a' })}.${part({ iss: FEDERATED })}.${'A'.repeat(86)}`;
  token(jwt, FEDERATED, AGENT);
  asked.splice(0);
  expect([await status(jwt), asked]).toEqual(['ok', [FEDERATED]]);
  await expect(world({ introspect: { [STOCK]: async () => ({}) } })).rejects.toThrow(FEDERATED);
});

it('a client that registered is the entity that its server says; a server says no other one of whom it names itself', async () => {
  const { token, status, told, record } = await world({ otherClients: true });
  const context = { entity: AGENT, chain_sha256: 'c'.repeat(64) };
  token('registered', FEDERATED, 'client-1', { federation: context });
  token('renamed', FEDERATED, AGENT, { federation: { ...context, entity: 'https://nobody.example' } });
  token('local', FEDERATED, 'client-2');
  token('url', STOCK, 'https://nobody.example');
  expect(await status('registered')).toBe('ok');
  expect(told.at(-1)).toMatchObject({ ...context, client_id: 'client-1', authority: OPERATOR });
  expect([await status('renamed'), await status('local'), await status('url')]).toEqual(['401 invalid_token', 'ok', '401 invalid_token']);
  record.state = 2;
  expect(await status('registered'), 'the halt is the entity’s').toBe('401 invalid_token');
});

it('what is refused for its scope says so with every 401, and a mark that is wanted is asked about with each call', async () => {
  const { token, status, told } = await world({ marks: ['https://anchor.example/marks/vetted'] });
  token('t', FEDERATED, AGENT);
  expect(await status('t')).toBe('401 invalid_token');
  expect(told.at(-1)).toMatchObject({ entity: AGENT, decision: 'denied', reason: 'the client is not in force' });
});
