import { describe, expect, it } from 'vitest';
import { isEntityConfiguration, limits, parseEntityStatement, validateEntityConfiguration } from '../../src/federation/entry.js';
import { parseStatementClaims } from '../../src/federation/entity-statement.js';
import { LEAF, NOW, TA } from '../support/chain.js';
import { testKey } from '../support/keys.js';

describe('§3.2: what is said of the claims of a statement', async () => {
  const key = await testKey();
  const sound = { iss: LEAF, sub: LEAF, iat: NOW - 10, exp: NOW + 100, jwks: { keys: [key.jwk] } };
  const said = (claims: unknown, options: object = {}) => {
    const result = parseStatementClaims(claims, { now: NOW, ...options });
    return result.ok ? 'ok' : result.findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`).join('; ');
  };
  const config = (change: object, options: object = {}) => said({ ...sound, ...change }, options);
  const about = (change: object, options: object = {}) => said({ ...sound, iss: TA, ...change }, options);
  const strict = { strictKeys: true };
  const many = <T>(n: number, make: (k: number) => T) => Array.from({ length: n }, (_, k) => make(k));

  it('a missing claim is told from one that is wrong, and what is no object has no claims', () => {
    expect(config({ iat: undefined })).toMatch(/^claim_missing iat: /);
    expect(config({ iat: 'x' })).toMatch(/^claim_invalid iat: /);
    expect(config({ trust_marks: [undefined] })).toMatch(/^claim_invalid trust_marks\/0: /);
    for (const claims of [undefined, null, 5, []]) expect(said(claims)).toMatch(/^claim_invalid claims: /);
  });
  it('lists and records: the first fault, with its place', () => {
    expect(config({ authority_hints: [TA, 5, 6] })).toBe('claim_invalid authority_hints/1: it is a string');
    for (const name of ['authority_hints', 'trust_anchor_hints', 'crit']) {
      expect(config({ [name]: 'x' })).toBe(`claim_invalid ${name}: it is an array`);
      expect(config({ [name]: [] })).toBe(`claim_invalid ${name}: it is not empty`);
    }
    const mark = 'it is an object with "trust_mark_type" and "trust_mark"; early drafts called the type "id"';
    for (const one of [5, null, {}, { trust_mark_type: 'x' }, { trust_mark: 'x' }, { trust_mark_type: 5, trust_mark: 'x' }])
      expect(config({ trust_marks: [{ trust_mark_type: 'x', trust_mark: 'y' }, one] })).toBe(`claim_invalid trust_marks/1: ${mark}`);
    for (const one of ['x', {}, [5], ['x', 5]])
      expect(config({ trust_mark_issuers: { a: [TA], b: one } })).toBe('claim_invalid trust_mark_issuers/b: it is an array of Entity Identifiers');
    for (const one of [5, null, {}, { sub: TA }, { jwks: {} }, { sub: 5, jwks: {} }, { sub: TA, jwks: 'x' }, { sub: TA, jwks: [] }])
      expect(config({ trust_mark_owners: { a: one } })).toBe('claim_invalid trust_mark_owners/a: it is an object with "sub" and "jwks"');
    for (const name of ['trust_mark_issuers', 'trust_mark_owners']) expect(config({ [name]: [] })).toBe(`claim_invalid ${name}: it is an object`);
  });
  it('identifiers, each with its place; those beyond what is looked at do no harm', () => {
    const no = (where: string) => `entity_id_invalid ${where}: "x" is no Entity Identifier`;
    expect(config({ iss: 'x', sub: 'x' })).toBe(`${no('iss')}; ${no('sub')}`);
    const hints = (n: number) => config({ authority_hints: [...many(n, () => TA), 'x'] });
    expect([14, 15, 16].map(hints)).toEqual([no('authority_hints/14'), no('authority_hints/15'), 'ok']);
    expect(config({ trust_anchor_hints: [TA, 'x'] })).toBe(no('trust_anchor_hints/1'));
    expect(config({ trust_mark_owners: { t: { sub: 'x', jwks: {} } }, trust_mark_issuers: { u: ['x', TA] } })).toBe(
      `${no('trust_mark_owners/t/sub')}; ${no('trust_mark_issuers/u')}`,
    );
    const named = (n: number) => config({ trust_mark_issuers: { u: [...many(n, () => TA), 'x'] } });
    expect([998, 999, 1000].map(named)).toEqual([no('trust_mark_issuers/u'), no('trust_mark_issuers/u'), 'ok']);
    expect(config({ trust_mark_issuers: { u: many(60, () => 'x') } }).split('; ')).toHaveLength(limits.MAX_FINDINGS);
    const full = parseStatementClaims({ ...sound, exp: NOW, trust_mark_issuers: { u: many(60, () => 'x') } }, { now: NOW });
    expect(full.ok ? [] : full.findings).toHaveLength(limits.MAX_FINDINGS);
    expect(about({ source_endpoint: 'x' })).toBe('claim_invalid source_endpoint: it is not an https URL');
    expect([about({ source_endpoint: `${TA}/fetch?a=b` }), config({}, { subject: LEAF })]).toEqual(['ok', 'ok']);
    expect(config({}, { subject: TA })).toBe(`subject_mismatch sub: it is about "${LEAF}", not "${TA}"`);
  });
  it('crit: 64 names, of claims that are there, that are not the standard’s, each once, and understood', () => {
    const crit = (names: readonly string[], understood: readonly string[] = names) => config({ crit: names, a: 1, b: 2 }, { understoodClaims: understood });
    expect(crit(['a', 'b'])).toBe('ok');
    expect(crit(['a', 'b'], ['b'])).toBe('crit_not_understood crit: "a" is critical and not understood');
    expect(config({ crit: ['a'], a: 1 })).toBe('crit_not_understood crit: "a" is critical and not understood');
    expect(crit(['a', 'a'])).toBe('crit_invalid crit: "a" is listed twice');
    expect(crit(['c'])).toBe('crit_invalid crit: "c" is not among the claims');
    expect(crit(['iss'])).toBe('crit_invalid crit: "iss" is a claim of the standard');
    const listed = (n: number) => {
      const names = many(n, (k) => `c${k}`);
      return config({ crit: names, ...Object.fromEntries(names.map((name) => [name, 1])) }, { understoodClaims: names });
    };
    expect([63, 64, 65].map(listed)).toEqual(['ok', 'ok', 'too_many crit: 65 names, more than 64']);
  });
  it('a Subordinate Statement says what it restricts in a form that can be read', () => {
    expect(about({ constraints: 5 })).toBe('constraint_malformed constraints: constraints is an object');
    expect(about({ constraints: { max_path_length: -1 } })).toMatch(/^constraint_malformed constraints\/max_path_length: /);
    expect(about({ constraints: { allowed_entity_types: ['federation_entity'] } })).toBe('ok');
    expect(about({ constraints: { allowed_entity_types: ['federation_entity'] } }, strict)).toMatch(
      /^constraint_malformed constraints\/allowed_entity_types: /,
    );
    expect(about({ metadata_policy: 5 })).toMatch(/^policy_malformed metadata_policy: /);
    expect(about({ metadata_policy_crit: [] })).toMatch(/^policy_crit_invalid metadata_policy_crit: /);
    const contradicting = { metadata_policy: { t: { p: { one_of: ['a'], add: ['a'] } } } };
    expect([about(contradicting), about(contradicting, strict)]).toEqual(['ok', expect.stringMatching(/^policy_combination metadata_policy\/t\/p: /)]);
    expect(about({ metadata: { t: { p: null } } })).toMatch(/^metadata_invalid metadata\/t\/p: /);
    expect(config({ constraints: 5 })).toBe('claim_not_allowed constraints: an Entity Configuration does not have "constraints"');
    expect(about({ trust_marks: [] })).toBe('claim_not_allowed trust_marks: a Subordinate Statement does not have "trust_marks"');
  });
  it('what we sign ourselves: whole seconds, as much as is looked at, keys of owners, registration policies where they belong', () => {
    expect([config({ iat: NOW - 0.5 }), config({ iat: NOW - 0.5 }, strict)]).toEqual(['ok', 'claim_invalid iat: it is not a whole number of seconds']);
    const hints = (n: number) => config({ authority_hints: many(n, () => TA) }, strict);
    expect([15, 16, 17].map(hints)).toEqual(['ok', 'ok', 'too_many authority_hints: 17, more than the 16 that readers look at']);
    const marks = (n: number) => config({ trust_marks: many(n, () => ({ trust_mark_type: 'x', trust_mark: 'y' })) }, strict);
    expect([31, 32, 33].map(marks)).toEqual(['ok', 'ok', 'too_many trust_marks: 33, more than the 32 that readers look at']);
    const owners = (...keys: unknown[]) => ({ trust_mark_owners: { good: { sub: TA, jwks: { keys: [key.jwk] } }, bad: { sub: TA, jwks: { keys } } } });
    expect([config(owners()), config(owners(), strict)]).toEqual(['ok', 'jwks_invalid trust_mark_owners/bad/jwks: the set holds no key']);
    expect(config(owners(key.jwk), strict)).toBe('ok');
    expect(about({ registration_policy: ['https://a.example'] }, strict)).toBe('ok');
    expect([about({ registration_policy: 'x' }), about({ registration_policy: 'x' }, strict)]).toEqual([
      'ok',
      'claim_invalid registration_policy: it is a non-empty array of URIs',
    ]);
    expect(config({ registration_policy: ['https://a.example'] }, strict)).toBe(
      'claim_not_allowed registration_policy: it stands in Subordinate Statements only',
    );
  });
  it('a mark that names another type than the one around it; of those beyond 32, and of what cannot be read, nothing is said', () => {
    const inner = (claims: unknown) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.AA`;
    const show = (...marks: string[]) => config({ trust_marks: marks.map((trust_mark) => ({ trust_mark_type: 'x', trust_mark })) });
    const differs = (n: number) => `claim_invalid trust_marks/${n}: its trust_mark_type differs from the one inside the mark`;
    expect(show(inner({ trust_mark_type: 'x' }), inner({ trust_mark_type: 'y' }))).toBe(differs(1));
    expect(show(...['', 'x', 'a.b', 'e30.!.AA', inner(null), inner([]), inner('x'), inner({})])).toBe('ok');
    const good = inner({ trust_mark_type: 'x' });
    expect([31, 32].map((n) => show(...many(n, () => good), inner({ trust_mark_type: 'y' })))).toEqual([differs(31), 'ok']);
    const sized = (bytes: number) => show(`${'A'.repeat(bytes - inner({ trust_mark_type: 'y' }).length)}${inner({ trust_mark_type: 'y' })}`);
    expect([limits.MAX_STATEMENT_BYTES - 1, limits.MAX_STATEMENT_BYTES, limits.MAX_STATEMENT_BYTES + 1].map(sized)).toEqual([differs(0), differs(0), 'ok']);
  });

  it('headers and claims are judged together; what is about itself is a configuration', async () => {
    const both = parseEntityStatement(await key.jwt({ ...sound, exp: NOW }, { peer_trust_chain: [] }), { now: NOW });
    expect(both.ok ? [] : both.findings.map(({ code, where }) => `${code} ${where}`)).toEqual(['header_not_allowed header/peer_trust_chain', 'expired exp']);
    expect(parseEntityStatement(await key.jwt(sound, { trust_chain: [] }), { now: NOW })).toMatchObject({
      ok: false,
      findings: [{ code: 'header_not_allowed' }],
    });
    expect([{ claims: sound }, { claims: { ...sound, iss: TA } }, {}, undefined].map((one) => isEntityConfiguration(one as never))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
  it('a configuration speaks for itself, declares a type, and is signed by a key of its own', async () => {
    const metadata = { openid_relying_party: {} };
    const judge = async (claims: object, signer = key) => {
      const result = await validateEntityConfiguration(await signer.jwt({ ...sound, metadata, ...claims }), { now: NOW });
      return result.ok ? 'ok' : result.findings.map(({ code, where }) => `${code} ${where}`).join('; ');
    };
    expect(await judge({})).toBe('ok');
    expect(await judge({ iss: TA })).toBe('claim_invalid sub');
    for (const none of [undefined, {}]) expect(await judge({ metadata: none })).toBe('claim_missing metadata');
    expect(await judge({ exp: NOW })).toBe('expired exp');
    expect(await judge({}, await testKey())).toBe('signature_key_unknown header/kid');
  });
});
