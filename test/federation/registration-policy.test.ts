import { describe, expect, it } from 'vitest';
import { parseConstraints, validateTrustChain } from '../../src/federation/entry.js';
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
