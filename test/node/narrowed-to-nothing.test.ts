import '../support/node/federated-provider.js';
import Provider from 'oidc-provider';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Admitted } from '../../src/rp/admission.js';
import { protocolOf } from '../../src/rp/admission.js';
import { clientProperties } from '../../src/rp/oidc-provider/client-properties.js';
import { narrowedDetails, narrowedResources } from '../../src/rp/oidc-provider/least-privilege.js';
import { narrowed } from '../../src/rp/oidc-provider/registered-clients.js';
import { testKey } from '../support/keys.js';

/** What a client is at oidc-provider as it is published, whatever it makes of what it is told. */
interface Made {
  readonly grantTypes: readonly string[];
  readonly responseTypes: readonly string[];
  readonly authorizationDetailsTypes?: readonly string[];
  grantTypeAllowed(type: string): boolean;
  responseTypeAllowed(type: string): boolean;
}
const ID = 'https://agent.example.org';
const ALL = ['authorization_code', 'client_credentials', 'refresh_token', 'implicit'];
const ability = { scopes: new Set(['read']), detailTypes: new Set(['payment']) };
let client: object;
beforeAll(async () => {
  client = {
    ...{ scope: 'read', token_endpoint_auth_method: 'private_key_jwt', redirect_uris: [`${ID}/cb`], jwks: { keys: [(await testKey()).jwk] } },
    ...{ grant_types: ['authorization_code', 'client_credentials', 'refresh_token'], response_types: ['code'] },
  };
});

async function made(properties: unknown): Promise<Made> {
  class Store {
    constructor(readonly model: string) {}
    find = async () => (this.model === 'Client' ? properties : undefined);
  }
  const provider = new Provider('https://as.example.net', {
    ...{ adapter: Store, scopes: ['read', 'openid', 'offline_access'], responseTypes: ['code', 'id_token', 'code id_token', 'none'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      richAuthorizationRequests: { enabled: true, types: { payment: { validate: () => undefined } } },
    },
  });
  return (await provider.Client.find(ID)) as Made;
}
const admitted = (metadata: object): Admitted =>
  ({
    entity: ID,
    entityType: 'oauth_client',
    allMetadata: { oauth_client: metadata },
    metadata,
    ...protocolOf(metadata as Record<string, unknown>),
  }) as unknown as Admitted;
async function automatic(metadata: object): Promise<Made> {
  const properties = clientProperties(admitted({ ...client, ...metadata }), ability);
  if (!properties.ok) throw new Error(JSON.stringify(properties.findings));
  return made(properties.value);
}
const registered = (metadata: object): Promise<Made> => made(narrowed({ client_id: ID, ...client } as never, admitted({ ...client, ...metadata })));
const allowed = (one: Made) => ALL.filter((grant) => one.grantTypeAllowed(grant));

describe.each([
  ['by its federation (federated)', automatic],
  ['by a registration (registering)', registered],
])('at oidc-provider, a client %s', (_, door) => {
  it('that was narrowed to no grants gets none, and to some gets no other, whatever it says of response types', async () => {
    expect(allowed(await door({}))).toEqual(['authorization_code', 'client_credentials', 'refresh_token']);
    const none = await door({ grant_types: [] });
    expect([allowed(none), none.responseTypeAllowed('code')]).toEqual([[], false]);
    expect(allowed(await door({ grant_types: ['client_credentials'] })), 'the provider adds the grant of a response type').toEqual(['client_credentials']);
    for (const wrong of ['authorization_code', [7, null]]) expect(await door({ grant_types: wrong }).then(allowed, () => []), 'what is no list').toEqual([]);
  });
});

describe('at oidc-provider, a client by its federation', () => {
  it('that says nothing of one has what RFC 7591 §2 says, and no more', async () => {
    expect(allowed(await automatic({ grant_types: undefined, response_types: undefined }))).toEqual(['authorization_code']);
    expect(allowed(await automatic({ grant_types: undefined, response_types: ['id_token'] })), 'no grant for it').toEqual([]);
    expect(allowed(await automatic({ grant_types: ['client_credentials'], response_types: undefined }))).toEqual(['client_credentials']);
    expect(allowed(await automatic({ grant_types: ['authorization_code'], response_types: ['code id_token', 'code'] }))).toEqual(['authorization_code']);
    const none = await automatic({ response_types: [] });
    expect([none.responseTypeAllowed('code'), none.grantTypeAllowed('authorization_code')]).toEqual([false, false]);
    expect((await automatic({ authorization_details_types: [] })).authorizationDetailsTypes).toEqual([]);
    expect((await automatic({ authorization_details_types: 'payment' })).authorizationDetailsTypes).toEqual([]);
    await expect(automatic({ scope: '' })).rejects.toThrow('it has no scope');
  });

  it('whose resources or details are none, or no list, has none of them, also where a server lets those have any of whom nothing is said', async () => {
    const info = () => ({ scope: 'read' });
    const asked = async (metadata: object) => {
      const options = {
        factsOf: async () => admitted({ ...client, ...metadata }),
        known: () => undefined,
        mayBeFederated: () => true,
        jwtAccessTokens: false,
        unlistedResources: true,
      };
      const resource = narrowedResources(options, info as never);
      const detail = narrowedDetails(options, 'payment', { validate: () => undefined } as never);
      const outcome = (work: Promise<unknown>) =>
        work.then(
          () => 'given',
          () => 'refused',
        );
      return [
        await outcome(Promise.resolve(resource?.({} as never, 'https://tools.example/mcp', { clientId: ID } as never))),
        await outcome(Promise.resolve(detail.validate({} as never, { type: 'payment', amount: 1 } as never, { clientId: ID } as never))),
      ];
    };
    expect(await asked({})).toEqual(['given', 'given']);
    for (const nothing of [[], null, 'https://tools.example/mcp', {}, [7]])
      expect(await asked({ allowed_resources: nothing, authorization_details_templates: nothing }), JSON.stringify(nothing)).toEqual(['refused', 'refused']);
  });
});
