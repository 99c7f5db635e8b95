import { notesLeft } from '../../store/due-notes.js';
import { noteMissing, resignedAnew } from '../../store/due-slices.js';
import { nextSlice, noted } from '../../store/next-slice.js';
import type { Deployment } from '../call.js';
import type { Lots } from '../fair-lots.js';
import { type Resigning, staleAndDue } from '../jobs/stale.js';

/**
 * Rows of a slice at most. Where this process reads by itself these take it some ten milliseconds, at a million as well; elsewhere another
 * machine has the work, and every slice is several requests.
 */
export const dueSlice = ({ store }: Pick<Deployment, 'store'>): number => (store.readsHere ? 500 : 2000);

/** What is known, and what rests on something, has small rows, and others wait for these slices: so many times as many. */
const SMALL = 3;

interface Making {
  readonly lots: Lots;
  /** False stops between two slices. */
  readonly more: () => boolean;
  /** Is told what went wrong with a slice. */
  readonly failed: (error: unknown) => void;
}

/**
 * One slice of each thing that a change made due and no commit has written yet. It changes no state, so it has no event; where it stopped
 * stands in the store. A note that cannot be read, or a slice that cannot be written, keeps none of the others.
 * @returns how many went forward
 */
export async function makeDue(deployment: Deployment, { lots, more, failed }: Making): Promise<number> {
  const { store, now, turns } = deployment;
  const { notes } = await notesLeft(store.db);
  let done = 0;
  for (const note of notes) {
    if (!more()) return done;
    try {
      if (!(await turns.claim(deployment, 'renewal'))) return done;
      await lots.carry(async () => {
        const size = note.work.kind === 'artefacts' ? lots.size() : lots.size() * SMALL;
        const { statements, value } = await nextSlice(store.db, note, size, now());
        await store.write(statements);
        // Another process may have gone on meanwhile: then this was none.
        if ((await noted(store.db, note.work)) === value) done++;
      });
    } catch (error) {
      failed(error);
    }
  }
  return done;
}

/** What waits for slices of which there is no note, since it was lost: another one is made. */
export async function noteAnew({ store }: Deployment): Promise<void> {
  const missing = await noteMissing(store.db);
  if (missing.length > 0) await store.write(missing);
}

/**
 * A re-signing of which something is left: where nothing of it is due and no note is left either, that was lost, and another one is made. What
 * cannot be signed stays due, so that this happens once.
 */
export async function noteLost(deployment: Deployment, of: Resigning): Promise<void> {
  const { store } = deployment;
  const { notes } = await notesLeft(store.db);
  if (notes.some(({ work }) => work.kind === 'artefacts' && work.authorityId === of.authorityId)) return;
  if ((await staleAndDue(deployment, of)) > 0) return;
  await store.write([resignedAnew(of)]);
}
