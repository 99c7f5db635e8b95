import { base64url, calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it } from 'vitest';
import type { JwkSet } from '../../src/federation/entry.js';
import { strict } from '../../src/rp/modes.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { type CallContext, createResourceServer, expressGuard, type ExpressRequest, honoGuard, honoMetadata } from '../../src/rp/resource-server/entry.js';
import { JoseFederation } from '../support/jose-federation.js';
import { joseNetwork } from '../support/jose-network.js';

const [ANCHOR, AGENT, MCP, SERVER] = ['https://anchor.example', 'https://agent.example', 'https://tools.example/mcp', 'https://as.example'];

/** A resource whose tokens the authorization server knows; the federation says whose client still is. */
async function world({ otherClients = false } = {}) {
  const now = () => Math.floor(Date.now() / 1000);
  const federation = new JoseFederation(now);
  const anchor = await federation.superior(ANCHOR);
  const agent = await federation.entity(AGENT, { oauth_client: { scope: 'call' } }, [ANCHOR]);
  const record = federation.enroll(anchor, agent, {}, 1);
  const network = joseNetwork(federation);
  const party = relyingPartyOver({ anchors: federation.anchors(anchor) as Record<string, JwkSet>, mode: strict }, { outbound: network });
  const context = { entity: AGENT, decision: 'admitted', chain_sha256: 'c'.repeat(64), anchor: ANCHOR, statement_exp: 7 };
  const sound = { active: true, client_id: AGENT, scope: 'call list', aud: MCP, iss: SERVER, iat: now(), exp: now() + 300, jti: 'j', federation: context };
  const tokens = new Map<string, unknown>([['good', sound]]);
  const told: CallContext[] = [];
  const server = createResourceServer({
    federation: party,
    resource: MCP,
    authorizationServers: [SERVER],
    scopesSupported: ['call'],
    otherClients,
    log: (one) => void told.push(one),
    async introspect(form) {
      const found = tokens.get(form.get('token') ?? '') ?? { active: false };
      if (found instanceof Error) throw found;
      return found;
    },
  });
  const status = async (token: string, scopes?: readonly string[]) => {
    const checked = await server.check(`Bearer ${token}`, scopes);
    return checked.ok ? 'ok' : `${checked.status} ${checked.body['error']}`;
  };
  return { record, network, sound, tokens, told, server, status };
}

it('a call is logged with the chain that admitted its client, and ends with the halt', async () => {
  const { server, told, status, record, network } = await world();
  const checked = await server.check('Bearer good', ['call']);
  expect(checked).toMatchObject({
    ok: true,
    call: { clientId: AGENT, scopes: ['call', 'list'], context: { chain_sha256: 'c'.repeat(64), anchor: ANCHOR, resource: MCP, jti: 'j' } },
  });
  record.state = 2;
  expect(await status('good'), 'cut in the middle of its session').toBe('401 invalid_token');
  expect(told.at(-1)).toMatchObject({ entity: AGENT, decision: 'denied', status: 401, chain_sha256: 'c'.repeat(64) });
  record.state = 0;
  expect(await status('good'), 'what was issued before stays dead').toBe('401 invalid_token');
  network.down.add('https://');
  expect(await status('good')).not.toBe('ok');
});

it('what is wrong with a token has the error that RFC 6750 wants, and says where the metadata lies', async () => {
  const { server, tokens, sound, status } = await world();
  const where = 'resource_metadata="https://tools.example/.well-known/oauth-protected-resource/mcp"';
  expect(await server.check(undefined, ['call'])).toMatchObject({ status: 401, headers: { 'www-authenticate': `Bearer scope="call", ${where}` } });
  expect(await server.check('Bearer nobody"s')).toMatchObject({ status: 401, body: { error: 'invalid_token' } });
  expect(await server.check('Basic x')).toMatchObject({ status: 401, headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') } });
  expect(await server.check('Bearer good', ['call', 'admin'])).toMatchObject({
    status: 403,
    headers: { 'www-authenticate': expect.stringMatching(/insufficient_scope.*scope="call admin"/) },
  });
  for (const [what, more, expected] of [
    ['unknown', { active: false }, '401 invalid_token'],
    ['for another resource', { aud: 'https://other.example' }, '401 invalid_token'],
    ['for nobody', { aud: undefined }, '401 invalid_token'],
    ['of another issuer', { iss: 'https://other.example' }, '401 invalid_token'],
    ['ended', { exp: 1 }, '401 invalid_token'],
    ['of nobody', { client_id: undefined }, '401 invalid_token'],
    ['of a stranger', { client_id: 'https://stranger.example' }, '401 invalid_token'],
    ['of a client that is no entity', { client_id: 'local', federation: undefined }, '401 invalid_token'],
    ['an answer that is none', { active: 'yes' }, '503 temporarily_unavailable'],
  ] as const) {
    tokens.set('other', { ...sound, ...more });
    expect(await status('other'), what).toBe(expected);
  }
  tokens.set('other', new Error('no answer'));
  expect(await status('other')).toBe('503 temporarily_unavailable');
  const open = await world({ otherClients: true });
  open.tokens.set('local', { ...open.sound, client_id: 'local', federation: undefined });
  expect(await open.status('local'), 'where the resource says so').toBe('ok');
});

it('both forms of middleware answer, and hand the call on', async () => {
  const { server } = await world();
  const set = new Map<string, unknown>();
  const hono = (authorization?: string) =>
    honoGuard(server, ['call'])({ req: { header: () => authorization }, set: (name, value) => void set.set(name, value) }, async () => undefined);
  expect((await hono())?.status).toBe(401);
  expect(await hono('Bearer good')).toBeUndefined();
  expect(set.get('call')).toMatchObject({ clientId: AGENT });
  expect(await honoMetadata(server)().json()).toMatchObject({ resource: MCP, authorization_servers: [SERVER], scopes_supported: ['call'] });
  const express = (authorization?: string) => {
    const request: ExpressRequest = { headers: { authorization } };
    return new Promise<unknown>((done) => {
      const response = { code: 0, status: (code: number) => Object.assign(response, { code }), set: () => response, json: () => done(response.code) };
      expressGuard(server, ['call'])(request, response as never, () => done(request.call?.clientId));
    });
  };
  expect([await express(), await express('Bearer good')]).toEqual([401, AGENT]);
});

/** A key that tokens are bound to, and proofs by it. */
async function holder() {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const ath = async (token: string) => base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))));
  const prove = async (token: string, claims: object = {}, header: object = {}, key: CryptoKey = privateKey) =>
    new SignJWT({ jti: crypto.randomUUID(), htm: 'POST', htu: MCP, iat: Math.floor(Date.now() / 1000), ath: await ath(token), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header })
      .sign(key);
  return { jkt: await calculateJwkThumbprint(jwk), privateKey, jwk, prove };
}

it('CA a token that is bound to a key is good with a proof of it, for this request and once; never as a bearer token (RFC 9449)', async () => {
  const { server, tokens, sound } = await world();
  const [key, thief] = [await holder(), await holder()];
  tokens.set('bound', { ...sound, cnf: { jkt: key.jkt } });
  tokens.set('by-certificate', { ...sound, cnf: { 'x5t#S256': key.jkt } });
  const ask = async (authorization: string, proof: string | undefined, path = '/mcp?x=1') => {
    const checked = await server.check(authorization, ['call'], { method: 'POST', path, proof });
    return checked.ok ? 'ok' : `${checked.status} ${checked.body['error']}`;
  };
  const proof = await key.prove('bound');
  expect(await ask('DPoP bound', proof)).toBe('ok');
  expect(await ask('DPoP bound', proof), 'used before').toBe('401 invalid_dpop_proof');
  const plain = await server.check('Bearer bound', ['call'], { method: 'POST', path: '/mcp', proof: await key.prove('bound') });
  expect(plain).toMatchObject({ status: 401, body: { error: 'invalid_token' }, headers: { 'www-authenticate': expect.stringMatching(/^DPoP algs="ES256 /) } });
  expect(await ask('DPoP good', await key.prove('good')), 'bound to nothing').toBe('401 invalid_token');
  expect(await ask('DPoP by-certificate', await key.prove('by-certificate')), 'bound in a way that is not looked at').toBe('401 invalid_dpop_proof');
  const { d } = await exportJWK(key.privateKey);
  for (const [what, hostile] of [
    ['no proof', undefined],
    ['none that is one', 'x.y.z'],
    ['two in one header', `${await key.prove('bound')}, ${await key.prove('bound')}`],
    ['of another key', await thief.prove('bound')],
    ['by another key in the name of this one', await thief.prove('bound', {}, { jwk: key.jwk })],
    ['with the private key in it', await key.prove('bound', {}, { jwk: { ...key.jwk, d } })],
    ['for another token', await key.prove('bound', { ath: 'x'.repeat(43) })],
    ['for no token', await key.prove('bound', { ath: undefined })],
    ['for another method', await key.prove('bound', { htm: 'GET' })],
    ['for another host', await key.prove('bound', { htu: 'https://elsewhere.example/mcp' })],
    ['for another path', await key.prove('bound', { htu: 'https://tools.example/other' })],
    ['for no URL', await key.prove('bound', { htu: 'mcp' })],
    ['of yesterday', await key.prove('bound', { iat: Math.floor(Date.now() / 1000) - 86_400 })],
    ['of tomorrow', await key.prove('bound', { iat: Math.floor(Date.now() / 1000) + 86_400 })],
    ['without a jti', await key.prove('bound', { jti: undefined })],
    ['of another type', await key.prove('bound', {}, { typ: 'JWT' })],
    ['too large', await key.prove('bound', { more: 'x'.repeat(9000) })],
  ] as const)
    expect(await ask('DPoP bound', hostile), what).toBe('401 invalid_dpop_proof');
  expect(await ask('DPoP bound', await key.prove('bound'), '//elsewhere.example/mcp'), 'a path that is a host').toBe('401 invalid_dpop_proof');
  expect(await server.check('DPoP bound', ['call']), 'a caller that hands no request on').toMatchObject({ status: 401 });
  expect(await ask('DPoP bound', await key.prove('bound'))).toBe('ok');
});
