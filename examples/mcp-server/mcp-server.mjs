// An MCP server of the revision of 2026-07-28 that lets in whom a federation vouches for, for as long as it does. It is an entity of
// the federation itself: as the resource that others look up before they send it a token, and as the client that asks authorization
// servers about tokens. Settings are in README.md. Standard output has one JSON object a line.
import { readFileSync } from 'node:fs';
import { getRequestListener } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { Hono } from 'hono';
import { cached, createRelyingParty, strict } from 'holdfast/rp';
import { createResourceServer, honoMetadata } from 'holdfast/rp/resource-server';
import * as z from 'zod';
import { clientAssertion, entityConfiguration, keysIn, marksOf, publicHalf } from './entity.mjs';
import { listening } from './listening.mjs';

const { ANCHOR = '', ANCHOR_KEYS = '', AUTHORITY = ANCHOR, KEY = 'mcp-server.keys.json' } = process.env;
const { AUTHORIZATION_SERVERS = '', CLIENT_ID, MARKS = '', TRUST_MARKS = '', RESOLVER, FRESH = 'strict' } = process.env;
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));
const words = (text) => text.split(' ').filter(Boolean);

const { server, url: entityId } = await listening('7150');
const resource = `${entityId}/mcp`;
const authorizationServers = words(AUTHORIZATION_SERVERS);
const keys = await keysIn(KEY);

const federation = createRelyingParty({
  anchors: { [ANCHOR]: JSON.parse(readFileSync(ANCHOR_KEYS, 'utf8')) },
  ...(RESOLVER && { resolver: { entityId: ANCHOR, endpoint: RESOLVER } }),
  mode: FRESH === 'strict' ? strict : cached(Number(FRESH)),
  development: ['localhost', '127.0.0.1'].includes(new URL(ANCHOR).hostname),
});

/** The tools, and the scope that each needs. */
const TOOLS = {
  read_invoice: { scope: 'tools:read', description: 'Read an invoice', run: ({ invoice }) => `invoice ${invoice}: 120.00 EUR, open` },
  pay_invoice: { scope: 'tools:write', description: 'Pay an invoice', run: ({ invoice }) => `invoice ${invoice}: paid` },
};

const tools = createResourceServer({
  federation,
  resource,
  authorizationServers,
  scopesSupported: ['tools:read', 'tools:write'],
  marks: words(MARKS),
  introspect: Object.fromEntries(authorizationServers.map((issuer) => [issuer, introspectionAt(issuer)])),
  // What is refused is told here, what is admitted with the tool that was called.
  log: (told) => told.status === 200 || say('refused', told),
});

/** Asks one authorization server about tokens (RFC 7662), by `private_key_jwt`: under its own name where that knows the federation. */
function introspectionAt(issuer) {
  let known;
  return async (form) => {
    known ??= await fetch(`${issuer}/.well-known/oauth-authorization-server`).then((answer) => answer.json());
    const clientId = known.client_registration_types_supported?.includes('automatic') ? entityId : CLIENT_ID;
    if (!clientId) throw new Error(`${issuer} knows no federations, and CLIENT_ID is not set`);
    form.set('client_id', clientId);
    form.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer');
    form.set('client_assertion', await clientAssertion(clientId, issuer, keys.client_key));
    const began = performance.now();
    const answer = await fetch(known.introspection_endpoint, { method: 'POST', body: form });
    const said = await answer.json();
    say('introspection', {
      issuer,
      client_id: clientId,
      status: answer.status,
      active: said.active,
      error: said.error,
      ms: Math.round(performance.now() - began),
    });
    return said;
  };
}

/** What JSON-RPC requests need: the scopes of the tools that they call, and to read for everything else. */
function scopesFor(requests) {
  const scopeOf = ({ method, params } = {}) => (method === 'tools/call' && Object.hasOwn(TOOLS, params?.name) ? TOOLS[params.name].scope : 'tools:read');
  return [...new Set([requests].flat().map((one) => scopeOf(one ?? {})))];
}

const mcp = createMcpHandler(({ authInfo }) => {
  const invoices = new McpServer({ name: 'invoices', version: '1.0.0' });
  for (const [name, { description, scope, run }] of Object.entries(TOOLS))
    invoices.registerTool(name, { description, inputSchema: z.object({ invoice: z.string().max(100) }) }, async (given) => {
      if (!authInfo.scopes.includes(scope)) throw new Error(`${name} needs the scope ${scope}`);
      // Who called, and why it was let in: the chain, the marks, and the version of what it may, by which it was admitted.
      const { context, began } = authInfo.extra;
      say('tool_call', { tool: name, ...context, scopes: authInfo.scopes, checked: CHECKED, ms: Math.round(performance.now() - began) });
      return { content: [{ type: 'text', text: run(given) }] };
    });
  return invoices;
});
const CHECKED = ['the token, at its authorization server', 'that it is for this resource', 'its client, in force now', 'the scope of the tool'];

const app = new Hono();
app.get('/.well-known/openid-federation', async (c) => {
  const metadata = {
    federation_entity: { organization_name: 'Invoices Ltd' },
    oauth_resource: { resource, authorization_servers: authorizationServers, scopes_supported: ['tools:read', 'tools:write'] },
    oauth_client: {
      ...{ client_name: 'Invoices, as who asks about tokens', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' },
      ...{ jwks: { keys: [publicHalf(keys.client_key)] }, scope: 'introspect' },
    },
  };
  const trust_marks = await marksOf(AUTHORITY, entityId, words(TRUST_MARKS));
  return c.body(await entityConfiguration({ entityId, superior: AUTHORITY, keys, metadata, trust_marks }), 200, {
    'content-type': 'application/entity-statement+jwt',
  });
});
app.get(new URL(tools.metadataUrl).pathname, honoMetadata(tools));
app.all('/mcp', async (c) => {
  const began = performance.now();
  const parsedBody = c.req.method === 'POST' ? await c.req.json().catch(() => undefined) : undefined;
  const { method, path } = c.req;
  const checked = await tools.check(c.req.header('authorization'), scopesFor(parsedBody), { method, path, proof: c.req.header('dpop') });
  if (!checked.ok) return Response.json(checked.body, { status: checked.status, headers: checked.headers });
  const { clientId, scopes, context } = checked.call;
  return mcp.fetch(c.req.raw, { authInfo: { token: 'checked', clientId, scopes, extra: { context, began } }, ...(parsedBody && { parsedBody }) });
});

server.on('request', getRequestListener(app.fetch));
say('ready', { url: resource, entity: entityId, metadata: tools.metadataUrl, authorization_servers: authorizationServers });
