import type { Database } from '../../store/database.js';
import { filesAfter } from '../../store/evidence-rows.js';
import type { Add } from './damage.js';

const PAGE = 500;
/** The hash of the file that should have this one; undefined: there is no such file. */
export type HashOf = (sha256: string) => Promise<string | undefined>;

/** Every file that a row of evidence names is there, and is what was handed in. */
export async function checkEvidence(db: Database, hashOf: HashOf, addTo: (authorityId: string) => Add, report: (n: number) => void): Promise<void> {
  let n = 0;
  for (let after = ''; ; ) {
    const rows = await filesAfter(db, after, PAGE);
    for (const { id, authorityId, sha256 } of rows) {
      const found = await hashOf(sha256);
      if (found === undefined) addTo(authorityId)('evidence_missing', `evidence ${id}`, `there is no file ${sha256.slice(0, 64)}`);
      else if (found !== sha256) addTo(authorityId)('evidence_changed', `evidence ${id}`, `the file ${sha256.slice(0, 64)} is not what was handed in`);
    }
    n += rows.length;
    report(n);
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.id ?? after;
  }
}
