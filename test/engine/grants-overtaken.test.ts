import { describe, expect, it } from 'vitest';
import { grantMark, withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { beforeDeciding, outcomeOf } from '../support/interleaving.js';

const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;

async function member() {
  const d = await testDeployment();
  const { jwks } = await testMember(RP);
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks, activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  const mark = async () => (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`)).status;
  return { d, mark };
}
const input = { type: TYPE, member: RP };

describe('a grant that was asked for before', () => {
  it('it was given and withdrawn meanwhile is refused', async () => {
    const { d, mark } = await member();
    const slow = beforeDeciding(d.call, async () => {
      const { grant } = await grantMark(d.call, 'main', input);
      await withdrawGrant(d.call, 'main', grant.id, 'x');
    });
    expect(await outcomeOf(grantMark(slow, 'main', input))).toBe('version_conflict');
    expect(await mark()).toBe(404);
  });
  it('its type was halted and came back is refused', async () => {
    const { d, mark } = await member();
    await grantMark(d.call, 'main', input);
    const slow = beforeDeciding(d.call, async () => {
      await haltMarkType(d.call, 'main', TYPE, true, 'x');
      await haltMarkType(d.call, 'main', TYPE, false, undefined);
    });
    expect(await outcomeOf(grantMark(slow, 'main', input))).toBe('version_conflict');
    expect(await mark()).toBe(404);
  });
  it('and is the first of its type and bearer, is refused as well', async () => {
    const { d, mark } = await member();
    const slow = beforeDeciding(d.call, async () => {
      await haltMarkType(d.call, 'main', TYPE, true, 'x');
      await haltMarkType(d.call, 'main', TYPE, false, undefined);
    });
    expect(await outcomeOf(grantMark(slow, 'main', input))).toBe('version_conflict');
    expect(await mark()).toBe(404);
    expect(await outcomeOf(grantMark(d.call, 'main', input)), 'asked for after it came back').toBe('done');
  });
  it('its bearer was suspended and came back, under another authority, is refused', async () => {
    const { d } = await member();
    await createAuthority(d.call, { slug: 'issuer', entityId: 'https://issuer.example.org' });
    await d.admin('POST', '/authorities/issuer/mark-types', { trust_mark_type: TYPE });
    const slow = beforeDeciding({ ...d.call, store: d.another().store }, async () => {
      await moveMember(d.call, 'main', RP, 'suspend', { reason: 'fraud' });
      await moveMember(d.call, 'main', RP, 'resume');
    });
    expect(await outcomeOf(grantMark(slow, 'issuer', { ...input, memberOf: 'main' }))).toBe('version_conflict');
    expect(await d.rows("SELECT 1 FROM trust_mark_grant WHERE state = 'active'")).toEqual([]);
  });
});
