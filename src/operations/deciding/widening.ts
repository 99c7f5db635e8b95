import { type Constraints, entitlementsNarrow, type JwkSet, vouchingNarrows } from '../../federation/entry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { type Bundles, entitledTo, NO_BUNDLES } from '../entitlements/effective.js';
import { contentChanged } from '../members/vetted.js';
import { recognizesMore } from '../../federation/recognition.js';
import type { MarkTypeRow } from '../marks/issue-mark.js';
import type { AuthorityRow, MemberRow, PolicyRow } from '../registry.js';

/** What is not surely narrower counts as wider: quick to cut, slow to widen. Pure. */

const within = (after: readonly unknown[], before: readonly unknown[]): boolean => after.every((one) => before.some((other) => jsonEqual(one, other)));

/** A list that limits what is allowed; absent allows everything. */
const narrowsTo = (before: readonly unknown[] | undefined, after: readonly unknown[] | undefined): boolean =>
  before === undefined || (after !== undefined && within(after, before));

const CONSTRAINTS: Readonly<Record<string, (before: Constraints, after: Constraints) => boolean>> = {
  max_path_length: ({ max_path_length: before = Number.POSITIVE_INFINITY }, { max_path_length: after = Number.POSITIVE_INFINITY }) => after <= before,
  naming_constraints: ({ naming_constraints: before }, { naming_constraints: after }) =>
    narrowsTo(before?.permitted, after?.permitted) && within(before?.excluded ?? [], after?.excluded ?? []),
  allowed_entity_types: ({ allowed_entity_types: before }, { allowed_entity_types: after }) => narrowsTo(before, after),
};

/** Does every chain that these constraints let through pass the earlier ones as well? */
export const constraintsNarrow = (before: Constraints, after: Constraints): boolean =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])].every((name) => {
    const rule = Object.hasOwn(CONSTRAINTS, name) ? CONSTRAINTS[name] : undefined;
    return rule ? rule(before, after) : jsonEqual(before[name], after[name]);
  });

type Narrows = (before: MemberRow, after: MemberRow, bundles: Bundles) => boolean;
const entitledToLess: Narrows = (before, after, bundles) => entitlementsNarrow(entitledTo(before, bundles), entitledTo(after, bundles));
const MEMBER: Readonly<Record<string, Narrows>> = {
  valid_until: ({ validUntil: before }, { validUntil: after }) => after !== null && after <= (before ?? Number.POSITIVE_INFINITY),
  statement_lifetime: ({ statementLifetime: before }, { statementLifetime: after }) => before !== null && after !== null && after <= before,
  // No types at all are no limit.
  entity_types: ({ entityTypes: before }, { entityTypes: after }) => after.length > 0 && within(after, before),
  intermediate: (before) => before.intermediate,
  // With another certificate, or without the one it had, a key may last longer.
  jwks: ({ jwks: before }, { jwks: after }) =>
    after.keys.every((key) => before.keys.some((other) => sameKey(other, key) && (other['x5c'] === undefined || jsonEqual(other['x5c'], key['x5c'])))),
  constraints: ({ constraints: before }, { constraints: after }) => constraintsNarrow(before, after),
  // Where a configuration lies and how its domain was shown adds no trust: its keys are the bound ones wherever it is.
  ec_location: () => true,
  entitlements: entitledToLess,
  bundles: entitledToLess,
  vouched_issuers: ({ vouchedIssuers: before }, { vouchedIssuers: after }) => vouchingNarrows(before, after),
  domain_control: () => true,
};

/** What a change of a member widens, in the words of the API. */
export const widenedBy = (before: MemberRow, after: MemberRow, bundles: Bundles = NO_BUNDLES): readonly string[] =>
  contentChanged(before, after).filter((name) => !(Object.hasOwn(MEMBER, name) && MEMBER[name]?.(before, after, bundles)));

/** Operators that only refuse: one more of them lets nobody through who was stopped before (OpenID Federation 1.0 §6.1.3.1). */
const REFUSING = ['one_of', 'subset_of', 'superset_of'];
type Policy = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;

/** Every operator of the one stands in the other as it is; what the other has beside them only refuses. */
function policyNarrows(before: Policy, after: Policy): boolean {
  const rules = (policy: Policy) =>
    Object.entries(policy).flatMap(([type, claims]) =>
      Object.entries(claims).flatMap(([claim, operators]) => Object.entries(operators).map(([operator, value]) => ({ type, claim, operator, value }))),
    );
  const [old, fresh] = [rules(before), rules(after)];
  const refuses = ({ operator, value }: { readonly operator: string; readonly value: unknown }) =>
    REFUSING.includes(operator) || (operator === 'essential' && value === true);
  return within(old, fresh) && fresh.every((one) => refuses(one) || within([one], old));
}

type Rules = Pick<PolicyRow, 'policy' | 'crit' | 'constraints'>;
const NONE: Rules = { policy: {}, crit: [], constraints: {} };

/** Is a policy more than a tightening of the one in force? */
export const loosens = (before: Rules | undefined = NONE, after: Rules): boolean =>
  !(
    policyNarrows(before.policy as Policy, after.policy as Policy) &&
    within(before.crit, after.crit) &&
    constraintsNarrow(before.constraints, after.constraints)
  );

type Settings = Pick<AuthorityRow, 'claims' | 'statementLifetime' | 'configurationLifetime'>;
/** What a change of an authority's settings widens, in the words of the API: what it recognizes, and for how long it is believed. */
export const settingsWidened = (before: Settings, after: Settings): readonly string[] => [
  ...(recognizesMore(before.claims, after.claims) ? ['claims'] : []),
  ...(after.statementLifetime > before.statementLifetime ? ['statement_lifetime'] : []),
  ...(after.configurationLifetime > before.configurationLifetime ? ['configuration_lifetime'] : []),
];

type MarkSettings = Pick<MarkTypeRow, 'lifetime' | 'delegation'>;
/** 0: marks without end. Another delegation may be that of another owner, or last longer. */
const lasts = ({ lifetime }: MarkSettings): number => lifetime || Number.POSITIVE_INFINITY;
export const markTypeWidened = (before: MarkSettings, after: MarkSettings): readonly string[] => [
  ...(lasts(after) > lasts(before) ? ['lifetime'] : []),
  ...(after.delegation !== before.delegation ? ['delegation'] : []),
];

/** Keys that are trusted beside those before. Undefined: nothing was; null: an authority of this deployment, whose keys it says itself. */
export const trustsOthers = (before: JwkSet | null | undefined, after: JwkSet | null): boolean =>
  before === undefined || before === null || after === null ? before !== after : !after.keys.every((key) => before.keys.some((one) => sameKey(one, key)));
