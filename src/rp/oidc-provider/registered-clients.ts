import type { JwkSet } from '../../federation/entry.js';
import { withinGrants } from '../../federation/client-grants.js';
import { sameKey } from '../../federation/jwk-set.js';
import { keysIn } from '../../federation/registration/metadata.js';
import type { Admission, Admitted } from '../admission.js';
import type { RelyingParty } from '../relying-party.js';
import { NO_SCOPE } from './client-properties.js';
import { invalidClient, OAuthError } from './oauth-error.js';
import type { Properties, RegistrationAdapter } from './registration-types.js';

/** Properties by which a stored client is one of the federation. */
export const FEDERATION_ENTITY = 'federation_entity';
export const FEDERATION_ANCHOR = 'federation_anchor';

const TYPES = ['openid_relying_party', 'oauth_client'];
const isOfFederation = (found: unknown): found is Properties =>
  typeof found === 'object' && found !== null && typeof (found as Properties)[FEDERATION_ENTITY] === 'string';
const wordsIn = (scope: unknown): readonly string[] => (typeof scope === 'string' ? scope.split(' ').filter(Boolean) : []);

export interface RegisteredClients {
  /** The store of clients: who was registered by the federation is a client while it is in force, with what is left of what it was given. */
  over(store: RegistrationAdapter): RegistrationAdapter;
  /** What the federation says of a registered client now; undefined: it is none. @throws OAuthError when it is not in force */
  factsOf(clientId: string): Promise<{ readonly admitted: Admitted; readonly client: Properties } | undefined>;
}

/** Clients that registered by a software statement, looked at anew each time they are used (registry §9: a halt is felt by the next request). */
export function registeredClients({ federation }: { readonly federation: RelyingParty }): RegisteredClients {
  let clients: RegistrationAdapter | undefined;
  async function now(client: Properties): Promise<Admitted> {
    const entity = String(client[FEDERATION_ENTITY]);
    const anchor = client[FEDERATION_ANCHOR];
    const admission: Admission = await federation.admit(entity, { requires: { entityType: TYPES }, ...(typeof anchor === 'string' && { anchor }) });
    if (admission.admitted) return admission;
    const detail = admission.findings.map(({ code, where, detail: said }) => `${code} at ${where}: ${said}`).join('; ');
    // Thrown and never "not found": that would have the provider look for the client elsewhere.
    throw admission.reason === 'unavailable'
      ? new OAuthError(503, 'temporarily_unavailable', 'whether the client is in force cannot be found out', detail)
      : invalidClient(detail);
  }
  return {
    over(store) {
      clients = store;
      return {
        ...bound(store),
        async find(id) {
          const found = await store.find(id);
          return isOfFederation(found) ? narrowed(found, await now(found)) : found;
        },
      };
    },
    async factsOf(id) {
      const client = await clients?.find(id);
      return isOfFederation(client) ? { client, admitted: await now(client) } : undefined;
    },
  };
}

/**
 * What was stored, as far as the federation still says it: a record that was narrowed narrows the client without another
 * registration; one that was widened does not widen it.
 */
export function narrowed(client: Properties, { entitled, jwks }: Pick<Admitted, 'entitled' | 'jwks'>): Properties {
  const scope = wordsIn(client['scope']).filter((one) => entitled.scopes.includes(one) || one === NO_SCOPE);
  const keys = keysIn(client['jwks']).filter((key) => (jwks as JwkSet | undefined)?.keys.some((one) => sameKey(one, key)));
  const types = client['authorization_details_types'];
  if (scope.length === 0 || keys.length === 0) throw invalidClient('nothing of it is left');
  const grants = Array.isArray(client['grant_types']) ? client['grant_types'] : ['authorization_code'];
  return withinGrants({
    ...client,
    ...(entitled.grantTypes && { grant_types: grants.filter((one) => entitled.grantTypes?.includes(String(one))) }),
    scope: scope.join(' '),
    jwks: { keys },
    ...(Array.isArray(types) && { authorization_details_types: types.filter((type) => entitled.authorizationDetailsTypes?.includes(String(type)) ?? true) }),
  });
}

/** The methods of an adapter that is a class, bound to it. */
export function bound(adapter: RegistrationAdapter): RegistrationAdapter {
  const names = ['find', 'findByUid', 'findByUserCode', 'upsert', 'consume', 'destroy', 'revokeByGrantId'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const method = adapter[name];
      return typeof method === 'function' ? [[name, method.bind(adapter)]] : [];
    }),
  ) as unknown as RegistrationAdapter;
}
