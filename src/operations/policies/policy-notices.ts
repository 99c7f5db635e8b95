import { CLIENT_TYPES, type Finding, finding } from '../../federation/entry.js';
import { ENTITLED_PARAMETERS } from '../../federation/entitlements/express.js';
import { quote } from '../../federation/finding.js';
import { OPERATORS } from '../../federation/metadata-policy/operators.js';
import { nearest } from '../../federation/nearest.js';
import { asWarnings, type Judged } from '../judged.js';

/**
 * Legal policies that deployed software is known not to survive (measured with seven implementations, November 2026). They
 * are never refused: the standard allows them, and a federation may know its own software better.
 */
interface Notice {
  readonly operators: readonly string[];
  readonly parameter?: string;
  readonly when: (value: unknown) => boolean;
  readonly detail: string;
}
const NOTICES: readonly Notice[] = [
  {
    operators: ['default', 'value'],
    when: (value) => typeof value === 'number' || (Array.isArray(value) && value.some((one) => typeof one === 'number')),
    detail: 'a number here: some deployed clients stop with an error, answer 500, or drop the whole policy without a word',
  },
  {
    operators: ['value'],
    when: (value) => value === null,
    detail: 'null takes the parameter away by the standard: some deployed clients ignore it or stop with an error',
  },
  {
    operators: ['add', 'subset_of', 'superset_of'],
    parameter: 'scope',
    when: () => true,
    detail: 'an operator for arrays on "scope", which is a string of words: some deployed clients refuse every chain under such a policy',
  },
];

/** Whom a policy meets. */
export interface Subjects {
  /** Active members whose Entity Types are known. */
  readonly members: number;
  /** How many of them declare a type. */
  readonly declared: Readonly<Record<string, number>>;
  /** Active members that have subordinates of their own. */
  readonly superiors?: number;
  /** `allowed_entity_types` of the constraints that go with the policy (§6.2.3). */
  readonly allowed?: readonly string[] | undefined;
}

/**
 * An operator that is neither the standard's nor named as critical: whoever does not know it ignores it (§6.1.3.2), so one that
 * is misspelt is a policy without effect.
 */
function unknownOperator(name: string, crit: readonly string[]): string | undefined {
  if (OPERATORS.has(name) || crit.includes(name)) return undefined;
  const meant = nearest(name, [...OPERATORS.keys()]);
  return `${quote(name)} is no operator of the standard: whoever does not know it ignores it, and it does nothing${meant.length === 0 ? '; name it in metadata_policy_crit when it must be understood' : `. Did you mean ${meant.join(' or ')}?`}`;
}

/** Warnings about a policy that is sound in itself. @param crit its `metadata_policy_crit` */
export function policyNotices(policy: Readonly<Record<string, unknown>>, subjects: Subjects, crit: readonly string[] = []): readonly Judged[] {
  const findings: Finding[] = [];
  const types = Object.keys(policy);
  for (const type of types) {
    findings.push(...aboveLeafs(type, policy[type], subjects.superiors ?? 0));
    const absent = absence(type, types.length, subjects);
    if (absent) findings.push(finding('policy_interop', `metadata_policy/${type}`, absent));
    for (const [parameter, operators] of Object.entries((policy[type] ?? {}) as Record<string, Record<string, unknown>>)) {
      for (const name of Object.keys(operators)) {
        const unknown = unknownOperator(name, crit);
        if (unknown) findings.push(finding('policy_operator_unknown', `metadata_policy/${type}/${parameter}/${name}`, unknown));
      }
      for (const notice of NOTICES)
        for (const operator of notice.operators)
          if ((notice.parameter ?? parameter) === parameter && Object.hasOwn(operators, operator) && notice.when(operators[operator]))
            findings.push(finding('policy_interop', `metadata_policy/${type}/${parameter}/${operator}`, `${operator}: ${notice.detail}`));
    }
  }
  return asWarnings(findings);
}

const UNMERGED = ['default', 'value'];

/**
 * Of what clients are entitled to: operators that merge only when equal, in statements about superiors too. Below them the
 * entitlements of clients say the same operators with other values, and such a chain is invalid (§6.1.3.1, §6.1.4.1).
 */
function aboveLeafs(type: string, parameters: unknown, superiors: number): readonly Finding[] {
  if (superiors === 0 || !(CLIENT_TYPES as readonly string[]).includes(type)) return [];
  return Object.entries((parameters ?? {}) as Record<string, Record<string, unknown>>)
    .filter(([parameter]) => ENTITLED_PARAMETERS.includes(parameter))
    .flatMap(([parameter, operators]) =>
      UNMERGED.filter((name) => Object.hasOwn(operators, name)).map((name) =>
        finding(
          'default_above_leaf',
          `metadata_policy/${type}/${parameter}/${name}`,
          `${superiors} members are superiors themselves: below them ${name} merges only with an equal one, and a client that is entitled to something else has no valid chain`,
        ),
      ),
    );
}

/** A policy for a type that a subject does not declare does nothing (§6.1.4.2); not every client knows. */
function absence(type: string, types: number, { members, declared, allowed }: Subjects): string | undefined {
  if (allowed && type !== 'federation_entity' && !allowed.includes(type)) return 'allowed_entity_types takes this type away, so the policy for it does nothing';
  const lacking = members - (declared[type] ?? 0);
  const harm = 'some deployed clients refuse or change an entity when a policy is for a type it does not declare';
  if (lacking > 0) return `${lacking} of ${members} active members do not declare this type: ${harm}`;
  return members === 0 && types > 1 ? `members will seldom declare all ${types} types: ${harm}` : undefined;
}
