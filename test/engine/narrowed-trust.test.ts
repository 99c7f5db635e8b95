import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { recognizesLess } from '../../src/federation/recognition.js';
import type { Call } from '../../src/operations/call.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = (id: string) => encodeURIComponent(id);
const RESOLVE = `/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`;

async function enrolled() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  return { d, rp };
}
async function evaluated(d: TestDeployment) {
  await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
  await discoveryTurn(d.deployment, { more: () => true });
}

describe('what an anchor recognizes (§3.1.2)', () => {
  const issuers = (value: unknown) => ({ trust_mark_issuers: value });
  it.each([
    [{}, issuers({ a: ['x'] }), false],
    [issuers({ a: ['x'] }), issuers({ a: ['x', 'y'] }), false],
    [issuers({ a: ['x'] }), issuers({ a: ['x'], b: ['y'] }), false],
    [issuers({ a: ['x'] }), issuers({ a: [] }), false],
    [issuers({ a: ['x'] }), {}, true],
    [issuers({ a: ['x', 'y'] }), issuers({ a: ['y'] }), true],
    [issuers({ a: [] }), issuers({ a: ['x'] }), true],
    [{}, { trust_mark_owners: { a: { sub: 'o', jwks: {} } } }, true],
    [{ trust_mark_owners: { a: { sub: 'o', jwks: {} } } }, { trust_mark_owners: { a: { sub: 'p', jwks: {} } } }, true],
    [{ trust_mark_owners: { a: { sub: 'o', jwks: {} } } }, { trust_mark_owners: { a: { sub: 'o', jwks: {} } } }, false],
  ])('%j, then %j: less? %s', (before, after, less) => expect(recognizesLess(before, after)).toBe(less));

  it('a type that is recognized no longer stands in no answer, from the commit on', async () => {
    const { d, rp } = await enrolled();
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
    await d.admin('PUT', `${A}/mark-types/${of(TYPE)}/recognition`, { issuers: [ANCHOR] });
    const { json } = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
    const marks = [{ trust_mark_type: TYPE, trust_mark: json.trust_mark }];
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ trust_marks: marks }));
    await evaluated(d);
    expect(decodeJwt((await d.public(RESOLVE)).text)['trust_marks']).toEqual(marks);
    await d.admin('PUT', `${A}/mark-types/${of('https://other.example/m')}/recognition`, { issuers: [ANCHOR] });
    expect((await d.public(RESOLVE)).status, 'one type more narrows nothing').toBe(200);
    const gone = await d.admin('DELETE', `${A}/mark-types/${of(TYPE)}/recognition`);
    expect(gone.status, gone.text).toBeLessThan(300);
    expect((await d.public(RESOLVE)).status).toBe(503);
    await evaluated(d);
    const answer = await d.public(RESOLVE);
    expect([answer.status, decodeJwt(answer.text)['trust_marks']]).toEqual([200, undefined]);
  });
});

describe('a cut and what else is going on', () => {
  it('an API key that was ended ends what is still running under it; so does another role', async () => {
    const { d } = await enrolled();
    const token = await d.tokenFor('operator');
    const [key] = await d.rows("SELECT id FROM api_key WHERE role = 'operator'");
    const call: Call<unknown> = { ...d.call, actor: { id: String(key?.['id']), kind: 'api_key' }, role: 'operator' };
    expect((await d.admin('GET', A, undefined, { token })).status).toBe(200);
    await expect(moveMember({ ...call, role: 'owner' }, 'main', RP, 'suspend', { reason: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
    await d.admin('POST', `/api-keys/${String(key?.['id'])}/revoke`);
    await expect(moveMember(call, 'main', RP, 'suspend', { reason: 'x' })).rejects.toMatchObject({ code: 'permission_denied' });
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status).toBe(200);
  });

  it('a resume that waits in the queue loses to a newer cut, though the member is suspended already', async () => {
    const { d } = await enrolled();
    await d.admin('POST', `${A}/members/${of(RP)}/suspend`, { reason: 'papers' });
    const [authority] = await d.rows("SELECT id FROM authority WHERE slug = 'main'");
    let go = () => {};
    const held = new Promise<void>((done) => {
      go = done;
    });
    let busy: Promise<null> | undefined;
    await new Promise<void>((begun) => {
      busy = d.deployment.store.change({
        authorityId: String(authority?.['id']),
        scope: null,
        actor: d.call.actor,
        decide: async () => {
          begun();
          await held;
          return { events: [], statements: [], result: null };
        },
      });
    });
    /** Begin it, and wait until it stands in the queue. */
    const queued = <T>(act: (call: Call<unknown>) => Promise<T>): Promise<{ readonly ends: Promise<T> }> =>
      new Promise((stands) => {
        const { store } = d.call;
        const change: typeof store.change = (request) => {
          const changed = store.change(request);
          stands({ ends });
          return changed;
        };
        const ends = act({ ...d.call, store: { ...store, change } });
      });
    const resumed = await queued((call) =>
      moveMember(call, 'main', RP, 'resume').then(
        () => 'resumed',
        (error: { code: string }) => error.code,
      ),
    );
    const cut = await queued((call) => moveMember(call, 'main', RP, 'suspend', { reason: 'fraud' }));
    go();
    await busy;
    expect([await resumed.ends, (await cut.ends).already]).toEqual(['version_conflict', true]);
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status).toBe(404);
    expect((await d.admin('POST', `${A}/members/${of(RP)}/resume`, {})).status, 'asked anew, it is decided anew').toBe(200);
  });
});
