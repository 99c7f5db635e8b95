import { describe, expect, it } from 'vitest';
import { limits, parseConstraints, validateTrustChain } from '../../src/federation/entry.js';
import { checkRegistrationPolicy, isRegistrationPolicy } from '../../src/federation/registration-policy.js';
import { NOW, testFederation } from '../support/chain.js';

const VETTED = 'https://ta.example.org/policy/vetted';
const OTHER = 'https://ta.example.org/policy/other';

describe('the registration_policy constraint', async () => {
  const federation = await testFederation();
  const run = async (rules: unknown, below: Record<string, unknown> = {}, own: Record<string, unknown> = {}) => {
    const chain = await federation.chain({ claims: { 0: own, 1: below, 2: { constraints: { registration_policy: rules } } } });
    const result = await validateTrustChain(chain, { anchors: federation.anchors, now: NOW });
    return result.ok ? 'ok' : result.findings.map(({ code }) => code).join();
  };
  it('each applicable rule is met by the statement below; without the claim it is not', async () => {
    expect(await run([{ policy: [VETTED] }], { registration_policy: [VETTED] })).toBe('ok');
    expect(await run([{ policy: [VETTED, OTHER] }], { registration_policy: [OTHER] })).toBe('ok');
    expect(await run([{ policy: [VETTED] }], { registration_policy: [OTHER] })).toBe('registration_policy_unmet');
    expect(await run([{ policy: [VETTED] }])).toBe('registration_policy_unmet');
    expect(await run([{ policy: [VETTED] }, { policy: [OTHER] }], { registration_policy: [VETTED] })).toBe('registration_policy_unmet');
  });
  it('a rule for other types does not apply; an intermediate counts as federation_entity', async () => {
    expect(await run([{ policy: [VETTED], entity_types: ['openid_provider'] }])).toBe('ok');
    expect(await run([{ policy: [VETTED], entity_types: ['openid_relying_party'] }])).toBe('registration_policy_unmet');
    expect(await run([])).toBe('ok');
  });
  it('EC-12: a claim that is none, or stands where it does not belong, declares nothing; a rule that applies is then unmet', async () => {
    for (const claim of ['x', [], ['verified'], 5, null, {}]) {
      expect(await run([], { registration_policy: claim })).toBe('ok');
      expect(await run([{ policy: [VETTED] }], { registration_policy: claim })).toBe('registration_policy_unmet');
    }
    expect(await run([], {}, { registration_policy: [VETTED] })).toBe('ok');
    expect(await run([{ policy: [VETTED] }], {}, { registration_policy: [VETTED] })).toBe('registration_policy_unmet');
  });
  it.each([
    ['x'],
    [[{}]],
    [[{ policy: [] }]],
    [[{ policy: ['no uri'] }]],
    [[{ policy: [VETTED], entity_types: [] }]],
    [[{ policy: [VETTED], entity_types: [1] }]],
  ])('malformed: %j', (rules) =>
    expect(parseConstraints({ registration_policy: rules })).toMatchObject({ ok: false, findings: [{ code: 'constraint_malformed' }] }),
  );
});

const many = <T>(n: number, make: (k: number) => T) => Array.from({ length: n }, (_, k) => make(k));
const shown = (findings: readonly { readonly code: string; readonly where: string; readonly detail: string }[]) =>
  findings.map(({ code, where, detail }) => `${code} ${where}: ${detail}`);

describe('the constraint as the draft writes it, in what we state ourselves', () => {
  const written = (rules: unknown) => {
    const result = parseConstraints({ registration_policy: rules });
    return result.ok ? ['ok'] : shown(result.findings);
  };
  it.each([
    [[]],
    [[{ policy: [VETTED] }]],
    [
      [
        { policy: [VETTED, 'urn:x:y'], entity_types: ['openid_provider', 'x'] },
        { policy: [OTHER], more: 1 },
      ],
    ],
  ])('%j has it', (rules) => expect(written(rules)).toEqual(['ok']));
  it('each fault is told with its place', () => {
    const rule = (n: number, member: string, what: string) =>
      `constraint_malformed constraints/registration_policy/${n}/${member}: it is a non-empty array of ${what}`;
    expect(written({})).toEqual(['constraint_malformed constraints/registration_policy: it is an array of rules']);
    for (const one of [5, null, [VETTED], {}, { policy: VETTED }, { policy: [VETTED, 'no uri'] }, { policy: [[VETTED]] }, { policy: [5, VETTED] }])
      expect(written([{ policy: [VETTED] }, one])).toEqual([rule(1, 'policy', 'URIs')]);
    for (const entity_types of [null, 'x', [], [5, 'x'], ['x', 5]])
      expect(written([{ policy: [VETTED], entity_types }])).toEqual([rule(0, 'entity_types', 'Entity Types')]);
    expect(written([{ policy: [] }, { policy: [VETTED] }, { policy: [VETTED], entity_types: [] }])).toEqual([
      rule(0, 'policy', 'URIs'),
      rule(2, 'entity_types', 'Entity Types'),
    ]);
  });
  it('limits: 1000 rules, 1000 policies of one, 2048 characters of each, 50 findings', () => {
    const rules = (n: number) => written(many(n, () => ({ policy: [VETTED] })))[0];
    expect([999, 1000, 1001].map(rules)).toEqual(['ok', 'ok', 'too_many constraints/registration_policy: 1001 rules, more than 1000']);
    expect([999, 1000, 1001].map((n) => isRegistrationPolicy(many(n, (k) => `${VETTED}/${k}`)))).toEqual([true, true, false]);
    expect([2047, 2048, 2049].map((n) => isRegistrationPolicy([`https://${'x'.repeat(n - 8)}`]))).toEqual([true, true, false]);
    expect([49, 50, 51].map((n) => written(many(n, () => ({}))).length)).toEqual([49, 50, limits.MAX_FINDINGS]);
  });
});

describe('whoever is below meets every rule that applies', () => {
  const subject = (position: number, registrationPolicy: unknown, entityTypes: unknown = ['x']) => ({ position, registrationPolicy, entityTypes });
  const check = (rules: unknown, ...below: unknown[]) => shown(checkRegistrationPolicy({ registration_policy: rules } as never, below as never));
  it('each one who does not is named, with the first five policies of the rule', () => {
    const unmet = (position: number, ofWhat: string) =>
      `registration_policy_unmet constraints/registration_policy ES[${position}]: its subject is not registered under any of ${ofWhat}`;
    expect(check([{ policy: [VETTED] }], subject(1, [OTHER]), subject(2, [OTHER, VETTED]), subject(3, undefined))).toEqual([
      unmet(1, `"${VETTED}"`),
      unmet(3, `"${VETTED}"`),
    ]);
    const five = '"u:0", "u:1", "u:2", "u:3", "u:4"';
    const policy = (n: number) => [{ policy: many(n, (k) => `u:${k}`) }];
    expect([4, 5, 6, 7].flatMap((n) => check(policy(n), subject(1, [OTHER])))).toEqual(
      [five.slice(0, -7), five, `${five} and 1 others`, `${five} and 2 others`].map((all) => unmet(1, all)),
    );
    expect(check(policy(7), subject(1, ['u:6']))).toEqual([]);
  });
  it('a rule applies to whoever has one of its types', () => {
    const rules = [{ policy: [VETTED], entity_types: ['a', 'b'] }];
    expect([['a'], ['b', 'c'], ['c'], []].map((types) => check(rules, subject(1, [OTHER], types)).length)).toEqual([1, 1, 0, 0]);
    expect(
      [null, 'c'].map((types) => check(rules, subject(1, [OTHER], types)).length),
      'what cannot be read is not left out',
    ).toEqual([1, 1]);
  });
  it('a rule that cannot be read is met by nobody it applies to', () => {
    const unread = (place: string) =>
      `constraint_malformed constraints/registration_policy${place}: no rule can be read there, so the subject of ES[1] meets none`;
    expect(check([{ policy: [VETTED] }, 5], subject(1, [VETTED]))).toEqual([unread('/1')]);
    for (const policy of [[], 5, [5], undefined]) expect(check([{ policy }], subject(1, [VETTED]))).toEqual([unread('/0')]);
    expect(check([{ policy: [], entity_types: ['y'] }], subject(1, [VETTED]))).toEqual([]);
    for (const entity_types of [5, [], [5]]) expect(check([{ policy: [OTHER], entity_types }], subject(1, [VETTED]))).toHaveLength(1);
    for (const rules of ['x', {}, null]) expect(check(rules, subject(1, [VETTED]))).toEqual([unread('')]);
    const rules = (n: number) =>
      check(
        many(n, () => ({ policy: [VETTED] })),
        subject(1, [VETTED]),
      );
    expect([999, 1000, 1001].map(rules)).toEqual([[], [], [unread('')]]);
  });
  it('without rules, without anybody, or with what is neither, there is nothing to meet', () => {
    expect(check(undefined, subject(1, []))).toEqual([]);
    expect(check([{ policy: [VETTED] }])).toEqual([]);
    expect(check([{ policy: [VETTED] }], null, 5, subject(1, [VETTED]))).toEqual([]);
    expect(checkRegistrationPolicy(undefined as never, [])).toEqual([]);
    expect(checkRegistrationPolicy({ registration_policy: [{ policy: [VETTED] }] }, 'x' as never)).toEqual([]);
  });
  it('at most 50 findings', () =>
    expect([49, 50, 51].map((n) => check([{ policy: [VETTED] }], ...many(n, (k) => subject(k + 1, []))).length)).toEqual([49, 50, limits.MAX_FINDINGS]));
});
