import { failure, refuse, type Result, success, within } from '../finding.js';
import { Findings, findingPlace } from '../places.js';
import { checkCombination, OPERATORS, type Operators } from './operators.js';
import { attempt, checkPolicyCrit, MAX_POLICIES, type MetadataPolicy, parseMetadataPolicy, type PolicyOptions } from './policy.js';

/**
 * Merge the policies of a chain into one, from the most Superior downwards (OpenID Federation 1.0 §6.1.4.1).
 * Each policy is validated alone first; after each merge of a parameter its combinations are checked again.
 * The limits on parameters and values are those of single policies: what is merged may hold more.
 * @param policies objects keyed by Entity Type, the Trust Anchor's first, as many as a chain can carry
 * @returns the merged policy, or every fault found in the first policy that does not merge
 */
export function combineMetadataPolicies(policies: readonly unknown[], options: PolicyOptions = {}): Result<MetadataPolicy> {
  const crit: unknown = options.crit ?? [];
  if (!Array.isArray(crit)) return refuse('policy_crit_invalid', 'metadata_policy_crit', 'it is an array of operator names');
  const critical = checkPolicyCrit(crit);
  if (critical.length) return failure(...critical);
  if (!Array.isArray(policies)) return refuse('policy_malformed', 'metadata_policy', 'policies come as an array');
  if (policies.length > MAX_POLICIES) return refuse('too_many', 'metadata_policy', `${policies.length} policies, more than ${MAX_POLICIES}`);
  let merged: MetadataPolicy = {};
  for (const [n, policy] of (policies as readonly unknown[]).entries()) {
    const parsed = parseMetadataPolicy(policy);
    if (!parsed.ok) return failure(...within(`policy ${n + 1} of ${policies.length}:`, parsed.findings));
    const both = mergePolicies(merged, parsed.value);
    if (!both.ok) return failure(...within(`policy ${n + 1} of ${policies.length}:`, both.findings));
    merged = both.value;
  }
  return success(merged);
}

function mergePolicies(superior: MetadataPolicy, subordinate: MetadataPolicy): Result<MetadataPolicy> {
  const findings = new Findings();
  const merged: Record<string, Record<string, Operators>> = { ...superior };
  for (const [type, parameters] of Object.entries(subordinate)) {
    const above = Object.hasOwn(superior, type) ? superior[type] : undefined;
    const here: Record<string, Operators> = { ...above };
    for (const [name, operators] of Object.entries(parameters)) {
      const before = above && Object.hasOwn(above, name) ? above[name] : undefined;
      const one = attempt(findingPlace(type, name), () => mergeOperators(name, before, operators));
      if (one.ok) here[name] = one.value;
      else findings.add(...one.findings);
    }
    merged[type] = here;
  }
  return findings.all.length ? failure(...findings.all) : success(merged);
}

function mergeOperators(parameter: string, superior: Operators | undefined, subordinate: Operators): Operators {
  if (!superior) return subordinate;
  const merged: Record<string, unknown> = { ...superior };
  for (const [name, operator] of OPERATORS) {
    if (!Object.hasOwn(subordinate, name)) continue;
    merged[name] = Object.hasOwn(superior, name) ? operator.merge(superior[name], subordinate[name]) : subordinate[name];
  }
  checkCombination(parameter, merged);
  return merged;
}
