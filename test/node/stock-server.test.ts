import { once } from 'node:events';
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Provider from 'oidc-provider';
import { SignJWT } from 'jose';
import { Agent, fetch as undiciFetch } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { type TestKey, testKey } from '../support/keys.js';
import { docBlock, runBlock } from '../support/node/doc-blocks.js';
import { freePort, localhostCertificate, startProcess, tempFolder } from '../support/process.js';

/** oidc-provider asks for Node 22 and runs on 20 but for this. */
(URL as unknown as { parse?: (text: string, base?: string) => URL | null }).parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

const TOKEN = 'a-token-from-the-environment';

/** An anchor over https, as servers that know no federations see it. */
async function anchor() {
  const folder = tempFolder();
  const { cert, key } = await localhostCertificate(folder);
  const dispatcher = new Agent({ connect: { ca: readFileSync(cert) } });
  onTestFinished(() => dispatcher.close());
  const port = await freePort();
  const url = `https://localhost:${port}`;
  await startProcess(join(folder, 'anchor'), {
    port,
    env: {
      HOLDFAST_URL: url,
      HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'),
      HOLDFAST_ADMIN_TOKEN: TOKEN,
      HOLDFAST_TLS_CERT: cert,
      HOLDFAST_TLS_KEY: key,
      HOLDFAST_DISCOVERY: 'on',
      HOLDFAST_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128',
      NODE_EXTRA_CA_CERTS: cert,
    },
  });
  const api = async (method: string, path: string, body?: object) => {
    const answer = await undiciFetch(`${url}/admin/v1/authorities/main${path}`, {
      method,
      dispatcher,
      headers: { authorization: `Bearer ${TOKEN}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const json = (await answer.json()) as Record<string, never>;
    expect(answer.status, JSON.stringify(json)).toBeLessThan(300);
    return json;
  };
  return { url, api, dispatcher };
}

/** An authorization server without a line of ours: `allowFetch` names the anchor. */
async function stockServer(anchorUrl: string, dispatcher: Agent) {
  const issuer = `http://localhost:${await freePort()}`;
  const fetched: string[] = [];
  // The lines that the document says.
  const lines = docBlock('docs/relying-party.md', 'clientIdMetadataDocument: {').replaceAll('https://federation.example.org', anchorUrl);
  const { clientIdMetadataDocument } = (await runBlock(`const features = {${lines}};`, {}, 'features')) as Record<string, object>;
  const provider = new Provider(issuer, {
    scopes: ['read', 'write', 'admin'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      // Its own default is what the answer says, 60 s.
      clientIdMetadataDocument: { ...clientIdMetadataDocument, cacheDuration: { min: 0, max: 1 } },
    },
    // The certificate is of the test.
    fetch: (url: URL | string, init: object) => {
      fetched.push(String(url));
      return undiciFetch(url, { ...init, dispatcher });
    },
  });
  const server = createServer(provider.callback()).listen(Number(new URL(issuer).port), 'localhost');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const token = async (clientId: string, key: TestKey, scope?: string) => {
    const assertion = await new SignJWT({ iss: clientId, sub: clientId, aud: issuer, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid: String(key.jwk.kid) })
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(key.privateKey);
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      ...(scope && { scope }),
    });
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body: form });
    const json = (await answer.json()) as { access_token?: string; scope?: string; error?: string };
    return { status: answer.status, ...json };
  };
  return { token, fetched };
}

it('a stock authorization server lets an agent in that nobody typed in, by one allowed URL; and out with its cache after a halt', async () => {
  const { url, api, dispatcher } = await anchor();
  const [federation, client, other] = [await testKey(), await testKey(), await testKey()];
  const agent = `https://localhost:${await freePort()}/agent`;
  const now = Math.floor(Date.now() / 1000);
  const configuration = await federation.jwt({
    iss: agent,
    sub: agent,
    iat: now,
    exp: now + 86_000,
    jwks: { keys: [federation.jwk] },
    authority_hints: [url],
    metadata: {
      oauth_client: {
        client_name: 'Agent',
        grant_types: ['client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [client.jwk] },
      },
    },
  });
  const member = await api('POST', '/members', {
    entity_id: agent,
    entity_configuration: configuration,
    hosted_configuration: undefined,
    entity_types: ['oauth_client'],
    entitlements: [
      { kind: 'scope', value: 'read' },
      { kind: 'scope', value: 'write' },
      { kind: 'grant_type', value: 'client_credentials' },
    ],
    activate: true,
  });
  await api('PUT', `/members/${member['id']}/configuration`, { entity_configuration: configuration, domain_control: { method: 'operator', reason: 'test' } });
  await api('POST', `/entities/${encodeURIComponent(agent)}/evaluate`, {});
  const clientId = String((await api('GET', `/members/${member['id']}/client-metadata-document`))['client_id']);
  expect(clientId).toBe(`${url}/clients/${member['id']}`);

  const { token, fetched } = await stockServer(url, dispatcher);
  expect(await token(clientId, client, 'read')).toMatchObject({ status: 200, scope: 'read' });
  expect(await token(clientId, client, 'admin'), 'not entitled').toMatchObject({ status: 400, error: 'invalid_scope' });
  expect(await token(clientId, other, 'read'), 'a key of somebody else').toMatchObject({ error: 'invalid_client' });
  expect(await token(clientId, federation, 'read'), 'the key it signs statements with').toMatchObject({ error: 'invalid_client' });
  const stranger = `${url.replace('localhost', '127.0.0.1')}/clients/x`;
  expect(await token(stranger, client, 'read'), 'another place').toMatchObject({ error: 'invalid_client' });
  expect(
    fetched.filter((one) => !one.startsWith(`${url}/clients/`)),
    'nothing else is ever fetched',
  ).toEqual([]);

  await api('POST', `/members/${member['id']}/suspend`, { reason: 'incident' });
  const halted = performance.now();
  let last = await token(clientId, client, 'read');
  while (last.status === 200 && performance.now() - halted < 60_000) {
    await new Promise((done) => setTimeout(done, 100));
    last = await token(clientId, client, 'read');
  }
  expect(last).toMatchObject({ error: 'invalid_client' });
});
