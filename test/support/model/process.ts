import { askingPublic } from '#test-platform';
import { askAdmin } from '../admin-app.js';
import type { Custody } from '../../../src/keys/custody.js';
import type { Deployment } from '../../../src/operations/call.js';
import { trustedClock } from '../../../src/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../../../src/operations/explore-directly.js';
import type { Outbound } from '../../../src/outbound/outbound.js';
import { createPublicApp } from '../../../src/public/app.js';
import type { ChangeRequest } from '../../../src/store/change.js';
import type { Clock } from '../../../src/store/clock.js';
import type { Store } from '../../../src/store/store.js';
import { type Answer, answer } from '../deployment.js';
import type { TestStore } from '../platform.js';

export class Killed extends Error {}

/** When a process ends: at its n-th write, before it is committed or after, so that nobody hears the answer. */
interface Fate {
  left: number;
  how: 'before' | 'after';
  dead: boolean;
}

function mortal(store: Store, fate: Fate): Store {
  const through = async <T>(act: () => Promise<T>): Promise<T> => {
    if (!fate.dead && (fate.left === 0 || --fate.left > 0)) return act();
    const now = !fate.dead && fate.how === 'after';
    fate.dead = true;
    if (now) await act().catch(() => undefined);
    throw new Killed('the process has ended');
  };
  return {
    ...store,
    change: <T>(request: ChangeRequest<T>) => through(() => store.change(request)),
    write: (statements) => through(() => store.write(statements)),
  };
}

export interface Parts {
  readonly custody: Custody;
  readonly outbound: Outbound;
  readonly clock: Clock;
}

/** One process of a deployment, and what anyone can ask of it. */
export interface Process {
  readonly name: string;
  deployment: Deployment;
  admin(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  public(url: string, init?: RequestInit): Promise<Answer>;
  /** Let it end at its n-th write from now on. */
  arm(left: number, how: Fate['how']): void;
  /** It has ended; if it has not, it goes on living. */
  ended(): boolean;
  /** Started anew: what it had in memory is gone. */
  restart(): void;
}

export function startProcess(name: string, { store, published, inbox }: ReturnType<TestStore['another']>, parts: Parts, token: () => string): Process {
  const { clock } = parts;
  let fate: Fate;
  const started = (): Deployment => {
    fate = { left: 0, how: 'before', dead: false };
    return exploringDirectly({ ...parts, store: mortal(store, fate), clock: trustedClock(clock, { development: false }), development: false });
  };
  const contextOf = () => ({ published, inbox, now: clock.now, development: false });
  const askPublic = askingPublic(createPublicApp(contextOf), contextOf, store.db);
  const process: Process = {
    name,
    deployment: started(),
    admin: (method, path, body, bearer = token()) =>
      answer(
        askAdmin(process.deployment, `http://admin.test/admin/v1${path}`, {
          method,
          headers: {
            authorization: `Bearer ${bearer}`,
            ...(body !== undefined && { 'content-type': typeof body === 'string' ? 'application/x-ndjson' : 'application/json' }),
          },
          ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
        }),
      ),
    public(url, init) {
      // A process asks every few milliseconds whether another one has committed; nobody waits for that here.
      if ('changed' in published) (published.changed as () => void)();
      return answer(askPublic(url, init));
    },
    arm: (left, how) => void Object.assign(fate, { left, how }),
    ended() {
      if (!fate.dead) fate.left = 0;
      return fate.dead;
    },
    restart() {
      process.deployment = started();
    },
  };
  return process;
}
