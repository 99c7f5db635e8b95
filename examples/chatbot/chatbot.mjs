// The other direction: a chatbot that is told of an MCP service by its URL alone. May it send a token there? It looks the service up
// in its federation first: is it a member, in force, does it bear the marks, is its authorization server one of the federation too?
// Only then it asks for a token and calls a tool. Settings are in README.md. Standard output has one JSON object a line.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Client, discoverAuthorizationServerMetadata, PrivateKeyJwtProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { cached, createRelyingParty, strict } from 'holdfast/rp';
import { entityConfiguration, keysIn, publicHalf } from './entity.mjs';
import { listening } from './listening.mjs';

const { ANCHOR = '', ANCHOR_KEYS = '', AUTHORITY = ANCHOR, AGENT, KEY = 'chatbot.keys.json' } = process.env;
const { SERVICE, MARKS = '', SCOPE = 'tools:read', RESOLVER, FRESH = 'strict' } = process.env;
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));
const MARKED = MARKS.split(' ').filter(Boolean);

const federation = createRelyingParty({
  anchors: { [ANCHOR]: JSON.parse(readFileSync(ANCHOR_KEYS, 'utf8')) },
  ...(RESOLVER && { resolver: { entityId: ANCHOR, endpoint: RESOLVER } }),
  mode: FRESH === 'strict' ? strict : cached(Number(FRESH)),
  development: ['localhost', '127.0.0.1'].includes(new URL(ANCHOR).hostname),
});

/** Who it is: by the file that `holdfast agent create` wrote, or by keys of its own, and then it publishes what it says of itself. */
const self = AGENT ? JSON.parse(readFileSync(AGENT, 'utf8')) : await published();

async function published() {
  const keys = await keysIn(KEY);
  const { server, url: entityId } = await listening('0');
  const client = { client_name: 'Chatbot', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' };
  const metadata = { oauth_client: { ...client, jwks: { keys: [publicHalf(keys.client_key)] } } };
  server.on('request', async (request, response) => {
    if (request.url !== '/.well-known/openid-federation') return response.writeHead(404).end();
    const body = await entityConfiguration({ entityId, superior: AUTHORITY, keys, metadata });
    return response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(body);
  });
  return { entity_id: entityId, ...keys };
}

const checkedWith = (marks) => [
  'what the service publishes of itself (RFC 9728), a claim only',
  'its entity: chain to the Trust Anchor, status lists, what each superior states now',
  'that its federation metadata is about that very resource and lists the authorization server',
  'that the authorization server is a member in force',
  ...marks.map((type) => `Trust Mark ${type}`),
];

/** A tool of a service, if that is to be trusted. No byte of a token leaves before. */
async function use({ service = SERVICE, marks = MARKED, tool = 'read_invoice', arguments: given = { invoice: '2026-17' } }) {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  const verified = await federation.verifyResource(service, { marks });
  if (!verified.trusted) {
    const why = verified.findings.map(({ code, where, detail }) => ({ code, where, detail }));
    return say('verify_resource', { service, trusted: false, ...verified.context, findings: why, unavailable: verified.unavailable, ms: ms() });
  }
  const { issuer } = verified.authorizationServer;
  say('verify_resource', { service, trusted: true, ...verified.context, authorization_server: issuer, checked: checkedWith(marks), ms: ms() });
  // The server that the federation named, and no other: what the service says when it is called changes nothing.
  const discovered = { authorizationServerUrl: issuer, authorizationServerMetadata: await discoverAuthorizationServerMetadata(issuer) };
  const authProvider = new PrivateKeyJwtProvider({
    ...{ clientId: self.entity_id, privateKey: self.client_key, algorithm: 'ES256', jwtLifetimeSeconds: 60, scope: SCOPE, expectedIssuer: issuer },
  });
  authProvider.discoveryState = () => ({ ...discovered, resourceMetadata: { resource: service, authorization_servers: [issuer] } });
  const client = new Client({ name: 'chatbot', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  await client.connect(new StreamableHTTPClientTransport(new URL(service), { authProvider }));
  const result = await client.callTool({ name: tool, arguments: given });
  await client.close();
  return say('tool_call', { service, tool, ok: !result.isError, text: result.content?.[0]?.text, issuer, ms: ms() });
}

async function attempt(command) {
  try {
    await use(command);
  } catch (error) {
    say('refused', { service: command.service ?? SERVICE, error: error.code, why: error.message });
  }
}

process.on('SIGTERM', () => process.exit(0));
say('ready', { url: AGENT ? null : self.entity_id, entity: self.entity_id, service: SERVICE ?? null, marks: MARKED });
for await (const line of createInterface({ input: process.stdin })) await attempt(JSON.parse(line));
process.exit(0);
