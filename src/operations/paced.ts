import type { Store } from '../store/store.js';

/** What reading here takes before whoever asks something else has as long for himself (milliseconds): at a million members it takes seconds. */
const SPENT_MS = 5;
/** Rows that are looked at at once. */
const LOT = 1000;

/** Where this process reads by itself, half of the time is left to others; where another one does, nothing has to be. */
export function paced({ readsHere }: Pick<Store, 'readsHere'>): <T>(read: () => Promise<T>) => Promise<T> {
  let spent = 0;
  return async (read) => {
    const started = performance.now();
    const found = await read();
    spent += performance.now() - started;
    if (!readsHere || spent < SPENT_MS) return found;
    await new Promise((done) => setTimeout(done, spent));
    spent = 0;
    return found;
  };
}

/**
 * Rows in the order of their names, for something that no index finds: among a million it is looked for piece by piece.
 * @param from after which name
 * @param most rows that are wanted
 * @param lotEnd the last name of the piece after one; undefined: it is the last piece. Where another process reads there is one piece
 * @param between after a name, and up to another one
 */
export async function readInLots<Row>(
  store: Pick<Store, 'readsHere'>,
  { from: first, most }: { readonly from: string | undefined; readonly most: number },
  lotEnd: (from: string | undefined, size: number) => Promise<string | undefined>,
  between: (from: string | undefined, to: string | undefined, limit: number) => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  const read = paced(store);
  const found: Row[] = [];
  for (let from = first; ; ) {
    const after = from;
    const to = store.readsHere ? await read(() => lotEnd(after, LOT)) : undefined;
    found.push(...(await read(() => between(after, to, most - found.length))));
    if (to === undefined || found.length >= most) return found;
    from = to;
  }
}
