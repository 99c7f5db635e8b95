import { newNonce, sha256 } from '../../keys/random.js';
import type { Rate } from '../../store/gcra.js';
import { type Asked, letIn, saltOf } from '../../store/rate-limits.js';
import type { Deployment } from '../call.js';

/** Somebody asks more often than is good. */
export class TooMany extends Error {
  /** @param retryAfter seconds */
  constructor(readonly retryAfter: number) {
    super(`too many requests; come again in ${retryAfter} s`);
  }
}

/** Writes from one address: sixty at once, then one in two seconds. */
const ADDRESS: Rate = { interval: 2, burst: 60 };
/** Applications by one link: sixty at once, then one in ten seconds. */
const LINK: Rate = { interval: 10, burst: 60 };
/** Each makes the service ask the network. */
const PREFLIGHT: Rate = { interval: 60, burst: 5 };

/** @throws TooMany */
async function pace({ store, now }: Deployment, asked: readonly Asked[]): Promise<void> {
  const wait = await letIn(store, asked, now());
  if (wait !== undefined) throw new TooMany(Math.ceil(wait));
}

/**
 * @param address as `client-address.ts` gives it; undefined: nobody knows, and all of those share
 * @throws TooMany
 */
export async function paceAddress(deployment: Deployment, address: string | undefined): Promise<void> {
  const salt = await saltOf(deployment.store, newNonce);
  await pace(deployment, [{ bucket: `address ${await sha256(`${salt} ${address ?? 'unknown'}`)}`, rate: ADDRESS }]);
}
export const paceLink = (deployment: Deployment, linkId: string): Promise<void> => pace(deployment, [{ bucket: `link ${linkId}`, rate: LINK }]);
export const pacePreflight = (deployment: Deployment, id: string): Promise<void> => pace(deployment, [{ bucket: `preflight ${id}`, rate: PREFLIGHT }]);
/** Acts of one member: sixty at once, then one in two seconds. */
const MEMBER: Rate = { interval: 2, burst: 60 };
export const paceMember = (deployment: Deployment, id: string): Promise<void> => pace(deployment, [{ bucket: `member ${id}`, rate: MEMBER }]);
