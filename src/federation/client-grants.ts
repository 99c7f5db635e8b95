import { isObject } from './strict-json.js';

/** What a response type needs (OpenID Connect Dynamic Client Registration 1.0 §2, RFC 7591 §2.1). */
const GRANT_OF: Readonly<Record<string, string>> = { code: 'authorization_code', id_token: 'implicit' };

/**
 * Client metadata without the response types whose grant it has not got. Common servers take the one for the other and add the grant,
 * so what a policy took away would be given back. What is left out means what RFC 7591 §2 says; what is no list is none.
 * One with `token` stays as it is: it is refused where that matters.
 */
export function withinGrants<T>(metadata: T): T {
  if (!isObject(metadata)) return metadata;
  const { grant_types: granted = ['authorization_code'], response_types: said = ['code'] } = metadata as Readonly<Record<string, unknown>>;
  const grants: readonly unknown[] = Array.isArray(granted) ? granted : [];
  const responses: readonly unknown[] = Array.isArray(said) ? said : [];
  const kept = responses.filter((one) => {
    const words = typeof one === 'string' ? one.split(' ') : [];
    return words.includes('token') || words.every((word) => !Object.hasOwn(GRANT_OF, word) || grants.includes(GRANT_OF[word]));
  });
  return Array.isArray(said) && kept.length === responses.length ? metadata : { ...metadata, response_types: kept };
}
