import { eq } from 'drizzle-orm';
import type { SigningAlgorithm } from '../federation/entry.js';
import { authority, authorityKey } from '../store/schema.js';
import type { Deployment } from '../operations/call.js';
import { overdue } from '../operations/artefacts/renew.js';
import { unconfirmed } from '../store/standing.js';

export interface Readiness {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, Check>>;
  /** Why checks fail, for the log of the operator: whoever asks is not told. */
  readonly reasons?: Readonly<Record<string, string>>;
}
/**
 * `not confirmed`: a restored history, of which nothing is signed and served before a person has confirmed it. `missing`: some of
 * several processes; the others answer, so it is ready.
 */
export type Check = 'ok' | 'failing' | 'not confirmed' | 'missing';

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

/** Tell of what keeps a process from being ready, and that nothing does any more, whenever that changes. */
export function onChange(tell: (found: Readiness) => void): (found: Readiness) => Readiness {
  let last = JSON.stringify([true]);
  return (found) => {
    const now = JSON.stringify([found.ready, ...(found.ready ? [] : [found.checks, Object.keys(found.reasons ?? {})])]);
    if (now !== last) tell(found);
    last = now;
    return found;
  };
}

/** Milliseconds: whoever balances load waits no longer, and a store behind a network may be asked patiently. */
const PATIENCE_MS = 3000;

/** Whether it came true in time. @returns why not; undefined: it did */
async function whyNot(probe: Promise<boolean>): Promise<string | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<string>((done) => {
    timer = setTimeout(() => done(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS);
  });
  try {
    return await Promise.race([probe.then((holds) => (holds ? undefined : 'it does not hold')), late]);
  } catch (error) {
    return chain(error);
  } finally {
    clearTimeout(timer);
  }
}

/** What an error says, and what it says it came from. */
export const chain = (error: unknown): string =>
  error instanceof Error ? [error.message, ...(error.cause === undefined ? [] : [chain(error.cause)])].join(': ') : String(error);

async function check(deployment: Deployment): Promise<Readiness> {
  const { store, custody, clock } = deployment;
  const reasons: Record<string, string> = {};
  const holds = async (name: string, probe: () => Promise<boolean>): Promise<'ok' | 'failing'> => {
    const reason = await whyNot(probe());
    if (reason !== undefined) reasons[name] = reason;
    return reason === undefined ? 'ok' : 'failing';
  };
  const restored = whyNot(unconfirmed(store.db).then((standing) => standing !== undefined)).then((reason) => reason === undefined);
  const [written, signingKey, trusted, renewal] = await Promise.all([
    holds('store', async () => {
      await store.probe();
      return true;
    }),
    holds('signing_key', async () => {
      const authorities = await store.db.select({ id: authority.id, state: authority.state }).from(authority);
      // One that is halted signs nothing, and answers so.
      const signing = authorities.filter(({ state }) => state === 'active').map(({ id }) => id);
      const all = await store.db.select().from(authorityKey).where(eq(authorityKey.state, 'active'));
      const keys = all.filter(({ authorityId }) => signing.includes(authorityId));
      await Promise.all(keys.map((key) => custody.signer({ ...key, alg: key.alg as SigningAlgorithm })));
      return authorities.length > 0 && signing.every((id) => keys.some(({ authorityId }) => authorityId === id));
    }),
    holds('clock', async () => (await clock.state(store)).trusted),
    holds('renewal', async () => (await overdue(deployment)) === 0),
  ]);
  const checks: Record<string, Check> = { store: written, signing_key: signingKey, clock: trusted, renewal };
  if (await restored) checks['restored'] = 'not confirmed';
  return { ready: Object.values(checks).every((one) => one === 'ok'), checks, reasons };
}
