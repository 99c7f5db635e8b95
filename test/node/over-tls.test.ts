import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { freePort, localhostCertificate, type Server, startProcess, tempFolder } from '../support/process.js';

/**
 * What the OpenID Foundation's conformance suite looks at in a deployed federation (its deployed-entity plan): over https
 * with host names, an anchor, an intermediate and a leaf.
 */
const STATEMENT = 'application/entity-statement+jwt';
interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly location: string | undefined;
  readonly text: string;
}
type Claims = Record<string, never> & {
  jwks: { keys: Record<string, unknown>[] };
  metadata: { federation_entity: Record<string, string> };
  authority_hints?: string[];
};

async function federation() {
  const folder = tempFolder();
  const { cert, key: keyFile } = await localhostCertificate(folder);
  const ca = readFileSync(cert);
  const ask = (
    url: string,
    { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { ca, method, headers }, (response) => {
        let text = '';
        response
          .on('data', (chunk: Buffer) => (text += chunk.toString()))
          .on('end', () => resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], location: response.headers.location, text }));
      }).on('error', reject);
      sent.end(body);
    });
  const start = async (
    name: string,
  ): Promise<Server & { api(method: string, path: string, body?: unknown): Promise<Answer & { json: Record<string, never> }> }> => {
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const server = await startProcess(join(folder, name), {
      port,
      env: {
        HOLDFAST_URL: url,
        HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'),
        HOLDFAST_ADMIN_TOKEN: 'a-token-from-the-environment',
        HOLDFAST_TLS_CERT: cert,
        HOLDFAST_TLS_KEY: keyFile,
        HOLDFAST_OUTBOUND_ALLOW: '127.0.0.0/8,::1/128',
        HOLDFAST_DISCOVERY: 'on',
        NODE_EXTRA_CA_CERTS: cert,
      },
    });
    const api = async (method: string, path: string, body?: unknown) => {
      const headers = { authorization: 'Bearer a-token-from-the-environment', ...(body !== undefined && { 'content-type': 'application/json' }) };
      const answer = await ask(`${url}/admin/v1${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
      return { ...answer, json: JSON.parse(answer.text) as Record<string, never> };
    };
    return Object.assign(server, { url, api });
  };
  const [anchor, intermediate] = await Promise.all([start('anchor'), start('intermediate')]);
  const leafKey = await testKey();
  const leaf = `https://localhost:${await freePort()}`;
  const now = Math.floor(Date.now() / 1000);
  const configuration = await leafKey.jwt({
    iss: leaf,
    sub: leaf,
    iat: now,
    exp: now + 86_000,
    jwks: { keys: [leafKey.jwk] },
    authority_hints: [intermediate.url],
    metadata: { oauth_client: { client_name: 'leaf' } },
  });
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(keyFile) }, (asked, response) => {
    const found = asked.url === '/.well-known/openid-federation';
    response.writeHead(found ? 200 : 404, { 'content-type': found ? STATEMENT : 'text/plain' }).end(found ? configuration : '');
  });
  await new Promise<void>((done) => server.listen(Number(new URL(leaf).port), 'localhost', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  expect(
    (await intermediate.api('PATCH', '/authorities/main', { authority_hints: [anchor.url], metadata: { federation_entity: { organization_name: 'I' } } }))
      .status,
  ).toBe(200);
  for (const [superior, id] of [
    [anchor, intermediate.url],
    [intermediate, leaf],
  ] as const) {
    const enrolled = await superior.api('POST', '/authorities/main/members', { entity_id: id, activate: true });
    expect(enrolled.status, enrolled.text).toBe(201);
  }
  const keys = (await anchor.api('GET', '/authorities/main/keys')).json['items'] as unknown as { jwk: object }[];
  const pinned = { keys: keys.map(({ jwk }) => jwk) };
  for (const one of [intermediate]) expect((await one.api('POST', '/authorities/main/anchors', { entity_id: anchor.url, jwks: pinned })).status).toBe(201);
  return { anchor, intermediate, leaf, ask, pinned };
}

const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const claimsOf = (jwt: string) => decodeJwt(jwt) as unknown as Claims;

describe('a deployed federation over TLS', () => {
  it('configurations, listings, statements, errors and the resolver are as other software expects them', async () => {
    const { anchor, intermediate, leaf, ask, pinned } = await federation();
    const now = Date.now() / 1000;
    const configurations = new Map<string, Claims>();
    for (const id of [anchor.url, intermediate.url, leaf]) {
      expect([new URL(id).search, new URL(id).hash]).toEqual(['', '']);
      const answer = await ask(wellKnown(id), { headers: { accept: 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2' } });
      expect([answer.status, answer.type, answer.location], id).toEqual([200, STATEMENT, undefined]);
      const claims = claimsOf(answer.text);
      configurations.set(id, claims);
      expect([claims['iss'], claims['sub']]).toEqual([id, id]);
      const { iat, exp } = decodeJwt(answer.text);
      expect(Number.isInteger(iat) && Number.isInteger(exp) && (iat as number) <= now + 1 && (exp as number) > now && (exp as number) < now + 8 * 86_400).toBe(
        true,
      );
      expect(decodeProtectedHeader(answer.text).kid).toBeTruthy();
      const { keys } = claims.jwks;
      expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
      for (const key of keys) for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
      expect(claims).not.toHaveProperty('metadata_policy');
      for (const [name, value] of Object.entries(claims.metadata.federation_entity ?? {}))
        if (name.endsWith('_endpoint')) {
          const url = new URL(value);
          expect([url.protocol, url.search, url.hash], name).toEqual(['https:', '', '']);
        }
    }
    expect(configurations.get(anchor.url)).not.toHaveProperty('authority_hints');
    expect(configurations.get(intermediate.url)?.authority_hints).toEqual([anchor.url]);
    expect(configurations.get(anchor.url)?.jwks, 'the pinned set, same members, same order').toEqual(pinned);
    const statements = new Map<string, string>();
    for (const [superior, subject] of [
      [anchor.url, intermediate.url],
      [intermediate.url, leaf],
    ] as const) {
      const { federation_fetch_endpoint: fetchAt = '', federation_list_endpoint: listAt = '' } = configurations.get(superior)?.metadata.federation_entity ?? {};
      const list = await ask(listAt);
      expect([list.status, list.type, JSON.parse(list.text)]).toEqual([200, 'application/json', [subject]]);
      for (const query of [`sub=${encodeURIComponent(subject)}`, `sub=${subject}`, `iss=${superior}&sub=${subject}`]) {
        const answer = await ask(`${fetchAt}?${query}`, { headers: { accept: STATEMENT } });
        expect([answer.status, answer.type], query).toEqual([200, STATEMENT]);
        const claims = claimsOf(answer.text);
        expect([claims['iss'], claims['sub']]).toEqual([superior, subject]);
        expect(claims).not.toHaveProperty('authority_hints');
        expect(Object.keys(claims.metadata?.federation_entity ?? {}).filter((name) => name.endsWith('_endpoint'))).toEqual([]);
        statements.set(subject, answer.text);
      }
      for (const [sub, code] of [
        ['https://stranger.example.org', 'not_found'],
        [superior, 'invalid_request'],
      ] as const) {
        const answer = await ask(`${fetchAt}?sub=${encodeURIComponent(sub)}`, { headers: { accept: STATEMENT } });
        expect([answer.type, JSON.parse(answer.text)], 'errors are JSON whatever is accepted').toMatchObject([
          'application/json',
          { error: code, error_description: expect.any(String) },
        ]);
      }
    }
    // The resolver: its chain equals what fetch gives, and ends with the anchor's own configuration.
    const resolveAt = configurations.get(intermediate.url)?.metadata.federation_entity['federation_resolve_endpoint'] ?? '';
    const resolve = async (subject: string, trustAnchor: string) => {
      for (let tries = 0; ; tries++) {
        const answer = await ask(`${resolveAt}?${new URLSearchParams({ sub: subject, trust_anchor: trustAnchor })}`);
        if (answer.status === 200 || tries > 600) return answer;
        await new Promise((done) => setTimeout(done, 100));
      }
    };
    const same = (a: string, b: string) => {
      const { iat: _, exp: __, trust_marks: ___, ...one } = decodeJwt(a);
      const { iat: ____, exp: _____, trust_marks: ______, ...two } = decodeJwt(b);
      expect(one).toEqual(two);
    };
    for (const [trustAnchor, above] of [
      [intermediate.url, []],
      [anchor.url, [statements.get(intermediate.url)]],
    ] as const) {
      const answer = await resolve(leaf, trustAnchor);
      expect([answer.status, answer.type], answer.text).toEqual([200, 'application/resolve-response+jwt']);
      expect(decodeProtectedHeader(answer.text).kid).toBeTruthy();
      const chain = (claimsOf(answer.text) as { trust_chain?: string[] }).trust_chain ?? [];
      const expected = [(await ask(wellKnown(leaf))).text, statements.get(leaf), ...above, (await ask(wellKnown(trustAnchor))).text] as string[];
      expect(chain.length).toBe(expected.length);
      for (const [n, one] of chain.entries()) same(one, expected[n] as string);
    }
    const itself = await resolve(anchor.url, anchor.url);
    expect([itself.status], itself.text).toEqual([200]);
    expect((claimsOf(itself.text) as { trust_chain?: string[] }).trust_chain?.map((one) => decodeJwt(one).sub)).toEqual([anchor.url]);
  });
});
