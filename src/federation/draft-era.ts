import {
  type EntityStatement,
  isEntityConfiguration,
  misplacedHeaders,
  parseStatementClaims,
  type StatementOptions,
  verifyEntityStatement,
} from './entity-statement.js';
import { failure, type Finding, finding, refuse, type Result, success } from './finding.js';
import { parseJws } from './jws.js';
import { ENTITY_STATEMENT, typOf } from './media-types.js';
import { isObject } from './strict-json.js';

/** What could be read, and which shapes of earlier drafts it has. */
export interface DraftEra {
  readonly statement: EntityStatement;
  readonly shapes: readonly Finding[];
}

/**
 * Read an Entity Configuration that has shapes of the standard's earlier drafts, which the final one refuses: `constraints` in
 * a configuration (§3.1.3 has it in Subordinate Statements only) and trust marks under `id` (§7.1: `trust_mark_type`). For
 * pre-flight alone, to say what else holds; nothing that is read this way is ever trusted. Everything else is checked as
 * strictly as always, the signature included. Fails when there is no such shape, or when there are other faults besides.
 */
export async function readDraftEra(compact: unknown, options: StatementOptions): Promise<Result<DraftEra>> {
  const jws = parseJws(compact, typOf(ENTITY_STATEMENT));
  if (!jws.ok) return jws;
  const { constraints, trust_marks: shown, ...others } = jws.value.claims;
  const marks = Array.isArray(shown) ? shown.map((mark: unknown) => (isNamedById(mark) ? { ...mark, trust_mark_type: mark.id } : mark)) : shown;
  const shapes: Finding[] = [
    ...(constraints === undefined ? [] : [finding('draft_era', 'constraints', 'a configuration has constraints, as drafts before the final standard allowed')]),
    ...(Array.isArray(shown) && shown.some(isNamedById)
      ? [finding('draft_era', 'trust_marks', 'trust marks are named by id, as in drafts before trust_mark_type')]
      : []),
  ];
  const misplaced = misplacedHeaders(jws.value.header);
  if (misplaced.length) return failure(...misplaced);
  const claims = parseStatementClaims({ ...others, ...(shown !== undefined && { trust_marks: marks }) }, options);
  if (!claims.ok) return claims;
  const statement = { ...jws.value, claims: { ...claims.value, ...(constraints !== undefined && { constraints }) } } as EntityStatement;
  if (!isEntityConfiguration(statement) || shapes.length === 0) return refuse('claim_invalid', 'claims', 'it has no shape of an earlier draft');
  const signed = await verifyEntityStatement(statement, statement.claims.jwks);
  return signed.ok ? success({ statement, shapes }) : signed;
}

const isNamedById = (mark: unknown): mark is { readonly id: string } =>
  isObject(mark) && mark['trust_mark_type'] === undefined && typeof mark['id'] === 'string';
