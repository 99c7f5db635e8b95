import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const OTHER = 'https://other.example.org';
const RP = 'https://rp.example.com';
const of = encodeURIComponent;

/** An authority that is a member of another one, beside a member that is sound. */
async function below() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'other', entityId: OTHER });
  const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items as { kid: string; jwk: object }[];
  for (const [entity_id, jwks] of [
    [ANCHOR, { keys: [key?.jwk] }],
    [RP, (await testMember(RP)).jwks],
  ])
    expect((await d.admin('POST', '/authorities/other/members', { entity_id, jwks, activate: true })).status).toBe(201);
  const fetched = async () => (await d.public(`${OTHER}/fetch?sub=${of(ANCHOR)}`)).status;
  expect(await fetched()).toBe(200);
  return { d, fetched, revoke: () => d.admin('POST', `/authorities/main/keys/${key?.kid}/revoke`, { reason: 'compromised' }), kid: key?.kid };
}

describe('a key is compromised, and a row that has it is damaged', () => {
  it.each(['{"keys":[', '{}', '{"keys":[null]}', '[]', ''])(
    'its keys are %j: revoked all the same, and the member is suspended with its cell as it was',
    async (held) => {
      const { d, fetched, revoke } = await below();
      await d.execute(`UPDATE member SET jwks = '${held}' WHERE entity_id = '${ANCHOR}'`);
      expect((await revoke()).status).toBe(200);
      expect(await fetched()).toBe(404);
      expect(await d.rows(`SELECT state, jwks FROM member WHERE entity_id = '${ANCHOR}'`)).toEqual([{ state: 'suspended', jwks: held }]);
      expect((await d.public(`${OTHER}/fetch?sub=${of(RP)}`)).status).toBe(200);
    },
  );

  it.each(['removed_keys', 'metadata', 'claims', 'constraints', 'crit'])(
    'its %s: revoked all the same, and no statement with that key is served',
    async (column) => {
      const { d, fetched, revoke, kid } = await below();
      await d.execute(`UPDATE member SET ${column} = '{x' WHERE entity_id = '${ANCHOR}'`);
      expect((await revoke()).status).toBe(200);
      const [row] = await d.rows(`SELECT jwks FROM member WHERE entity_id = '${ANCHOR}'`);
      const served = await fetched();
      expect([200, 503]).toContain(served);
      expect(String(row?.['jwks'])).not.toContain(kid);
    },
  );

  it('the key itself is: found by its thumbprint', async () => {
    const { d, fetched, revoke, kid } = await below();
    await d.execute(`UPDATE authority_key SET jwk = '{x' WHERE kid = '${kid}'`);
    expect((await revoke()).status).toBe(200);
    const [row] = await d.rows(`SELECT jwks, removed_keys FROM member WHERE entity_id = '${ANCHOR}'`);
    expect(String(row?.['jwks'])).not.toContain(kid);
    expect(String(row?.['removed_keys'])).toContain(kid);
    expect([200, 503]).toContain(await fetched());
  });

  const former = async (d: TestDeployment) => {
    await backgroundTurn(d.deployment, { more: () => true });
    const answer = await d.public('/historical-keys');
    return answer.status === 200 ? (decodeJwt(answer.text)['keys'] as { kid: string; revoked: { reason: string } }[]) : answer.status;
  };

  it.each(['{x', '{}', '[]', ''])('its own cell is %j: it is told among the historical keys, as the authority has signed it itself (§8.7)', async (held) => {
    const { d, revoke, kid } = await below();
    const [{ jwk } = {}] = await d.rows(`SELECT jwk FROM authority_key WHERE kid = '${kid}'`);
    await d.execute(`UPDATE authority_key SET jwk = '${held}' WHERE kid = '${kid}'`);
    expect((await revoke()).status).toBe(200);
    const told = [{ ...JSON.parse(String(jwk)), kid, revoked: { reason: 'compromised', revoked_at: expect.any(Number) } }];
    expect(await former(d)).toMatchObject(told);
    // And again, when nothing but the historical keys has it any more.
    await d.execute("UPDATE artefact SET renew_at = 1, lease_until = 0 WHERE kind = 'historical_keys'");
    expect(await former(d)).toMatchObject(told);
    expect((await d.public('/.well-known/openid-federation')).status).toBe(200);
  });

  it('its own cell is, and it can be read nowhere: it is left out, and takes no other along', async () => {
    const { d, revoke, kid } = await below();
    expect((await d.admin('POST', `/authorities/main/keys/${kid}/revoke`, { reason: 'superseded' })).status).toBe(200);
    const [{ kid: second } = {}] = await d.rows(
      "SELECT kid FROM authority_key WHERE state = 'active' AND authority_id = (SELECT id FROM authority WHERE slug = 'main')",
    );
    await d.execute(`UPDATE authority_key SET jwk = '{x' WHERE kid = '${second}'`);
    await d.execute("UPDATE artefact SET bytes = 'x' WHERE kind = 'entity_configuration'");
    expect((await d.admin('POST', `/authorities/main/keys/${second}/revoke`, { reason: 'compromised' })).status).toBe(200);
    expect(await former(d)).toMatchObject([{ kid, revoked: { reason: 'superseded' } }]);
    expect((await revoke()).status).toBe(200);
    expect(await former(d)).toMatchObject([{ kid, revoked: { reason: 'compromised' } }]);
  });
});
