import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRelyingParty, strict } from '../../src/rp/entry.node.js';
import { certifiableKey, certify } from '../support/certificates.js';
import { NOW } from '../support/chain.js';
import { joseKey } from '../support/jose-federation.js';
import { type Answered, federatedProvider } from '../support/node/federated-provider.js';
import { admin, freePort, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/** A Holdfast process that does no work in the background, and oidc-provider as it is published: the clock alone ends something here. */
const { later, end } = shared();
afterAll(end);

/** How long the certificate is good for (seconds of real time): so many times what comes before its end takes on this machine, and so long at least. */
const [TIMES, LEAST] = [4, 4];

type Provider = Awaited<ReturnType<typeof federatedProvider>>;
let anchor: Server;
/** One finds chains by itself; the other asks the resolver of the anchor. */
let walking: Provider;
let resolving: Provider;

const now = () => Math.floor(Date.now() / 1000);
const call = async (method: string, path: string, body?: object) => {
  const { status, json } = await admin(anchor, method, `/authorities/main${path}`, body);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json;
};

/** A running agent whose federation key is bound with a certificate that ends then; its own configuration is good for a day. */
async function agent(until: number) {
  const [{ key, pair }, client] = [await certifiableKey(), await joseKey()];
  const [port, iat] = [await freePort(), now()];
  const id = `http://localhost:${port}`;
  const jwks = { keys: [{ ...key.jwk, x5c: [(await certify({ pair, from: NOW - iat + 60, until: until - NOW })).base64] }] };
  const oauth_client = {
    client_name: 'Agent',
    grant_types: ['client_credentials'],
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [client.jwk] },
  };
  const configuration = await key.jwt({ iss: id, sub: id, iat, exp: iat + 86_000, jwks, authority_hints: [anchor.url], metadata: { oauth_client } });
  const host = createServer((_, response) => response.setHeader('content-type', 'application/entity-statement+jwt').end(configuration)).listen(
    port,
    'localhost',
  );
  await once(host, 'listening');
  later(() => {
    host.closeAllConnections();
    host.close();
  });
  const entitlements = [
    { kind: 'scope', value: 'read' },
    { kind: 'grant_type', value: 'client_credentials' },
  ];
  const { id: member } = await call('POST', '/members', { entity_id: id, jwks, entity_types: ['oauth_client'], entitlements, activate: true });
  await call('POST', `/entities/${encodeURIComponent(id)}/evaluate`, {});
  return {
    id,
    /** The record and its history, without what is worked out by the clock when it is read. */
    async onRecord() {
      const { status: _, ...record } = await call('GET', `/members/${member}`);
      return { ...record, events: (await call('GET', `/members/${member}/history`)).items.map(({ type }: { type: string }) => type) };
    },
    token: (at: Provider) => at.token(id, client, { scope: 'read' }),
  };
}

beforeAll(async () => {
  anchor = await startProcess(tempFolder(later), { later, env: { HOLDFAST_TURNS: 'off', HOLDFAST_DISCOVERY: 'off' } });
  const keys = (await call('GET', '/keys')).items.map(({ jwk }: { jwk: object }) => jwk);
  const provider = async (more: object) => {
    const party = createRelyingParty({ anchors: { [anchor.url]: { keys } }, mode: strict, development: true, ...more });
    later(() => party.close());
    return federatedProvider(party, later);
  };
  [walking, resolving] = [await provider({}), await provider({ resolver: { entityId: anchor.url, endpoint: `${anchor.url}/resolve` } })];
});

it('an agent whose certificate ends is refused with the next request, at token and introspection, and no job has run', async () => {
  const began = performance.now();
  const other = await agent(now() + 86_400);
  for (const at of [walking, resolving]) {
    const { status, access_token, text } = await other.token(at);
    expect(status, text).toBe(200);
    await at.introspect(access_token ?? '');
  }
  const until = now() + Math.max(LEAST, Math.ceil((TIMES * (performance.now() - began)) / 1000));
  const ending = await agent(until);
  const [walked, resolved] = [await ending.token(walking), await ending.token(resolving)];
  // They would live for longer than the certificate.
  for (const one of [walked, resolved]) expect(one, one.text).toMatchObject({ status: 200, scope: 'read', expires_in: 300 });
  const [ofWalked, ofResolved] = [walked.access_token ?? '', resolved.access_token ?? ''];
  const active = { active: true, federation: { entity: ending.id, anchor: anchor.url, statement_exp: until } };
  expect([await walking.introspect(ofWalked), await resolving.introspect(ofResolved)]).toMatchObject([active, active]);
  expect(now(), 'all of that was before the end').toBeLessThan(until);
  const before = await ending.onRecord();
  expect(before).toMatchObject({ state: 'active', valid_until: null, keys: [{ state: 'bound', x5c_not_after: until }], events: ['member.enrolled'] });

  while (Date.now() < until * 1000) await new Promise((done) => setTimeout(done, until * 1000 - Date.now()));
  const said = ({ status, text }: Answered) => [status, JSON.parse(text)];
  const cases = [
    [walking, ofWalked],
    [resolving, ofResolved],
  ] as const;
  for (const [at, token] of cases) {
    expect(said(await ending.token(at))).toEqual([401, { error: 'invalid_client', error_description: 'client authentication failed' }]);
    expect(said(await at.introspect(token))).toEqual([200, { active: false }]);
    expect(at.told.slice(-2)).toMatchObject([
      { entity: ending.id, decision: 'denied', route: 'token' },
      { entity: ending.id, decision: 'denied', route: 'introspection' },
    ]);
  }

  expect(await ending.onRecord(), 'nobody and nothing has changed it').toEqual(before);
  for (const at of [walking, resolving]) expect(await other.token(at), 'its certificate has not ended').toMatchObject({ status: 200, scope: 'read' });
});
