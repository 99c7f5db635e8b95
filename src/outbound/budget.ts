import type { Result } from '../federation/entry.js';
import { type Budget, type BudgetLimits, createBudget } from './evaluation-budget.js';
import { MAX_WAITING, PARALLEL_AHEAD, PARALLEL_AHEAD_PER_HOST, PARALLEL_PER_HOST, PARALLEL_PER_PROCESS } from './limits.js';
import type { FetchRequest, Outbound, PostRequest, Reply } from './outbound.js';
import { fetchFinding } from './read-reply.js';
import { createTurns, type Turns } from './turns.js';
import { readUrl } from '../federation/read-url.js';

type Exchange = (request: FetchRequest) => Promise<Result<Reply>>;

/** The same door with something done around every exchange. */
const around = (outbound: Outbound, wrap: (request: FetchRequest, go: Exchange) => Promise<Result<Reply>>): Outbound => ({
  get: (request) => wrap(request, (one) => outbound.get(one)),
  post: (request) => wrap(request, (one) => outbound.post(one as PostRequest)),
});

/** The host without its port: one machine behind many ports is one machine. */
export const hostOf = (url: string): string => readUrl(url)?.hostname.replace(/\.$/, '') ?? '';

/**
 * Bound what the whole process asks of the world: fetches at once, in all and per host, so that politeness does not depend
 * on how many walks there are. A host that answers slowly holds up itself only; who asks for much waits for its own requests,
 * and the others take turns with it.
 */
export function perProcess(
  outbound: Outbound,
  { parallel = PARALLEL_PER_PROCESS, ahead = PARALLEL_AHEAD, perHost = PARALLEL_PER_HOST, aheadPerHost = PARALLEL_AHEAD_PER_HOST, waiting = MAX_WAITING } = {},
): Outbound {
  const others = createTurns(parallel);
  const first = createTurns(ahead);
  const hosts = new Map<string, { readonly turns: Turns; readonly ahead: Turns; users: number }>();
  /** Who waits for a turn of its host, whichever that is. */
  let behindHosts = 0;
  return around(outbound, async (request, go) => {
    const host = hostOf(request.url);
    const own = hosts.get(host) ?? { turns: createTurns(perHost), ahead: createTurns(aheadPerHost), users: 0 };
    const all = request.ahead ? first : others;
    if (behindHosts + all.waiting >= waiting) return fetchFinding('budget_exceeded', request.url, 'too many requests are waiting', true);
    hosts.set(host, own);
    own.users++;
    // Others that do not answer there keep nobody waiting who is new.
    const gate = request.ahead && own.turns.full ? own.ahead : own.turns;
    const before = gate.waiting;
    const hostTurn = gate.take(request.asker);
    let turn: ReturnType<Turns['take']> | undefined;
    // At once where nothing is in the way, so that whoever comes in the same moment finds it counted.
    if (gate.waiting === before) turn = all.take(request.asker);
    else behindHosts++;
    const doneHost = await hostTurn;
    if (!turn) {
      behindHosts--;
      turn = all.take(request.asker);
    }
    const done = await turn;
    try {
      return await go(request);
    } finally {
      done();
      doneHost();
      if (--own.users === 0) hosts.delete(host);
    }
  });
}

/** The same door, everything fetched for one asker. @param ahead it goes through the gate of those whom nobody else may hold up */
export const askedBy = (outbound: Outbound, asker: object, ahead = false): Outbound =>
  around(outbound, (request, go) => go({ ...request, asker, ...(ahead && { ahead }) }));

/** The same door; somebody looks at each answer before anybody reads it. @param milliseconds how long it took to come */
export const lookedAt = (outbound: Outbound, look: (url: string, reply: Result<Reply>, milliseconds: number) => Promise<void>): Outbound =>
  around(outbound, async (request, go) => {
    const begun = performance.now();
    const reply = await go(request);
    await look(request.url, reply, performance.now() - begun);
    return reply;
  });

/** The same door, every exchange paid for by the budget of an evaluation. */
export const withinBudget = (outbound: Outbound, budget: Budget): Outbound =>
  around(outbound, (request, go) =>
    budget.exchange(
      request.url,
      ({ body }) => body.length,
      () => go(request),
    ),
  );

/**
 * The same door for one question, with a budget of its own: fetches, decoded bytes, time.
 * @param milliseconds a clock that only goes forward
 */
export const perWalk = (outbound: Outbound, milliseconds: () => number, limits: BudgetLimits = {}): Outbound =>
  withinBudget(outbound, createBudget(milliseconds, limits));
