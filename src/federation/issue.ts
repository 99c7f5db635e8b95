import type { EntityIdOptions } from './entity-id.js';
import { type EntityStatementClaims, parseStatementClaims } from './entity-statement.js';
import { failure, finding, type Finding, type Result, success } from './finding.js';
import { keyFault, parseJwkSet } from './jwk-set.js';
import { type Signer, signJws, signJwsOf } from './jws.js';
import { MAX_STATEMENT_BYTES, MAX_STATEMENT_LIFETIME } from './limits.js';
import { ENTITY_STATEMENT, JWK_SET_JWT, typOf } from './media-types.js';
import { checkMetadata, type Metadata } from './metadata.js';
import type { HistoricalKey } from './historical-keys.js';
import { requireWhole } from './numeric-date.js';
import { readable } from './statement-size.js';
import { isObject } from './strict-json.js';

export interface IssueOptions extends EntityIdOptions {
  readonly signer: Signer;
  /** Extra claims that `crit` may name: the issuer knows what it publishes. */
  readonly criticalClaims?: readonly string[];
}

/** Claims of an Entity Configuration before signing; times in seconds since the epoch. */
export type EntityConfigurationInput = Omit<EntityStatementClaims, 'iss' | 'metadata' | 'jwks'> & {
  readonly metadata: Metadata;
  readonly jwks: unknown;
  readonly hasSubordinates?: boolean;
};

/**
 * Sign an Entity Configuration (OpenID Federation 1.0 §3, §9). Nothing is signed that our own validator would refuse:
 * a private or symmetric key, an endpoint that is no https URL, a lifetime over seven days.
 * @returns the compact JWT, or what is wrong with the input
 */
export async function signEntityConfiguration({ hasSubordinates, ...input }: EntityConfigurationInput, options: IssueOptions): Promise<Result<string>> {
  const claims = { iss: input['sub'], ...input } as unknown as EntityStatementClaims;
  const findings: Finding[] = [
    ...checkMetadata(input.metadata, { ...options, entityId: claims.sub, ...(hasSubordinates === undefined ? {} : { hasSubordinates }) }),
  ];
  const jwks = parseJwkSet(claims.jwks);
  if (jwks.ok && !jwks.value.keys.some(({ kid }) => kid === options.signer.kid))
    findings.push(finding('signature_key_unknown', 'jwks', 'the signing key is not among the published keys'));
  return issue(claims, findings, options);
}

/** Claims of a Subordinate Statement before signing. `jwks` holds the subject's Federation Entity Keys, not ours. */
export type SubordinateStatementInput = Omit<EntityStatementClaims, 'jwks'> & { readonly jwks: unknown };

/** Sign a Subordinate Statement (§3.1.1, §3.1.3). Same promise as `signEntityConfiguration`. */
export async function signSubordinateStatement(input: SubordinateStatementInput, options: IssueOptions): Promise<Result<string>> {
  const claims = input as EntityStatementClaims;
  return issue(claims, claims.iss === claims.sub ? [finding('subject_mismatch', 'sub', 'a Subordinate Statement is about another entity')] : [], options);
}

async function issue(claims: EntityStatementClaims, findings: Finding[], options: IssueOptions): Promise<Result<string>> {
  const checked = parseStatementClaims(claims, { ...options, now: claims.iat, understoodClaims: options.criticalClaims ?? [], strictKeys: true });
  if (!checked.ok) findings.push(...checked.findings);
  if (claims.exp - claims.iat > MAX_STATEMENT_LIFETIME) findings.push(finding('claim_invalid', 'exp', `a lifetime over ${MAX_STATEMENT_LIFETIME} s`));
  if (findings.length) return failure(...findings);
  const text = JSON.stringify(claims);
  const read = readable(text);
  if (!read.ok) return read;
  const compact = await signJwsOf(typOf(ENTITY_STATEMENT), text, options.signer);
  return compact.length > MAX_STATEMENT_BYTES
    ? failure(finding('too_large', 'statement', `${compact.length} bytes, more than ${MAX_STATEMENT_BYTES}`))
    : success(compact);
}

/**
 * Sign the Historical Keys response (§8.7.2).
 * @throws TypeError when a time is not a whole number of seconds, or a key has no `kid`, no `exp`, or a private part
 */
export async function signHistoricalKeys(
  claims: { readonly iss: string; readonly iat: number; readonly keys: readonly HistoricalKey[] },
  signer: Signer,
): Promise<string> {
  requireWhole({ iat: claims?.iat });
  if (!Array.isArray(claims.keys)) throw new TypeError('keys: an array is signed');
  for (const [n, key] of (claims.keys as readonly HistoricalKey[]).entries()) {
    const exposed = ['jwk_private', 'jwk_symmetric'].includes(keyFault(key, '')?.code ?? '');
    if (!isObject(key) || typeof key.kid !== 'string' || exposed) throw new TypeError(`keys/${n}: public keys with a "kid" are signed`);
    const { iat, nbf, exp, revoked } = key;
    requireWhole({
      [`keys/${n}/exp`]: exp,
      ...(iat !== undefined && { [`keys/${n}/iat`]: iat }),
      ...(nbf !== undefined && { [`keys/${n}/nbf`]: nbf }),
      ...(revoked !== undefined && { [`keys/${n}/revoked/revoked_at`]: revoked?.revoked_at }),
    });
  }
  return signJws(typOf(JWK_SET_JWT), claims, signer);
}
