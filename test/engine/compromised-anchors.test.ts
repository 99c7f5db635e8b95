import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { validateTrustChain } from '../../src/federation/entry.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { anchorsOf, pinAnchor } from '../../src/operations/resolving/anchors.js';
import { findAuthority } from '../../src/operations/registry.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { afterDeciding, outcomeOf } from '../support/interleaving.js';
import { testKey } from '../support/keys.js';

const OTHER = 'https://other.example.org';
const FOREIGN = 'https://ta.example.net';
const RP = 'https://rp.example.com';
const of = encodeURIComponent;
type Jwk = Record<string, unknown>;

/** Two authorities; the other one may resolve under the first by keys that somebody handed over. */
async function two() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'other', entityId: OTHER });
  const { keys } = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: Jwk[] };
  const [leaked] = keys as [Jwk & { kid: string }];
  return Object.assign(d, {
    leaked,
    pin: (entity_id: string, set: readonly unknown[]) => d.admin('POST', '/authorities/other/anchors', { entity_id, jwks: { keys: set } }),
  });
}
const pinned = async (d: TestDeployment) => anchorsOf(d.deployment, await findAuthority(d.store.db, 'other'));
const kids = async (d: TestDeployment, anchor: string) => (await pinned(d))[anchor]?.keys.map(({ kid }) => kid);
const told = (d: TestDeployment) =>
  d.rows("SELECT subject_id, reason_code AS reason, detail FROM event WHERE type = 'anchor.key_compromised' ORDER BY subject_id");

describe('a key of an authority is called compromised', () => {
  it('no authority of the deployment has it pinned from the commit on, under whatever kid; the heir is pinned in its place', async () => {
    const d = await two();
    const foreign = await testKey();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
    expect((await d.pin(ANCHOR, [d.leaked])).status).toBe(201);
    expect((await d.pin(FOREIGN, [foreign.jwk, { ...d.leaked, kid: 'another-name' }])).status).toBe(201);
    await d.admin('POST', `/authorities/other/entities/${of(RP)}/evaluate`);
    const resolved = async () => (await d.public(`${OTHER}/resolve?sub=${of(RP)}&trust_anchor=${of(ANCHOR)}`)).status;
    expect(await resolved()).toBe(200);

    await revokeKey(d.call, 'main', d.leaked.kid, 'compromised');

    const { keys } = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: { kid: string }[] };
    const heirs = keys.map(({ kid }) => kid);
    expect(heirs).not.toContain(d.leaked.kid);
    expect(await kids(d, ANCHOR)).toEqual(heirs);
    expect(await kids(d, FOREIGN), 'the other key of a stranger stays, and nothing comes in').toEqual([foreign.kid]);
    expect(await resolved(), 'what was proved with it is served no more').not.toBe(200);
    expect((await told(d)).map((one) => [one['subject_id'], one['reason'], JSON.parse(String(one['detail']))])).toEqual([
      [ANCHOR, 'compromised', { added: heirs, removed: [d.leaked.kid] }],
      [FOREIGN, 'compromised', { added: [], removed: ['another-name'] }],
    ]);
    d.clock += 60;
    await backgroundTurn(d.deployment, { more: () => true });
    await discoveryTurn(d.deployment, { more: () => true });
    expect(await resolved(), 'chains hold with the heir').toBe(200);
  });

  it('§11.2: a month later no chain that the key signed validates with what is pinned', async () => {
    const d = await two();
    const stolen = await testKey();
    const { jwk } = stolen;
    await d.pin(FOREIGN, [jwk]);
    // The same key is imported by an authority here, so that it can be called compromised.
    await d.execute(
      `UPDATE authority_key SET kid = '${stolen.kid}', jwk = '${JSON.stringify(jwk)}' WHERE authority_id = (SELECT id FROM authority WHERE slug = 'main')`,
    );
    const evil = await testMember('https://bank.example.com');
    const chain = async () => {
      const times = { iat: d.clock - 5, exp: d.clock + 3600 };
      const endpoints = { federation_entity: { federation_fetch_endpoint: `${FOREIGN}/fetch`, federation_list_endpoint: `${FOREIGN}/list` } };
      return [
        await evil.configuration({ ...times, authority_hints: [FOREIGN] }),
        await stolen.jwt({ iss: FOREIGN, sub: evil.id, ...times, jwks: evil.jwks }),
        await stolen.jwt({ iss: FOREIGN, sub: FOREIGN, ...times, jwks: { keys: [jwk] }, metadata: endpoints }),
      ];
    };
    const validates = async () => (await validateTrustChain(await chain(), { anchors: await pinned(d), now: d.clock })).ok;
    expect(await validates()).toBe(true);
    await revokeKey(d.call, 'main', stolen.kid, 'compromised');
    d.clock += 30 * 86_400;
    expect(await validates()).toBe(false);
    expect(await kids(d, FOREIGN), 'a pin without a key finds nothing').toEqual([]);
  });

  it('pinned while it is decided: decided again', async () => {
    const d = await two();
    await revokeKey(
      afterDeciding(d.call, () => d.pin(ANCHOR, [d.leaked])),
      'main',
      d.leaked.kid,
      'compromised',
    );
    expect(await kids(d, ANCHOR)).not.toContain(d.leaked.kid);
    expect(await told(d)).toHaveLength(1);
  });

  it('is pinned by nobody afterwards, also by whoever decided before', async () => {
    const d = await two();
    const jwks = { keys: [{ ...d.leaked, kid: 'k' }] };
    const late = pinAnchor(
      afterDeciding(d.call, () => revokeKey(d.call, 'main', d.leaked.kid, 'compromised')),
      'other',
      { entityId: FOREIGN, jwks },
    );
    expect(await outcomeOf(late)).toBe('invalid_request');
    expect((await d.pin(ANCHOR, [d.leaked])).json).toMatchObject({ status: 400, detail: expect.stringContaining('called compromised') });
    expect(Object.keys(await pinned(d))).toEqual([OTHER]);
  });

  it('a pin that cannot be read stops it not, and stays as it is', async () => {
    const d = await two();
    await d.pin(ANCHOR, [d.leaked]);
    await d.execute(`UPDATE anchor_pin SET jwks = '{"keys": ' || jwks`);
    await revokeKey(d.call, 'main', d.leaked.kid, 'compromised');
    expect(await d.rows('SELECT state, revoked_reason FROM authority_key WHERE revoked_reason IS NOT NULL')).toEqual([
      { state: 'revoked', revoked_reason: 'compromised' },
    ]);
    expect(await told(d)).toEqual([]);
    await expect(pinned(d).then((all) => all[ANCHOR]?.keys)).rejects.toThrow();
  });

  it('a key that was merely superseded stays pinned', async () => {
    const d = await two();
    await d.pin(ANCHOR, [d.leaked]);
    await revokeKey(d.call, 'main', d.leaked.kid, 'superseded');
    expect(await kids(d, ANCHOR)).toEqual([d.leaked.kid]);
  });
});
