import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { haltOrganization } from '../../src/operations/organizations/halt-organization.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;
const ORG = `${A}/organizations/${of('Bank A')}`;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
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
const member = (d: TestDeployment, id: string) => d.admin('GET', `${A}/members/${of(id)}`);
const stateOf = async (d: TestDeployment, id: string) => (await ok(member(d, id))).state;
const fetched = async (d: TestDeployment, id: string) => (await d.public(`/fetch?sub=${of(id)}`)).status;
const act = (d: TestDeployment, id: string, verb: string, body: object = { reason: 'test' }) => d.admin('POST', `${A}/members/${of(id)}/${verb}`, body);

/** Three members of Bank A in different states, one of Bank B; marks on two of them, one by another authority. */
async function banks() {
  const d = await testDeployment();
  const marks: Record<string, string> = {};
  for (const [name, organization] of [
    ['a1', 'Bank A'],
    ['a2', 'Bank A'],
    ['a3', 'Bank A'],
    ['b1', 'Bank B'],
  ] as const) {
    const one = await testMember(`https://${name}.example.com`);
    d.network.set(`${one.id}/.well-known/openid-federation`, await one.configuration());
    await ok(d.admin('POST', `${A}/members`, { entity_id: one.id, jwks: one.jwks, organization, activate: true }), 201);
  }
  await createAuthority(d.call, { slug: 'marks', entityId: 'https://marks.example.org' });
  for (const slug of ['main', 'marks']) await ok(d.admin('POST', `/authorities/${slug}/mark-types`, { trust_mark_type: TYPE }), 201);
  marks['a1'] = (await ok(d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: 'https://a1.example.com' }), 201)).trust_mark;
  for (const name of ['a2', 'b1'])
    marks[name] = (
      await ok(d.admin('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: `https://${name}.example.com`, member_of: 'main' }), 201)
    ).trust_mark;
  await ok(act(d, 'https://a3.example.com', 'suspend', { reason: 'fraud' }));
  await discoveryTurn(d.deployment, { more: () => true });
  return Object.assign(d, { marks });
}
const [A1, A2, A3, B1] = ['a1', 'a2', 'a3', 'b1'].map((name) => `https://${name}.example.com`) as [string, string, string, string];
const resolve = async (d: TestDeployment, id: string) => (await d.public(`/resolve?sub=${of(id)}&trust_anchor=${of('https://anchor.example.org')}`)).status;

describe('halting an organization', () => {
  it('suspends all its active members in one commit, with their marks everywhere; others are unmoved; a resume restores just those', async () => {
    const d = await banks();
    expect([await resolve(d, A1), await resolve(d, B1), await fetched(d, A1)]).toEqual([200, 200, 200]);
    expect(await ok(d.admin('GET', `${ORG}/reach`))).toEqual({ members: 2, marks: 2, at_least: false });
    const before = Number((await d.rows("SELECT max(seq) AS n FROM event WHERE authority_id = (SELECT id FROM authority WHERE slug = 'main')"))[0]?.['n']);
    expect(await ok(d.admin('POST', `${ORG}/halt`, { reason: 'licence withdrawn' }))).toMatchObject({ legal_name: 'Bank A', state: 'halted', members: 2 });
    const after = Number((await d.rows("SELECT max(seq) AS n FROM event WHERE authority_id = (SELECT id FROM authority WHERE slug = 'main')"))[0]?.['n']);
    expect(after - before, 'one event').toBe(1);
    for (const id of [A1, A2, A3]) {
      expect([await stateOf(d, id), await fetched(d, id), await resolve(d, id)], id).toEqual(['suspended', 404, 404]);
    }
    expect((await d.public('/list')).json).toEqual([B1]);
    expect([await stateOf(d, B1), await fetched(d, B1), await resolve(d, B1)]).toEqual(['active', 200, 200]);
    const status = async (name: string, at = 'https://marks.example.org') =>
      decodeJwt((await d.public(`${at}/trust-mark-status`, form(d.marks[name] ?? ''))).text)['status'];
    expect([await status('a1', 'https://anchor.example.org'), await status('a2'), await status('b1')]).toEqual(['revoked', 'revoked', 'active']);
    expect(await ok(d.admin('GET', ORG))).toMatchObject({ state: 'halted', state_reason: 'licence withdrawn', members: { suspended: 3 } });
    expect((await ok(d.admin('GET', `${A}/members/${of(A1)}/history`))).items.at(-1)).toMatchObject({
      type: 'organization.halted',
      reason: 'licence withdrawn',
      detail: { legal_name: 'Bank A', members: 2 },
    });
    expect((await ok(d.admin('GET', '/authorities/marks/events?limit=1000'))).items.at(-1)).toMatchObject({
      type: 'trust_mark.suspended',
      detail: { legal_name: 'Bank A' },
    });
    expect(await ok(d.admin('POST', `${ORG}/halt`, { reason: 'again' }))).toMatchObject({ already: true, members: 0 });
    expect(await fsck(d.deployment)).toEqual([]);

    expect(await ok(d.admin('POST', `${ORG}/resume`, { reason: 'licence back' }))).toMatchObject({ state: 'active', members: 2 });
    expect([await stateOf(d, A1), await stateOf(d, A2), await stateOf(d, A3)]).toEqual(['active', 'active', 'suspended']);
    expect([await fetched(d, A1), await fetched(d, A2), await fetched(d, A3)]).toEqual([200, 200, 404]);
    const fresh = await d.public(`https://marks.example.org/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(A2)}`);
    expect([fresh.status, fresh.text === d.marks['a2']], 'a new mark from the grant that stands').toEqual([200, false]);
    expect(await status('a2'), 'a withdrawn mark stays withdrawn').toBe('revoked');
    await discoveryTurn(d.deployment, { more: () => true });
    expect([await resolve(d, A1), await resolve(d, A3)]).toEqual([200, 404]);
    expect((await ok(d.admin('GET', `${A}/members/${of(A1)}/history`))).items.at(-1)).toMatchObject({
      type: 'member.resumed',
      artefacts: [{ kind: 'statement' }],
    });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('while it is halted none of its members becomes active, by whatever way', async () => {
    const d = await banks();
    const vetting = await testMember('https://a4.example.com');
    await ok(d.admin('POST', `${A}/members`, { entity_id: vetting.id, jwks: vetting.jwks, organization: 'Bank A' }), 201);
    await ok(d.admin('POST', `${ORG}/halt`, { reason: 'x' }));
    const refused = (answer: { json: object }) =>
      expect(answer.json).toMatchObject({ code: 'wrong_state', detail: expect.stringContaining('Bank A is halted') });
    refused(await act(d, A1, 'resume'));
    refused(await act(d, A3, 'resume'));
    await ok(act(d, vetting.id, 'approve', {}));
    refused(await act(d, vetting.id, 'activate', {}));
    const late = await testMember('https://a5.example.com');
    refused(await d.admin('POST', `${A}/members`, { entity_id: late.id, jwks: late.jwks, organization: 'Bank A', activate: true }));
    refused(await d.admin('PATCH', `${A}/members/${of(B1)}`, { organization: 'Bank A' }));
    const { id } = await ok(d.admin('POST', `${A}/imports`, {}), 201);
    const line = async (organization: string, n: number) =>
      JSON.stringify({ entity_id: `https://i${n}.example.com`, jwks: (await testMember('https://i.example.com')).jwks, organization, activate: true });
    const sent = await d.admin('POST', `${A}/imports/${id}/lines`, `${await line('Bank A', 1)}\n${await line('Bank B', 2)}`, {
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(sent.json).toMatchObject({ done: 2, refused: 1 });
    expect((await ok(d.admin('GET', `${A}/jobs/${id}/refusals`))).items).toMatchObject([{ line: 1, code: 'wrong_state' }]);
    expect((await d.public('/list')).json).toEqual([B1, 'https://i2.example.com']);
  });

  it('a resume that waits behind the halt does not undo it; one suspended by itself meanwhile, moved or ended stays suspended', async () => {
    const d = await banks();
    await Promise.all([act(d, A3, 'resume'), act(d, B1, 'suspend', { reason: 'x' }), d.admin('POST', `${ORG}/halt`, { reason: 'x' }), act(d, A3, 'resume')]);
    expect([await stateOf(d, A1), await stateOf(d, A3), await stateOf(d, B1)]).toEqual(['suspended', 'suspended', 'suspended']);
    expect((await ok(act(d, A1, 'suspend', { reason: 'and by itself' }))).already).toBeUndefined();
    expect((await ok(act(d, A1, 'suspend', { reason: 'again' }))).already).toBe(true);
    await ok(d.admin('PATCH', `${A}/members/${of(A2)}`, { organization: 'Bank B' }));
    await ok(d.admin('POST', `${ORG}/resume`, { reason: 'y' }));
    await turn(d);
    expect([await stateOf(d, A1), await stateOf(d, A2), await stateOf(d, B1)]).toEqual(['suspended', 'suspended', 'suspended']);
    expect(await d.rows("SELECT count(*) AS n FROM member WHERE suspended_with IS NOT NULL AND entity_id <> 'https://a3.example.com'")).toEqual([{ n: 0 }]);
    await ok(act(d, A2, 'resume'));
    expect(await fetched(d, A2)).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('what a request does not get to the background brings back, also when custody was away; nothing is half', async () => {
    const d = await banks();
    await ok(d.admin('POST', `${ORG}/halt`, { reason: 'x' }));
    const { resumeOrganization } = await import('../../src/operations/organizations/resume-organization.js');
    const custody = { ...d.deployment.custody, signer: () => Promise.reject(new Error('away')) };
    await resumeOrganization({ ...d.call, custody }, 'main', 'Bank A', 'y');
    expect([await stateOf(d, A1), await fetched(d, A1)]).toEqual(['suspended', 404]);
    await turn(d);
    expect([await stateOf(d, A1), await stateOf(d, A2), await fetched(d, A1)]).toEqual(['active', 'active', 200]);
  });

  it('reasons, roles, names', async () => {
    const d = await banks();
    expect((await d.admin('POST', `${ORG}/halt`, {})).status).toBe(400);
    expect((await d.admin('POST', `${A}/organizations/nobody/halt`, { reason: 'x' })).status).toBe(404);
    expect((await d.admin('POST', `/authorities/marks/organizations/${of('Bank A')}/halt`, { reason: 'x' })).status, 'of another authority').toBe(404);
    const can = async (role: 'operator' | 'approver' | 'auditor', verb: string) =>
      (await d.admin('POST', `${ORG}/${verb}`, { reason: 'x' }, { token: await d.tokenFor(role) })).status;
    expect([await can('auditor', 'halt'), await can('approver', 'halt'), await can('operator', 'halt')]).toEqual([403, 403, 200]);
    expect([await can('auditor', 'resume'), await can('operator', 'resume'), await can('approver', 'resume')]).toEqual([403, 403, 200]);
    expect((await ok(d.admin('GET', `${A}/organizations`))).items).toMatchObject([
      { legal_name: 'Bank A', state: 'active' },
      { legal_name: 'Bank B', state: 'active' },
    ]);
  });

  it('five thousand members are one commit of as many statements as for one', async () => {
    const d = await banks();
    await d.execute(`INSERT INTO member (id, authority_id, organization_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, hosted, cut, created_at, updated_at, v)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      SELECT 'mem_' || i, authority_id, organization_id, 'https://m' || i || '.example.com', 'active', entity_types, 0, jwks, '{}', '{}', '{}', '[]', 0, 0, 0, 0, 1 FROM n, member WHERE entity_id = '${A1}'`);
    await d.execute(`INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation, cut, member_id)
      WITH a AS MATERIALIZED (SELECT * FROM artefact WHERE kind = 'statement' AND key = '${A1}')
      SELECT m.authority_id, 'statement', m.entity_id, '', a.media_type, a.bytes, a.sha256, a.iat, a.exp, a.kid, a.generation, 0, m.id FROM member AS m, a WHERE m.id LIKE 'mem_%' AND m.entity_id LIKE 'https://m%.example.com'`);
    expect(await fetched(d, 'https://m4711.example.com')).toBe(200);
    let statements = 0;
    const { change } = d.store;
    const counting: typeof change = (request) =>
      change({
        ...request,
        async decide(watch, together) {
          const decision = await request.decide(watch, together);
          statements = decision.statements.length;
          return decision;
        },
      });
    const done = await haltOrganization({ ...d.call, store: { ...d.store, change: counting } }, 'main', 'Bank A', 'x');
    expect(done.members).toBe(5002);
    expect(statements, 'D1 takes fewer than fifty').toBeLessThan(30);
    expect(await fetched(d, 'https://m4711.example.com')).toBe(404);
    expect(await d.rows("SELECT state, count(*) AS n FROM member WHERE entity_id LIKE 'https://m%.example.com' GROUP BY state")).toEqual([
      { state: 'suspended', n: 5000 },
    ]);
    expect((await d.public('/list')).json).toEqual([B1]);
  });
});

it('an active member is not moved to an organization that is halted, where no halt would reach it; a suspended one is, and stays so', async () => {
  const d = await banks();
  await ok(d.admin('POST', `${ORG}/halt`, { reason: 'licence withdrawn' }));
  const move = (id: string, organization: string) => d.admin('PATCH', `${A}/members/${of(id)}`, { organization });
  const refused = await move(B1, 'Bank A');
  expect([refused.status, refused.json.code]).toEqual([409, 'wrong_state']);
  expect(refused.json.detail).toMatch(/Bank A is halted/);
  await ok(move(B1, 'Bank C'));
  await ok(act(d, B1, 'suspend'));
  await ok(move(B1, 'Bank A'));
  expect((await act(d, B1, 'resume')).json.code).toBe('wrong_state');
});
