import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import type { Metadata } from './metadata.js';
import { isDomainName, matchingName, readDomainName } from './naming.js';
import { Findings } from './places.js';
import { checkRegistrationRules, type RegistrationPolicyRule } from './registration-policy.js';
import { isObject } from './strict-json.js';
import { readUrl } from './read-url.js';

/** OpenID Federation 1.0 §6.2. Members nobody here knows are carried along and ignored. */
export interface Constraints {
  readonly max_path_length?: number;
  readonly naming_constraints?: { readonly permitted?: readonly string[]; readonly excluded?: readonly string[] };
  readonly allowed_entity_types?: readonly string[];
  /** Registration Policy draft: rules that every statement below has to meet. */
  readonly registration_policy?: readonly RegistrationPolicyRule[];
  readonly [name: string]: unknown;
}

export interface ConstraintOptions {
  /**
   * Refuse whatever the standard would not have us state. On by default, for our own constraints; off when reading others',
   * where a fault that can only make them stricter does not end the chain: `federation_entity` among the allowed types, a
   * permitted name that cannot be read (it permits nothing), a registration rule that cannot be read (nobody meets it).
   */
  readonly strict?: boolean;
}

/** Check the shape of a `constraints` claim. Up to `MAX_FINDINGS` faults are reported; the value is given back as it is. */
export function parseConstraints(value: unknown, where = 'constraints', { strict = true }: ConstraintOptions = {}): Result<Constraints> {
  if (!isObject(value)) return refuse('constraint_malformed', where, 'constraints is an object');
  const findings = new Findings();
  const no = (place: string, detail: string) => findings.add(finding('constraint_malformed', `${where}/${place}`, detail));
  const { max_path_length: depth, naming_constraints: naming, allowed_entity_types: types } = value;
  if (depth !== undefined && !(Number.isSafeInteger(depth) && (depth as number) >= 0)) no('max_path_length', 'it is an integer of at least 0');
  if (naming !== undefined && !isObject(naming)) no('naming_constraints', 'it is an object');
  for (const list of ['permitted', 'excluded'] as const) {
    const names: unknown = isObject(naming) ? naming[list] : undefined;
    if (names === undefined) continue;
    const readable = (name: unknown) => (strict ? isDomainName(name) : list === 'permitted' || readDomainName(name) !== undefined);
    if (!Array.isArray(names)) {
      no(`naming_constraints/${list}`, 'it is an array of domain names');
      continue;
    }
    const bad = names.findIndex((name) => !readable(name));
    if (bad !== -1)
      no(`naming_constraints/${list}`, `${quote(names[bad])} is no domain name: "host.example.com" is one host, ".example.com" every host below it`);
  }
  if (types !== undefined && !(Array.isArray(types) && types.every((type) => typeof type === 'string')))
    no('allowed_entity_types', 'it is an array of Entity Types');
  else if (strict && Array.isArray(types) && types.includes('federation_entity'))
    no('allowed_entity_types', '"federation_entity" is always allowed and never listed');
  if (strict) findings.add(...checkRegistrationRules(value['registration_policy'], where));
  return findings.all.length ? failure(...findings.all) : success(value);
}

/** What the constraints of one Subordinate Statement say about the chain below it. */
export interface ConstraintScope {
  /** Position of the statement in the chain, the one about the chain's subject being 1. */
  readonly position: number;
  /** Identifiers of every Subordinate below the setter: the statement's subject down to the chain's subject. */
  readonly subordinates: readonly string[];
}

/**
 * Path length and names (§6.2.1, §6.2.2); the allowed Entity Types are applied to metadata, see `allowEntityTypes`.
 * Constraints that cannot be read are findings too: what they restrict is not known, so nothing passes.
 */
export function checkConstraints(constraints: Constraints, scope: ConstraintScope): readonly Finding[] {
  const parsed = parseConstraints(constraints, 'constraints', { strict: false });
  if (!parsed.ok) return parsed.findings;
  const findings = new Findings();
  const { max_path_length: depth, naming_constraints: naming } = parsed.value;
  // What is no number is within no limit, and what is no list is one subordinate that no name matches.
  const between = typeof scope?.position === 'number' ? scope.position - 1 : Number.NaN;
  const subordinates: readonly unknown[] = Array.isArray(scope?.subordinates) ? scope.subordinates : [undefined];
  if (depth !== undefined && !(between <= depth))
    findings.add(finding('path_too_long', 'constraints/max_path_length', `${between} intermediates where at most ${depth} may lie`));
  if (!naming) return findings.all;
  const permitted = naming.permitted && namesOf(naming.permitted);
  const excluded = namesOf(naming.excluded ?? []);
  for (const id of subordinates) {
    if (findings.full) break;
    const url = typeof id === 'string' ? readUrl(id) : undefined;
    if (!url) {
      findings.add(finding('name_not_permitted', 'constraints/naming_constraints', `${quote(id)} has no host that names could be matched with`));
      continue;
    }
    const host = url.hostname.replace(/\.$/, '');
    const barred = matchingName(host, excluded);
    if (barred !== undefined) findings.add(finding('name_excluded', 'constraints/naming_constraints/excluded', `${quote(host)} matches ${quote(barred)}`));
    else if (permitted && matchingName(host, permitted) === undefined)
      findings.add(
        finding(
          'name_not_permitted',
          'constraints/naming_constraints/permitted',
          `${quote(host)} matches no permitted name${permitted.size ? '' : ': none of them can be read as a domain name, or there is none'}`,
        ),
      );
  }
  return findings.all;
}

function namesOf(names: readonly unknown[]): ReadonlySet<string> {
  const read = new Set<string>();
  for (const name of names) {
    const one = readDomainName(name);
    if (one !== undefined) read.add(one);
  }
  return read;
}

/**
 * Remove Entity Types that are not allowed; `federation_entity` always stays (§6.2.3). What is left may be nothing, which
 * by itself is no fault. A constraint that is no array allows nothing else.
 */
export function allowEntityTypes(metadata: Metadata, constraints: Constraints): Metadata {
  const given: unknown = isObject(constraints) ? constraints['allowed_entity_types'] : undefined;
  if (given === undefined || !isObject(metadata)) return metadata;
  const allowed = new Set<unknown>(Array.isArray(given) ? given : []);
  return Object.fromEntries(Object.entries(metadata).filter(([type]) => type === 'federation_entity' || allowed.has(type)));
}
