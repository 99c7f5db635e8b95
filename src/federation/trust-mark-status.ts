import { z } from 'zod';
import { failure, finding, quote, refuse, type Result, success } from './finding.js';
import type { JwkSet } from './jwk-set.js';
import { checkTimes, parseJws, verifyJws } from './jws.js';
import { CLOCK_SKEW_SECONDS, MAX_CHAIN_BYTES } from './limits.js';
import { TRUST_MARK_STATUS_RESPONSE, typOf } from './media-types.js';
import { numericDate, requireNow } from './numeric-date.js';

export interface TrustMarkStatusOptions {
  /** Seconds since the epoch. */
  readonly now: number;
  /** The mark's issuer, its keys taken from a Trust Chain that the caller validated. */
  readonly issuer: { readonly entityId: string; readonly jwks: JwkSet };
  /** The mark asked about, as compact JWT: an answer about another one proves nothing. */
  readonly trustMark: string;
}

/** What the issuer says of a mark. Extension values of `status` come through as they are; only `active` means yes. */
export interface TrustMarkStatusAnswer {
  readonly status: string;
  readonly active: boolean;
  readonly exp: number | undefined;
}

const time = numericDate;
const shape = z.looseObject({ iss: z.string(), iat: time, exp: time.optional(), trust_mark: z.string(), status: z.string().min(1) });

/** Validate a Trust Mark status answer (OpenID Federation 1.0 §8.4.2): typ, issuer, the very mark, times, signature. */
export async function validateTrustMarkStatus(compact: unknown, options: TrustMarkStatusOptions): Promise<Result<TrustMarkStatusAnswer>> {
  requireNow(options?.now);
  const jws = parseJws(compact, typOf(TRUST_MARK_STATUS_RESPONSE), MAX_CHAIN_BYTES);
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failure(...parsed.error.issues.map((issue) => finding('claim_invalid', issue.path.join('/'), issue.message)));
  const { iss, trust_mark: mark, status, exp } = parsed.data;
  if (iss !== options.issuer.entityId) return refuse('issuer_mismatch', 'iss', `it names ${quote(iss)}, not ${quote(options.issuer.entityId)}`);
  if (mark !== options.trustMark) return refuse('subject_mismatch', 'trust_mark', 'it is about another mark');
  const late = checkTimes(parsed.data, options.now, CLOCK_SKEW_SECONDS);
  if (late) return failure(late);
  const key = await verifyJws(jws.value, options.issuer.jwks);
  return key.ok ? success({ status, active: status === 'active', exp }) : key;
}
