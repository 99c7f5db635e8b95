import { calculateJwkThumbprint } from 'jose';
import { describe, expect, it } from 'vitest';
import { clientMetadataDocument } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const AGENT = 'https://agent.example.com';
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const at = (id: string, more = '') => `${A}/members/${encodeURIComponent(id)}${more}`;

/** Its keys as a client are not those it signs statements with. */
const client = await testKey();
const AGENT_METADATA = {
  client_name: 'Agent',
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: { keys: [client.jwk] },
  scope: 'read write admin',
  jwks_uri: `${AGENT}/jwks`,
  client_registration_types: ['automatic'],
};

async function act(d: TestDeployment, method: string, path: string, body: object = { reason: 'test' }) {
  const { status, text, json } = await d.admin(method, path, body);
  expect(status, text).toBeLessThan(300);
  return json;
}
const sign = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
async function evaluate(d: TestDeployment, id = AGENT) {
  await sign(d);
  await act(d, 'POST', `${A}/entities/${encodeURIComponent(id)}/evaluate`, {});
}
async function enrol(d: TestDeployment, id: string, metadata: object, types = ['oauth_client'], more: object = {}): Promise<string> {
  const one = await testMember(id);
  d.network.set(wellKnown(id), await one.configuration({ metadata }));
  const { json, status, text } = await d.admin('POST', `${A}/members`, { entity_id: id, jwks: one.jwks, entity_types: types, activate: true, ...more });
  expect(status, text).toBe(201);
  return String(json.id);
}
async function withAgent() {
  const d = await testDeployment();
  const entitlements = [
    { kind: 'scope', value: 'read' },
    { kind: 'scope', value: 'write' },
  ];
  const id = await enrol(d, AGENT, { oauth_client: AGENT_METADATA }, ['oauth_client'], { entitlements, organization: 'Agents AB' });
  await evaluate(d);
  return { d, id, url: `/clients/${id}` };
}

describe('the Client ID Metadata Document of a member (draft -03 §4)', () => {
  it('says what the federation vouches for: keys by value, the entitled scope, client_id where it is served; and can be kept for a minute', async () => {
    const { d, id, url } = await withAgent();
    const { status, headers, json } = await d.public(url);
    expect(status).toBe(200);
    expect(json).toEqual({
      client_id: `${ANCHOR}/clients/${id}`,
      federation_entity: AGENT,
      redirect_uris: [],
      response_types: [],
      client_name: 'Agent',
      grant_types: ['client_credentials'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [client.jwk] },
      scope: 'read write',
      authorization_details_types: [],
      authorization_details_templates: [],
      allowed_resources: [],
    });
    expect([headers.get('content-type'), headers.get('cache-control')]).toEqual(['application/json', 'public, max-age=60']);
    const again = await d.public(url, { headers: { 'if-none-match': headers.get('etag') ?? '' } });
    expect([again.status, again.text]).toEqual([304, '']);
    expect((await d.public(url, { method: 'HEAD' })).status).toBe(200);
    expect(await d.admin('GET', at(AGENT, '/client-metadata-document'))).toMatchObject({ json: { client_id: json.client_id, document: json, findings: [] } });
    for (const path of ['/clients/', '/clients/mbr_0', `${url}/x`, `/clients/${AGENT}`, '/clients/..%2f', '/clients'])
      expect((await d.public(path)).status, path).toBe(404);
    expect((await d.public(url, { method: 'POST' })).status).toBe(405);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('is gone with the next request after each cut, whatever is asked first; and comes back with the member', async () => {
    const { d, url } = await withAgent();
    const gone = async (why: string) => {
      const { status, headers } = await d.public(url);
      expect([status, headers.get('cache-control')], why).toEqual([404, 'no-store']);
    };
    await act(d, 'POST', at(AGENT, '/suspend'));
    await gone('suspended');
    await act(d, 'POST', at(AGENT, '/resume'));
    await evaluate(d);
    expect((await d.public(url)).status, 'resumed').toBe(200);
    await act(d, 'POST', `${A}/organizations/Agents%20AB/halt`);
    await gone('its organization is halted');
    expect((await d.admin('GET', at(AGENT, '/client-metadata-document'))).json.findings).toMatchObject([
      { code: 'client_document_none', detail: 'the member is suspended' },
    ]);
    await act(d, 'POST', `${A}/organizations/Agents%20AB/resume`);
    await evaluate(d);
    await act(d, 'POST', `${A}/halt`);
    await gone('its authority is halted');
    await act(d, 'POST', `${A}/resume`);
    await evaluate(d);
    expect((await d.public(url)).status, 'resumed').toBe(200);
    const { receipt } = await act(d, 'POST', '/halts', { level: 'member', authority: 'main', member: AGENT, mode: 'revoke', reason: 'incident' });
    expect(receipt.answers).toContainEqual({ what: 'client_metadata_document', url: `${ANCHOR}${url}`, status: 404 });
    await gone('revoked');
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('follows what the member is entitled to: less is not served under the former words for a moment', async () => {
    const { d, url } = await withAgent();
    await act(d, 'PUT', at(AGENT, '/entitlements'), { entitlements: [{ kind: 'scope', value: 'read' }] });
    expect((await d.public(url)).status, 'until it is evaluated anew').toBe(503);
    await evaluate(d);
    expect((await d.public(url)).json).toMatchObject({ scope: 'read' });
  });

  it('is not served under a halted key of its member: not until it is evaluated anew, and not at all after the last one', async () => {
    const d = await testDeployment();
    const agent = await testMember(AGENT);
    const other = await testKey();
    const jwks = { keys: [agent.key.jwk, other.jwk] };
    d.network.set(wellKnown(AGENT), await agent.configuration({ jwks, metadata: { oauth_client: { ...AGENT_METADATA, jwks: { keys: [client.jwk] } } } }));
    const { json } = await d.admin('POST', `${A}/members`, { entity_id: AGENT, jwks, entity_types: ['oauth_client'], activate: true });
    await evaluate(d);
    const status = async () => (await d.public(`/clients/${json.id}`)).status;
    expect(await status()).toBe(200);
    const halt = (kid: unknown) => act(d, 'POST', '/halts', { level: 'key', authority: 'main', member: AGENT, key: kid, reason: 'leaked' });
    await halt(other.jwk.kid);
    expect(await status()).toBe(503);
    await halt(agent.key.jwk.kid);
    expect(await status()).toBe(404);
  });

  it('stays the same under another key of the authority, and while the member cannot be reached', async () => {
    const { d, url } = await withAgent();
    const { text } = await d.public(url);
    const { kid } = await act(d, 'POST', `${A}/keys`, {});
    await act(d, 'POST', `${A}/keys/${kid}/activate`, { force: true, reason: 'test' });
    await sign(d);
    expect((await d.public(url)).text).toBe(text);
    expect(await fsck(d.deployment)).toEqual([]);
    d.network.clear();
    await discoveryTurn(d.deployment, { more: () => true });
    await act(d, 'POST', `${A}/entities/${encodeURIComponent(AGENT)}/evaluate`, {});
    expect((await d.public(url)).text, 'kept while it cannot be reached').toBe(text);
  });

  it('is none for who is no client, or would be one that proves no key or may ask for anything; and says why', async () => {
    const d = await testDeployment();
    const cases: readonly (readonly [host: string, metadata: object, types: readonly string[], why: string])[] = [
      ['op', { oauth_authorization_server: { issuer: 'https://op.example.com' } }, ['oauth_authorization_server'], 'it is no client'],
      ['claimed', { oauth_client: AGENT_METADATA }, ['openid_provider'], 'it declares itself oauth_client'],
      ['secret', { oauth_client: { ...AGENT_METADATA, token_endpoint_auth_method: 'client_secret_basic' } }, ['oauth_client'], 'is not by a key'],
      ['public', { oauth_client: { ...AGENT_METADATA, token_endpoint_auth_method: 'none' } }, ['oauth_client'], 'is not by a key'],
      ['remote', { oauth_client: { ...AGENT_METADATA, jwks: undefined } }, ['oauth_client'], 'no key by value'],
      ['greedy', { oauth_client: { ...AGENT_METADATA, scope: undefined } }, ['oauth_client'], 'it has no scope'],
    ];
    for (const [host, metadata, types, why] of cases) {
      const entityId = `https://${host}.example.com`;
      const id = await enrol(d, entityId, metadata, [...types]);
      await evaluate(d, entityId);
      expect((await d.public(`/clients/${id}`)).status, host).toBe(404);
      const { json } = await d.admin('GET', at(entityId, '/client-metadata-document'));
      expect(json, host).toMatchObject({ document: null, findings: [{ code: 'client_document_none', detail: expect.stringContaining(why) }] });
    }
    // A key that was taken from whoever had it is nobody's key as a client either.
    const thief = 'https://thief.example.com';
    const { jwks } = await testMember('https://victim.example.com');
    const victim = { entity_id: 'https://victim.example.com', jwks, entity_types: ['oauth_client'], activate: true };
    await act(d, 'POST', `${A}/members`, victim);
    const thumbprint = await calculateJwkThumbprint(jwks.keys[0] as never);
    await act(d, 'POST', '/halts', { level: 'key', key: thumbprint, reason: 'stolen' });
    const id = await enrol(d, thief, { oauth_client: { ...AGENT_METADATA, jwks } });
    await evaluate(d, thief);
    expect((await d.public(`/clients/${id}`)).status).toBe(404);
    expect((await d.admin('GET', at(thief, '/client-metadata-document'))).json.findings[0].detail).toBe(`its key ${thumbprint} was halted`);
    // The method that would be meant without one is by secret (RFC 7591 §2): the document names one by key. Redirections stay.
    const { token_endpoint_auth_method: _, ...rest } = AGENT_METADATA;
    const made = clientMetadataDocument(
      {
        oauth_client: { scope: 'other' },
        openid_relying_party: { ...rest, grant_types: undefined, redirect_uris: ['https://rp.example.com/cb'], client_secret: 'x' } as never,
      },
      'https://a.example/clients/1',
    );
    expect(made.ok && made.value).toMatchObject({
      token_endpoint_auth_method: 'private_key_jwt',
      redirect_uris: ['https://rp.example.com/cb'],
      scope: 'read write admin',
    });
    expect(made.ok && Object.keys(made.value)).not.toContain('client_secret');
  });
});
