import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { passEndedPlaces } from '../../src/operations/marks/pass-places.js';
import { moveEnd } from '../../src/operations/members/move-end.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const MARKS = 'https://marks.example.org';
const OTHER = 'https://other.example.org';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;
const turn = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const okOf = (d: TestDeployment) => async (method: string, path: string, body?: object) => {
  const answer = await d.admin(method, path, body);
  expect(answer.status, `${path} ${answer.text}`).toBeLessThan(300);
  return answer.json;
};

describe('two memberships of one entity, each marked by one issuer: the marks have one place', () => {
  async function two(member: object = {}, grant: object = {}) {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'marks', entityId: MARKS });
    await createAuthority(d.call, { slug: 'other', entityId: OTHER });
    const { jwks } = await testMember(RP);
    const ok = okOf(d);
    await ok('POST', '/authorities/main/members', { entity_id: RP, jwks, activate: true });
    await ok('POST', '/authorities/other/members', { entity_id: RP, jwks, activate: true, ...member });
    await ok('POST', '/authorities/marks/mark-types', { trust_mark_type: TYPE });
    const g1 = await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main' });
    const g2 = await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'other', ...grant });
    const mark = () => d.public(`${MARKS}/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`);
    return { d, ok, g1, g2, mark };
  }
  it('the member whose mark stands there is suspended: the other grant has the place', async () => {
    const { d, ok, mark } = await two();
    await ok('POST', `/authorities/other/members/${of(RP)}/suspend`, { reason: 'x' });
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it.each(['suspend', 'revoke'])(
    '%s of the one whose mark gave way before: the mark that stands there stays as it is; after both there is none',
    async (verb) => {
      const { d, ok, mark, g2 } = await two();
      await ok('POST', `/authorities/main/members/${of(RP)}/${verb}`, { reason: 'x' });
      expect((await mark()).text).toBe(g2.trust_mark);
      await turn(d);
      await ok('POST', `/authorities/other/members/${of(RP)}/${verb}`, { reason: 'x' });
      expect((await mark()).status).toBe(404);
      await turn(d);
      expect((await mark()).status).toBe(404);
    },
  );
  it('its organization is halted: so it is', async () => {
    const { d, ok, mark } = await two();
    await ok('PATCH', `/authorities/other/members/${of(RP)}`, { organization: 'Acme' });
    await ok('POST', `/authorities/other/organizations/Acme/halt`, { reason: 'x' });
    expect((await mark()).status).toBe(503);
    await turn(d);
    expect((await mark()).status).toBe(200);
    await ok('POST', `/authorities/other/organizations/Acme/resume`, { reason: 'x' });
    expect((await mark()).status).toBe(200);
    await ok('POST', `/authorities/main/halt`, { reason: 'x' });
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  const DAY = 86_400;
  const ENDS: Record<string, { readonly member?: object; readonly grant?: object }> = {
    'its grant ends': { grant: { valid_until: NOW + DAY } },
    'its membership ends': { member: { valid_until: NOW + DAY } },
  };
  it.each(Object.entries(ENDS))('%s by time, and nobody is there to end it: the next turn passes the place on', async (_, { member = {}, grant = {} }) => {
    const { d, ok, mark, g2 } = await two(member, grant);
    const marked = async (at: string) => (await d.public(`${at}/list?trust_marked=true`)).json;
    expect([await marked(ANCHOR), await marked(OTHER)]).toEqual([[RP], [RP]]);
    d.clock = NOW + DAY - 1;
    await turn(d);
    expect((await mark()).text, 'it has not ended').toBe(g2.trust_mark);
    d.clock = NOW + DAY;
    expect((await mark()).status).toBe(404);
    await turn(d);
    const passed = await mark();
    expect([passed.status, decodeJwt(passed.text)['exp']]).toEqual([200, NOW + 31 * DAY]);
    expect([await marked(ANCHOR), await marked(OTHER)]).toEqual([[RP], []]);
    await turn(d);
    expect((await mark()).text).toBe(passed.text);
    expect(await fsck(d.deployment)).toEqual([]);
    // The other one ends as well: nobody has it.
    await ok('POST', `/authorities/main/members/${of(RP)}/suspend`, { reason: 'x' });
    await turn(d);
    expect((await mark()).status).toBe(404);
  });
  it('each of them ends by time and is prolonged after both have: the mark is issued again', async () => {
    const { d, ok, mark } = await two({ valid_until: NOW + DAY }, {});
    await ok('PATCH', `/authorities/main/members/${of(RP)}`, { valid_until: NOW + 2 * DAY });
    d.clock = NOW + 3 * DAY;
    await turn(d);
    expect((await mark()).status).toBe(404);
    const prolong = (at: string) => ok('PATCH', `/authorities/${at}/members/${of(RP)}`, { valid_until: null });
    await prolong('main');
    await turn(d);
    expect((await mark()).status, 'whichever had the place').toBe(200);
    await prolong('other');
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('one ended by time and gave nothing up, the other is suspended: whoever is prolonged has the place', async () => {
    const { d, ok, mark } = await two({}, {});
    await ok('PATCH', `/authorities/main/members/${of(RP)}`, { valid_until: NOW + DAY });
    d.clock = NOW + 2 * DAY;
    await ok('POST', `/authorities/other/members/${of(RP)}/suspend`, { reason: 'x' });
    await turn(d);
    expect((await mark()).status).toBe(404);
    await ok('PATCH', `/authorities/main/members/${of(RP)}`, { valid_until: null });
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('the delegation of the type ends by time and there is another: whoever is in force has the mark', async () => {
    const { d, mark } = await two({ valid_until: NOW + DAY }, {});
    const [{ authority_id: issuer } = {}] = await d.rows('SELECT authority_id FROM trust_mark_type');
    const delegate = async (exp: number) => {
      await d.execute(`UPDATE trust_mark_type SET delegation_exp = ${exp}`);
      await d.deployment.store.write(moveEnd(d.deployment, { authorityId: String(issuer), trustMarkType: TYPE }, exp));
      await turn(d);
    };
    await delegate(NOW + DAY / 2);
    expect((await mark()).status).toBe(200);
    d.clock = NOW + 2 * DAY;
    await turn(d);
    expect((await mark()).status).toBe(404);
    await delegate(NOW + 9 * DAY);
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('marks that have ended are looked at once', async () => {
    const { d, mark } = await two({ valid_until: NOW + DAY }, {});
    await d.execute("UPDATE trust_mark_grant SET state = 'revoked' WHERE member_authority_id = (SELECT id FROM authority WHERE slug = 'main')");
    d.clock = NOW + 2 * DAY;
    expect([await passEndedPlaces(d.deployment, 500), await passEndedPlaces(d.deployment, 500), (await mark()).status]).toEqual([1, 0, 404]);
  });
  it('its grant is withdrawn: so it is', async () => {
    const { d, ok, mark, g2 } = await two();
    await ok('POST', `/authorities/marks/marks/${g2.id}/withdraw`, { reason: 'x' });
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});
