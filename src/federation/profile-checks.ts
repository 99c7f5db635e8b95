import type { EntityStatement } from './entity-statement.js';
import { sameAlgorithm } from './jwk-set.js';
import type { Metadata } from './metadata.js';
import type { OwnFact, ProfileCheck, ProfileEvidence } from './profile-schema.js';

type Fault = readonly [where: string, detail: string];

const endpointsOf = (metadata: Metadata) => Object.entries(metadata['federation_entity'] ?? {}).filter(([name]) => name.endsWith('_endpoint'));
const valuesOf = (value: unknown): readonly unknown[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

const takes = (algorithms: readonly string[], alg: string): boolean => algorithms.some((one) => sameAlgorithm(one, alg));

/** In words, for people. */
const OWN_FACT: Readonly<Record<OwnFact, string>> = {
  says_every_location: 'every statement says where the configuration lies',
  says_registration_policies: 'every statement names registration policies',
  marks_always_end: 'every trust mark it issues has an end',
  policy_adds_values: 'its metadata policy has value, add or default',
};

/** What a check found, or why it could not look. */
export type Outcome = readonly Fault[] | { readonly unchecked: string };

const shown = (value: unknown): string => JSON.stringify(value).slice(0, 80);

/** Run one check of a profile. */
export function outcomeOf(check_: ProfileCheck, { claims, header }: EntityStatement, evidence: ProfileEvidence): Outcome {
  const metadata = claims.metadata ?? {};
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
        const values = valuesOf(metadata[type]?.[check_.parameter]);
        return values
          .filter((one) => typeof one !== 'string' || !check_.values.includes(one))
          .map((one): Fault => [`metadata/${type}/${check_.parameter}`, `it has ${shown(one)}`]);
      });
    case 'values_contain':
      return present(check_.types).flatMap((type) => {
        const value = metadata[type]?.[check_.parameter];
        const missing = value === undefined ? [] : check_.values.filter((one) => !valuesOf(value).includes(one));
        return missing.length ? [[`metadata/${type}/${check_.parameter}`, `it lacks ${missing.join(', ')}`]] : [];
      });
    case 'value_equals':
      return present(check_.types).flatMap((type): readonly Fault[] => {
        const value = metadata[type]?.[check_.parameter];
        return value === undefined || value === check_.value ? [] : [[`metadata/${type}/${check_.parameter}`, `it is ${shown(value)}`]];
      });
    case 'one_of_parameters':
      return present(check_.types)
        .filter((type) => !check_.parameters.some((name) => metadata[type]?.[name] !== undefined))
        .map((type): Fault => [`metadata/${type}`, `there is none of ${check_.parameters.join(', ')}`]);
    case 'types_present':
      return check_.types.filter((type) => !Object.hasOwn(metadata, type)).map((type): Fault => [`metadata/${type}`, 'it is missing']);
    case 'one_of_types':
      return check_.types.some((type) => Object.hasOwn(metadata, type)) ? [] : [['metadata', `there is none of ${check_.types.join(', ')}`]];
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
      return takes(check_.algorithms, header.alg) ? [] : [['header/alg', `it is ${header.alg}`]];
    case 'keys_for':
      return claims.jwks.keys
        .filter(({ alg }) => alg !== undefined && !takes(check_.algorithms, alg))
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
    default:
      return outside(check_, claims, metadata, evidence);
  }
}

/** Checks of what other entities, or the entity's operator, have to say, and those that set several parameters against each other. */
function outside(
  check_: Extract<ProfileCheck, { kind: 'superiors_are_intermediates' | 'endpoint_authentication_with' | 'resolves_under' | 'own_fact' }>,
  claims: EntityStatement['claims'],
  metadata: Metadata,
  evidence: ProfileEvidence,
): Outcome {
  switch (check_.kind) {
    case 'superiors_are_intermediates': {
      const hints: readonly string[] = claims.authority_hints ?? [];
      const known = (evidence.superiors ?? []).filter((one) => hints.includes(one.claims.iss));
      if (hints.length === 0) return [];
      if (known.length === 0) return { unchecked: 'the configurations of its superiors were not read' };
      return known
        .filter((one) => !one.claims.authority_hints?.length)
        .map((one): Fault => ['authority_hints', `${one.claims.iss} has no superior: it is a trust anchor`]);
    }
    case 'endpoint_authentication_with': {
      const federation = metadata['federation_entity'] ?? {};
      const asked = Object.entries(federation).some(
        ([name, methods]) => name.endsWith('_endpoint_auth_methods') && valuesOf(methods).includes('private_key_jwt'),
      );
      const listed = valuesOf(federation['endpoint_auth_signing_alg_values_supported']);
      const missing = asked ? check_.algorithms.filter((one) => !listed.includes(one)) : [];
      return missing.length ? [['metadata/federation_entity/endpoint_auth_signing_alg_values_supported', `it lacks ${missing.join(', ')}`]] : [];
    }
    case 'resolves_under': {
      const taken = evidence.resolvesUnder;
      if (!taken) return { unchecked: 'only a question to the resolve endpoint would tell' };
      return check_.entities
        .map((one) => (one === 'self' ? claims.iss : one))
        .filter((one) => !taken.includes(one))
        .map((one): Fault => ['metadata/federation_entity/federation_resolve_endpoint', `it does not take ${one} as trust_anchor`]);
    }
    case 'own_fact': {
      const is = evidence.own?.[check_.fact];
      if (is === undefined) return { unchecked: 'only its operator knows' };
      return is === check_.is ? [] : [['authority', `${is ? '' : 'not so: '}${OWN_FACT[check_.fact]}`]];
    }
  }
}
