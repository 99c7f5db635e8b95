import type { Result } from '../federation/entry.js';
import { MAX_WAITING, MAX_WALK_BYTES, PARALLEL_PER_HOST, PARALLEL_PER_PROCESS, PARALLEL_PER_WALK, WHOLE_WALK_MS } from './limits.js';
import type { FetchRequest, Outbound, PostRequest, Reply } from './outbound.js';
import { fetchFinding } from './read-reply.js';
import { createTurns, type Turns } from './turns.js';

type Exchange = (request: FetchRequest) => Promise<Result<Reply>>;

/** The same door with something done around every exchange. */
const around = (outbound: Outbound, wrap: (request: FetchRequest, go: Exchange) => Promise<Result<Reply>>): Outbound => ({
  get: (request) => wrap(request, (one) => outbound.get(one)),
  post: (request) => wrap(request, (one) => outbound.post(one as PostRequest)),
});

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '');

/**
 * Bound what the whole process asks of the world: fetches at once, in all and per host, so that politeness does not depend
 * on how many walks there are. A host that answers slowly holds up itself only.
 */
export function perProcess(outbound: Outbound, { parallel = PARALLEL_PER_PROCESS, perHost = PARALLEL_PER_HOST } = {}): Outbound {
  const all = createTurns(parallel);
  const hosts = new Map<string, { readonly turns: Turns; users: number }>();
  return around(outbound, async (request, go) => {
    const host = hostOf(request.url);
    const own = hosts.get(host) ?? { turns: createTurns(perHost), users: 0 };
    if (own.turns.waiting + all.waiting > MAX_WAITING) return fetchFinding('budget_exceeded', request.url, 'too many requests are waiting', true);
    hosts.set(host, own);
    own.users++;
    const doneHost = await own.turns.take();
    const done = await all.take();
    try {
      return await go(request);
    } finally {
      done();
      doneHost();
      if (--own.users === 0) hosts.delete(host);
    }
  });
}

/**
 * Bound what one walk may cost: fetches at once, decoded bytes, time. Running out of time may pass; running out of bytes is
 * a verdict on the graph.
 * @param milliseconds a clock that only goes forward
 */
export function perWalk(
  outbound: Outbound,
  milliseconds: () => number,
  { parallel = PARALLEL_PER_WALK, bytes = MAX_WALK_BYTES, time = WHOLE_WALK_MS } = {},
): Outbound {
  const turns = createTurns(parallel);
  const end = milliseconds() + time;
  let left = bytes;
  return around(outbound, async (request, go) => {
    const done = await turns.take();
    try {
      if (milliseconds() >= end) return fetchFinding('budget_exceeded', request.url, `the walk has taken ${time / 1000} s`, true);
      if (left <= 0) return fetchFinding('budget_exceeded', request.url, `the walk has read ${bytes} bytes`);
      const reply = await go(request);
      if (reply.ok) left -= reply.value.body.length;
      return reply;
    } finally {
      done();
    }
  });
}
