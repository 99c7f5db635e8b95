import { allowEntityTypes, checkConstraints } from './constraints.js';
import type { EntityIdOptions } from './entity-id.js';
import type { EntityStatementClaims } from './entity-statement.js';
import { type Finding, refuse, type Result, within } from './finding.js';
import { MAX_CHAIN_DEPTH } from './limits.js';
import { applySuperiorMetadata, checkMetadata, type Metadata, parseMetadata } from './metadata.js';
import { applyPolicy } from './metadata-policy/apply.js';
import { combineMetadataPolicies } from './metadata-policy/combine.js';
import { failures } from './places.js';
import { checkRegistrationPolicy } from './registration-policy.js';
import { isObject } from './strict-json.js';

/**
 * Resolved Metadata of a chain (§6.1.4.2, §6.2): the Immediate Superior's `metadata`, then allowed Entity Types, then
 * the merged policies of all Subordinate Statements. Constraints that leave no Entity Type give `{}`: the chain itself
 * stays valid (§6.2.3). Signatures are the caller's concern.
 * @param chain claims, the subject's Entity Configuration first
 */
export function resolveMetadata(chain: readonly EntityStatementClaims[], options: EntityIdOptions = {}): Result<Metadata> {
  const bad = checkShape(chain);
  if (bad) return bad;
  const own = parseMetadata(chain[0]?.metadata ?? {});
  if (!own.ok) return failures(within('ES[0]', own.findings));
  if (Object.keys(own.value).length === 0) return refuse('claim_missing', 'ES[0] metadata', 'the subject declares no Entity Type');
  const statements = chain.slice(1).filter(({ iss, sub }) => iss !== sub);
  const constrained = checkChainConstraints(chain, statements, Object.keys(own.value));
  if (constrained.length) return failures(constrained);
  let metadata = applySuperiorMetadata(own.value, statements[0]?.metadata);
  const shape = parseMetadata(metadata);
  if (!shape.ok) return shape;
  for (const { constraints } of statements) if (constraints) metadata = allowEntityTypes(metadata, constraints);
  // Names from every statement first: one list covers the operators of all (§6.1.4.1).
  const crit = [...new Set(statements.flatMap(({ metadata_policy_crit: names }) => names ?? []))];
  const policies = statements.flatMap(({ metadata_policy: policy }) => (policy !== undefined ? [policy] : [])).reverse();
  const policy = combineMetadataPolicies(policies, { crit });
  if (!policy.ok) return policy;
  const resolved = applyPolicy(policy.value, metadata);
  if (!resolved.ok || Object.keys(resolved.value).length === 0) return resolved;
  // A policy can make metadata illegal, say by setting another issuer: then it is not used (§6.1.4.2).
  const illegal = checkMetadata(resolved.value, { ...options, entityId: chain[0]?.sub ?? '' });
  return illegal.length ? failures(illegal) : resolved;
}

/** The constraints of every statement on its own, about everything below it (§6.2). */
function checkChainConstraints(
  chain: readonly EntityStatementClaims[],
  statements: readonly EntityStatementClaims[],
  entityTypes: readonly string[],
): readonly Finding[] {
  const below = statements.map((one, n) => ({
    position: n + 1,
    registrationPolicy: one['registration_policy'],
    entityTypes: n === 0 ? entityTypes : ['federation_entity'],
  }));
  return statements.flatMap(({ constraints }, n) => {
    if (constraints === undefined) return [];
    const position = n + 1;
    const subordinates = [...new Set(chain.slice(0, position + 1).map(({ sub }) => sub))];
    return within(`ES[${position}]`, [
      ...checkConstraints(constraints, { position, subordinates }),
      ...checkRegistrationPolicy(constraints, below.slice(0, n)),
    ]);
  });
}

/** Claims that were parsed have this shape; callers of the package hand in what they like. */
function checkShape(chain: unknown) {
  if (!Array.isArray(chain) || !chain.every(isObject)) return refuse('chain_malformed', 'chain', 'it is an array of claims');
  if (chain.length > MAX_CHAIN_DEPTH + 2) return refuse('too_many', 'chain', `${chain.length} statements, more than ${MAX_CHAIN_DEPTH + 2}`);
  return undefined;
}
