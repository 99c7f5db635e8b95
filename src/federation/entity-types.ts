import { type Finding, finding, quote } from './finding.js';

/** The Entity Types of §5.1; what the parameters of another type mean is not for us to say (MD-02). */
export const ENTITY_TYPES = ['federation_entity', 'openid_relying_party', 'openid_provider', 'oauth_authorization_server', 'oauth_client', 'oauth_resource'];
/** Those that specifications beside this one define. */
const OF_OTHERS = ['openid_credential_issuer', 'openid_credential_verifier', 'openid_wallet_provider', 'wallet_solution', 'openid_client'];
const KNOWN: ReadonlySet<string> = new Set([...ENTITY_TYPES, ...OF_OTHERS]);
const plain = (type: string): string => type.toLowerCase().replace(/[^a-z]/g, '');

/** Types that no specification we know defines: others may be used (§5.1), and a slip of the pen looks just like one. */
export function unknownEntityTypes(types: readonly string[]): readonly Finding[] {
  return [...new Set(types)].flatMap((type) => {
    if (KNOWN.has(type)) return [];
    const meant = [...KNOWN].find((known) => plain(known) === plain(type));
    const several = type.split(/[\s,;|]+/).filter((part) => KNOWN.has(part));
    const hint = meant !== undefined ? `; is ${meant} meant?` : several.length > 1 ? `; it is one type, are ${several.join(' and ')} meant?` : '';
    return [finding('entity_type_unknown', 'entity_types', `${quote(type)} is no Entity Type of a specification known here${hint}`)];
  });
}
