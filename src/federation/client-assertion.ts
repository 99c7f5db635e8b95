import { z } from 'zod';
import { type EntityIdOptions, parseEntityId } from './entity-id.js';
import { failure, finding, refuse, type Result, success } from './finding.js';
import { checkTimes, parseJws, type ParsedJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_ASSERTION_BYTES, MAX_ASSERTION_LIFETIME } from './limits.js';
import { numericDate, requireNow } from './numeric-date.js';

export const CLIENT_ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** A `private_key_jwt` assertion with sound claims; its signature is NOT verified yet. */
export interface ClientAssertion extends ParsedJws {
  readonly claims: { readonly iss: string; readonly sub: string; readonly jti: string; readonly exp: number; readonly [claim: string]: unknown };
}

const time = numericDate;
const shape = z.looseObject({
  iss: z.string(),
  sub: z.string(),
  aud: z.unknown().optional(),
  jti: z.string().min(1).max(256),
  exp: time,
  iat: time.optional(),
  nbf: time.optional(),
});

/**
 * Check a client assertion at a federation endpoint (OpenID Federation 1.0 §8.8): `iss` and `sub` the caller, `aud` the
 * Entity Identifier of the entity asked and nothing else. `typ` and `kid` may be absent (OpenID Connect Core §9 and RFC 7523 ask
 * for neither); a `typ` of another kind of JWT is refused. That an assertion lives at most five minutes is a rule of ours. The
 * caller of this function then verifies it with a Federation Entity Key of `iss` and only then spends the `jti`.
 */
export function parseClientAssertion(compact: unknown, given: EntityIdOptions & { readonly audience: string; readonly now: number }): Result<ClientAssertion> {
  requireNow(given?.now);
  const { audience, now, ...options } = given;
  const jws = parseJws(compact, ['jwt', 'client-authentication+jwt'], MAX_ASSERTION_BYTES, { typOptional: true, kidOptional: true, typAsMediaType: true });
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failure(...parsed.error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));
  const { iss, sub, aud, exp } = parsed.data;
  const caller = parseEntityId(iss, options);
  if (!caller.ok) return caller;
  if (sub !== iss) return refuse('subject_mismatch', 'sub', '"iss" and "sub" are both the caller');
  const single: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (single !== audience) return refuse('audience_wrong', 'aud', `it is not exactly ${audience}`);
  const late = checkTimes(parsed.data, now, CLOCK_SKEW_SECONDS);
  if (late) return failure(late);
  if (exp > now + MAX_ASSERTION_LIFETIME + CLOCK_SKEW_SECONDS) return refuse('claim_invalid', 'exp', `an assertion lives at most ${MAX_ASSERTION_LIFETIME} s`);
  return success(jws.value as ClientAssertion);
}
