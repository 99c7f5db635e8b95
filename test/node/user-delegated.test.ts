import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRelyingParty, type RelyingParty, strict } from '../../src/rp/entry.node.js';
import { createResourceServer } from '../../src/rp/resource-server/entry.js';
import { federatedProvider } from '../support/node/federated-provider.js';
import { admin, freePort, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/**
 * A user lets a client act: openid-client in a process of its own (examples/user-client), oidc-provider with its own pages, a
 * Holdfast as the anchor. Nobody typed the client in anywhere but at the anchor.
 */
const { later, end } = shared();
afterAll(end);

const CLIENT = fileURLToPath(new URL('../../examples/user-client/user-client.mjs', import.meta.url));
const DETAILS = [{ type: 'payment', actions: ['pay'], limit: 50 }];
const TEMPLATE = { kind: 'authorization_details_type', value: 'payment', template: { actions: ['read', 'pay'], limit: 100 } };

type Line = Readonly<Record<string, unknown>> & { readonly event: string };
let anchor: Server;
let party: RelyingParty & { close(): Promise<void> };
let server: Awaited<ReturnType<typeof federatedProvider>>;
let client: Awaited<ReturnType<typeof userClient>>;
let member: string;
let resource: string;

const call = async (method: string, path: string, body?: object) => {
  const { status, json } = await admin(anchor, method, `/authorities/main${path}`, body);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json;
};
const entitled = (template: object) => [
  ...['openid', 'offline_access', 'read'].map((value) => ({ kind: 'scope', value })),
  ...['authorization_code', 'refresh_token', 'client_credentials'].map((value) => ({ kind: 'grant_type', value })),
  { kind: 'resource', value: resource },
  { ...TEMPLATE, template },
];

/** The example as a process: a line in, the line that it answers with out. */
async function userClient(env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, [CLIENT], { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  later(() => void child.kill('SIGKILL'));
  const lines: Line[] = [];
  const waiting: ((line: Line) => void)[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.event === 'authorize') return;
    const next = waiting.shift();
    if (next) next(line);
    else lines.push(line);
  });
  const next = () => new Promise<Line>((done) => (lines.length > 0 ? done(lines.shift() as Line) : waiting.push(done)));
  const act = (what: string, more: object = {}): Promise<Line> => {
    child.stdin?.write(`${JSON.stringify({ do: what, ...more })}\n`);
    return next();
  };
  return { ready: await next(), act };
}

/** A resource that takes tokens of that server: what the caller may do is in the answer. */
async function protectedResource(issuer: string, at: { url: string; server: ReturnType<typeof createServer> }) {
  const guard = createResourceServer({
    federation: party,
    resource: at.url,
    authorizationServers: [issuer],
    introspect: async (form) => server.introspect(form.get('token') ?? ''),
  });
  at.server.on('request', async ({ method = '', url = '', headers }, response) => {
    const proof = headers['dpop'];
    const checked = await guard.check(headers.authorization, ['read'], { method, path: url, proof: typeof proof === 'string' ? proof : undefined });
    if (!checked.ok) return response.writeHead(checked.status, checked.headers).end(JSON.stringify(checked.body));
    const { subject, scopes, authorizationDetails } = checked.call;
    return response.writeHead(200).end(JSON.stringify({ subject, scopes, details: authorizationDetails }));
  });
}

beforeAll(async () => {
  anchor = await startProcess(tempFolder(later), { later });
  const keys = (await call('GET', '/keys')).items.map(({ jwk }: { jwk: object }) => jwk);
  party = createRelyingParty({ anchors: { [anchor.url]: { keys } }, mode: strict, development: true });
  later(() => party.close());
  const http = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => http.once('listening', listening));
  later(() => {
    http.closeAllConnections();
    http.close();
  });
  resource = `http://127.0.0.1:${(http.address() as AddressInfo).port}/payments`;
  server = await federatedProvider(party, later, {
    configuration: {
      interactions: {},
      features: {
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        resourceIndicators: { enabled: true, getResourceServerInfo: () => ({ scope: 'read admin', accessTokenFormat: 'opaque' }) },
        richAuthorizationRequests: {
          enabled: true,
          types: { payment: { validate: () => undefined } },
          authorizationDetailsForGrantSource: (ctx: { oidc: { grant: { rar?: object[] } } }) => ctx.oidc.grant.rar,
          authorizationDetailsForAccessToken: (_ctx: unknown, _token: unknown, source: { rar?: object[] }) => source.rar,
          authorizationDetailsForIntrospection: (_ctx: unknown, token: { rar?: object[] }) => token.rar,
        },
      },
    },
  });
  await protectedResource(server.issuer, { url: resource, server: http });
  client = await userClient({
    PORT: String(await freePort()),
    KEY: join(tempFolder(later), 'keys.json'),
    AUTHORITY: anchor.url,
    SERVER: server.issuer,
    RESOURCE: resource,
    SCOPE: 'openid offline_access read',
    DETAILS: JSON.stringify(DETAILS),
  });
  const entity_id = String(client.ready['entity']);
  const made = await call('POST', '/members', { entity_id, entity_types: ['openid_relying_party'], entitlements: entitled(TEMPLATE.template), activate: true });
  member = `/members/${made.id}`;
});

const PLAIN = { resource: '', details: [], scope: 'openid offline_access' };

it('a person logs in at a server that was told nothing, and the client gets what both have agreed to, bound to its key', async () => {
  expect(await client.act('login', { as: 'ada' })).toMatchObject({
    event: 'token',
    token_type: 'dpop',
    expires_in: 300,
    scope: 'read',
    authorization_details: DETAILS,
    refreshable: true,
    sub: 'ada',
  });
  const seen = JSON.stringify({ subject: 'ada', scopes: ['read'], details: DETAILS });
  expect(await client.act('call')).toMatchObject({ event: 'call', status: 200, answered: seen });
  expect(await client.act('call', { bearer: true }), 'stolen, without the key').toMatchObject({
    status: 401,
    answered: expect.stringContaining('invalid_token'),
  });
  expect(await client.act('introspect')).toMatchObject({ active: true, aud: resource, cnf: { jkt: expect.any(String) }, authorization_details: DETAILS });
  expect(await client.act('refresh')).toMatchObject({ token_type: 'dpop', scope: 'read', authorization_details: DETAILS });
  expect(server.fetched, 'the provider itself fetches nothing').toEqual([]);
});

it('beyond what it was vetted for nothing is pushed: details, scope, resource', async () => {
  for (const [asked, error] of [
    [{ details: [{ type: 'payment', actions: ['refund'] }] }, 'invalid_authorization_details'],
    [{ details: [{ type: 'payment', limit: 101 }] }, 'invalid_authorization_details'],
    [{ details: [{ type: 'account' }] }, 'invalid_authorization_details'],
    [{ scope: 'openid admin', details: [] }, 'invalid_scope'],
    [{ resource: 'https://elsewhere.example/mcp' }, 'invalid_target'],
  ] as const)
    expect(await client.act('push', asked), JSON.stringify(asked)).toMatchObject({ event: 'refused', status: 400, error });
});

it('CA the record is narrowed: the next refresh has less, and what is out says less when it is asked about', async () => {
  await call('PUT', `${member}/entitlements`, { entitlements: entitled({ actions: ['read'], limit: 100 }) });
  expect(await client.act('push')).toMatchObject({ event: 'refused', error: 'invalid_authorization_details' });
  expect((await client.act('introspect'))['authorization_details'], 'of a token that is out').toBeUndefined();
  const refreshed = await client.act('refresh');
  expect(refreshed).toMatchObject({ event: 'refresh', scope: 'read' });
  expect(refreshed['authorization_details']).toBeUndefined();
  expect(await client.act('call')).toMatchObject({ status: 200, answered: JSON.stringify({ subject: 'ada', scopes: ['read'] }) });
  await call('PUT', `${member}/entitlements`, { entitlements: entitled(TEMPLATE.template) });
});

it('R1 CA halted: refresh, PAR, introspection, userinfo and the resource refuse, each with its error; back again, everything of before stays dead', async () => {
  expect(await client.act('login', { as: 'ada', ...PLAIN })).toMatchObject({ event: 'token', sub: 'ada' });
  expect(await client.act('userinfo')).toMatchObject({ event: 'userinfo', sub: 'ada' });
  await call('POST', `${member}/suspend`, { reason: 'incident' });
  for (const act of ['refresh', 'push', 'introspect', 'token'])
    expect(await client.act(act), act).toMatchObject({ event: 'refused', status: 401, error: 'invalid_client' });
  expect(await client.act('userinfo')).toMatchObject({ event: 'refused', status: 401, error: 'invalid_token' });
  const called = await client.act('call');
  expect(called, JSON.stringify(called)).toMatchObject({ event: 'refused', status: 401, error: 'invalid_token' });

  await call('POST', `${member}/resume`, {});
  expect(await client.act('refresh')).toMatchObject({ event: 'refused', status: 400, error: 'invalid_grant' });
  expect(await client.act('userinfo')).toMatchObject({ event: 'refused', status: 401, error: 'invalid_token' });
  expect(await client.act('introspect')).toMatchObject({ event: 'introspect', active: false });
  // What is issued within the second of the halt is of before it.
  let anew = await client.act('login', { as: 'ada', ...PLAIN });
  for (let more = 0; more < 20 && anew['error'] === 'invalid_grant'; more++) anew = await client.act('login', { as: 'ada', ...PLAIN });
  expect(anew, JSON.stringify(anew)).toMatchObject({ event: 'token', sub: 'ada' });
  expect(await client.act('userinfo')).toMatchObject({ event: 'userinfo', sub: 'ada' });
});
