import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { validateHistoricalKeys, validateTrustMarkStatus } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { overdue, renewSlice } from '../../src/operations/artefacts/renew.js';
import { evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { grantMark } from '../../src/operations/marks/grant-mark.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember, whenSigning } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const OTHER = 'https://other.example.com';
const TWO = 'https://two.example.org';
const TYPE = 'https://anchor.example.org/marks/certified';
const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const of = encodeURIComponent;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const discover = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });
const ok = async (asked: ReturnType<TestDeployment['admin']>, status = 200) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
const form = (mark: string): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams({ trust_mark: mark }).toString(),
});

/** Everything the public plane answers about an authority with one member that bears a mark. */
const QUESTIONS = [
  '/.well-known/openid-federation',
  `/fetch?sub=${of(RP)}`,
  '/list',
  '/list?entity_type=openid_relying_party',
  '/extended-list?claims=subordinate_statement',
  `/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`,
  `/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`,
  `/trust-mark-list?trust_mark_type=${of(TYPE)}`,
  `/hosted?sub=${of(RP)}`,
  '/historical-keys',
];
async function all(d: TestDeployment, mark: string, at = ANCHOR): Promise<readonly number[]> {
  const answers = [];
  for (const path of QUESTIONS) answers.push((await d.public(`${at}${path}`)).status);
  answers.push((await d.public(`${at}/trust-mark-status`, form(mark))).status);
  return answers;
}
const every = (status: number) => [...QUESTIONS, 'status'].map(() => status);

/** An anchor with two members, one with a mark and a hosted configuration; a second authority below it that resolves under it. */
async function federation() {
  const d = await testDeployment({ metadata: {} });
  const [rp, other] = [await testMember(RP), await testMember(OTHER)];
  d.network.set(wellKnown(OTHER), await other.configuration());
  for (const one of [rp, other])
    await ok(d.admin('POST', `${A}/members`, { entity_id: one.id, jwks: one.jwks, entity_types: ['openid_relying_party'], activate: true }), 201);
  const configuration = await rp.configuration();
  await ok(
    d.admin('PUT', `${A}/members/${of(RP)}/configuration`, { entity_configuration: configuration, domain_control: { method: 'operator', reason: 'known' } }),
  );
  await ok(d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE }), 201);
  const { trust_mark: mark } = await ok(d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP }), 201);
  await createAuthority(d.call, { slug: 'two', entityId: TWO, authorityHints: [ANCHOR] });
  const { items } = (await ok(d.admin('GET', '/authorities/two/keys'))) as { items: { jwk: object }[] };
  await ok(
    d.admin('POST', `${A}/members`, {
      entity_id: TWO,
      jwks: { keys: items.map(({ jwk }) => jwk) },
      entity_types: ['federation_entity'],
      intermediate: true,
      activate: true,
    }),
    201,
  );
  await discover(d);
  return Object.assign(d, { mark: mark as string, rp });
}

describe('halting an authority', () => {
  it('nothing of it is served from the next request on, with what was served before in memory; a resume brings all of it back', async () => {
    const d = await federation();
    expect(await all(d, d.mark), 'and asked twice, so that it is remembered').toEqual(every(200));
    expect(await all(d, d.mark)).toEqual(every(200));
    const halted = await ok(d.admin('POST', `${A}/halt`, { reason: 'break-in' }));
    expect(halted).toMatchObject({ slug: 'main', state: 'halted', state_reason: 'break-in' });
    expect(await all(d, d.mark)).toEqual(every(404));
    expect((await d.public('/list')).json, 'an empty list would say something').toMatchObject({ error: 'not_found' });
    expect(await ok(d.admin('POST', `${A}/halt`, { reason: 'again' }))).toMatchObject({ already: true, state_reason: 'break-in' });
    expect((await d.public('/fetch', { method: 'OPTIONS' })).status).toBe(204);
    expect((await d.public('https://nobody.example.org/list')).status).toBe(404);
    expect(await fsck(d.deployment)).toEqual([]);

    await ok(d.admin('POST', `${A}/resume`, { reason: 'mended' }));
    expect((await d.public('/.well-known/openid-federation')).status, 'signed at once').toBe(200);
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status, 'waits for its slice').toBe(503);
    expect((await d.public(`/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`)).status).toBe(503);
    expect((await d.public('/trust-mark-status', form(d.mark))).status).toBe(503);
    await turn(d);
    await discover(d);
    expect(await all(d, d.mark)).toEqual(every(200));
    const { keys } = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: never[] };
    const status = (await d.public('/trust-mark-status', form(d.mark))).text;
    expect(await validateTrustMarkStatus(status, { now: NOW, issuer: { entityId: ANCHOR, jwks: { keys } }, trustMark: d.mark })).toMatchObject({
      ok: true,
      value: { active: true },
    });
    expect((await ok(d.admin('GET', `${A}/jobs`))).items[0]).toMatchObject({ kind: 'resign', state: 'done', params: { because: 'authority.resumed' } });
    expect(await d.rows('SELECT count(*) AS n FROM trust_mark'), 'no mark was multiplied').toEqual([{ n: 1 }]);
    expect(await fsck(d.deployment)).toEqual([]);
    const types = (await ok(d.admin('GET', `${A}/events?limit=1000`))).items.map(
      ({ type, reason }: { type: string; reason: string }) => `${type} ${reason ?? ''}`,
    );
    expect(types.filter((one: string) => one.startsWith('authority.')).slice(-3), 'a halt is told also when there is nothing left to halt').toEqual([
      'authority.halted break-in',
      'authority.halted again',
      'authority.resumed mended',
    ]);
  });

  it('needs no signature, and costs one row: with no custody at all it stops as well', async () => {
    const d = await federation();
    const before = await d.rows('SELECT id, sha256 FROM artefact ORDER BY id');
    const { haltAuthority } = await import('../../src/operations/authorities/halt-authority.js');
    const custody = { ...d.deployment.custody, signer: () => Promise.reject(new Error('away')) };
    await haltAuthority({ ...d.call, custody }, 'main', 'break-in');
    expect(await all(d, d.mark)).toEqual(every(404));
    expect(await d.rows('SELECT id, sha256 FROM artefact ORDER BY id'), 'no artefact was touched').toEqual(before);
  });

  it('other authorities are unmoved, but for what rests on it: as a member of another one it is suspended, and comes back with it', async () => {
    const d = await federation();
    const two = await testMember('https://below.example.com');
    d.network.set(wellKnown(two.id), await two.configuration({ authority_hints: [TWO] }));
    await ok(d.admin('POST', '/authorities/two/members', { entity_id: two.id, jwks: two.jwks, activate: true }), 201);
    await discover(d);
    const below = `/resolve?sub=${of(two.id)}&trust_anchor=${of(TWO)}`;
    const through = `/resolve?sub=${of(two.id)}&trust_anchor=${of(ANCHOR)}`;
    await ok(d.admin('POST', `${A}/entities/${of(two.id)}/evaluate`));
    expect([(await d.public(`${TWO}${below}`)).status, (await d.public(through)).status]).toEqual([200, 200]);
    await ok(d.admin('POST', '/authorities/two/halt', { reason: 'sold' }));
    expect((await d.public(`${TWO}${below}`)).status).toBe(404);
    expect((await d.public(through)).status, 'an answer of another authority that rests on it').toBe(404);
    expect((await d.public(`/fetch?sub=${of(TWO)}`)).status, 'the statement about it').toBe(404);
    expect(await ok(d.admin('GET', `${A}/members/${of(TWO)}`))).toMatchObject({ state: 'suspended', state_reason: 'authority.halted: sold' });
    expect((await d.admin('POST', `${A}/members/${of(TWO)}/resume`)).json).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringContaining('authority two'),
    });
    expect(await all(d, d.mark), 'main goes on').toEqual(every(200));
    await discover(d);
    expect((await d.public(through)).status).toBeGreaterThanOrEqual(400);
    await ok(d.admin('POST', '/authorities/two/resume', { reason: 'bought back' }));
    expect((await d.public(through)).status, 'evidence from before the halt').not.toBe(200);
    await turn(d);
    await ok(d.admin('POST', `${A}/entities/${of(two.id)}/evaluate`));
    await discover(d);
    expect([(await d.public(`${TWO}${below}`)).status, (await d.public(through)).status]).toEqual([200, 200]);
    expect((await d.public(`/fetch?sub=${of(TWO)}`)).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a member that was suspended by itself stays suspended, of this authority and where the authority is a member', async () => {
    const d = await federation();
    await ok(d.admin('POST', `${A}/members/${of(OTHER)}/suspend`, { reason: 'fraud' }));
    await ok(d.admin('POST', '/authorities/two/halt', { reason: 'x' }));
    await ok(d.admin('POST', `${A}/members/${of(TWO)}/suspend`, { reason: 'we want it out ourselves' }));
    for (const slug of ['two', 'main']) {
      if (slug === 'main') await ok(d.admin('POST', `${A}/halt`, { reason: 'x' }));
      await ok(d.admin('POST', `/authorities/${slug}/resume`, { reason: 'y' }));
    }
    await turn(d);
    for (const id of [OTHER, TWO]) {
      expect(await ok(d.admin('GET', `${A}/members/${of(id)}`)), id).toMatchObject({ state: 'suspended', suspended_with: null });
      expect((await d.public(`/fetch?sub=${of(id)}`)).status, id).toBe(404);
    }
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status).toBe(200);
  });

  it('whoever may not approve members of the superior does not bring the authority back there', async () => {
    const d = await federation();
    await ok(d.admin('POST', '/authorities/two/halt', { reason: 'x' }));
    const token = await d.tokenFor('approver', ['two']);
    expect((await d.admin('POST', '/authorities/two/resume', { reason: 'y' }, { token })).status).toBe(200);
    await turn(d);
    expect(await ok(d.admin('GET', `${A}/members/${of(TWO)}`))).toMatchObject({ state: 'suspended', suspended_with: null });
    await ok(d.admin('POST', `${A}/members/${of(TWO)}/resume`));
    expect((await d.public(`/fetch?sub=${of(TWO)}`)).status).toBe(200);
  });

  it('a renewal, a grant and an evaluation in flight bring nothing back, also not when the authority is resumed before they write', async () => {
    const d = await federation();
    d.clock = NOW + 80_000;
    const halt = () => d.admin('POST', `${A}/halt`, { reason: 'x' });
    const renewing = whenSigning(d.deployment, halt);
    await renewSlice(renewing.deployment);
    expect(renewing.happened()).toBe(true);
    expect(await all(d, d.mark)).toEqual(every(404));
    await ok(d.admin('POST', `${A}/resume`, { reason: 'y' }));
    await turn(d);
    await discover(d);

    // Both at once: whichever goes first, the halt stands.
    const [granted, halted] = await Promise.allSettled([grantMark(d.call, 'main', { type: TYPE, member: OTHER }), halt()]);
    expect(halted).toMatchObject({ status: 'fulfilled', value: { status: 200 } });
    if (granted.status === 'rejected') expect(granted.reason).toMatchObject({ code: 'wrong_state' });
    expect((await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(OTHER)}`)).status).toBe(404);
    await ok(d.admin('POST', `${A}/resume`, { reason: 'y' }));
    await turn(d);
    await discover(d);

    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    const evaluating = whenSigning(d.deployment, async () => {
      await halt();
      await d.admin('POST', `${A}/resume`, { reason: 'y' });
    });
    await evaluateDue(evaluating.deployment);
    expect(evaluating.happened()).toBe(true);
    expect((await d.public(`/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`)).status, 'it was signed from what was read before').toBe(503);
  });

  it('while it is halted it holds up nobody: nothing of it is due, renewal and readiness go on; members can still be cut', async () => {
    const d = await federation();
    await ok(d.admin('POST', `${A}/halt`, { reason: 'x' }));
    d.clock = NOW + 3 * 86_400;
    await turn(d);
    expect(await overdue(d.deployment)).toBe(0);
    expect(await renewSlice(d.deployment), 'nothing is taken again and again').toBe(0);
    expect((await d.public(`${TWO}/.well-known/openid-federation`)).status).toBe(200);
    await ok(d.admin('POST', `${A}/members/${of(RP)}/revoke`, { reason: 'fraud' }));
    expect((await d.admin('PATCH', A, { statement_lifetime: 7200 })).json).toMatchObject({ code: 'wrong_state', detail: expect.stringContaining('halted') });
    await ok(d.admin('POST', `${A}/resume`, { reason: 'y' }));
    await turn(d);
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status).toBe(404);
    expect((await d.public(`/fetch?sub=${of(OTHER)}`)).status).toBe(200);
    expect(decodeJwt((await d.public('/trust-mark-status', form(d.mark))).text)['status']).toBe('revoked');
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('what it would reach is counted without changing anything; reasons and roles', async () => {
    const d = await federation();
    expect(await ok(d.admin('GET', '/authorities/two/reach'))).toMatchObject({ members: 0, marks: 0, member_of: ['main'] });
    expect(await ok(d.admin('GET', `${A}/reach`))).toMatchObject({ members: 3, marks: 1, member_of: [], last_copy_until: NOW + 86_400 });
    expect((await d.admin('POST', `${A}/halt`, {})).status).toBe(400);
    expect((await d.public('/list')).status).toBe(200);
    const can = async (role: 'operator' | 'approver' | 'auditor', verb: string) =>
      (await d.admin('POST', `${A}/${verb}`, { reason: 'x' }, { token: await d.tokenFor(role) })).status;
    expect([await can('auditor', 'halt'), await can('approver', 'halt'), await can('operator', 'halt')]).toEqual([403, 403, 200]);
    expect([await can('auditor', 'resume'), await can('operator', 'resume'), await can('approver', 'resume')]).toEqual([403, 403, 200]);
    expect([await can('operator', 'retire'), await can('approver', 'retire')]).toEqual([403, 403]);
    expect((await d.admin('POST', `${A}/halt`, { reason: 'x' }, { token: await d.tokenFor('owner', ['two']) })).status).toBe(403);
    expect((await d.admin('POST', `${A}/halt`, { reason: 'x' }, { headers: { 'idempotency-key': 'k' } })).status).toBe(200);
    expect((await d.admin('POST', `${A}/halt`, { reason: 'x' }, { headers: { 'idempotency-key': 'k' } })).headers.get('idempotency-replayed')).toBe('true');
  });
});

describe('retiring an authority', () => {
  it('§8.7 §8.7.3: only its historical keys are served, all of them ended; there is no return, and its place stays taken', async () => {
    const d = await federation();
    const key = decodeProtectedHeader((await d.public('/.well-known/openid-federation')).text).kid as string;
    const old = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: never[] };
    await ok(d.admin('POST', '/authorities/two/retire', { reason: 'merged' }));
    expect((await d.public(`/fetch?sub=${of(TWO)}`)).status, 'suspended where it is a member').toBe(404);
    await ok(d.admin('POST', `${A}/retire`, { reason: 'the federation ends' }));
    expect(await all(d, d.mark)).toEqual([...QUESTIONS.map((one) => (one === '/historical-keys' ? 200 : 404)), 404]);
    const served = await d.public('/historical-keys');
    const read = await validateHistoricalKeys(served.text, { entityId: ANCHOR, jwks: old });
    expect(decodeProtectedHeader(served.text).kid).toBe(key);
    expect(read).toMatchObject({ ok: true });
    expect(decodeJwt(served.text)['keys']).toMatchObject([{ kid: key, exp: NOW, revoked: { revoked_at: NOW, reason: 'superseded' } }]);
    for (const [verb, code] of [
      ['resume', 'wrong_state'],
      ['halt', 'wrong_state'],
    ])
      expect((await d.admin('POST', `${A}/${verb}`, { reason: 'x' })).json.code, verb).toBe(code);
    expect(await ok(d.admin('POST', `${A}/retire`, { reason: 'x' }))).toMatchObject({ already: true, state_reason: 'the federation ends' });
    const member = await testMember('https://late.example.com');
    expect((await d.admin('POST', `${A}/members`, { entity_id: member.id, jwks: member.jwks })).json).toMatchObject({ code: 'wrong_state' });
    expect((await d.admin('POST', `${A}/keys`, {})).json.code).toBe('wrong_state');
    expect((await d.admin('POST', '/authorities', { slug: 'again', entity_id: 'https://ANCHOR.example.org' })).json.code).toBe('already_exists');
    await ok(d.admin('POST', `${A}/members/${of(RP)}/revoke`, { reason: 'still possible' }));
    d.clock = NOW + 400 * 86_400;
    await turn(d);
    expect((await d.public('/historical-keys')).status, 'they have no end').toBe(200);
    expect(await d.rows("SELECT 1 FROM job WHERE state = 'running'")).toEqual([]);
    const told = (await ok(d.admin('GET', `${A}/events?limit=1000`))).items.findLast(({ type }: { type: string }) => type === 'authority.retired');
    expect(told).toMatchObject({ reason: 'the federation ends', detail: { members: { active: 2, suspended: 1 } } });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('with keys that are lost too: what was signed last stays', async () => {
    const d = await federation();
    await ok(d.admin('POST', `${A}/halt`, { reason: 'the keys are lost' }));
    const { retireAuthority } = await import('../../src/operations/authorities/retire-authority.js');
    await retireAuthority({ ...d.call, custody: { ...d.deployment.custody, signer: () => Promise.reject(new Error('gone')) } }, 'main', 'the keys are lost');
    expect((await d.public('/historical-keys')).status).toBe(200);
    expect((await d.public('/.well-known/openid-federation')).status).toBe(404);
  });
});

it('one whose only key was revoked while it was halted, with no other to be had, comes back with a new key', async () => {
  const d = await testDeployment();
  await ok(d.admin('POST', `${A}/halt`, { reason: 'break-in' }));
  const [{ kid }] = (await ok(d.admin('GET', `${A}/keys`))).items;
  const { revokeKey } = await import('../../src/operations/keys/revoke-key.js');
  const away = () => Promise.reject(new TypeError('the custody does not answer'));
  await revokeKey({ ...d.call, custody: { ...d.deployment.custody, generate: away, signer: away } }, 'main', kid, 'compromised');
  expect(await d.rows("SELECT 1 FROM authority_key WHERE state = 'active'")).toEqual([]);
  await turn(d);
  await ok(d.admin('POST', `${A}/resume`, { reason: 'cleaned up' }));
  await turn(d);
  const configuration = (await d.public('/.well-known/openid-federation')).text;
  const shown = (decodeJwt(configuration)['jwks'] as { keys: { kid: string }[] }).keys.map((one) => one.kid);
  expect([shown, shown.includes(kid)]).toEqual([[decodeProtectedHeader(configuration).kid], false]);
  const told = (await ok(d.admin('GET', `${A}/events?limit=1000`))).items.findLast(({ type }: { type: string }) => type === 'authority.resumed');
  expect(told.detail.heir).toBe(shown[0]);
  expect(await fsck(d.deployment)).toEqual([]);
});
