import { describe, expect, it } from 'vitest';
import { clientMetadataDocument } from '../../src/federation/entry.js';
import { testKey } from '../support/keys.js';

const { jwk } = await testKey();
const CLIENT = { grant_types: ['client_credentials'], jwks: { keys: [jwk] }, scope: 'read write' };
const made = (over: object, vetted?: readonly string[], type = 'oauth_client') =>
  clientMetadataDocument({ [type]: { ...CLIENT, ...over } } as never, 'https://a.example/clients/1', vetted);
const why = (...asked: Parameters<typeof made>) => {
  const result = made(...asked);
  return result.ok ? [] : result.findings.map(({ where, detail }) => `${where}: ${detail}`);
};

describe('what no Client ID Metadata Document says (draft -03 §4)', () => {
  it.each([
    ['a private key', { jwks: { keys: [jwk, { ...jwk, d: 'AAAA' }] } }, 'metadata/oauth_client/jwks/keys/1: it holds the private member "d"'],
    ['a secret that everybody reads', { jwks: { keys: [jwk, { kty: 'oct', k: 'AAAA' }] } }, 'a symmetric key is no public key'],
    ['a key that can be worked out', { jwks: { keys: [jwk, { kty: 'RSA', n: 'wAAAAAAAAAE', e: 'AQAB' }] } }, 'is below 2048'],
    ['an empty object for a key', { jwks: { keys: [{}] } }, 'there is no key by value that signs'],
    ['null for a key', { jwks: { keys: [null] } }, 'there is no key by value that signs'],
    ['a key that encrypts alone', { jwks: { keys: [{ ...jwk, use: 'enc' }] } }, 'there is no key by value that signs'],
    ['a list for a set', { jwks: [jwk] }, 'there is no key by value'],
    ['a text for a set', { jwks: 'keys' }, 'there is no key by value'],
    ['two scopes with a line between', { scope: 'read\nadmin' }, 'is no list of scopes'],
    ['two spaces', { scope: 'read  admin' }, 'is no list of scopes'],
    ['a quote', { scope: 'read "admin"' }, 'is no list of scopes'],
    ['tokens without a key', { grant_types: ['implicit'], response_types: ['code', 'id_token token'] }, 'gets tokens without proving a key'],
  ])('%s: there is none', (_, over, said) => {
    expect(why(over)).toEqual([expect.stringContaining(said)]);
  });
  it('what it was not taken in as: a provider that declares itself a client is none', () => {
    expect(why({}, ['openid_provider'])).toEqual(['entity_types: it declares itself oauth_client, and was taken in as openid_provider']);
    expect([why({}, ['oauth_client', 'openid_provider']), why({}, [])]).toEqual([[], []]);
    const both = { oauth_client: CLIENT, openid_relying_party: { ...CLIENT, scope: 'admin' } } as never;
    const document = clientMetadataDocument(both, 'https://a.example/clients/1', ['oauth_client']);
    expect(document).toMatchObject({ ok: true, value: { scope: 'read write' } });
  });
  it('where else keys are, or how else it authenticates; its client_id is where it is served', () => {
    const { kid: _, ...unnamed } = jwk;
    const document = made({
      client_id: 'https://evil.example',
      jwks: {
        keys: [
          { ...unnamed, x5u: 'https://evil.example/x' },
          { ...jwk, use: 'enc' },
        ],
      },
      introspection_endpoint_auth_method: 'none',
      revocation_endpoint_auth_method: 'none',
      signed_jwks_uri: 'https://evil.example/keys',
      client_secret: 'x',
      federation_entity: 'https://somebody-else.example',
    });
    expect(document.ok && JSON.parse(JSON.stringify(document.value))).toEqual({
      client_id: 'https://a.example/clients/1',
      redirect_uris: [],
      response_types: [],
      ...CLIENT,
      jwks: { keys: [unnamed, { ...jwk, use: 'enc' }] },
      token_endpoint_auth_method: 'private_key_jwt',
    });
  });
});
