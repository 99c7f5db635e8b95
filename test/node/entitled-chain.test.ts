import { resolveTrustChains } from '@openid-federation/core';
import { compactVerify, decodeJwt, importJWK } from 'jose';
import { afterEach, expect, it, vi } from 'vitest';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const INTER = 'https://inter.example.net';
const scope = (value: string) => ({ kind: 'scope', value });

it('MP-02 MP-16 an intermediate cannot give what it has not got: the whole chain is resolved to the intersection, by us; code that is not ours gives no more than that', async () => {
  const d = await testDeployment();
  await d.admin('POST', '/authorities', { slug: 'inter', entity_id: INTER, authority_hints: [ANCHOR] });
  const keys = (await d.admin('GET', '/authorities/inter/keys')).json.items.map(({ jwk }: { jwk: object }) => jwk);
  const member = (slug: string, body: object) => d.admin('POST', `/authorities/${slug}/members`, { activate: true, ...body });
  const inter = await member('main', { entity_id: INTER, jwks: { keys }, intermediate: true });
  expect(inter.status, inter.text).toBe(201);
  const rp = await testMember('https://agent.example.net');
  const leaf = await member('inter', { entity_id: rp.id, jwks: rp.jwks, entity_types: ['oauth_client'] });
  expect(leaf.status, leaf.text).toBe(201);
  const own = { authority_hints: [INTER], metadata: { oauth_client: { scope: 'read write admin', client_name: 'agent' } } };
  d.network.set(`${rp.id}/.well-known/openid-federation`, await rp.configuration(own));
  const entitle = async (slug: string, id: string, names: string[] | null) => {
    const { status, text } = await d.admin('PUT', `/authorities/${slug}/members/${id}/entitlements`, {
      entitlements: names === null ? null : names.map(scope),
    });
    expect(status, text).toBe(200);
  };
  const resolved = async () => {
    await d.admin('POST', `/authorities/main/entities/${encodeURIComponent(rp.id)}/evaluate`, {});
    const { status, text } = await d.public(`/resolve?sub=${encodeURIComponent(rp.id)}&trust_anchor=${encodeURIComponent(ANCHOR)}`);
    return status === 200 ? (decodeJwt(text) as { metadata: { oauth_client: Record<string, unknown> } }).metadata.oauth_client : status;
  };
  // What is served, for code that is not ours.
  vi.useFakeTimers({ now: NOW * 1000, toFake: ['Date'] });
  vi.stubGlobal('fetch', async (asked: string | URL) => {
    const url = String(asked).replace(/\?$/, '');
    const body = d.network.get(url);
    const { status, text } = body === undefined ? await d.public(url) : { status: 200, text: body };
    return new Response(text, { status, headers: { 'content-type': 'application/entity-statement+jwt' } });
  });
  const theirs = () =>
    resolveTrustChains({
      entityId: rp.id,
      trustAnchorEntityIds: [ANCHOR],
      verifyJwtCallback: (async ({ jwt, jwk }: { jwt: string; jwk: object }) =>
        compactVerify(jwt, await importJWK(jwk as never, 'ES256')).then(() => true)) as never,
    });
  expect([await resolved(), (await theirs()).length]).toEqual([own.metadata.oauth_client, 1]);
  await entitle('main', inter.json.id, ['read', 'list']);
  expect(await resolved(), 'bounded from above alone').toMatchObject({ scope: 'read', client_name: 'agent' });
  await entitle('inter', leaf.json.id, ['read', 'write']);
  expect(await resolved()).toMatchObject({ scope: 'read', token_endpoint_auth_method: 'private_key_jwt', allowed_resources: [], client_name: 'agent' });
  await entitle('inter', leaf.json.id, ['write']);
  expect(await resolved(), 'what is left stays empty').toMatchObject({ scope: '' });
  await entitle('main', inter.json.id, null);
  expect(await resolved()).toMatchObject({ scope: 'write' });
  // It has no rule for `scope` as a list of words (§6.1.3.1.8) and refuses the chain: nobody gets more by it.
  expect(await theirs()).toEqual([]);
  await entitle('inter', leaf.json.id, null);
  expect([await resolved(), (await theirs()).length]).toEqual([own.metadata.oauth_client, 1]);
});
