import { isEntityConfiguration, parseStatementClaims, type EntityStatement, type StatementOptions, verifyEntityStatement } from './entity-statement.js';
import { type Finding, finding, type Result, success } from './finding.js';
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
  const marks = Array.isArray(shown) ? shown.filter(isObject) : [];
  const old = marks.filter((mark) => mark['trust_mark_type'] === undefined && typeof mark['id'] === 'string');
  const shapes: Finding[] = [
    ...(constraints === undefined ? [] : [finding('draft_era', 'constraints', 'a configuration has constraints, as drafts before the final standard allowed')]),
    ...(old.length === 0 ? [] : [finding('draft_era', 'trust_marks', 'trust marks are named by id, as in drafts before trust_mark_type')]),
  ];
  const claims = parseStatementClaims({ ...others, ...(old.length === 0 && shown !== undefined && { trust_marks: shown }) }, options);
  if (!claims.ok) return claims;
  const named = marks.map((mark) => ({ trust_mark_type: String(mark['trust_mark_type'] ?? mark['id']), trust_mark: String(mark['trust_mark']) }));
  const statement = {
    ...jws.value,
    claims: { ...claims.value, ...(constraints !== undefined && { constraints }), ...(old.length > 0 && { trust_marks: named }) },
  } as unknown as EntityStatement;
  if (!isEntityConfiguration(statement) || shapes.length === 0)
    return { ok: false, findings: [finding('claim_invalid', 'claims', 'it has no shape of an earlier draft')] };
  const signed = await verifyEntityStatement(statement, statement.claims.jwks);
  return signed.ok ? success({ statement, shapes }) : signed;
}
