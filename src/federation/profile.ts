import { z } from 'zod';
import type { EntityStatement } from './entity-statement.js';
import { failure, finding, type Finding, type Result, success } from './finding.js';
import type { Metadata } from './metadata.js';

/**
 * A profile: what a federation asks of an entity beyond the standard, as data. Named and versioned, so that two people who
 * say "sweden 1.0" mean the same rules. New kinds of check are code; new rules and profiles are not.
 */
const names = z.array(z.string().min(1).max(300)).min(1).max(100);
const check = z.discriminatedUnion('kind', [
  /** Metadata of these types (`*`: every type present) has each of the parameters. */
  z.strictObject({ kind: z.literal('parameters_present'), types: names, parameters: names }),
  z.strictObject({ kind: z.literal('parameters_absent'), types: names, parameters: names }),
  /** A parameter's value, or each of its values, is one of these. */
  z.strictObject({ kind: z.literal('values_among'), types: names, parameter: z.string(), values: names }),
  z.strictObject({ kind: z.literal('types_absent'), types: names }),
  z.strictObject({ kind: z.literal('types_among'), types: names }),
  /** Types of the first list do not share an identifier with types of the second. */
  z.strictObject({ kind: z.literal('types_apart'), types: names, from: names }),
  z.strictObject({ kind: z.literal('claims_present'), claims: names }),
  z.strictObject({ kind: z.literal('claims_absent'), claims: names }),
  /** The configuration is signed with one of these algorithms. */
  z.strictObject({ kind: z.literal('signed_with'), algorithms: names }),
  /** Every key in `jwks` is usable with one of these algorithms: its `alg`, when it has one, is among them. */
  z.strictObject({ kind: z.literal('keys_for'), algorithms: names }),
  z.strictObject({ kind: z.literal('lifetime'), at_least: z.number().int().optional(), at_most: z.number().int().optional() }),
  /** URLs of federation endpoints have no query. */
  z.strictObject({ kind: z.literal('endpoints_without_query') }),
  /** It shows at least one trust mark, of one of these types when they are given. */
  z.strictObject({ kind: z.literal('shows_mark'), types: names.optional() }),
  /** One of these entities is among its `authority_hints`, or any when the list is empty. */
  z.strictObject({ kind: z.literal('has_superior'), entities: z.array(z.string()).max(100) }),
]);
const rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,60}$/),
  severity: z.enum(['error', 'warning']),
  /** Whom it concerns: those with subordinates, those without, issuers of marks, or everybody. */
  applies_to: z.enum(['all', 'leaf', 'intermediate', 'trust_mark_issuer']),
  /** Only entities that have one of these types. */
  with_types: names.optional(),
  check,
  says: z.string().min(1).max(500),
  fix: z.string().min(1).max(500),
  /** Where the federation's own document says so. */
  source: z.string().max(200),
});
export const profileSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/),
  version: z.string().min(1).max(40),
  title: z.string().min(1).max(200),
  rules: z.array(rule).max(200),
});
export type Profile = z.infer<typeof profileSchema>;
type Rule = z.infer<typeof rule>;
type Check = z.infer<typeof check>;

/** Read a profile from somewhere else. Findings: claim_invalid with the place in the file. */
export function parseProfile(value: unknown): Result<Profile> {
  const parsed = profileSchema.safeParse(value);
  return parsed.success
    ? success(parsed.data)
    : failure(
        ...parsed.error.issues.map((issue) => ({ ...finding('claim_invalid', `profile/${issue.path.join('/')}`, issue.message), fix: 'Correct the profile.' })),
      );
}

export type ProfileFinding = Finding & { readonly severity: 'error' | 'warning' };

const endpointsOf = (metadata: Metadata) => Object.entries(metadata['federation_entity'] ?? {}).filter(([name]) => name.endsWith('_endpoint'));

/** Check an Entity Configuration against a profile; every fault is reported, with the rule's own words and source. */
export function checkProfile(profile: Profile, statement: EntityStatement): readonly ProfileFinding[] {
  const metadata = statement.claims.metadata ?? {};
  const federation = metadata['federation_entity'] ?? {};
  const intermediate = federation['federation_fetch_endpoint'] !== undefined;
  const concerned = (one: Rule): boolean => {
    if (one.with_types && !one.with_types.some((type) => Object.hasOwn(metadata, type))) return false;
    if (one.applies_to === 'intermediate') return intermediate;
    if (one.applies_to === 'leaf') return !intermediate;
    return (
      one.applies_to === 'all' ||
      federation['federation_trust_mark_endpoint'] !== undefined ||
      federation['federation_trust_mark_status_endpoint'] !== undefined
    );
  };
  return profile.rules.filter(concerned).flatMap((one) =>
    faults(one.check, statement, metadata).map(
      ([where, detail]): ProfileFinding => ({
        code: 'profile_rule',
        where,
        clause: `${profile.title} ${profile.version}${one.source && `, ${one.source}`}`,
        detail: `${one.says} (${detail})`,
        fix: one.fix,
        transient: false,
        severity: one.severity,
      }),
    ),
  );
}

type Fault = readonly [where: string, detail: string];

function faults(check_: Check, { claims, header }: EntityStatement, metadata: Metadata): readonly Fault[] {
  const present = (types: readonly string[]) => (types.includes('*') ? Object.keys(metadata) : types.filter((type) => Object.hasOwn(metadata, type)));
  switch (check_.kind) {
    case 'parameters_present':
      return present(check_.types).flatMap((type) =>
        check_.parameters.filter((name) => metadata[type]?.[name] === undefined).map((name): Fault => [`metadata/${type}/${name}`, 'it is missing']),
      );
    case 'parameters_absent':
      return present(check_.types).flatMap((type) =>
        check_.parameters.filter((name) => metadata[type]?.[name] !== undefined).map((name): Fault => [`metadata/${type}/${name}`, 'it is there']),
      );
    case 'values_among':
      return present(check_.types).flatMap((type) => {
        const value = metadata[type]?.[check_.parameter];
        const values = value === undefined ? [] : Array.isArray(value) ? value : [value];
        return values
          .filter((one) => !check_.values.includes(String(one)))
          .map((one): Fault => [`metadata/${type}/${check_.parameter}`, `it has ${JSON.stringify(one).slice(0, 80)}`]);
      });
    case 'types_absent':
      return present(check_.types).map((type): Fault => [`metadata/${type}`, 'the entity has this type']);
    case 'types_among':
      return Object.keys(metadata)
        .filter((type) => !check_.types.includes(type))
        .map((type): Fault => [`metadata/${type.slice(0, 80)}`, 'it is none of the types of this federation']);
    case 'types_apart':
      return present(check_.types).flatMap((type) => present(check_.from).map((other): Fault => [`metadata/${type}`, `the entity is ${other} as well`]));
    case 'claims_present':
      return check_.claims.filter((name) => claims[name] === undefined).map((name): Fault => [name, 'it is missing']);
    case 'claims_absent':
      return check_.claims.filter((name) => claims[name] !== undefined).map((name): Fault => [name, 'it is there']);
    case 'signed_with':
      return check_.algorithms.includes(header.alg) ? [] : [['header/alg', `it is ${header.alg}`]];
    case 'keys_for':
      return claims.jwks.keys
        .filter(({ alg }) => alg !== undefined && !check_.algorithms.includes(alg))
        .map(({ kid, alg }): Fault => [`jwks/${kid.slice(0, 80)}`, `its alg is ${alg}`]);
    case 'lifetime': {
      const seconds = claims.exp - claims.iat;
      const short = check_.at_least !== undefined && seconds < check_.at_least;
      const long = check_.at_most !== undefined && seconds > check_.at_most;
      return short || long ? [['exp', `it lives ${seconds} s`]] : [];
    }
    case 'endpoints_without_query':
      return endpointsOf(metadata)
        .filter(([, url]) => String(url).includes('?'))
        .map(([name]): Fault => [`metadata/federation_entity/${name}`, 'it has a query']);
    case 'shows_mark': {
      const shown = (claims.trust_marks ?? []).map(({ trust_mark_type: type }) => type);
      const wanted = check_.types;
      return shown.some((type) => !wanted || wanted.includes(type)) ? [] : [['trust_marks', wanted ? `none of ${wanted.join(', ')}` : 'there is none']];
    }
    case 'has_superior': {
      const hints: readonly string[] = claims.authority_hints ?? [];
      return check_.entities.length
        ? check_.entities.some((id) => hints.includes(id))
          ? []
          : [['authority_hints', `none of ${check_.entities.join(', ')}`]]
        : hints.length
          ? []
          : [['authority_hints', 'there is none']];
    }
  }
}
