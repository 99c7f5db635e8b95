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
