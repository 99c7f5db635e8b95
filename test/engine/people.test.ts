import { expect, it } from 'vitest';
import { callOf } from '../../src/operations/access/call-of.js';
import { findApiKey } from '../../src/operations/access/api-keys.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { startImport } from '../../src/operations/members/import-job.js';
import { importSlice } from '../../src/operations/members/import-members.js';
import { newApiKey, tokenDigest } from '../../src/keys/random.js';
import { NOW, type TestDeployment, testDeployment, testMember, whenSigning } from '../support/deployment.js';
import { testPerson, twoDecide } from '../support/people.js';

const MEMBERS = '/authorities/main/members';
const code = ({ status, json }: { status: number; json: { code?: string } }) => [status, json.code];
const events = async (d: TestDeployment, path = '/authorities/main/events') => (await d.admin('GET', `${path}?order=newest&limit=50`)).json.items;

it('a person acts under any key of his own; a key never has more than its person; who is ended is ended everywhere', async () => {
  const d = await testDeployment();
  const ann = await testPerson(d, 'operator', 'main');
  const key = async (more: object) => (await d.admin('POST', '/api-keys', { name: 'second', person: ann.id, ...more })).json;
  expect((await ann.as('GET', '/whoami')).json).toMatchObject({
    id: ann.id,
    role: 'person',
    person: { name: 'a operator', roles: [{ role: 'operator', authority: 'main' }] },
  });
  const narrow = await key({ role: 'auditor' });
  const wide = await key({ role: 'owner' });
  const { jwks } = await testMember('https://a.example');
  const enroll = (token: string, entity_id = 'https://a.example') => d.admin('POST', MEMBERS, { entity_id, jwks }, { token });
  expect(code(await enroll(narrow.token))).toEqual([403, 'permission_denied']);
  expect(code(await d.admin('GET', '/api-keys', undefined, { token: wide.token })), 'the key is narrowed to owner; its person is none').toEqual([
    403,
    'permission_denied',
  ]);
  const other = await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
  expect(other.status).toBe(201);
  expect(code(await d.admin('GET', '/authorities/other', undefined, { token: ann.token }))).toEqual([403, 'permission_denied']);
  expect((await ann.as('GET', '/authorities')).json.items.map(({ slug }: { slug: string }) => slug)).toEqual(['main']);
  expect((await enroll(wide.token)).status).toBe(201);
  const [told] = await events(d);
  expect([told.actor, told.detail.api_key]).toEqual([{ kind: 'person', id: ann.id, name: 'a operator' }, wide.id]);
  expect((await d.admin('GET', '/authorities/main/events?actor=a%20operator')).json.items).toHaveLength(1);
  // A role that is taken away is gone with the next request; what runs is ended in its commit.
  const found = await findApiKey(d.deployment, ann.token);
  const running = await callOf(d.deployment, found as NonNullable<typeof found>);
  const job = await startImport(running as never, 'main', { dryRun: false });
  expect((await d.admin('POST', `/people/${ann.id}/end`, { reason: 'left' })).json.state).toBe('ended');
  await expect(importSlice(running as never, 'main', job.id, [{ line: 1 }])).rejects.toMatchObject({ code: 'permission_denied' });
  for (const token of [ann.token, narrow.token, wide.token]) expect((await d.admin('GET', '/whoami', undefined, { token })).status).toBe(401);
  expect((await d.admin('GET', `/people/${ann.id}`)).json.roles.map((one: { ended_at: number | null }) => one.ended_at)).toEqual([NOW]);
  for (const again of [key({ role: 'owner' }), d.admin('POST', `/people/${ann.id}/roles`, { role: 'owner' }).then(({ json }) => json)])
    expect((await again).code).toBe('wrong_state');
});

it('a role that ends between decision and commit decides nothing', async () => {
  const d = await testDeployment();
  const { id } = (await d.admin('POST', '/people', { name: 'brief' })).json;
  await d.admin('POST', `/people/${id}/roles`, { role: 'owner', authority: 'main', expires_at: NOW + 10 });
  const { token } = (await d.admin('POST', '/api-keys', { name: 'brief', person: id })).json;
  const { jwks } = await testMember('https://a.example');
  const member = (await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks })).json;
  await d.admin('POST', `${MEMBERS}/${member.id}/approve`, {});
  const { deployment, happened } = whenSigning(d.deployment, async () => {
    d.clock = NOW + 10;
  });
  const key = await findApiKey(deployment, token);
  const call = await callOf(deployment, key as NonNullable<typeof key>);
  await expect(moveMember(call, 'main', member.id, 'activate')).rejects.toMatchObject({ code: 'permission_denied' });
  expect([happened(), (await d.admin('GET', `${MEMBERS}/${member.id}`)).json.state]).toEqual([true, 'approved']);
});

it('quorum 2: an application is approved by two others than who enrolled and who edited it, over what they saw', async () => {
  const d = await testDeployment();
  const { owners, operator, approvers } = await twoDecide(d, 3);
  const [one, two, three] = approvers;
  const { jwks } = await testMember('https://a.example');
  const enroll = { entity_id: 'https://a.example', jwks };
  expect(code(await owners[0].as('POST', MEMBERS, { ...enroll, activate: true }))).toEqual([409, 'wrong_state']);
  expect(code(await owners[0].as('POST', '/authorities/main/imports', { activate: true }))).toEqual([409, 'wrong_state']);
  const { id } = (await owners[0].as('POST', MEMBERS, enroll)).json;
  const approve = (who: typeof one) => who.as('POST', `${MEMBERS}/${id}/approve`, {});
  expect(code(await approve(owners[0])), 'his own').toEqual([403, 'self_approval']);
  const second = (await owners[0].as('POST', '/api-keys', { name: 'second', person: owners[0].id })).json;
  expect(code(await d.admin('POST', `${MEMBERS}/${id}/approve`, {}, { token: second.token })), 'with a second key').toEqual([403, 'self_approval']);
  expect(code(await d.admin('POST', `${MEMBERS}/${id}/approve`, {})), 'a machine is nobody').toEqual([403, 'permission_denied']);
  const first = await approve(one);
  expect([first.status, first.json]).toEqual([
    202,
    { waiting_for: 1, approval: expect.objectContaining({ kind: 'application', subject: id }), detail: expect.any(String) },
  ]);
  expect((await approve(one)).json, 'twice is once').toEqual(first.json);
  expect((await d.admin('GET', `${MEMBERS}/${id}`)).json.state).toBe('vetting');
  const { id: approval, digest } = first.json.approval;
  const listed = async (who: typeof one) => (await who.as('GET', '/approvals?waiting_for=me')).json.items.map((item: { id: string }) => item.id);
  expect([await listed(one), await listed(two), await listed(owners[0]), await listed(operator)]).toEqual([[], [approval], [], []]);
  // An edit: the first approval is void, and whoever made it is not among the two.
  expect((await owners[1].as('PATCH', `${MEMBERS}/${id}`, { statement_lifetime: 7200 })).status).toBe(200);
  expect((await two.as('GET', `/approvals/${approval}`)).json).toMatchObject({ current: false, for_me: false });
  const say = (who: typeof one, verdict = 'approve', of = digest, which = approval) => who.as('POST', `/approvals/${which}`, { verdict, digest: of });
  expect(code(await say(two))).toEqual([409, 'decision_changed']);
  expect(code(await say(two, 'approve', 'other'))).toEqual([409, 'decision_changed']);
  expect(code(await approve(owners[1]))).toEqual([403, 'editor_cannot_approve']);
  const anew = (await approve(two)).json.approval;
  expect(code(await say(one)), 'the one before is void').toEqual([409, 'decision_changed']);
  // Of another authority's nobody learns.
  await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
  const { token } = (await d.admin('POST', '/api-keys', { name: 'o', role: 'owner', authorities: ['other'] })).json;
  for (const method of ['GET', 'POST'])
    expect((await d.admin(method, `/approvals/${anew.id}`, method === 'POST' ? { verdict: 'refuse', digest: anew.digest } : undefined, { token })).status).toBe(
      404,
    );
  // Whoever approved first and may no longer does not count; who is second then is the first.
  expect((await d.admin('POST', `/people/${two.id}/end`, { reason: 'left' })).status).toBe(200);
  expect((await say(one, 'approve', anew.digest, anew.id)).status).toBe(202);
  const done = await say(three, 'approve', anew.digest, anew.id);
  expect([done.status, done.json.state, done.json.waiting_for]).toEqual([200, 'done', 0]);
  expect(code(await say(three, 'refuse', anew.digest, anew.id))).toEqual([409, 'already_decided']);
  const [event] = await events(d);
  expect([event.type, event.detail.approved_by, event.detail.single_operator]).toEqual(['member.approved', [one.id, three.id], undefined]);
  expect((await one.as('POST', `${MEMBERS}/${id}/activate`, {})).json.state).toBe('active');
  expect(await d.rows(`SELECT verdict FROM approval`)).toHaveLength(4);
});

it('quorum 2: of twenty who approve at once one is first, one carries it out, and it happens once', async () => {
  const d = await testDeployment();
  const { operator, approvers } = await twoDecide(d, 8);
  const { jwks } = await testMember('https://a.example');
  const { id } = (await operator.as('POST', MEMBERS, { entity_id: 'https://a.example', jwks })).json;
  const [first, ...rest] = approvers;
  const { approval } = (await first.as('POST', `${MEMBERS}/${id}/approve`, {})).json;
  const votes = [...rest, ...rest, ...rest].slice(0, 19).concat(first);
  const answers = await Promise.all(votes.map((who) => who.as('POST', `/approvals/${approval.id}`, { verdict: 'approve', digest: approval.digest })));
  const won = answers.filter(({ status }) => status === 200);
  // One person may have sent it twice: both are answered alike.
  expect(won.length).toBeGreaterThanOrEqual(1);
  expect(answers.filter(({ status }) => ![200, 202].includes(status)).every(({ json }) => json.code === 'already_decided')).toBe(true);
  expect((await events(d)).filter(({ type }: { type: string }) => type === 'member.approved')).toHaveLength(1);
  expect(await d.rows(`SELECT person_id FROM approval WHERE verdict = 'approve'`)).toHaveLength(2);
});

it('quorum 2: coming back and widening take two, cutting and narrowing one', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://a.example');
  const { id } = (await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks, activate: true, constraints: { max_path_length: 1 } })).json;
  const { owners, operator, approvers } = await twoDecide(d);
  const [one, two] = approvers;
  const M = `${MEMBERS}/${id}`;
  const patch = (who: typeof one, body: object) => who.as('PATCH', M, body);
  expect((await patch(owners[0], { constraints: { max_path_length: 0 }, valid_until: NOW + 86_400 * 30 })).status, 'narrower').toBe(200);
  const wider = { constraints: { max_path_length: 3 }, valid_until: null };
  const asked = await patch(owners[0], wider);
  expect([asked.status, asked.json.approval.kind]).toEqual([202, 'widening']);
  expect((await patch(owners[0], wider)).status, 'twice is once').toBe(202);
  expect((await d.admin('GET', M)).json.constraints).toEqual({ max_path_length: 0 });
  const shown = (await one.as('GET', `/approvals/${asked.json.approval.id}`)).json;
  expect([shown.content.widens, shown.request.constraints]).toEqual([['constraints', 'valid_until'], { max_path_length: 3 }]);
  expect((await one.as('POST', `/approvals/${shown.id}`, { verdict: 'approve', digest: shown.digest })).status).toBe(200);
  expect((await d.admin('GET', M)).json).toMatchObject({ constraints: { max_path_length: 3 }, valid_until: null });
  const fresh = { jwks: (await testMember('https://a.example')).jwks, reason: 'new' };
  expect((await one.as('PUT', `${M}/keys`, fresh)).status, 'another key').toBe(202);
  expect((await two.as('PUT', `${M}/keys`, fresh)).status, 'the same request of another person').toBe(200);
  expect((await operator.as('POST', `${M}/suspend`, { reason: 'x' })).status).toBe(200);
  const back = (await one.as('POST', `${M}/resume`, {})).json.approval;
  // It is cut again, though nothing is left to cut: the first did not know.
  expect((await operator.as('POST', `${M}/suspend`, { reason: 'really' })).json.already).toBe(true);
  expect((await two.as('POST', `/approvals/${back.id}`, { verdict: 'approve', digest: back.digest })).status).toBe(202);
  expect((await one.as('POST', `${M}/resume`, {})).json.state).toBe('active');
  const publish = async (body: object, who: readonly (typeof one)[]) => {
    const { version } = (await d.admin('POST', '/authorities/main/policies', body)).json;
    return Promise.all(who.map(async (p) => (await p.as('POST', `/authorities/main/policies/${version}/publish`, {})).status));
  };
  const policy = { metadata_policy: { openid_relying_party: { scope: { subset_of: ['openid'] } } } };
  expect((await publish(policy, approvers)).sort(), 'a first one only refuses').toEqual([200, 200]);
  expect((await publish({}, approvers)).sort(), 'none at all').toEqual([200, 202]);
  expect((await operator.as('POST', '/authorities/main/halt', { reason: 'x' })).status).toBe(200);
  expect((await one.as('POST', '/authorities/main/resume', { reason: 'y' })).status).toBe(202);
  expect((await two.as('POST', '/authorities/main/resume', { reason: 'y' })).json.state).toBe('active');
});

it('quorum 2: nobody makes himself two: not by a role, not by a key of somebody else, not by lowering the quorum', async () => {
  const d = await testDeployment();
  const { owners, approvers } = await twoDecide(d);
  const [ann, bob] = owners;
  const { id: eve } = (await ann.as('POST', '/people', { name: 'eve' })).json;
  expect((await ann.as('POST', `/people/${eve}/roles`, { role: 'operator', authority: 'main' })).status, 'a role that widens nothing').toBe(201);
  const grant = (who: typeof ann, to = eve) => who.as('POST', `/people/${to}/roles`, { role: 'approver', authority: 'main' });
  expect(code(await grant(ann, ann.id)), 'for himself').toEqual([403, 'self_approval']);
  expect((await grant(ann)).status).toBe(202);
  expect((await grant(ann)).status).toBe(202);
  expect(code(await d.admin('POST', `/people/${eve}/roles`, { role: 'owner' })), 'a machine is nobody').toEqual([403, 'permission_denied']);
  const secret = newApiKey();
  const key = { name: 'of eve', person: eve, token_digest: await tokenDigest(secret) };
  expect(code(await ann.as('POST', '/api-keys', { name: 'of eve', person: eve })), 'a token that ann would be shown').toEqual([400, 'invalid_request']);
  const asked = await ann.as('POST', '/api-keys', key);
  expect([asked.status, asked.json.token]).toEqual([202, undefined]);
  const { id, digest } = asked.json.approval;
  expect(code(await approvers[0].as('POST', `/approvals/${id}`, { verdict: 'approve', digest })), 'not an owner').toEqual([404, 'not_found']);
  const made = await bob.as('POST', `/approvals/${id}`, { verdict: 'approve', digest });
  // Neither of the two is ever answered a token: only eve has it.
  expect([made.status, made.json.state, made.text.includes('token'), asked.text.includes(secret.token)]).toEqual([200, 'done', false, false]);
  expect((await d.admin('GET', '/whoami', undefined, { token: secret.token })).json.id).toBe(eve);
  expect(code(await ann.as('POST', '/api-keys', { ...key, person: ann.id })), 'a token is of one key').toEqual([409, 'already_exists']);
  expect((await ann.as('POST', '/api-keys', { ...key, token_digest: 'environment.x' })).status).toBe(400);
  expect((await grant(bob)).json).toMatchObject({ granted_by: ann.id, second_by: bob.id });
  const lower = (who: typeof ann) => who.as('PUT', '/authorities/main/quorum', { quorum: 1 });
  const lowering = await lower(ann);
  expect([lowering.status, (await lower(ann)).status]).toEqual([202, 202]);
  expect(code(await d.admin('PUT', '/authorities/main/quorum', { quorum: 1 }))).toEqual([403, 'permission_denied']);
  const { approval } = lowering.json;
  expect((await bob.as('POST', `/approvals/${approval.id}`, { verdict: 'refuse', digest: approval.digest, note: 'no' })).json.state).toBe('refused');
  expect((await d.admin('GET', '/authorities/main')).json.quorum).toBe(2);
  expect([(await lower(bob)).status, (await lower(ann)).json.quorum]).toEqual([202, 1]);
  expect((await events(d)).slice(0, 2).map(({ type }: { type: string }) => type)).toEqual(['authority.quorum_lowered', 'approval.given']);
});

it('the last who can grant stays; HOLDFAST_ADMIN_TOKEN is the way back, and says so', async () => {
  const d = await testDeployment();
  expect(code(await d.admin('PUT', '/authorities/main/quorum', { quorum: 2 })), 'two persons are needed first').toEqual([409, 'wrong_state']);
  const { owners } = await twoDecide(d);
  const [ann, bob] = owners;
  expect((await ann.as('POST', `/people/${bob.id}/end`, { reason: 'stolen key' })).json.state, 'a cut takes one').toBe('ended');
  const last = await ann.as('POST', `/people/${ann.id}/end`, { reason: 'x' });
  const [role] = (await d.admin('GET', `/people/${ann.id}`)).json.roles;
  const keys = (await d.admin('GET', '/api-keys')).json.items.filter(({ person }: { person: string }) => person === ann.id);
  const ended = [last, await d.admin('POST', `/people/${ann.id}/roles/${role.id}/end`, {}), await d.admin('POST', `/api-keys/${keys[0].id}/revoke`)];
  expect(ended.map(code)).toEqual(Array(3).fill([409, 'last_owner']));
  const { ensureOwner } = await import('../../src/operations/access/api-keys.js');
  const token = 'the-token-of-the-environment';
  await ensureOwner(d.deployment, token);
  const { id } = (await d.admin('POST', '/people', { name: 'new' }, { token })).json;
  expect((await d.admin('POST', `/people/${id}/roles`, { role: 'owner' }, { token })).json.second_by).toBeNull();
  const made = await d.admin('POST', '/api-keys', { name: 'new', person: id }, { token });
  expect(made.status).toBe(201);
  const [created, granted] = await events(d, '/events');
  expect([created.detail.recovery, granted.detail.recovery]).toEqual([true, true]);
  expect((await ann.as('POST', `/people/${ann.id}/end`, { reason: 'x' })).json.state).toBe('ended');
});
