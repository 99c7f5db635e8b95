import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import type { StatusListClaim } from '../../src/federation/entry.js';
import { statusAt, unpackStatuses } from '../../src/federation/status-list.js';
import type { Deployment } from '../../src/operations/call.js';
import { forgetPlaces, placesNow } from '../../src/operations/status/known-places.js';
import { giveStatusPlaces } from '../../src/operations/status/give-places.js';
import { raw } from '../../src/store/database.js';
import { revokeStatusPlace } from '../../src/store/status-entries.js';
import { movedSince, seenAt } from '../../src/store/status-places.js';
import { askAdmin } from '../support/admin-app.js';
import { answer, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { random } from '../support/model/random.js';

const A = '/authorities/main';
const ids = ['one', 'two', 'three', 'four'].map((name) => `https://${name}.example.com`);
const at = (id: string, verb = '') => `${A}/members/${encodeURIComponent(id)}${verb}`;
const SIZE = 100_000;

/** What it answers is of no account here: a change that is refused leaves the list as it is. */
const ask = (d: TestDeployment, by: Deployment, method: string, path: string, body: object) =>
  answer(
    askAdmin(by, `http://admin.test/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );

/** Members of two organizations, each with something issued to it that names a key of its own. */
async function members() {
  const d = await testDeployment();
  const { db, write } = d.deployment.store;
  for (const [n, id] of ids.entries()) {
    const { jwks } = await testMember(id);
    const { status, text } = await d.admin('POST', `${A}/members`, {
      ...{ entity_id: id, jwks, entity_types: ['oauth_client'], organization: n % 2 ? 'Org A' : 'Org B', activate: true },
    });
    if (status !== 201) throw new Error(text);
  }
  const rows = (await d.rows('SELECT id, authority_id FROM member ORDER BY entity_id')) as { id: string; authority_id: string }[];
  const authorityId = rows[0]?.authority_id as string;
  const asked = rows.map(({ id }, n) => ({ kind: 'software_statement' as const, subjectId: `jti_${n}`, memberId: id, thumbprints: [String(n).repeat(43)] }));
  await write((await giveStatusPlaces(db, authorityId, asked, NOW)).statements);
  await d.execute("UPDATE artefact SET withheld = 'not_issued', renew_at = 0 WHERE kind = 'status_list'");
  return { d, authorityId };
}
/** As another process has it. */
const another = (d: TestDeployment): Deployment => ({ ...d.deployment, store: { ...d.deployment.store } });
const inMemory = async (by: Deployment, authorityId: string) => {
  const { packed, back, until } = await placesNow(by, authorityId, 0, by.now());
  return { values: [...packed.bytes], back, until };
};
const read = async (d: TestDeployment, authorityId: string) => inMemory(another(d), authorityId);

it('what a process kept of a list and the events since give what the rows say, after whatever two of them did', async () => {
  const { d, authorityId } = await members();
  const processes = [another(d), another(d)];
  const { pick, int } = random(13);
  const reason = { reason: 'x' };
  const ACTS: readonly ((by: Deployment) => Promise<unknown>)[] = [
    (by) => ask(d, by, 'POST', at(pick(ids), '/suspend'), reason),
    async (by) => {
      const [{ id } = {}] = (await d.rows("SELECT entity_id AS id FROM member WHERE state = 'suspended' AND suspended_with IS NULL LIMIT 1")) as {
        id?: string;
      }[];
      return id && ask(d, by, 'POST', at(id, '/resume'), reason);
    },
    (by) => ask(d, by, 'PATCH', at(pick(ids)), { valid_until: pick([null, d.clock + 20, d.clock + 200]) }),
    (by) => ask(d, by, 'POST', '/halts', { level: 'organization', authority: 'main', organization: pick(['Org A', 'Org B']), ...reason }),
    (by) => ask(d, by, 'POST', `${A}/organizations/${encodeURIComponent(pick(['Org A', 'Org B']))}/resume`, reason),
    (by) => ask(d, by, 'POST', '/halts', { level: 'key', key: String(int(4)).repeat(43), ...reason }),
    (by) => ask(d, by, 'POST', `${A}/halt`, reason).then(() => ask(d, by, 'POST', `${A}/resume`, reason)),
    async (by) => {
      const id = `https://m${d.clock}.example.com`;
      return ask(d, by, 'POST', `${A}/members`, { entity_id: id, jwks: (await testMember(id)).jwks, entity_types: ['oauth_client'], activate: true });
    },
  ];
  const acts = [...ACTS, ...ACTS, ...ACTS].map((act) => [int(1000), act] as const).sort(([one], [other]) => one - other);
  for (const [n, [, act]] of acts.entries()) {
    await act(pick(processes));
    d.clock += int(15);
    const whole = await read(d, authorityId);
    for (const by of processes) expect({ n, ...(await inMemory(by, authorityId)) }, `step ${n}`).toEqual({ n, ...whole });
    const { status, text } = await d.public('/status-lists/0');
    if (status !== 200) continue;
    const { status_list: claim, iat } = decodeJwt(text) as { status_list: StatusListClaim; iat: number };
    const unpacked = await unpackStatuses(claim);
    if ('code' in unpacked) throw new Error(unpacked.detail);
    if (iat === d.clock) expect([...unpacked.bytes], `served at step ${n}`).toEqual(whole.values);
  }
  const types = (await d.rows('SELECT DISTINCT type FROM event')).map(({ type }) => type);
  expect(types).toEqual(expect.arrayContaining(['member.suspended', 'member.resumed', 'organization.halted', 'key.halted']));
});

it('reads only what events are about; all of it after one about everybody, in another history, and when nothing is kept', async () => {
  const { d, authorityId } = await members();
  const { db } = d.deployment.store;
  let asked = 0;
  const counting = new Proxy(db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name !== 'all' || typeof value !== 'function') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return (...args: unknown[]) => {
        asked++;
        return Reflect.apply(value, target, args);
      };
    },
  });
  const by: Deployment = { ...d.deployment, store: { ...d.deployment.store, db: counting } };
  const readings = async () => {
    asked = 0;
    await placesNow(by, authorityId, 0, d.clock);
    return asked;
  };
  const whole = SIZE / (d.deployment.store.readsHere ? 500 : 10_000);
  expect([await readings(), await readings()]).toEqual([whole, 0]);
  await d.admin('POST', at(ids[0] ?? '', '/suspend'), { reason: 'x' });
  expect([await readings(), await readings()]).toEqual([1, 0]);
  await d.admin('POST', `${A}/halt`, { reason: 'x' });
  expect([await readings(), await readings()], 'about all').toEqual([whole, 0]);
  d.clock += 601;
  expect(await readings(), 'it is old').toBe(whole);
  forgetPlaces(by, authorityId);
  expect(await readings(), 'the background').toBe(whole);
  const [{ seq } = {}] = (await d.rows(`SELECT max(seq) AS seq FROM event WHERE authority_id = '${authorityId}'`)) as { seq: number }[];
  const { hash = '' } = (await seenAt(db, authorityId, Number(seq))) ?? {};
  expect((await movedSince(db, authorityId, { seq: Number(seq), hash }))?.last).toEqual({ seq: Number(seq), hash });
  expect(await movedSince(db, authorityId, { seq: Number(seq), hash: `${hash}0` }), 'that number in another history').toBeUndefined();
  expect(await movedSince(db, authorityId, { seq: Number(seq) + 1, hash }), 'one that is lost').toBeUndefined();
});

it('a server that is behind takes nothing back that another one told of', async () => {
  const { d, authorityId } = await members();
  const { store } = d.deployment;
  const [{ id } = {}] = (await d.rows(`SELECT id FROM member WHERE entity_id = '${ids[0]}'`)) as { id: string }[];
  const place = async (by: Deployment) => {
    const [{ idx } = {}] = (await d.rows(`SELECT idx FROM status_entry WHERE kind = 'member' AND member_id = '${id}'`)) as { idx: number }[];
    return statusAt((await placesNow(by, authorityId, 0, d.clock)).packed, Number(idx));
  };
  let behind = false;
  // Rows are read from one that lags; the events came from another.
  const lagging = new Proxy(store.db, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (name !== 'all' || typeof value !== 'function') return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
      return async (...args: unknown[]) => {
        const rows = (await Reflect.apply(value, target, args)) as { idx: number; value: number }[];
        if (!behind) return rows;
        behind = false;
        return rows.map((row) => (Number(row.idx) === -1 ? { ...row, value: 1 } : { ...row, value: 0 }));
      };
    },
  });
  const by: Deployment = { ...d.deployment, store: { ...store, db: lagging } };
  expect(await place(by)).toBe(0);
  await d.admin('POST', at(ids[0] ?? '', '/suspend'), { reason: 'x' });
  behind = true;
  expect(await place(by), 'read whole instead').toBe(2);
  await store.write([...revokeStatusPlace(authorityId, 'software_statement', 'jti_0', d.clock), raw('DELETE FROM setting WHERE name = ?', 'none')]);
  expect(await place(by)).toBe(2);
});
