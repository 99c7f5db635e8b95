import { compressStatuses, limits, mediaTypes, NOT_BEFORE, signStatusList, STATUS_SEQ } from '../../federation/entry.js';
import { aboveOf } from '../../store/agent-authorities.js';
import type { NewArtefact } from '../../store/bulk.js';
import { artefactOf, type Issuer } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { NEVER } from '../../store/words.js';
import { placesNow } from './known-places.js';
import { statusListAt } from './status-claim.js';

/** How long a list may be believed, and after how long it is to be asked for anew (seconds). */
export const LIST_LASTS = 300;
const TTL = 15;
/**
 * A list outlives the end of somebody in it by so much at most (seconds): the background of a Worker has a turn a minute, and without
 * a list nobody is known to be in force. What a place stands for has ended by its own `exp` then.
 */
const OUTLIVES = 90;
/** Of more than so many who came back lately it is said as if all had: what else lives loses some tokens, nothing gains any. */
const MOST_BACK = 4000;

/**
 * Make a list from what the rows say, and sign it. It is a function of them alone. Whoever reads it may rely on it until the first of
 * those that it calls valid ends by itself, or for `OUTLIVES`, so nobody is valid long beyond its own end, whatever the background does. What was committed while
 * it was read is in the chain after `cut`: then it is not served (store/narrowing-events.ts), so what was read piece by piece is as good as one piece.
 * @param list its number
 * @param before `iat` of the one it replaces: whoever has seen that takes no older one, and the clock of who signed it may be ahead of ours
 */
export async function signedStatusList(deployment: Deployment, issuer: Issuer, list: string, before: number): Promise<NewArtefact> {
  const { authority, signer } = issuer;
  const now = deployment.now();
  const iat = Math.max(now, Math.min(before, now + limits.CLOCK_SKEW_SECONDS));
  const above = await aboveOf(deployment.store.db, authority.id);
  // Whoever rests on what has ended has ended too.
  const ended = above.until <= iat;
  const { packed, back, until, seq } = await placesNow(deployment, authority.id, Number(list), ended ? NEVER : iat);
  const since = iat - limits.MAX_STATEMENT_LIFETIME;
  const { back: whole } = above;
  const all = whole !== null && whole >= since ? [['*', whole] as const] : [];
  const came = back.length > MOST_BACK ? [['*', Math.max(...back.map(([, at]) => at))] as const] : back.map(([idx, at]) => [String(idx), at] as const);
  const told = [...all, ...came];
  const exp = Math.max(iat + OUTLIVES, Math.min(iat + LIST_LASTS, Math.floor(Math.min(until ?? NEVER, ended ? NEVER : above.until))));
  const bytes = await signStatusList(
    {
      iss: authority.entityId,
      sub: statusListAt(authority.entityId, list),
      iat,
      exp,
      ttl: TTL,
      status_list: await compressStatuses(packed),
      [STATUS_SEQ]: seq,
      ...(told.length > 0 && { [NOT_BEFORE]: latestOf(told) }),
    },
    signer,
  );
  return artefactOf(issuer, { kind: 'status_list', key: list, cut: seq }, mediaTypes.STATUS_LIST, bytes, iat, exp);
}

/** Of a name that comes twice the later time. */
function latestOf(told: readonly (readonly [string, number])[]): Readonly<Record<string, number>> {
  const times: Record<string, number> = {};
  for (const [name, at] of told) times[name] = Math.max(times[name] ?? 0, at);
  return times;
}
