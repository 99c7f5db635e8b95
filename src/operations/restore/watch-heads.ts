import { readHead } from '../../store/change.js';
import type { Head } from '../../store/event.js';
import { confirmed, type SeenHead, unconfirmed, withholdStill, withholdWhereGone } from '../../store/standing.js';
import { DEPLOYMENT } from '../call.js';
import type { Deployment } from '../call.js';
import { hashAt, headsOf } from '../../store/known-heads.js';

/** The newest head seen of each chain, by authority; kept by whoever looks, outside the database. */
export type SeenHeads = Map<string, Head>;

const among = (all: readonly SeenHead[], { authorityId, seq, hash }: SeenHead): boolean =>
  all.some((one) => one.authorityId === authorityId && one.seq === seq && one.hash === hash);

/**
 * Notice a store whose chains went back, or another way: an event that was seen is not there any more. From then on it is
 * withheld like a restored one. What a person has given up is not missed again. Otherwise the heads of now are remembered.
 */
export async function watchHeads({ store, now }: Pick<Deployment, 'store' | 'now'>, seen: SeenHeads): Promise<void> {
  const { db } = store;
  const standing = await unconfirmed(db);
  for (const [authorityId, head] of store.acknowledged) if (head.seq > (seen.get(authorityId)?.seq ?? 0)) seen.set(authorityId, head);
  const accepted = (await confirmed(db))?.givenUp ?? [];
  const forget = (authorityId: string, head: Head): void => {
    seen.delete(authorityId);
    if (store.acknowledged.get(authorityId)?.hash === head.hash) store.acknowledged.delete(authorityId);
  };
  const gone: SeenHead[] = [];
  for (const [authorityId, head] of seen) {
    if ((await hashAt(db, authorityId, head.seq)) === head.hash) continue;
    if (among(accepted, { authorityId, ...head })) forget(authorityId, head);
    else gone.push({ authorityId, ...head });
  }
  if (standing) {
    const more = gone.filter((one) => !among(standing.givenUp, one));
    if (more.length) await store.write([withholdStill({ ...standing, givenUp: [...standing.givenUp, ...more] })], { urgent: true });
    return;
  }
  if (gone.length) return store.write([withholdWhereGone({ reason: 'went_back', at: now(), backupAt: null, givenUp: gone })], { urgent: true });
  for (const { authorityId, seq, hash } of await headsOf(db)) seen.set(authorityId, { seq, hash });
  const deployment = await readHead(db, DEPLOYMENT);
  if (deployment.seq > 0) seen.set(DEPLOYMENT, deployment);
}
