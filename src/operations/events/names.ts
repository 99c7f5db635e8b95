import type { EventRow } from '../../store/event.js';
import { inLot, readByList } from '../../store/lots.js';
import { apiKey, application, authority, member, organization, person, trustMarkGrant } from '../../store/schema.js';
import type { Call } from '../call.js';

/** An event with what its ids are called today. */
export type Named<T> = T & { readonly actorName: string | null; readonly subjectName: string | null };

type Namer = (db: Call['store']['db'], lot: string) => PromiseLike<readonly { readonly id: string; readonly name: string }[]>;

/** An applicant acts for its application, and is called by the identifier that it names. */
const applied: Namer = (db, lot) => db.select({ id: application.id, name: application.entityId }).from(application).where(inLot(application.id, lot));

/** What is called by its id is named here; a key, a policy version, an anchor and a type of mark are their own names. */
const NAMERS: Readonly<Record<string, Namer>> = {
  api_key: (db, lot) => db.select({ id: apiKey.id, name: apiKey.name }).from(apiKey).where(inLot(apiKey.id, lot)),
  application: applied,
  applicant: applied,
  person: (db, lot) => db.select({ id: person.id, name: person.name }).from(person).where(inLot(person.id, lot)),
  authority: (db, lot) => db.select({ id: authority.id, name: authority.slug }).from(authority).where(inLot(authority.id, lot)),
  member: (db, lot) => db.select({ id: member.id, name: member.entityId }).from(member).where(inLot(member.id, lot)),
  organization: (db, lot) => db.select({ id: organization.id, name: organization.legalName }).from(organization).where(inLot(organization.id, lot)),
  trust_mark: (db, lot) => db.select({ id: trustMarkGrant.id, name: trustMarkGrant.entityId }).from(trustMarkGrant).where(inLot(trustMarkGrant.id, lot)),
};

/** A page of events with names, by one look-up a kind. */
export async function withNames<T extends EventRow>(call: Call, rows: readonly T[]): Promise<readonly Named<T>[]> {
  const wanted = new Map<string, Set<string>>();
  const want = (kind: string, id: string) => void wanted.set(kind, (wanted.get(kind) ?? new Set()).add(id));
  for (const row of rows) {
    want(row.subjectKind, row.subjectId);
    want(row.actorKind, row.actorId);
  }
  const names = new Map<string, string>();
  for (const [kind, ids] of wanted) {
    const namer = Object.hasOwn(NAMERS, kind) ? NAMERS[kind] : undefined;
    if (namer) for (const { id, name } of await readByList([...ids], (lot) => namer(call.store.db, lot))) names.set(`${kind} ${id}`, name);
  }
  return rows.map((row) => ({
    ...row,
    actorName: names.get(`${row.actorKind} ${row.actorId}`) ?? null,
    subjectName: names.get(`${row.subjectKind} ${row.subjectId}`) ?? null,
  }));
}
