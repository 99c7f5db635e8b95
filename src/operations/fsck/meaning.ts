import type { Database } from '../../store/database.js';
import { notesLeft } from '../../store/due-notes.js';
import { BARRED_AND_LIVING, bundleNames, contradictions, DECIDED_BY_TOO_FEW, HALTED_AND_BOUND, ROWS_OF_NOBODY, withBundles } from '../../store/meaning.js';
import { REGISTERED_OTHERWISE } from '../../store/meaning-registering.js';
import type { Add } from './damage.js';

const MOST = 1000;

/** Rows that nothing is made from, and on which decisions rest: they are about somebody, and what they say is so. */
export async function checkMeaning(db: Database, addTo: (authorityId: string) => Add): Promise<void> {
  for (const [table, rule] of Object.entries(ROWS_OF_NOBODY))
    for (const { authorityId, what } of await contradictions(db, rule, MOST))
      addTo(authorityId)(
        'row_of_nobody',
        `${table} ${what}`,
        table === 'approval' ? 'it is about no decision on record' : 'no member here is what it is about',
      );
  for (const { authorityId, what } of await contradictions(db, BARRED_AND_LIVING, MOST))
    addTo(authorityId)('barred_and_living', `member ${what}`, 'its identifier is barred, and it has not ended, or something is published about it');
  for (const { authorityId, what } of await contradictions(db, HALTED_AND_BOUND, MOST))
    addTo(authorityId)('halted_and_bound', `member ${what.split(' ')[0]}`, `its key ${what.split(' ')[1]} was halted, and nobody waived that`);
  for (const { authorityId, what } of await contradictions(db, DECIDED_BY_TOO_FEW, MOST))
    addTo(authorityId)('decided_by_too_few', `approval ${what}`, 'fewer persons have approved it than it says');
  for (const [detail, rule] of REGISTERED_OTHERWISE)
    for (const { authorityId, what } of await contradictions(db, rule, MOST)) addTo(authorityId)('registered_otherwise', what, detail);
  await checkBundles(db, addTo);
  for (const name of (await notesLeft(db)).unreadable)
    addTo('deployment')('note_unreadable', `setting ${name}`, 'what a change left to be made due in slices cannot be read of its name');
}

async function checkBundles(db: Database, addTo: (authorityId: string) => Add): Promise<void> {
  const known = await bundleNames(db);
  for (let after = '', full = true; full; ) {
    const rows = await withBundles(db, after, MOST);
    for (const { authorityId, what, bundles } of rows) {
      // What is no list of texts is named with its cell.
      const gone = listIn(bundles).filter((name) => !known.has(`${authorityId} ${String(name)}`));
      if (gone.length) addTo(authorityId)('row_of_nobody', `member ${what}`, `it has the bundle ${String(gone[0])}, which is not on record`);
    }
    full = rows.length === MOST;
    after = rows.at(-1)?.id ?? after;
  }
}

function listIn(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}
