import type { Database } from '../../store/database.js';
import { BARRED_AND_LIVING, BUNDLES_OF_NOBODY, contradictions, DECIDED_BY_TOO_FEW, HALTED_AND_BOUND, ROWS_OF_NOBODY } from '../../store/meaning.js';
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
  for (const { authorityId, what } of await contradictions(db, BUNDLES_OF_NOBODY, MOST))
    addTo(authorityId)('row_of_nobody', `member ${what}`, 'it has a bundle of entitlements that is not on record');
}
