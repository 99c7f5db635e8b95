import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

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
  async function two() {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'marks', entityId: MARKS });
    await createAuthority(d.call, { slug: 'other', entityId: OTHER });
    const { jwks } = await testMember(RP);
    const ok = okOf(d);
    await ok('POST', '/authorities/main/members', { entity_id: RP, jwks, activate: true });
    await ok('POST', '/authorities/other/members', { entity_id: RP, jwks, activate: true });
    await ok('POST', '/authorities/marks/mark-types', { trust_mark_type: TYPE });
    const g1 = await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main' });
    const g2 = await ok('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'other' });
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
  it('its grant is withdrawn: so it is', async () => {
    const { d, ok, mark, g2 } = await two();
    await ok('POST', `/authorities/marks/marks/${g2.id}/withdraw`, { reason: 'x' });
    await turn(d);
    expect((await mark()).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});
