import { describe, expect, it } from 'vitest';
import { checkProfile, type EntityStatement, parseProfile, type ProfileEvidence, PROFILES, validateEntityConfiguration } from '../../src/federation/entry.js';
import { preflightEntity } from '../../src/rp/preflight.js';
import { NOW } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const ID = 'https://e.example.org';

async function configuration(claims: object, alg: 'ES256' | 'PS256' | 'Ed25519' = 'ES256'): Promise<EntityStatement> {
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
  const result = await validateEntityConfiguration(jwt, { now: NOW });
  if (!result.ok) throw new Error(JSON.stringify(result.findings));
  return result.value;
}
const codes = async (name: string, claims: object, { alg, evidence }: { alg?: 'ES256' | 'PS256' | 'Ed25519'; evidence?: ProfileEvidence } = {}) => {
  const profile = PROFILES[name];
  if (!profile) throw new Error(name);
  return checkProfile(profile, await configuration(claims, alg), evidence).map(({ severity, where }) => `${severity} ${where}`);
};
const endpoints = { federation_fetch_endpoint: `${ID}/fetch`, federation_list_endpoint: `${ID}/list` };
const people = { organization_name: 'E', display_name: 'E', contacts: ['a@e.example'], organization_uri: ID };

describe('profiles are data', () => {
  it('each that comes along passes its own schema; a file is read by the same one', () => {
    for (const profile of Object.values(PROFILES)) expect(parseProfile(JSON.parse(JSON.stringify(profile)))).toMatchObject({ ok: true });
    expect(parseProfile({ ...PROFILES['base'], rules: [{ id: 'x' }] })).toMatchObject({ ok: false, findings: [{ code: 'claim_invalid' }, {}, {}, {}, {}, {}] });
    expect(parseProfile('x').ok).toBe(false);
  });
  it('each says which document it writes down, in which version, of which day and standing; each rule names its section', () => {
    for (const { name, title, document, version, status, date, rules } of Object.values(PROFILES)) {
      for (const one of [title, document, version, status, date]) expect(one, name).toBeTruthy();
      for (const rule of rules) expect(rule.source, `${name} ${rule.id}`).not.toBe('');
      expect(new Set(rules.map(({ id }) => id)).size, `${name}: ids`).toBe(rules.length);
    }
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
      [{ kind: 'types_present', types: ['oauth_client', 'federation_entity'] }, ['metadata/federation_entity']],
      [{ kind: 'one_of_types', types: ['federation_entity', 'oauth_client'] }, []],
      [{ kind: 'one_of_types', types: ['federation_entity', 'openid_provider'] }, ['metadata']],
      [{ kind: 'one_of_parameters', types: ['oauth_client'], parameters: ['jwks', 'client_name'] }, []],
      [{ kind: 'one_of_parameters', types: ['*'], parameters: ['jwks', 'client_name'] }, ['metadata/oauth_resource']],
      [{ kind: 'values_contain', types: ['oauth_client'], parameter: 'grant_types', values: ['b', 'a'] }, []],
      [{ kind: 'values_contain', types: ['oauth_client'], parameter: 'grant_types', values: ['a', 'c'] }, ['metadata/oauth_client/grant_types']],
      [{ kind: 'values_contain', types: ['oauth_client'], parameter: 'absent', values: ['a'] }, []],
      [{ kind: 'value_equals', types: ['oauth_client'], parameter: 'client_name', value: 'x' }, []],
      [{ kind: 'value_equals', types: ['oauth_client'], parameter: 'client_name', value: 'y' }, ['metadata/oauth_client/client_name']],
      [{ kind: 'value_equals', types: ['oauth_client'], parameter: 'grant_types', value: 'a' }, ['metadata/oauth_client/grant_types']],
      [{ kind: 'superiors_are_intermediates' }, ['r']],
      [{ kind: 'resolves_under', entities: ['self'] }, ['r']],
      [{ kind: 'own_fact', fact: 'says_every_location', is: true }, ['r']],
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
      clause: 'https://github.com/GEANT/edugain-oidf-pilot (README) 2025-09-23, Intermediate Authorities Requirements',
      fix: expect.any(String),
    });
  });
});

describe('the profiles that come along', () => {
  const PILOT = 'https://ta.oidf-pilot.edugain.org';
  it('edugain: names, contacts, page, endpoints, the pilot anchor above, resolve under both', async () => {
    const sound = { authority_hints: [PILOT], metadata: { federation_entity: { ...endpoints, ...people, federation_resolve_endpoint: `${ID}/resolve` } } };
    expect(await codes('edugain', sound, { evidence: { resolvesUnder: [ID, PILOT] } })).toEqual([]);
    expect(await codes('edugain', sound, { evidence: { resolvesUnder: [ID] } })).toEqual(['error metadata/federation_entity/federation_resolve_endpoint']);
    expect(await codes('edugain', sound), 'never silently clean').toEqual(['warning resolves-under-both']);
    expect(await codes('edugain', { ...sound, authority_hints: ['https://other.example'] }, { evidence: { resolvesUnder: [ID, PILOT] } })).toEqual([
      'error authority_hints',
    ]);
    expect(await codes('edugain', { ...sound, metadata: { federation_entity: endpoints } })).toHaveLength(6);
    expect(await codes('edugain', { metadata: { openid_provider: { issuer: ID } } })).toEqual(['warning metadata/openid_provider/contacts']);
  });
  describe('sweden', () => {
    const leaf = { metadata: { openid_provider: { issuer: ID } } };
    const above = (claims: object) =>
      configuration({ iss: 'https://up.example', sub: 'https://up.example', metadata: { federation_entity: endpoints }, ...claims });
    const superior = async (claims: object): Promise<ProfileEvidence> => ({ superiors: [await above(claims)] });
    it('§2.2 roles apart, leafs without federation_entity', async () => {
      const evidence = await superior({});
      expect(await codes('sweden', leaf, { evidence })).toEqual([]);
      expect(await codes('sweden', { metadata: { ...leaf.metadata, federation_entity: { organization_name: 'E' } } }, { evidence })).toEqual([
        'error metadata/federation_entity',
        'error metadata/federation_entity',
      ]);
    });
    it('§2.6.1 a leaf directly under an anchor is told; without the superior it is not said to be clean', async () => {
      expect(await codes('sweden', leaf, { evidence: await superior({ authority_hints: undefined }) })).toEqual(['warning authority_hints']);
      expect(await codes('sweden', leaf)).toEqual(['warning leaf-under-intermediate']);
      const [one] = checkProfile(PROFILES['sweden'] as never, await configuration(leaf));
      expect(one).toMatchObject({ code: 'profile_unchecked', detail: expect.stringContaining('not checked'), clause: expect.stringContaining('§2.6.1') });
    });
    it('§6 other algorithms than the mandatory ones are for federation rules to allow: a warning', async () => {
      const evidence = await superior({});
      for (const alg of ['PS256', 'Ed25519'] as const)
        expect(await codes('sweden', leaf, { alg, evidence }), alg).toEqual(['warning header/alg', expect.stringContaining('warning jwks/')]);
    });
    it('§6 who takes private_key_jwt at its endpoints lists all six, and may list more', async () => {
      const six = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];
      const listing = (algorithms: string[] | undefined, methods: string[]) =>
        codes('sweden', {
          metadata: {
            federation_entity: { ...endpoints, federation_fetch_endpoint_auth_methods: methods, endpoint_auth_signing_alg_values_supported: algorithms },
          },
        });
      const fault = ['error metadata/federation_entity/endpoint_auth_signing_alg_values_supported'];
      expect(await listing([...six, 'PS256', 'Ed25519'], ['private_key_jwt'])).toEqual([]);
      expect(await listing(['ES256'], ['none', 'private_key_jwt'])).toEqual(fault);
      expect(await listing(undefined, ['private_key_jwt'])).toEqual(fault);
      expect(await listing(undefined, ['none'])).toEqual([]);
    });
    it('§5.2 marks with a status endpoint; §2.6.2 an anchor issues none; §3.1.2 a leaf with an anchor’s claims is no fault of the profile', async () => {
      const marks = { federation_entity: { ...endpoints, federation_resolve_endpoint: `${ID}/r`, federation_trust_mark_endpoint: `${ID}/m` } };
      const status = 'error metadata/federation_entity/federation_trust_mark_status_endpoint';
      expect(await codes('sweden', { metadata: marks })).toEqual([status]);
      expect(await codes('sweden', { metadata: marks, authority_hints: undefined })).toEqual([
        'warning metadata/federation_entity/federation_trust_mark_endpoint',
        status,
      ]);
      expect(await codes('sweden', { ...leaf, trust_mark_issuers: {} }, { evidence: await superior({}) })).toEqual([]);
    });
    it('what only an operator knows is asked of our own authorities alone', async () => {
      const metadata = { federation_entity: endpoints };
      const own = { says_every_location: true, says_registration_policies: true, marks_always_end: false, policy_adds_values: false };
      expect(await codes('sweden', { metadata }, { evidence: { own } })).toEqual([]);
      const not = { says_every_location: false, says_registration_policies: false, marks_always_end: true, policy_adds_values: true };
      expect(await codes('sweden', { metadata }, { evidence: { own: not } })).toEqual(Array(4).fill('warning authority'));
      expect(await codes('sweden', { metadata })).toEqual([]);
    });
  });
  describe('italy', () => {
    const MARK_TYPE = 'https://registry.example/openid_relying_party/public/';
    const identity = { ...people, policy_uri: ID, logo_uri: `${ID}/l.svg`, federation_resolve_endpoint: `${ID}/resolve` };
    const rp = {
      redirect_uris: [`${ID}/cb`],
      client_registration_types: ['automatic'],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      jwks: { keys: [] },
      client_id: ID,
      id_token_signed_response_alg: 'RS256',
      userinfo_signed_response_alg: 'RS256',
      userinfo_encrypted_response_alg: 'RSA-OAEP-256',
      userinfo_encrypted_response_enc: 'A256CBC-HS512',
      token_endpoint_auth_method: 'private_key_jwt',
    };
    async function mark(name = 'trust_mark_type') {
      const key = await testKey();
      return key.jwt({ iss: 'https://registry.example', sub: ID, iat: NOW - 10, exp: NOW + 999, [name]: MARK_TYPE }, { typ: 'trust-mark+jwt' });
    }
    const check = async (federation: object | undefined, party: object, more: object = {}) =>
      codes('italy', {
        metadata: { ...(federation && { federation_entity: federation }), openid_relying_party: party },
        trust_marks: [{ trust_mark_type: MARK_TYPE, trust_mark: await mark() }],
        ...more,
      });
    it('a sound party, with jwks or, as SPID has it, signed_jwks_uri; homepage_uri by either name', async () => {
      expect(await check(identity, rp)).toEqual([]);
      expect(await check(identity, { ...rp, jwks: undefined, signed_jwks_uri: `${ID}/jwks` })).toEqual([]);
      expect(await check({ ...identity, organization_uri: undefined, homepage_uri: ID }, rp)).toEqual([]);
      expect(await check({ ...identity, organization_uri: undefined }, rp)).toEqual(['error metadata/federation_entity']);
    });
    it('no federation_entity at all, no keys, another client authentication, no code, explicit registration', async () => {
      expect(await check(undefined, rp)).toEqual(['error metadata/federation_entity']);
      const party = 'error metadata/openid_relying_party';
      expect(await check(identity, { ...rp, jwks: undefined })).toEqual([party]);
      expect(await check(identity, { ...rp, token_endpoint_auth_method: 'client_secret_basic' })).toEqual([`${party}/token_endpoint_auth_method`]);
      expect(await check(identity, { ...rp, response_types: ['token'] })).toEqual([`${party}/response_types`]);
      expect(await check(identity, { ...rp, client_registration_types: ['explicit'] })).toEqual([`${party}/client_registration_types`]);
      expect(await check(identity, { ...rp, client_id: undefined })).toEqual([`${party}/client_id`]);
    });
    it('everybody but the anchor shows a mark and names a superior', async () => {
      const status = { federation_trust_mark_status_endpoint: `${ID}/s` };
      const superior = { metadata: { federation_entity: { ...identity, ...endpoints, ...status } } };
      expect(await codes('italy', superior), 'an intermediate').toEqual(['error trust_marks']);
      expect(await codes('italy', { metadata: { federation_entity: identity, oauth_resource: {} } }), 'an attribute authority').toEqual(['error trust_marks']);
      expect(await check(identity, rp, { authority_hints: undefined })).toEqual(['error authority_hints']);
      expect(await codes('italy', { ...superior, authority_hints: undefined, trust_mark_issuers: {} }), 'the anchor').toEqual(['warning constraints']);
    });
    it('shapes of the drafts it was written for are refused by the standard, and the rules are run all the same', async () => {
      const key = await testKey();
      const claims = {
        iss: ID,
        sub: ID,
        iat: NOW - 10,
        exp: NOW + 86_400,
        jwks: { keys: [key.jwk] },
        authority_hints: ['https://up.example'],
        metadata: { federation_entity: identity, openid_relying_party: { ...rp, token_endpoint_auth_method: 'client_secret_basic' } },
        trust_marks: [{ id: MARK_TYPE, trust_mark: await mark('id') }],
        constraints: { max_path_length: 1 },
      };
      const run = async (jwt: string, name: string) => {
        const source = { configuration: async () => ({ ok: true as const, value: jwt }) };
        const { findings, configuration: read } = await preflightEntity(ID, { source, now: NOW, profiles: [PROFILES[name] as never] });
        expect(read, 'nothing is trusted').toBeUndefined();
        return findings.map(({ severity, code, where }) => `${severity} ${code} ${where}`);
      };
      const found = await run(await key.jwt(claims), 'italy');
      expect(found.filter((one) => one.includes('draft_era'))).toEqual(['warning draft_era constraints', 'warning draft_era trust_marks']);
      expect(found.filter((one) => one.includes('profile'))).toEqual(['error profile_rule metadata/openid_relying_party/token_endpoint_auth_method']);
      expect(found.some((one) => one.startsWith('error claim'))).toBe(true);
      const sweden = await run(await key.jwt(claims), 'sweden');
      expect(
        sweden.every((one) => one.startsWith('error claim')),
        'other profiles take the standard at its word',
      ).toBe(true);
      const forged = await run(await (await testKey()).jwt({ ...claims, constraints: 'text' }), 'italy');
      expect(
        forged.some((one) => one.includes('profile_rule') || one.includes('draft_era')),
        'its signature does not verify',
      ).toBe(false);
      const broken = await run(await key.jwt({ ...claims, exp: NOW - 999 }), 'italy');
      expect(
        broken.some((one) => one.includes('profile_rule')),
        'other faults remain what they are',
      ).toBe(false);
    });
  });
  it('it-wallet: endpoints of superiors, identity, marks and roles of leafs', async () => {
    const metadata = { federation_entity: { ...people, policy_uri: ID, logo_uri: `${ID}/l.svg` }, openid_credential_issuer: {} };
    expect(await codes('it-wallet', { metadata })).toEqual(['error trust_marks']);
    expect(await codes('it-wallet', { metadata: { openid_provider: { issuer: ID } }, authority_hints: undefined })).toEqual([
      'error authority_hints',
      'error trust_marks',
      'error metadata/federation_entity',
      'error metadata',
    ]);
    const anchor = await codes('it-wallet', { metadata: { federation_entity: endpoints }, authority_hints: undefined });
    expect(anchor).toContain('error metadata/federation_entity/federation_subordinate_events_endpoint');
    expect(anchor).toContain('error trust_mark_issuers');
    expect(anchor).not.toContain('error trust_marks');
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
