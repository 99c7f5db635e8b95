import { failure, type Result, success } from '../finding.js';
import { type Metadata, parseMetadata } from '../metadata.js';
import { Findings, findingPlace } from '../places.js';
import { isObject } from '../strict-json.js';
import { OPERATORS, type Operators, splitScope } from './operators.js';
import { attempt, type MetadataPolicy, parseMergedPolicy } from './policy.js';

/**
 * Apply a (merged) policy to metadata (OpenID Federation 1.0 §6.1.4.2). A policy for an Entity Type that the subject
 * does not declare does nothing; within a declared type `value`, `add` and `default` create absent parameters.
 * @param policy object keyed by Entity Type
 * @param metadata object keyed by Entity Type
 * @returns the metadata after policy, or every violation
 */
export function applyMetadataPolicy(policy: unknown, metadata: unknown): Result<Metadata> {
  const shape = parseMetadata(metadata);
  if (!shape.ok) return shape;
  // Combining no policies, or only operators nobody knows, gives {}: nothing to apply.
  const parsed: Result<MetadataPolicy> = isObject(policy) && Object.keys(policy).length === 0 ? success({}) : parseMergedPolicy(policy);
  return parsed.ok ? applyPolicy(parsed.value, shape.value) : parsed;
}

/** The same for a policy and metadata that were parsed. */
export function applyPolicy(policy: MetadataPolicy, metadata: Metadata): Result<Metadata> {
  const findings = new Findings();
  const result: Record<string, Record<string, unknown>> = {};
  for (const [type, parameters] of Object.entries(metadata)) {
    const after: Record<string, unknown> = { ...parameters };
    const rules = Object.hasOwn(policy, type) ? policy[type] : {};
    for (const [name, operators] of Object.entries(rules ?? {})) {
      const before = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      const one = attempt(`metadata/${findingPlace(type, name)}`, () => applyOperators(name, operators, before));
      if (!one.ok) findings.add(...one.findings);
      else if (one.value === undefined) delete after[name];
      else after[name] = one.value;
    }
    result[type] = after;
  }
  return findings.all.length ? failure(...findings.all) : success(result);
}

function applyOperators(parameter: string, operators: Operators, before: unknown): unknown {
  let value = before;
  for (const [name, operator] of OPERATORS) {
    if (!Object.hasOwn(operators, name)) continue;
    const asArray = name === 'add' || name === 'subset_of' || name === 'superset_of';
    value = operator.apply(asArray ? splitScope(parameter, value) : value, operators[name]);
    if (parameter === 'scope' && Array.isArray(value)) value = value.join(' ');
  }
  return value;
}
