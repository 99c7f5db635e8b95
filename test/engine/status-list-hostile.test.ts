import { decodeJwt, decodeProtectedHeader } from 'jose';
import { expect, it } from 'vitest';
import { type JwkSet, NOT_BEFORE, readStatusList, statusReference } from '../../src/federation/entry.js';
import { fsck } from '../../src/operations/fsck.js';
import { giveStatusPlaces } from '../../src/operations/status/give-places.js';
import { statusSlice } from '../../src/store/status-places.js';
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
  const claim = async (name: string) => (decodeJwt((await d.public(`${AGENTS}${LIST}`)).text)[name] ?? {}) as object;
  expect(await asked(), 'what was cut above stands in another chain: of before nothing is told').toEqual([200, 404]);
  for (const who of [HOLDER, AGENTS]) {
    await act(d, 'POST', at(who, '/suspend'));
    expect(await asked(), who).toEqual([404, 404]);
    d.clock += 10;
    await act(d, 'POST', at(who, '/resume'));
    expect((await asked())[0], `${who}: with the answer, before any background`).toBe(200);
    expect(Object.values(await claim(NOT_BEFORE)), 'who came back when').toEqual(expect.arrayContaining([d.clock]));
  }
  for (const [level, body] of [
    ['/organizations/Acme%20AB', {}],
    ['', {}],
  ] as const) {
    await act(d, 'POST', `${A}${level}/halt`, { reason: 'x', ...body });
    expect(await asked(), level).toEqual([404, 404]);
    d.clock += 10;
    await act(d, 'POST', `${A}${level}/resume`);
    expect((await asked())[0], level).toBe(200);
    expect(Object.values(await claim(NOT_BEFORE))).toEqual(expect.arrayContaining([d.clock]));
  }
  await act(d, 'POST', at(HOLDER, '/suspend'));
  await act(d, 'POST', at(AGENTS, '/suspend'));
  await act(d, 'POST', at(AGENTS, '/resume'));
  expect(await asked(), 'one of two that it rests on is away still').toEqual([404, 404]);
});

it('is signed when it is due in the middle of whatever else is, however long that takes', async () => {
  const { d } = await two();
  d.clock += 61;
  await d.execute(`UPDATE artefact SET renew_at = ${NOW - 1000} WHERE kind = 'statement'`);
  const { custody } = d.deployment;
  let signed = 0;
  const slow = {
    ...custody,
    async signer(key: Parameters<typeof custody.signer>[0]) {
      const real = await custody.signer(key);
      const sign = (bytes: Uint8Array) => {
        const { typ } = decodeProtectedHeader(`${new TextDecoder().decode(bytes)}.`);
        if (typ === 'entity-statement+jwt' && signed++ < 2) d.clock += 200;
        return real.sign(bytes);
      };
      return { ...real, sign };
    },
  };
  await backgroundTurn({ ...d.deployment, custody: slow }, { more: () => true, slice: 1 });
  expect(d.clock).toBe(NOW + 461);
  const { iat, exp } = decodeJwt((await d.public(LIST)).text);
  expect([(exp as number) > d.clock, (iat as number) > NOW + 161]).toEqual([true, true]);
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

it('what was issued before its member came back is invalid, whoever reads the rows and however far back he asks', async () => {
  const { d } = await two();
  const [{ id, authority_id: authorityId } = {}] = (await d.rows(`SELECT id, authority_id FROM member WHERE entity_id = '${ONE}'`)) as Record<string, string>[];
  const { db, write } = d.deployment.store;
  const asked = { kind: 'software_statement', subjectId: 'jti_1', memberId: String(id), expiresAt: NOW + 3600 } as const;
  const { statements, places } = await giveStatusPlaces(db, String(authorityId), [asked], NOW);
  await write(statements);
  d.clock += 10;
  await act(d, 'POST', at(ONE, '/suspend'));
  await act(d, 'POST', at(ONE, '/resume'));
  d.clock += 61;
  await backgroundTurn(d.deployment, { more: () => true });
  const damage = (await fsck(d.deployment)).map(({ code }) => code);
  expect(damage.filter((code) => code === 'status_list')).toEqual([]);
  for (const since of [0, d.clock]) {
    const { values } = await statusSlice(db, { authorityId: String(authorityId), list: 0, from: 0, to: 100_000, now: d.clock, since });
    expect(values, `since ${since}`).toEqual([[places[0]?.idx, 1]]);
  }
});
