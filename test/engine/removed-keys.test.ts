import { expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const RP = 'https://rp.example.com';
const M = `/authorities/main/members/${encodeURIComponent(RP)}`;

/** A member with two keys; a person takes the leaked one away; its server goes on showing both, signed by the good one. */
async function leaked() {
  const d = await testDeployment();
  const [good, bad] = [await testKey(), await testKey()];
  const rp = await testMember(RP, good);
  const both = { keys: [good.jwk, bad.jwk] };
  expect((await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: both, activate: true })).status).toBe(201);
  expect((await d.admin('PUT', `${M}/keys`, { jwks: rp.jwks, reason: 'leaked' })).status).toBe(200);
  const show = async (iat: number) => d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ jwks: both, iat }));
  const look = async () => {
    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await discoveryTurn(d.deployment, { more: () => true });
  };
  const bound = async () => ((await d.admin('GET', M)).json.jwks.keys as { kid: string }[]).map(({ kid }) => kid);
  const watch = async () => (await d.admin('GET', `${M}/watch`)).json;
  return { d, good, bad, both, show, look, bound, watch };
}

it('a key that a person took away is bound by no configuration, however new and whoever signed it: it is held', async () => {
  const { d, good, show, look, bound, watch } = await leaked();
  await show(NOW - 10);
  await look();
  expect([await bound(), (await watch()).hold], 'an older configuration is replayed').toEqual([[good.kid], null]);
  d.clock = NOW + 100;
  await show(NOW + 90);
  for (let n = 0; n < 3; n++) await look();
  expect(await bound()).toEqual([good.kid]);
  expect((await watch()).hold).toMatchObject({ kind: 'removed_key_shown' });
  expect((await d.admin('POST', `${M}/keys/adopt`, {})).json.code).toBe('wrong_state');
});

it('a person who accepts what is held binds it, and it is followed from then on', async () => {
  const { d, good, bad, show, look, bound, watch } = await leaked();
  d.clock = NOW + 100;
  await show(NOW + 90);
  await look();
  const accepted = await d.admin('POST', `${M}/hold/accept`, { reason: 'it was another key that leaked' }, { headers: { 'idempotency-key': 'once' } });
  expect(accepted.status, accepted.text).toBe(200);
  expect(await bound()).toEqual([good.kid, bad.kid]);
  d.clock = NOW + 200;
  await show(NOW + 190);
  await look();
  expect([await bound(), (await watch()).hold]).toEqual([[good.kid, bad.kid], null]);
});
