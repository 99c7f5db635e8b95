import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Finding } from '../federation/entry.js';
import { Waiting } from '../operations/deciding/waiting.js';
import { CUSTODY_AWAY, CustodyAway } from '../operations/keys/from-custody.js';
import { Refusal, type RefusalCode } from '../operations/refusal.js';
import { isDamage, saidOf, TROUBLES, troubleIn } from '../store/trouble.js';

/** Problem details (RFC 9457) with a stable `code`, and findings where the standard has something to say. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly findings?: readonly Finding[];
}

const REFUSED: Record<RefusalCode, readonly [status: number, title: string]> = {
  invalid_request: [400, 'The request is not valid'],
  permission_denied: [403, 'Not permitted'],
  not_found: [404, 'Not found'],
  already_exists: [409, 'It exists already'],
  wrong_state: [409, 'Not in this state'],
  version_conflict: [412, 'It was changed meanwhile'],
  findings: [422, 'The rules of the federation are not met'],
  key_not_ready: [409, 'The key is not ready'],
  last_owner: [409, 'The last owner stays'],
  temporarily_unavailable: [503, 'Not possible at the moment'],
  not_confirmed: [409, 'The restored database is not confirmed'],
  self_approval: [403, 'Somebody else has to approve it'],
  editor_cannot_approve: [403, 'Somebody else has to approve it'],
  decision_changed: [409, 'What is decided has changed'],
  already_decided: [409, 'It is decided already'],
  challenge_invalid: [422, 'There is no such challenge to answer'],
  key_proof_invalid: [422, 'The proof does not show that the key is had'],
  key_already_bound: [409, 'The key is bound to another member'],
  key_unacceptable: [422, 'The key is not acceptable'],
  key_unproven: [409, 'A key is not proven'],
  key_unconfirmed: [409, 'A key is not confirmed'],
  accreditation_not_in_force: [422, 'What it has to have is not in force'],
  payload_too_large: [413, 'The body is too large'],
  join_link_ended: [410, 'The join link is used up or has ended'],
  member_not_active: [403, 'The member is not in force'],
  entitlement_exceeded: [422, 'More than was vouched for'],
  audience_unknown: [422, 'That authorization server is not known'],
  audience_mismatch: [403, 'It is for another authorization server'],
  key_not_bound: [422, 'That is no key of the client'],
  already_redeemed: [409, 'The initial access token was used'],
  token_ended: [410, 'The initial access token has ended'],
  agents_exhausted: [409, 'There are as many agents as there may be'],
};

const TITLES: Record<string, string> = {
  unauthenticated: 'Sign in with an API key',
  idempotency_key_reused: 'This Idempotency-Key belongs to another request',
  already_shown: 'The answer held a secret and was shown once',
  not_rehearsable: 'It takes no dry run',
  unsupported_media_type: 'The content type is not supported',
  rate_limited: 'Too many requests',
  storage_full: 'The disk is full',
  storage_busy: 'The database is busy',
  storage_unreachable: 'The database does not answer',
  storage_refused: 'The database refuses the service',
  history_lost: 'The database lacks what was acknowledged',
  storage_damaged: 'The database is damaged',
  internal: 'Something went wrong',
};

export function problem(
  c: Context,
  status: number,
  code: string,
  detail: string,
  findings: readonly Finding[] = [],
  headers: Record<string, string> = {},
): Response {
  const title = (REFUSED as Record<string, readonly [number, string] | undefined>)[code]?.[1] ?? TITLES[code] ?? code;
  const body: Problem = { type: 'about:blank', title, status, code, detail, ...(findings.length && { findings }) };
  return c.json(body, status as ContentfulStatusCode, { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers });
}

const TROUBLE_CODES = {
  busy: [503, 'storage_busy'],
  full: [507, 'storage_full'],
  conflict: [503, 'storage_busy'],
  unreachable: [503, 'storage_unreachable'],
  refused: [503, 'storage_refused'],
  history_lost: [503, 'history_lost'],
} as const;

const DAMAGED =
  'the database is damaged where this had to be read; nothing was changed. "holdfast fsck" names what cannot be read; bring back a backup with "holdfast backup restore". Until then what cannot be read is not served, and halting the authority, which is one row, cuts off all of it';

/** The one place where what operations throw becomes an answer. Everything unknown is a bug: a bare 500 and a log line. */
export function errorToProblem(c: Context, error: unknown): Response {
  if (error instanceof Waiting) return c.json(error.answer, Waiting.STATUS, { 'cache-control': 'no-store' });
  if (error instanceof Refusal) {
    const [status] = REFUSED[error.code];
    return problem(c, status, error.code, error.message, error.findings, status === 503 ? { 'retry-after': '5' } : {});
  }
  if (error instanceof CustodyAway) {
    console.error(JSON.stringify({ level: 'error', msg: 'nothing can be signed', path: c.req.path, error: error.message }));
    return problem(c, 503, 'temporarily_unavailable', CUSTODY_AWAY, [], { 'retry-after': '30' });
  }
  const trouble = troubleIn(error);
  if (trouble !== undefined) {
    const { retryAfter, says, change } = TROUBLES[trouble];
    const [status, code] = TROUBLE_CODES[trouble];
    if (trouble === 'refused' || trouble === 'history_lost')
      console.error(JSON.stringify({ level: 'error', msg: says, path: c.req.path, error: saidOf(error) }));
    return problem(c, status, code, `${says}; ${change}`, [], { 'retry-after': String(retryAfter) });
  }
  // Nothing of ours failed, and nobody reads the answer: of strangers who go away there is no end in the log.
  if (isBrokenOff(error)) return problem(c, 400, 'invalid_request', 'the body broke off');
  const id = c.res.headers.get('x-request-id') ?? '';
  console.error(
    JSON.stringify({
      level: 'error',
      msg: 'admin request failed',
      path: c.req.path,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }),
  );
  if (isDamage(error)) return problem(c, 500, 'storage_damaged', DAMAGED);
  return problem(c, 500, 'internal', `the request could not be carried out${id && ` (${id})`}`);
}

/** As Node says it of a request whose sender has gone. */
const isBrokenOff = (error: unknown): boolean => error instanceof Error && error.message === 'aborted' && 'code' in error && error.code === 'ECONNRESET';
