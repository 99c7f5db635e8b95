import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const policy = (bytes: number) => ({
  metadata_policy: { openid_relying_party: { contacts: { subset_of: Array.from({ length: 500 }, (_, n) => `${n}`.padEnd(bytes / 500 - 3, 'x')) } } },
});
const claims = (bytes: number) => Object.fromEntries(Array.from({ length: 4 }, (_, n) => [`https://c.example/${n}`, 'é'.repeat(bytes / 8)]));

async function enrolled(bytes: number): Promise<TestDeployment> {
  const d = await testDeployment();
  const { jwks } = await testMember(RP);
  expect((await d.admin('POST', `${A}/members`, { entity_id: RP, jwks, claims: claims(bytes), activate: true })).status).toBe(201);
  return d;
}

it('a policy with which a statement would be too large is refused and names the member; what is in force stays', async () => {
  const d = await enrolled(150_000);
  const refused = await d.admin('POST', `${A}/policies`, policy(60_000));
  expect([refused.status, refused.json.findings]).toEqual([422, [expect.objectContaining({ code: 'too_large', detail: expect.stringContaining(RP) })]]);
  expect((await d.admin('POST', `${A}/policies`, policy(20_000))).status).toBe(201);
  expect((await d.admin('POST', `${A}/policies/1/publish`, {})).status).toBe(200);
  await backgroundTurn(d.deployment, { more: () => true });
  const { text } = await d.public(`/fetch?sub=${RP}`);
  expect(decodeJwt(text)['metadata_policy']).toBeDefined();
  expect((await d.admin('GET', `${A}/jobs`)).json.items).toMatchObject([{ kind: 'resign', state: 'done' }]);
});

it('a member that grew since the draft is seen when it is published; once it is smaller, the same draft is published', async () => {
  const d = await enrolled(8_000);
  expect((await d.admin('POST', `${A}/policies`, policy(60_000))).status).toBe(201);
  const change = (bytes: number) => d.admin('PATCH', `${A}/members/${encodeURIComponent(RP)}`, { claims: claims(bytes) });
  expect((await change(160_000)).status).toBe(200);
  expect((await d.admin('POST', `${A}/policies/1/publish`, {})).json).toMatchObject({ code: 'findings', findings: [{ code: 'too_large' }] });
  expect((await change(100_000)).status).toBe(200);
  expect((await d.admin('POST', `${A}/policies/1/publish`, {})).status).toBe(200);
  await backgroundTurn(d.deployment, { more: () => true });
  expect((await d.admin('GET', `${A}/jobs`)).json.items).toMatchObject([{ kind: 'resign', state: 'done' }]);
});
