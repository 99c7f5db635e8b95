import type { Call } from '../../src/operations/call.js';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { type Deployment, startingCall } from '../../src/operations/call.js';
import { confirmClock } from '../../src/operations/clock/confirm-clock.js';
import { judgeClock } from '../../src/operations/clock/judge-clock.js';
import { trustedClock } from '../../src/operations/clock/trusted-clock.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { readiness } from '../../src/platform/health.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
const RP = 'https://rp.example.com';
const MEMBERS = '/authorities/main/members';
const work = (deployment: Deployment) => backgroundTurn(deployment, { more: () => true });
const renewed = async (deployment: Deployment) => (await work(deployment)).renewed;
const fetchStatement = (d: TestDeployment) => d.public(`/fetch?sub=${encodeURIComponent(RP)}`);
const iatOf = async (d: TestDeployment) => decodeJwt((await fetchStatement(d)).text).iat as number;
const UNTRUSTED = /the clock is not trusted/;

async function withMember(): Promise<TestDeployment> {
  const d = await testDeployment();
  const { jwks } = await testMember(RP);
  expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks, activate: true })).status).toBe(201);
  return d;
}

const suspend = (d: TestDeployment) => d.admin('POST', `${MEMBERS}/${encodeURIComponent(RP)}/suspend`, { reason: 'fraud' });

describe('a clock that jumped while the process was running', () => {
  for (const [name, by] of [
    ['ahead by 30 days', 30 * DAY],
    ['ahead by an hour', HOUR],
    ['ahead by more than the tolerance', 31],
    ['back by an hour', -HOUR],
    ['back by 30 days', -30 * DAY],
  ] as const)
    it(`${name}: nothing is signed, renewed, purged or discovered, and readiness says so; set right, all goes on by itself`, async () => {
      const d = await withMember();
      await work(d.deployment);
      d.clock += 16 * HOUR; // renewal is due
      d.jump(by);
      await expect(work(d.deployment)).rejects.toThrow(UNTRUSTED);
      await expect(discoveryTurn(d.deployment, { more: () => true })).rejects.toThrow(UNTRUSTED);
      expect((await readiness(d.deployment)).checks).toMatchObject({ clock: 'failing' });
      const other = await testMember('https://other.example.com');
      expect(await d.admin('POST', MEMBERS, { entity_id: other.id, jwks: other.jwks, activate: true })).toMatchObject({
        status: 503,
        json: { code: 'temporarily_unavailable', detail: expect.stringMatching(UNTRUSTED) },
      });
      d.jump(-by);
      expect(await renewed(d.deployment)).toBeGreaterThan(0);
      expect(await iatOf(d)).toBe(d.clock);
    });

  it('what is within tolerance is followed, however often it is slewed', async () => {
    const d = await withMember();
    for (let n = 0; n < 10; n++) {
      d.clock += HOUR;
      d.jump(29);
      await work(d.deployment);
    }
    expect((await readiness(d.deployment)).checks['clock']).toBe('ok');
  });

  it('time that passes is no jump, however long', async () => {
    const d = await withMember();
    d.clock += 300 * DAY;
    expect(await renewed(d.deployment)).toBeGreaterThan(0);
  });

  it('a cut needs no clock: it is committed, served no more, and its event says what was wrong', async () => {
    const d = await withMember();
    d.jump(-2 * DAY);
    expect((await suspend(d)).json).toMatchObject({ state: 'suspended' });
    expect((await fetchStatement(d)).status).toBe(404);
    const { json } = await d.admin('GET', `${MEMBERS}/${encodeURIComponent(RP)}/history`);
    expect(json.items.at(-1)).toMatchObject({ type: 'member.suspended', detail: { clock: expect.stringMatching(UNTRUSTED) } });
  });

  it('a compromised key is revoked with it all the same: what it signed is withheld', async () => {
    const d = await withMember();
    const [{ kid }] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    d.jump(40 * DAY);
    d.jump(0);
    expect((await d.admin('POST', `/authorities/main/keys/${kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
    d.jump(-40 * DAY);
    expect((await fetchStatement(d)).status).toBe(503);
  });
});

describe('a process that starts with another clock', () => {
  it('behind what was signed before: nothing is signed until the time comes', async () => {
    const d = await withMember();
    d.clock += 2 * HOUR;
    await work(d.deployment);
    d.jump(-HOUR);
    await expect(work(d.restarted())).rejects.toThrow(/3600 s behind the time this deployment has signed at before/);
    d.clock += HOUR;
    await work(d.restarted());
  });

  it('signing moves the trusted time by the minute, work that signs nothing by the hour', async () => {
    const d = await withMember();
    d.clock += 61;
    await d.admin('POST', MEMBERS, { entity_id: 'https://a.example.com', jwks: (await testMember('https://a.example.com')).jwks, activate: true });
    const highest = async () => (await d.deployment.clock.state(d.deployment.store)).highest;
    expect(await highest()).toBe(NOW + 61);
    // Where somebody is in force a status list is signed each minute.
    await d.execute("DELETE FROM artefact WHERE kind = 'status_list'");
    d.clock += 300;
    await work(d.deployment); // the head of the event chain is signed
    const signed = NOW + 361;
    expect(await highest()).toBe(signed);
    d.clock += HOUR - 1;
    await work(d.deployment);
    expect(await highest()).toBe(signed);
    d.clock += 1;
    await work(d.deployment);
    expect(await highest()).toBe(signed + HOUR);
  });

  it('a weekend later all goes on; after more than three days somebody has to say that they have passed', async () => {
    const d = await withMember();
    d.jump(3 * DAY);
    expect(await renewed(d.restarted())).toBeGreaterThan(0);
    d.jump(3 * DAY + 1);
    const late = d.restarted();
    await expect(work(late)).rejects.toThrow(/259201 s ahead of the last time this deployment knew/);
    // Looking again does not make it true.
    await expect(work(late)).rejects.toThrow(UNTRUSTED);
  });

  it('P8: what was signed ahead of a clock that was set right is due at once when somebody confirms it, in every process', async () => {
    const d = await withMember();
    d.clock += 16 * HOUR;
    d.jump(2 * DAY);
    const wrong = d.restarted();
    expect(await renewed(wrong)).toBeGreaterThan(0);
    expect(await iatOf(d)).toBe(d.clock);
    d.jump(-2 * DAY);
    const right = d.restarted();
    await expect(work(right)).rejects.toThrow(UNTRUSTED);
    const admin = createAdminApp(() => right);
    const post = (body: unknown) =>
      admin.request('http://admin.test/admin/v1/clock/confirm', {
        method: 'POST',
        headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    expect((await post({})).status).toBe(400);
    const confirmed = await post({ reason: 'the machine had no time server at its start' });
    expect(await confirmed.json()).toMatchObject({ trusted: true, highest_trusted: d.clock });
    expect(await renewed(right)).toBeGreaterThan(0);
    expect(await iatOf(d)).toBe(d.clock);
    for (const path of ['/.well-known/openid-federation']) expect(decodeJwt((await d.public(path)).text).iat).toBeLessThanOrEqual(d.clock);
    // The process that had the wrong clock has to be right now too; it begins anew.
    await work(wrong);
    const { items } = (await d.admin('GET', '/events')).json;
    expect(items.at(-1)).toMatchObject({ type: 'clock.confirmed', reason: 'the machine had no time server at its start', detail: { problem: 'behind' } });
  });

  it('whom nobody has looked at yet, because it was put off by a clock ahead, is evaluated at once when the clock is confirmed', async () => {
    const d = await testDeployment();
    d.jump(2 * DAY);
    const wrong = d.restarted();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await enrollMember(startingCall(wrong), 'main', { entityId: RP, jwks: rp.jwks, activate: true });
    d.jump(-2 * DAY);
    const right = d.restarted();
    await confirmClock(startingCall(right), 'it was ahead');
    await work(right);
    await discoveryTurn(right, { more: () => true });
    expect((await d.public(`/resolve?sub=${encodeURIComponent(RP)}&trust_anchor=${encodeURIComponent(ANCHOR)}`)).status).toBe(200);
  });

  it('only an owner of the whole deployment confirms, and an auditor may look', async () => {
    const d = await withMember();
    const body = { reason: 'looked' };
    for (const role of ['operator', 'approver', 'auditor'] as const)
      expect((await d.admin('POST', '/clock/confirm', body, { token: await d.tokenFor(role) })).status).toBe(403);
    expect((await d.admin('GET', '/clock', undefined, { token: await d.tokenFor('auditor') })).json).toMatchObject({ trusted: true, problem: null });
  });
});

describe('judgeClock', () => {
  const facts = { now: NOW, expected: undefined, highest: 0, development: false };
  it.each([
    ['nothing is known', {}, undefined],
    ['at the tolerance', { expected: NOW - 30 }, undefined],
    ['past it', { expected: NOW - 31 }, { problem: 'jumped', by: 31 }],
    ['past it, back', { expected: NOW + 31 }, { problem: 'jumped', by: -31 }],
    ['behind by the tolerance', { highest: NOW + 30 }, undefined],
    ['behind by more', { highest: NOW + 31 }, { problem: 'behind', by: -31 }],
    ['down for as long as is allowed', { highest: NOW - 3 * DAY }, undefined],
    ['for longer', { highest: NOW - 3 * DAY - 1 }, { problem: 'ahead', by: 3 * DAY + 1 }],
    ['for longer, in development', { highest: NOW - 300 * DAY, development: true }, undefined],
    ['for longer, but this process saw it pass', { highest: NOW - 300 * DAY, expected: NOW }, undefined],
  ] as const)('%s', (_, given, found) => {
    expect(judgeClock({ ...facts, ...given })).toEqual(found);
  });
});

it('a confirmation is about the clock of the process that made it: another one, that jumped, is trusted no more than before', async () => {
  const d = await testDeployment();
  let elapsed = 0;
  let off = 0;
  const right = trustedClock({ now: () => NOW + elapsed, elapsed: () => elapsed }, { development: false });
  const wrong = trustedClock({ now: () => NOW + elapsed + off, elapsed: () => elapsed }, { development: false });
  const trusted = async () => [(await right.state(d.store)).trusted, (await wrong.state(d.store)).trusted];
  expect(await trusted()).toEqual([true, true]);
  elapsed += 10;
  off = 2 * 86_400;
  expect(await trusted()).toEqual([true, false]);
  await confirmClock({ ...d.call, clock: right, now: right.now }, 'compared with another source');
  for (const _ of [1, 2, 3]) {
    elapsed += 2;
    expect(await trusted()).toEqual([true, false]);
    await wrong.note(d.store, { signing: true });
  }
  off = 0;
  elapsed += 2;
  expect(await trusted()).toEqual([true, true]);
});

describe('an answer is remembered with the change that gave it', () => {
  it('a clock is confirmed with an Idempotency-Key, and again', async () => {
    const d = await testDeployment();
    d.jump(-2 * 86_400);
    const confirm = () => d.admin('POST', '/clock/confirm', { reason: 'it was ahead' }, { headers: { 'idempotency-key': 'k1' } });
    for (let n = 0; n < 2; n++) expect(await confirm()).toMatchObject({ status: 200, json: { trusted: true } });
  });

  it('a call whose answer is one thing is not used up by a change that gives another: it does not compile', () => {
    const one = (_call: Call<{ readonly id: string }>) => undefined;
    // @ts-expect-error: the answer is rendered from a number
    const wrong = (call: Call<number>) => one(call);
    const right = (call: Call<unknown>) => one(call);
    expect([wrong.length, right.length]).toEqual([1, 1]);
  });
});
