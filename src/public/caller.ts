import { CLIENT_ASSERTION_TYPE, parseClientAssertion, parseEntityStatement, parseJws, verifyJws } from '../federation/entry.js';
import type { Inbox } from '../store/inbox.js';
import type { Published, ServedAuthority } from '../store/published.js';

export interface CallerContext {
  readonly published: Published;
  /** Without one (a public plane that may not write) authenticated requests are turned away for now. */
  readonly inbox: Inbox | undefined;
  readonly now: () => number;
  readonly development: boolean;
  /** Path of the page about the admin API, where one is served. */
  readonly apiPage?: string;
}

export type Caller =
  | { readonly ok: true; readonly entityId: string }
  | { readonly ok: false; readonly error: 'invalid_client' | 'temporarily_unavailable'; readonly description: string };

/** Of client authentication (RFC 7521 §4.2); no parameter of it is given more than once (RFC 6749 §3.2). */
const PARAMETERS = ['client_assertion_type', 'client_assertion', 'client_id'];

const no = (description: string): Caller => ({ ok: false, error: 'invalid_client', description });

/**
 * Who asks, by `private_key_jwt` (OpenID Federation 1.0 §8.8): an active subordinate of the authority asked, proven with
 * the Federation Entity Keys in our own statement about it. Cheap checks first; the assertion is spent last, after its
 * signature.
 */
export async function authenticate(context: CallerContext, authority: ServedAuthority, form: URLSearchParams): Promise<Caller> {
  const { published, inbox, now, development } = context;
  if (!inbox) return { ok: false, error: 'temporarily_unavailable', description: 'this process cannot take authenticated requests' };
  const twice = PARAMETERS.find((name) => form.getAll(name).length > 1);
  if (twice !== undefined) return no(`${twice} is given more than once`);
  if (form.get('client_assertion_type') !== CLIENT_ASSERTION_TYPE) return no(`client_assertion_type is not ${CLIENT_ASSERTION_TYPE}`);
  const assertion = parseClientAssertion(form.get('client_assertion'), { audience: authority.entityId, now: now(), development });
  if (!assertion.ok) return no(`the client assertion is not valid: ${assertion.findings[0]?.where} ${assertion.findings[0]?.detail}`);
  const { iss, jti, exp } = assertion.value.claims;
  if (form.has('client_id') && form.get('client_id') !== iss) return no('client_id is not the issuer of the assertion');
  const statement = await published.artefact(authority.id, 'statement', iss);
  const about = statement && parseEntityStatement(statement.bytes, { now: now(), subject: iss, development, understoodClaims: criticalOf(statement.bytes) });
  if (!about?.ok) return no('the caller is no active subordinate of this entity');
  const verified = await verifyJws(assertion.value, about.value.claims.jwks);
  if (!verified.ok) return no("the client assertion does not verify with the caller's Federation Entity Keys");
  if (!(await inbox.spend(iss, jti, exp))) return no('the client assertion was used before');
  return { ok: true, entityId: iss };
}

/** We understand the critical claims of our own statements. */
function criticalOf(compact: string): readonly string[] {
  const jws = parseJws(compact, 'entity-statement+jwt');
  const crit = jws.ok ? jws.value.claims['crit'] : undefined;
  return Array.isArray(crit) ? (crit as string[]) : [];
}
