import { describe, expect, it } from 'vitest';
import { retireAuthority } from '../../src/operations/authorities/retire-authority.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { startingCall } from '../../src/operations/call.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { type TestDeployment, testDeployment, whenSigning } from '../support/deployment.js';

const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const okOf = (d: TestDeployment) => async (method: string, path: string, body?: object) => {
  const answer = await d.admin(method, path, body);
  expect(answer.status, `${path} ${answer.text}`).toBeLessThan(300);
  return answer.json;
};

describe('the historical keys of a retired authority that a revocation withheld', () => {
  it('are due until they were signed: another key is revoked while they are', async () => {
    const d = await testDeployment();
    const ok = okOf(d);
    for (let n = 0; n < 2; n++) await ok('POST', '/authorities/main/keys', {});
    await ok('POST', '/authorities/main/retire', { reason: 'x' });
    const keys = (await ok('GET', '/authorities/main/keys')).items as { kid: string; active_at: number | null }[];
    const [first, second] = [...keys].sort((a, b) => Number(b.active_at ?? 0) - Number(a.active_at ?? 0));
    const away = startingCall({ ...d.deployment, custody: { ...d.deployment.custody, signer: () => Promise.reject(new TypeError('x')) } });
    const hk = () => d.public('/historical-keys');
    expect((await hk()).status).toBe(200);
    await revokeKey(away, 'main', String(first?.kid), 'compromised');
    expect((await hk()).status).toBe(503);
    const busy = whenSigning(d.deployment, () => revokeKey(away, 'main', String(second?.kid), 'compromised'));
    await renewSlice(busy.deployment);
    expect([busy.happened(), (await hk()).status]).toEqual([true, 503]);
    d.clock += 100;
    await turn(d);
    expect((await hk()).status).toBe(200);
  });
  it('are due also when that was while it was halted, and key custody was away when it was retired', async () => {
    const d = await testDeployment();
    const ok = okOf(d);
    const keys = (await ok('GET', '/authorities/main/keys')).items as { kid: string; state: string }[];
    await ok('POST', '/authorities/main/keys', {});
    await ok('POST', '/authorities/main/halt', { reason: 'x' });
    await ok('POST', `/authorities/main/keys/${keys[0]?.kid}/revoke`, { reason: 'superseded' });
    await turn(d);
    const away = startingCall({ ...d.deployment, custody: { ...d.deployment.custody, signer: () => Promise.reject(new TypeError('x')) } });
    await retireAuthority(away, 'main', 'x');
    d.clock += 100;
    await turn(d).catch(() => undefined);
    d.clock += 100;
    await turn(d);
    expect((await d.public('/historical-keys')).status).toBe(200);
  });
});
