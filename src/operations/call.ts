import { eq } from 'drizzle-orm';
import { spellingOf } from '../federation/place.js';
import type { Outbound } from '../outbound/outbound.js';
import type { Custody } from '../keys/custody.js';
import type { ChangeRequest, Decision, Watch } from '../store/change.js';
import { Overtaken, type Statement } from '../store/database.js';
import { rememberAnswer } from '../store/idempotency.js';
import type { Actor, NewEvent } from '../store/event.js';
import { NARROWING_EVENTS, PLACING_EVENTS, RESTORING_EVENTS } from '../store/narrowing-events.js';
import { authority, type KeyRole } from '../store/schema.js';
import type { EvidenceFiles } from '../store/evidence-files.js';
import type { Store } from '../store/store.js';
import type { Together } from '../store/together.js';
import { expectInForce, letInWith } from './access/in-force.js';
import { clockWords, type TrustedClock } from './clock/trusted-clock.js';
import { Waiting } from './deciding/waiting.js';
import type { Explorer } from './explorer.js';
import { type Background, type CallingPerson, mayBy, type Permission, permits, rolesThatMay } from './permissions.js';
import { Refusal } from './refusal.js';
import type { Turns } from './turns.js';

/** What every operation works with. `now` gives seconds since the epoch. */
export interface Deployment {
  readonly store: Store;
  readonly custody: Custody;
  /** The door of whoever reads strangers; closed where the explorer is another thread. */
  readonly outbound: Outbound;
  readonly explorer: Explorer;
  /** A resolver that is asked over HTTPS (RFC 8484); without one nobody is asked for DNS records. */
  readonly dnsResolver?: string | undefined;
  readonly clock: TrustedClock;
  readonly turns: Turns;
  /** Where the bytes of evidence lie; undefined where there is no place for files. */
  readonly evidence?: EvidenceFiles | undefined;
  /** `clock.now`. */
  readonly now: () => number;
  /** How long what waits for a second person waits (seconds); left out: deciding/proposal-end.ts. */
  readonly approvalsLast?: number | undefined;
  /** Rows that one commit makes due, of what reaches all of an authority; left out: store/due-slices.ts. */
  readonly dueAtOnce?: number | undefined;
  /** What is signed because of a commit, before whoever asked for it is answered. Never fails. */
  readonly afterCommit: (deployment: Deployment, committed: Committed, together: Together) => Promise<void>;
  /** Does somebody wait for the processor whom this process can see? Long jobs ask between two lots (fair-lots.ts). */
  readonly pressed?: (() => boolean) | undefined;
  /** Loopback http identifiers are allowed (architecture §8). */
  readonly development: boolean;
}

/** Authorities of whose members, or what was issued to them, a commit has changed the standing; and those where somebody may be new in a list. */
export interface Committed {
  readonly moved: readonly string[];
  readonly placed: readonly string[];
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
  /** What the key may; of a person's key `person`, or the role it is narrowed to. */
  readonly role: KeyRole | Background;
  /** Slugs the caller may touch; null: all. */
  readonly authorities: readonly string[] | null;
  /** Whose key it is, where it is a person's. */
  readonly person?: CallingPerson | undefined;
  /** The key of the environment: whoever sets that owns the deployment, and is the way back when nobody is left who may grant. */
  readonly recovery?: boolean | undefined;
  /** Nothing is committed (rehearsing.ts). */
  readonly rehearsal?: true | undefined;
  readonly idempotency?: Idempotency<T>;
}

/** Why a call may not do it; undefined when it may. */
function whyNot(call: Call, permission: Permission, slug: string | null): string | undefined {
  const { role, authorities, person } = call;
  if (slug !== null && authorities !== null && !authorities.includes(slug)) return `your API key is not for the authority ${slug}`;
  if (slug === null && authorities !== null) return 'your API key is limited to some authorities; this concerns the whole deployment';
  const takes = `it takes ${rolesThatMay(permission)}`;
  if (role !== 'person' && !permits(role, permission)) return `the role ${role} may not ${permission}; ${takes}`;
  if (person && !mayBy(person.roles, permission, slug))
    return `no role that you hold ${slug === null ? 'for all authorities' : `for the authority ${slug}`} may ${permission}; ${takes}`;
  // A key that may what its person may, without a person, may nothing.
  return role === 'person' && !person ? 'this API key belongs to nobody' : undefined;
}

/** What the caller is, for a sentence that says it may not. */
export const asWhom = ({ role, person }: Call): string => (person && role === 'person' ? 'none of your roles' : `the role ${role}`);

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

interface Changing<T> extends Omit<ChangeRequest<T>, 'actor' | 'decide'> {
  decide(watch: Watch, together: Together): Promise<Decision<T> | Decision<Waiting>>;
}

/**
 * Run a change for a call: its actor goes into the event, its idempotency record into the batch. An API key, and what its
 * person may, is looked at again with each change, so one that was ended, or may do less now, ends what is still running under
 * it. While the clock is not trusted an authority's own affairs wait, except for cuts, whose events then say so.
 * @throws Refusal permission_denied when the key was ended meanwhile, or was given another role or other authorities
 * @throws Refusal temporarily_unavailable while the clock is not trusted
 * @throws Waiting when it is on record that this person wants it, and it takes another one
 */
export async function change<T>(call: Call<T>, request: Changing<T>): Promise<T> {
  const clock = request.authorityId === DEPLOYMENT ? undefined : await doubtOf(call);
  let committed: (Committed & { readonly together: Together }) | undefined;
  if (clock !== undefined && !request.urgent) throw new Refusal('temporarily_unavailable', clock);
  const result = await call.store
    .change<T | Waiting>({
      ...request,
      // Whoever is spelled alike sees what becomes of the other one.
      ...(request.scope !== null && { apart: [spellingOf(request.scope), ...(request.apart ?? [])] }),
      actor: call.actor,
      decide: async (watch, together) => {
        const inForce = await together.once(`in force ${letInWith(call)}`, () => expectInForce(call, request.authorityId));
        if (!request.urgent) await together.once('not retired', () => expectNotRetired(call, request.authorityId));
        const decision: Decision<T | Waiting> = await request.decide(watch, together);
        const more = { ...(clock !== undefined && { clock }), ...(call.actor.key !== undefined && { api_key: call.actor.key }) };
        committed = { ...committedBy(request.authorityId, decision), together };
        return telling(more, holding(inForce, remember(call, decision)));
      },
    })
    .catch((error: unknown) => {
      throw error instanceof Overtaken ? new Refusal('version_conflict', error.message) : error;
    });
  if (committed && !call.rehearsal && committed.moved.length + committed.placed.length > 0) await call.afterCommit(call, committed, committed.together);
  if (result instanceof Waiting) throw result;
  return result;
}

const MOVING: ReadonlySet<string> = new Set([...NARROWING_EVENTS, ...RESTORING_EVENTS]);
const PLACING: ReadonlySet<string> = new Set(PLACING_EVENTS);

function committedBy(authorityId: string, { events, elsewhere = [] }: Decision<unknown>): Committed {
  const chains = [{ authorityId, events }, ...elsewhere];
  const having = (types: ReadonlySet<string>) => chains.filter((one) => one.events.some(({ type }) => types.has(type))).map((one) => one.authorityId);
  return { moved: having(MOVING), placed: having(PLACING) };
}

/** What speaks against the clock; that it cannot be told does too. */
const doubtOf = ({ clock, store }: Call): Promise<string | undefined> =>
  clock.state(store).then(clockWords, () => 'the clock cannot be judged: the store does not answer');

/** What every event of a change says beside its own. */
function telling<T>(more: Readonly<Record<string, unknown>>, decision: Decision<T>): Decision<T> {
  if (Object.keys(more).length === 0) return decision;
  const told = (events: readonly NewEvent[]) => events.map((one) => ({ ...one, detail: { ...one.detail, ...more } }));
  const elsewhere = decision.elsewhere?.map((one) => ({ ...one, events: told(one.events) }));
  return { ...decision, events: told(decision.events), ...(elsewhere && { elsewhere }) };
}

/** What cuts goes on: a member may still be revoked, a key be called compromised. */
async function expectNotRetired({ store: { db } }: Call, authorityId: string): Promise<void> {
  const [row] = await db.select({ slug: authority.slug, state: authority.state }).from(authority).where(eq(authority.id, authorityId)).limit(1);
  if (row?.state === 'retired') throw new Refusal('wrong_state', `the authority ${row.slug} is retired; nothing of it changes any more`);
}

/** First in the batch: the change may be the end of this very key. */
const holding = <T>(first: readonly Statement[], decision: Decision<T>): Decision<T> => ({ ...decision, statements: [...first, ...decision.statements] });

function remember<T>(call: Call<T>, decision: Decision<T | Waiting>): Decision<T | Waiting> {
  const { idempotency: asked } = call;
  if (!asked || decision.events.length === 0) return decision;
  const { result } = decision;
  const body = result instanceof Waiting ? result.answer : asked.render(result);
  const row = {
    actorId: rememberedFor(call.actor),
    key: asked.key,
    request: asked.request,
    status: result instanceof Waiting ? Waiting.STATUS : asked.status,
    response: body === null ? null : JSON.stringify(body),
    expiresAt: call.now() + IDEMPOTENCY_SECONDS,
  };
  return { ...decision, statements: [...decision.statements, ...rememberAnswer(row, call.now())] };
}

/** Answers belong to the key that asked: another one of the same person may be narrower. */
export const rememberedFor = ({ id, key }: Actor): string => key ?? id;

export const SYSTEM: Actor = { id: 'system', kind: 'system' };

/** The service itself, in the background: jobs, schedules, what members publish. */
export const systemCall = (deployment: Deployment): Call<unknown> => ({ ...deployment, actor: SYSTEM, role: 'background', authorities: null });

/**
 * Whoever starts the process, for what a start does: the first authority, the first owner key, the token of the environment. It
 * may everything, because who holds database and environment owns the deployment; no request reaches it.
 */
export const startingCall = (deployment: Deployment): Call<unknown> => ({ ...deployment, actor: SYSTEM, role: 'owner', authorities: null });
