import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { type JwkSet, readStatusList, statusReference } from '../../src/federation/entry.js';
import { signDueLists } from '../../src/operations/status/sign-lists.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { AGENTS, HOLDER, makeAgent, withAgents } from '../support/agents.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const [ONE, TWO] = ['https://one.example.com', 'https://two.example.com'];
const LIST = '/status-lists/0';
const at = (id: string, verb = '') => `${A}/members/${encodeURIComponent(id)}${verb}`;

async function act(d: TestDeployment, method: string, path: string, body: object = { reason: 'test' }) {
  const { status, text, json } = await d.admin(method, path, body);
  expect(status, text).toBeLessThan(300);
  return json;
}
async function two() {
  const d = await testDeployment();
  for (const id of [ONE, TWO])
    await act(d, 'POST', `${A}/members`, { entity_id: id, jwks: (await testMember(id)).jwks, entity_types: ['oauth_client'], activate: true });
  const jwks = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as unknown as JwkSet;
  const place = async (id: string) => statusReference(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text)['status'])?.idx ?? -1;
  const places = [await place(ONE), await place(TWO)];
  /** What a relying server makes of the list. */
  const said = async () => {
    const { status, text } = await d.public(LIST);
    if (status !== 200) return status;
    const read = await readStatusList(text, { now: d.clock, uri: `${ANCHOR}${LIST}`, jwks });
    return read.ok ? places.map((idx) => read.value.at(idx)) : read.findings.map(({ code }) => code);
  };
  return { d, said };
}
const iatOf = async (d: TestDeployment) => decodeJwt((await d.public(LIST)).text).iat;

it('an authority for agents says nothing of them while what is above it does not stand, nor of the time before', async () => {
  const d = await testDeployment();
  const acme = await withAgents(d);
  expect((await makeAgent(d, acme, 'invoices')).status).toBe(201);
  const asked = async () => [(await d.public(`${AGENTS}${LIST}`)).status, (await d.public(`${AGENTS}${LIST}?time=${NOW}`)).status];
  expect(await asked(), 'what was cut above stands in another chain: of before nothing is told').toEqual([200, 404]);
  for (const who of [HOLDER, AGENTS]) {
    await act(d, 'POST', at(who, '/suspend'));
    expect(await asked(), who).toEqual([404, 404]);
    await act(d, 'POST', at(who, '/resume'));
    // What came back above is told by another chain: the next turn of the background signs the list.
    await signDueLists(d.deployment);
    expect((await asked())[0], who).toBe(200);
  }
});

it('is signed before whatever else is due, however much that is and for how long', async () => {
  const { d } = await two();
  d.clock += 61;
  await d.execute(`UPDATE artefact SET renew_at = ${NOW - 1000}, withheld = 'not_issued' WHERE kind <> 'status_list'`);
  await signDueLists(d.deployment);
  expect(await iatOf(d)).toBe(NOW + 61);
});

it('is never older than the one it replaces, though the clock of who signs it is behind', async () => {
  const { d, said } = await two();
  d.clock += 61;
  await backgroundTurn(d.deployment, { more: () => true });
  const before = await iatOf(d);
  d.clock -= 5;
  await act(d, 'POST', at(ONE, '/suspend'));
  expect([before, await iatOf(d)]).toEqual([NOW + 61, NOW + 61]);
  expect(await said()).toEqual([2, 0]);
});

it('of a damaged row it says that it is not valid, or what can be read of it; everybody else is as he was', async () => {
  const { d, said } = await two();
  for (const [set, expected] of [
    [`valid_until = ${NOW + 100.5}, not_before = NULL`, 0],
    [`valid_until = NULL, not_before = ${NOW + 0.5}`, 0],
    [`valid_until = 'x', not_before = NULL`, 1],
    [`valid_until = NULL, not_before = 'x'`, 1],
    ['valid_until = NULL, not_before = 1e300', 1],
  ] as const) {
    // PostgreSQL keeps no text there.
    const kept = await d.execute(`UPDATE member SET ${set} WHERE entity_id = '${TWO}'`).then(
      () => true,
      () => false,
    );
    if (!kept) continue;
    await d.execute("UPDATE artefact SET withheld = 'not_issued', renew_at = 0, lease_until = 0 WHERE kind = 'status_list'");
    await backgroundTurn(d.deployment, { more: () => true }).catch(() => undefined);
    expect([set, await said()]).toEqual([set, [0, expected]]);
  }
});
