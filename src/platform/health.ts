import { eq } from 'drizzle-orm';
import type { SigningAlgorithm } from '../federation/entry.js';
import { authority, authorityKey } from '../store/schema.js';
import type { Deployment } from '../operations/call.js';
import { overdue } from '../operations/artefacts/renew.js';
import { unconfirmed } from '../store/standing.js';

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Check>>;
}
/** `not confirmed`: a restored history, of which nothing is signed and served before a person has confirmed it. */
type Check = 'ok' | 'failing' | 'not confirmed';

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

/** Milliseconds: whoever balances load waits no longer, and a store behind a network may be asked patiently. */
const PATIENCE_MS = 3000;

/** Whether it came true in time. */
async function inTime(probe: Promise<boolean>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((done) => {
    timer = setTimeout(() => done(false), PATIENCE_MS);
  });
  try {
    return await Promise.race([probe, late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function check(deployment: Deployment): Promise<Readiness> {
  const { store, custody, clock } = deployment;
  const holds = async (probe: () => Promise<boolean>): Promise<'ok' | 'failing'> => ((await inTime(probe())) ? 'ok' : 'failing');
  const restored = inTime(unconfirmed(store.db).then((standing) => standing !== undefined));
  const [written, signingKey, trusted, renewal] = await Promise.all([
    holds(async () => {
      await store.probe();
      return true;
    }),
    holds(async () => {
      const authorities = await store.db.select({ id: authority.id, state: authority.state }).from(authority);
      // One that is halted signs nothing, and answers so.
      const signing = authorities.filter(({ state }) => state === 'active').map(({ id }) => id);
      const all = await store.db.select().from(authorityKey).where(eq(authorityKey.state, 'active'));
      const keys = all.filter(({ authorityId }) => signing.includes(authorityId));
      await Promise.all(keys.map((key) => custody.signer({ ...key, alg: key.alg as SigningAlgorithm })));
      return authorities.length > 0 && signing.every((id) => keys.some(({ authorityId }) => authorityId === id));
    }),
    holds(async () => (await clock.state(store)).trusted),
    holds(async () => (await overdue(deployment)) === 0),
  ]);
  const checks: Record<string, Check> = { store: written, signing_key: signingKey, clock: trusted, renewal };
  if (await restored) checks['restored'] = 'not confirmed';
  return { ready: Object.values(checks).every((one) => one === 'ok'), checks };
}
