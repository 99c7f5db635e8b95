import { and, asc, eq, gt } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import type { Database } from '../../store/database.js';
import { endPersonRows, grantsOf, type PersonRow, type RoleGrantRow } from '../../store/people.js';
import { person } from '../../store/schema.js';
import { allow, type Call, change, DEPLOYMENT } from '../call.js';
import { type Page, type PageRequest, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { expectGranterLeft } from './last-granter.js';

export type { PersonRow };

/** A person with every role that was ever granted, ended ones included. */
export interface WithRoles extends PersonRow {
  readonly roles: readonly (RoleGrantRow & { readonly slug: string | null })[];
}

export async function findPerson(db: Database, id: string): Promise<PersonRow> {
  const [row] = await db.select().from(person).where(eq(person.id, id)).limit(1);
  if (!row) throw new Refusal('not_found', 'there is no such person');
  return row;
}

const withRoles = async (db: Database, row: PersonRow): Promise<WithRoles> => ({ ...row, roles: await grantsOf(db, row.id) });

/** Somebody new, who may nothing yet and has no key. Names and addresses stand in the row only, never in an event. */
export async function addPerson(call: Call<WithRoles>, input: { readonly name: string; readonly email?: string | undefined }): Promise<WithRoles> {
  allow(call, 'administer', null);
  const now = call.now();
  const row: PersonRow = {
    id: newId('per'),
    name: input.name,
    email: input.email ?? null,
    state: 'active',
    createdAt: now,
    createdBy: call.actor.id,
    updatedAt: now,
    endedAt: null,
    v: 1,
  };
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: row.id,
    decide: async () => ({
      events: [{ type: 'person.added', subjectKind: 'person', subjectId: row.id }],
      statements: [insertRows(person, [row])],
      result: { ...row, roles: [] },
    }),
  });
}

export async function listPeople(call: Call, { limit, cursor }: PageRequest): Promise<Page<PersonRow>> {
  allow(call, 'administer', null);
  const rows = await call.store.db
    .select()
    .from(person)
    .where(and(cursor === undefined ? undefined : gt(person.id, cursor)))
    .orderBy(asc(person.id))
    .limit(limit + 1);
  return page(rows, limit, ({ id }) => id);
}

export async function showPerson(call: Call, id: string): Promise<WithRoles> {
  allow(call, 'administer', null);
  return withRoles(call.store.db, await findPerson(call.store.db, id));
}

/**
 * End a person: all keys and roles at once, and with them whatever runs under a key. A cut, so it takes one person and goes
 * first; only the last one who can grant stays.
 * @throws Refusal last_owner
 */
export async function endPerson(call: Call<WithRoles>, id: string, reason: string): Promise<WithRoles> {
  allow(call, 'administer', null);
  const { db } = call.store;
  return change(call, {
    authorityId: DEPLOYMENT,
    scope: null,
    about: id,
    urgent: true,
    async decide() {
      const before = await findPerson(db, id);
      const { roles } = await withRoles(db, before);
      if (before.state === 'ended') return { events: [], statements: [], result: { ...before, roles } };
      await expectGranterLeft(db, ({ personId }) => personId === id);
      const now = call.now();
      const ended = roles.map((one) => ({ ...one, endedAt: one.endedAt ?? now }));
      return {
        events: [{ type: 'person.ended', subjectKind: 'person', subjectId: id, reason, detail: { roles: roles.filter((one) => one.endedAt === null).length } }],
        statements: endPersonRows(db, id, now),
        result: { ...before, state: 'ended', endedAt: now, updatedAt: now, roles: ended },
      };
    },
  });
}
