import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const LEAF = 'https://leaf.example.com';
const M = `${A}/members/${encodeURIComponent(LEAF)}`;
const TYPE = 'https://anchor.example.org/marks/owned';
const OWNER = 'https://owner.example';

describe('EC-02 RFC 7519 §2: times of others with a fraction, wherever we keep or pass them on', () => {
  it('a member’s configuration: watched, resolved, told', async () => {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    d.network.set(`${LEAF}/.well-known/openid-federation`, await leaf.configuration({ iat: NOW - 10.25, exp: NOW + 3600.75, nbf: NOW - 10.5 }));
    expect((await d.admin('POST', `${A}/members`, { entity_id: LEAF, activate: true })).status).toBe(201);
    await discoveryTurn(d.deployment, { more: () => true });
    const answer = await d.public(`/resolve?sub=${LEAF}&trust_anchor=${ANCHOR}`);
    expect([answer.status, decodeJwt(answer.text).exp]).toEqual([200, NOW + 3600]);
    for (const path of [M, `${M}/watch`, `${A}/entities/${encodeURIComponent(LEAF)}`, `${A}/entities`])
      expect((await d.admin('GET', path)).status, path).toBeLessThan(500);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('SE-08: a hosted configuration: kept by caches for whole seconds, never beyond its end', async () => {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    const word = { method: 'operator', reason: 'signed contract 4711' };
    const put = await d.admin('PUT', `${M}/configuration`, { entity_configuration: await leaf.configuration({ exp: NOW + 100.5 }), domain_control: word });
    expect(put.status, put.text).toBe(200);
    const at = `/hosted?sub=${encodeURIComponent(LEAF)}`;
    const life = async (clock: number) => {
      d.clock = clock;
      const answer = await d.public(at);
      return [answer.status, answer.headers.get('cache-control')];
    };
    expect(await life(NOW)).toEqual([200, 'public, max-age=5']);
    expect(await life(NOW + 97)).toEqual([200, 'public, max-age=3']);
    expect(await life(NOW + 100)).toEqual([200, 'public, max-age=0']);
    expect((await life(NOW + 101))[0]).toBe(404);
    d.clock = NOW;
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('TM-13 TM-10: an owner’s delegation: marks are issued, and end with the whole second before it', async () => {
    const owner = await testKey();
    const d = await testDeployment({ claims: { trust_mark_owners: { [TYPE]: { sub: OWNER, jwks: { keys: [owner.jwk] } } } } });
    const leaf = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    const delegation = await owner.jwt(
      { iss: OWNER, sub: ANCHOR, trust_mark_type: TYPE, iat: NOW - 0.5, exp: NOW + 1000.75 },
      { typ: 'trust-mark-delegation+jwt' },
    );
    const type = await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE, delegation });
    expect([type.status, type.json.delegated_until], type.text).toEqual([201, NOW + 1000]);
    const granted = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: LEAF });
    expect(granted.status, granted.text).toBe(201);
    const mark = (await d.public(`/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(LEAF)}`)).text;
    expect(decodeJwt(mark)).toMatchObject({ exp: NOW + 1000, delegation });
    expect(await fsck(d.deployment)).toEqual([]);
  });
});
