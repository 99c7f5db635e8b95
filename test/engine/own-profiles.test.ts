import { describe, expect, it } from 'vitest';
import { PROFILES } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const PILOT = 'https://ta.oidf-pilot.edugain.org';
const people = {
  organization_name: 'Example',
  display_name: 'Example',
  contacts: ['tech@example.org'],
  organization_uri: 'https://example.org',
  policy_uri: 'https://example.org/policy',
  logo_uri: 'https://example.org/logo.svg',
};
type Found = { severity: string; code: string; where: string };
async function check(d: TestDeployment, profile: string): Promise<{ ok: boolean; found: string[] }> {
  const { status, json } = await d.admin('GET', `${A}/check?profile=${profile}`);
  expect(status).toBe(200);
  return { ok: json.ok, found: json.findings.map(({ severity, code, where }: Found) => `${severity} ${code} ${where}`) };
}
const every = Object.fromEntries(
  ['fetch', 'list', 'extended_list', 'resolve', 'trust_mark_status', 'trust_mark_list', 'trust_mark', 'historical_keys'].map((name) => [name, 'optional']),
);

describe('our own authorities under the profiles, set up as the documents ask', () => {
  it('base', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people } });
    expect(await check(d, 'base')).toEqual({ ok: true, found: [] });
  });
  it('edugain: an intermediate under the pilot anchor, which it resolves under', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people }, authorityHints: [PILOT] });
    expect((await check(d, 'edugain')).found, 'not pinned yet').toEqual(['error profile_rule metadata/federation_entity/federation_resolve_endpoint']);
    const pilot = await testMember(PILOT);
    expect((await d.admin('POST', `${A}/anchors`, { entity_id: PILOT, jwks: pilot.jwks })).status).toBe(201);
    expect(await check(d, 'edugain')).toEqual({ ok: true, found: [] });
  });
  it('sweden: client authentication, locations, registration policies; an intermediate below an anchor', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people }, authorityHints: ['https://up.example'], clientAuth: every as never });
    const leaf = await testMember('https://leaf.example');
    await d.admin('POST', `${A}/members`, { entity_id: leaf.id, jwks: leaf.jwks, activate: true });
    expect((await check(d, 'sweden')).found).toEqual(['warning profile_rule authority', 'warning profile_rule authority']);
    await d.admin('PATCH', A, { ec_location: 'always' });
    await d.admin('PATCH', `${A}/members/${encodeURIComponent(leaf.id)}`, { claims: { registration_policy: ['https://anchor.example.org/policy'] } });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await check(d, 'sweden')).toEqual({ ok: true, found: [] });
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: 'https://anchor.example.org/marks/a' });
    expect((await check(d, 'sweden')).found, 'every mark of ours ends').toEqual(['warning profile_rule authority']);
  });
  it('sweden: an anchor is told that it has a trust mark endpoint (SHOULD NOT), nothing worse', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people }, ecLocation: 'always', clientAuth: every as never });
    expect(await check(d, 'sweden')).toEqual({ ok: true, found: ['warning profile_rule metadata/federation_entity/federation_trust_mark_endpoint'] });
  });
  it('italy: an anchor; its constraints in the configuration are what the standard does not have', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people }, claims: { trust_mark_issuers: {} } });
    expect(await check(d, 'italy')).toEqual({ ok: true, found: ['warning profile_rule constraints'] });
  });
  it('it-wallet is not claimed: subordinate events are missing, and nothing else', async () => {
    const d = await testDeployment({ metadata: { federation_entity: people }, claims: { trust_mark_issuers: {} } });
    expect((await check(d, 'it-wallet')).found).toEqual(['error profile_rule metadata/federation_entity/federation_subordinate_events_endpoint']);
  });
  it('an unknown profile, an unknown authority and a stranger are refused', async () => {
    const d = await testDeployment();
    expect((await d.admin('GET', `${A}/check?profile=nonsense`)).json).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining('it-wallet') });
    expect((await d.admin('GET', `${A}/check?profile=constructor`)).status).toBe(400);
    expect((await d.admin('GET', '/authorities/none/check?profile=base')).status).toBe(404);
    expect((await d.admin('GET', `${A}/check?profile=base`, undefined, { token: 'x' })).status).toBe(401);
  });
});

describe('pre-flight of a member under a profile', () => {
  it('sweden: reads the superior, so a leaf directly below our anchor is told', async () => {
    const d = await testDeployment();
    const leaf = await testMember('https://leaf.example');
    const entity_configuration = await leaf.configuration({ iat: NOW - 10 });
    const { json } = await d.admin('POST', `${A}/preflight`, { entity_id: leaf.id, entity_configuration, profile: 'sweden' });
    const rules = json.findings.filter(({ code }: Found) => code.startsWith('profile'));
    expect(rules).toMatchObject([{ code: 'profile_rule', where: 'authority_hints', severity: 'warning', detail: expect.stringContaining(ANCHOR) }]);
  });
  it('italy: draft-era shapes are named beside the standard’s refusal, which stands', async () => {
    const d = await testDeployment();
    const leaf = await testMember('https://leaf.example');
    const entity_configuration = await leaf.configuration({ constraints: { max_path_length: 0 } });
    const preflight = async (profile?: string) =>
      (await d.admin('POST', `${A}/preflight`, { entity_id: leaf.id, entity_configuration, ...(profile && { profile }) })).json;
    const { ok, findings } = await preflight('italy');
    expect(ok).toBe(false);
    expect(findings.map(({ code, severity }: Found) => `${severity} ${code}`)).toEqual(
      expect.arrayContaining(['error claim_not_allowed', 'warning draft_era', 'error profile_rule']),
    );
    expect((await preflight()).findings).toHaveLength(1);
    expect((await d.admin('POST', `${A}/members`, { entity_id: leaf.id, entity_configuration, waive: ['claim_not_allowed'] })).status).toBe(422);
  });
  it('every profile is known by name', () => expect(Object.keys(PROFILES)).toEqual(['base', 'edugain', 'italy', 'it-wallet', 'sweden']));
});
