import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, importJWK, SignJWT } from 'jose';
import { Agent, getGlobalDispatcher, setGlobalDispatcher } from 'undici';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
// @ts-expect-error plain JavaScript, as whoever copies the folder runs it
import { keysIn, publicHalf } from '../../examples/mcp-server/entity.mjs';
import { testKey } from '../support/keys.js';
import { command } from '../support/node/command.js';
import { type Party, startParty, type Told } from '../support/node/parties.js';
import { freePort, localhostCertificate, shared, startProcess, tempFolder } from '../support/process.js';

/** The folders of `examples/`, each a process of its own as whoever copies it runs it, and a Holdfast above them; all over https. */
const { later, end } = shared();
afterAll(end);

const ADMIN = 'a-token-from-the-environment';
const ACME = 'https://acme.example.com';
const OTHER = 'https://other.example/mcp';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
let url: string;
let folder: string;
let env: Record<string, string>;
let service: { readonly party: Party; readonly resource: string; readonly member: string };
let stock: Party;
let federation: Party & { readonly member: string };

async function api(method: string, path: string, body?: object) {
  const answer = await fetch(`${url}/admin/v1/authorities/${path}`, {
    method,
    headers: { authorization: `Bearer ${ADMIN}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  const json = (await answer.json()) as any;
  expect(answer.status, JSON.stringify(json)).toBeLessThan(300);
  return json;
}
const entitled = (...scopes: readonly string[]) => scopes.map((value) => ({ kind: 'scope', value }));

/** A party is taken in as a member, by the keys that it has in a file before it runs. */
async function enroll(entity_id: string, file: string, entity_types: readonly string[], more: object = {}): Promise<string> {
  const { federation_key } = await keysIn(file);
  const jwks = { keys: [publicHalf(federation_key)] };
  return String((await api('POST', 'main/members', { entity_id, jwks, entity_types, activate: true, ...more })).id);
}
const evaluate = (entity: string) => api('POST', `main/entities/${encodeURIComponent(entity)}/evaluate`, {});

const acme = (...args: readonly string[]) =>
  command(['agent', ...args, '--as', ACME, '--at', url, '--key', join(folder, 'acme.json'), '--url', url], {}).then((done) => {
    expect(done.code, done.stderr).toBe(0);
    return done;
  });

/** An agent that Acme makes itself; its document is there once it was evaluated. */
async function agent(name: string, ...scopes: readonly string[]) {
  const file = join(folder, `${name}.agent.json`);
  await acme('create', name, ...scopes.flatMap((one) => ['--scope', one]), '--entitlements', join(folder, 'resources.json'), '--life', '1h', '--file', file);
  const own = JSON.parse(readFileSync(file, 'utf8'));
  await vi.waitFor(async () => expect((await fetch(own.client_id)).status).toBe(200), { timeout: 60_000, interval: 100 });
  return { file, ...own } as { file: string; entity_id: string; client_id: string; client_key: { kid: string } };
}
const asAgent = (file: string, more: Record<string, string>) => startParty('agent', { ...env, AGENT: file, MCP: service.resource, ...more }, later);

beforeAll(async () => {
  folder = tempFolder(later);
  const { cert, key } = await localhostCertificate(folder);
  const before = getGlobalDispatcher();
  setGlobalDispatcher(new Agent({ connect: { ca: readFileSync(cert) } }));
  later(() => setGlobalDispatcher(before));
  const [port, mcpPort] = [await freePort(), await freePort()];
  url = `https://localhost:${port}`;
  const resource = `https://localhost:${mcpPort}/mcp`;
  const holdfast = {
    ...{ HOLDFAST_URL: url, HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'), HOLDFAST_ADMIN_TOKEN: ADMIN },
    ...{ HOLDFAST_TLS_CERT: cert, HOLDFAST_TLS_KEY: key, HOLDFAST_DISCOVERY: 'on', HOLDFAST_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128' },
    NODE_EXTRA_CA_CERTS: cert,
  };
  await startProcess(join(folder, 'anchor'), { port, env: holdfast, later });
  const keys = join(folder, 'anchor-keys.json');
  const { items } = await api('GET', 'main/keys');
  writeFileSync(keys, JSON.stringify({ keys: items.map(({ jwk }: { jwk: object }) => jwk) }));
  env = { NODE_EXTRA_CA_CERTS: cert, TLS_CERT: cert, TLS_KEY: key, ANCHOR: url, ANCHOR_KEYS: keys };
  const RESOURCE = `${resource} ${OTHER}`;
  const [server, documents] = await Promise.all([
    startParty('federation-server', { ...env, RESOURCE, KEY: join(folder, 'federation.json') }, later),
    startParty('stock-server', { ...env, RESOURCE, CACHE: '1', DOCUMENTS: `${url}/clients/ ${url}/acme/clients/` }, later),
  ]);
  stock = documents;
  federation = { ...server, member: await enroll(server.ready['url'], join(folder, 'federation.json'), ['oauth_authorization_server']) };
  const client = { entitlements: entitled('introspect') };
  const member = await enroll(new URL(resource).origin, join(folder, 'mcp.json'), ['oauth_resource', 'oauth_client'], client);
  const CLIENT_ID = `${url}/clients/${member}`;
  const party = await startParty(
    'mcp-server',
    { ...env, CLIENT_ID, PORT: String(mcpPort), KEY: join(folder, 'mcp.json'), AUTHORIZATION_SERVERS: `${stock.ready['url']} ${server.ready['url']}` },
    later,
  );
  for (const one of [party.ready['entity'], server.ready['url']]) await evaluate(one);
  service = { party, resource, member };
  const own = await testKey();
  writeFileSync(join(folder, 'acme.json'), JSON.stringify({ ...(await exportJWK(own.privateKey)), kid: own.kid }), { mode: 0o600 });
  const types = ['openid_relying_party'];
  await api('POST', 'main/members', { entity_id: ACME, jwks: { keys: [own.jwk] }, entity_types: types, organization: 'Acme AB', activate: true });
  const resources = [resource, OTHER].map((value) => ({ kind: 'resource', value }));
  writeFileSync(join(folder, 'resources.json'), JSON.stringify(resources));
  const entitlements = [...entitled('tools:read', 'tools:write'), ...resources];
  await api('POST', 'main/agent-authorities', { member: ACME, slug: 'acme', max_agents: 20, entitlements });
});

/**
 * Under load the registry may not answer in time, and then what is known serves: asked again until it does. And what one party says
 * comes by another way than what is said to another one: it may come a moment later.
 */
const until = (is: () => Promise<void> | void): Promise<void> => vi.waitFor(is, { timeout: 60_000, interval: 200 });
const last = (party: Party, event: string): Told | undefined => party.told.filter((one) => one.event === event).at(-1);
/** Everything that was refused until a command was given up. */
const refusals = (told: Told): readonly object[] => [...(told['before'] ?? []), told];

describe('an agent that nobody typed in', () => {
  it('gets in by each door for what it was vetted for, is logged with the chain that admitted it, and is out in the middle of its session', async () => {
    const [document, automatic, statement] = [
      await agent('invoices-1', 'tools:read', 'tools:write'),
      await agent('invoices-2', 'tools:read'),
      await agent('invoices-3', 'tools:read', 'tools:write'),
    ];
    const at = `acme/members/${statement.client_id.split('/').at(-1)}`;
    const audience = federation.ready['url'];
    const [STATEMENT, TOKEN] = [join(folder, 'statement.jwt'), join(folder, 'token.txt')];
    writeFileSync(STATEMENT, (await api('POST', `${at}/software-statements`, { audience: [audience] })).software_statement);
    writeFileSync(TOKEN, (await api('POST', `${at}/initial-access-tokens`, { audience, kid: statement.client_key.kid })).initial_access_token);
    const doors = await Promise.all([
      asAgent(document.file, { DOOR: 'document' }),
      asAgent(automatic.file, { DOOR: 'automatic' }),
      asAgent(statement.file, { DOOR: 'statement', STATEMENT, TOKEN }),
    ]);
    for (const [n, one] of doors.entries()) {
      const { entity_id: entity } = [document, automatic, statement][n] ?? { entity_id: '' };
      const asked: Told[] = [];
      await until(async () => {
        asked.push(await one.ask({ do: 'call', tool: 'read_invoice' }));
        expect(asked.at(-1), entity).toMatchObject({ event: 'tool_call', ok: true });
      });
      expect(asked.flatMap(refusals)[0], 'the first time without a token').toMatchObject({ status: 401, by: 'resource' });
      expect(last(one, 'token')).toMatchObject({ issuer: n === 0 ? stock.ready['url'] : federation.ready['url'], scope: 'tools:read', expires_in: 300 });
      await until(() =>
        expect(last(service.party, 'tool_call'), 'with the chain that admitted it').toMatchObject({
          ...{ tool: 'read_invoice', entity, authority: `${url}/acme`, anchor: url, resource: service.resource, scopes: ['tools:read'] },
          ...{ chain_sha256: expect.stringMatching(/^[0-9a-f]{64}$/), statement_exp: expect.any(Number) },
          // The record and the list that it was decided by.
          ...{ entitlement_version: expect.any(Number), status_seq: expect.any(Number) },
        }),
      );
      const paid = await one.ask({ do: 'call', tool: 'pay_invoice' });
      if (n === 1) expect(paid, 'vetted to read').toMatchObject({ event: 'refused', by: 'authorization server', error: 'invalid_scope' });
      else expect(paid, 'asks for more, and gets it').toMatchObject({ event: 'tool_call', ok: true, before: [{ status: 403, error: 'insufficient_scope' }] });
    }
    await until(() => {
      const chains = federation.told.filter(({ event, entity, route }) => event === 'decision' && entity === automatic.entity_id && route === 'token');
      expect(chains.at(-1)?.['chain_sha256'], 'the same on both sides').toBe(
        service.party.told.find(({ event, entity }) => event === 'tool_call' && entity === automatic.entity_id)?.['chain_sha256'],
      );
    });
    for (const name of ['invoices-1', 'invoices-2', 'invoices-3']) await acme('retire', name, '--reason', 'stolen');
    for (const [n, one] of doors.entries()) {
      const { entity_id: entity } = [document, automatic, statement][n] ?? { entity_id: '' };
      await until(async () => {
        const cut = await one.ask({ do: 'call', tool: 'read_invoice' });
        expect(refusals(cut), entity).toContainEqual(expect.objectContaining({ by: 'resource', status: 401, error: 'invalid_token' }));
        expect(cut['event']).toBe('refused');
      });
      const told = () => service.party.told.filter((one) => one.event === 'refused' && one['entity'] === entity).at(-1);
      await until(() => expect(told(), 'whose token it was').toMatchObject({ status: 401, chain_sha256: expect.any(String) }));
      expect(await one.ask({ do: 'token' })).toMatchObject({ event: 'refused', error: 'invalid_client' });
    }
  });
});

describe('the MCP server', () => {
  it('answers without a token, with one for another resource, and with too little scope as RFC 6750 and 9728 have it, whatever is sent', async () => {
    const { client_id, client_key } = await agent('invoices-4', 'tools:read', 'tools:write');
    /** What somebody would try who holds a token, or none. */
    const ask = async (token?: string, body: object = { jsonrpc: '2.0', id: 1, method: 'tools/list' }) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token && { authorization: `Bearer ${token}` }) };
      const answer = await fetch(service.resource, { method: 'POST', headers, body: JSON.stringify(body) });
      return { status: answer.status, www_authenticate: answer.headers.get('www-authenticate'), text: await answer.text() };
    };
    const metadata = `${new URL(service.resource).origin}/.well-known/oauth-protected-resource/mcp`;
    expect(await (await fetch(metadata)).json()).toMatchObject({
      resource: service.resource,
      authorization_servers: [stock.ready['url'], federation.ready['url']],
    });
    const where = expect.stringContaining(`resource_metadata="${metadata}"`);
    expect(await ask()).toMatchObject({ status: 401, www_authenticate: where });
    const unknown = { status: 401, www_authenticate: expect.stringContaining('invalid_token') };
    await until(async () => expect(await ask('nobody-gave-this')).toMatchObject(unknown));
    const tokenFor = async (resource: string) => {
      const issuer = String(stock.ready['url']);
      const client_assertion = await new SignJWT({ iss: client_id, sub: client_id, aud: issuer, jti: crypto.randomUUID() })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(await importJWK(client_key, 'ES256'));
      const form = { grant_type: 'client_credentials', client_id, client_assertion_type: ASSERTION, client_assertion, scope: 'tools:read', resource };
      const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) });
      return (await answer.json()) as { access_token?: string; error?: string };
    };
    expect(await tokenFor('https://nobody.example'), 'a resource that the server has not').toMatchObject({ error: 'invalid_target' });
    const { access_token: foreign } = await tokenFor(OTHER);
    expect(await ask(foreign), 'for another resource').toMatchObject({
      status: 401,
      text: expect.stringContaining('another resource'),
    });
    const { access_token: token } = await tokenFor(service.resource);
    await until(async () => expect(await ask(token)).toMatchObject({ status: 200 }));
    const pay = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'pay_invoice', arguments: { invoice: '1' } } };
    const narrow = {
      status: 403,
      www_authenticate: expect.stringMatching(/insufficient_scope.*scope="tools:(read )?tools:write"|insufficient_scope.*scope="tools:write"/),
    };
    expect(await ask(token, pay)).toMatchObject(narrow);
    expect((await ask(token, [{ ...pay, method: 'tools/list' }, pay])).status, 'among others').toBe(403);
    expect((await ask(token, [[pay]])).status, 'nested').not.toBe(200);
    expect(service.party.told.filter(({ event, tool, client_id: by }) => event === 'tool_call' && tool === 'pay_invoice' && by === client_id)).toEqual([]);
  });
});

describe('the chatbot', () => {
  it('sends a token to a service that its federation vouches for, and to none that is suspended, lacks a mark, or whose authorization server is out', async () => {
    const own = await agent('chatbot', 'tools:read');
    const bot = await startParty('chatbot', { ...env, SERVICE: service.resource, AGENT: own.file }, later);
    const use = () => bot.ask({});
    const trusted = () => until(async () => expect(await use()).toMatchObject({ event: 'tool_call', ok: true }));
    await trusted();
    expect(last(bot, 'verify_resource')).toMatchObject({ trusted: true, authorization_server: federation.ready['url'], organization: 'Invoices Ltd' });
    const tokens = () => [stock, federation].flatMap(({ told }) => told.filter(({ event, client_id: by }) => event === 'token' && by === own.entity_id)).length;
    // One for each time that it was let in.
    const before = bot.told.filter(({ event }) => event === 'tool_call').length;
    await until(() => expect(tokens()).toBe(before));
    const refused = (why: string) =>
      until(async () => {
        const said = await use();
        expect(said, why).toMatchObject({ event: 'verify_resource', trusted: false, decision: 'denied' });
        expect(said['findings'].length, why).toBeGreaterThan(0);
      });
    await api('POST', `main/members/${federation.member}/suspend`, { reason: 'incident' });
    await refused('no member of the federation gives tokens for it');
    expect(tokens()).toBe(before);
    await api('POST', `main/members/${federation.member}/resume`, {});
    await trusted();
    await api('POST', `main/members/${service.member}/suspend`, { reason: 'incident' });
    await refused('it is suspended itself');
    // Only a service that was certified will do, and that is in force.
    await api('POST', `main/members/${service.member}/resume`, {});
    await trusted();
    expect(await bot.ask({ marks: [`${url}/marks/certified`] })).toMatchObject({
      event: 'verify_resource',
      trusted: false,
      findings: [{ code: 'requirement_unmet' }],
    });
  });
});
