import { and, eq, or } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { inLot, readByList } from '../../store/lots.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { organization } from '../../store/schema.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';

export interface Organizations {
  /** The id of an organization by id or legal name; a new name is made. @throws Refusal not_found for an unknown id */
  idOf(idOrName: string | undefined): string | null;
  /** The id of one that stands already, or is made in this commit. */
  known(idOrName: string | undefined): string | undefined;
  /** What making the new ones takes. Of two commits that make the same one the second fails its uniqueness and decides again. */
  made(): { readonly events: readonly NewEvent[]; readonly statements: readonly Statement[] };
}

/** Find organizations, to make in the same commit those that are new. */
export const organizationsNamed = async (call: Call, authorityId: string, names: readonly (string | undefined)[]): Promise<Organizations> =>
  organizationsFrom(call, authorityId, await namesKnown(call, authorityId, names));

/** The ids of organizations that stand, by id and by legal name. */
export async function namesKnown(call: Call, authorityId: string, names: readonly (string | undefined)[]): Promise<ReadonlyMap<string, string>> {
  const wanted = [...new Set(names.filter((name) => name !== undefined))];
  const ids = new Map<string, string>();
  const found = await readByList(wanted, (list) =>
    call.store.db
      .select({ id: organization.id, legalName: organization.legalName })
      .from(organization)
      .where(and(eq(organization.authorityId, authorityId), or(inLot(organization.legalName, list), inLot(organization.id, list)))),
  );
  for (const { id, legalName } of found) ids.set(legalName, id).set(id, id);
  return ids;
}

/** @param standing from `namesKnown` */
export function organizationsFrom(call: Call, authorityId: string, standing: ReadonlyMap<string, string>): Organizations {
  const made = new Map<string, string>();
  const idNamed = (idOrName: string): string | undefined => made.get(idOrName) ?? standing.get(idOrName);
  const now = call.now();
  const rows: (typeof organization.$inferInsert)[] = [];
  return {
    idOf(idOrName) {
      if (idOrName === undefined) return null;
      const known = idNamed(idOrName);
      if (known !== undefined) return known;
      if (idOrName.startsWith('org_')) throw new Refusal('not_found', `there is no organization ${idOrName}`);
      const row = { id: newId('org'), authorityId, legalName: idOrName, createdAt: now, updatedAt: now, v: 1 };
      rows.push(row);
      made.set(row.legalName, row.id);
      return row.id;
    },
    known: (idOrName) => (idOrName === undefined ? undefined : idNamed(idOrName)),
    made: () => ({
      events: rows.map(({ id, legalName }) => ({
        type: 'organization.created',
        subjectKind: 'organization',
        subjectId: id,
        detail: { legal_name: legalName },
      })),
      statements: rows.length ? [insertRows(organization, rows)] : [],
    }),
  };
}
