import { max, sql } from 'drizzle-orm';
import type { SigningAlgorithm } from '../federation/entry.js';
import { authority, authorityKey, event, setting } from '../store/schema.js';
import { insertRows } from '../store/bulk.js';
import type { Deployment } from '../operations/call.js';
import { overdue } from '../operations/renew.js';

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, 'ok' | 'failing'>>;
}

const CLOCK_TOLERANCE_SECONDS = 30;

/** Named checks, without detail: anyone may ask. */
export async function readiness(deployment: Deployment): Promise<Readiness> {
  const { store, custody, now } = deployment;
  const check = async (probe: () => Promise<boolean>): Promise<'ok' | 'failing'> => ((await probe().catch(() => false)) ? 'ok' : 'failing');
  const checks = {
    store: await check(async () => {
      await store.write([insertRows(setting, [{ name: 'readyz', value: String(now()) }], 'ON CONFLICT (name) DO UPDATE SET value = excluded.value')]);
      return true;
    }),
    signing_key: await check(async () => {
      const keys = await store.db.select().from(authorityKey).where(sql`state = 'active'`);
      await Promise.all(keys.map((key) => custody.signer({ ...key, alg: key.alg as SigningAlgorithm })));
      const authorities = await store.db.select({ id: authority.id }).from(authority).where(sql`state = 'active'`);
      return authorities.length > 0 && authorities.every(({ id }) => keys.some(({ authorityId }) => authorityId === id));
    }),
    // A clock behind the last event was set back, or was wrong then: nothing may be signed with it.
    clock: await check(async () => {
      const [last] = await store.db.select({ at: max(event.at) }).from(event);
      return now() >= (last?.at ?? 0) - CLOCK_TOLERANCE_SECONDS;
    }),
    renewal: await check(async () => (await overdue(deployment)) === 0),
  };
  return { ready: Object.values(checks).every((one) => one === 'ok'), checks };
}
