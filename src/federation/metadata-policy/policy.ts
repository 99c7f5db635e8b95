import { failure, finding, type Finding, quote, refuse, type Result, success } from '../finding.js';
import { MAX_CHAIN_DEPTH, MAX_FINDINGS, MAX_POLICY_ENTRIES, MAX_POLICY_VALUES } from '../limits.js';
import { Findings, findingPlace } from '../places.js';
import { isObject } from '../strict-json.js';
import { checkCombination, OPERATORS, type Operators } from './operators.js';
import { PolicyFault } from './policy-fault.js';

/** Entity Type → parameter → operator → value (OpenID Federation 1.0 §6.1.2). */
export type MetadataPolicy = Readonly<Record<string, Readonly<Record<string, Operators>>>>;

export interface PolicyOptions {
  /** Names from `metadata_policy_crit` of every statement of the chain (§6.1.4.1). */
  readonly crit?: readonly string[];
}

/** Run one step of the algebra at one parameter; its fault becomes a finding with that place. */
export function attempt<T>(where: string, step: () => T): Result<T> {
  try {
    return success(step());
  } catch (error) {
    if (error instanceof PolicyFault) return refuse(error.code, where, error.message);
    throw error;
  }
}

/** Critical operators must be understood; we understand the standard ones only, and those may not be listed. */
export function checkPolicyCrit(crit: readonly string[]): readonly Finding[] {
  return Array.from(crit.slice(0, MAX_FINDINGS), (name) =>
    OPERATORS.has(name)
      ? finding('policy_crit_invalid', 'metadata_policy_crit', `${quote(name)} is a standard operator`)
      : finding('policy_crit_not_understood', 'metadata_policy_crit', `the operator ${quote(name)} is critical and not understood`),
  );
}

/** Shape of the claim `metadata_policy_crit`: a non-empty array of distinct operator names, none of them standard (§3.1.3). */
export function parsePolicyCrit(value: unknown): Result<readonly string[]> {
  const where = 'metadata_policy_crit';
  if (!Array.isArray(value) || value.length === 0 || !value.every((one) => typeof one === 'string'))
    return refuse('policy_crit_invalid', where, 'it is a non-empty array of operator names');
  const names: string[] = value;
  const standard = names.find((name) => OPERATORS.has(name));
  if (standard !== undefined) return refuse('policy_crit_invalid', where, `${quote(standard)} is a standard operator`);
  return new Set(names).size === names.length ? success(names) : refuse('policy_crit_invalid', where, 'a name occurs twice');
}

/** The most policies that one chain can carry, one for each Subordinate Statement. */
export const MAX_POLICIES = MAX_CHAIN_DEPTH + 1;

interface PolicyLimits {
  readonly entries: number;
  readonly values: number;
  /** Compare the values of one parameter's operators with each other. */
  readonly compare: boolean;
}
const SINGLE: PolicyLimits = { entries: MAX_POLICY_ENTRIES, values: MAX_POLICY_VALUES, compare: true };
const UNVERIFIED: PolicyLimits = { ...SINGLE, compare: false };
/** What is merged from a whole chain may hold what each of its policies may (§6.1.4.1): the limits are per policy. */
const MERGED: PolicyLimits = { entries: MAX_POLICY_ENTRIES * MAX_POLICIES, values: MAX_POLICY_VALUES * MAX_POLICIES, compare: true };

/**
 * Check one policy on its own: three levels of non-empty objects, operator values of supported types, legal
 * combinations. Operators nobody knows, and what is empty without them, are left out of the value given back; `checkPolicyCrit`
 * speaks of critical ones. The cost is linear in the size of the policy.
 * Up to `MAX_FINDINGS` faults are reported.
 */
export const parseMetadataPolicy = (value: unknown, where = 'metadata_policy'): Result<MetadataPolicy> => parsePolicy(value, where, SINGLE);

/**
 * The same without comparing values: all that is done before the statement around the policy is verified (§18.1). Whether
 * operators may stand together is found out by `combineMetadataPolicies`, once every signature holds.
 */
export const parsePolicyShape = (value: unknown, where = 'metadata_policy'): Result<MetadataPolicy> => parsePolicy(value, where, UNVERIFIED);

/** The same for what `combineMetadataPolicies` gave, which may hold more than one policy may. */
export const parseMergedPolicy = (value: unknown, where = 'metadata_policy'): Result<MetadataPolicy> => parsePolicy(value, where, MERGED);

function parsePolicy(value: unknown, where: string, limits: PolicyLimits): Result<MetadataPolicy> {
  if (!isObject(value) || Object.keys(value).length === 0) return refuse('policy_malformed', where, 'a policy is a non-empty object of Entity Types');
  const types = Object.entries(value);
  const entries = types.reduce((sum, [, parameters]) => sum + (isObject(parameters) ? Math.max(1, Object.keys(parameters).length) : 1), 0);
  if (entries > limits.entries) return refuse('too_many', where, `${entries} parameters, more than ${limits.entries}`);
  const findings = new Findings();
  const policy: Record<string, Record<string, Operators>> = {};
  for (const [type, parameters] of types) {
    if (!isObject(parameters) || Object.keys(parameters).length === 0 || type === '__proto__' || Object.hasOwn(parameters, '__proto__')) {
      findings.add(finding('policy_malformed', `${where}/${findingPlace(type)}`, 'an Entity Type is a non-empty object of parameters'));
      continue;
    }
    const known: Record<string, Operators> = {};
    for (const [name, operators] of Object.entries(parameters)) {
      const parsed = parseOperators(name, operators, `${where}/${findingPlace(type, name)}`, limits);
      if (!parsed.ok) findings.add(...parsed.findings);
      else if (Object.keys(parsed.value).length) known[name] = parsed.value;
    }
    if (Object.keys(known).length) policy[type] = known;
  }
  return findings.all.length ? failure(...findings.all) : success(policy);
}

function parseOperators(parameter: string, value: unknown, where: string, { values: most, compare }: PolicyLimits): Result<Operators> {
  if (!isObject(value) || Object.keys(value).length === 0) return refuse('policy_malformed', where, 'a parameter is a non-empty object of operators');
  const findings: Finding[] = [];
  const known: Record<string, unknown> = {};
  for (const [name, operator] of OPERATORS) {
    if (!Object.hasOwn(value, name)) continue;
    const operand = value[name];
    known[name] = operand;
    if (Array.isArray(operand) && operand.length > most) {
      findings.push(finding('too_many', `${where}/${name}`, `${operand.length} values, more than ${most}`));
      continue;
    }
    const checked = attempt(`${where}/${name}`, () => operator.check(operand));
    if (!checked.ok) findings.push(...checked.findings);
  }
  if (findings.length) return failure(...findings);
  if (!compare) return success(known);
  const combined = attempt(where, () => checkCombination(parameter, known));
  return combined.ok ? success(known) : combined;
}
