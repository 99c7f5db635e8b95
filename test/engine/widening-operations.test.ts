import { expect, it } from 'vitest';
import { testDeployment, testMember } from '../support/deployment.js';
import { type TestPerson, twoDecide } from '../support/people.js';

const A = '/authorities/main';
const TYPE = 'https://marks.example/iso';
const RP = 'https://rp.example';
const of = (type: string) => encodeURIComponent(type);

/** Asked for by one, nothing done; carried out when another approves it. */
async function takesTwo([one, two]: readonly [TestPerson, TestPerson], method: string, path: string, body: object) {
  const held = await one.as(method, path, body);
  expect([held.status, path], held.text).toEqual([202, path]);
  const { id, digest } = held.json.approval;
  const shown = (await two.as('GET', `/approvals/${id}`)).json;
  expect([shown.current, shown.for_me], path).toEqual([true, true]);
  expect((await one.as('POST', `/approvals/${id}`, { verdict: 'approve', digest })).status, 'the same person').toBe(202);
  const done = await two.as('POST', `/approvals/${id}`, { verdict: 'approve', digest });
  expect([done.status, done.json.state], done.text).toEqual([200, 'done']);
}

it('registry §3: at quorum 2 what an authority recognizes, pins, marks and delegates takes two persons; less of it takes one', async () => {
  const d = await testDeployment();
  const [anchor, rp] = [await testMember('https://ta.example.net'), await testMember(RP)];
  const more = await testMember('https://ta.example.net');
  await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
  for (const slug of ['main', 'other']) await d.admin('POST', `/authorities/${slug}/members`, { entity_id: RP, jwks: rp.jwks, activate: true });
  await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE, lifetime: 7200 });
  const { owners } = await twoDecide(d);
  const two = (method: string, path: string, body: object) => takesTwo(owners as never, method, path, body);
  const alone = async (method: string, path: string, body?: object) => {
    const { status, text } = await owners[0].as(method, path, body);
    expect([path, status < 202], text).toEqual([path, true]);
  };
  const both = { keys: [...anchor.jwks.keys, ...more.jwks.keys] };
  await two('POST', `${A}/anchors`, { entity_id: anchor.id, jwks: anchor.jwks });
  await two('POST', `${A}/anchors`, { entity_id: anchor.id, jwks: both });
  await alone('POST', `${A}/anchors`, { entity_id: anchor.id, jwks: more.jwks });
  await alone('POST', `${A}/anchors/${of(anchor.id)}/unpin`);

  const recognition = `${A}/mark-types/${of(TYPE)}/recognition`;
  await two('PUT', recognition, { issuers: [RP, 'https://b.example'] });
  await alone('PUT', recognition, { issuers: [RP], owner: { sub: 'https://owner.example', jwks: rp.jwks } });
  await two('PUT', recognition, { owner: null });
  await two('PUT', recognition, { issuers: [] });
  await alone('DELETE', recognition);
  await two('PATCH', A, { claims: { trust_mark_issuers: { [TYPE]: [RP] } } });
  await alone('PATCH', A, { claims: {}, organization_name: 'Federation', statement_lifetime: 7200 });
  await two('PATCH', A, { statement_lifetime: 90_000 });

  await two('PATCH', `${A}/mark-types/${of(TYPE)}`, { lifetime: 20_000 });
  await alone('PATCH', `${A}/mark-types/${of(TYPE)}`, { lifetime: 7200, logo_uri: 'https://marks.example/logo' });
  await two('POST', `${A}/mark-types/${of(TYPE)}/delegations`, { issuer: 'https://b.example' });

  await two('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
  const [grant] = (await d.admin('GET', `${A}/marks`)).json.items;
  await alone('POST', `${A}/marks/${grant.id}/withdraw`, { reason: 'x' });
  // Of a member of another authority, whose chain has to tell of it as well.
  await two('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP, member_of: 'other' });
  // A cut since the first approval voids it: of the member, of the grant, of the type.
  for (const [path, body, seconds] of [
    [`${A}/marks/${grant.id}/withdraw`, { reason: 'again' }, 7200],
    [`${A}/mark-types/${of(TYPE)}/halt`, { reason: 'x' }, 7300],
  ] as const) {
    const { id, digest } = (await owners[0].as('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP, valid_until: d.clock + seconds })).json.approval;
    await d.admin('POST', path, body);
    const late = await owners[1].as('POST', `/approvals/${id}`, { verdict: 'approve', digest });
    expect(late.json.state, late.text).not.toBe('done');
  }
  expect(await d.rows("SELECT * FROM event WHERE type = 'trust_mark.granted'")).toHaveLength(2);
});
