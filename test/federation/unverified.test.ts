import { beforeAll, describe, expect, it } from 'vitest';
import {
  type EntityStatementClaims,
  parseEntityStatement,
  parseMetadataPolicy,
  signSubordinateStatement,
  validateTrustChain,
} from '../../src/federation/entry.js';
import { flipSignature, INTERMEDIATE, LEAF, NOW, TA, type TestFederation, testFederation } from '../support/chain.js';

let federation: TestFederation;
beforeAll(async () => {
  federation = await testFederation();
});

/** Policies that are well-formed, and whose operators do not fit together. */
const CONTRADICTIONS: readonly (readonly [string, object])[] = [
  ['one_of with add', { one_of: ['a'], add: ['a'] }],
  ['one_of with subset_of', { one_of: ['a'], subset_of: ['a'] }],
  ['add outside subset_of', { add: ['b'], subset_of: ['a'] }],
  ['superset_of outside subset_of', { superset_of: ['b'], subset_of: ['a'] }],
  ['value outside one_of', { value: 'b', one_of: ['a'] }],
  ['value without add', { value: ['a'], add: ['b'] }],
  ['value null with default', { value: null, default: 'a' }],
  ['value null with essential', { value: null, essential: true }],
  ['objects that differ in one member', { value: [{ a: 1 }], subset_of: [{ a: 2 }] }],
];

describe.each(CONTRADICTIONS)('§18.1 signatures before algebra: a policy of %s', (_, operators) => {
  const policy = { oauth_client: { p: operators } };
  const codes = async (chain: readonly string[]) => {
    const result = await validateTrustChain(chain, { anchors: federation.anchors, now: NOW, subject: LEAF });
    return result.ok ? 'ok' : [...new Set(result.findings.map(({ code }) => code))].join();
  };
  it.each([1, 2])('in ES[%d] is not compared before that statement is verified, and refuses the chain after', async (n) => {
    const chain = await federation.chain({ claims: { [n]: { metadata_policy: policy } } });
    expect(parseEntityStatement(chain[n], { now: NOW }).ok).toBe(true);
    expect(await codes(chain.map((one, at) => (at === n ? flipSignature(one) : one)))).toBe('signature_invalid');
    expect(await codes(await federation.chain({ claims: { [n]: { metadata_policy: policy } }, signers: { [n]: federation.keys.leaf } }))).toMatch(
      /^signature_/,
    );
    expect(await codes(chain)).toBe('policy_combination');
  });
  it('is refused where it stands by itself, and in what we sign', async () => {
    expect(parseMetadataPolicy(policy)).toMatchObject({ ok: false, findings: [{ code: 'policy_combination' }] });
    const claims = { iss: TA, sub: INTERMEDIATE, iat: NOW, exp: NOW + 60, jwks: { keys: [federation.keys.leaf.jwk] }, metadata_policy: policy };
    const signed = await signSubordinateStatement(claims as unknown as EntityStatementClaims, { signer: federation.keys.ta });
    expect(signed).toMatchObject({ ok: false, findings: [{ code: 'policy_combination' }] });
  });
});

describe('what is wrong with a policy by itself is still said when a statement is read', () => {
  it.each([
    ['no operator', { t: { p: {} } }, 'policy_malformed'],
    ['an operator of the wrong type', { t: { p: { add: 'a' } } }, 'policy_operator_type'],
    ['too many values', { t: { p: { add: Array.from({ length: 1001 }, (_, n) => n) } } }, 'too_many'],
  ])('%s', async (_, metadata_policy, code) => {
    const chain = await federation.chain({ claims: { 1: { metadata_policy } } });
    expect(parseEntityStatement(chain[1], { now: NOW })).toMatchObject({ ok: false, findings: [{ code }] });
  });
});
