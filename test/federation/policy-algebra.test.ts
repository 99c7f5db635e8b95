import { fc } from '../support/fuzz.js';
import { describe, expect, it } from 'vitest';
import { applyMetadataPolicy, combineMetadataPolicies, parseMetadataPolicy } from '../../src/federation/entry.js';

const value = fc.constantFrom('a', 'b', 'c', 'd');
const list = fc.uniqueArray(value, { maxLength: 4 });
const operators = fc
  .record(
    {
      value: fc.oneof(list, value, fc.constant(null)),
      add: list,
      default: fc.oneof(list, value),
      one_of: fc.uniqueArray(value, { minLength: 1 }),
      subset_of: list,
      superset_of: list,
      essential: fc.boolean(),
    },
    { requiredKeys: [] },
  )
  .filter((one) => Object.keys(one).length > 0);
const policy = fc.record({ openid_relying_party: fc.record({ p: operators }) });
const parameter = fc.option(fc.oneof(list, value), { nil: undefined });
const metadataOf = (p: unknown) => ({ openid_relying_party: p === undefined ? {} : { p } });

const normal = (result: unknown) =>
  JSON.stringify(result, (_key, one: unknown) =>
    Array.isArray(one) ? [...one].sort() : typeof one === 'object' && one !== null ? Object.fromEntries(Object.entries(one).sort()) : one,
  );

describe('the policy algebra (MP-21, MP-28 to MP-31)', () => {
  it('merging is associative: ((a b) c) and (a (b c)) agree, in value or in failure', () => {
    fc.assert(
      fc.property(policy, policy, policy, (a, b, c) => {
        const merge = (...all: unknown[]) => combineMetadataPolicies(all);
        const ab = merge(a, b);
        const bc = merge(b, c);
        const left = ab.ok ? merge(ab.value, c) : ab;
        const right = bc.ok ? merge(a, bc.value) : bc;
        if (left.ok && right.ok) expect(normal(left.value)).toBe(normal(right.value));
        else expect(left.ok).toBe(right.ok);
      }),
      { numRuns: 2000 },
    );
  });

  it('MP-02: what passes the merged policy passes the superior policy unchanged, so a subordinate never loosens', () => {
    fc.assert(
      fc.property(policy, policy, parameter, (superior, subordinate, before) => {
        const merged = combineMetadataPolicies([superior, subordinate]);
        if (!merged.ok) return;
        const after = applyMetadataPolicy(merged.value, metadataOf(before));
        if (!after.ok) return;
        const again = applyMetadataPolicy(superior, after.value);
        expect(again.ok && normal(again.value)).toBe(normal(after.value));
      }),
      { numRuns: 3000 },
    );
  });

  it('applying is idempotent, and never leaves null (MP-05)', () => {
    fc.assert(
      fc.property(policy, parameter, (one, before) => {
        const once = applyMetadataPolicy(one, metadataOf(before));
        if (!once.ok) return;
        expect(once.value['openid_relying_party']?.['p']).not.toBeNull();
        const twice = applyMetadataPolicy(one, once.value);
        expect(twice.ok && normal(twice.value)).toBe(normal(once.value));
      }),
      { numRuns: 2000 },
    );
  });

  it('any JSON gives a verdict, never an exception', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
        expect(typeof combineMetadataPolicies([one, other]).ok).toBe('boolean');
        expect(typeof applyMetadataPolicy(one, other).ok).toBe('boolean');
        expect(typeof parseMetadataPolicy({ t: { p: one } }).ok).toBe('boolean');
      }),
      { numRuns: 2000 },
    );
  });
});
