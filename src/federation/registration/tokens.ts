import { z } from 'zod';
import { failure, finding, refuse, type Result, success } from '../finding.js';
import { failures, findingPlace } from '../places.js';
import { isObject } from '../strict-json.js';
import { checkTimes, parseJws, type ParsedJws } from '../jws.js';
import {
  CLOCK_SKEW_SECONDS,
  MAX_INITIAL_ACCESS_TOKEN_BYTES,
  MAX_REGISTRATION_REQUEST_BYTES,
  MAX_REGISTRATION_REQUEST_LIFETIME,
  MAX_SOFTWARE_STATEMENT_BYTES,
} from '../limits.js';
import { numericDate, requireNow } from '../numeric-date.js';
import type { ClientMetadata } from './metadata.js';

/**
 * The three JWTs of a secure registration (RFC 7591). Each has a type of its own, since the first two are signed by a Federation
 * Entity Key, and is taken for nothing else. Read here with sound claims and times; none is verified yet.
 */
export const SOFTWARE_STATEMENT = 'software-statement+jwt';
export const INITIAL_ACCESS_TOKEN = 'initial-access-token+jwt';
export const REGISTRATION_REQUEST = 'registration-request+jwt';

const text = z.string().min(1).max(2048);
const jti = z.string().min(1).max(256);
const status = z.looseObject({ status_list: z.looseObject({ uri: text, idx: z.number().int().min(0) }) });
const signed = { iss: text, iat: numericDate, nbf: numericDate.optional(), exp: numericDate, jti };

const statementShape = z.looseObject({
  ...signed,
  sub: text,
  aud: z.union([text, z.array(text).min(1).max(100)]).optional(),
  jwks: z.looseObject({ keys: z.array(z.looseObject({})).min(1).max(64) }),
  scope: z.string(),
  status: status.optional(),
});
const tokenShape = z.looseObject({
  ...signed,
  sub: text,
  aud: z.unknown(),
  cnf: z.looseObject({ jkt: z.string().min(1).max(100) }),
  software_statement_jti: jti.optional(),
  status: status.optional(),
});
const requestShape = z.looseObject({ ...signed, sub: z.string().optional(), aud: z.unknown(), software_statement: z.string() });

interface Read<T> extends ParsedJws {
  readonly claims: T & Readonly<Record<string, unknown>>;
}
/** About a client, what an authority vouches for: RFC 7591 §2.3. */
export type SoftwareStatement = Read<z.infer<typeof statementShape>>;
export type InitialAccessToken = Read<z.infer<typeof tokenShape>>;
export type RegistrationRequest = Read<z.infer<typeof requestShape>>;

function read<T>(compact: unknown, typ: string, shape: z.ZodType<T>, now: number, maxBytes: number): Result<Read<T>> {
  requireNow(now);
  const jws = parseJws(compact, typ, maxBytes);
  if (!jws.ok) return jws;
  const parsed = shape.safeParse(jws.value.claims);
  if (!parsed.success) return failures(parsed.error.issues.map((issue) => finding('claim_invalid', findingPlace(...issue.path), issue.message)));
  const late = checkTimes(jws.value.claims, now, CLOCK_SKEW_SECONDS);
  return late ? failure(late) : success(jws.value as Read<T>);
}

/** `aud` is that one and nothing else, as a text or as a list of it alone. */
const isJust = (aud: unknown, audience: string): boolean => (Array.isArray(aud) && aud.length === 1 ? aud[0] : aud) === audience;

/** @param now seconds since the epoch @param audience the issuer of the server; a statement without `aud` is for every one */
export function parseSoftwareStatement(compact: unknown, { now, audience }: { readonly now: number; readonly audience: string }): Result<SoftwareStatement> {
  const statement = read(compact, SOFTWARE_STATEMENT, statementShape, now, MAX_SOFTWARE_STATEMENT_BYTES);
  if (!statement.ok) return statement;
  const { aud } = statement.value.claims;
  if (aud !== undefined && !(Array.isArray(aud) ? aud : [aud]).includes(audience)) return refuse('audience_wrong', 'aud', `it is not for ${audience}`);
  return statement;
}

/** @param now seconds since the epoch @param audience the issuer of the one server it is for */
export function parseInitialAccessToken(compact: unknown, { now, audience }: { readonly now: number; readonly audience: string }): Result<InitialAccessToken> {
  const token = read(compact, INITIAL_ACCESS_TOKEN, tokenShape, now, MAX_INITIAL_ACCESS_TOKEN_BYTES);
  if (token.ok && !isJust(token.value.claims.aud, audience)) return refuse('audience_wrong', 'aud', `it is not exactly ${audience}`);
  return token;
}

/** A request that is one by its form; its claims about itself are read once it is known whose it is (`readRegistrationRequest`). */
export const parseRegistrationRequest = (compact: unknown): Result<ParsedJws> => parseJws(compact, REGISTRATION_REQUEST, MAX_REGISTRATION_REQUEST_BYTES);

/** The claims of a request about itself. @param issuer the member that registers */
export function readRegistrationRequest(
  jws: ParsedJws,
  { now, audience, issuer }: { readonly now: number; readonly audience: string; readonly issuer: string },
): Result<RegistrationRequest> {
  requireNow(now);
  if (!isObject(jws?.claims)) return refuse('jws_malformed', '', 'it is no parsed JWS');
  const parsed = requestShape.safeParse(jws.claims);
  if (!parsed.success) return failures(parsed.error.issues.map((issue) => finding('claim_invalid', findingPlace(...issue.path), issue.message)));
  const { iss, sub, aud, iat, exp } = parsed.data;
  if (iss !== issuer) return refuse('claim_invalid', 'iss', `it is not ${issuer}`);
  if (sub !== undefined && sub !== issuer) return refuse('subject_mismatch', 'sub', `it is not ${issuer}`);
  if (!isJust(aud, audience)) return refuse('audience_wrong', 'aud', `it is not exactly ${audience}`);
  const late = checkTimes(jws.claims, now, CLOCK_SKEW_SECONDS);
  if (late) return failure(late);
  if (exp - iat > MAX_REGISTRATION_REQUEST_LIFETIME || exp > now + MAX_REGISTRATION_REQUEST_LIFETIME + CLOCK_SKEW_SECONDS)
    return refuse('claim_invalid', 'exp', `a request lives at most ${MAX_REGISTRATION_REQUEST_LIFETIME} s`);
  return success(jws as RegistrationRequest);
}

/** What of a statement is about the JWT and who vouched, and what of a request about the JWT: the rest is client metadata. */
const ABOUT_ITSELF = new Set([
  ...['iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti', 'status', 'cnf', 'software_statement'],
  ...['organization_id', 'organization_name', 'registration_policy', 'entitlement_version'],
]);
export const clientMetadataIn = (claims: Readonly<Record<string, unknown>>): ClientMetadata =>
  Object.fromEntries(Object.entries(isObject(claims) ? claims : {}).filter(([name]) => !ABOUT_ITSELF.has(name)));
