import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { changeMember } from '../../src/operations/members/change-member.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { raw } from '../../src/store/database.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember, whenSigning } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const OTHER = 'https://other.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const ok = async (asked: ReturnType<TestDeployment['admin']>) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBeLessThan(300);
  return answer.json;
};

async function federation() {
  const d = await testDeployment();
  for (const id of [RP, OTHER]) {
    const one = await testMember(id);
    d.network.set(`${id}/.well-known/openid-federation`, await one.configuration());
    await ok(d.admin('POST', `${A}/members`, { entity_id: id, jwks: one.jwks, entity_types: ['openid_relying_party'], activate: true }));
  }
  await ok(d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE }));
  const { trust_mark: mark } = await ok(d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP }));
  await turn(d);
  await discoveryTurn(d.deployment, { more: () => true });
  return Object.assign(d, { mark: mark as string });
}

interface Row {
  readonly kind: string;
  readonly key: string;
  readonly bytes: string;
  readonly exp: number | null;
  readonly renew_at: number | null;
  readonly withheld: string | null;
}
const artefacts = async (d: TestDeployment) => (await d.rows('SELECT kind, key, bytes, exp, renew_at, withheld FROM artefact ORDER BY id')) as unknown as Row[];
const withheld = async (d: TestDeployment) => [...new Set((await artefacts(d)).flatMap((one) => one.withheld ?? []))];
const statement = (d: TestDeployment, id = RP) => d.public(`/fetch?sub=${of(id)}`);
const statusOf = (d: TestDeployment) =>
  d.public('/trust-mark-status', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ trust_mark: d['mark' as never] }).toString(),
  });
const revoke = async (d: TestDeployment) => {
  const { items } = await ok(d.admin('GET', `${A}/keys`));
  const { kid } = items.find(({ state }: { state: string }) => state === 'active');
  await ok(d.admin('POST', `${A}/keys/${kid}/revoke`, { reason: 'compromised' }));
};

/** What makes artefacts due or withholds them, and how that is called. */
const ACTS: Record<string, { readonly act: (d: TestDeployment) => Promise<unknown>; readonly reason?: string }> = {
  'a compromised key': { act: revoke, reason: 'key_revoked' },
  'a resumed authority': {
    async act(d) {
      await ok(d.admin('POST', `${A}/halt`, { reason: 'x' }));
      await ok(d.admin('POST', `${A}/resume`, { reason: 'x' }));
    },
    reason: 'authority_resumed',
  },
  'a shorter membership': { act: (d) => ok(d.admin('PATCH', `${A}/members/${of(RP)}`, { valid_until: NOW + 1800 })), reason: 'end_moved' },
  'other settings': { act: (d) => ok(d.admin('PATCH', A, { statement_lifetime: 7200 })) },
};

describe('an artefact', () => {
  it.each(Object.entries(ACTS))(
    'says plainly after %s what is withheld and since when it is due; its end stays what its bytes say',
    async (_what, { act, reason }) => {
      const d = await federation();
      await act(d);
      const rows = await artefacts(d);
      for (const { kind, bytes, exp, renew_at: due } of rows) {
        const said = decodeJwt(bytes).exp;
        expect([kind, exp], kind).toEqual([kind, said ?? null]);
        expect(due === null || due >= NOW, `${kind} is due at ${due}`).toBe(true);
      }
      expect(await withheld(d)).toEqual(reason === undefined ? [] : [reason]);
      const { withheld: said } = await ok(d.admin('GET', `${A}/members/${of(OTHER)}/statement`));
      expect(said, 'to the operator').toBe(reason === 'end_moved' ? null : (reason ?? null));
      expect(await fsck(d.deployment)).toEqual([]);
      await turn(d);
      await discoveryTurn(d.deployment, { more: () => true });
      expect(await withheld(d), 'signed anew').toEqual([]);
      expect((await statement(d)).status).toBe(200);
      expect((await statusOf(d)).status).toBe(200);
      expect((await d.public(`/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`)).status).toBe(200);
    },
  );

  it('that is withheld is served by no endpoint, and listed by none', async () => {
    const d = await federation();
    const paths = [
      '/.well-known/openid-federation',
      `/fetch?sub=${of(RP)}`,
      `/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`,
      `/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`,
      '/historical-keys',
      '/head',
    ];
    const all = async () => [...(await Promise.all(paths.map(async (path) => (await d.public(path)).status))), (await statusOf(d)).status];
    expect(await all()).toEqual([...paths, ''].map(() => 200));
    await d.store.write([raw("UPDATE artefact SET withheld = 'key_revoked'")]);
    expect(await all()).toEqual([...paths, ''].map(() => 503));
    for (const filter of [`trust_marked=true`, `trust_mark_type=${of(TYPE)}`]) expect((await d.public(`/list?${filter}`)).json, filter).toEqual([]);
    for (const filter of ['', `&sub=${of(RP)}`]) expect((await d.public(`/trust-mark-list?trust_mark_type=${of(TYPE)}${filter}`)).json).toEqual([]);
    const { immediate_subordinate_entities: listed } = (await d.public('/extended-list?claims=subordinate_statement')).json;
    expect(listed).toEqual([{ id: OTHER }, { id: RP }]);
    await d.store.write([raw('UPDATE artefact SET withheld = NULL')]);
    expect(await all()).toEqual([...paths, ''].map(() => 200));
  });

  it('that is withheld is signed before all others, however long those have been due', async () => {
    const d = await federation();
    await d.execute(`UPDATE artefact SET renew_at = ${NOW - 1000} WHERE kind = 'statement' AND key = '${OTHER}'`);
    await d.execute(`UPDATE artefact SET renew_at = ${NOW}, withheld = 'key_revoked' WHERE kind = 'statement' AND key = '${RP}'`);
    expect(await renewSlice(d.deployment, 1)).toBe(1);
    expect((await artefacts(d)).filter(({ kind, withheld: why }) => kind === 'statement' && why !== null)).toEqual([]);
    expect(await renewSlice(d.deployment, 1)).toBe(1);
  });

  it('that is withheld while its renewal is signed stays withheld: what was signed says what was read before', async () => {
    const d = await federation();
    await d.execute(`UPDATE artefact SET renew_at = ${NOW} WHERE kind = 'statement'`);
    const { deployment, happened } = whenSigning(d.deployment, () =>
      d.execute(`UPDATE artefact SET withheld = 'key_revoked', lease_until = 0 WHERE kind = 'statement' AND key = '${RP}'`),
    );
    await renewSlice(deployment);
    expect(happened()).toBe(true);
    expect(await Promise.all([RP, OTHER].map(async (id) => (await statement(d, id)).status))).toEqual([503, 200]);
    await turn(d);
    expect((await statement(d)).status).toBe(200);
  });

  it('and so it does where it was withheld and due before, in that very second: its row looks the same', async () => {
    const d = await federation();
    const withhold = `UPDATE artefact SET withheld = 'key_revoked', renew_at = ${NOW}, lease_until = 0 WHERE kind = 'statement' AND key = '${RP}'`;
    await d.execute(withhold);
    const { deployment, happened } = whenSigning(d.deployment, () => d.execute(withhold));
    await renewSlice(deployment);
    expect(happened()).toBe(true);
    expect((await statement(d)).status).toBe(503);
    await turn(d);
    expect((await statement(d)).status).toBe(200);
  });
});

it('a membership that is shortened while its mark is renewed ends the mark all the same', async () => {
  const d = await federation();
  await d.execute(`UPDATE artefact SET renew_at = ${NOW} WHERE kind = 'mark'`);
  const { deployment, happened } = whenSigning(d.deployment, () => changeMember(d.call, 'main', RP, { validUntil: NOW + 1800 }));
  await renewSlice(deployment);
  expect(happened()).toBe(true);
  await turn(d);
  for (const { bytes } of await d.rows("SELECT bytes FROM artefact WHERE kind = 'mark'")) expect(decodeJwt(String(bytes)).exp).toBe(NOW + 1800);
  expect(await d.rows(`SELECT 1 FROM trust_mark WHERE revoked_at IS NULL AND exp > ${NOW + 1800}`)).toEqual([]);
  await moveMember(d.call, 'main', RP, 'suspend', { reason: 'x' });
  expect(await fsck(d.deployment)).toEqual([]);
});
