import { createKeyCache, finding, type JwkSet, limits, mediaTypes, readStatusList, type StatusList } from '../../federation/entry.js';
import type { Outbound } from '../../outbound/outbound.js';
import { BoundedMap } from '../bounded-map.js';
import { type Clock, systemClock } from '../clock.js';
import type { Mode } from '../modes.js';
import { keySetId } from './key-set-id.js';
import { type Known, type Reply as Said, type Watched, watched } from './watched.js';

const MAX_LISTS = 1000;
/** Of all lists that are kept (bytes): one may have a megabyte. Those that were not asked for longest go, and are fetched again when they are. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface ListsOptions {
  readonly outbound: Outbound;
  readonly mode: Mode;
  readonly clock?: Clock | undefined;
  readonly maxBytes?: number;
}

/** The status lists that chains name, each watched with the keys that it was verified with. */
export function statusLists({
  outbound,
  mode,
  clock = systemClock,
  maxBytes = MAX_BYTES,
}: ListsOptions): (uri: string, jwks: JwkSet) => Promise<Known<StatusList>> {
  const lists = new BoundedMap<string, Watched<StatusList>>(MAX_LISTS, maxBytes);
  const cache = createKeyCache(100);
  const ask = async (
    uri: string,
    jwks: JwkSet,
    known: { readonly value: StatusList; readonly etag: string | undefined } | undefined,
  ): Promise<Said<StatusList>> => {
    const reply = await outbound.get({ url: uri, mediaType: mediaTypes.STATUS_LIST, maxBytes: limits.MAX_STATUS_LIST_BYTES, etag: known?.etag });
    if (!reply.ok) return { kind: isSilence(reply.findings) ? 'unreachable' : 'wrong', findings: reply.findings };
    if (reply.value.notModified) return { kind: 'same' };
    const list = await readStatusList(reply.value.body.trim(), { uri, jwks, now: clock.now(), cache });
    if (!list.ok) return { kind: 'wrong', findings: list.findings };
    if (known && list.value.iat < known.value.iat)
      return { kind: 'wrong', findings: [finding('status_unknown', uri, `the list was issued at ${list.value.iat}, before the one seen already`, true)] };
    lists.weigh(keyOf(uri, jwks), list.value.weight);
    return { kind: 'value', value: list.value, etag: reply.value.etag };
  };
  return (uri, jwks) => {
    const key = keyOf(uri, jwks);
    const list =
      lists.get(key) ??
      lists.set(
        key,
        watched({
          what: uri,
          ask: (known) => ask(uri, jwks, known),
          until: ({ exp }) => exp,
          ttl: ({ ttl }) => ttl,
          passes: isWithheld,
          milliseconds: mode.milliseconds,
          clock,
        }),
      );
    return list.get(mode.seconds);
  };
}

const keyOf = (uri: string, jwks: JwkSet): string => `${uri} ${keySetId(jwks)}`;

/** Did nobody answer? What answers is judged by what it says. */
export const isSilence = (findings: readonly { readonly code: string; readonly transient: boolean }[]): boolean =>
  findings.every(({ code, transient }) => transient && (code === 'fetch_failed' || code === 'budget_exceeded'));

/** A list is withheld for the moment in which something was taken back and the new one is not signed yet: that passes. */
const isWithheld = (said: Said<StatusList>): boolean =>
  said.kind === 'wrong' && said.findings.length > 0 && said.findings.every(({ code, transient }) => transient && code === 'status_unexpected');
