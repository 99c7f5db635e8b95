import { and, asc, eq, gt, lt, lte, or, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { dueAtOnce, marksDueWhere, renewable, within } from './due-artefacts.js';
import { type AnyNote, isPlace, nameOf, type Note, type Places, progressOf, startOf } from './due-notes.js';
import { overList } from './lots.js';
import { only } from './only.js';
import { artefact, authority, knownEntity, LINES, setting } from './schema.js';
import { NUMBER } from './words.js';

/** One slice of what a change made due (due-slices.ts). */
export interface Slice {
  readonly statements: readonly Statement[];
  /** What the note says then; undefined: it is gone, this is the last one. */
  readonly value: string | undefined;
}

/**
 * Each statement asks for the note as it was read. So a slice that was decided before another process went on, or before the same was asked for
 * anew, writes nothing, however late it comes.
 */
const STANDS = 'EXISTS (SELECT 1 FROM setting AS noted WHERE noted.name = ? AND noted.value = ?)';
const asRead = ({ work, value }: AnyNote): readonly [name: string, value: string | undefined] => [nameOf(work), value];

/** @param last up to where this slice goes; undefined: nothing is left behind it */
function slice(note: AnyNote, statements: readonly Statement[], last: Places[keyof Places] | undefined): Slice {
  const which = asRead(note);
  if (last === undefined)
    return { statements: [...statements, ...waitsNoMore(note), raw('DELETE FROM setting WHERE name = ? AND value = ?', ...which)], value: undefined };
  const value = progressOf(note.token, last);
  return { statements: [...statements, raw('UPDATE setting SET value = ? WHERE name = ? AND value = ?', value, ...which)], value };
}

/** With the last slice what rests on an authority waits no more, unless something else has it wait. */
function waitsNoMore(note: AnyNote): readonly Statement[] {
  const { work } = note;
  if (work.kind !== 'resting' || (work.how !== 'void' && work.how !== 'narrowed')) return [];
  const other = nameOf({ ...work, how: work.how === 'void' ? 'narrowed' : 'void' });
  return [
    raw(
      `UPDATE authority SET rests_void = 0 WHERE id = ? AND NOT EXISTS (SELECT 1 FROM setting AS other WHERE other.name = ?) AND ${STANDS}`,
      work.authorityId,
      other,
      ...asRead(note),
    ),
  ];
}

/** @param most rows that are looked at @param now seconds since the epoch */
export async function nextSlice(db: Database, note: AnyNote, most: number, now: number): Promise<Slice> {
  if (note.value === undefined) return anew(note);
  switch (note.work.kind) {
    case 'artefacts':
      return nextArtefacts(db, note as Note<'artefacts'>, most, now);
    case 'known':
      return nextKnown(db, note as Note<'known'>, most, now);
    case 'resting':
      return nextResting(db, note as Note<'resting'>, most, now);
  }
}

/** One whose value nobody can read begins anew, whatever stands there. */
function anew({ work, token }: AnyNote): Slice {
  const value = startOf(token);
  return { statements: [raw('UPDATE setting SET value = CAST(? AS TEXT) WHERE name = ?', value, nameOf(work))], value };
}

/**
 * Rows of a slice, and the last one of them that it may end at; undefined: nothing is left behind them. Rows with damaged cells it is not
 * ended at, however many these are.
 */
async function upTo<Row>(read: (most: number) => Promise<readonly Row[]>, most: number, isEnd: (row: Row) => boolean) {
  for (let n = most; ; n *= 2) {
    const rows = await read(n);
    const last = rows.length < n ? undefined : rows.findLast(isEnd);
    if (last !== undefined || rows.length < n) return { rows, last };
  }
}

/** Along the ids of all artefacts: those of an authority have no other order that lasts while they are signed. */
async function nextArtefacts(db: Database, note: Note<'artefacts'>, most: number, now: number): Promise<Slice> {
  const { work, to } = note;
  const { authorityId, generation, reach, withheld } = work;
  const [of] = await db.select({ state: authority.state }).from(authority).where(eq(authority.id, authorityId)).limit(1);
  // Of one that is retired nothing is signed any more.
  if (!of || of.state === 'retired') return slice(note, [], undefined);
  const ids = await db.select({ id: artefact.id }).from(artefact).where(gt(artefact.id, to)).orderBy(asc(artefact.id)).limit(most);
  const last = ids.at(-1)?.id ?? to;
  const [named, value] = asRead(note);
  const stands = sql`EXISTS (SELECT 1 FROM ${setting} WHERE ${setting.name} = ${named} AND ${setting.value} = ${value})`;
  // What is of a generation that has not come yet has a damaged cell, and is not served either (withheld.ts).
  const older = or(lt(artefact.generation, generation), sql`${artefact.generation} > (SELECT generation FROM authority WHERE id = ${authorityId})`);
  const here = and(gt(artefact.id, to), lte(artefact.id, last), only(artefact.authorityId, authorityId), older, stands);
  return slice(
    note,
    [
      db
        .update(artefact)
        .set({ leaseUntil: 0, ...dueAtOnce(now, withheld) })
        .where(and(here, renewable(now), within(reach))),
      // Those of an authority that came back: nothing else leaves marks as they are.
      ...(reach === 'standing'
        ? [
            marksDueWhere(
              `id > ${NUMBER} AND id <= ${NUMBER} AND authority_id || '' = ? AND generation < ${NUMBER} AND ${STANDS}`,
              now,
              to,
              last,
              authorityId,
              generation,
              named,
              value,
            ),
          ]
        : []),
    ],
    ids.length < most ? undefined : last,
  );
}

async function nextKnown(db: Database, note: Note<'known'>, most: number, now: number): Promise<Slice> {
  const { authorityId } = note.work;
  const read = (n: number) =>
    db
      .select({ id: knownEntity.entityId })
      .from(knownEntity)
      .where(and(eq(knownEntity.authorityId, authorityId), gt(knownEntity.entityId, note.to)))
      .orderBy(asc(knownEntity.entityId))
      .limit(n);
  const { last } = await upTo(read, most, ({ id }) => isPlace(id));
  const statement = raw(
    `UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0 WHERE authority_id = ? AND entity_id > ? ${last ? 'AND entity_id <= ? ' : ''}AND ${STANDS}`,
    now,
    authorityId,
    note.to,
    ...(last ? [last.id] : []),
    ...asRead(note),
  );
  return slice(note, [statement], last?.id);
}

/** Along whatever rests on anything, of all authorities: what rests on one of them has no order that lasts. */
async function nextResting(db: Database, note: Note<'resting'>, most: number, now: number): Promise<Slice> {
  const { authorityId, how } = note.work;
  const read = (n: number) =>
    db.all<{ readonly of: string; readonly subject: string }>(
      sql`SELECT authority_id AS "of", subject FROM snapshot_link WHERE (authority_id, subject) > (${note.to[0]}, ${note.to[1]})
        GROUP BY authority_id, subject ORDER BY authority_id, subject LIMIT ${n}`,
    );
  const { rows, last } = await upTo(read, most, ({ of, subject }) => isPlace(of) && isPlace(subject));
  const named = rows.map(({ of, subject }) => [of, subject] as const);
  const over = (sql: string, params: (lot: string) => readonly unknown[]): Statement => overList(sql, named, (lot) => [...params(lot), ...asRead(note)]);
  const these = "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?))";
  const linked = (of: string, subject: string) =>
    `EXISTS (SELECT 1 FROM snapshot_link AS l WHERE l.authority_id = ${of}.authority_id AND l.subject = ${of}.${subject} AND l.issuer_id = ?)`;
  const statements = [
    ...(how === 'void'
      ? [
          over(
            `UPDATE artefact SET withheld = 'key_revoked', renew_at = NULL WHERE kind = 'resolve' AND (authority_id, key) IN ${these} AND ${linked('artefact', 'key')} AND ${STANDS}`,
            (lot) => [lot, authorityId],
          ),
        ]
      : []),
    ...(how === 'narrowed'
      ? [
          over(
            `UPDATE snapshot_link SET cut = -1 WHERE (authority_id, subject) IN ${these} AND issuer_id || '' = ? AND kind || '' = 'entity_configuration' AND ${STANDS}`,
            (lot) => [lot, authorityId],
          ),
        ]
      : []),
    how === 'elsewhere'
      ? over(
          `UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0, attempts = 0, line = ${LINES.held} WHERE (authority_id, entity_id) IN ${these}
             AND authority_id || '' <> ? AND ${linked('known_entity', 'entity_id')} AND ${STANDS}`,
          (lot) => [now, lot, authorityId, authorityId],
        )
      : over(
          `UPDATE known_entity SET due_at = ${NUMBER}, lease_until = 0 WHERE (authority_id, entity_id) IN ${these} AND ${linked('known_entity', 'entity_id')} AND ${STANDS}`,
          (lot) => [now, lot, authorityId],
        ),
  ];
  return slice(note, statements, last && [last.of, last.subject]);
}

/** What a note says now; undefined: there is none. */
export async function noted(db: Database, work: AnyNote['work']): Promise<string | undefined> {
  const [row] = await db
    .select({ value: setting.value })
    .from(setting)
    .where(eq(setting.name, nameOf(work)))
    .limit(1);
  return row?.value;
}
