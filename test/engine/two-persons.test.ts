import { expect, it } from 'vitest';
import { createApiKey, ensureOwner, findApiKey } from '../../src/operations/access/api-keys.js';
import { callOf } from '../../src/operations/access/call-of.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { raw } from '../../src/store/database.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { type TestPerson, twoDecide } from '../support/people.js';

const MEMBERS = '/authorities/main/members';
const code = ({ status, json }: { status: number; json: { code?: string } }) => [status, json.code];
const approve = (who: TestPerson, id: string, body: object = {}) => who.as('POST', `${MEMBERS}/${id}/approve`, body);
const enrolled = async (who: TestPerson, more: object = {}) => {
  const { jwks } = await testMember('https://a.example');
  const enroll = () => who.as('POST', MEMBERS, { entity_id: 'https://a.example', jwks, ...more });
  return { id: (await enroll()).json.id as string, enroll };
};
const events = async (d: TestDeployment) => (await d.admin('GET', '/authorities/main/events?order=newest&limit=50')).json.items;

it('quorum 2: an approval is of what stood there then: an edit, a refusal, a cut of the person since voids it, also where the same stands there again', async () => {
  const d = await testDeployment();
  const { owners, operator, approvers } = await twoDecide(d, 3);
  const [ann, bob] = owners;
  const [one, two, three] = approvers;
  const { id, enroll } = await enrolled(operator);
  const current = async (proposal: string) => (await two.as('GET', `/approvals/${proposal}`)).json.current;
  const first = (await approve(one, id)).json.approval;
  // There and back: nothing is different in the end, and somebody has edited it.
  for (const seconds of [7200, null]) expect((await operator.as('PATCH', `${MEMBERS}/${id}`, { statement_lifetime: seconds })).status).toBe(200);
  expect([await current(first.id), (await approve(two, id)).status]).toEqual([false, 202]);
  // Refused, and applied for anew with the same content.
  expect((await operator.as('POST', `${MEMBERS}/${id}/refuse`, { reason: 'no' })).json.state).toBe('refused');
  expect((await enroll()).status).toBe(201);
  expect((await approve(three, id)).status).toBe(202);
  expect((await approve(two, id)).json.state).toBe('approved');
  // A role for somebody from whom one was taken since.
  const { id: eve } = (await ann.as('POST', '/people', { name: 'eve' })).json;
  const held = (await ann.as('POST', `/people/${eve}/roles`, { role: 'operator', authority: 'main' })).json;
  const grant = (who: TestPerson) => who.as('POST', `/people/${eve}/roles`, { role: 'approver', authority: 'main' });
  const asked = (await grant(ann)).json.approval;
  await bob.as('POST', `/people/${eve}/roles/${held.id}/end`, { reason: 'misconduct' });
  expect((await bob.as('GET', `/approvals/${asked.id}`)).json).toMatchObject({ current: false, for_me: false });
  expect([(await bob.as('POST', `/approvals/${asked.id}`, { verdict: 'approve', digest: asked.digest })).status, (await grant(ann)).status]).toEqual([
    202, 201,
  ]);
  // What one decided alone by the way of recovery is no standing half of the next time.
  const lower = (who: TestPerson) => who.as('PUT', '/authorities/main/quorum', { quorum: 1 });
  expect((await lower(ann)).status).toBe(202);
  const recovery = 'x'.repeat(40);
  await ensureOwner(d.deployment, recovery);
  for (const quorum of [1, 2]) expect((await d.admin('PUT', '/authorities/main/quorum', { quorum }, { token: recovery })).json.quorum).toBe(quorum);
  expect((await lower(bob)).status).toBe(202);
});

it('quorum 2: what nobody approves in time is void, by time and not by a job, and says so', async () => {
  const d = await testDeployment();
  const { operator, approvers } = await twoDecide(d, 3);
  const [one, two, three] = approvers;
  const { id } = await enrolled(operator);
  const { id: asked, digest } = (await approve(one, id)).json.approval;
  const show = async () => (await two.as('GET', `/approvals/${asked}`)).json;
  const end = d.clock + 14 * 86_400;
  expect(await show()).toMatchObject({ current: true, for_me: true, expires_at: end });
  d.clock = end;
  expect(await show()).toMatchObject({ state: 'open', current: false, for_me: false });
  for (const verdict of ['approve', 'refuse']) {
    const late = await two.as('POST', `/approvals/${asked}`, { verdict, digest });
    expect([code(late), late.json.detail]).toEqual([[409, 'decision_changed'], expect.stringContaining('nobody approved it until')]);
  }
  // The same asked for again begins anew.
  expect((await approve(two, id)).status).toBe(202);
  expect((await show()).state).toBe('void');
  expect((await approve(one, id)).json.state).toBe('approved');
  // Another setting, and the sweep.
  const { deployment } = d;
  await d.execute("UPDATE member SET state = 'vetting', approved_sha256 = NULL");
  expect((await approve(three, id)).status).toBe(202);
  d.clock += 7200;
  await backgroundTurn(deployment, { more: () => true });
  expect(await d.rows("SELECT * FROM proposal WHERE state = 'open'")).toHaveLength(1);
  await backgroundTurn({ ...deployment, approvalsLast: 3600 }, { more: () => true });
  expect(await d.rows("SELECT * FROM proposal WHERE state = 'open'")).toEqual([]);
});

it('quorum 2: nobody hides behind keys that made keys, however many', async () => {
  const d = await testDeployment();
  const { owners, approvers } = await twoDecide(d);
  const [ann] = owners;
  let token = ann.token;
  for (let n = 0; n < 12; n++) {
    const found = await findApiKey(d.deployment, token);
    const call = await callOf(d.deployment, found as NonNullable<typeof found>);
    token = (await createApiKey(call as never, { name: `k${n}`, role: 'owner', authorities: null })).token as string;
  }
  const { jwks } = await testMember('https://a.example');
  const { id } = (await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks }, { token })).json;
  expect(code(await approve(ann, id))).toEqual([403, 'self_approval']);
  expect((await approve(approvers[0], id)).status).toBe(202);
});

it('quorum 2: what was waived is part of what is decided', async () => {
  const d = await testDeployment();
  const { operator, approvers } = await twoDecide(d);
  const [one, two] = approvers;
  const own = (await d.admin('GET', '/authorities/main/keys')).json.items[0];
  const foreign = await testMember('https://a.example');
  const keys = [...foreign.jwks.keys, own.jwk ?? own.public_jwk];
  const refused = await operator.as('POST', MEMBERS, { entity_id: 'https://a.example', jwks: { keys } });
  expect(refused.json.findings?.map((one: { code: string }) => one.code) ?? refused.text).toContain('key_of_authority');
  const { id } = (await operator.as('POST', MEMBERS, { entity_id: 'https://a.example', jwks: { keys }, waive: ['key_of_authority'] })).json;
  const { approval } = (await approve(one, id)).json;
  expect((await two.as('GET', `/approvals/${approval.id}`)).json.content).toMatchObject({ waived: ['key_of_authority'] });
  expect((await approve(two, id)).json.state).toBe('approved');
});

it('what is only ever added to says so itself; erasing words takes their copies and nothing else', async () => {
  const d = await testDeployment();
  const { operator, approvers } = await twoDecide(d, 3);
  const { id } = await enrolled(operator);
  for (const who of approvers.slice(0, 2)) expect((await approve(who, id)).status).toBeLessThan(300);
  await approvers[0].as('POST', `${MEMBERS}/${id}/activate`, {});
  const words = (n: number) => `because of Xylophon ${n}`;
  const suspend = (n: number) => d.admin('POST', `${MEMBERS}/${id}/suspend`, { reason: words(n) }, { headers: { 'idempotency-key': `n${n}` } });
  await suspend(1);
  const { approval } = (await approvers[0].as('POST', `${MEMBERS}/${id}/resume`, { reason: words(2) })).json;
  await approvers[1].as('POST', `/approvals/${approval.id}`, { verdict: 'approve', digest: approval.digest, note: words(3) });
  await suspend(4);
  // Asked for and refused: the reason stands in nothing but what was asked for.
  const asked = (await approvers[0].as('POST', `${MEMBERS}/${id}/resume`, { reason: words(5) })).json.approval;
  expect((await approvers[1].as('POST', `/approvals/${asked.id}`, { verdict: 'refuse', digest: asked.digest })).status).toBe(200);
  const open = (await approvers[0].as('POST', `${MEMBERS}/${id}/resume`, { reason: words(4) })).json.approval;
  await backgroundTurn(d.deployment, { more: () => true });
  const { store } = d.deployment;
  for (const sql of [
    "UPDATE event SET type = 'x'",
    'DELETE FROM event',
    "UPDATE approval SET verdict = 'refuse'",
    "UPDATE approval SET note = 'other'",
    'DELETE FROM approval',
    'UPDATE checkpoint SET iat = 1',
    'DELETE FROM checkpoint',
    "UPDATE registration_event SET event = 'revocation'",
    'DELETE FROM registration_event',
    "UPDATE event_private SET payload = '{}'",
    'UPDATE event_private SET seq = 99',
    'DELETE FROM event_private',
  ])
    await expect(store.write([raw(sql)]), sql).rejects.toThrow(/only ever added to|only words are erased|trouble|SQLITE|internal|constraint/i);
  const told = (await events(d)).filter((one: object) => JSON.stringify(one).includes('Xylophon'));
  expect(told.map(({ type }: { type: string }) => type)).toEqual(['member.suspended', 'member.resumed', 'member.suspended']);
  for (const { seq } of told) expect((await d.admin('POST', `/authorities/main/events/${seq}/erase`, { reason: 'asked for' })).status).toBe(200);
  // Short words of one take no remembered answer of another away; what bars an identifier is erased with them.
  const { jwks } = await testMember('https://other.example');
  const other = (await d.admin('POST', MEMBERS, { entity_id: 'https://other.example', jwks })).json;
  const remembered = { headers: { 'idempotency-key': 'other' } };
  expect((await d.admin('PATCH', `${MEMBERS}/${other.id}`, { statement_lifetime: 7200 }, remembered)).status).toBe(200);
  expect((await d.admin('POST', `${MEMBERS}/${id}/revoke`, { reason: 'kid' })).status).toBe(200);
  expect(await d.rows('SELECT reason FROM barred_identifier')).toEqual([{ reason: 'kid' }]);
  const about = (await events(d)).filter(
    ({ type, subject }: { type: string; subject: { id: string } }) => type === 'member.revoked' || subject.id === asked.id,
  );
  for (const { seq } of about) expect([200, 409]).toContain((await d.admin('POST', `/authorities/main/events/${seq}/erase`, { reason: 'asked for' })).status);
  expect(await d.rows('SELECT reason FROM barred_identifier')).toEqual([{ reason: null }]);
  expect((await d.admin('PATCH', `${MEMBERS}/${other.id}`, { statement_lifetime: 7200 }, remembered)).json.statement_lifetime).toBe(7200);
  const left: string[] = [];
  for (const table of ['member', 'proposal', 'approval', 'idempotency', 'event', 'event_private', 'registration_event', 'job', 'artefact'])
    for (const row of await d.rows(`SELECT * FROM ${table}`)) if (JSON.stringify(row).includes('Xylophon')) left.push(table);
  expect(left).toEqual([]);
  expect((await approvers[1].as('GET', `/approvals/${open.id}`)).json, 'nobody approves what is not there any more').toMatchObject({ state: 'void' });
  expect((await suspend(4)).json.code).toBe('already_shown');
  expect((await d.admin('GET', `${MEMBERS}/${id}`)).json).toMatchObject({ state: 'revoked', state_reason: null });
  expect(await d.rows('SELECT verdict FROM approval')).toHaveLength(7);
});
