import { once } from 'node:events';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { mediaTypes } from '../../src/federation/entry.js';
import type { Outbound } from '../../src/outbound/outbound.js';
import { relyingPartyOver } from '../../src/rp/relying-party.js';
import { strict } from '../../src/rp/modes.js';
import { type RegistrationOptions, registering as registeringProvider } from '../../src/rp/oidc-provider/registration.js';
import { registryAt } from '../../src/rp/registration/registry.js';
import { ANCHOR, NOW } from '../support/deployment.js';
import { askJoin } from '../support/join.js';
import { type TestKey, testKey } from '../support/keys.js';
import { docBlock, runBlock } from '../support/node/doc-blocks.js';
import { freePort } from '../support/process.js';
import { A, AGENT, asMember, evaluate, type Registering, registering, SERVER } from '../support/registering.js';

/** oidc-provider asks for Node 22 and runs on 20 but for this. */
(URL as unknown as { parse?: (text: string, base?: string) => URL | null }).parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

const RESOURCE = 'https://tools.example.net/mcp';
let r: Registering;
let ask: (path: string, init?: RequestInit) => Promise<{ status: number; headers: Headers; json: Record<string, never> }>;
let close: () => void;
/** What is stored of clients. */
const stored = new Map<string, unknown>();
/** What is stored of all else, by model. */
const kept = new Map<string, Map<string, unknown>>();
/** Whether the registry answers. */
let reachable = true;
const told: unknown[] = [];
/** Clients that were made, and how many of them the registry was told of. */
let [made, reported] = [0, 0];

/** The whole of it: a registry, and the provider as it is published, which knows of it what an authorization server knows. */
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW * 1000 });
  r = await registering();
  stored.clear();
  told.length = 0;
  reachable = true;
  [made, reported] = [0, 0];
  const { d, server } = r;
  const known: readonly string[] = Object.values(mediaTypes).filter((one) => typeof one === 'string');
  const unreachable = {
    ok: false as const,
    findings: [{ code: 'fetch_failed' as const, where: '', clause: '', detail: 'nobody answers', fix: '', transient: true }],
  };
  const outbound: Outbound = {
    post: async () => unreachable,
    async get({ url, mediaType, etag }) {
      if (!reachable || !known.includes(mediaType)) return unreachable;
      const own = d.network.get(url);
      if (own !== undefined) return { ok: true, value: { url, body: own } };
      const { status, text, headers } = await d.public(url, { headers: etag === undefined ? {} : { 'if-none-match': etag } });
      if (status === 304) return { ok: true, value: { url, body: '', notModified: true } };
      if (status !== 200)
        return {
          ok: false,
          findings: [{ ...unreachable.findings[0], code: 'status_unexpected' as const, detail: String(status), transient: status >= 500 }] as never,
        };
      return { ok: true, value: { url, body: text, etag: headers.get('etag') ?? undefined } as never };
    },
  };
  const clock = { now: () => d.clock, milliseconds: () => performance.now() };
  const anchors = { [ANCHOR]: { keys: (await keysOf()).map((key) => key as never) } };
  const federation = relyingPartyOver({ anchors, mode: strict }, { outbound, clock });
  const askRegistry = async (url: string, { method = 'GET', headers, body }: RequestInit) => {
    if (!reachable) throw new Error('nobody answers');
    const answer = askJoin(d, method, url.slice(`${ANCHOR}/join/v1`.length), (body as string | undefined) ?? (method === 'DELETE' ? '' : undefined), {
      headers: headers as Record<string, string>,
    });
    const { status, text } = await answer.finally(() => (reported += method === 'PUT' ? 1 : 0));
    return new Response(text, { status });
  };
  const { privateKey, kid } = server.key;
  const given = { registryAt, anchor: ANCHOR, issuer: SERVER, privateKey, kid, fetch: askRegistry };
  // The lines that the document says: here, and where the provider is made.
  const registry = await runBlock(docBlock('docs/relying-party.md', 'registryAt({'), given, 'registry');
  kept.clear();
  const memory = kept;
  const adapter = (model: string) => {
    const rows = model === 'Client' ? stored : (memory.get(model) ?? memory.set(model, new Map()).get(model) ?? new Map());
    return {
      find: async (id: string) => rows.get(id),
      upsert: async (id: string, payload: unknown) => void rows.set(id, payload),
      destroy: async (id: string) => void rows.delete(id),
      consume: async () => undefined,
      findByUid: async () => undefined,
      findByUserCode: async () => undefined,
      revokeByGrantId: async () => undefined,
    };
  };
  const configuration = {
    adapter,
    scopes: ['read', 'write', 'admin'],
    clients: [{ client_id: 'resource-server', client_secret: 'secret-of-the-resource-server', grant_types: [], redirect_uris: [], response_types: [] }],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        defaultResource: () => undefined,
        getResourceServerInfo: () => ({ scope: 'read write admin mcp:admin', accessTokenTTL: 3600 }),
      },
    },
  };
  const block = docBlock('docs/relying-party.md', 'door.attach(provider)');
  const named = {
    configuration,
    federation,
    issuer: SERVER,
    registry,
    Provider,
    registering: (given: object, how: RegistrationOptions) => registeringProvider(given, { ...how, log: (one) => told.push(one) }),
  };
  const provider = (await runBlock(block, named, 'provider')) as InstanceType<typeof Provider>;
  (provider as unknown as { proxy: boolean }).proxy = true;
  const port = await freePort();
  const http = createServer(provider.callback()).listen(port, 'localhost');
  await once(http, 'listening');
  close = () => {
    http.closeAllConnections();
    http.close();
  };
  ask = async (path, init = {}) => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': new URL(SERVER).host, ...(init.headers as Record<string, string>) };
    const response = await fetch(`http://localhost:${port}${path}`, { ...init, headers });
    return { status: response.status, headers: response.headers, json: (await response.json().catch(() => ({}))) as Record<string, never> };
  };
});
afterEach(async () => {
  await vi.waitFor(() => expect(reported).toBe(made), 60_000);
  close();
  vi.useRealTimers();
});

async function keysOf(): Promise<readonly object[]> {
  const { json } = await r.d.admin('GET', `${A}/keys`);
  return (json.items as { jwk: object }[]).map(({ jwk }) => jwk);
}

const statement = async () => (await asMember(r.d, r.agent, 'POST', `/members/${r.agent.memberId}/software-statements`, {})).json;
const initialToken = async (body: object = {}) =>
  (await asMember(r.d, r.agent, 'POST', `/members/${r.agent.memberId}/initial-access-tokens`, { audience: SERVER, kid: r.client.kid, ...body })).json
    .initial_access_token as string;
const request = (software_statement: unknown, claims: object = {}, key: TestKey = r.client) =>
  key.jwt(
    { iss: AGENT, aud: SERVER, iat: r.d.clock, exp: r.d.clock + 60, jti: crypto.randomUUID(), software_statement, ...claims },
    { typ: 'registration-request+jwt' },
  );
async function register(body: string, token?: string, type = 'application/jwt') {
  const answer = await ask('/reg', {
    method: 'POST',
    body,
    headers: { 'content-type': type, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
  if (answer.status === 201) made++;
  return answer;
}

/** A token of the client's own: client credentials with a key of the client. */
async function tokenOf(clientId: string, form: Record<string, string> = {}, key = r.client, aud: string | string[] = SERVER) {
  const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud, jti: crypto.randomUUID() })
    .setProtectedHeader({ alg: 'ES256', kid: key.kid })
    .setIssuedAt(r.d.clock)
    .setExpirationTime(r.d.clock + 60)
    .sign(key.privateKey);
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const body = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: clientId,
    client_assertion_type: type,
    client_assertion: assertion,
    ...form,
  });
  return ask('/token', { method: 'POST', body });
}
const introspect = (token: unknown) =>
  ask('/token/introspection', {
    method: 'POST',
    body: new URLSearchParams({ token: String(token) }),
    headers: { authorization: `Basic ${btoa('resource-server:secret-of-the-resource-server')}` },
  });

describe('registry §8.3 at oidc-provider 9 (R6, R11): a client by software statement, token and signed request', () => {
  it('without a token 401, unsigned 400, by another key 400, for more than was vouched for 400: no client comes of it', async () => {
    const { software_statement: vouched } = await statement();
    const token = await initialToken();
    const answers = async () => [
      await register(await request(vouched)),
      await register(JSON.stringify({ redirect_uris: [`${AGENT}/cb`] }), token, 'application/json'),
      await register(await request(vouched, {}, await testKey()), token),
      await register(await request(vouched, { scope: 'read admin' }), token),
      await register(await request(vouched, { redirect_uris: ['https://evil.example/cb'] }), token),
      await register(await request(vouched, { aud: ANCHOR }), token),
      await register('x'.repeat(70_000), token),
    ];
    expect((await answers()).map(({ status, json }) => [status, json['error']])).toEqual([
      [401, 'invalid_token'],
      [400, 'invalid_request'],
      [400, 'invalid_client_metadata'],
      [400, 'invalid_client_metadata'],
      [400, 'invalid_redirect_uri'],
      [400, 'invalid_client_metadata'],
      [400, 'invalid_request'],
    ]);
    expect((await register(await request(vouched))).headers.get('www-authenticate')).toContain('invalid_token');
    expect(stored.size).toBe(0);
    expect(told.length, 'each is told').toBeGreaterThan(6);
  });

  it('with all three 201: a client with the entitled scope and no secret, which gets tokens; the registry knows who has it; the token serves once', async () => {
    const { software_statement: vouched } = await statement();
    const token = await initialToken();
    const body = await request(vouched, { scope: 'read' });
    const made = await register(body, token);
    expect(made.status, JSON.stringify(made.json)).toBe(201);
    expect(made.json).toMatchObject({
      scope: 'read',
      client_name: 'Agent',
      software_statement: vouched,
      federation_entity: AGENT,
      token_endpoint_auth_method: 'private_key_jwt',
    });
    for (const name of ['client_secret', 'registration_access_token', 'jwks_uri']) expect(name in made.json, name).toBe(false);
    const id = String(made.json['client_id']);
    expect([(await tokenOf(id)).status, (await tokenOf(id, { scope: 'write' })).json['error'], (await tokenOf(id, {}, await testKey())).status]).toEqual([
      200,
      'invalid_scope',
      401,
    ]);
    expect((await register(body, token)).json['error'], 'the same once more').toBe('invalid_token');
    expect((await register(await request(vouched), token)).json['error'], 'another with the same token').toBe('invalid_token');
    expect((await register(body, await initialToken())).json['error'], 'the same with another token').toBe('invalid_client_metadata');
    await vi.waitFor(async () => {
      const { items } = (await r.d.admin('GET', `${A}/registrations`)).json;
      expect(items).toMatchObject([{ server: SERVER, client_id: id, entity_id: AGENT, method: 'software_statement' }]);
    }, 60_000);
    const plain = (await tokenOf(id, { scope: 'read' })).json;
    expect(plain, 'R7').toMatchObject({ expires_in: 300 });
    expect((await introspect(plain['access_token'])).json, 'the resource is told which entity it is').toMatchObject({
      active: true,
      client_id: id,
      federation: { entity: AGENT, anchor: ANCHOR, chain_sha256: expect.any(String) },
    });
    expect((await tokenOf(id, {}, r.client, [SERVER, 'https://other.example'])).json['error'], 'R10').toBe('invalid_client');
    // R5: scopes of a resource are the client's, whatever the server would give.
    const resource = (await tokenOf(id, { resource: RESOURCE, scope: 'read mcp:admin' })).json;
    expect(resource).toMatchObject({ scope: 'read', expires_in: 300 });
    expect((await tokenOf(id, { resource: RESOURCE, scope: 'read' })).json).toMatchObject({ scope: 'read', expires_in: 300 });
    expect((await tokenOf(id, { resource: 'https://other.example', scope: 'read' })).json['error']).toBe('invalid_target');
  });

  it('nor by another spelling of the path, which the provider takes as well, with a token of the server itself', async () => {
    kept.set('InitialAccessToken', new Map([['own-token', { jti: 'own-token', kind: 'InitialAccessToken', exp: NOW + 600 }]]));
    const body = JSON.stringify({ redirect_uris: [`${AGENT}/cb`], scope: 'admin', federation_entity: AGENT, token_endpoint_auth_method: 'none' });
    const headers = { 'content-type': 'application/json', authorization: 'Bearer own-token' };
    for (const path of ['/reg', '/REG', '/re%67', '/reg/', '//reg'])
      expect((await ask(path, { method: 'POST', body, headers })).status, path).toBeGreaterThanOrEqual(400);
    expect(stored.size).toBe(0);
  });

  it('twenty at once with one token: one client (R11)', async () => {
    const before = stored.size;
    const { software_statement: vouched } = await statement();
    const token = await initialToken();
    const bodies = await Promise.all(Array.from({ length: 20 }, () => request(vouched)));
    const answers = await Promise.all(bodies.map((body) => register(body, token)));
    const refused = answers.filter(({ status }) => status !== 201).map(({ status, json }) => `${status} ${String(json['error'])}`);
    expect(refused.length).toBe(19);
    // Whoever is late finds it used, or its place in the status list taken back before that is looked at (§8.3 g comes before i).
    expect(refused.filter((one) => one !== '401 invalid_token' && one !== '400 unapproved_software_statement')).toEqual([]);
    expect(stored.size - before).toBe(1);
  });

  it('with an opaque token, which the server asks about', async () => {
    const { software_statement: vouched } = await statement();
    const token = await initialToken({ format: 'opaque' });
    expect((await register(await request(vouched), token)).status).toBe(201);
    expect((await register(await request(vouched), token)).json['error']).toBe('invalid_token');
    expect((await register(await request(vouched), 'hfi_nobody')).json['error']).toBe('invalid_token');
  });

  it('while nobody can be asked 503, and nothing is used up', async () => {
    const { software_statement: vouched } = await statement();
    const token = await initialToken();
    const body = await request(vouched);
    reachable = false;
    const late = await register(body, token);
    expect([late.status, late.json['error'], late.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '5']);
    // That it was silent is remembered for a few seconds.
    reachable = true;
    r.d.clock = NOW + 10;
    vi.setSystemTime(r.d.clock * 1000);
    await vi.waitFor(async () => expect((await register(body, token)).status).toBe(201), { timeout: 60_000, interval: 300 });
  });

  it('narrowed at the registry it is narrowed here; halted it is out with the next request, its tokens with it, and nobody registers', async () => {
    const { software_statement: vouched } = await statement();
    const id = String((await register(await request(vouched), await initialToken())).json['client_id']);
    const issued = (await tokenOf(id, { scope: 'write' })).json['access_token'];
    expect((await introspect(issued)).json).toMatchObject({ active: true });
    await r.d.admin('PUT', `${A}/members/${r.agent.memberId}/entitlements`, { entitlements: [{ kind: 'scope', value: 'read' }] });
    await evaluate(r.d);
    expect((await tokenOf(id, { scope: 'write' })).json['error'], 'without another registration').toBe('invalid_scope');
    expect((await tokenOf(id, { scope: 'read' })).status).toBe(200);
    expect((await register(await request(vouched), await initialToken())).json['error'], 'the statement said more').toBe('unapproved_software_statement');

    const { software_statement: fresh } = await statement();
    const token = await initialToken();
    await r.d.admin('POST', `${A}/members/${r.agent.memberId}/suspend`, { reason: 'incident' });
    expect((await tokenOf(id, { scope: 'read' })).json['error']).toBe('invalid_client');
    expect((await introspect(issued)).json, 'R2').toEqual({ active: false });
    expect((await register(await request(fresh), token)).json['error']).toBe('unapproved_software_statement');
    reachable = false;
    expect((await tokenOf(id, { scope: 'read' })).status, 'cut, or not to be asked: never in').toBeGreaterThan(400);
    reachable = true;
    r.d.clock = NOW + 10;
    vi.setSystemTime(r.d.clock * 1000);
    await r.d.admin('POST', `${A}/members/${r.agent.memberId}/resume`, { reason: 'over' });
    await evaluate(r.d);
    expect((await introspect(issued)).json, 'issued before it came back').toEqual({ active: false });
    expect((await tokenOf(id, { scope: 'read' })).status, 'the client itself is back').toBe(200);
    expect((await register(await request(fresh), token)).json['error'], 'what was issued before the halt stays dead').toBe('unapproved_software_statement');
  });
});
