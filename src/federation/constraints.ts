import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import type { Metadata } from './metadata.js';
import { isObject } from './strict-json.js';

/** OpenID Federation 1.0 §6.2. Members nobody here knows are carried along and ignored. */
export interface Constraints {
  readonly max_path_length?: number;
  readonly naming_constraints?: { readonly permitted?: readonly string[]; readonly excluded?: readonly string[] };
  readonly allowed_entity_types?: readonly string[];
  /** Registration Policy draft: rules that every statement below has to meet. */
  readonly registration_policy?: readonly RegistrationPolicyRule[];
  readonly [name: string]: unknown;
}

/** Entities of these types (all, when absent) are registered under at least one of these policies. */
export interface RegistrationPolicyRule {
  readonly policy: readonly string[];
  readonly entity_types?: readonly string[];
}

const NAME = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** Check the shape of a `constraints` claim. All faults are reported. */
export function parseConstraints(value: unknown, where = 'constraints'): Result<Constraints> {
  if (!isObject(value)) return refuse('constraint_malformed', where, 'constraints is an object');
  const findings: Finding[] = [];
  const no = (place: string, detail: string) => findings.push(finding('constraint_malformed', `${where}/${place}`, detail));
  const { max_path_length: depth, naming_constraints: naming, allowed_entity_types: types } = value;
  if (depth !== undefined && !(Number.isSafeInteger(depth) && (depth as number) >= 0)) no('max_path_length', 'it is an integer of at least 0');
  if (naming !== undefined && !isObject(naming)) no('naming_constraints', 'it is an object');
  for (const list of ['permitted', 'excluded']) {
    const names = isObject(naming) ? naming[list] : undefined;
    if (names !== undefined && !(Array.isArray(names) && names.every((name) => typeof name === 'string' && NAME.test(name)))) {
      no(`naming_constraints/${list}`, 'it is an array of domain names, each with or without a leading dot');
    }
  }
  if (types !== undefined && !(Array.isArray(types) && types.every((type) => typeof type === 'string')))
    no('allowed_entity_types', 'it is an array of Entity Types');
  else if (Array.isArray(types) && types.includes('federation_entity')) no('allowed_entity_types', '"federation_entity" is always allowed and never listed');
  findings.push(...checkRegistrationRules(value['registration_policy'], where));
  return findings.length ? failure(...findings) : success(value);
}

const isUris = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string' && one.length <= 2048 && URL.canParse(one));

/** The `registration_policy` claim of a Subordinate Statement: how its subject was registered, as URIs. */
export const isRegistrationPolicy = isUris;

function checkRegistrationRules(rules: unknown, where: string): readonly Finding[] {
  if (rules === undefined) return [];
  const place = `${where}/registration_policy`;
  if (!Array.isArray(rules)) return [finding('constraint_malformed', place, 'it is an array of rules')];
  return rules.flatMap((rule, n) => {
    if (!isObject(rule) || !isUris(rule['policy'])) return [finding('constraint_malformed', `${place}/${n}/policy`, 'it is a non-empty array of URIs')];
    const types = rule['entity_types'];
    return types === undefined || (Array.isArray(types) && types.length > 0 && types.every((type) => typeof type === 'string'))
      ? []
      : [finding('constraint_malformed', `${place}/${n}/entity_types`, 'it is a non-empty array of Entity Types')];
  });
}

/** One statement below the setter: how its subject was registered, and as what. */
export interface RegisteredBelow {
  readonly position: number;
  readonly registrationPolicy: unknown;
  /** Entity Types of the subject; one that issues statements itself counts as `federation_entity`. */
  readonly entityTypes: readonly string[];
}

/**
 * The `registration_policy` constraint (OpenID Federation Registration Policy draft): each rule that applies to a subject is
 * met by the statement about it, which names at least one of the rule's policies.
 */
export function checkRegistrationPolicy(constraints: Constraints, below: readonly RegisteredBelow[]): readonly Finding[] {
  return (constraints.registration_policy ?? []).flatMap((rule) =>
    below
      .filter(({ entityTypes }) => !rule.entity_types || rule.entity_types.some((type) => entityTypes.includes(type)))
      .filter(({ registrationPolicy }) => !(isUris(registrationPolicy) && registrationPolicy.some((one) => rule.policy.includes(one))))
      .map(({ position }) =>
        finding(
          'registration_policy_unmet',
          `constraints/registration_policy ES[${position}]`,
          `its subject is not registered under any of ${rule.policy.map(quote).join(', ')}`,
        ),
      ),
  );
}

/** `.example.com` matches every host below it and not itself; `example.com` matches that host only (§6.2.2). */
function matches(host: string, name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith('.') ? host.length > lower.length && host.endsWith(lower) : host === lower;
}

/** What the constraints of one Subordinate Statement say about the chain below it. */
export interface ConstraintScope {
  /** Position of the statement in the chain, the one about the chain's subject being 1. */
  readonly position: number;
  /** Identifiers of every Subordinate below the setter: the statement's subject down to the chain's subject. */
  readonly subordinates: readonly string[];
}

/** Path length and names (§6.2.1, §6.2.2); the allowed Entity Types are applied to metadata, see `allowEntityTypes`. */
export function checkConstraints(constraints: Constraints, { position, subordinates }: ConstraintScope): readonly Finding[] {
  const findings: Finding[] = [];
  const { max_path_length: depth, naming_constraints: naming } = constraints;
  const between = position - 1;
  if (depth !== undefined && between > depth)
    findings.push(finding('path_too_long', 'constraints/max_path_length', `${between} intermediates where at most ${depth} may lie`));
  for (const id of naming ? subordinates : []) {
    const host = new URL(id).hostname.replace(/\.$/, '');
    const excluded = naming?.excluded?.find((name) => matches(host, name));
    if (excluded) findings.push(finding('name_excluded', 'constraints/naming_constraints/excluded', `${quote(host)} matches ${quote(excluded)}`));
    else if (naming?.permitted && !naming.permitted.some((name) => matches(host, name)))
      findings.push(finding('name_not_permitted', 'constraints/naming_constraints/permitted', `${quote(host)} matches no permitted name`));
  }
  return findings;
}

/** Remove Entity Types that are not allowed; `federation_entity` always stays (§6.2.3). */
export function allowEntityTypes(metadata: Metadata, constraints: Constraints): Metadata {
  const allowed = constraints.allowed_entity_types;
  if (!allowed) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([type]) => type === 'federation_entity' || allowed.includes(type)));
}
