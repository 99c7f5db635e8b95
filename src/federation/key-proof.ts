import { z } from 'zod';
import { failure, finding, quote, refuse, type Result, success } from './finding.js';
import { type JwkSet, type PublicJwk, sameKey } from './jwk-set.js';
import { checkTimes, parseJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_KEY_PROOF_BYTES, MAX_KEY_PROOF_LIFETIME } from './limits.js';
import { numericDate, requireNow } from './numeric-date.js';

/**
 * Proof that somebody has a private key: a JWS by that key over what an authority asked for. A format of ours, since the standard
 * leaves registration open (OpenID Federation 1.0 §11); header and claims are those of a client assertion (§8.8).
 */
export const KEY_PROOF_TYP = 'holdfast-key-proof+jwt';

/** To have keys bound, to have others in their place, to come back after a suspension. */
export const KEY_PROOF_PURPOSES = ['bind', 'rotate', 'resume'] as const;
export type KeyProofPurpose = (typeof KEY_PROOF_PURPOSES)[number];

/** What the holder of the key was asked. */
export interface KeyChallenge {
  /** The Entity Identifier of the authority. */
  readonly aud: string;
  readonly nonce: string;
  readonly purpose: KeyProofPurpose;
}

export interface KeyProof {
  /** The key that signed it, as it stands among those it was looked for in. */
  readonly jwk: PublicJwk;
  readonly nonce: string;
  readonly jti: string;
}

const time = numericDate;
const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.unknown().optional(),
  nonce: z.string().min(1).max(256),
  iat: time,
  nbf: time.optional(),
  exp: time,
  jti: z.string().min(1).max(256),
  purpose: z.string(),
});

/** The claims of an answer, made now. */
export const keyProofClaims = ({ aud, nonce, purpose }: KeyChallenge, entityId: string, jti: string, now: number) => ({
  iss: entityId,
  sub: entityId,
  aud,
  nonce,
  iat: now,
  exp: now + MAX_KEY_PROOF_LIFETIME,
  jti,
  purpose,
});

/**
 * Verify one proof. The key is looked for by `kid` among the candidates, never taken from the header: a key that comes with its
 * own signature proves nothing about whose it is. `aud` is the authority's Entity Identifier, as a string or as an array of just
 * that: RFC 7519 §4.1.3 calls both the same, and common libraries write either. A second audience could pass the proof on.
 * The caller compares the nonce with what was asked, and spends it.
 * Findings: as `parseJws` and `verifyJws`, claim_invalid, subject_mismatch, audience_wrong, key_proof_wrong, expired, not_yet_valid.
 */
export async function verifyKeyProof(
  compact: unknown,
  given: { readonly audience: string; readonly subject: string; readonly purpose: KeyProofPurpose; readonly candidates: JwkSet; readonly now: number },
): Promise<Result<KeyProof>> {
  requireNow(given?.now);
  const { audience, subject, purpose, candidates, now } = given;
  const jws = parseJws(compact, KEY_PROOF_TYP, MAX_KEY_PROOF_BYTES);
  if (!jws.ok) return jws;
  if (Object.hasOwn(jws.value.header, 'x5c')) return refuse('header_not_allowed', 'header/x5c', 'the key is known by its "kid"; none is taken from the header');
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failure(...parsed.error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));
  const { iss, sub, aud, nonce, iat, exp, jti, purpose: said } = parsed.data;
  if (iss !== subject) return refuse('subject_mismatch', 'iss', `it is ${quote(iss)}, not ${subject}`);
  if (sub !== iss) return refuse('subject_mismatch', 'sub', '"iss" and "sub" are both the entity whose key it is');
  const single: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (single !== audience) return refuse('audience_wrong', 'aud', `it is not exactly ${audience}`);
  if (said !== purpose) return refuse('key_proof_wrong', 'purpose', `it is ${quote(said)}; the challenge is for ${purpose}`);
  const late = checkTimes(parsed.data, now, CLOCK_SKEW_SECONDS);
  if (late) return failure(late);
  const limit = `a proof lives at most ${MAX_KEY_PROOF_LIFETIME} s`;
  if (exp - iat > MAX_KEY_PROOF_LIFETIME || exp > now + MAX_KEY_PROOF_LIFETIME + CLOCK_SKEW_SECONDS) return refuse('claim_invalid', 'exp', limit);
  const verified = await verifyJws(jws.value, candidates);
  return verified.ok ? success({ jwk: verified.value, nonce, jti }) : verified;
}

/** Keys from several sets, each once. Two keys under one `kid` stay two, and nothing is verified by that `kid`. */
export const candidateKeys = (...sets: readonly JwkSet[]): JwkSet => {
  const keys: PublicJwk[] = [];
  for (const key of sets.flatMap((set) => set.keys)) if (!keys.some((one) => one.kid === key.kid && sameKey(one, key))) keys.push(key);
  return { keys };
};
