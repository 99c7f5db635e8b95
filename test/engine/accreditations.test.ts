import { describe, expect, it } from 'vitest';
import { decodeJwt } from 'jose';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testPeople, twoDecide } from '../support/people.js';

const A = '/authorities/main';
const DAY = 86_400;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const fetched = async (d: TestDeployment, sub: string) => (await d.public(`/fetch?sub=${encodeURIComponent(sub)}`)).status;
const expOf = async (d: TestDeployment, sub: string) => decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(sub)}`)).text).exp;
const listed = async (d: TestDeployment): Promise<string[]> => (await d.public('/list')).json;

async function ok(answer: Promise<{ status: number; text: string; json: never }>, status = 200) {
  const said = await answer;
  if (said.status !== status) throw new Error(`${said.status} instead of ${status}: ${said.text}`);
  return said.json as Record<string, never>;
}

/** A member that was enrolled with what more is said of it. */
async function enrolled(d: TestDeployment, entityId: string, more: object = {}) {
  const { jwks, configuration } = await testMember(entityId);
  d.network.set(`${entityId}/.well-known/openid-federation`, await configuration());
  return ok(d.admin('POST', `${A}/members`, { entity_id: entityId, jwks, entity_types: ['oauth_client'], ...more }) as never, 201) as Promise<
    Record<'id' | 'state', string>
  >;
}

/** An accreditation in force. */
async function accredited(d: TestDeployment, about: object, validUntil: number, kind = 'iso27001') {
  const { id } = await ok(d.admin('POST', `${A}/accreditations`, { kind, issuer: 'Certifier AG', valid_until: validUntil, ...about }) as never, 201);
  await ok(d.admin('POST', `${A}/accreditations/${id}/verify`) as never);
  return id as unknown as string;
}
const rules = (d: TestDeployment, all: object, more: object = {}) => d.admin('PUT', `${A}/admission`, { rules: all, ...more });
const types = async (d: TestDeployment, kind: string) =>
  (await d.rows(`SELECT type, reason_code FROM event WHERE subject_kind = '${kind}' ORDER BY seq`)) as never;

describe('accreditations', () => {
  it('nobody is approved or active without what is demanded; all that is said about a member ends with it, and comes back when it is renewed', async () => {
    const d = await testDeployment();
    await ok(rules(d, { oauth_client: { accreditations: ['iso27001'] } }) as never);
    const rp = await enrolled(d, 'https://rp.example', { organization: 'Bank A' });
    const M = `${A}/members/${rp.id}`;
    const refused = await d.admin('POST', `${M}/approve`);
    expect([refused.status, refused.json.code, refused.json.detail]).toEqual([422, 'accreditation_not_in_force', expect.stringContaining('iso27001')]);
    const { jwks } = await testMember('https://straight.example');
    const straight = await d.admin('POST', `${A}/members`, {
      entity_id: 'https://straight.example',
      jwks,
      entity_types: ['oauth_client'],
      activate: true,
      organization: 'New',
    });
    expect([straight.status, straight.json.code]).toEqual([422, 'accreditation_not_in_force']);
    expect((await d.admin('GET', `${A}/organizations`)).json.items.length, 'nothing is made of who is refused').toBe(1);
    // Of the organization; added alone it counts for nothing.
    const { id: pending } = await ok(
      d.admin('POST', `${A}/accreditations`, { organization: 'Bank A', kind: 'iso27001', issuer: 'Certifier AG', valid_until: NOW + 3600 }) as never,
      201,
    );
    expect((await d.admin('POST', `${M}/approve`)).json.code).toBe('accreditation_not_in_force');
    await ok(d.admin('POST', `${A}/accreditations/${pending}/verify`) as never);
    const [verified] = await d.rows(`SELECT detail FROM event WHERE type = 'accreditation.verified'`);
    expect(JSON.parse(String(verified?.['detail']))).toMatchObject({ single_operator: true, kind: 'iso27001' });
    await ok(d.admin('POST', `${M}/approve`) as never);
    await ok(d.admin('POST', `${M}/activate`) as never);
    expect([await expOf(d, 'https://rp.example'), (await d.admin('GET', M)).json.accredited_until]).toEqual([NOW + 3600, NOW + 3600]);
    // A mark rests on the membership, and ends with it.
    await ok(d.admin('POST', `${A}/mark-types`, { trust_mark_type: 'https://m.example/m' }) as never, 201);
    expect((await d.admin('POST', `${A}/marks`, { trust_mark_type: 'https://m.example/m', member: rp.id })).json.exp).toBe(NOW + 3600);
    // Renewed by one that begins where it ends: longer from the moment it is verified.
    const { id: next } = await ok(d.admin('POST', `${A}/accreditations/${pending}/renew`, { valid_from: NOW + 3000, valid_until: NOW + 7200 }) as never, 201);
    await turn(d);
    expect(await expOf(d, 'https://rp.example')).toBe(NOW + 3600);
    await ok(d.admin('POST', `${A}/accreditations/${next}/verify`) as never);
    await turn(d);
    expect(await expOf(d, 'https://rp.example')).toBe(NOW + 7200);
    await discoveryTurn(d.deployment, { more: () => true });
    const mark = `/trust-mark?trust_mark_type=${encodeURIComponent('https://m.example/m')}&sub=${encodeURIComponent('https://rp.example')}`;
    const doors = ['/fetch?sub=https%3A%2F%2Frp.example', mark, `/resolve?sub=https%3A%2F%2Frp.example&trust_anchor=${encodeURIComponent(ANCHOR)}`];
    for (const door of doors) expect([door, (await d.public(door)).status]).toEqual([door, 200]);
    // Every job is dead, and it is over all the same.
    d.clock = NOW + 7200;
    for (const door of doors) expect([door, (await d.public(door)).status === 200]).toEqual([door, false]);
    expect([await listed(d), (await d.admin('GET', M)).json.state]).toEqual([[], 'active']);
    await turn(d);
    expect((await d.admin('GET', M)).json.state).toBe('suspended');
    expect(await types(d, 'member')).toContainEqual({ type: 'member.suspended', reason_code: 'accreditation_expired' });
    expect((await d.admin('POST', `${M}/resume`)).json.code).toBe('accreditation_not_in_force');
    await accredited(d, { member: 'https://rp.example' }, NOW + 30 * DAY);
    await ok(d.admin('POST', `${M}/resume`) as never);
    expect(await fetched(d, 'https://rp.example')).toBe(200);
  });

  it('withdrawing one cuts its members and the marks that hang on it in the same commit, its renewals with it, and no damaged cell stops it', async () => {
    const d = await testDeployment();
    const ids = [];
    for (const name of ['a', 'b', 'c'])
      ids.push((await enrolled(d, `https://${name}.example`, { activate: true, ...(name !== 'c' && { organization: 'Bank A' }) })).id);
    const [a, b, c] = ids as [string, string, string];
    // Rules that some do not meet are refused, and say whom they would cut; a dry run changes nothing.
    const iso = await accredited(d, { organization: 'Bank A' }, NOW + 90 * DAY);
    const demanded = { oauth_client: { accreditations: ['iso27001'] } };
    const strict = await rules(d, demanded);
    expect([strict.status, strict.json.code, strict.json.detail]).toEqual([422, 'accreditation_not_in_force', expect.stringContaining('https://c.example')]);
    const dry = await d.admin('PUT', `${A}/admission?dry_run=true`, { rules: demanded });
    expect([dry.json.suspended, await fetched(d, 'https://c.example')]).toEqual([['https://c.example'], 200]);
    await ok(rules(d, demanded, { suspend: true }) as never);
    expect([await fetched(d, 'https://a.example'), await fetched(d, 'https://c.example'), (await d.admin('GET', `${A}/members/${c}`)).json.state]).toEqual([
      200,
      404,
      'suspended',
    ]);
    await ok(d.admin('POST', `${A}/mark-types`, { trust_mark_type: 'https://m.example/m' }) as never, 201);
    const other = await d.admin('POST', `${A}/marks`, { trust_mark_type: 'https://m.example/m', member: a, accreditation: 'acc_nobody' });
    expect(other.json.code).toBe('not_found');
    const granted = await ok(d.admin('POST', `${A}/marks`, { trust_mark_type: 'https://m.example/m', member: a, accreditation: iso }) as never, 201);
    expect([granted['valid_until'], granted['accreditation']]).toEqual([NOW + 90 * DAY, iso]);
    // What renews it takes the mark over, and moves its end.
    const { id: next } = await ok(d.admin('POST', `${A}/accreditations/${iso}/renew`, { valid_until: NOW + 400 * DAY }) as never, 201);
    await ok(d.admin('POST', `${A}/accreditations/${next}/verify`) as never);
    const [grant] = (await d.admin('GET', `${A}/marks`)).json.items;
    expect([grant.accreditation, grant.valid_until]).toEqual([next, NOW + 400 * DAY]);
    const { id: waits } = await ok(d.admin('POST', `${A}/accreditations/${next}/renew`, { valid_until: NOW + 800 * DAY }) as never, 201);
    // Cells that have nothing to do with it, and the rules themselves.
    await d.execute(`UPDATE accreditation SET valid_from = 'x' WHERE id = '${iso}'`).catch(() => undefined);
    await d.execute(`UPDATE authority SET admission = '{'`);
    await d.execute(`UPDATE member SET sponsor = '{', entity_types = '{' WHERE id = '${b}'`);
    const would = await d.admin('POST', `${A}/accreditations/${iso}/withdraw?dry_run=true`, { reason: 'it was forged' });
    expect([would.json.suspended.toSorted(), await fetched(d, 'https://a.example')]).toEqual([['https://a.example', 'https://b.example'], 200]);
    const [before] = await d.rows(`SELECT max(seq) AS seq FROM event WHERE authority_id LIKE 'aut_%'`);
    const cut = await d.admin('POST', `${A}/accreditations/${iso}/withdraw`, { reason: 'it was forged' });
    expect([cut.status, cut.json.suspended?.toSorted()], cut.text).toEqual([200, ['https://a.example', 'https://b.example']]);
    expect([await fetched(d, 'https://a.example'), await fetched(d, 'https://b.example'), await listed(d)]).toEqual([404, 404, []]);
    const status = await d.public('/trust-mark-status', { method: 'POST', body: new URLSearchParams({ trust_mark: String(granted['trust_mark']) }) });
    expect(decodeJwt(status.text)['status']).toBe('revoked');
    expect(await d.rows('SELECT state FROM accreditation ORDER BY id')).toEqual([{ state: 'withdrawn' }, { state: 'withdrawn' }, { state: 'withdrawn' }]);
    expect((await d.rows('SELECT state FROM trust_mark_grant'))[0]).toEqual({ state: 'revoked' });
    const told = await d.rows(`SELECT type, reason_code FROM event WHERE seq > ${before?.['seq']} AND authority_id LIKE 'aut_%' ORDER BY seq`);
    expect(told.filter(({ type }) => type === 'member.suspended')).toEqual([
      { type: 'member.suspended', reason_code: 'accreditation_withdrawn' },
      { type: 'member.suspended', reason_code: 'accreditation_withdrawn' },
    ]);
    for (const id of [next, waits]) expect((await d.admin('POST', `${A}/accreditations/${id}/verify`)).status).toBe(409);
    expect((await d.admin('POST', `${A}/accreditations/${next}/renew`, { valid_until: NOW + 900 * DAY })).json.code).toBe('wrong_state');
    // Nobody comes back while the rules cannot be read; they are set anew.
    expect((await d.admin('POST', `${A}/members/${a}/resume`)).json.code).toBe('wrong_state');
    await ok(rules(d, {}) as never);
    await ok(d.admin('POST', `${A}/members/${a}/resume`) as never);
  });

  it('with quorum 2 nobody verifies his own, by whatever key; of rules looser takes two, tighter one; what is exchanged voids approvals', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
    const { owners, operator, approvers } = await twoDecide(d);
    const [ann, bob] = owners;
    const rp = (await ok(
      operator.as('POST', `${A}/members`, {
        entity_id: 'https://rp.example',
        jwks: (await testMember('https://rp.example')).jwks,
        entity_types: ['oauth_client'],
      }) as never,
      201,
    )) as unknown as { id: string };
    const acc = await ok(ann.as('POST', `${A}/accreditations`, { member: rp.id, kind: 'contract', issuer: 'us', valid_until: NOW + 9 * DAY }) as never, 201);
    const VERIFY = `${A}/accreditations/${acc['id']}/verify`;
    expect((await ann.as('POST', VERIFY)).json.code).toBe('self_approval');
    const [second] = await testPeople(d, [['owner', null]]);
    await d.execute(`UPDATE api_key SET person_id = '${ann.id}' WHERE person_id = '${second?.id}'`);
    expect((await second?.as('POST', VERIFY))?.json.code, 'a second key of hers').toBe('self_approval');
    expect((await d.admin('POST', VERIFY)).json.code, 'a key of nobody').toBe('permission_denied');
    expect((await operator.as('POST', VERIFY)).status, 'an operator extends nothing').toBe(403);
    // Whoever hands in the evidence does not verify either, and another authority knows nothing of it.
    const link = { accreditation: acc['id'], uri: 'https://docs.example/x.pdf', sha256: 'a'.repeat(64) };
    const handed = await ok(bob.as('POST', `${A}/evidence`, link) as never, 201);
    expect((await bob.as('POST', VERIFY)).json.code).toBe('self_approval');
    expect((await bob.as('POST', `${A}/evidence/${handed['id']}/review`)).json.code).toBe('self_approval');
    await ok(ann.as('POST', `${A}/evidence/${handed['id']}/review`) as never);
    const [responder] = await testPeople(d, [['responder', 'main']]);
    const shownTo = async (who = responder) => ((await who?.as('GET', `${A}/accreditations/${acc['id']}`))?.json.evidence ?? [])[0]?.uri;
    expect([await shownTo(ann), await shownTo()], 'where it lies is for whoever may read it').toEqual([link.uri, null]);
    for (const path of [`/authorities/other/accreditations/${acc['id']}`, `/authorities/other/evidence/${handed['id']}/content`])
      expect((await ann.as('GET', path)).status).toBe(404);
    expect((await approvers[0].as('POST', '/authorities/other/accreditations/x/verify')).status).toBe(403);
    const [, stale] = [0, (await ann.as('GET', `${A}/accreditations/${acc['id']}`)).json.v - 1];
    expect((await approvers[0].as('POST', VERIFY, { v: stale })).json.code).toBe('version_conflict');
    // An approval is open: evidence handed in since is not what was approved.
    const approve = (n: 0 | 1) => approvers[n].as('POST', `${A}/members/${rp.id}/approve`);
    expect((await approve(0)).status).toBe(202);
    await ok(bob.as('POST', `${A}/evidence`, { ...link, sha256: 'b'.repeat(64) }) as never, 201);
    expect((await approve(1)).status, 'it begins anew').toBe(202);
    // Rules are tightened, by one, while it is open.
    const demanded = { rules: { oauth_client: { accreditations: ['contract'], sponsor: 'required' } } };
    await ok(ann.as('PUT', `${A}/admission`, demanded) as never);
    expect((await approve(0)).json.code).toBe('accreditation_not_in_force');
    await ok(approvers[0].as('POST', VERIFY) as never);
    expect((await approve(0)).json.detail).toContain('sponsor');
    const looser = { rules: { oauth_client: { accreditations: ['contract'] } } };
    expect((await ann.as('PUT', `${A}/admission`, looser)).status).toBe(202);
    expect((await bob.as('PUT', `${A}/admission`, looser)).json.authority.admission).toEqual(looser.rules);
    // Where they cannot be read it takes two as well, who see what they decide.
    await d.execute(`UPDATE authority SET admission = '{' WHERE slug = 'main'`);
    expect((await ann.as('PUT', `${A}/admission`, looser)).status).toBe(202);
    const open = await bob.as('GET', '/approvals');
    expect(open.json.items, open.text).toContainEqual(expect.objectContaining({ kind: 'admission', current: true }));
    await ok(bob.as('PUT', `${A}/admission`, looser) as never);
    expect((await approve(0)).status).toBe(202);
    await ok(approve(1) as never);
    await ok(approvers[0].as('POST', `${A}/members/${rp.id}/activate`) as never);
    // Without the type that something is demanded of it would last longer: that takes two.
    const types_ = { entity_types: ['oauth_resource'] };
    expect((await operator.as('PATCH', `${A}/members/${rp.id}`, types_)).status).toBe(403);
    expect((await ann.as('PATCH', `${A}/members/${rp.id}`, types_)).status).toBe(202);
    // Both at once: the cut goes first, or is told, and nothing that renews it is in force after.
    const { id: renews } = await ok(ann.as('POST', `${A}/accreditations/${acc['id']}/renew`, { valid_until: NOW + 99 * DAY }) as never, 201);
    const [, cut] = await Promise.all([
      bob.as('POST', `${A}/accreditations/${renews}/verify`),
      ann.as('POST', `${A}/accreditations/${acc['id']}/withdraw`, { reason: 'ended' }),
    ]);
    expect([cut.status, await fetched(d, 'https://rp.example')], cut.text).toEqual([200, 404]);
    expect(await d.rows(`SELECT DISTINCT state FROM accreditation`)).toEqual([{ state: 'withdrawn' }]);
  });

  it('a sponsor answers for a member until he says so again; he stands in no chain, and what ends is told in time, each time once', async () => {
    const d = await testDeployment();
    await ok(rules(d, { oauth_client: { sponsor: 'required' } }) as never);
    const rp = await enrolled(d, 'https://agent.example');
    const M = `${A}/members/${rp.id}`;
    expect((await d.admin('POST', `${M}/approve`)).json.detail).toContain('sponsor');
    const sponsor = { name: 'Ada Moe', email: 'ada@example.org' };
    expect((await d.admin('PUT', `${M}/sponsor`, { sponsor, reattest_by: NOW + 900 * DAY })).json.code).toBe('invalid_request');
    await ok(d.admin('PUT', `${M}/sponsor`, { sponsor, reattest_by: NOW + 20 * DAY }) as never);
    await ok(d.admin('POST', `${M}/approve`) as never);
    await ok(d.admin('POST', `${M}/activate`) as never);
    expect(JSON.stringify(await d.rows('SELECT detail FROM event')), 'no name in the chain').not.toContain('Ada');
    expect((await d.admin('GET', `${A}/events?limit=100`)).text, 'beside it').toContain('Ada Moe');
    const [line] = (await d.admin('GET', `${A}/export`)).text.trim().split('\n');
    expect(JSON.parse(line ?? '')).toMatchObject({ sponsor, reattest_by: NOW + 20 * DAY });
    await accredited(d, { member: rp.id }, NOW + 50 * DAY, 'insurance');
    for (const at of [0, 1, 2, 5, 6.5, 13.5]) {
      d.clock = NOW + at * DAY;
      await turn(d);
    }
    const days = async (type: string) =>
      (await d.rows(`SELECT detail FROM event WHERE type = '${type}' ORDER BY seq`)).map(({ detail }) => JSON.parse(String(detail)).days);
    expect([await days('member.reattestation_ending'), await days('accreditation.ending')]).toEqual([[30, 14, 7], [60]]);
    expect((await d.admin('DELETE', `${M}/sponsor`)).status).toBe(404);
    expect((await d.admin('PUT', `${M}/sponsor`, { sponsor: null })).json.code, 'somebody answers for whoever is active').toBe('accreditation_not_in_force');
    d.clock = NOW + 20 * DAY;
    expect([await fetched(d, 'https://agent.example'), await listed(d)]).toEqual([404, []]);
    await turn(d);
    expect(await types(d, 'member')).toContainEqual({ type: 'member.suspended', reason_code: 'reattestation_due' });
    expect((await d.admin('POST', `${M}/resume`)).json.detail).toContain('reattest');
    await ok(d.admin('POST', `${M}/reattest`, { until: NOW + 21 * DAY }) as never);
    await ok(d.admin('POST', `${M}/resume`) as never);
    expect(await expOf(d, 'https://agent.example')).toBe(NOW + 21 * DAY);
    await ok(d.admin('POST', `${M}/suspend`, { reason: 'left' }) as never);
    expect((await d.admin('PUT', `${M}/sponsor`, { sponsor: null })).json).toMatchObject({ sponsor: null, reattest_by: null });
  });
});
