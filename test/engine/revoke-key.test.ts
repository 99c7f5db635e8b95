import { calculateJwkThumbprint, decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { rotateAll } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const BELOW = 'https://below.example.org';
const RP = 'https://rp.example.com';
const kidsOf = async (d: TestDeployment, slug: string) => {
  const { items } = (await d.admin('GET', `/authorities/${slug}/keys`)).json as { items: { kid: string; state: string; jwk: object }[] };
  return items;
};
const activeKey = async (d: TestDeployment, slug: string) => (await kidsOf(d, slug)).find(({ state }) => state === 'active');
const revoke = (d: TestDeployment, slug: string, kid: string, reason: string, headers = {}) =>
  d.admin('POST', `/authorities/${slug}/keys/${kid}/revoke`, { reason }, { headers });

async function withBelow() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'below', entityId: BELOW, authorityHints: [ANCHOR, 'https://foreign.example.net'] });
  const leaked = (await activeKey(d, 'below')) as { kid: string; jwk: object };
  await d.admin('POST', '/authorities/main/members', { entity_id: BELOW, jwks: { keys: [leaked.jwk] }, intermediate: true, activate: true });
  return { d, leaked };
}

describe('a compromised key of an authority here', () => {
  it('leaves the statement of its superior here in the same commit, the heir stands there; foreign superiors are named', async () => {
    const { d, leaked } = await withBelow();
    const said = await revoke(d, 'below', leaked.kid, 'compromised', { 'idempotency-key': 'once' });
    expect([said.status, said.json.foreign_superiors]).toEqual([200, ['https://foreign.example.net']]);
    expect((await revoke(d, 'below', leaked.kid, 'compromised', { 'idempotency-key': 'once' })).json).toEqual(said.json);
    const answer = await d.public(`/fetch?sub=${encodeURIComponent(BELOW)}`);
    const heir = (await activeKey(d, 'below'))?.kid;
    expect(answer.status).toBe(200);
    expect((decodeJwt(answer.text) as unknown as { jwks: { keys: { kid: string }[] } }).jwks.keys.map(({ kid }) => kid)).toEqual([heir]);
    expect(await fsck(d.deployment)).toEqual([]);
    const [remembered] = await d.rows("SELECT removed_keys FROM member WHERE removed_keys <> '[]'");
    expect(JSON.parse(String(remembered?.['removed_keys'])), 'no configuration binds it again').toEqual([await calculateJwkThumbprint(leaked.jwk)]);
  });

  it('also where its superior’s own key does not sign now: nothing is served, the revocation stands', async () => {
    const { d, leaked } = await withBelow();
    const down = {
      ...d.call,
      custody: { ...d.deployment.custody, generate: () => Promise.reject(new Error('down')), signer: () => Promise.reject(new Error('down')) },
    };
    expect((await revokeKey(down, 'below', leaked.kid, 'compromised')).state).toBe('revoked');
    expect((await d.public(`/fetch?sub=${encodeURIComponent(BELOW)}`)).status).not.toBe(200);
    expect((await d.public(`${BELOW}/.well-known/openid-federation`)).status).toBe(503);
    await rotateAll(d.deployment);
    expect((await activeKey(d, 'below'))?.kid).not.toBe(leaked.kid);
    expect((await d.public(`${BELOW}/.well-known/openid-federation`)).status).toBe(200);
  });

  it('stays compromised; unknown reasons and near misses are refused; it may be learned later', async () => {
    const { d, leaked } = await withBelow();
    for (const near of ['compromise', 'key_compromise', 'Compromised', 'my_code']) expect((await revoke(d, 'below', leaked.kid, near)).status, near).toBe(400);
    expect((await revoke(d, 'below', leaked.kid, 'key_compromise')).json.detail).toContain('did you mean "compromised"');
    expect((await revoke(d, 'below', leaked.kid, 'superseded')).status).toBe(200);
    expect((await revoke(d, 'below', leaked.kid, 'compromised')).json.revoked_reason).toBe('compromised');
    expect((await revoke(d, 'below', leaked.kid, 'superseded')).json.code).toBe('wrong_state');
  });
});

describe('a key revoked for another reason', () => {
  it('leaves nothing that nobody can verify: what it signed is withheld, a retiring one’s too', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: (await testMember(RP)).jwks, activate: true });
    const first = (await activeKey(d, 'main')) as { kid: string };
    const next = (await d.admin('POST', '/authorities/main/keys', {})).json.kid;
    await d.admin('POST', `/authorities/main/keys/${next}/activate`, { force: true });
    expect((await revoke(d, 'main', first.kid, 'superseded')).status).toBe(200);
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(503);
    expect(await rotateAll({ ...d.deployment, now: () => NOW + 1 })).toEqual([]);
  });

  it('a staged key that does not open is no heir', async () => {
    const d = await testDeployment();
    const first = (await activeKey(d, 'main')) as { kid: string };
    const staged = (await d.admin('POST', '/authorities/main/keys', {})).json.kid;
    await d.deployment.store.write([{ toSQL: () => ({ sql: "UPDATE authority_key SET sealed = 'AAAA' WHERE kid = ?", params: [staged] }) }]);
    expect((await revoke(d, 'main', first.kid, 'compromised')).status).toBe(200);
    expect([first.kid, staged]).not.toContain((await activeKey(d, 'main'))?.kid);
  });
});
