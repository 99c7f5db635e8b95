import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const TYPE = 'https://anchor.example.org/marks/certified';
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const counts = async (d: TestDeployment) => {
  const [row] = await d.rows(
    "SELECT (SELECT count(*) FROM trust_mark) AS marks, (SELECT count(*) FROM artefact WHERE kind = 'mark_status') AS answers, (SELECT count(*) FROM job WHERE kind = 'resign' AND state = 'done') AS done",
  );
  return row;
};
async function marked(n: number) {
  const d = await testDeployment();
  await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
  for (let one = 0; one < n; one++) {
    const { jwks, id } = await testMember(`https://rp${one}.example.com`);
    await d.admin('POST', `${A}/members`, { entity_id: id, jwks, entity_types: ['openid_relying_party'], activate: true });
    expect((await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: id })).status).toBe(201);
  }
  return d;
}

it('a policy and a lifetime sign statements anew and no mark, so marks do not multiply', async () => {
  const d = await marked(3);
  const before = await counts(d);
  expect(before).toMatchObject({ marks: 3, answers: 6 });
  const marks = (await d.public(`/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE)}`)).text;
  for (let version = 1; version <= 3; version++) {
    const policy = { openid_relying_party: { contacts: { add: [`v${version}@${new URL(ANCHOR).host}`] } } };
    expect((await d.admin('POST', `${A}/policies`, { metadata_policy: policy })).status).toBe(201);
    const published = await d.admin('POST', `${A}/policies/${version}/publish`, {});
    expect(published.status, published.text).toBe(200);
    await turn(d);
  }
  expect((await d.admin('PATCH', A, { statement_lifetime: 43_200 })).status).toBe(200);
  await turn(d);
  expect(await counts(d)).toEqual({ ...before, done: 4 });
  expect((await d.public(`/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE)}`)).text).toBe(marks);
});

it('other keys reach everything', async () => {
  const d = await marked(2);
  const { json } = await d.admin('GET', `${A}/keys`);
  const answer = await d.admin('POST', `${A}/keys/${json.items[0].kid}/revoke`, { reason: 'compromised' });
  expect(answer.status, answer.text).toBe(200);
  await turn(d);
  expect(await counts(d)).toMatchObject({ marks: 4, done: 1 });
});
