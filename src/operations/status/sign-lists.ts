import { eq } from 'drizzle-orm';
import { parseJws, limits, mediaTypes, STATUS_SEQ } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { type NewArtefact, renewArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import { restWhileHalted } from '../../store/due-artefacts.js';
import { authority } from '../../store/schema.js';
import {
  agentsListsWithheld,
  authoritiesBehind,
  authoritiesDue,
  keepReplaced,
  listsBehind,
  listsOfStopped,
  type StatusListRow,
  withStatusListsWithheld,
} from '../../store/status-lists.js';
import { issuerOf } from '../artefacts/publish.js';
import type { Deployment } from '../call.js';
import { hurried } from '../keys/from-custody.js';
import { patienceOf } from '../keys/patience.js';
import { forgetPlaces } from './known-places.js';
import { LIST_LASTS, signedStatusList } from './sign-list.js';

/** Lists that others change while they are signed are signed once more, so often. */
const MOST_TRIES = 5;

/** What a list says beside when; of one that ends early its end too, since that is when somebody in it ends. */
function saidIn(compact: string): string {
  const jws = parseJws(compact, mediaTypes.typOf(mediaTypes.STATUS_LIST), limits.MAX_STATUS_LIST_BYTES);
  if (!jws.ok) return '';
  const { iat, exp, [STATUS_SEQ]: _, ...said } = jws.value.claims;
  return JSON.stringify([said, Number(exp) - Number(iat) === LIST_LASTS ? null : exp]);
}

/** For the batch that puts new lists in the place of others: what goes is kept for a day. */
export const keepGoing = async (rows: readonly { readonly id: number; readonly sha256: string; readonly bytes: string }[]): Promise<Statement> =>
  keepReplaced(await Promise.all(rows.map(async ({ id, sha256: hash, bytes }) => ({ id, sha256: hash, says: await sha256(saidIn(bytes)) }))));

/**
 * Sign the lists of an authority that are behind, until none is: of what is committed meanwhile the chain tells.
 * @throws as `issuerOf` does
 */
async function signBehind(deployment: Deployment, authorityId: string): Promise<void> {
  const { db } = deployment.store;
  const [of] = await db.select().from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (of?.state !== 'active') return;
  // One that is silent holds up nobody who waits for the next one.
  const issuer = await issuerOf({ ...deployment, custody: hurried(deployment.custody) }, of);
  for (let n = 0; n < MOST_TRIES; n++) {
    const rows = await listsBehind(db, authorityId, deployment.now());
    if (rows.length === 0) return;
    for (const row of rows) await replace(deployment, row, await signedStatusList(deployment, issuer, row.key, row.iat));
  }
}

async function replace({ store }: Deployment, row: StatusListRow, fresh: NewArtefact): Promise<void> {
  const { authorityId, kind, variant, bytes, sha256: hash, iat, exp, cap, kid, generation, cut, renewAt } = fresh;
  const was = { sha256: row.sha256, cap: row.cap, renewAt: row.renewAt, withheld: row.withheld, leaseUntil: row.leaseUntil };
  await store.write([
    await keepGoing([row]),
    ...renewArtefacts([{ id: row.id, was, authorityId, kind, variant, bytes, sha256: hash, iat, exp, cap, kid, generation, cut, renewAt }]),
  ]);
}

/** Who is signing the lists of an authority, and who will next: whatever is committed meanwhile is in the next one, and many wait for that together. */
interface Turn {
  readonly now: Promise<void>;
  next?: Promise<void>;
}
const turns = new WeakMap<object, Map<string, Turn>>();

function inTurn(deployment: Deployment, authorityId: string): Promise<void> {
  const known = turns.get(deployment.store) ?? new Map<string, Turn>();
  turns.set(deployment.store, known);
  const turn = known.get(authorityId);
  if (turn) {
    turn.next ??= turn.now.catch(() => undefined).then(() => begin());
    return turn.next;
  }
  return begin();

  function begin(): Promise<void> {
    const own: Turn = {
      now: signBehind(deployment, authorityId).finally(() => {
        if (known.get(authorityId) === own && !own.next) known.delete(authorityId);
      }),
    };
    known.set(authorityId, own);
    return own.now;
  }
}

/**
 * Sign the lists that are due, and those behind which something was committed that were not signed with it: key custody was away then, or a version
 * did it that knows no lists. What is only due one process of several signs.
 * @throws the first error, after every authority had its turn
 */
export async function signDueLists(deployment: Deployment): Promise<void> {
  const { db } = deployment.store;
  const stopped = await listsOfStopped(db);
  if (stopped.length > 0) await deployment.store.write([restWhileHalted(stopped)]);
  const behind = await authoritiesBehind(db);
  const due = (await authoritiesDue(db, deployment.now())).filter((id) => !behind.includes(id));
  const mine = due.length > 0 && (await deployment.turns.claim(deployment, 'renewal')) ? due : [];
  // What is signed here is read whole: once a minute, wherever somebody is in it.
  for (const id of [...behind, ...mine]) forgetPlaces(deployment, id);
  const done = await Promise.allSettled([...behind, ...mine].map((id) => inTurn(deployment, id)));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}

/**
 * Sign the lists that a commit has moved, before whoever asked for it is answered. That it cannot be done now is no failure of what
 * was done: it is waited for a moment, what has to be is not served meanwhile, and the background goes on trying. Lists of
 * agents' authorities say when what is above came back, so those that its commit withheld are signed with it.
 */
export const signMovedLists: Deployment['afterCommit'] = async (deployment, { moved, placed }, together) => {
  const patience = patienceOf();
  const { db } = deployment.store;
  const due = async () =>
    new Set([...moved, ...(placed.length ? await withStatusListsWithheld(db, placed) : []), ...(await agentsListsWithheld(db, [...moved, ...placed]))]);
  // Those of one transaction have moved the same lists, most of them.
  const which = together.once(`lists to sign ${JSON.stringify([moved, placed])}`, due);
  await patience(which.then((ids) => Promise.allSettled([...ids].map((id) => inTurn(deployment, id)))));
};
