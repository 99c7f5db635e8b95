import { sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';

/** Subjects that authenticated callers have asked a resolver for. */

const UNTAKEN = `FROM wanted_subject AS w WHERE NOT EXISTS (SELECT 1 FROM known_entity AS k WHERE k.authority_id = w.authority_id AND k.entity_id = w.subject)`;

/** Is any of them not known yet? */
export async function anyUntaken(db: Database): Promise<boolean> {
  const [untaken] = await db.all(sql.raw(`SELECT 1 AS yes ${UNTAKEN} LIMIT 1`));
  return untaken !== undefined;
}

/** They become known entities, to be evaluated. */
export const takeUntaken = (now: number): Statement =>
  raw(
    `INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at)
       SELECT w.authority_id, w.subject, 'wish', '[]', '{}', '[]', ? ${UNTAKEN} ON CONFLICT DO NOTHING`,
    now,
  );

/**
 * Wishes that have served their time; and entities that were wished for and have no valid chain: asked for again, they are
 * evaluated again.
 * @param asked before this the wishes. @param evaluated before this the entities
 */
export const dropWishes = ({ asked, evaluated }: { readonly asked: number; readonly evaluated: number }): readonly Statement[] => [
  raw('DELETE FROM wanted_subject WHERE asked_at < ?', asked),
  raw(
    `DELETE FROM known_entity WHERE source = 'wish' AND evaluated_at < ? AND NOT EXISTS
     (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id AND s.state = 'valid')`,
    evaluated,
  ),
  raw(
    `DELETE FROM snapshot WHERE evaluated_at < ? AND state <> 'valid' AND NOT EXISTS
     (SELECT 1 FROM known_entity AS k WHERE k.authority_id = snapshot.authority_id AND k.entity_id = snapshot.subject)`,
    evaluated,
  ),
];
