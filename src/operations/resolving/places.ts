import type { LINES } from '../../store/schema.js';

/** One of the lines in which the entities stand that are due. */
export type Line = keyof typeof LINES;

export interface Share {
  /** Entities of this line that are asked at the same time. Whoever does not answer costs a socket, and nobody else's place. */
  readonly asked: number;
  /** Of these, how many are for those who came within the last seconds, however many wait. */
  readonly recent: number;
  /** Of those that have answered, how many are evaluated at the same time: what they send is read then. */
  readonly places: number;
  /** Of those, how many more may wait for somebody else's answer meanwhile: what they have sent is held in memory. */
  readonly away: number;
}

/**
 * What each line has to itself, so that none waits for another. An evaluation ends within twenty seconds, and there are four
 * asked for each place: who has answered has its place well within a lease.
 */
export const SHARES: Readonly<Record<Line, Share>> = {
  changed: { asked: 24, recent: 8, places: 6, away: 12 },
  held: { asked: 16, recent: 0, places: 6, away: 6 },
  many: { asked: 16, recent: 0, places: 4, away: 6 },
  found: { asked: 12, recent: 4, places: 3, away: 3 },
  rest: { asked: 12, recent: 0, places: 3, away: 3 },
};
export const IN_ORDER: readonly Line[] = ['changed', 'held', 'many', 'found', 'rest'];

export type How = 'together' | 'alone';
/** Turns of discovery that read beside the lines, each in one place. */
export type Turn = 'turn' | 'crawl';

export interface Place {
  /** Once, when done. */
  leave(): void;
  /** Somebody else is waited for: others may have the place meanwhile. Who is alone stays so. */
  goAway(): void;
  /** Waits for a place again, before those that had none yet. */
  comeBack(): Promise<void>;
}

/** Where what others have sent is read: by evaluations, and by the turns of discovery beside them. */
export interface Places {
  /** Waits for a place. One that is alone is so among all lines, and the turns. */
  enter(line: Line | Turn, how: How): Promise<Place>;
  /** Places that are taken, and those who will be back. */
  readonly taken: number;
}

export function createPlaces(shares: Readonly<Record<Line, Pick<Share, 'places' | 'away'>>> = SHARES): Places {
  const shareOf = (line: Line | Turn) => (line === 'turn' || line === 'crawl' ? { places: 1, away: 0 } : shares[line]);
  const running = new Map<Line | Turn, number>();
  const away = new Map<Line | Turn, number>();
  const waiting = new Map<Line | Turn, (() => void)[]>();
  const returning = new Map<Line | Turn, (() => void)[]>();
  const alone: (() => void)[] = [];
  let all = 0;
  let isAlone = false;
  /** Whose turn it is when both wait: those who may be together, after each one that was alone. */
  let together = true;
  const count = (of: Map<Line | Turn, number>, line: Line | Turn, by: number) => void of.set(line, (of.get(line) ?? 0) + by);
  const seat = (queues: Map<Line | Turn, (() => void)[]>): void => {
    for (const [line, queue] of queues)
      while (queue.length && (running.get(line) ?? 0) < shareOf(line).places) {
        count(running, line, 1);
        queue.shift()?.();
      }
  };
  const letIn = (): void => {
    if (isAlone) return;
    // Who is to be alone waits for these too.
    seat(returning);
    if (together || alone.length === 0) seat(waiting);
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
        else {
          const queue = waiting.get(line) ?? [];
          waiting.set(line, queue);
          queue.push(() => {
            all++;
            go();
          });
        }
        letIn();
      });
      let where: 'here' | 'away' | 'left' = 'here';
      return {
        leave() {
          if (where === 'left') return;
          if (how === 'alone') [isAlone, together] = [false, true];
          else {
            count(where === 'away' ? away : running, line, -1);
            all--;
          }
          where = 'left';
          letIn();
        },
        goAway() {
          if (how === 'alone' || where !== 'here' || (away.get(line) ?? 0) >= shareOf(line).away) return;
          where = 'away';
          count(running, line, -1);
          count(away, line, 1);
          letIn();
        },
        async comeBack() {
          if (where !== 'away') return;
          await new Promise<void>((go) => {
            const queue = returning.get(line) ?? [];
            returning.set(line, queue);
            queue.push(go);
            letIn();
          });
          count(away, line, -1);
          where = 'here';
        },
      };
    },
    get taken() {
      return all + Number(isAlone);
    },
  };
}

/** Do the reading of a turn of discovery, in its place. */
export async function inPlace<T>(places: Places | undefined, how: How, work: () => Promise<T>, turn: Turn = 'turn'): Promise<T> {
  const place = await places?.enter(turn, how);
  try {
    return await work();
  } finally {
    place?.leave();
  }
}
