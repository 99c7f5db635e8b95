import { finding, type Finding, isEntityId } from '../../federation/entry.js';
import type { Admitted } from '../admission.js';
import { BoundedMap } from '../bounded-map.js';
import type { FederationContext } from '../context.js';
import type { RelyingParty } from '../relying-party.js';
import { clientProperties, type ServerAbility } from './client-properties.js';
import { OAuthError, refusal } from './oauth-error.js';
import type { Adapter, ProviderContext } from './provider-types.js';
import { suppliedChain } from './supplied-chain.js';

/** Said of each decision, for the log. */
export type Told = FederationContext & { readonly route: string | undefined; readonly reasons?: readonly string[] };

export interface ClientsOptions {
  readonly federation: RelyingParty;
  readonly ability: ServerAbility;
  readonly entityTypes: readonly string[];
  readonly marks: readonly string[];
  /** Clients of the configuration, which nobody else may be. */
  readonly own: ReadonlySet<string>;
  /** Is a client id a metadata document, and no Entity Identifier? */
  readonly isDocument: (clientId: string) => boolean;
  /** The request under way. */
  readonly request: () => ProviderContext | undefined;
  readonly log: (told: Told) => void;
}

export interface FederatedClients {
  /** The store of clients with the federation behind it. */
  over(store: Adapter): Adapter;
  /** What the federation says of a client now; undefined: it is a client of this server itself. @throws OAuthError when it is not admitted */
  factsOf(clientId: string): Promise<Admitted | undefined>;
  /** What was found for the request under way. */
  known(clientId: string): Admitted | undefined;
  /** Not a client of this server itself, as far as can be told without asking. */
  mayBeFederated(clientId: string): boolean;
}

const MAX_KNOWN = 10_000;
const MAX_FIT = 1000;

export function federatedClients(options: ClientsOptions): FederatedClients {
  const { federation, ability, entityTypes, marks, own, isDocument, request, log } = options;
  const found = new BoundedMap<string, Admitted>(MAX_KNOWN);
  /** By request: what another one finds out meanwhile, or cannot find out, changes nothing of what this one is held to. */
  const ofRequest = new WeakMap<object, Map<string, Admitted>>();
  /** The metadata that the provider took last, by client. */
  const fit = new BoundedMap<string, string>(MAX_FIT);
  let store: Adapter | undefined;

  const mayBeFederated = (id: string): boolean => !own.has(id) && isEntityId(id, { development: federation.development }) && !isDocument(id);

  function keep(id: string, facts: Admitted): Admitted {
    const ctx = request();
    if (ctx) {
      const own = ofRequest.get(ctx) ?? new Map<string, Admitted>();
      ofRequest.set(ctx, own);
      own.set(id, facts);
    }
    return found.set(id, facts);
  }
  function forget(id: string): void {
    const ctx = request();
    if (ctx) ofRequest.get(ctx)?.delete(id);
    found.delete(id);
  }
  function knownTo(id: string): Admitted | undefined {
    const ctx = request();
    return (ctx && ofRequest.get(ctx)?.get(id)) ?? found.get(id);
  }

  /** Metadata that this provider makes no client of, a grant type that it does not have for one: what it would say of them itself is no answer to a client. */
  async function unfit(id: string, properties: Readonly<Record<string, unknown>>): Promise<readonly Finding[]> {
    const ctx = request();
    const metadata = JSON.stringify(properties);
    if (!ctx || fit.get(id) === metadata) return [];
    try {
      await ctx.oidc.provider.Client.validate(properties);
    } catch (error) {
      const { error: code, error_description: said } = error as { readonly error?: string; readonly error_description?: string };
      if (code !== 'invalid_client_metadata' && code !== 'invalid_redirect_uri') throw error;
      return [finding('requirement_unmet', 'metadata', `this server takes no such client: ${said ?? code}`)];
    }
    fit.set(id, metadata);
    return [];
  }

  async function admitted(id: string): Promise<{ readonly facts: Admitted; readonly properties: Readonly<Record<string, unknown>> }> {
    const ctx = request();
    const route = ctx?.oidc.route;
    const admission = await federation.admit(id, { requires: { entityType: entityTypes, marks }, trustChain: suppliedChain(ctx, id) });
    if (!admission.admitted) {
      log({ ...admission.context, route, reasons: admission.findings.map(({ code }) => code) });
      throw refusal(admission, ctx);
    }
    const properties = clientProperties(admission, ability);
    const findings = properties.ok ? await unfit(id, properties.value) : properties.findings;
    if (!properties.ok || findings.length > 0) {
      log({ ...admission.context, decision: 'denied', route, reasons: findings.map(({ code }) => code) });
      throw refusal({ reason: 'denied', error: 'invalid_metadata', findings }, ctx);
    }
    log({ ...admission.context, route });
    return { facts: keep(id, admission), properties: properties.value };
  }

  /** An authentication request proves that who sends it has a key of the client: by a Request Object, or by having been pushed (AR-04). */
  function requireProof(id: string): void {
    const { route, params } = request()?.oidc ?? {};
    if (route === 'authorization' && params?.['client_id'] === id && params['request'] === undefined && params['request_uri'] === undefined)
      throw new OAuthError(400, 'invalid_request', 'clients of a federation push their requests, or sign a Request Object');
  }

  return {
    known: knownTo,
    mayBeFederated,
    over(given) {
      store = given;
      return {
        ...bound(given),
        async find(id) {
          const mine = await given.find(id);
          if (mine !== undefined) forget(id);
          if (mine !== undefined || !mayBeFederated(id)) return mine;
          requireProof(id);
          return (await admitted(id)).properties;
        },
      };
    },
    async factsOf(id) {
      if (!mayBeFederated(id)) return undefined;
      if (store && (await store.find(id)) !== undefined) return undefined;
      return (await admitted(id)).facts;
    },
  };
}

/** The methods of an adapter that is a class, bound to it. */
export const bound = (adapter: Adapter): Adapter => ({
  find: (id) => adapter.find(id),
  findByUid: (uid) => adapter.findByUid(uid),
  findByUserCode: (code) => adapter.findByUserCode(code),
  upsert: (id, payload, expiresIn) => adapter.upsert(id, payload, expiresIn),
  consume: (id) => adapter.consume(id),
  destroy: (id) => adapter.destroy(id),
  revokeByGrantId: (id) => adapter.revokeByGrantId(id),
});
