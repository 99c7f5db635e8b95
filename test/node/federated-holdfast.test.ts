import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRelyingParty, type RelyingParty, strict } from '../../src/rp/entry.node.js';
import { joseKey } from '../support/jose-federation.js';
import { federatedProvider } from '../support/node/federated-provider.js';
import { admin, freePort, type Server, shared, startProcess, tempFolder } from '../support/process.js';

/** A Holdfast process as the anchor and its resolver, oidc-provider as it is published: no party was told about the agent. */
const { later, end } = shared();
afterAll(end);

let anchor: Server;
let party: RelyingParty & { close(): Promise<void> };
let server: Awaited<ReturnType<typeof federatedProvider>>;

const call = async (method: string, path: string, body?: object) => {
  const { status, json } = await admin(anchor, method, `/authorities/main${path}`, body);
  expect(status, JSON.stringify(json)).toBeLessThan(300);
  return json;
};
const scopes = (...values: readonly string[]) => values.map((value) => ({ kind: 'scope', value }));

/** An agent whose host nobody answers at: its configuration lies at the anchor. */
async function agent() {
  const [federation, client] = [await joseKey(), await joseKey()];
  const id = `http://localhost:${await freePort()}/agent`;
  const iat = Math.floor(Date.now() / 1000);
  const entity_configuration = await federation.sign('entity-statement+jwt', {
    ...{ iss: id, sub: id, iat, exp: iat + 86_000, jwks: { keys: [federation.jwk] }, authority_hints: [anchor.url] },
    metadata: {
      oauth_client: { client_name: 'Agent', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] } },
    },
  });
  const entitlements = [...scopes('read', 'write'), { kind: 'grant_type', value: 'client_credentials' }];
  const member = await call('POST', '/members', { entity_id: id, entity_configuration, entity_types: ['oauth_client'], entitlements, activate: true });
  await call('PUT', `/members/${member.id}/configuration`, { entity_configuration, domain_control: { method: 'operator', reason: 'test' } });
  await call('POST', `/entities/${encodeURIComponent(id)}/evaluate`, {});
  const token = (scope: string) => server.token(id, client, { scope });
  return { id, member: `/members/${member.id}`, token };
}

beforeAll(async () => {
  anchor = await startProcess(tempFolder(later), { later });
  const keys = (await call('GET', '/keys')).items.map(({ jwk }: { jwk: object }) => jwk);
  party = createRelyingParty({
    anchors: { [anchor.url]: { keys } },
    resolver: { entityId: anchor.url, endpoint: `${anchor.url}/resolve` },
    mode: strict,
    development: true,
  });
  later(() => party.close());
  server = await federatedProvider(party, later);
});

it('vetted, in with what it was vetted for, halted, refused with the next request; and back without what it had before', async () => {
  const { id, member, token } = await agent();
  const first = await token('read');
  expect(first, first.text).toMatchObject({ status: 200, scope: 'read' });
  expect(await token('admin')).toMatchObject({ status: 400, error: 'invalid_scope' });
  expect(await server.introspect(first.access_token ?? '')).toMatchObject({
    active: true,
    federation: { entity: id, authority: anchor.url, anchor: anchor.url },
  });
  await call('POST', `${member}/suspend`, { reason: 'incident' });
  expect(await token('read')).toMatchObject({ status: 401, error: 'invalid_client' });
  expect(await server.introspect(first.access_token ?? '')).toMatchObject({ active: false });
  await call('POST', `${member}/resume`, {});
  expect(await token('read')).toMatchObject({ status: 200 });
  expect(await server.introspect(first.access_token ?? ''), 'a token of before the halt').toMatchObject({ active: false });
});

it('a record that is narrowed narrows the next token', async () => {
  const { member, token } = await agent();
  expect(await token('read write')).toMatchObject({ status: 200, scope: 'read write' });
  await call('PUT', `${member}/entitlements`, { entitlements: [...scopes('read'), { kind: 'grant_type', value: 'client_credentials' }] });
  expect(await token('write')).toMatchObject({ status: 400, error: 'invalid_scope' });
  expect(await token('read')).toMatchObject({ status: 200, scope: 'read' });
});

it('who was never let in is refused, and the server asks nobody but the anchor', async () => {
  const stranger = await joseKey();
  expect(await server.token(`http://localhost:${await freePort()}/stranger`, stranger)).toMatchObject({ status: 401, error: 'invalid_client' });
  expect(server.fetched).toEqual([]);
});

it('an anchor that is gone: the last list serves to its end, an entity never seen gets nothing', async () => {
  const { token } = await agent();
  const late = await agent();
  expect(await token('read')).toMatchObject({ status: 200 });
  await anchor.kill('SIGKILL');
  expect(await token('read'), 'the list of before still holds').toMatchObject({ status: 200 });
  expect(await late.token('read')).toMatchObject({ status: 503, error: 'temporarily_unavailable' });
});
