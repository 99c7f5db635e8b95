import { describe, expect, it } from 'vitest';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { togetherOf } from '../../src/store/together.js';
import { act, apply } from '../support/join.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const idOf = (n: number) => `https://rp${n}.example.com`;
const of = encodeURIComponent;

async function enrolAtOnce(d: TestDeployment, count: number, more: (n: number) => object = () => ({})) {
  const keys = await Promise.all(Array.from({ length: count }, async (_, n) => (await testMember(idOf(n))).jwks));
  return Promise.all(keys.map((jwks, n) => d.admin('POST', `${A}/members`, { entity_id: idOf(n), jwks, activate: true, ...more(n) })));
}

describe('enrolments that are decided together', () => {
  it('have a place in the status list each, and one organization that they all name', async () => {
    const d = await testDeployment();
    const answers = await enrolAtOnce(d, 12, () => ({ organization: 'Bank' }));
    expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(201));
    const places = await d.rows("SELECT DISTINCT idx FROM status_entry WHERE kind = 'member'");
    expect(places).toHaveLength(12);
    expect(await d.rows('SELECT legal_name FROM organization')).toEqual([{ legal_name: 'Bank' }]);
    expect(await d.rows('SELECT DISTINCT organization_id FROM member')).toHaveLength(1);
    for (const n of [0, 11]) expect((await d.public(`/fetch?sub=${of(idOf(n))}`)).status).toBe(200);
  });

  it('are refused each for itself: what stands already, what names a key of the authority, what is no key', async () => {
    const d = await testDeployment();
    const own = JSON.parse(String((await d.rows('SELECT jwk FROM authority_key'))[0]?.['jwk'])) as object;
    await d.admin('POST', `${A}/members`, { entity_id: idOf(1), jwks: (await testMember(idOf(1))).jwks });
    const answers = await enrolAtOnce(d, 6, (n) => (n === 3 ? { jwks: { keys: [own] } } : n === 4 ? { jwks: { keys: [] } } : {}));
    expect(answers.map(({ status }) => status)).toEqual([201, 409, 201, 422, 422, 201]);
    expect(await d.rows("SELECT entity_id FROM member WHERE state = 'active' ORDER BY entity_id")).toEqual([0, 2, 5].map((n) => ({ entity_id: idOf(n) })));
  });

  it('with the same key: whoever comes second is told of the first, whoever they are, and nobody is told of one that was refused (§3.1.1)', async () => {
    const d = await testDeployment();
    const other = await d.tokenFor('owner');
    const [first, second, third] = [await testMember(idOf(0)), await testMember(idOf(2)), await testMember(idOf(4))];
    const enrol = (n: number, jwks: object, token: string, more: object = {}) =>
      d.admin('POST', `${A}/members`, { entity_id: idOf(n), jwks, ...more }, { token });
    const answers = await Promise.all([
      enrol(0, first.jwks, d.token),
      enrol(1, first.jwks, d.token),
      enrol(2, second.jwks, d.token),
      enrol(3, second.jwks, other),
      enrol(4, third.jwks, d.token, { organization: 'org_00000000000000000000000000' }),
      enrol(5, third.jwks, d.token),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201, 404, 201]);
    const told = answers.map(({ json }) => JSON.stringify(json.findings ?? []));
    const shared = told.map((one) => one.includes('key_shared'));
    expect([shared[0] !== shared[1], shared[2] !== shared[3], shared[5]], 'one of two').toEqual([true, true, false]);
    expect(told.map((one) => [0, 1, 2, 3].filter((n) => one.includes(idOf(n)))).filter((named) => named.length)).toHaveLength(2);
  });

  it('the same key, whichever way each gets it: whoever comes later is told of those before, and nobody of one that was refused (§3.1.1)', async () => {
    const d = await testDeployment();
    const [replaced, adopting, stale] = [await testMember(idOf(10)), await testMember(idOf(11)), await testMember(idOf(12))];
    for (const { id, jwks } of [replaced, adopting, stale]) await d.admin('POST', `${A}/members`, { entity_id: id, jwks, activate: true });
    const applicant = await testMember(idOf(13));
    const { key } = applicant;
    d.network.set(`${applicant.id}/.well-known/openid-federation`, await applicant.configuration());
    const application = await apply(d, applicant.id, { jwks: applicant.jwks });
    const entity_configuration = await adopting.configuration({ jwks: { keys: [adopting.key.jwk, { ...key.jwk, kid: 'another-name' }] } });
    const at = (id: string) => `${A}/members/${of(id)}/keys`;
    const ways = {
      [idOf(14)]: d.admin('POST', `${A}/members`, { entity_id: idOf(14), jwks: applicant.jwks, activate: true }),
      [stale.id]: d.admin('PUT', at(stale.id), { jwks: applicant.jwks, reason: 'x', v: 1000 }),
      [replaced.id]: d.admin('PUT', at(replaced.id), { jwks: applicant.jwks, reason: 'x' }),
      [adopting.id]: d.admin('POST', `${at(adopting.id)}/adopt`, { entity_configuration }),
      [applicant.id]: act(d, application.id, 'take'),
    };
    const told: string[][] = [];
    for (const [id, answer] of Object.entries(ways)) {
      const { status, json, text } = await answer;
      expect(status < 300, `${id} ${text}`).toBe(id !== stale.id);
      const found = (json.findings ?? []) as { code: string; detail: string }[];
      if (id !== stale.id) told.push(Object.keys(ways).filter((one) => found.some(({ code, detail }) => code === 'key_shared' && detail.includes(one))));
    }
    expect(told.map(({ length }) => length).sort(), 'of each that came before').toEqual([0, 1, 2, 3]);
    expect(told.flat()).not.toContain(stale.id);
  });

  it('one whose former keys cannot be read keeps none of the others', async () => {
    const d = await testDeployment();
    await d.admin('POST', `${A}/members`, { entity_id: idOf(2), jwks: (await testMember('https://x.example')).jwks, activate: true });
    await d.admin('POST', `${A}/members/${of(idOf(2))}/revoke`, { reason: 'x' });
    await d.execute("UPDATE event SET detail = '{' WHERE type = 'member.enrolled'");
    const answers = await enrolAtOnce(d, 4, (n) => (n === 2 ? { readmit: 'it was a mistake' } : {}));
    expect(answers.map(({ status }) => status === 201)).toEqual([true, true, false, true]);
  });

  it('of those whose identifiers are spelled alike each sees what became of the others (OpenID Federation 1.0 §1.2)', async () => {
    const d = await testDeployment();
    const ids = [`${idOf(0)}/a`, `${idOf(0)}/a/`, 'https://RP0.example.com/a', `${idOf(0)}:443/a`, idOf(1)];
    const { jwks } = await testMember(idOf(0));
    const answers = await Promise.all(ids.map((entity_id) => d.admin('POST', `${A}/members`, { entity_id, jwks, activate: true })));
    expect(
      answers
        .slice(0, 4)
        .map(({ status }) => status)
        .sort(),
      'whoever comes first',
    ).toEqual([201, 422, 422, 422]);
    for (const { status, json } of answers.slice(0, 4)) expect(status === 201 || JSON.stringify(json).includes('identifier_respelled')).toBe(true);
    expect(answers[4]?.status).toBe(201);
  });

  it('an API key that has ended takes nobody else’s enrolment with it', async () => {
    const d = await testDeployment();
    const keys = await Promise.all([0, 1, 2].map(async (n) => (await testMember(idOf(n))).jwks));
    const other = (await d.admin('POST', '/api-keys', { name: 'other', role: 'owner' })).json;
    const call = { ...d.deployment, role: 'owner' as const, authorities: null };
    const under = (id: string) => ({ ...call, actor: { id, kind: 'api_key' as const } });
    const [mine] = await d.rows(`SELECT id FROM api_key WHERE id <> '${other.id}'`);
    expect((await d.admin('POST', `/api-keys/${other.id}/revoke`)).status).toBe(200);
    const enrol = (id: string, n: number) => enrollMember(under(id), 'main', { entityId: idOf(n), jwks: keys[n], activate: true });
    const done = await Promise.allSettled([enrol(other.id, 0), enrol(String(mine?.['id']), 1), enrol(other.id, 2)]);
    expect(done.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(await d.rows('SELECT entity_id FROM member')).toEqual([{ entity_id: idOf(1) }]);
  });
});

describe('what is read together', () => {
  it('is read once under each name, and failing fails all that asked', async () => {
    const together = togetherOf([]);
    let reads = 0;
    const read = async () => ++reads;
    expect(await Promise.all([together.once('a', read), together.once('a', read), together.once('b', read)])).toEqual([1, 1, 2]);
    const fail = () => Promise.reject(new Error('unreadable'));
    const both = await Promise.allSettled([together.once('c', fail), together.once('c', read)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
