import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { startingCall } from '../../src/operations/call.js';
import { fsck } from '../../src/operations/fsck.js';
import { withdrawInstance } from '../../src/operations/marks/grant-mark.js';
import { moveEnd } from '../../src/operations/members/move-end.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const MARKS = 'https://marks.example.org';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const DAY = 86_400;
const of = encodeURIComponent;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });

const issuerId = async (d: TestDeployment) => String((await d.rows('SELECT authority_id FROM trust_mark_type'))[0]?.['authority_id']);

/** A member of one authority that another one has marked. */
async function marked(grant: object = {}, member: object = {}) {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'marks', entityId: MARKS });
  const { jwks } = await testMember(RP);
  const ok = async (method: string, path: string, body?: object) => {
    const answer = await d.admin(method, path, body);
    expect(answer.status, `${path} ${answer.text}`).toBeLessThan(300);
    return answer.json;
  };
  await ok('POST', `${A}/members`, { entity_id: RP, jwks, activate: true, ...member });
  await ok('POST', '/authorities/marks/mark-types', { trust_mark_type: TYPE });
  const granted = await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main', ...grant });
  const mark = () => d.public(`${MARKS}/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`);
  expect((await mark()).status).toBe(200);
  const statusOf = async (trust_mark: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answer = await d.public(`${MARKS}/trust-mark-status`, { method: 'POST', headers, body: new URLSearchParams({ trust_mark }).toString() });
    return answer.status === 200 ? decodeJwt(answer.text)['status'] : answer.status;
  };
  return { d, ok, granted: granted as { id: string; jti: string; trust_mark: string }, mark, statusOf };
}

describe('a grant that has ended gives up the place of its mark, whatever lies there', () => {
  it.each([
    ['withdrawn', (id: string) => `marks/${id}/withdraw`],
    ['ended with its type', () => `mark-types/${of(TYPE)}/halt`],
  ])('%s while its mark was late for renewal: 404, which is definite, and no 503 for ever', async (_, path) => {
    const { d, ok, granted, mark } = await marked();
    d.clock = NOW + 31 * DAY;
    expect((await mark()).status).toBe(503);
    await ok('POST', `/authorities/marks/${path(granted.id)}`, { reason: 'x' });
    expect((await mark()).status).toBe(404);
    await turn(d);
    expect((await mark()).status).toBe(404);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('a grant in force has its place also while no mark can be signed', () => {
  it.each([
    ['fails', () => Promise.reject(new TypeError('socket hang up'))],
    ['is silent', () => new Promise<never>(() => {})],
  ])('one mark is withdrawn while key custody %s: committed; another one comes when custody is back', async (_, signer) => {
    const { d, granted, mark, statusOf } = await marked();
    const away = startingCall({ ...d.deployment, custody: { ...d.deployment.custody, signer } });
    await withdrawInstance(away, 'marks', granted.jti, 'lost');
    expect([(await mark()).status, await statusOf(granted.trust_mark)]).toEqual([503, 503]);
    expect(await fsck(d.deployment)).toEqual([]);
    await turn(d);
    const fresh = await mark();
    expect([fresh.status, fresh.text === granted.trust_mark, await statusOf(granted.trust_mark), await statusOf(fresh.text)]).toEqual([
      200,
      false,
      'revoked',
      'active',
    ]);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('which mark is current its place says: one that is withdrawn after the clock went back has a successor too', async () => {
    const { d, ok, mark, statusOf } = await marked({}, {});
    await ok('PATCH', `/authorities/marks/mark-types/${of(TYPE)}`, { lifetime: null });
    d.clock = NOW + 40 * DAY;
    await turn(d);
    const early = (await mark()).text;
    d.jump(-39 * DAY);
    await ok('POST', '/clock/confirm', { reason: 'it was ahead' });
    await turn(d);
    const { keys } = JSON.parse(JSON.stringify({ keys: (await ok('GET', '/authorities/marks/keys')).items }));
    await ok('POST', `/authorities/marks/keys/${keys[0].kid}/revoke`, { reason: 'superseded' });
    await turn(d);
    const current = (await mark()).text;
    expect([current === early, Number(decodeJwt(current).iat) < Number(decodeJwt(early).iat)]).toEqual([false, true]);
    await ok('POST', `/authorities/marks/issued-marks/${decodeJwt(current)['jti']}/withdraw`, { reason: 'lost' });
    const fresh = await mark();
    expect([fresh.status, await statusOf(current), await statusOf(fresh.text)]).toEqual([200, 'revoked', 'active']);
  });

  it('one mark is withdrawn while the clock is not trusted: committed', async () => {
    const { d, granted, mark } = await marked();
    d.jump(-2 * DAY);
    const answer = await d.admin('POST', `/authorities/marks/issued-marks/${granted.jti}/withdraw`, { reason: 'lost' });
    expect([answer.status, (await mark()).status]).toEqual([200, 503]);
    d.jump(2 * DAY);
    await turn(d);
    expect((await mark()).status).toBe(200);
  });

  it('a member that comes back while the issuer of its mark is halted bears it again once that one is back', async () => {
    const { d, ok, mark } = await marked();
    await ok('POST', `${A}/members/${of(RP)}/suspend`, { reason: 'x' });
    await ok('POST', '/authorities/marks/halt', { reason: 'x' });
    await ok('POST', `${A}/members/${of(RP)}/resume`, {});
    expect((await mark()).status).toBe(404);
    await turn(d);
    expect(await fsck(d.deployment)).toEqual([]);
    await ok('POST', '/authorities/marks/resume', { reason: 'y' });
    expect((await mark()).status).toBe(503);
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect((await d.public(`${MARKS}/trust-mark-list?trust_mark_type=${of(TYPE)}`)).json).toEqual([RP]);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a place that is held goes with a suspension and with its grant', async () => {
    const { d, ok, granted, mark } = await marked();
    const suspend = () => ok('POST', `${A}/members/${of(RP)}/suspend`, { reason: 'x' });
    await suspend();
    await ok('POST', '/authorities/marks/halt', { reason: 'x' });
    await ok('POST', `${A}/members/${of(RP)}/resume`, {});
    await suspend();
    const held = () => d.rows("SELECT key FROM artefact WHERE kind = 'mark'");
    expect(await held()).toEqual([]);
    await ok('POST', `${A}/members/${of(RP)}/resume`, {});
    expect(await held()).toHaveLength(1);
    await ok('POST', `/authorities/marks/marks/${granted.id}/withdraw`, { reason: 'x' });
    expect(await held()).toEqual([]);
    await ok('POST', '/authorities/marks/resume', { reason: 'y' });
    await turn(d);
    expect((await mark()).status).toBe(404);
  });
});

describe('a delegation that has ended', () => {
  it('while a member comes back: its mark is issued once there is another one', async () => {
    const { d, ok, mark } = await marked();
    const delegated = (exp: number) => d.execute(`UPDATE trust_mark_type SET delegation_exp = ${exp}`);
    await delegated(NOW + 10);
    await d.deployment.store.write(moveEnd(d.deployment, { authorityId: await issuerId(d), trustMarkType: TYPE }, NOW + 10));
    await ok('POST', `${A}/members/${of(RP)}/suspend`, { reason: 'x' });
    d.clock = NOW + 60;
    await ok('POST', `${A}/members/${of(RP)}/resume`, {});
    expect((await mark()).status).toBe(404);
    await turn(d);
    expect([(await mark()).status, await fsck(d.deployment)]).toEqual([404, []]);
    await delegated(NOW + DAY);
    await d.deployment.store.write(moveEnd(d.deployment, { authorityId: await issuerId(d), trustMarkType: TYPE }, NOW + DAY));
    await turn(d);
    expect([(await mark()).status, await fsck(d.deployment)]).toEqual([200, []]);
  });
});

describe('P4 a membership that is prolonged after its end', () => {
  const prolong = async (grant: object) => {
    const set = await marked(grant, { valid_until: NOW + DAY });
    set.d.clock = NOW + 2 * DAY;
    expect((await set.mark()).status).toBe(404);
    await set.ok('PATCH', `${A}/members/${of(RP)}`, { valid_until: null });
    return set;
  };
  it('its marks are issued again from the grants that stand', async () => {
    const { d, granted, mark, statusOf } = await prolong({});
    await turn(d);
    const fresh = await mark();
    expect([fresh.status, await statusOf(fresh.text), await statusOf(granted.trust_mark)]).toEqual([200, 'active', 'expired']);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('not from one that has ended meanwhile: that is 404, before and after the renewal', async () => {
    const { d, mark } = await prolong({ valid_until: NOW + 1.5 * DAY });
    expect((await mark()).status).toBe(404);
    await turn(d);
    expect((await mark()).status).toBe(404);
  });
});
