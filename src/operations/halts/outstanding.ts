import { limits } from '../../federation/entry.js';
import { activeOfOrganization, handedOutOf, handedOutOfType, latestOfAuthority, membersNamed, type Whom } from '../../store/outstanding.js';
import type { Call } from '../call.js';

/**
 * Until when others may hold what was handed out before a cut. It is read as the cut is decided and goes into its event, so
 * that it is known later, when the artefacts are gone. A resolve response ends with the statements it rests on.
 */
export interface Outstanding {
  /** The latest `exp`; null where nothing was out, or something has no end. */
  readonly until: number | null;
  /** A mark without an end was handed out: it verifies for as long as the key does. */
  readonly endless?: true;
  readonly statements?: number;
  readonly marks?: number;
}

const NOTHING = -1;

function outstanding(times: readonly (number | null)[], counts: Omit<Outstanding, 'until' | 'endless'> = {}): Outstanding {
  const until = Math.max(NOTHING, ...times.map((time) => time ?? NOTHING));
  if (until >= limits.MAX_TIME) return { until: null, endless: true, ...counts };
  return { until: until === NOTHING ? null : until, ...counts };
}

/** A cut waits for nothing it can do without: what cannot be counted is not told. */
const ifCounted = (counting: Promise<Outstanding>): Promise<{ readonly outstanding?: Outstanding }> =>
  counting.then(
    (found) => ({ outstanding: found }),
    () => ({}),
  );

async function ofMembers({ store: { db }, now }: Call, whom: Whom): Promise<Outstanding> {
  const { statements, hosted, marks, opening } = await handedOutOf(db, whom, now());
  return outstanding([statements.until, hosted.until, marks.until, opening.until], { statements: statements.count, marks: marks.count });
}

/** For the detail of the event of a cut. */
export const outstandingOfMember = (call: Call, id: string) => ifCounted(ofMembers(call, membersNamed([id])));
export const outstandingOfOrganization = (call: Call, authorityId: string, id: string) => ifCounted(ofMembers(call, activeOfOrganization(authorityId, id)));
export const outstandingOfAuthority = (call: Call, authorityId: string) =>
  ifCounted(latestOfAuthority(call.store.db, authorityId).then((until) => outstanding([until])));
export const outstandingOfType = (call: Call, authorityId: string, type: string) =>
  ifCounted(handedOutOfType(call.store.db, authorityId, type, call.now()).then(({ count, until }) => outstanding([until], { marks: count })));
export const outstandingOfMembers = (call: Call, ids: readonly string[]) => ifCounted(ofMembers(call, membersNamed(ids)));
