import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt, exportJWK } from 'jose';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Party, startParty } from '../support/node/parties.js';
import { testKey } from '../support/keys.js';
import { freePort, localhostCertificate, run, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/** The folders of `examples/`, each a process of its own, and a Holdfast above them. */
const { later, end } = shared();
afterAll(end);

const ADMIN = 'a-token-from-the-environment';
const ACME = 'https://acme.example.com';
let anchor: Server;
let env: Record<string, string>;
let folder: string;
let dispatcher: Agent;
let mcp: Party;
let stock: Party;
let federation: Party;
let agent: (name: string, more?: readonly string[]) => Promise<string>;

async function api(method: string, path: string, body?: object) {
  const answer = await undiciFetch(`${anchor.url}/admin/v1/authorities/${path}`, {
    method,
    dispatcher,
    headers: { authorization: `Bearer ${ADMIN}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  const json = (await answer.json()) as any;
  expect(answer.status, JSON.stringify(json)).toBeLessThan(300);
  return json;
}

/** An entity that publishes its configuration is taken in as a member. */
async function enroll(entity: string, types: readonly string[], more: object = {}) {
  const configuration = await (await undiciFetch(`${entity}/.well-known/openid-federation`, { dispatcher })).text();
  const { jwks } = decodeJwt(configuration);
  const member = await api('POST', 'main/members', { entity_id: entity, jwks, entity_types: types, activate: true, ...more });
  await api('POST', `main/entities/${encodeURIComponent(entity)}/evaluate`, {});
  return String(member.id);
}
const entitled = (...scopes: readonly string[]) => scopes.map((value) => ({ kind: 'scope', value }));

beforeAll(async () => {
  folder = tempFolder(later);
  const { cert, key } = await localhostCertificate(folder);
  dispatcher = new Agent({ connect: { ca: readFileSync(cert) } });
  later(() => dispatcher.close());
  const [port, mcpPort] = [await freePort(), await freePort()];
  const url = `https://localhost:${port}`;
  const holdfast = {
    ...{ HOLDFAST_URL: url, HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'), HOLDFAST_ADMIN_TOKEN: ADMIN },
    ...{ HOLDFAST_TLS_CERT: cert, HOLDFAST_TLS_KEY: key, HOLDFAST_DISCOVERY: 'on', HOLDFAST_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128' },
    NODE_EXTRA_CA_CERTS: cert,
  };
  const began = await startProcess(join(folder, 'anchor'), { port, env: holdfast, later });
  anchor = { ...began, url };
  const keysFile = join(folder, 'anchor-keys.json');
  const { items } = await api('GET', 'main/keys');
  writeFileSync(keysFile, JSON.stringify({ keys: items.map(({ jwk }: { jwk: object }) => jwk) }));
  env = { NODE_EXTRA_CA_CERTS: cert, TLS_CERT: cert, TLS_KEY: key, ANCHOR: url, ANCHOR_KEYS: keysFile };
  const resource = `https://localhost:${mcpPort}/mcp`;
  const RESOURCE = `${resource} https://other.example/mcp`;
  federation = await startParty('federation-server', { ...env, RESOURCE, KEY: join(folder, 'federation.json') }, later);
  stock = await startParty('stock-server', { ...env, RESOURCE, CACHE: '1', DOCUMENTS: `${url}/clients/ ${url}/acme/clients/` }, later);
  const more = { PORT: String(mcpPort), KEY: join(folder, 'mcp.json'), AUTHORIZATION_SERVERS: `${stock.ready['url']} ${federation.ready['url']}` };
  // Its client id at the stock server is known when it is a member: of that it needs a configuration that is published.
  const first = await startParty('mcp-server', { ...env, ...more }, later);
  const id = await enroll(first.ready['entity'], ['oauth_resource', 'oauth_client'], { entitlements: entitled('introspect') });
  await first.stop();
  mcp = await startParty('mcp-server', { ...env, ...more, CLIENT_ID: `${url}/clients/${id}` }, later);
  await enroll(federation.ready['url'], ['oauth_authorization_server']);

  const own = await testKey();
  const acme = join(folder, 'acme.json');
  writeFileSync(acme, JSON.stringify({ ...(await exportJWK(own.privateKey)), kid: own.kid }), { mode: 0o600 });
  await api('POST', 'main/members', { entity_id: ACME, jwks: { keys: [own.jwk] }, entity_types: ['openid_relying_party'], organization: 'Acme AB', activate: true });
  const entitlements = [...entitled('tools:read', 'tools:write'), { kind: 'resource', value: resource }, { kind: 'resource', value: 'https://other.example/mcp' }];
  await api('POST', `main/agent-authorities`, { member: ACME, slug: 'acme', max_agents: 20, entitlements }).catch((e) => console.log(String(e)));
  agent = async (name, given = ['--scope', 'tools:read']) => {
    const file = join(folder, `${name}.agent.json`);
    const list = join(folder, `${name}.entitlements.json`);
    writeFileSync(list, JSON.stringify(entitlements.slice(2)));
    const args = ['agent', 'create', name, ...given, '--entitlements', list, '--life', '1h', '--file', file, '--as', ACME, '--at', url, '--key', acme, '--url', url];
    const done = await run(args, { NODE_EXTRA_CA_CERTS: env['NODE_EXTRA_CA_CERTS'] ?? '' });
    expect(done.code, done.stderr).toBe(0);
    return file;
  };
});

it('stmt', async () => {
  const file = await agent('three', ['--scope', 'tools:read', '--scope', 'tools:write']);
  const { entity_id, client_id, client_key } = JSON.parse(readFileSync(file, 'utf8'));
  await new Promise((r) => setTimeout(r, 3000));
  const at = `acme/members/${client_id.split('/').at(-1)}`;
  const st = await api('POST', `${at}/software-statements`, { audience: [federation.ready['url']] });
  const tk = await api('POST', `${at}/initial-access-tokens`, { audience: federation.ready['url'], kid: client_key.kid });
  writeFileSync(join(folder, 's.jwt'), st.software_statement);
  writeFileSync(join(folder, 't.txt'), tk.initial_access_token);
  const one = await startParty('agent', { ...env, AGENT: file, DOOR: 'statement', MCP: mcp.ready['url'], STATEMENT: join(folder, 's.jwt'), TOKEN: join(folder, 't.txt') }, later);
  console.log(await one.ask({ do: 'call', tool: 'read_invoice' }));
  console.log(await one.ask({ do: 'call', tool: 'pay_invoice' }));
  console.log(one.told, federation.told.slice(-8), mcp.told.slice(-8));
  const args = ['agent', 'retire', 'three', '--reason', 'x', '--as', ACME, '--at', anchor.url, '--key', join(folder, 'acme.json'), '--url', anchor.url];
  console.log(await run(args, { NODE_EXTRA_CA_CERTS: env['NODE_EXTRA_CA_CERTS'] ?? '' }));
  console.log('HALTED', await one.ask({ do: 'call', tool: 'read_invoice' }));
  console.log(mcp.told.slice(-4));
});
it('chat', async () => {
  const bot = await startParty('chatbot', { ...env, SERVICE: mcp.ready['url'], AGENT: await agent('four') }, later);
  console.log(await bot.ask({}));
  console.log(bot.told);
});
