import { limits, mediaTypes, parseJws, STATUS_LIST_SIZE, type StatusListClaim } from '../../federation/entry.js';
import { statusAt, unpackStatuses } from '../../federation/status-list.js';
import type { Database } from '../../store/database.js';
import { currentStatusLists, misplacedMembers } from '../../store/status-lists.js';
import { statusSlice } from '../../store/status-places.js';
import type { Add } from './damage.js';

const MOST = 1000;

/**
 * A member's row names the place that is on record for it, and what is served of a list is what the rows say: of a list that something
 * was committed after which may move it, nothing is asked, since that is signed anew.
 */
export async function checkStatusLists(db: Database, authorityId: string, add: Add): Promise<void> {
  for (const { entityId } of await misplacedMembers(db, authorityId, MOST))
    add('status_place', `member ${entityId}`, 'its row names another place in the status lists than the one on record for it');
  for (const { key, bytes, iat } of await currentStatusLists(db, authorityId)) {
    const jws = parseJws(bytes, mediaTypes.typOf(mediaTypes.STATUS_LIST), limits.MAX_STATUS_LIST_BYTES);
    // What is no token of its kind is named with the artefacts.
    if (!jws.ok) continue;
    const unpacked = await unpackStatuses(jws.value.claims['status_list'] as StatusListClaim);
    if ('code' in unpacked) {
      add('status_list', `status list ${key}`, unpacked.detail);
      continue;
    }
    // Whoever ends by itself ends after the list does, so what the rows said when it was signed is what they say.
    const { values } = await statusSlice(db, { authorityId, list: Number(key), from: 0, to: STATUS_LIST_SIZE, now: iat, since: iat });
    const wanted = new Map(values);
    let wrong = 0;
    for (let idx = 0; idx < STATUS_LIST_SIZE; idx++) if (statusAt(unpacked, idx) !== (wanted.get(idx) ?? 0)) wrong++;
    if (wrong) add('status_list', `status list ${key}`, `${wrong} of its places say something else than the rows`);
  }
}
