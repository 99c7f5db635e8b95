import { finding, type Finding, quote } from './finding.js';
import { MAX_POLICY_VALUES } from './limits.js';
import { Findings } from './places.js';
import { isObject } from './strict-json.js';
import { readUrl } from './read-url.js';

/**
 * OpenID Federation Registration Policy, an individual draft (-01, 2026-03): the claim `registration_policy` of a Subordinate
 * Statement and the constraint of the same name.
 */

/** Entities of these types (all, when absent) are registered under at least one of these policies. */
export interface RegistrationPolicyRule {
  readonly policy: readonly string[];
  readonly entity_types?: readonly string[];
}

const isUri = (value: unknown): value is string => typeof value === 'string' && value.length <= 2048 && readUrl(value) !== undefined;
const isUris = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.length <= MAX_POLICY_VALUES && value.every(isUri);
const isNames = (value: unknown): value is readonly string[] => Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string');

/** The `registration_policy` claim of a Subordinate Statement: how its subject was registered, as URIs. */
export const isRegistrationPolicy = isUris;

/** The shape of the constraint as the draft writes it: what we state ourselves has it. */
export function checkRegistrationRules(rules: unknown, where: string): readonly Finding[] {
  if (rules === undefined) return [];
  const place = `${where}/registration_policy`;
  if (!Array.isArray(rules)) return [finding('constraint_malformed', place, 'it is an array of rules')];
  if (rules.length > MAX_POLICY_VALUES) return [finding('too_many', place, `${rules.length} rules, more than ${MAX_POLICY_VALUES}`)];
  const findings = new Findings();
  for (const [n, rule] of rules.entries()) {
    if (!isObject(rule) || !isUris(rule['policy'])) findings.add(finding('constraint_malformed', `${place}/${n}/policy`, 'it is a non-empty array of URIs'));
    else if (rule['entity_types'] !== undefined && !isNames(rule['entity_types']))
      findings.add(finding('constraint_malformed', `${place}/${n}/entity_types`, 'it is a non-empty array of Entity Types'));
  }
  return findings.all;
}

/** One statement below the setter: how its subject was registered, and as what. */
export interface RegisteredBelow {
  readonly position: number;
  readonly registrationPolicy: unknown;
  /** Entity Types of the subject; one that issues statements itself counts as `federation_entity`. */
  readonly entityTypes: readonly string[];
}

/**
 * The `registration_policy` constraint: each rule that applies to a subject is met by the statement about it, which names at
 * least one of the rule's policies. A claim that is malformed declares nothing. A rule that cannot be read is met by nobody it
 * applies to, and applies to everybody when its types cannot be read: the setter meant to restrict.
 */
export function checkRegistrationPolicy(constraints: { readonly registration_policy?: unknown }, below: readonly RegisteredBelow[]): readonly Finding[] {
  const given: unknown = isObject(constraints) ? constraints['registration_policy'] : undefined;
  if (given === undefined || !Array.isArray(below)) return [];
  const readable = Array.isArray(given) && given.length <= MAX_POLICY_VALUES;
  const rules: readonly unknown[] = readable ? given : [undefined];
  const statements = below
    .filter((one) => isObject(one))
    .map(({ position, registrationPolicy, entityTypes }) => ({
      position,
      declared: new Set(isUris(registrationPolicy) ? registrationPolicy : []),
      types: Array.isArray(entityTypes) ? new Set<unknown>(entityTypes) : undefined,
    }));
  const findings = new Findings();
  for (const [n, rule] of rules.entries()) {
    const { types, policies } = readRule(rule);
    for (const { position, declared, types: own } of statements) {
      if (findings.full) return findings.all;
      if (types && own && !types.some((type) => own.has(type))) continue;
      if (policies.some((one) => declared.has(one))) continue;
      const place = 'constraints/registration_policy';
      findings.add(
        policies.length
          ? finding('registration_policy_unmet', `${place} ES[${position}]`, `its subject is not registered under any of ${named(policies)}`)
          : finding('constraint_malformed', readable ? `${place}/${n}` : place, `no rule can be read there, so the subject of ES[${position}] meets none`),
      );
    }
  }
  return findings.all;
}

function readRule(rule: unknown): { readonly types: readonly string[] | undefined; readonly policies: readonly string[] } {
  if (!isObject(rule)) return { types: undefined, policies: [] };
  const { policy, entity_types: types } = rule;
  return { types: isNames(types) ? types : undefined, policies: Array.isArray(policy) ? policy.filter((one) => typeof one === 'string') : [] };
}

const named = (policies: readonly string[]): string =>
  policies.slice(0, 5).map(quote).join(', ') + (policies.length > 5 ? ` and ${policies.length - 5} others` : '');
