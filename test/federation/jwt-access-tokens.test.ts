import { expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import { strict } from '../../src/rp/modes.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { createResourceServer, jwtAccessTokens } from '../../src/rp/resource-server/entry.js';
import { JoseFederation, joseKey } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, AGENT, MCP, SERVER] = ['https://anchor.example', 'https://agent.example', 'https://tools.example/mcp', 'https://as.example'];

/** A resource that asks no authorization server about its tokens; the federation says with which keys that signs. */
async function world({ byUri = false, server: more = {} as object } = {}) {
  const state = { ahead: 0 };
  const now = () => Math.floor(Date.now() / 1000) + state.ahead;
  const federation = new JoseFederation(now);
  const anchor = await federation.superior(ANCHOR);
  const [key, next] = [await joseKey(), await joseKey()];
  const metadata = { issuer: SERVER, ...(byUri ? { jwks_uri: `${SERVER}/jwks` } : { jwks: { keys: [key.jwk] } }), ...more };
  const server = federation.enroll(anchor, await federation.entity(SERVER, { oauth_authorization_server: metadata }, [ANCHOR]), {}, 1);
  const agent = federation.enroll(anchor, await federation.entity(AGENT, { oauth_client: { scope: 'call' } }, [ANCHOR]), {}, 2);
  const network = joseNetwork(federation);
  const clock = { now, milliseconds: () => 1000 * now() };
  const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet>, mode: strict }, { outbound: network, clock });
  const fetched: string[] = [];
  const at = { published: { keys: [key.jwk] } as unknown };
  const who = { federation: party, resource: MCP, authorizationServers: [SERVER] };
  const resource = createResourceServer({
    ...who,
    otherClients: true,
    introspect: jwtAccessTokens({
      ...who,
      now,
      ...(byUri && {
        fetchJwks: async (uri: string) => {
          fetched.push(uri);
          return at.published;
        },
      }),
      otherwise: async () => ({ active: true, client_id: AGENT, aud: MCP, iat: now(), scope: 'opaque' }),
    }),
  });
  const claims = { iss: SERVER, sub: AGENT, client_id: AGENT, aud: MCP, iat: now(), exp: now() + 300, jti: 'j', scope: 'call' };
  const told = async (change: object = {}, typ = 'at+jwt', by = key, header: object = {}) => {
    const checked = await resource.check(`Bearer ${await by.sign(typ, { ...claims, ...change }, header)}`, ['call']);
    return checked.ok ? `${checked.call.clientId} ${checked.call.scopes}` : `${checked.status} ${checked.body['error']}`;
  };
  return { state, now, told, server, agent, network, resource, key, next, fetched, claims, at };
}
const NO = '401 invalid_token';

it('RFC 9068: a token is verified by the keys that the federation says of its server, and ends with the halt of its client or of its server', async () => {
  const { told, agent, server, network, resource, state } = await world();
  expect(await told()).toBe(`${AGENT} call`);
  expect(await told({ aud: ['https://other.example', MCP] }, 'application/AT+JWT')).toBe(`${AGENT} call`);
  expect(await told({ scope: 'list' })).toBe('403 insufficient_scope');
  expect(await resource.check('Bearer opaque')).toMatchObject({ ok: true, call: { scopes: ['opaque'] } });
  agent.state = 2;
  expect(await told(), 'its client').toBe(NO);
  agent.state = 0;
  expect(await told(), 'what was issued before its client came back').toBe(NO);
  state.ahead += 5;
  expect(await told({ iat: state.ahead + Math.floor(Date.now() / 1000) })).toBe(`${AGENT} call`);
  server.state = 2;
  expect(await told(), 'its server').toBe(NO);
  server.state = 0;
  state.ahead += 5;
  expect(await told({ exp: state.ahead + Math.floor(Date.now() / 1000) + 60 }), 'what its server signed before it came back').toBe(NO);
  network.down.add('https://');
  state.ahead += 400;
  const now = state.ahead + Math.floor(Date.now() / 1000);
  expect(await told({ iat: now, exp: now + 60 }), 'nobody can say').toBe('503 temporarily_unavailable');
});

it('whatever is not that token is refused', async () => {
  const { told, next, key, now, resource, claims } = await world();
  const other = await joseKey();
  for (const [what, change, typ = 'at+jwt', by = key, header = {}] of [
    ['another type', {}, 'JWT'],
    ['an ID Token, by its type', {}, 'id+jwt'],
    ['another audience', { aud: 'https://other.example' }],
    ['no audience', { aud: undefined }],
    ['expired', { exp: now() - 1 }],
    ['without end', { exp: undefined }],
    ['issued in the future', { iat: now() + 3600, exp: now() + 7200 }],
    ['not valid yet', { nbf: now() + 3600 }],
    ['another issuer', { iss: 'https://other.example' }],
    ['a server of the federation that is none of this resource', { iss: ANCHOR }],
    ['another key', {}, 'at+jwt', other],
    ['a key beside the one in the header', {}, 'at+jwt', next],
    ['its key in the header', {}, 'at+jwt', other, { jwk: other.jwk }],
    ['nobody', { client_id: undefined }],
    ['a stranger', { client_id: 'https://stranger.example' }],
    ['a client whose federation does not know it, though other clients are let in', { client_id: 'https://agent.example/other' }],
    ['without subject', { sub: '' }],
    ['without jti', { jti: undefined }],
    ['bound to a key that nobody proved', { cnf: { jkt: 'x' } }],
    ['scopes that are no text', { scope: ['call'] }],
    ['too large', { more: 'x'.repeat(8000) }],
  ] as const)
    expect(await told(change, typ, by, header), what).toBe(NO);
  const part = (json: object) => btoa(JSON.stringify(json)).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  for (const alg of ['none', 'None', 'HS256'])
    for (const signature of ['', 'AAAA'])
      expect(await resource.check(`Bearer ${part({ alg, typ: 'at+jwt', kid: key.jwk['kid'] })}.${part(claims)}.${signature}`), alg).toMatchObject({
        status: 401,
      });
  expect(await told({ client_id: 'local' }), 'a client of the server itself, where the resource says so').toBe('local call');
});

it('a server that is another one by its metadata, or serves other resources, signs none for this', async () => {
  expect(await (await world({ server: { issuer: 'https://other.example' } })).told()).toBe(NO);
  expect(await (await world({ server: { protected_resources: ['https://other.example'] } })).told()).toBe(NO);
  expect(await (await world({ server: { protected_resources: [MCP] } })).told()).toBe(`${AGENT} call`);
  expect(await (await world({ server: { jwks: undefined } })).told(), 'no keys by value, and nobody fetches them').toBe('503 temporarily_unavailable');
});

it('keys by URL are those at the URL that the federation says: fetched once for many, again for a key that is new, and never as often as somebody asks', async () => {
  const { told, fetched, next, state, at, now } = await world({ byUri: true });
  expect(await Promise.all([told(), told()])).toEqual([`${AGENT} call`, `${AGENT} call`]);
  for (let n = 0; n < 5; n++) expect(await told({}, 'at+jwt', next)).toBe(NO);
  expect(fetched).toEqual([`${SERVER}/jwks`]);
  at.published = { keys: [next.jwk] };
  state.ahead += 11;
  expect(await told({ iat: now(), exp: now() + 60 }, 'at+jwt', next)).toBe(`${AGENT} call`);
  expect(fetched).toHaveLength(2);
  at.published = 'nothing';
  state.ahead += 301;
  expect(await told({ iat: now(), exp: now() + 60 }, 'at+jwt', next)).toBe('503 temporarily_unavailable');
  at.published = { keys: [next.jwk] };
  expect(await told({ iat: now(), exp: now() + 60 }, 'at+jwt', next), 'what failed is not kept').toBe(`${AGENT} call`);
});
