import { failure, type Finding, type Result, success } from '../finding.js';
import { type Metadata, parseMetadata } from '../metadata.js';
import { isObject } from '../strict-json.js';
import { OPERATORS, type Operators, splitScope } from './operators.js';
import { attempt, type MetadataPolicy, parseMetadataPolicy } from './policy.js';

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
  const parsed: Result<MetadataPolicy> = isObject(policy) && Object.keys(policy).length === 0 ? success({}) : parseMetadataPolicy(policy);
  if (!parsed.ok) return parsed;
  const findings: Finding[] = [];
  const result: Record<string, Record<string, unknown>> = {};
  for (const [type, parameters] of Object.entries(shape.value)) {
    const after: Record<string, unknown> = { ...parameters };
    const rules = Object.hasOwn(parsed.value, type) ? parsed.value[type] : {};
    for (const [name, operators] of Object.entries(rules ?? {})) {
      const before = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      const one = attempt(`metadata/${type}/${name}`, () => applyOperators(name, operators, before));
      if (!one.ok) findings.push(...one.findings);
      else if (one.value === undefined) delete after[name];
      else after[name] = one.value;
    }
    result[type] = after;
  }
  return findings.length ? failure(...findings) : success(result);
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
