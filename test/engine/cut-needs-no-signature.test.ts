import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { startingCall } from '../../src/operations/call.js';
import { fsck } from '../../src/operations/fsck.js';
import { signDueStatuses } from '../../src/operations/marks/cut-marks.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';

/** Key custody as it is when it is away: it fails in a way nobody foresaw, or says nothing at all. */
const AWAY = {
  fails: () => Promise.reject(new TypeError('socket hang up')),
  'is silent': () => new Promise<never>(() => {}),
};

async function marked() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
  const granted = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
  const status = () =>
    d.public('/trust-mark-status', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ trust_mark: granted.json.trust_mark }).toString(),
    });
  const served = async () => [
    (await d.public(`/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(RP)}`)).status,
    (await status()).status,
  ];
  expect(await served()).toEqual([200, 200]);
  return { d, grant: granted.json.id as string, status, served };
}

describe.each(Object.entries(AWAY))('a cut needs no signature: key custody %s', (_how, signer) => {
  const away = (d: Awaited<ReturnType<typeof marked>>['d']) => startingCall({ ...d.deployment, custody: { ...d.deployment.custody, signer } });

  it.each(['suspend', 'revoke'] as const)('%s of a member that bears a mark is committed, and its status is due', async (verb) => {
    const { d, status, served } = await marked();
    await moveMember(away(d), 'main', RP, verb, { reason: 'fraud' });
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(404);
    expect(await served()).toEqual([404, 503]);
    expect(await signDueStatuses(d.deployment)).toBe(1);
    expect(decodeJwt((await status()).text)['status']).toBe('revoked');
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('so is the end of a grant', async () => {
    const { d, grant, served } = await marked();
    await withdrawGrant(away(d), 'main', grant, 'no longer certified');
    expect(await served()).toEqual([404, 503]);
  });

  it('and the halt of a type', async () => {
    const { d, served } = await marked();
    await haltMarkType(away(d), 'main', TYPE, true, 'withdrawn by its owner');
    expect(await served()).toEqual([404, 503]);
  });
});

it('a slice that signs what is due says what failed, and signs it once custody is back', async () => {
  const { d, status } = await marked();
  const broken = { ...d.deployment, custody: { ...d.deployment.custody, signer: AWAY.fails } };
  await moveMember(startingCall(broken), 'main', RP, 'suspend', { reason: 'fraud' });
  await expect(signDueStatuses(broken)).rejects.toThrow('socket hang up');
  expect((await status()).status).toBe(503);
  expect(await signDueStatuses(d.deployment)).toBe(1);
});
