import { fc } from '../support/fuzz.js';
import { base64url } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  algorithmsOf,
  checkConstraints,
  checkMetadata,
  missingParameters,
  parseClientAssertion,
  parseConstraints,
  parseEntityId,
  parseEntityStatement,
  parseJwkSet,
  parseMetadata,
  type PublicJwk,
  validateHistoricalKeys,
  validateTrustMark,
} from '../../src/federation/entry.js';
import { parseJson } from '../../src/federation/strict-json.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

let key: TestKey;
beforeAll(async () => {
  key = await testKey();
});
const verdict = (result: { readonly ok: boolean }) => expect(typeof result.ok).toBe('boolean');
/** A JWS of any bytes; its signature does not matter to the parser. */
const raw = (header: string, payload: string) => `${base64url.encode(header)}.${base64url.encode(payload)}.AAAA`;
const withHeader = (payload: string) => raw(JSON.stringify({ typ: 'entity-statement+jwt', alg: 'ES256', kid: 'a' }), payload);
/** Any JSON, often with the member names that the parser looks at. */
const around = (...names: string[]) =>
  fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom(...names), fc.jsonValue()),
    fc.record(Object.fromEntries(names.map((name) => [name, fc.jsonValue()])), { requiredKeys: [] }),
  );

describe('whatever a stranger sends, every parser gives a verdict and never an exception', () => {
  it('JWK Sets', () => {
    const jwk = around('kty', 'kid', 'crv', 'x', 'y', 'n', 'e', 'alg', 'use', 'd', 'k');
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.record({ keys: fc.oneof(fc.array(jwk), fc.jsonValue()) })), fc.boolean(), (value, strict) => {
        const result = parseJwkSet(value, 'jwks', { strict });
        verdict(result);
        if (result.ok) for (const one of result.value.keys) expect(Array.isArray(algorithmsOf(one))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
  it('changing one member of a sound key never makes a private or symmetric one pass', () => {
    fc.assert(
      fc.property(fc.constantFrom('d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth', 'priv'), fc.jsonValue(), (member, value) => {
        fc.pre(value !== undefined);
        expect(parseJwkSet({ keys: [{ ...(key.jwk as PublicJwk), [member]: value }] }).ok).toBe(false);
      }),
    );
  });
  it('constraints, and what they say about any names', () => {
    fc.assert(
      fc.property(
        around('max_path_length', 'naming_constraints', 'allowed_entity_types', 'permitted', 'excluded'),
        fc.array(fc.webUrl({ validSchemes: ['https'] })),
        (value, subordinates) => {
          const result = parseConstraints(value);
          verdict(result);
          if (result.ok) expect(Array.isArray(checkConstraints(result.value, { position: 1, subordinates }))).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
  it('metadata, and everything that is checked about it', () => {
    const type = around(
      'issuer',
      'jwks',
      'contacts',
      'federation_fetch_endpoint',
      'federation_fetch_endpoint_auth_methods',
      'jwks_uri',
      'endpoint_auth_signing_alg_values_supported',
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('federation_entity', 'openid_provider', 'oauth_resource'), type)), (value) => {
        const result = parseMetadata(value);
        verdict(result);
        if (!result.ok) return;
        expect(Array.isArray(checkMetadata(result.value, { entityId: LEAF, hasSubordinates: true }))).toBe(true);
        expect(Array.isArray(missingParameters(result.value))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
  it('trust marks, assertions and historical keys with any claims, soundly signed', async () => {
    const claims = around('iss', 'sub', 'iat', 'exp', 'trust_mark_type', 'delegation', 'aud', 'jti', 'keys');
    await fc.assert(
      fc.asyncProperty(claims, async (value) => {
        const body = typeof value === 'object' && value !== null && !Array.isArray(value) ? value : { value };
        const issuer = { entityId: TA, jwks: { keys: [key.jwk] } };
        verdict(await validateTrustMark(await key.jwt(body, { typ: 'trust-mark+jwt' }), { now: NOW, subject: LEAF, issuer, anchor: {} }));
        verdict(parseClientAssertion(await key.jwt(body, { typ: 'JWT' }), { audience: TA, now: NOW }));
        verdict(await validateHistoricalKeys(await key.jwt(body, { typ: 'jwk-set+jwt' }), issuer));
      }),
      { numRuns: 150 },
    );
  });
});

describe('strict JSON agrees with JSON.parse on honest input', () => {
  it('any JSON value passes and is equal', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
        const text = JSON.stringify(value);
        const result = parseJson(text, '');
        if (text.includes('"__proto__"')) return;
        expect(result).toEqual({ ok: true, value: JSON.parse(text) });
      }),
      { numRuns: 2000 },
    );
  });
  it('any text gives a verdict, never an exception', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'a', '1', 'u0061') }),
        (text) => void expect(typeof parseJson(text, '').ok).toBe('boolean'),
      ),
      { numRuns: 5000 },
    );
  });
  it('any text as a statement gives a verdict, never an exception', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.object(),
        (header, claims) => void expect(parseEntityStatement(raw(JSON.stringify(header), JSON.stringify(claims)), { now: 1 }).ok).toBe(false),
      ),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(fc.object(), (claims) => void expect(parseEntityStatement(withHeader(JSON.stringify(claims)), { now: 1 }).ok).toBe(false)),
      { numRuns: 1000 },
    );
  });
});

describe('EI-02 EI-03: identifiers are compared byte for byte', () => {
  it('parsing never changes an identifier', () => {
    fc.assert(
      fc.property(fc.webUrl({ validSchemes: ['https'] }), (url) => {
        const result = parseEntityId(url);
        if (result.ok) expect(result.value).toBe(url);
      }),
    );
  });
  it('any text gives a verdict, never an exception', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void expect(typeof parseEntityId(`https://${text}`).ok).toBe('boolean')),
      { numRuns: 3000 },
    );
  });
});
