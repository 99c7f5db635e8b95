import { notesLeft } from '../../store/due-notes.js';
import { noteMissing } from '../../store/due-slices.js';
import { nextSlice, noted } from '../../store/next-slice.js';
import type { Deployment } from '../call.js';
import type { Lots } from '../fair-lots.js';

/** Rows of a slice at most: at a million, where each lies somewhere else, these take a twentieth of a second. */
export const DUE_SLICE = 500;

/**
 * One slice of each thing that a change made due and no commit has written yet. It changes no state, so it has no event; where it stopped
 * stands in the store. A note that cannot be read keeps none of the others.
 * @param more false stops between two slices
 * @returns how many went forward
 */
export async function makeDue(deployment: Deployment, lots: Lots, more: () => boolean): Promise<number> {
  const { store, now } = deployment;
  const { notes } = await notesLeft(store.db);
  let done = 0;
  for (const note of notes) {
    if (!more() || !(await deployment.turns.claim(deployment, 'renewal'))) return done;
    done += await lots.carry(async () => {
      const { statements, value } = await nextSlice(store.db, note, lots.size(), now());
      await store.write(statements);
      // Another process may have gone on meanwhile: then this was none.
      return (await noted(store.db, note.work)) === value ? 1 : 0;
    });
  }
  return done;
}

/** What waits for slices of which there is no note, since it was lost: another one is made. */
export async function noteAnew({ store }: Deployment): Promise<void> {
  const missing = await noteMissing(store.db);
  if (missing.length > 0) await store.write(missing);
}
