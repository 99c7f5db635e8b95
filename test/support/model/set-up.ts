import { createAuthority } from '../../../src/operations/authorities/authorities.js';
import { startingCall } from '../../../src/operations/call.js';
import type { Expected } from './expected.js';
import { observe } from './observed.js';
import { ENTITY, PARTNER, TYPES, type World } from './world.js';

/** An anchor with an intermediate below it, both issuing marks; a partner elsewhere that trusts the anchor. */
export async function setUp(world: World): Promise<Expected> {
  const [process] = world.processes;
  const call = startingCall(process.deployment);
  const ok = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await process.admin(method, path, body);
    if (answer.status > 201) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  };
  await createAuthority(call, { slug: 'main', entityId: ENTITY.main });
  await createAuthority(call, { slug: 'inter', entityId: ENTITY.inter, authorityHints: [ENTITY.main] });
  const keys = async (slug: string) => ((await ok('GET', `/authorities/${slug}/keys`)) as { items: { jwk: object }[] }).items.map(({ jwk }) => jwk);
  await ok('POST', '/authorities/main/members', { entity_id: ENTITY.inter, jwks: { keys: await keys('inter') }, intermediate: true, activate: true });
  await ok('POST', '/authorities/inter/anchors', { entity_id: ENTITY.main });
  for (const slug of ['main', 'inter'])
    for (const [n, type] of TYPES.entries()) await ok('POST', `/authorities/${slug}/mark-types`, { trust_mark_type: type, ...(n === 1 && { lifetime: null }) });
  const { partner } = world;
  if (partner) {
    await createAuthority(startingCall(partner.deployment), { slug: 'partner', entityId: PARTNER });
    await partner.admin('POST', '/authorities/partner/anchors', { entity_id: ENTITY.main, jwks: { keys: await keys('main') } });
  }
  const { signedUntil: _, ...seen } = await observe(world);
  return seen;
}
