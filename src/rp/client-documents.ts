import { DOCUMENT_ENTITY, finding, isEntityId, type JwkSet, mediaTypes, parseJwkSet } from '../federation/entry.js';
import { sameKey } from '../federation/jwk-set.js';
import { isObject, parseJson } from '../federation/strict-json.js';
import type { Outbound } from '../outbound/outbound.js';
import { BoundedMap } from './bounded-map.js';
import type { Clock } from './clock.js';
import { isSilence } from './gate/status-lists.js';
import { type Known, type Reply, type Watched, watched } from './gate/watched.js';
import type { Mode } from './modes.js';

const MAX_BYTES = 64 * 1024;
const MAX_DOCUMENTS = 5000;
/** A document that was seen serves for so long while its authority does not answer (seconds): as long as a status list does. */
const SILENCE_SECONDS = 300;

/** What a Client ID Metadata Document of an authority says: whom it is about, and the keys of that client. */
export interface ClientDocument {
  readonly entity: string;
  readonly jwks: JwkSet;
}

/** The authority below whose `/clients/` a client id lies; undefined: it is no document of an authority. */
export function authorityOfDocument(clientId: string, development: boolean): string | undefined {
  const authority = /^(.+)\/clients\/[A-Za-z0-9_-]+$/.exec(clientId)?.[1];
  return isEntityId(authority, { development }) ? authority : undefined;
}

/** Are all these keys among those? */
export const keysWithin = ({ keys }: JwkSet, of: JwkSet | undefined): boolean =>
  keys.length > 0 && keys.every((key) => of?.keys.some((one) => sameKey(one, key)) === true);

/**
 * The documents that authorities serve of their members (draft-ietf-oauth-client-id-metadata-document), watched: with the commit of a
 * halt one is gone, and is looked for as often as the mode says. `was`: whom it was about when it was there last, for logs.
 */
export function clientDocuments({ outbound, mode, clock, development }: { outbound: Outbound; mode: Mode; clock: Clock; development: boolean }) {
  const documents = new BoundedMap<string, Watched<ClientDocument>>(MAX_DOCUMENTS);
  const seen = new BoundedMap<string, string>(MAX_DOCUMENTS);

  async function ask(clientId: string, etag: string | undefined): Promise<Reply<ClientDocument>> {
    const reply = await outbound.get({ url: clientId, mediaType: mediaTypes.JSON_TYPE, maxBytes: MAX_BYTES, etag });
    if (!reply.ok) {
      const denied = reply.findings.some(({ code, transient }) => code === 'status_unexpected' && !transient);
      return { kind: isSilence(reply.findings) ? 'unreachable' : denied ? 'denied' : 'wrong', findings: reply.findings };
    }
    if (reply.value.notModified) return { kind: 'same' };
    const json = parseJson(reply.value.body, clientId);
    const said = json.ok && isObject(json.value) ? json.value : {};
    const { client_id: named, [DOCUMENT_ENTITY]: entity, jwks } = said;
    const keys = parseJwkSet(jwks, 'jwks', { strict: false });
    const no = (detail: string): Reply<ClientDocument> => ({ kind: 'denied', findings: [finding('requirement_unmet', clientId, detail)] });
    if (named !== clientId) return no('its client_id is not where it is served');
    if (!keys.ok) return no('it has no keys by value');
    if (typeof entity !== 'string' || !isEntityId(entity, { development })) return no('it does not say which entity it is about');
    seen.set(clientId, entity);
    return { kind: 'value', value: { entity, jwks: keys.value }, etag: reply.value.etag };
  }

  async function get(clientId: string): Promise<Known<ClientDocument>> {
    const document =
      documents.get(clientId) ??
      documents.set(
        clientId,
        watched({
          what: clientId,
          ask: (known) => ask(clientId, known?.etag),
          until: (_, confirmed) => confirmed + SILENCE_SECONDS,
          milliseconds: mode.milliseconds,
          clock,
        }),
      );
    return document.get(mode.seconds);
  }
  return { get, was: (clientId: string): string | undefined => seen.get(clientId) };
}
