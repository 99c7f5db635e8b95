import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { convertV4MiniflareOptions, Miniflare, Response as WorkerResponse } from 'miniflare';
import { request as send } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestKey, testKey } from '../support/keys.js';
import { admin, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/**
 * A second authorization server that takes metadata documents and has no line of ours in it: `@cloudflare/workers-oauth-provider`, as it
 * is published, in workerd. Between it and the anchor stands what is for TLS: the anchor answers to its https name.
 */
const require = createRequire(import.meta.url);
const { later, end } = shared();
afterAll(end);

const [ANCHOR, ISSUER, AGENT] = ['https://federation.example.org', 'https://as.example.net', 'https://agent.example.com'];
const [RESOURCE, REDIRECT] = [`${ISSUER}/mcp`, `${AGENT}/callback`];
const TOKEN = 'a-token-from-the-environment';
const VERIFIER = 'v'.repeat(43);
/** How long the server keeps a document (seconds): the authority says 60, and what is for TLS here says less, so that no test waits that long. */
const KEPT_SECONDS = 2;

/** Its configuration, and the page that is the application's to write: whose documents it takes is asked there. */
const AUTHORIZATION_SERVER = `
import { OAuthProvider } from './oauth-provider.js';
export default new OAuthProvider({
  apiRoute: '/mcp',
  apiHandler: { fetch: (request, env, ctx) => Response.json({ user: ctx.props.user, scope: ctx.auth.scope }) },
  defaultHandler: {
    async fetch(request, env) {
      try {
        const asked = await env.OAUTH_PROVIDER.parseAuthRequest(request);
        if (!asked.clientId.startsWith('${ANCHOR}/clients/')) return new Response('not a client of the federation', { status: 403 });
        // It reads no scope in a document: what to grant is decided here.
        const { redirectTo } = await env.OAUTH_PROVIDER.completeAuthorization({
          request: asked, userId: 'ada', metadata: {}, props: { user: 'ada' }, scope: asked.scope,
        });
        return Response.redirect(redirectTo, 302);
      } catch (error) {
        return new Response(error.code ?? error.reason ?? error.message, { status: 400 });
      }
    },
  },
  authorizeEndpoint: '/authorize',
  tokenEndpoint: '/oauth/token',
  scopesSupported: ['read', 'offline_access'],
  resourceMetadata: { resource: '${RESOURCE}', authorization_servers: ['${ISSUER}'] },
  clientIdMetadataDocumentEnabled: true,
  accessTokenTTL: 300,
});`;

let anchor: Server;
let worker: Miniflare;
let client: TestKey;
let member: string;
let inForce: () => Promise<void>;
let clientId: string;
let fetched: { url: string; status: number }[];

const call = async (method: string, path: string, body?: object) => {
  const { status, json } = await admin({ url: anchor.url, token: TOKEN }, method, `/authorities/main${path}`, body);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json;
};

beforeAll(async () => {
  anchor = await startProcess(tempFolder(later), {
    later,
    env: { HOLDFAST_URL: ANCHOR, HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'), HOLDFAST_ADMIN_TOKEN: TOKEN },
  });
  fetched = [];
  const options = convertV4MiniflareOptions({
    modules: [
      { type: 'ESModule', path: 'index.mjs', contents: AUTHORIZATION_SERVER },
      {
        type: 'ESModule',
        path: 'oauth-provider.js',
        contents: readFileSync(require.resolve('@cloudflare/workers-oauth-provider'), 'utf8'),
      },
    ],
    compatibilityDate: '2026-01-01',
    compatibilityFlags: ['nodejs_compat', 'global_fetch_strictly_public'],
    kvNamespaces: ['OAUTH_KV'],
    async outboundService({ url }) {
      if (!url.startsWith(ANCHOR)) return new WorkerResponse('nobody', { status: 502 });
      const { statusCode, headers, body } = await send(`${anchor.url}${url.slice(ANCHOR.length)}`, { headers: { host: new URL(ANCHOR).host } });
      fetched.push({ url, status: statusCode });
      const said = String(headers['cache-control']);
      return new WorkerResponse(await body.text(), {
        status: statusCode,
        headers: { 'content-type': String(headers['content-type']), 'cache-control': said.replace('max-age=60', `max-age=${KEPT_SECONDS}`) },
      });
    },
  });
  worker = new Miniflare(options);
  later(() => worker.dispose());

  const [federation, own] = [await testKey(), await testKey()];
  client = own;
  const now = Math.floor(Date.now() / 1000);
  const entity_configuration = await federation.jwt({
    ...{ iss: AGENT, sub: AGENT, iat: now, exp: now + 86_000, jwks: { keys: [federation.jwk] }, authority_hints: [ANCHOR] },
    metadata: {
      oauth_client: {
        ...{ client_name: 'Agent', redirect_uris: [REDIRECT], response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'] },
        ...{ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [client.jwk] } },
      },
    },
  });
  const entitlements = [{ kind: 'scope', value: 'read' }, ...['authorization_code', 'refresh_token'].map((value) => ({ kind: 'grant_type', value }))];
  const made = await call('POST', '/members', { entity_id: AGENT, entity_configuration, entity_types: ['oauth_client'], entitlements, activate: true });
  member = `/members/${made.id}`;
  // A cut takes the configuration that lies at the anchor as well.
  inForce = async () => {
    await call('PUT', `${member}/configuration`, { entity_configuration, domain_control: { method: 'operator', reason: 'test' } });
    await call('POST', `/entities/${encodeURIComponent(AGENT)}/evaluate`, {});
  };
  await inForce();
  clientId = (await call('GET', `${member}/client-metadata-document`)).client_id;
});

const authorize = async (id: string, redirect = REDIRECT) => {
  const challenge = createHash('sha256').update(VERIFIER).digest('base64url');
  const query = { client_id: id, response_type: 'code', redirect_uri: redirect, scope: 'read offline_access', state: 's', resource: RESOURCE };
  const url = `${ISSUER}/authorize?${new URLSearchParams({ ...query, code_challenge: challenge, code_challenge_method: 'S256' })}`;
  const answer = await worker.dispatchFetch(url, { redirect: 'manual' });
  const location = answer.headers.get('location');
  return { status: answer.status, code: location === null ? null : new URL(location).searchParams.get('code'), text: await answer.text() };
};
async function token(form: Record<string, string>, key = client) {
  const iat = Math.floor(Date.now() / 1000);
  const client_assertion = await key.jwt({ iss: clientId, sub: clientId, aud: ISSUER, jti: crypto.randomUUID(), iat, exp: iat + 60 }, { typ: 'JWT' });
  const body = new URLSearchParams({
    client_id: clientId,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion,
    ...form,
  });
  const answer = await worker.dispatchFetch(`${ISSUER}/oauth/token`, {
    method: 'POST',
    body: body.toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  return { status: answer.status, ...((await answer.json()) as { error?: string; access_token?: string; refresh_token?: string; scope?: string }) };
}
const redeem = (code: string | null, key = client) =>
  token({ grant_type: 'authorization_code', code: code ?? '', redirect_uri: REDIRECT, code_verifier: VERIFIER, resource: RESOURCE }, key);

it('another stock server, in workerd, lets an agent in that nobody typed in, by its document; and out when its copy of it ends', async () => {
  const asked = await authorize(clientId);
  expect(asked, asked.text).toMatchObject({ status: 302 });
  expect(await redeem(asked.code, await testKey(String(client.alg) as 'ES256', client.kid)), 'a key of somebody else').toMatchObject({
    status: 401,
    error: 'invalid_client',
  });
  const tokens = await redeem(asked.code);
  expect(tokens, JSON.stringify(tokens)).toMatchObject({ status: 200, access_token: expect.any(String), refresh_token: expect.any(String) });
  const used = await worker.dispatchFetch(RESOURCE, { headers: { authorization: `Bearer ${tokens.access_token}` } });
  expect([used.status, await used.json()]).toEqual([200, { user: 'ada', scope: expect.arrayContaining(['read']) }]);
  expect(await authorize(clientId, 'https://elsewhere.example/cb'), 'a redirect that it was not vetted with').toMatchObject({ status: 400, code: null });
  expect(await authorize(`${ANCHOR}/clients/mem_nobody`), 'nobody').toMatchObject({ code: null });

  await call('POST', `${member}/suspend`, { reason: 'incident' });
  const halted = performance.now();
  let refresh = String(tokens.refresh_token);
  let last = await token({ grant_type: 'refresh_token', refresh_token: refresh });
  for (; last.status === 200 && performance.now() - halted < 60_000; last = await token({ grant_type: 'refresh_token', refresh_token: refresh })) {
    refresh = last.refresh_token ?? refresh;
    await new Promise((done) => setTimeout(done, 100));
  }
  expect(last).toMatchObject({ status: 401, error: 'invalid_client' });
  console.info(`refused ${((performance.now() - halted) / 1000).toFixed(1)} s after the halt, with a document kept for ${KEPT_SECONDS} s`);
  expect(fetched.at(-1)).toEqual({ url: clientId, status: 404 });
  expect(await authorize(clientId)).toMatchObject({ code: null });

  await call('POST', `${member}/resume`, {});
  await inForce();
  const again = await authorize(clientId);
  expect(again, again.text).toMatchObject({ status: 302 });
  expect(await redeem(again.code)).toMatchObject({ status: 200 });
  expect(
    fetched.filter(({ url }) => !url.startsWith(`${ANCHOR}/clients/`)),
    'it asks for documents, and for nothing else',
  ).toEqual([]);
});
