import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { issueStatement } from '../../src/operations/registering/issue-statement.js';
import { ANCHOR, testMember } from '../support/deployment.js';
import { A, registering } from '../support/registering.js';

const place = (slug: string) => `https://${slug}.example.org`;
const leaf = 'https://leaf.example.com';
const at = (slug: string, id: string, verb: string) => `/authorities/${slug}/members/${encodeURIComponent(id)}/${verb}`;

/** An authority two below the anchor, all of this deployment, with a member that is a client. */
async function twoBelow() {
  const { d, client } = await registering();
  const superiors = { between: ANCHOR, agents: place('between') };
  for (const [slug, superior] of Object.entries(superiors)) {
    await d.admin('POST', '/authorities', { slug, entity_id: place(slug), organization_name: slug, authority_hints: [superior] });
    const { jwks } = decodeJwt((await d.public(`${place(slug)}/.well-known/openid-federation`)).text);
    const above = superior === ANCHOR ? A : '/authorities/between';
    await d.admin('POST', `${above}/members`, { entity_id: place(slug), jwks, entity_types: ['federation_entity'], intermediate: true, activate: true });
  }
  const one = await testMember(leaf);
  const metadata = { oauth_client: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] }, scope: 'read' } };
  d.network.set(`${leaf}/.well-known/openid-federation`, await one.configuration({ authority_hints: [place('agents')], metadata }));
  await d.admin('POST', '/authorities/agents/members', { entity_id: leaf, jwks: one.jwks, entity_types: ['oauth_client'], activate: true });
  await d.admin('POST', '/authorities/agents/anchors', { entity_id: ANCHOR });
  await backgroundTurn(d.deployment, { more: () => true });
  for (const id of [leaf, place('agents')]) await d.admin('POST', `/authorities/agents/entities/${encodeURIComponent(id)}/evaluate`, {});
  const issue = async () => {
    const { status, json, text } = await d.admin('POST', at('agents', leaf, 'software-statements'), {});
    expect(status, text).toBe(201);
    return { chain: decodeProtectedHeader(String(json.software_statement))['trust_chain'] as readonly string[] | undefined };
  };
  const resolved = async () =>
    (await d.public(`${place('agents')}/resolve?sub=${encodeURIComponent(place('agents'))}&trust_anchor=${encodeURIComponent(ANCHOR)}`)).status;
  return { d, issue, resolved };
}

const CUTS = {
  'the authority in between is halted': '/authorities/between/halt',
  'the anchor suspends it': at('main', place('between'), 'suspend'),
  'the anchor revokes it': at('main', place('between'), 'revoke'),
  'it suspends the authority': at('between', place('agents'), 'suspend'),
};

it.each(Object.entries(CUTS))('a chain that was cut goes along with nothing that is signed after that: %s', async (_, path) => {
  const { d, issue, resolved } = await twoBelow();
  expect([(await issue()).chain?.length, await resolved()]).toEqual([4, 200]);
  expect((await d.admin('POST', path, { reason: 'cut' })).status).toBe(200);
  expect([await resolved(), (await issue()).chain]).toEqual([404, undefined]);
});

it('nor what is cut while it waits for the lock', async () => {
  const { d } = await twoBelow();
  const { store } = d.call;
  const change: typeof store.change = async (request) => {
    await d.admin('POST', CUTS['the authority in between is halted'], { reason: 'cut' });
    return store.change(request);
  };
  const call = { ...d.call, store: { ...store, change } };
  const { compact, findings } = await issueStatement(call, 'agents', leaf, {});
  expect(decodeProtectedHeader(compact)).not.toHaveProperty('trust_chain');
  expect(findings).toMatchObject([{ code: 'no_chain', detail: expect.stringContaining('cut') }]);
});
