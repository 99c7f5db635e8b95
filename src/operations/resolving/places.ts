import type { LINES } from '../../store/schema.js';

/** One of the lines in which the entities stand that are due. */
export type Line = keyof typeof LINES;

export interface Share {
  /** Entities of this line that are asked at the same time. Whoever does not answer costs a socket, and nobody else's place. */
  readonly asked: number;
  /** Of these, how many are for those who came within the last seconds, however many wait. */
  readonly recent: number;
  /** Of those that have answered, how many are evaluated at the same time: what they send is read then, and held in memory. */
  readonly places: number;
}

/**
 * What each line has to itself, so that none waits for another. An evaluation ends within twenty seconds, and there are four
 * asked for each place: who has answered has its place well within a lease.
 */
export const SHARES: Readonly<Record<Line, Share>> = {
  changed: { asked: 24, recent: 8, places: 6 },
  held: { asked: 16, recent: 0, places: 6 },
  found: { asked: 8, recent: 0, places: 3 },
  rest: { asked: 12, recent: 0, places: 3 },
};
export const IN_ORDER: readonly Line[] = ['changed', 'held', 'found', 'rest'];

export type How = 'together' | 'alone';

/** Where what others have sent is read: by evaluations, and by the turns of discovery beside them. */
export interface Places {
  /** Waits for a place; call what it gives when done. One that is alone is so among all lines, and the turns. */
  enter(line: Line | 'turn', how: How): Promise<() => void>;
  /** Places that are taken. */
  readonly taken: number;
}

export function createPlaces(shares: Readonly<Record<Line, Pick<Share, 'places'>>> = SHARES): Places {
  const running = new Map<Line | 'turn', number>();
  const waiting = new Map<Line | 'turn', (() => void)[]>();
  const alone: (() => void)[] = [];
  let all = 0;
  let isAlone = false;
  /** Whose turn it is when both wait: those who may be together, after each one that was alone. */
  let together = true;
  const count = (line: Line | 'turn', by: number) => {
    running.set(line, (running.get(line) ?? 0) + by);
    all += by;
  };
  const letIn = (): void => {
    if (isAlone) return;
    if (together || alone.length === 0)
      for (const [line, queue] of waiting)
        while (queue.length && (running.get(line) ?? 0) < (line === 'turn' ? 1 : shares[line].places)) {
          count(line, 1);
          queue.shift()?.();
        }
    if (alone.length === 0) return;
    together = false;
    if (all > 0) return;
    isAlone = true;
    alone.shift()?.();
  };
  return {
    async enter(line, how) {
      await new Promise<void>((go) => {
        if (how === 'alone') alone.push(go);
        else waiting.set(line, [...(waiting.get(line) ?? []), go]);
        letIn();
      });
      let left = false;
      return () => {
        if (left) return;
        left = true;
        if (how === 'alone') [isAlone, together] = [false, true];
        else count(line, -1);
        letIn();
      };
    },
    get taken() {
      return all + Number(isAlone);
    },
  };
}

/** Do the reading of a turn of discovery, in its place. */
export async function inPlace<T>(places: Places | undefined, how: How, work: () => Promise<T>): Promise<T> {
  const leave = await places?.enter('turn', how);
  try {
    return await work();
  } finally {
    leave?.();
  }
}
