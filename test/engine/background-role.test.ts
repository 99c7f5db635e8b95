import { describe, expect, it } from 'vitest';
import { createApiKey } from '../../src/operations/access/api-keys.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { type Call, systemCall } from '../../src/operations/call.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { grantMark } from '../../src/operations/marks/grant-mark.js';
import { replaceMemberKeys } from '../../src/operations/members/change-member.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { draftPolicy } from '../../src/operations/policies/policies.js';
import { pinAnchor } from '../../src/operations/resolving/anchors.js';
import { outcomeOf } from '../support/interleaving.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const RP = 'https://rp.example.com';
const DAY = 86_400;

describe('what works in the background decides nothing', () => {
  it.each<[string, (call: Call<unknown>) => Promise<unknown>]>([
    ['make an API key', (call) => createApiKey(call, { name: 'x', role: 'owner', authorities: null })],
    ['make an authority', (call) => createAuthority(call, { slug: 'x', entityId: 'https://x.example.org' })],
    ['halt an authority', (call) => haltAuthority(call, 'main', 'x')],
    ['resume one', (call) => resumeAuthority(call, 'main', 'x')],
    ['revoke a key', (call) => revokeKey(call, 'main', 'x', 'compromised')],
    ['enrol', async (call) => enrollMember(call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks })],
    ['cut a member', (call) => moveMember(call, 'main', RP, 'suspend', { reason: 'x' })],
    ['resume a member', (call) => moveMember(call, 'main', RP, 'resume')],
    ['bind keys', async (call) => replaceMemberKeys(call, 'main', RP, { jwks: (await testMember(RP)).jwks, reason: 'x' })],
    ['grant a mark', (call) => grantMark(call, 'main', { type: 'https://x.example/t', member: RP })],
    ['pin an anchor', async (call) => pinAnchor(call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks })],
    ['draft a policy', (call) => draftPolicy(call, 'main', {})],
  ])('it may not %s', async (_what, act) => {
    const d = await testDeployment();
    expect(await outcomeOf(act(systemCall(d.deployment)))).toBe('permission_denied');
  });

  it('and still does all that is its own: keys by schedule, keys of members, crawls, members that come back', async () => {
    const d = await testDeployment();
    await d.admin('PATCH', '/authorities/main', { key_rotation: 60 * DAY });
    const [rp, next] = [await testMember(RP), await testKey()];
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, organization: 'Acme', activate: true });
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ jwks: { keys: [rp.key.jwk, next.jwk] }, exp: NOW + 90 * DAY }));
    await d.admin('POST', '/authorities/main/organizations/Acme/halt', { reason: 'x' });
    await d.execute("UPDATE organization SET state = 'active'");
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await d.rows('SELECT state FROM member')).toEqual([{ state: 'active' }]);
    const { scheduleCrawls } = await import('../../src/operations/resolving/crawl.js');
    await scheduleCrawls(d.deployment);
    expect(await d.rows("SELECT count(*) AS n FROM job WHERE kind = 'crawl'")).toEqual([{ n: 1 }]);
    await discoveryTurn(d.deployment, { more: () => true });
    expect(await d.rows("SELECT count(*) AS n FROM event WHERE type = 'member.keys_adopted' AND actor_id = 'system'")).toEqual([{ n: 1 }]);
    for (const day of [30, 59, 62, 63, 70, 80, 90]) {
      d.clock = NOW + day * DAY;
      await backgroundTurn(d.deployment, { more: () => true });
    }
    expect(
      (await d.rows("SELECT DISTINCT type FROM event WHERE type IN ('key.activated', 'key.retired') AND actor_id = 'system' ORDER BY type")).map(
        ({ type }) => type,
      ),
    ).toEqual(['key.activated', 'key.retired']);
    expect((await d.public(`${ANCHOR}/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(200);
  });
});
