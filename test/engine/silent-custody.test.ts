import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { retireAuthority } from '../../src/operations/authorities/retire-authority.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { startingCall } from '../../src/operations/call.js';
import { fsck } from '../../src/operations/fsck.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const OTHER = 'https://other.example.org';
const RP = 'https://rp.example.com';
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
describe('a revocation and an end wait for no signature: key custody is silent', () => {
  const silent = (d: TestDeployment, what: object = { signer: () => new Promise<never>(() => {}) }) =>
    startingCall({ ...d.deployment, custody: { ...d.deployment.custody, ...what } });
  const soon = <T>(p: Promise<T>) => Promise.race([p.then(() => 'done'), new Promise<string>((r) => setTimeout(() => r('waits'), 30_000))]);
  const all = { signer: () => new Promise<never>(() => {}), generate: () => new Promise<never>(() => {}) };
  it.each(['superseded', 'compromised'])('a key is revoked as %s', async (reason) => {
    const { d } = { d: await testDeployment() };
    await createAuthority(d.call, { slug: 'other', entityId: OTHER });
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    await d.admin('POST', '/authorities/other/members', { entity_id: 'https://anchor.example.org', jwks: { keys: [key.jwk] }, activate: true });
    await d.admin('POST', '/authorities/main/keys', {});
    expect(await soon(revokeKey(silent(d), 'main', key.kid, reason))).toBe('done');
  });
  it('nor for a new key: the authority has one as soon as custody gives one', async () => {
    const { d } = { d: await testDeployment() };
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    expect(await soon(revokeKey(silent(d, all), 'main', key.kid, 'superseded'))).toBe('done');
    await turn(d);
    await turn(d);
    expect((await d.public('/.well-known/openid-federation')).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('an authority is retired', async () => {
    const { d } = { d: await testDeployment() };
    expect(await soon(retireAuthority(silent(d), 'main', 'x'))).toBe('done');
  });
  it('what a revocation has withheld is no damage', async () => {
    const { d } = { d: await testDeployment() };
    await createAuthority(d.call, { slug: 'other', entityId: OTHER });
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    await d.admin('POST', '/authorities/other/members', {
      entity_id: 'https://anchor.example.org',
      jwks: { keys: [key.jwk, (await testMember(RP)).jwks.keys[0]] },
      activate: true,
    });
    const call = startingCall({ ...d.deployment, custody: { ...d.deployment.custody, signer: () => Promise.reject(new TypeError('x')) } });
    await revokeKey(call, 'main', key.kid, 'compromised');
    expect((await fsck(d.deployment)).map(({ code }) => code)).toEqual(['key_missing']);
  });
});
