// An agent of another organization: an MCP client that nobody at the service has heard of. It gets a token by one of three doors and
// calls tools. Settings are in README.md. Commands come on standard input, one JSON object a line; so does what happened go out.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  auth,
  Client,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  PrivateKeyJwtProvider,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { signJws } from 'holdfast/federation';
import { entityConfiguration, keysIn, publicHalf, signerOf } from './entity.mjs';
import { listening } from './listening.mjs';

const { AGENT, KEY = 'agent.keys.json', AUTHORITY, CLIENT_ID } = process.env;
const { DOOR = 'document', MCP = '', SCOPE = 'tools:read', STATEMENT = '', TOKEN = '' } = process.env;
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));

/** Who it is: by the file that `holdfast agent create` wrote, or by keys of its own, and then it publishes what it says of itself. */
const self = AGENT ? JSON.parse(readFileSync(AGENT, 'utf8')) : await published();

async function published() {
  const keys = await keysIn(KEY);
  const { server, url: entityId } = await listening('0');
  const client = { client_name: 'Agent', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' };
  const metadata = { oauth_client: { ...client, jwks: { keys: [publicHalf(keys.client_key)] } } };
  server.on('request', async (request, response) => {
    if (request.url !== '/.well-known/openid-federation') return response.writeHead(404).end();
    const body = await entityConfiguration({ entityId, superior: AUTHORITY ?? '', keys, metadata });
    return response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(body);
  });
  return { entity_id: entityId, client_id: CLIENT_ID, ...keys };
}

/** What each door asks of an authorization server, by its metadata (RFC 8414). */
const DOORS = {
  document: (server) => server.client_id_metadata_document_supported === true,
  automatic: (server) => server.client_registration_types_supported?.includes('automatic') === true,
  statement: (server) => server.registration_endpoint !== undefined,
};

/** The authorization server of the resource that has the door (RFC 9728: the resource says which ones it takes tokens of). */
async function serverWithDoor() {
  const resourceMetadata = await discoverOAuthProtectedResourceMetadata(new URL(MCP));
  for (const authorizationServerUrl of resourceMetadata.authorization_servers ?? []) {
    const authorizationServerMetadata = await discoverAuthorizationServerMetadata(authorizationServerUrl).catch(() => undefined);
    if (authorizationServerMetadata && DOORS[DOOR](authorizationServerMetadata))
      return { authorizationServerUrl, authorizationServerMetadata, resourceMetadata };
  }
  throw new Error(`no authorization server of ${MCP} has the door "${DOOR}"`);
}

/** The third door: a registration request signed by the key of the software statement (RFC 7591). */
async function registered({ authorizationServerMetadata: { issuer, registration_endpoint } }) {
  const iat = Math.floor(Date.now() / 1000);
  const software_statement = readFileSync(STATEMENT, 'utf8').trim();
  const claims = { iss: self.entity_id, aud: issuer, iat, exp: iat + 60, jti: randomUUID(), software_statement };
  const began = performance.now();
  const answer = await fetch(registration_endpoint, {
    method: 'POST',
    headers: { authorization: `Bearer ${readFileSync(TOKEN, 'utf8').trim()}`, 'content-type': 'application/jwt' },
    body: await signJws('registration-request+jwt', claims, await signerOf(self.client_key)),
  });
  const { client_id, scope, error, error_description } = await answer.json();
  const said = { issuer, status: answer.status, client_id, scope, ms: Math.round(performance.now() - began) };
  if (client_id === undefined) throw Object.assign(new Error(error_description), { code: error, status: answer.status });
  say('registered', { sent: 'software statement, initial access token, request signed by the key of both', ...said });
  return client_id;
}

/** The MCP SDK's own client credentials by `private_key_jwt`, at the authorization server that has the door. */
class Door extends PrivateKeyJwtProvider {
  constructor(clientId, discovered) {
    const { issuer } = discovered.authorizationServerMetadata;
    super({ clientId, privateKey: self.client_key, algorithm: 'ES256', jwtLifetimeSeconds: 60, scope: SCOPE, expectedIssuer: issuer });
    this.discoveryState = () => discovered;
  }
  saveTokens(tokens) {
    super.saveTokens(tokens);
    const { token_type, scope, expires_in, issuer } = tokens;
    say('token', {
      issuer,
      client_id: this.clientInformation().client_id,
      door: DOOR,
      sent: 'client assertion (private_key_jwt), resource',
      token_type,
      scope,
      expires_in,
    });
  }
}

let session;
/** Made with the first command: finds the server, registers where that is the door. */
async function begin() {
  const discovered = await serverWithDoor();
  const clientId = DOOR === 'document' ? self.client_id : DOOR === 'automatic' ? self.entity_id : await registered(discovered);
  return { provider: new Door(clientId, discovered), client: undefined };
}

async function connected() {
  session ??= await begin();
  if (session.client) return session.client;
  const client = new Client({ name: 'agent', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(MCP), { authProvider: session.provider, fetch: watched }));
  session.client = client;
  return client;
}

/** What the service and the authorization server answered last, when they refused. */
let refused = [];
async function watched(url, init) {
  const answer = await fetch(url, init);
  if (answer.status >= 400) {
    const { error, error_description } = await answer
      .clone()
      .json()
      .catch(() => ({}));
    const by = String(url) === MCP ? 'resource' : 'authorization server';
    refused.push({
      by,
      url: String(url),
      status: answer.status,
      error,
      error_description,
      www_authenticate: answer.headers.get('www-authenticate') ?? undefined,
    });
  }
  return answer;
}

const DO = {
  /** A token, without a call. */
  async token({ scope = SCOPE }) {
    session ??= await begin();
    await auth(session.provider, { serverUrl: MCP, scope, fetchFn: watched });
    return {};
  },
  async tools() {
    const { tools } = await (await connected()).listTools();
    return { tools: tools.map(({ name }) => name) };
  },
  async call({ tool, arguments: given = { invoice: '2026-17' } }) {
    const result = await (await connected()).callTool({ name: tool, arguments: given });
    return { tool, ok: !result.isError, text: result.content?.[0]?.text };
  },
  /** Anything else over the connection there is: what somebody would try who holds a token. */
  async raw({ url = MCP, token = session?.provider.tokens()?.access_token, body = { jsonrpc: '2.0', id: 1, method: 'tools/list' } }) {
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: answer.status, www_authenticate: answer.headers.get('www-authenticate'), text: (await answer.text()).slice(0, 2000) };
  },
};
const EVENTS = { call: 'tool_call', token: 'token_done', tools: 'tools', raw: 'answer' };

say('ready', { url: AGENT ? null : self.entity_id, entity: self.entity_id, client_id: self.client_id ?? null, door: DOOR, mcp: MCP });
process.on('SIGTERM', () => process.exit(0));
for await (const line of createInterface({ input: process.stdin })) {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  refused = [];
  try {
    const { do: what, ...how } = JSON.parse(line);
    if (!Object.hasOwn(DO, what)) throw new Error(`do is one of ${Object.keys(DO).join(', ')}`);
    const said = await DO[what](how);
    say(EVENTS[what], { ...said, ...(refused.length && { before: refused }), ms: ms() });
  } catch (error) {
    // What refused it last is what counts; the rest is how it came to that.
    const last = refused.at(-1);
    say('refused', {
      did: line.slice(0, 500),
      ...last,
      error: last?.error ?? error.code,
      why: error.message,
      ...(refused.length > 1 && { before: refused.slice(0, -1) }),
      ms: ms(),
    });
  }
}
process.exit(0);
