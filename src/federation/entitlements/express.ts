import { type Finding, finding, type Result } from '../finding.js';
import { jsonLength } from '../json-size.js';
import { MAX_EFFECTIVE_ENTITLEMENTS, MAX_EFFECTIVE_ENTITLEMENTS_BYTES } from '../limits.js';
import { combineMetadataPolicies } from '../metadata-policy/combine.js';
import { parseMetadataPolicy } from '../metadata-policy/policy.js';
import type { Entitlement, EntitlementKind } from './entitlement.js';

/** Entity Types of clients: of them entitlements speak. */
export const CLIENT_TYPES = ['oauth_client', 'openid_relying_party'] as const;

type Operators = Readonly<Record<string, unknown>>;
type Parameters = Readonly<Record<string, Operators>>;
export type EntitlementPolicy = Readonly<Record<string, Parameters>>;

/**
 * Whom the statement is about. Operators that merge only when equal (`default`, `value`: OpenID Federation 1.0 §6.1.3.1) stand in
 * the statement about the client itself. About a superior stand those that merge by intersection: it can give no more than that.
 */
export type Subject = 'client' | 'superior';

/**
 * Entitlements as metadata policy. What is not listed is not given: of scopes, types of authorization details and resources an
 * empty list gives none, since a parameter that is absent means "no limit" to authorization servers. How a client asks is limited
 * only where grant types are listed.
 *
 * `scope` with `default`, `subset_of` and `essential`: a client that says nothing gets just what it is entitled to, one that asks
 * for less gets less, one that asks for more is cut. What stays may be the empty string, which the standard keeps and counts as
 * present (§6.1.3.1.5, §6.1.3.1.7).
 *
 * For both Entity Types of clients, whichever the client declares today: it declares them itself, and would else be without limit
 * under the other one. A policy for a type that is not declared does nothing (§6.1.4.2).
 */
export function entitlementPolicy(list: readonly Entitlement[], subject: Subject): EntitlementPolicy {
  const values = (kind: EntitlementKind) => [...new Set(list.filter((one) => one.kind === kind).map(({ value }) => value))];
  const [scopes, types, resources, grants] = [values('scope'), values('authorization_details_type'), values('resource'), values('grant_type')];
  const own = subject === 'client';
  const parameters: Parameters = {
    scope: { ...(own && { default: scopes.join(' ') }), subset_of: scopes, essential: true },
    authorization_details_types: { ...(own && { default: types }), subset_of: types },
    // Objects, which not everybody can compare (§6.1.3.1.8): they are set, and only in the client's own statement.
    ...(own && { authorization_details_templates: { value: templatesOf(list) } }),
    allowed_resources: { ...(own && { default: resources }), subset_of: resources },
    ...(grants.length && { grant_types: { subset_of: grants, essential: true } }),
    token_endpoint_auth_method: own ? { value: 'private_key_jwt' } : { one_of: ['private_key_jwt'] },
  };
  return Object.fromEntries(CLIENT_TYPES.map((type) => [type, parameters]));
}

/** A type without a template is a template that says nothing but the type. */
const templatesOf = (list: readonly Entitlement[]): readonly Operators[] =>
  list.filter(({ kind }) => kind === 'authorization_details_type').map(({ value, template }) => ({ type: value, ...template }));

/** The parameters that entitlements speak of. */
export const ENTITLED_PARAMETERS: readonly string[] = [...Object.keys(entitlementPolicy([], 'client')['oauth_client'] ?? {}), 'grant_types'];

/**
 * The policy of a statement with the entitlements of its subject in it, by the standard's merge (§6.1.4.1). What they do not
 * speak of stays as it is, operators that are not the standard's included. Given back is only what a statement may carry.
 * @param policy the one that the authority lays on all its subordinates
 */
export function withEntitlements(
  policy: Readonly<Record<string, unknown>>,
  list: readonly Entitlement[],
  subject: Subject,
  where = 'entitlements',
): Result<Readonly<Record<string, unknown>>> {
  if (list.length > MAX_EFFECTIVE_ENTITLEMENTS)
    return { ok: false, findings: [finding('too_many', where, `${list.length} entitlements with those of bundles, more than ${MAX_EFFECTIVE_ENTITLEMENTS}`)] };
  if (jsonLength(list, MAX_EFFECTIVE_ENTITLEMENTS_BYTES) > MAX_EFFECTIVE_ENTITLEMENTS_BYTES)
    return { ok: false, findings: [finding('too_large', where, `with those of bundles more than ${MAX_EFFECTIVE_ENTITLEMENTS_BYTES} characters of JSON`)] };
  const own = entitlementPolicy(list, subject);
  const about = (type: string) => parametersOf(policy, type, own[type] ?? {});
  const touched = Object.fromEntries(Object.keys(own).flatMap((type) => (Object.keys(about(type)).length ? [[type, about(type)]] : [])));
  const merged = combineMetadataPolicies(Object.keys(touched).length ? [touched, own] : [own]);
  if (!merged.ok) return { ok: false, findings: merged.findings.map((one) => named(one, where)) };
  const result: Record<string, unknown> = { ...policy };
  for (const [type, parameters] of Object.entries(merged.value)) {
    const before = objectOf(policy[type]);
    const after = Object.entries(parameters).map(([name, operators]) => [name, { ...objectOf(before[name]), ...operators }]);
    result[type] = { ...before, ...Object.fromEntries(after) };
  }
  const whole = parseMetadataPolicy(result);
  return whole.ok ? { ok: true, value: result } : { ok: false, findings: whole.findings.map((one) => named(one, where)) };
}

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};

/** Of a policy what is about parameters that entitlements speak of too. */
function parametersOf(policy: Readonly<Record<string, unknown>>, type: string, own: Parameters): Readonly<Record<string, unknown>> {
  const parameters = Object.hasOwn(policy, type) ? objectOf(policy[type]) : {};
  return Object.fromEntries(Object.entries(parameters).filter(([name]) => Object.hasOwn(own, name)));
}

const named = (one: Finding, where: string): Finding => ({
  ...one,
  where: `${where} ${one.where.replace(/^policy \d of \d: ?/, '')}`,
  fix: `${one.fix} Change the entitlement, or the policy of the authority for this parameter.`,
});
