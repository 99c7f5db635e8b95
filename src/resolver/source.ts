import { entityConfigurationUrl, mediaTypes, type Result } from '../federation/entry.js';
import type { Outbound } from '../outbound/outbound.js';

/** Where statements come from: the network, or our own store for authorities of this deployment. */
export interface StatementSource {
  /**
   * The Entity Configuration of an entity, as compact JWT (OpenID Federation 1.0 §9).
   * @param anew past whatever a cache has of it
   */
  configuration(entityId: string, anew?: boolean): Promise<Result<string>>;
  /** Did a cache give the configuration that was given last? Then there may be a newer one. */
  fromCache?(entityId: string): boolean;
  /** The Subordinate Statement of a superior about a subject (§8.1). */
  statement(superior: { readonly entityId: string; readonly fetchEndpoint: string }, subject: string): Promise<Result<string>>;
}

/** Where a Subordinate Statement is fetched (OpenID Federation 1.0 §8.1.1): `sub` is appended to whatever query the endpoint has. */
export const statementUrl = (fetchEndpoint: string, subject: string): string =>
  `${fetchEndpoint}${fetchEndpoint.includes('?') ? '&' : '?'}sub=${encodeURIComponent(subject)}`;

/** Statements over the wire. */
export function fetchedStatements(outbound: Outbound): StatementSource {
  const get = async (url: string): Promise<Result<string>> => {
    const reply = await outbound.get({ url, mediaType: mediaTypes.ENTITY_STATEMENT });
    return reply.ok ? { ok: true, value: reply.value.body.trim() } : reply;
  };
  return {
    configuration: (entityId) => get(entityConfigurationUrl(entityId)),
    statement: ({ fetchEndpoint }, subject) => get(statementUrl(fetchEndpoint, subject)),
  };
}
