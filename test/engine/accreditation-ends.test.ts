import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const DAY = 86_400;
const RP = 'https://rp.example';
const M = 'https://m.example/m';
const at = encodeURIComponent;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const fetchOf = (d: TestDeployment) => d.public(`/fetch?sub=${at(RP)}`);
const resolved = async (d: TestDeployment) => (await d.public(`/resolve?sub=${at(RP)}&trust_anchor=${at(ANCHOR)}`)).status;
const mark = async (d: TestDeployment) => (await d.public(`/trust-mark?trust_mark_type=${at(M)}&sub=${at(RP)}`)).status;

async function act(d: TestDeployment, method: string, path: string, body?: object) {
  const said = await d.admin(method, `${A}${path}`, body);
  if (said.status >= 300) throw new Error(`${path}: ${said.status} ${said.text}`);
  return said.json;
}

/** A deployment with a client in force, of an organization, that answers on the pretended network. */
async function withMember() {
  const d = await testDeployment({ entityCollection: true } as never);
  const one = await testMember(RP);
  const client = { client_name: 'Agent', grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt', jwks: one.jwks };
  d.network.set(`${RP}/.well-known/openid-federation`, await one.configuration({ metadata: { oauth_client: client } }));
  const more = { entity_types: ['oauth_client'], entitlements: [{ kind: 'scope', value: 'read' }], organization: 'Bank', activate: true };
  const { id } = await act(d, 'POST', '/members', { entity_id: RP, jwks: one.jwks, ...more });
  await act(d, 'POST', '/mark-types', { trust_mark_type: M });
  return { d, id: String(id) };
}

async function accredited(d: TestDeployment, about: object, validUntil: number): Promise<string> {
  const { id } = await act(d, 'POST', '/accreditations', { kind: 'iso27001', issuer: 'Certifier AG', valid_until: validUntil, ...about });
  await act(d, 'POST', `/accreditations/${id}/verify`);
  return id;
}
const sponsor = { name: 'Ada Moe', email: 'ada@example.org' };

describe('ends of members', () => {
  it('an end that is moved earlier ends the answers too that were given before: nothing of it is served past it while every job is dead', async () => {
    const { d, id } = await withMember();
    const doors = async () => [await resolved(d), (await d.public(`/clients/${id}`)).status, (await d.public('/collection')).json?.entities?.length];
    await act(d, 'PUT', `/members/${id}/sponsor`, { sponsor, reattest_by: NOW + 20 * DAY });
    await discoveryTurn(d.deployment, { more: () => true });
    expect([await doors(), (await fetchOf(d)).status]).toEqual([[200, 200, 1], 200]);
    // Attested for less than before: the statement says so at once, and what was evaluated before does not outlast it.
    await act(d, 'POST', `/members/${id}/reattest`, { until: NOW + 7200 });
    expect([decodeJwt((await fetchOf(d)).text).exp, (await doors()).slice(0, 2)]).toEqual([NOW + 7200, [503, 503]]);
    await discoveryTurn(d.deployment, { more: () => true });
    expect((await doors()).slice(0, 2)).toEqual([200, 200]);
    // The same by rules that an accreditation with an earlier end meets, also once the statement was signed anew.
    await accredited(d, { member: id }, NOW + 600);
    await act(d, 'PUT', '/admission', { rules: { '*': { accreditations: ['iso27001'] } } });
    await turn(d);
    expect([decodeJwt((await fetchOf(d)).text).exp, (await doors()).slice(0, 2)]).toEqual([NOW + 600, [503, 503]]);
    d.clock = NOW + 600;
    const left = await doors();
    expect([left.slice(0, 2).includes(200), left[2] ?? 0, (await fetchOf(d)).status, (await d.public('/list')).json]).toEqual([false, 0, 404, []]);
  });

  it('who lacks something else as well ends all the same when what is left of an accreditation does', async () => {
    const { d, id } = await withMember();
    await act(d, 'PUT', `/members/${id}/sponsor`, { sponsor, reattest_by: NOW + 300 * DAY });
    const long = await accredited(d, { member: id }, NOW + 90 * DAY);
    await accredited(d, { organization: 'Bank' }, NOW + 600);
    await act(d, 'PUT', '/admission', { rules: { '*': { accreditations: ['iso27001'], sponsor: 'required' } } });
    await turn(d);
    await d.execute(`UPDATE member SET sponsor = '{' WHERE id = '${id}'`);
    expect((await act(d, 'POST', `/accreditations/${long}/withdraw`, { reason: 'forged' })).suspended).toEqual([]);
    expect((await fetchOf(d)).status, 'it was signed for longer').toBe(503);
    expect(await d.rows('SELECT state, accredited_until FROM member')).toEqual([{ state: 'active', accredited_until: NOW + 600 }]);
  });
});

describe('marks that hang on an accreditation', () => {
  it('hang on the one they are granted for, also when they were granted before; and do not pass through a gap', async () => {
    const { d, id } = await withMember();
    const first = await act(d, 'POST', '/marks', { trust_mark_type: M, member: id });
    await act(d, 'POST', `/marks/${first.id}/withdraw`, { reason: 'ended' });
    const iso = await accredited(d, { member: id }, NOW + 600);
    await act(d, 'POST', '/marks', { trust_mark_type: M, member: id, accreditation: iso });
    const { id: later } = await act(d, 'POST', `/accreditations/${iso}/renew`, { valid_from: NOW + 30 * DAY, valid_until: NOW + 60 * DAY });
    await act(d, 'POST', `/accreditations/${later}/verify`);
    expect(await d.rows('SELECT accreditation_id, valid_until FROM trust_mark_grant')).toEqual([{ accreditation_id: iso, valid_until: NOW + 600 }]);
    expect(await mark(d)).toBe(200);
    await act(d, 'POST', `/accreditations/${iso}/withdraw`, { reason: 'forged' });
    expect(await mark(d)).toBe(404);
  });

  it('go with it however many there are: a list binds one value', async () => {
    const { d, id } = await withMember();
    const iso = await accredited(d, { organization: 'Bank' }, NOW + 60 * DAY);
    await act(d, 'POST', '/marks', { trust_mark_type: M, member: id, accreditation: iso });
    const columns = 'authority_id, trust_mark_type, member_authority_id, state, valid_until, accreditation_id, created_by, created_at, updated_at, v';
    const named = columns.replaceAll(/\w+/g, 'g.$&');
    await d.execute(`INSERT INTO trust_mark_grant (id, member_id, entity_id, ${columns})
      SELECT 'tmg_' || n.value, 'mem_' || n.value, 'https://e' || n.value || '.example', ${named}
      FROM trust_mark_grant AS g JOIN json_each('${JSON.stringify(Array.from({ length: 120 }, (_, n) => n))}') AS n ON true`);
    await act(d, 'POST', `/accreditations/${iso}/withdraw`, { reason: 'forged' });
    expect([await mark(d), await d.rows("SELECT id FROM trust_mark_grant WHERE state = 'active'")]).toEqual([404, []]);
  });
});

it('what somebody wrote and who answers stand where they can be erased, and in no copy', async () => {
  const { d, id } = await withMember();
  const iso = await accredited(d, { member: id }, NOW + 60 * DAY);
  const { id: next } = await act(d, 'POST', `/accreditations/${iso}/renew`, { valid_until: NOW + 90 * DAY });
  await act(d, 'POST', '/marks', { trust_mark_type: M, member: id, accreditation: iso });
  await act(d, 'PUT', '/admission', { rules: { '*': { accreditations: ['iso27001'] } } });
  await d.admin('PUT', `${A}/members/${id}/sponsor`, { sponsor, reattest_by: NOW + 9 * DAY }, { headers: { 'idempotency-key': 'sponsor' } });
  await act(d, 'PUT', `/members/${id}/sponsor`, { sponsor: { name: 'B', email: 'b@example.org' } });
  await d.admin('POST', `${A}/accreditations/${iso}/withdraw`, { reason: 'Moe wrote it' }, { headers: { 'idempotency-key': 'withdraw' } });
  expect((await act(d, 'GET', `/accreditations/${next}`)).state).toBe('withdrawn');
  for (const type of ['accreditation.withdrawn', 'member.sponsored']) {
    const [first] = await d.rows(`SELECT min(seq) AS seq FROM event WHERE type = '${type}'`);
    await act(d, 'POST', `/events/${first?.['seq']}/erase`, { reason: 'asked for' });
  }
  for (const table of ['accreditation', 'event_private', 'event', 'member', 'trust_mark', 'trust_mark_grant', 'idempotency', 'proposal', 'registration_event'])
    expect([table, JSON.stringify(await d.rows(`SELECT * FROM ${table}`)).match(/Moe|ada@/)]).toEqual([table, null]);
});

it('nobody answers for ever by an enrolment, and where rules cannot be read verifying says so', async () => {
  const { d, id } = await withMember();
  const { jwks } = await testMember('https://other.example');
  const forever = { entity_id: 'https://other.example', jwks, entity_types: ['oauth_client'], sponsor, reattest_by: NOW + 401 * DAY };
  expect((await d.admin('POST', `${A}/members`, forever)).json).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining('400 days') });
  const { id: iso } = await act(d, 'POST', '/accreditations', { member: id, kind: 'iso27001', issuer: 'Certifier AG' });
  await d.execute(`UPDATE authority SET admission = '{'`);
  expect((await d.admin('POST', `${A}/accreditations/${iso}/verify`)).json).toMatchObject({
    code: 'wrong_state',
    detail: expect.stringContaining('admission'),
  });
});
