import { describe, expect, it } from 'vitest';
import {
  missingParameters,
  allowEntityTypes,
  checkConstraints,
  parseConstraints,
  ERROR_STATUS,
  mediaTypes,
  limits,
  validateTrustChain,
  FINDING_CODES,
} from '../../src/federation/entry.js';
import { NOW } from '../support/chain.js';

const named = (naming_constraints: object, ...subordinates: string[]) =>
  checkConstraints({ naming_constraints }, { position: 1, subordinates }).map(({ code }) => code);

describe('naming constraints', () => {
  it('C2 CO-07 trap 12: a leading dot is everything beneath and not the host itself', () => {
    const permitted = ['.example.com'];
    expect(named({ permitted }, 'https://rp.example.com/x')).toEqual([]);
    expect(named({ permitted }, 'https://a.b.example.com:8443')).toEqual([]);
    expect(named({ permitted }, 'https://example.com')).toEqual(['name_not_permitted']);
    expect(named({ permitted }, 'https://badexample.com')).toEqual(['name_not_permitted']);
  });
  it('C3 CO-06 CO-07: excluded wins; without a dot it names a single host', () => {
    const naming = { permitted: ['.example.com'], excluded: ['east.example.com'] };
    expect(named(naming, 'https://east.example.com')).toEqual(['name_excluded']);
    expect(named(naming, 'https://rp.east.example.com')).toEqual([]);
  });
  it('CO-05: letter case and a trailing dot of the host are no way round an exclusion', () => {
    expect(named({ excluded: ['east.example.com'] }, 'https://EAST.example.com')).toEqual(['name_excluded']);
    expect(named({ excluded: ['east.example.com'] }, 'https://east.example.com./')).toEqual(['name_excluded']);
  });
  it('CO-08: with an empty permitted list nothing is permitted', () => expect(named({ permitted: [] }, 'https://a.example')).toEqual(['name_not_permitted']));
  it.each([
    [{ permitted: 'x' }],
    [{ excluded: [5] }],
    [{ permitted: ['https://a.example'] }],
    [{ permitted: ['a..b'] }],
    [{ permitted: ['*.a.example'] }],
    ['x'],
  ])('CO-05: %j is malformed', (naming_constraints) =>
    expect(parseConstraints({ naming_constraints })).toMatchObject({ ok: false, findings: [{ code: 'constraint_malformed' }] }),
  );
});

describe('allowed entity types', () => {
  it('CO-09 CO-10: unlisted types go, federation_entity stays, no constraint allows all', () => {
    const metadata = { federation_entity: {}, openid_provider: {}, oauth_client: {} };
    expect(allowEntityTypes(metadata, { allowed_entity_types: ['oauth_client'] })).toEqual({ federation_entity: {}, oauth_client: {} });
    expect(allowEntityTypes(metadata, {})).toEqual(metadata);
  });
});

describe('required parameters', () => {
  it('MP-35: the subject of a chain sees what its resolved metadata lacks', () => {
    const where = (metadata: object) => missingParameters(metadata as never).map(({ detail }) => detail.split(' is ')[0]);
    expect(where({ openid_relying_party: { redirect_uris: [], jwks_uri: 'https://a.example' } })).toEqual([]);
    expect(where({ openid_relying_party: {} })).toEqual(['redirect_uris', 'jwks or jwks_uri or signed_jwks_uri']);
    expect(where({ openid_provider: { issuer: 'x' } })).toHaveLength(5);
    expect(where({ oauth_authorization_server: { issuer: 'x', response_types_supported: [] }, oauth_resource: {}, made_up: {} })).toEqual(['resource']);
  });
});

describe('tables of the standard', () => {
  it('ER-02 ER-03 ER-04 ER-05 ER-06: each error code has its status', () => {
    expect(ERROR_STATUS).toEqual({
      ...{ invalid_request: 400, unsupported_parameter: 400, invalid_trust_chain: 400, invalid_metadata: 400, invalid_client: 401 },
      ...{
        invalid_issuer: 404,
        invalid_subject: 404,
        invalid_trust_anchor: 404,
        not_found: 404,
        page_not_found: 404,
        entity_id_not_found: 404,
        server_error: 500,
        temporarily_unavailable: 503,
      },
    });
  });
  it('SE-07: media types have no parameters', () => {
    expect(mediaTypes.ENTITY_STATEMENT).toBe('application/entity-statement+jwt');
    expect(mediaTypes.JWK_SET_JWT).toBe('application/jwk-set+jwt');
  });
  it('codes are stable names', () => expect(FINDING_CODES.every((code) => /^[a-z_]+$/.test(code))).toBe(true));
  it('limits: a chain of 12 statements is looked at, 13 is not', async () => {
    const code = async (n: number) => {
      const result = await validateTrustChain(
        Array.from({ length: n }, () => 'a.b.c'),
        { anchors: {}, now: NOW },
      );
      return result.ok ? 'ok' : result.findings[0]?.code;
    };
    expect(limits.MAX_CHAIN_DEPTH).toBe(10);
    expect([await code(11), await code(12), await code(13)]).toEqual(['jws_malformed', 'jws_malformed', 'too_many']);
  });
  it('limits: a chain of more than 1 MiB is not looked at', async () => {
    const big = 'x'.repeat(limits.MAX_CHAIN_BYTES / 4);
    expect(await validateTrustChain([big, big, big, big, 'x'], { anchors: {}, now: NOW })).toMatchObject({
      ok: false,
      findings: [{ code: 'too_large', where: 'chain' }],
    });
  });
});
