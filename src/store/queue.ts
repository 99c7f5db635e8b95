import type { ChangeRequest } from './decision.js';
import { Overtaken } from './database.js';

/** What waits for its turn in the chain of an authority. */
export interface Waiting {
  readonly request: ChangeRequest<unknown>;
  tries: number;
  /** It could not be written together with others, so it is by itself. */
  alone: boolean;
  /** Of a cut: the chains that it watched and lost, and how each is given back. */
  readonly holding: Map<string, () => void>;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export const subjectOf = ({ scope, about }: ChangeRequest<unknown>): string | null => scope ?? about ?? null;

/**
 * A cut goes before what waits for the same member, organization, type, anchor or authority, and what waits was decided by
 * somebody who did not know of it: a resume that queued behind an import must not undo it, though the cut found nothing left
 * to cut. So it is refused, and whoever asked decides again.
 */
export function overtake(queue: Waiting[], subject: string | null): void {
  if (subject === null) return;
  for (let at = queue.length - 1; at >= 0; at--) {
    const { request, reject } = queue[at] as Waiting;
    if (subjectOf(request) !== subject || request.urgent) continue;
    queue.splice(at, 1);
    reject(new Overtaken('a cut of it came first; look at it and decide again'));
  }
}

/** One after another comes within this, while several are on their way; and for so long they are waited for at most (milliseconds). */
const NEXT_WITHIN_MS = 1;
const GATHERED_FOR_MS = 20;

/**
 * Wait while others keep coming, for whoever shares a transaction shares what it costs: two dozen that are answered together ask
 * together again, and not in the same turn of the event loop. Nobody is waited for who comes alone, and a cut waits for nobody.
 * @param size of a group; where it is one there is nothing to share
 * @param before how many there were a moment ago
 */
export async function gathered(queue: readonly Waiting[], size: number, before: number): Promise<void> {
  const goesTogether = () => queue.length < size && queue.every(({ request: { urgent, scope } }) => !urgent && scope !== null);
  const until = performance.now() + GATHERED_FOR_MS;
  for (let seen = before; queue.length > seen && goesTogether() && performance.now() < until; ) {
    seen = queue.length;
    await new Promise((done) => setTimeout(done, NEXT_WITHIN_MS));
  }
}

/** The next operations that may share a transaction; the order of operations on one member, and of those to be apart, is kept. */
export function takeGroup(queue: Waiting[], size: number): Waiting[] {
  const group: Waiting[] = [];
  const taken = new Set<string>();
  for (let at = 0; at < queue.length && group.length < size; ) {
    const { scope, apart = [] } = (queue[at] as Waiting).request;
    if (scope === null) {
      if (group.length === 0 && taken.size === 0) return queue.splice(at, 1);
      break;
    }
    const own = [`scope ${scope}`, ...apart.map((one) => `apart ${one}`)];
    if (own.some((one) => taken.has(one))) at++;
    else group.push(...queue.splice(at, 1));
    for (const one of own) taken.add(one);
  }
  return group;
}
