import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { validateTrustMark, validateTrustMarkStatus } from '../../src/federation/entry.js';
import { backgroundTurn, purge } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const M = `${A}/members/${encodeURIComponent(RP)}`;
const TYPE = 'https://anchor.example.org/marks/certified';
const T = encodeURIComponent(TYPE);
const day = 86_400;
const MARK_URL = `/trust-mark?trust_mark_type=${T}&sub=${encodeURIComponent(RP)}`;

async function marked(more: object = {}) {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  const type = await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE, lifetime: null });
  expect([type.status, type.json.lifetime]).toEqual([201, null]);
  await d.admin('PUT', `${A}/mark-types/${T}/recognition`, { issuers: [ANCHOR] });
  const granted = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP, ...more });
  expect(granted.status, granted.text).toBe(201);
  return Object.assign(d, { rp, granted: granted.json as { id: string; jti: string; exp: number | null; trust_mark: string } });
}
const status = (d: TestDeployment, mark: string) =>
  d.public('/trust-mark-status', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ trust_mark: mark }).toString(),
  });
const statusOf = async (d: TestDeployment, mark: string) => decodeJwt((await status(d, mark)).text)['status'];
const anchor = async (d: TestDeployment) => decodeJwt((await d.public('/.well-known/openid-federation')).text) as { jwks: { keys: never[] } };
const renewAll = async (d: TestDeployment) => {
  while ((await renewSlice(d.deployment)) > 0);
};
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });

describe('marks without end (§7.1: "exp" is OPTIONAL)', () => {
  it('a mark of a type without lifetime carries no exp, validates, is active; the answers about it end and are renewed', async () => {
    const d = await marked();
    expect(decodeJwt(d.granted.trust_mark)).toEqual({ iss: ANCHOR, sub: RP, trust_mark_type: TYPE, iat: NOW, jti: d.granted.jti });
    expect(d.granted.exp).toBeNull();
    expect((await d.admin('GET', `${A}/marks`)).json.items).toMatchObject([{ jti: d.granted.jti, exp: null }]);
    expect((await d.admin('GET', `${A}/marks/${d.granted.id}/issued`)).json.items).toMatchObject([{ exp: null, revoked_at: null }]);
    const claims = await anchor(d);
    const checked = await validateTrustMark(d.granted.trust_mark, {
      now: NOW,
      subject: RP,
      issuer: { entityId: ANCHOR, jwks: claims.jwks },
      anchor: claims as never,
    });
    expect(checked).toMatchObject({ ok: true });
    for (const at of [NOW, NOW + day, NOW + 400 * day]) {
      d.clock = at;
      await renewAll(d);
      const answer = await status(d, d.granted.trust_mark);
      const { exp } = decodeJwt(answer.text);
      expect(exp, 'a status always ends').toBeLessThanOrEqual(at + day);
      const keys = (await anchor(d)).jwks;
      expect(await validateTrustMarkStatus(answer.text, { now: at, issuer: { entityId: ANCHOR, jwks: keys }, trustMark: d.granted.trust_mark })).toMatchObject({
        ok: true,
      });
    }
    expect((await d.public(MARK_URL)).text, 'never renewed, because it never ends').toBe(d.granted.trust_mark);
    expect((await d.public(`/trust-mark-list?trust_mark_type=${T}`)).json).toEqual([RP]);
    await purge(d.deployment);
    expect(await statusOf(d, d.granted.trust_mark)).toBe('active');
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('withdrawn: revoked in the same commit, and for ever', async () => {
    const d = await marked();
    await d.admin('POST', `${A}/marks/${d.granted.id}/withdraw`, { reason: 'x' });
    expect((await d.public(MARK_URL)).status).toBe(404);
    for (const at of [NOW, NOW + day, NOW + 1000 * day]) {
      d.clock = at;
      await renewAll(d);
      await purge(d.deployment);
      expect(await statusOf(d, d.granted.trust_mark)).toBe('revoked');
      expect(decodeJwt((await status(d, d.granted.trust_mark)).text).exp).toBeLessThanOrEqual(at + day);
    }
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a suspension takes it at once, a resumption makes another', async () => {
    const d = await marked();
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect([(await d.public(MARK_URL)).status, await statusOf(d, d.granted.trust_mark)]).toEqual([404, 'revoked']);
    await d.admin('POST', `${M}/resume`, {});
    const again = (await d.public(MARK_URL)).text;
    expect(decodeJwt(again)).not.toHaveProperty('exp');
    expect([await statusOf(d, again), await statusOf(d, d.granted.trust_mark)]).toEqual(['active', 'revoked']);
  });

  it('signed anew at every change of the key; withdrawing the old instance then makes no third', async () => {
    const d = await marked();
    const kid = (await d.admin('POST', `${A}/keys`, {})).json.kid as string;
    d.clock = NOW + 10;
    expect((await d.admin('POST', `${A}/keys/${kid}/activate`, { force: true, reason: 'test' })).status).toBe(200);
    await turn(d);
    const fresh = (await d.public(MARK_URL)).text;
    expect(fresh).not.toBe(d.granted.trust_mark);
    expect(JSON.parse(atob(fresh.split('.')[0] ?? ''))).toMatchObject({ kid });
    expect(decodeJwt(fresh)).not.toHaveProperty('exp');
    expect([await statusOf(d, fresh), await statusOf(d, d.granted.trust_mark)]).toEqual(['active', 'active']);
    await d.admin('POST', `${A}/issued-marks/${d.granted.jti}/withdraw`, { reason: 'leaked' });
    expect((await d.public(MARK_URL)).text).toBe(fresh);
    expect(await statusOf(d, d.granted.trust_mark)).toBe('revoked');
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a resolve answer includes it', async () => {
    const d = await marked();
    d.network.set(
      `${RP}/.well-known/openid-federation`,
      await d.rp.configuration({ trust_marks: [{ trust_mark_type: TYPE, trust_mark: d.granted.trust_mark }] }),
    );
    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await discoveryTurn(d.deployment, { more: () => true });
    const answer = await d.public(`/resolve?sub=${encodeURIComponent(RP)}&trust_anchor=${encodeURIComponent(ANCHOR)}`);
    expect(decodeJwt(answer.text)['trust_marks']).toEqual([{ trust_mark_type: TYPE, trust_mark: d.granted.trust_mark }]);
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect((await d.public(`/resolve?sub=${encodeURIComponent(RP)}&trust_anchor=${encodeURIComponent(ANCHOR)}`)).status).not.toBe(200);
  });

  it('no mark outlives what it rests on: a grant with an end gives one with exp; a membership that gets an end ends it', async () => {
    expect((await marked({ valid_until: NOW + 500 * day })).granted.exp).toBe(NOW + 500 * day);
    const d = await marked();
    await d.admin('PATCH', M, { valid_until: NOW + 7200 });
    expect((await status(d, d.granted.trust_mark)).status, 'an answer that was signed for longer is withheld').toBe(503);
    await turn(d);
    const fresh = (await d.public(MARK_URL)).text;
    expect(decodeJwt(fresh).exp).toBe(NOW + 7200);
    expect(decodeJwt((await status(d, d.granted.trust_mark)).text)).toMatchObject({ status: 'active', exp: NOW + 7200 });
    expect(await fsck(d.deployment)).toEqual([]);
    d.clock = NOW + 7200;
    expect([await statusOf(d, d.granted.trust_mark), await statusOf(d, fresh)]).toEqual(['expired', 'expired']);
    expect((await d.public(MARK_URL)).status).toBe(404);
    d.clock += 31 * day;
    await purge(d.deployment);
    expect((await status(d, d.granted.trust_mark)).status).toBe(404);
  });

  it('a membership that is made longer lengthens its marks, one that is made shorter shortens those with exp too', async () => {
    const d = await marked();
    await d.admin('PATCH', M, { valid_until: NOW + 2 * day });
    await turn(d);
    await d.admin('PATCH', M, { valid_until: NOW + 9 * day });
    await turn(d);
    expect(decodeJwt((await d.public(MARK_URL)).text).exp).toBe(NOW + 9 * day);
    const long = (await d.public(MARK_URL)).text;
    await d.admin('PATCH', M, { valid_until: NOW + day });
    await turn(d);
    expect(decodeJwt((await d.public(MARK_URL)).text).exp).toBe(NOW + day);
    d.clock = NOW + day;
    expect(await statusOf(d, long)).toBe('expired');
  });

  it('a type that gets a lifetime: its marks follow at once; the default stays a mark with exp', async () => {
    const d = await marked();
    await d.admin('PATCH', `${A}/mark-types/${T}`, { lifetime: 30 * day });
    await turn(d);
    expect(decodeJwt((await d.public(MARK_URL)).text).exp).toBe(NOW + 30 * day);
    const plain = await d.admin('POST', `${A}/mark-types`, { trust_mark_type: `${TYPE}/plain` });
    expect(plain.json.lifetime).toBe(30 * day);
    for (const lifetime of [0, -1, 59]) expect((await d.admin('PATCH', `${A}/mark-types/${T}`, { lifetime })).status).toBe(400);
  });
});
