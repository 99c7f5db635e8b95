import { type Entitlement, entitlementsNarrow, finding } from '../../federation/entry.js';
import { eq } from 'drizzle-orm';
import { bundlesOf } from '../../store/bundles.js';
import type { Database } from '../../store/database.js';
import { member } from '../../store/schema.js';
import { entitledTo } from '../entitlements/effective.js';
import { refuseFindings } from '../refusal.js';
import type { AuthorityRow } from '../registry.js';

/** What agents of an authority may ask for at most: what is said of it above. Undefined: nothing limits it. */
export async function ceilingOf(db: Database, { agentsAs }: Pick<AuthorityRow, 'agentsAs'>): Promise<readonly Entitlement[] | undefined> {
  const [row] = agentsAs === null ? [] : await db.select().from(member).where(eq(member.id, agentsAs)).limit(1);
  // Where nothing is said above, nothing may be had.
  if (!row) return [];
  return entitledTo(row, await bundlesOf(db, row.authorityId));
}

/**
 * What an agent asks to be given, within what agents may have. Where grant types are limited, one that names none has those.
 * @throws Refusal findings
 */
export function withinCeiling(asked: readonly Entitlement[], ceiling: readonly Entitlement[] | undefined): readonly Entitlement[] {
  if (ceiling === undefined) return asked;
  const grants = asked.some(({ kind }) => kind === 'grant_type') ? [] : ceiling.filter(({ kind }) => kind === 'grant_type');
  const beyond = asked.filter((one) => !entitlementsNarrow(ceiling, [...ceiling.filter(({ kind }) => kind === 'grant_type'), one]));
  if (beyond.length)
    throw refuseFindings(
      'an agent is given nothing that agents of this authority may not have',
      beyond.map(({ kind, value }) => finding('entitlement_invalid', 'entitlements', `${kind} ${value} is not among what is said of the authority above`)),
    );
  return [...asked, ...grants];
}
