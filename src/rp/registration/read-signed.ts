import { calculateJwkThumbprint } from 'jose';
import { hashed } from '../../federation/sha256.js';
import {
  type ClientMetadata,
  INITIAL_ACCESS_TOKEN,
  type KeyCache,
  limits,
  parseInitialAccessToken,
  parseJws,
  parseRegistrationRequest,
  parseSoftwareStatement,
  type PublicJwk,
  readRegistrationRequest,
  type RegistrationRequest,
  SOFTWARE_STATEMENT,
  type SoftwareStatement,
  verifyJws,
} from '../../federation/entry.js';
import { type IssuerOptions, issuerKeys, type KnownIssuer } from './issuer-keys.js';
import { refusal, refusalOf, type RegistrationRefused } from './answer.js';
import { underSuperiors } from './superior-policy.js';

/** A registration as it came in. */
export interface RegistrationReceived {
  readonly contentType: string | undefined;
  readonly body: string;
  /** Of `Authorization: Bearer`; undefined: none came. */
  readonly initialAccessToken: string | undefined;
}

/** What is known of an initial access token, whether it says so itself or its authority was asked. */
export interface TokenFacts {
  readonly iss: string;
  readonly sub: string;
  readonly jti: string;
  readonly exp: number;
  readonly jkt: string;
  readonly softwareStatementJti: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

type MaybePromise<T> = T | Promise<T>;

export interface ReadOptions extends IssuerOptions {
  /** The issuer of this authorization server. */
  readonly audience: string;
  /** Does this server take clients that this authority vouches for? Left out: of every authority that leads to a pinned anchor. */
  readonly accepts?: ((authority: string, anchor: string) => MaybePromise<boolean>) | undefined;
  /** Was that one used here before? Looked at only: what makes it used is `redeem`. */
  readonly used: (kind: 'initial_access_token' | 'registration_request', issuer: string, jti: string) => MaybePromise<boolean>;
  /** Ask the authority about a token that says nothing (RFC 7662); left out: there are none. */
  readonly introspect?: ((token: string) => MaybePromise<Readonly<Record<string, unknown>> | 'unavailable'>) | undefined;
  readonly keyCache?: KeyCache | undefined;
}

/** Checks a to f hold: who vouches, for whom, under which key, and what is asked. Nothing was changed. */
export interface SignedRegistration {
  readonly ok: true;
  readonly entity: string;
  readonly authority: KnownIssuer & { readonly entityId: string };
  readonly token: TokenFacts;
  /** As it came in: what is redeemed. */
  readonly initialAccessToken: string;
  readonly statement: SoftwareStatement;
  /** What it vouches for, under the superiors of who vouches. */
  readonly vouched: ClientMetadata;
  /** The key of the client that signed the request. */
  readonly key: PublicJwk;
  readonly request: RegistrationRequest;
  /** SHA-256 of the body, base64url: what makes a request that is sent again the same one. */
  readonly requestSha256: string;
}

const isCompact = (token: string): boolean => /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token);
const headerOf = (compact: unknown, typ: string, most: number): Readonly<Record<string, unknown>> => {
  const read = parseJws(compact, typ, most);
  return read.ok ? read.value.header : {};
};

/**
 * Checks a to f of a secure registration, in that order; the first that fails answers.
 * @throws TypeError without a finite `now`
 */
export async function readSigned(received: RegistrationReceived, options: ReadOptions): Promise<SignedRegistration | RegistrationRefused> {
  const { now, audience, keyCache } = options;
  // a: what is no request costs nothing.
  if (received.contentType?.split(';')[0]?.trim().toLowerCase() !== 'application/jwt')
    return refusal('invalid_request', 'a registration here is signed: send application/jwt (registration-request+jwt)');
  const jws = parseRegistrationRequest(received.body);
  if (!jws.ok) return refusalOf('invalid_request', 'the registration request is not accepted', jws.findings);
  const compact = jws.value.claims['software_statement'];
  const statementChain = headerOf(compact, SOFTWARE_STATEMENT, limits.MAX_SOFTWARE_STATEMENT_BYTES)['trust_chain'];
  // b
  const token = await readToken(received.initialAccessToken, statementChain, options);
  if (!token.ok) return token;
  // c and d: of an issuer that is nobody no signature can be verified.
  const statement = parseSoftwareStatement(compact, { now, audience });
  if (!statement.ok) return refusalOf('invalid_software_statement', 'the software statement is not valid', statement.findings);
  const { iss, sub } = statement.value.claims;
  if (iss === sub) return refusal('unapproved_software_statement', 'nobody vouches for itself');
  const authority = await issuerKeys(iss, [statementChain], options);
  if (!authority) return refusal('unapproved_software_statement', 'the software statement was issued by nobody that is trusted here');
  const signed = await verifyJws(statement.value, authority.jwks, keyCache);
  if (!signed.ok) return refusalOf('invalid_software_statement', 'the software statement is not valid', signed.findings);
  if (options.accepts && !(await options.accepts(iss, authority.anchor)))
    return refusal('unapproved_software_statement', 'this authorization server takes no clients of that authority');
  const metadata = underSuperiors(statement.value, authority.above, options.development);
  if (!metadata.ok) return refusalOf('unapproved_software_statement', 'the superiors of who vouches do not allow it', metadata.findings);
  // e
  const { facts } = token;
  if (facts.iss !== iss || facts.sub !== sub) return refusal('invalid_token', 'the initial access token is not for whom the software statement is about');
  if (facts.softwareStatementJti !== undefined && facts.softwareStatementJti !== statement.value.claims.jti)
    return refusal('invalid_token', 'the initial access token is for another software statement');
  const key = await keyNamed(statement.value, facts.jkt);
  if (!key) return refusal('invalid_token', 'the key of the initial access token is none of the software statement');
  // f
  const verified = await verifyJws(jws.value, { keys: [key] }, keyCache);
  if (!verified.ok) return refusalOf('invalid_client_metadata', 'request signature', verified.findings);
  const request = readRegistrationRequest(jws.value, { now, audience, issuer: sub });
  if (!request.ok) return refusalOf('invalid_client_metadata', 'request signature', request.findings);
  if (await options.used('registration_request', sub, request.value.claims.jti))
    return refusal('invalid_client_metadata', 'request signature: this request was sent before');
  return {
    ok: true,
    entity: sub,
    authority: { ...authority, entityId: iss },
    token: facts,
    initialAccessToken: received.initialAccessToken ?? '',
    statement: statement.value,
    vouched: metadata.value,
    key,
    request: request.value,
    requestSha256: hashed.base64url(received.body),
  };
}

async function keyNamed({ claims }: SoftwareStatement, jkt: string): Promise<PublicJwk | undefined> {
  for (const key of claims.jwks.keys as readonly unknown[] as readonly PublicJwk[])
    if ((await calculateJwkThumbprint(key as never).catch(() => undefined)) === jkt) return key;
  return undefined;
}

type Token = { readonly ok: true; readonly facts: TokenFacts } | RegistrationRefused;

/**
 * Check b. Where the authority is an intermediate, its chain comes with the token or, because headers are short, with the software
 * statement: whoever brings it, it is verified.
 */
async function readToken(given: string | undefined, statementChain: unknown, options: ReadOptions): Promise<Token> {
  const { now, audience, keyCache } = options;
  if (given === undefined || given === '') return refusal('invalid_token', 'send an initial access token: Authorization: Bearer');
  if (!isCompact(given))
    return options.introspect ? introspected(given, options) : refusal('invalid_token', 'the initial access token is none that is known here');
  const token = parseInitialAccessToken(given, { now, audience });
  if (!token.ok) return refusalOf('invalid_token', 'the initial access token is not valid', token.findings);
  const { iss, sub, jti, exp, cnf, software_statement_jti: bound } = token.value.claims;
  const issuer = await issuerKeys(iss, [headerOf(given, INITIAL_ACCESS_TOKEN, limits.MAX_INITIAL_ACCESS_TOKEN_BYTES)['trust_chain'], statementChain], options);
  if (!issuer) return refusal('invalid_token', 'the initial access token was issued by nobody that is trusted here');
  const verified = await verifyJws(token.value, issuer.jwks, keyCache);
  if (!verified.ok) return refusalOf('invalid_token', 'the initial access token is not valid', verified.findings);
  return unusedYet({ iss, sub, jti, exp, jkt: cnf.jkt, softwareStatementJti: bound, claims: token.value.claims }, options);
}

async function introspected(token: string, options: ReadOptions): Promise<Token> {
  const answer = await options.introspect?.(token);
  if (answer === 'unavailable') return refusal('temporarily_unavailable', 'the authority cannot be asked about the initial access token');
  const said: Readonly<Record<string, unknown>> = answer ?? {};
  const { active, iss, sub, aud, exp, jti, cnf, software_statement_jti: bound } = said;
  const jkt = typeof cnf === 'object' && cnf !== null ? (cnf as { readonly jkt?: unknown }).jkt : undefined;
  const texts = [iss, sub, jti, jkt].every((one) => typeof one === 'string' && one.length > 0);
  if (active !== true || !texts || aud !== options.audience || typeof exp !== 'number' || !(exp > options.now))
    return refusal('invalid_token', 'the initial access token is not in force, or not for this server');
  const facts = { iss, sub, jti, exp, jkt } as Pick<TokenFacts, 'iss' | 'sub' | 'jti' | 'exp' | 'jkt'>;
  return unusedYet({ ...facts, softwareStatementJti: typeof bound === 'string' ? bound : undefined, claims: said }, options);
}

async function unusedYet(facts: TokenFacts, { used }: ReadOptions): Promise<Token> {
  return (await used('initial_access_token', facts.iss, facts.jti)) ? refusal('invalid_token', 'the initial access token was used') : { ok: true, facts };
}
