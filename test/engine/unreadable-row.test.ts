import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const MEMBERS = '/authorities/main/members';
const day = 86_400;
const idOf = (n: number) => `https://rp${n}.example.com`;
const statementOf = (d: TestDeployment, n: number) => d.public(`/fetch?sub=${encodeURIComponent(idOf(n))}`);

/** Renew until nothing is due; what failed is told. */
async function renewAll(d: TestDeployment): Promise<readonly string[]> {
  const told: string[] = [];
  for (let n = 0; n < 5; n++) {
    const taken = await renewSlice(d.deployment).catch((error: Error) => {
      told.push(error.message);
      return 1;
    });
    if (taken === 0) break;
  }
  return told;
}

it('one member whose row cannot be read holds up nobody else, and is told of by name', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://x.example');
  for (let n = 0; n < 7; n++) expect((await d.admin('POST', MEMBERS, { entity_id: idOf(n), jwks, activate: true })).status).toBe(201);
  await d.execute(`UPDATE member SET jwks = '{"keys":[' WHERE entity_id = '${idOf(3)}'`);
  d.clock = NOW + day * 0.65;
  expect(await renewAll(d)).toEqual([`statement ${idOf(3)} cannot be renewed: its row in the database cannot be read`]);
  d.clock = NOW + day + 60;
  for (let n = 0; n < 7; n++) expect((await statementOf(d, n)).status, idOf(n)).toBe(n === 3 ? 503 : 200);
  const configuration = await d.public('/.well-known/openid-federation');
  expect([configuration.status, decodeJwt(configuration.text).iat]).toEqual([200, NOW + day * 0.65]);
});

it('milliseconds and what is past are refused where seconds are meant', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://x.example');
  const key = (expires_at: number) => d.admin('POST', '/api-keys', { name: 'k', role: 'owner', expires_at });
  expect([(await key(Date.now() + day * 1000)).status, (await key(-1)).status, (await key(NOW - 1)).status, (await key(NOW + day)).status]).toEqual([
    400, 400, 400, 201,
  ]);
  const member = await d.admin('POST', MEMBERS, { entity_id: idOf(0), jwks, valid_until: (NOW + day) * 1000 });
  expect([member.status, member.text.includes('valid_until')]).toEqual([400, true]);
});
