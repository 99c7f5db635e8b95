import { SCOPE } from '../client-metadata-document.js';
import { quote } from '../finding.js';
import { type PublicJwk, sameKey } from '../jwk-set.js';
import { isObject } from '../strict-json.js';

/** Client metadata (RFC 7591 §2). */
export type ClientMetadata = Readonly<Record<string, unknown>>;

/** Asked for more than what was vouched for, or for something that is none. */
export interface Wider {
  readonly parameter: string;
  readonly detail: string;
}
export type Narrowed = { readonly ok: true; readonly value: ClientMetadata } | { readonly ok: false; readonly wider: Wider };

/** Lists that may be asked for in part; where nothing is said of one, what is meant (RFC 7591 §2). */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  redirect_uris: [],
  post_logout_redirect_uris: [],
  request_uris: [],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  authorization_details_types: [],
  allowed_resources: [],
};
/** Switches that only ever take something away from who has them on. */
const STRICTER = [
  'dpop_bound_access_tokens',
  'require_pushed_authorization_requests',
  'require_signed_request_object',
  'tls_client_certificate_bound_access_tokens',
] as const;
/** Keys are those that were vouched for, by value. */
const BY_REFERENCE = ['jwks_uri', 'signed_jwks_uri'] as const;

const own = (of: unknown, name: string): unknown => (isObject(of) && Object.hasOwn(of, name) ? of[name] : undefined);
const textsIn = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === 'string') ? (value as string[]) : undefined;

/**
 * What was vouched for, narrowed to what was asked for: of lists, scope and keys a part, switches that are stricter. Everything
 * else is as it was vouched for, whatever was asked (RFC 7591 §2.3: the statement takes precedence), and what nobody vouched
 * for is left out (§2). A scope is never empty and never absent: to servers that would mean "no limit".
 * @param vouched metadata with a `scope` and keys by value
 * @param asked a stranger's
 */
export function narrowMetadata(vouched: ClientMetadata, asked: ClientMetadata): Narrowed {
  if (!isObject(vouched) || !isObject(asked)) return wider('', 'metadata is a JSON object');
  const result: Record<string, unknown> = { ...vouched };
  for (const [name, meant] of Object.entries(LISTS)) {
    const wanted = own(asked, name);
    if (wanted === undefined) continue;
    const list = textsIn(wanted);
    if (!list) return wider(name, 'it is no list of texts');
    const limit = new Set(textsIn(own(vouched, name)) ?? meant);
    const more = list.find((one) => !limit.has(one));
    if (more !== undefined) return wider(name, `${quote(more)} was not vouched for`);
    result[name] = [...new Set(list)];
  }
  const scope = narrowScope(own(vouched, 'scope'), own(asked, 'scope'));
  if (typeof scope !== 'string') return wider('scope', scope.detail);
  result['scope'] = scope;
  const reference = BY_REFERENCE.find((name) => own(asked, name) !== undefined);
  if (reference) return wider(reference, 'keys are by value, and those that were vouched for');
  const keys = own(asked, 'jwks');
  if (keys !== undefined) {
    const some = narrowKeys(own(vouched, 'jwks'), keys);
    if (!some) return wider('jwks', 'it holds another key than those that were vouched for, or none');
    result['jwks'] = { keys: some };
  }
  for (const name of STRICTER) if (own(asked, name) === true) result[name] = true;
  return { ok: true, value: result };
}

const wider = (parameter: string, detail: string): Narrowed => ({ ok: false, wider: { parameter, detail } });

function narrowScope(vouched: unknown, asked: unknown): string | { readonly detail: string } {
  if (typeof vouched !== 'string' || !SCOPE.test(vouched)) return { detail: 'no scope was vouched for' };
  if (asked === undefined) return vouched;
  if (typeof asked !== 'string' || !SCOPE.test(asked)) return { detail: 'it is no list of scopes with a space between each' };
  const given = new Set(vouched.split(' '));
  const wanted = [...new Set(asked.split(' '))];
  const more = wanted.find((one) => !given.has(one));
  return more === undefined ? wanted.join(' ') : { detail: `${quote(more)} was not vouched for` };
}

function narrowKeys(vouched: unknown, asked: unknown): readonly PublicJwk[] | undefined {
  const known = keysIn(vouched);
  const wanted = keysIn(asked);
  const found = wanted.map((key) => known.find((one) => sameKey(one, key)));
  return wanted.length > 0 && !found.includes(undefined) ? [...new Set(found as PublicJwk[])] : undefined;
}

/** The keys of a set; one that is no object is a key that nobody knows. */
export const keysIn = (jwks: unknown): readonly PublicJwk[] =>
  isObject(jwks) && Array.isArray(jwks['keys']) ? jwks['keys'].map((one) => (isObject(one) ? one : {}) as unknown as PublicJwk) : [];
