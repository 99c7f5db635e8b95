import { sql } from 'drizzle-orm';
import { insertRows } from '../../store/bulk.js';
import { raw, type Statement } from '../../store/database.js';
import { WISH_SECONDS } from '../../store/inbox.js';
import { wantedSubject } from '../../store/schema.js';
import type { Deployment } from '../call.js';

/** Note wishes that came another way than through our own public plane. */
export const noteWishes = (deployment: Deployment, wishes: readonly (typeof wantedSubject.$inferInsert)[]): Promise<void> =>
  wishes.length ? deployment.store.write([insertRows(wantedSubject, wishes, 'ON CONFLICT DO NOTHING')]) : Promise.resolve();

const UNTAKEN = `FROM wanted_subject AS w WHERE NOT EXISTS (SELECT 1 FROM known_entity AS k WHERE k.authority_id = w.authority_id AND k.entity_id = w.subject)`;

/** Wishes of authenticated callers become known entities, to be evaluated. Writes only when there is something to take. */
export async function takeWishes({ store: { db, write }, now }: Deployment): Promise<void> {
  const [untaken] = await db.all(sql.raw(`SELECT 1 AS yes ${UNTAKEN} LIMIT 1`));
  if (!untaken) return;
  await write([
    raw(
      `INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at)
       SELECT w.authority_id, w.subject, 'wish', '[]', '{}', '[]', ? ${UNTAKEN} ON CONFLICT DO NOTHING`,
      now(),
    ),
  ]);
}

const WISH_KEPT = 7 * 24 * 60 * 60;

/** Wishes that have served their time; and entities that were wished for and have no valid chain: asked for again, they are evaluated again. */
export const forgetWishes = (now: number): readonly Statement[] => [
  raw('DELETE FROM wanted_subject WHERE asked_at < ?', now - WISH_SECONDS),
  raw(
    `DELETE FROM known_entity WHERE source = 'wish' AND evaluated_at < ? AND NOT EXISTS
     (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id AND s.state = 'valid')`,
    now - WISH_KEPT,
  ),
  raw(
    `DELETE FROM snapshot WHERE evaluated_at < ? AND state <> 'valid' AND NOT EXISTS
     (SELECT 1 FROM known_entity AS k WHERE k.authority_id = snapshot.authority_id AND k.entity_id = snapshot.subject)`,
    now - WISH_KEPT,
  ),
];
