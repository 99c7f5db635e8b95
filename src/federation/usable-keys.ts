import { failure, finding, type Finding, quote, refuse, type Result, success } from './finding.js';
import { type JwkSet, parseJwkSet, type PublicJwk } from './jwk-set.js';
import { MAX_JWKS_BYTES, MAX_JWKS_KEYS } from './limits.js';
import { isObject } from './strict-json.js';

/** The keys of a set that can be vouched for, and why each other one cannot. */
export interface UsableKeys {
  readonly jwks: JwkSet;
  /** One finding a key left out; its place says which. */
  readonly ignored: readonly Finding[];
}

/** A set with one of these is refused whole: somebody has published a secret, or a `kid` does not name one key (§3.1.1). */
const FATAL: ReadonlySet<string> = new Set(['jwk_private', 'jwk_symmetric', 'kid_duplicate']);

/**
 * Of a stranger's JWK Set the keys that sign: RFC 7517 §5 has keys ignored whose type, values or use one does not support.
 * Refused is a set without a usable key, and one that holds a private or symmetric key or the same `kid` twice.
 * Findings: as `parseJwkSet`.
 */
export function usableKeys(value: unknown): Result<UsableKeys> {
  if (!isObject(value) || !Array.isArray(value['keys'])) return refuse('jwks_invalid', 'jwks', 'a JWK Set is an object with an array "keys"');
  const keys: unknown[] = value['keys'];
  if (keys.length === 0) return refuse('jwks_invalid', 'jwks', 'the set holds no key');
  if (keys.length > MAX_JWKS_KEYS) return refuse('too_many', 'jwks', `${keys.length} keys, more than ${MAX_JWKS_KEYS}`);
  if (JSON.stringify(value).length > MAX_JWKS_BYTES) return refuse('too_large', 'jwks', `the set has more than ${MAX_JWKS_BYTES} bytes`);
  const usable: PublicJwk[] = [];
  const findings: Finding[] = [];
  const kids = new Set<unknown>();
  for (const [n, key] of keys.entries()) {
    const where = `jwks/keys/${n}`;
    const bad = faultOf(key, where);
    if (bad) findings.push(bad);
    else usable.push(key as PublicJwk);
    const kid = isObject(key) ? key['kid'] : undefined;
    if (typeof kid === 'string' && kids.has(kid)) findings.push(finding('kid_duplicate', where, `the kid ${quote(kid)} occurs twice`));
    kids.add(kid);
  }
  if (usable.length === 0 || findings.some(({ code }) => FATAL.has(code))) return failure(...findings);
  return success({ jwks: { keys: usable }, ignored: findings });
}

const NULLABLE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'priv', 'k'];

/** Why a key cannot be bound, in words that lead to the mend. */
function faultOf(key: unknown, where: string): Finding | undefined {
  if (isObject(key)) {
    const empty = NULLABLE.find((name) => key[name] === null);
    if (empty !== undefined)
      return {
        ...finding('jwks_invalid', where, `"${empty}" is null; no private key is in it`),
        fix: 'Leave the member out: a JWK says what it has not by saying nothing.',
      };
    if (key['kid'] === undefined && typeof key['kty'] === 'string' && key['kty'] !== 'oct' && !NULLABLE.some((name) => key[name] !== undefined))
      return {
        ...finding('kid_missing', where, 'this JWK has no "kid"'),
        clause: finding('jwks_invalid', '', '').clause,
        fix: 'Give the JWK a "kid", best its RFC 7638 thumbprint, the same that the header of its signatures names.',
      };
    const ops = key['key_ops'];
    if (ops !== undefined && !(Array.isArray(ops) && ops.includes('verify')))
      return { ...finding('jwk_unsupported', where, '"key_ops" does not allow to verify'), fix: 'Keys here sign: leave keys for other purposes out.' };
  }
  const alone = parseJwkSet({ keys: [key] }, where);
  if (alone.ok) return undefined;
  const [first] = alone.findings;
  const fix = isObject(key) && key['use'] !== undefined && key['use'] !== 'sig' ? { fix: 'Keys here sign: leave the encryption key out.' } : undefined;
  return first && { ...first, where, ...fix };
}
