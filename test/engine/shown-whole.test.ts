import { expect, it } from 'vitest';
import { testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const TYPE = 'https://ta.example.org/mark';

it('an authority is shown whole; its name changes and nothing else of its metadata does', async () => {
  const d = await testDeployment();
  await d.admin('PATCH', A, { metadata: { federation_entity: { contacts: ['ops@example.org'] } } });
  await d.admin('PATCH', A, { organization_name: 'Example', key_rotation: 7_776_000 });
  await d.admin('POST', `${A}/policies`, { metadata_policy: {} });
  await d.admin('POST', `${A}/policies/1/publish`);
  const shown = (await d.admin('GET', A)).json;
  expect(shown.metadata.federation_entity).toMatchObject({ organization_name: 'Example', contacts: ['ops@example.org'] });
  expect(shown).toMatchObject({ policy_version: 1, key_rotation: 7_776_000, keys: [{ state: 'active', alg: 'ES256' }], configuration: { withheld: null } });
  expect(shown.configuration.exp).toBe(shown.configuration.iat + shown.configuration_lifetime);
  expect((await d.admin('PATCH', A, { organization_name: null })).json.metadata.federation_entity.organization_name).toBeUndefined();
});

it('what a trust anchor recognizes is read by type (§3.1.2): issuers, anyone, an owner with keys; nothing once it is forgotten', async () => {
  const d = await testDeployment();
  const owner = await testMember('https://owner.example.org');
  const of = async () => (await d.admin('GET', `${A}/recognized-mark-types`)).json.items;
  expect(await of()).toEqual([]);
  await d.admin('PUT', `${A}/mark-types/${encodeURIComponent(`${TYPE}2`)}/recognition`, { issuers: [] });
  await d.admin('PUT', `${A}/mark-types/${encodeURIComponent(TYPE)}/recognition`, { owner: { sub: owner.id, jwks: owner.jwks } });
  expect(await of()).toMatchObject([
    { trust_mark_type: TYPE, issuers: null, owner: { sub: owner.id, jwks: { keys: [{ kid: owner.key.jwk.kid }] } } },
    { trust_mark_type: `${TYPE}2`, issuers: [], owner: null },
  ]);
  for (const type of [TYPE, `${TYPE}2`]) await d.admin('DELETE', `${A}/mark-types/${encodeURIComponent(type)}/recognition`);
  expect(await of()).toEqual([]);
});

it('members are found by what people type: any case, hosts as they are read; not without the marks of letters', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://xn--bcher-kva.example.org');
  await d.admin('POST', `${A}/members`, { entity_id: 'https://xn--bcher-kva.example.org', jwks, organization: 'ÖSTERREICHISCHE Ämter' });
  const found = async (q: string) => (await d.admin('GET', `${A}/members?q=${encodeURIComponent(q)}`)).json.items.length as number;
  for (const q of ['bücher', 'BÜCHER', 'https://bücher.example', 'bu\u0308cher', 'Österreich', 'ämter', 'ÄMTER', 'xn--bcher', 'EXAMPLE'])
    expect([q, await found(q)]).toEqual([q, 1]);
  for (const q of ['bucher', 'Amter', 'ü', 'nobody', '%', '_']) expect([q, await found(q)]).toEqual([q, 0]);
});

it('a hold is decided by its fingerprint, which is shown with it', async () => {
  const d = await testDeployment();
  const { id, jwks } = await testMember('https://rp.example.org');
  const other = await testMember(id);
  const member = (await d.admin('POST', `${A}/members`, { entity_id: id, jwks, activate: true })).json.id as string;
  const hold = JSON.stringify({ kind: 'all_keys_replaced', detail: 'x', jwks: other.jwks, iat: d.clock, at: d.clock });
  await d.execute(
    `INSERT INTO member_watch (member_id, authority_id, entity_id, checked_at, failures, raised, counting, hold) SELECT '${member}', authority_id, entity_id, ${d.clock}, 0, '[]', '{}', '${hold}' FROM member`,
  );
  const at = `${A}/members/${encodeURIComponent(id)}`;
  const { fingerprint } = (await d.admin('GET', `${at}/watch`)).json.hold as { fingerprint: string };
  expect((await d.admin('POST', `${at}/hold/dismiss`, { reason: 'asked', hold: 'another' })).status).toBe(412);
  expect((await d.admin('POST', `${at}/hold/dismiss`, { reason: 'asked', hold: fingerprint })).json.hold).toBeNull();
});
