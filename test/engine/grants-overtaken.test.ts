import { describe, expect, it } from 'vitest';
import type { Call } from '../../src/operations/call.js';
import { grantMark, withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { outcomeOf } from '../support/interleaving.js';

const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;

/** Something happens between what a request found and what it decides. */
const beforeDeciding = (call: Call, act: () => Promise<unknown>): Call => ({
  ...call,
  store: {
    ...call.store,
    change: async (request) => {
      await act();
      return call.store.change(request);
    },
  },
});

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
});
