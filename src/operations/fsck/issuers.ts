import type { Database } from '../../store/database.js';
import { ENDED_STATES, type HeldIssuer } from '../../store/schema.js';
import { vouchedOfNobody, vouchedOnRecord, vouchedTexts, vouchingAfter } from '../../store/vouched-issuers.js';
import type { Add } from './damage.js';

const PAGE = 500;

/** Who may speak for a name is found by a table that is made from the members' rows: it says what they say. */
export async function checkIssuers(db: Database, authorityId: string, add: Add): Promise<void> {
  for (const { memberId } of await vouchedOfNobody(db, authorityId, PAGE)) add('row_of_nobody', `vouched_issuer ${memberId}`, 'its member is gone');
  for (let last = ''; ; ) {
    const rows = await vouchingAfter(db, authorityId, last, PAGE);
    const kept = new Map<string, string[]>();
    for (const { memberId, text } of await vouchedOnRecord(
      db,
      rows.map(({ id }) => id),
    ))
      kept.set(memberId, [...(kept.get(memberId) ?? []), text]);
    for (const { id, entityId, state, issuers } of rows) {
      // A cell that cannot be read has a finding of its own (cells.ts).
      const said = ENDED_STATES.includes(state) ? [] : read(issuers);
      if (said === undefined) continue;
      const found = kept.get(id) ?? [];
      if (said.length !== found.length || said.some((one) => !found.includes(one)))
        add('issuer_index', `member ${entityId}`, `of the ${said.length} namespaces that its issuers may speak for, ${found.length} are on record, or others`);
    }
    if (rows.length < PAGE) return;
    last = rows.at(-1)?.id ?? last;
  }
}

function read(text: string): readonly string[] | undefined {
  try {
    return vouchedTexts(JSON.parse(text) as readonly HeldIssuer[]);
  } catch {
    return undefined;
  }
}
