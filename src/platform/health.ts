import { sql } from 'drizzle-orm';
import type { SigningAlgorithm } from '../federation/entry.js';
import { authority, authorityKey } from '../store/schema.js';
import type { Deployment } from '../operations/call.js';
import { overdue } from '../operations/artefacts/renew.js';

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, 'ok' | 'failing'>>;
}

const CLOCK_TOLERANCE_SECONDS = 30;

/** Anyone may ask as often as he likes; the checks write and read, so their outcome is kept for this long. */
const KEEP_SECONDS = 5;
const kept = new WeakMap<Deployment, { readonly at: number; readonly outcome: Promise<Readiness> }>();

/** Named checks, without detail. */
export function readiness(deployment: Deployment): Promise<Readiness> {
  const at = deployment.now();
  const last = kept.get(deployment);
  if (last && at - last.at < KEEP_SECONDS && at >= last.at) return last.outcome;
  const outcome = check(deployment);
  kept.set(deployment, { at, outcome });
  return outcome;
}

async function check(deployment: Deployment): Promise<Readiness> {
  const { store, custody, now } = deployment;
  const holds = async (probe: () => Promise<boolean>): Promise<'ok' | 'failing'> => ((await probe().catch(() => false)) ? 'ok' : 'failing');
  const checks = {
    store: await holds(async () => {
      await store.probe();
      return true;
    }),
    signing_key: await holds(async () => {
      const authorities = await store.db.select({ id: authority.id, state: authority.state }).from(authority);
      // One that is halted signs nothing, and answers so.
      const signing = authorities.filter(({ state }) => state === 'active').map(({ id }) => id);
      const all = await store.db.select().from(authorityKey).where(sql`state = 'active'`);
      const keys = all.filter(({ authorityId }) => signing.includes(authorityId));
      await Promise.all(keys.map((key) => custody.signer({ ...key, alg: key.alg as SigningAlgorithm })));
      return authorities.length > 0 && signing.every((id) => keys.some(({ authorityId }) => authorityId === id));
    }),
    // A clock behind the last event of a chain was set back, or was wrong then: nothing may be signed with it.
    clock: await holds(async () => now() >= (await lastEventAt(deployment)) - CLOCK_TOLERANCE_SECONDS),
    renewal: await holds(async () => (await overdue(deployment)) === 0),
  };
  return { ready: Object.values(checks).every((one) => one === 'ok'), checks };
}

/** When the last event of each authority, and the last of all, was written, whichever is latest: one look-up for each. */
async function lastEventAt({ store }: Deployment): Promise<number> {
  const [row] = await store.db.all<{ at: number | null }>(sql`
    SELECT max(at) AS at FROM (
      SELECT (SELECT e.at FROM event AS e WHERE e.authority_id = a.id ORDER BY e.seq DESC LIMIT 1) AS at FROM authority AS a
      UNION ALL SELECT at FROM event WHERE rowid = (SELECT max(rowid) FROM event)
    )`);
  return row?.at ?? 0;
}
