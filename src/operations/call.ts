import { eq } from 'drizzle-orm';
import type { Outbound } from '../outbound/outbound.js';
import type { Custody } from '../keys/custody.js';
import type { ChangeRequest, Decision } from '../store/change.js';
import { Overtaken, type Statement } from '../store/database.js';
import { whileKeyInForce } from '../store/guards.js';
import { rememberAnswer } from '../store/idempotency.js';
import type { Actor } from '../store/event.js';
import { apiKey, authority, type Role } from '../store/schema.js';
import type { Store } from '../store/store.js';
import { clockWords, type TrustedClock } from './clock/trusted-clock.js';
import type { Explorer } from './explorer.js';
import { Refusal } from './refusal.js';
import type { Turns } from './turns.js';

/** What every operation works with. `now` gives seconds since the epoch. */
export interface Deployment {
  readonly store: Store;
  readonly custody: Custody;
  /** The door of whoever reads strangers; closed where the explorer is another thread. */
  readonly outbound: Outbound;
  readonly explorer: Explorer;
  readonly clock: TrustedClock;
  readonly turns: Turns;
  /** `clock.now`. */
  readonly now: () => number;
  /** Loopback http identifiers are allowed (architecture §8). */
  readonly development: boolean;
}

/** Remember the answer of a write under the caller's key, in the same batch. */
export interface Idempotency<in T> {
  readonly key: string;
  /** SHA-256 of method, path and body. */
  readonly request: string;
  readonly status: number;
  /** The response body; null where it holds a secret, which is shown once. */
  readonly render: (result: T) => unknown;
}

/**
 * One call by one actor. Whatever commits says of which result: the answer that is remembered with it is rendered from that
 * result, so a call that is to answer with one thing cannot be used up by a change that gives another.
 */
export interface Call<in T = never> extends Deployment {
  readonly actor: Actor;
  readonly role: Role | Background;
  /** Slugs the caller may touch; null: all. */
  readonly authorities: readonly string[] | null;
  readonly idempotency?: Idempotency<T>;
}

/** What works in the background is nobody: it may look after what people have decided, and decides nothing itself. */
type Background = 'background';

/** What a role may do. Quick to cut, slow to widen: everything that cuts needs no approver. */
const PERMISSIONS = {
  read: ['owner', 'operator', 'approver', 'auditor', 'background'],
  enroll: ['owner', 'operator'],
  approve: ['owner', 'approver'],
  cut: ['owner', 'operator'],
  /** Withhold what a key signed. */
  keys: ['owner', 'operator'],
  /** Make, stage, activate and retire keys, each when it is ready: by hand or by schedule. */
  rotate: ['owner', 'operator', 'background'],
  /** Bind the keys that a member shows in a configuration which a key we vouch for has signed. */
  follow: ['owner', 'operator', 'background'],
  /** Crawl below an anchor that a person has pinned. */
  crawl: ['owner', 'operator', 'background'],
  draft: ['owner', 'operator', 'approver'],
  /** Make the service ask the network about entities of the caller's choice. Auditors read what is there. */
  probe: ['owner', 'operator', 'approver'],
  administer: ['owner'],
} as const satisfies Record<string, readonly (Role | Background)[]>;
export type Permission = keyof typeof PERMISSIONS;

/** Why a call may not do it; undefined when it may. */
function whyNot(call: Call, permission: Permission, slug: string | null): string | undefined {
  if (slug !== null && call.authorities !== null && !call.authorities.includes(slug)) return `your API key is not for the authority ${slug}`;
  if (slug === null && call.authorities !== null) return 'your API key is limited to some authorities; this concerns the whole deployment';
  const roles: readonly (Role | Background)[] = PERMISSIONS[permission];
  if (!roles.includes(call.role)) return `the role ${call.role} may not ${permission}; it takes ${roles.filter((role) => role !== 'background').join(' or ')}`;
  return undefined;
}

/** @throws Refusal permission_denied */
export function allow(call: Call, permission: Permission, slug: string | null): void {
  const why = whyNot(call, permission, slug);
  if (why !== undefined) throw new Refusal('permission_denied', why);
}

/** The event chain of what concerns the deployment and no single authority. */
export const DEPLOYMENT = 'deployment';

/** For what depends on the state that is found behind the lock: asked before it. */
export const may = (call: Call, permission: Permission, slug: string | null): boolean => whyNot(call, permission, slug) === undefined;

const IDEMPOTENCY_SECONDS = 24 * 60 * 60;

/**
 * Run a change for a call: its actor goes into the event, its idempotency record into the batch. An API key is looked at
 * again with each change, so one that was ended, or may do less now, ends what is still running under it. While the clock is
 * not trusted an authority's own affairs wait, except for cuts, whose events then say so.
 * @throws Refusal permission_denied when the key was ended meanwhile, or was given another role or other authorities
 * @throws Refusal temporarily_unavailable while the clock is not trusted
 */
export async function change<T>(call: Call<T>, request: Omit<ChangeRequest<T>, 'actor'>): Promise<T> {
  const clock = request.authorityId === DEPLOYMENT ? undefined : await doubtOf(call);
  if (clock !== undefined && !request.urgent) throw new Refusal('temporarily_unavailable', clock);
  return call.store
    .change({
      ...request,
      actor: call.actor,
      decide: async (watch) => {
        const inForce = await expectKeyInForce(call, request.authorityId);
        if (!request.urgent) await expectNotRetired(call, request.authorityId);
        return withDoubt(clock, holding(inForce, remember(call, await request.decide(watch))));
      },
    })
    .catch((error: unknown) => {
      throw error instanceof Overtaken ? new Refusal('version_conflict', error.message) : error;
    });
}

/** What speaks against the clock; that it cannot be told does too. */
const doubtOf = ({ clock, store }: Call): Promise<string | undefined> =>
  clock.state(store).then(clockWords, () => 'the clock cannot be judged: the store does not answer');

const withDoubt = <T>(clock: string | undefined, decision: Decision<T>): Decision<T> =>
  clock === undefined ? decision : { ...decision, events: decision.events.map((one) => ({ ...one, detail: { ...one.detail, clock } })) };

/** What cuts goes on: a member may still be revoked, a key be called compromised. */
async function expectNotRetired({ store: { db } }: Call, authorityId: string): Promise<void> {
  const [row] = await db.select({ slug: authority.slug, state: authority.state }).from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (row?.state === 'retired') throw new Refusal('wrong_state', `the authority ${row.slug} is retired; nothing of it changes any more`);
}

/** First in the batch: the change may be the end of this very key. */
const holding = <T>(first: readonly Statement[], decision: Decision<T>): Decision<T> => ({ ...decision, statements: [...first, ...decision.statements] });

/** @returns what goes into the batch: it may be ended while this is decided */
async function expectKeyInForce({ store: { db }, actor, role, authorities, now }: Call, authorityId: string): Promise<readonly Statement[]> {
  if (actor.kind !== 'api_key') return [];
  const [key] = await db.select().from(apiKey).where(eq(apiKey.id, actor.id)).limit(1);
  const ended = !key || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now());
  if (ended || key.role !== role || JSON.stringify(key.authorities) !== JSON.stringify(authorities))
    throw new Refusal('permission_denied', 'this API key was ended, or changed, while the request was running; nothing more was done under it');
  return [whileKeyInForce(authorityId, actor.id, role, authorities)];
}

function remember<T>(call: Call<T>, decision: Decision<T>): Decision<T> {
  const { idempotency: asked } = call;
  if (!asked || decision.events.length === 0) return decision;
  const body = asked.render(decision.result);
  const row = {
    actorId: call.actor.id,
    key: asked.key,
    request: asked.request,
    status: asked.status,
    response: body === null ? null : JSON.stringify(body),
    expiresAt: call.now() + IDEMPOTENCY_SECONDS,
  };
  return { ...decision, statements: [...decision.statements, ...rememberAnswer(row, call.now())] };
}

export const SYSTEM: Actor = { id: 'system', kind: 'system' };

/** The service itself, in the background: jobs, schedules, what members publish. */
export const systemCall = (deployment: Deployment): Call<unknown> => ({ ...deployment, actor: SYSTEM, role: 'background', authorities: null });

/**
 * Whoever starts the process, for what a start does: the first authority, the first owner key, the token of the environment. It
 * may everything, because who holds database and environment owns the deployment; no request reaches it.
 */
export const startingCall = (deployment: Deployment): Call<unknown> => ({ ...deployment, actor: SYSTEM, role: 'owner', authorities: null });
