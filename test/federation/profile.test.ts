import { describe, expect, it } from 'vitest';
import { checkProfile, type EntityStatement, parseProfile, PROFILES, validateEntityConfiguration } from '../../src/federation/entry.js';
import { preflightEntity } from '../../src/rp/preflight.js';
import { NOW } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const ID = 'https://e.example.org';

async function configuration(claims: object, alg: 'ES256' | 'Ed25519' = 'ES256'): Promise<EntityStatement> {
  const key = await testKey(alg);
  const jwt = await key.jwt({
    iss: ID,
    sub: ID,
    iat: NOW - 10,
    exp: NOW + 86_400,
    jwks: { keys: [key.jwk] },
    authority_hints: ['https://up.example'],
    ...claims,
  });
  const result = await validateEntityConfiguration(jwt, { now: NOW, subject: ID });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result.value;
}
const codes = async (name: string, claims: object, alg?: 'ES256' | 'Ed25519') => {
  const profile = PROFILES[name];
  if (!profile) throw new Error(name);
  return checkProfile(profile, await configuration(claims, alg)).map(({ severity, where }) => `${severity} ${where}`);
};
const endpoints = { federation_fetch_endpoint: `${ID}/fetch`, federation_list_endpoint: `${ID}/list` };
const people = { organization_name: 'E', display_name: 'E', contacts: ['a@e.example'], organization_uri: ID };

describe('profiles are data', () => {
  it('each that comes along passes its own schema; a file is read by the same one', () => {
    for (const profile of Object.values(PROFILES)) expect(parseProfile(JSON.parse(JSON.stringify(profile)))).toMatchObject({ ok: true });
    expect(parseProfile({ ...PROFILES['base'], rules: [{ id: 'x' }] })).toMatchObject({ ok: false, findings: [{ code: 'claim_invalid' }, {}, {}, {}, {}, {}] });
    expect(parseProfile('x').ok).toBe(false);
  });
  it('rules of a file are applied: present, absent, among, apart, marks, superiors, lifetimes', async () => {
    const rule = (check: object) => ({ id: 'r', severity: 'error', applies_to: 'all', check, says: 'says', fix: 'fix', source: 'document §3' });
    const run = async (check: object, claims: object) => {
      const profile = parseProfile({ name: 'own', version: '1', title: 'Own', rules: [rule(check)] });
      if (!profile.ok) throw new Error(JSON.stringify(profile.findings));
      return checkProfile(profile.value, await configuration(claims)).map(({ where }) => where);
    };
    const metadata = { oauth_client: { grant_types: ['a', 'b'], client_name: 'x' }, oauth_resource: {} };
    const cases: [object, string[]][] = [
      [{ kind: 'parameters_present', types: ['*'], parameters: ['client_name'] }, ['metadata/oauth_resource/client_name']],
      [{ kind: 'parameters_present', types: ['absent_type'], parameters: ['client_name'] }, []],
      [{ kind: 'parameters_absent', types: ['oauth_client'], parameters: ['client_name'] }, ['metadata/oauth_client/client_name']],
      [{ kind: 'values_among', types: ['oauth_client'], parameter: 'grant_types', values: ['a'] }, ['metadata/oauth_client/grant_types']],
      [{ kind: 'types_absent', types: ['oauth_resource'] }, ['metadata/oauth_resource']],
      [{ kind: 'types_among', types: ['oauth_client'] }, ['metadata/oauth_resource']],
      [{ kind: 'types_apart', types: ['oauth_client'], from: ['oauth_resource'] }, ['metadata/oauth_client']],
      [{ kind: 'claims_present', claims: ['trust_marks', 'authority_hints'] }, ['trust_marks']],
      [{ kind: 'claims_absent', claims: ['trust_marks', 'authority_hints'] }, ['authority_hints']],
      [{ kind: 'signed_with', algorithms: ['RS256'] }, ['header/alg']],
      [{ kind: 'lifetime', at_most: 3600 }, ['exp']],
      [{ kind: 'lifetime', at_least: 3600 }, []],
      [{ kind: 'shows_mark' }, ['trust_marks']],
      [{ kind: 'has_superior', entities: ['https://up.example'] }, []],
      [{ kind: 'has_superior', entities: ['https://other.example'] }, ['authority_hints']],
    ];
    for (const [check, expected] of cases) expect(await run(check, { metadata }), JSON.stringify(check)).toEqual(expected);
  });
  it('a finding says what, where, on whose word, and what to do', async () => {
    const [one] = checkProfile(
      PROFILES['edugain'] as never,
      await configuration({ metadata: { federation_entity: { ...endpoints, ...people, contacts: undefined } } }),
    );
    expect(one).toMatchObject({
      code: 'profile_rule',
      where: 'metadata/federation_entity/contacts',
      clause: 'eduGAIN OpenID Federation pilot pilot-2026, joining requirements',
      fix: expect.any(String),
    });
  });
});

describe('the profiles that come along', () => {
  it('edugain: names, contacts, page, and resolve beside fetch and list', async () => {
    expect(await codes('edugain', { metadata: { federation_entity: { ...endpoints, ...people, federation_resolve_endpoint: `${ID}/resolve` } } })).toEqual([]);
    expect(await codes('edugain', { metadata: { federation_entity: endpoints } })).toHaveLength(5);
    expect(await codes('edugain', { metadata: { openid_provider: { issuer: ID } } })).toEqual(['warning metadata/openid_provider/contacts']);
  });
  it('sweden: roles apart, leafs without federation_entity, RS and ES only, marks with a status endpoint', async () => {
    expect(await codes('sweden', { metadata: { openid_provider: { issuer: ID } } })).toEqual([]);
    expect(await codes('sweden', { metadata: { openid_provider: { issuer: ID }, federation_entity: { organization_name: 'E' } } })).toEqual([
      'error metadata/federation_entity',
      'error metadata/federation_entity',
    ]);
    expect(await codes('sweden', { metadata: { openid_provider: { issuer: ID } } }, 'Ed25519')).toEqual([
      'error header/alg',
      expect.stringContaining('error jwks/'),
    ]);
    expect(await codes('sweden', { metadata: { federation_entity: { ...endpoints, federation_trust_mark_endpoint: `${ID}/m` } } })).toEqual([
      'error metadata/federation_entity/federation_trust_mark_status_endpoint',
    ]);
  });
  it('italy: identity, marks, automatic registration', async () => {
    const rp = {
      redirect_uris: [`${ID}/cb`],
      client_registration_types: ['automatic'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      jwks: { keys: [] },
    };
    const found = await codes('italy', { metadata: { federation_entity: people, openid_relying_party: { ...rp, client_registration_types: ['explicit'] } } });
    expect(found).toEqual([
      'error metadata/federation_entity/policy_uri',
      'error metadata/federation_entity/logo_uri',
      'error trust_marks',
      'error metadata/openid_relying_party/client_registration_types',
    ]);
  });
  it('pre-flight of any entity: the standard and the profiles together, errors first; what cannot be read is a finding', async () => {
    const statement = await configuration({ metadata: { federation_entity: { federation_fetch_endpoint: `${ID}/fetch?x=1` } } });
    const source = { configuration: async () => ({ ok: true as const, value: statement.compact }) };
    const report = await preflightEntity(ID, { source, now: NOW, profiles: [PROFILES['base'] as never] });
    expect(report.findings.map(({ severity, code }) => `${severity} ${code}`)).toEqual([
      'error metadata_invalid',
      'error profile_rule',
      'warning profile_rule',
    ]);
    const gone = await preflightEntity(ID, { source: { configuration: async () => ({ ok: true as const, value: 'x' }) }, now: NOW, profiles: [] });
    expect(gone).toMatchObject({ configuration: undefined, findings: [{ severity: 'error', code: 'jws_malformed' }] });
  });
});
