import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { Refusal } from '../../src/operations/refusal.js';
import { draftPolicy, publishPolicy } from '../../src/operations/policies/policies.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const UP = 'https://up.example';
const BELOW = 'https://below.example.org';
const KEYS = '/authorities/below/keys';
const LIFETIME = 3600;
const POLICY = { openid_relying_party: { subject_type: { value: 'public' } } };
const OPPOSITE = { openid_relying_party: { subject_type: { value: 'pairwise' } } };

/** An authority of ours below a superior elsewhere that answers `states`. */
async function below(states: (jwks: object, up: Awaited<ReturnType<typeof testMember>>) => Promise<string>) {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'below', entityId: BELOW, authorityHints: [UP], configurationLifetime: LIFETIME });
  const next: string = (await d.admin('POST', KEYS, {})).json.kid;
  const up = await testMember(UP);
  const metadata = { federation_entity: { federation_fetch_endpoint: `${UP}/fetch`, federation_list_endpoint: `${UP}/list` } };
  const jwks = { keys: (await d.admin('GET', KEYS)).json.items.map(({ jwk }: { jwk: object }) => jwk) };
  d.network.set(`${UP}/.well-known/openid-federation`, await up.configuration({ authority_hints: undefined, exp: NOW + 30 * 86_400, metadata }));
  d.network.set(`${UP}/fetch?sub=${encodeURIComponent(BELOW)}`, await states(jwks, up));
  const draft = () => d.admin('POST', '/authorities/below/policies', { metadata_policy: POLICY });
  /** After every lifetime there is. */
  const activate = () => {
    d.clock = NOW + 10 * LIFETIME;
    return d.admin('POST', `${KEYS}/${next}/activate`);
  };
  return { draft, activate };
}
const claims = (jwks: object) => ({ iss: UP, sub: BELOW, iat: NOW - 10, exp: NOW - 10 + 30 * LIFETIME, jwks, metadata_policy: OPPOSITE });

describe('what a superior elsewhere states of an authority of ours counts once it is verified (§3.2, §8.1)', () => {
  it('KR-03 MP-15: signed by the superior: its policy binds, and a key it does not list yet waits', async () => {
    const { draft } = await below((jwks, up) => up.key.jwt(claims(jwks)));
    expect(await draft()).toMatchObject({ status: 422, json: { findings: [{ code: 'policy_merge', where: expect.stringContaining(UP) }] } });
    const older = await below(async (jwks, up) => up.key.jwt({ ...claims(jwks), jwks: { keys: (jwks as { keys: object[] }).keys.slice(0, 1) } }));
    expect(await older.activate()).toMatchObject({ status: 409, json: { code: 'key_not_ready' } });
    expect((await (await below((jwks, up) => up.key.jwt({ ...claims(jwks), exp: NOW + 20 * LIFETIME }))).activate()).json.detail).not.toContain(
      'does not list',
    );
  });
  it.each([
    ['signed by somebody else', async (jwks: object) => (await testKey()).jwt(claims(jwks)), /^signature_/],
    [
      'of another issuer',
      async (jwks: object, up: { key: { jwt(claims: object): Promise<string> } }) => up.key.jwt({ ...claims(jwks), iss: 'https://x.example' }),
      /issuer/,
    ],
  ] as const)('%s: neither its policy nor its list of keys is used', async (_, states, code) => {
    const { draft, activate } = await below(states as never);
    const drafted = await draft();
    expect([drafted.status, drafted.json.findings[0].severity], drafted.text).toEqual([201, 'warning']);
    expect(drafted.json.findings[0].code).toMatch(code);
    const refused = await activate();
    expect([refused.status, refused.json.code]).toEqual([409, 'key_not_ready']);
    expect(refused.json.detail, 'as if it listed nothing').not.toContain('older statements');
  });
});

describe('a policy does not wait for somebody else’s server', () => {
  const warned = (code: RegExp) => [{ severity: 'warning', code: expect.stringMatching(code), where: expect.stringContaining(UP) }];
  const away = async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'below', entityId: BELOW, authorityHints: [UP] });
    const events = async () =>
      (await d.rows("SELECT type, detail FROM event WHERE type IN ('policy.drafted', 'policy.published') ORDER BY seq")).map(({ detail }) =>
        JSON.parse(String(detail)),
      );
    return { d, events };
  };
  it.each([
    ['nobody answers', /^fetch_failed$/],
    ['its configuration has ended', /expired/],
  ])('%s: drafted and published, with a warning in the answer and in the event', async (what, code) => {
    const { d, events } = await away();
    const up = await testMember(UP);
    if (what !== 'nobody answers') d.network.set(`${UP}/.well-known/openid-federation`, await up.configuration({ iat: NOW - 900, exp: NOW - 600 }));
    const drafted = await d.admin('POST', '/authorities/below/policies', { metadata_policy: POLICY });
    expect([drafted.status, drafted.json.findings], drafted.text).toEqual([201, [expect.objectContaining(warned(code)[0] as object)]]);
    const published = await d.admin('POST', '/authorities/below/policies/1/publish', {});
    expect(published.status, published.text).toBeLessThan(300);
    expect(published.json.findings).toMatchObject(warned(code));
    expect(await events()).toMatchObject(
      Array.from({ length: 2 }, () => ({ warnings: [{ code: expect.stringMatching(code), where: expect.stringContaining(UP) }] })),
    );
  });
  it('reading it takes too long: a warning too; an error of ours stays one', async () => {
    const { d, events } = await away();
    const failing = (error: Error) => ({ ...d.call, explorer: { ask: () => Promise.reject(error) } });
    const slow = failing(new Refusal('temporarily_unavailable', 'it takes too long'));
    expect((await draftPolicy(slow, 'below', { metadataPolicy: POLICY })).findings).toMatchObject(warned(/^fetch_failed$/));
    expect((await publishPolicy(slow, 'below', 1)).findings).toMatchObject(warned(/^fetch_failed$/));
    expect(await events()).toHaveLength(2);
    await expect(draftPolicy(failing(new Error('sabotage')), 'below', { metadataPolicy: POLICY })).rejects.toThrow('sabotage');
  });
});
