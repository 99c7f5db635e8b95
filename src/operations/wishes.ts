import { insertRows } from '../store/bulk.js';
import { raw, type Statement } from '../store/database.js';
import { wantedSubject } from '../store/schema.js';
import type { Deployment } from './call.js';

/** Note wishes that came another way than through our own public plane. */
export const noteWishes = (deployment: Deployment, wishes: readonly (typeof wantedSubject.$inferInsert)[]): Promise<void> =>
  wishes.length ? deployment.store.write([insertRows(wantedSubject, wishes, 'ON CONFLICT DO NOTHING')]) : Promise.resolve();

/** Wishes of authenticated callers become known entities; those nobody could evaluate for a week are forgotten. */
export async function takeWishes(deployment: Deployment): Promise<void> {
  const now = deployment.now();
  await deployment.store.write([
    raw(
      `INSERT INTO known_entity (authority_id, entity_id, source, entity_types, about, superiors, due_at)
       SELECT authority_id, subject, 'wish', '[]', '{}', '[]', ? FROM wanted_subject WHERE true ON CONFLICT DO NOTHING`,
      now,
    ),
    raw(
      'DELETE FROM wanted_subject WHERE EXISTS (SELECT 1 FROM known_entity AS k WHERE k.authority_id = wanted_subject.authority_id AND k.entity_id = wanted_subject.subject)',
    ),
  ]);
}

const WISH_KEPT = 7 * 24 * 60 * 60;

/** Entities that were wished for and have no valid chain: asked for again, they are evaluated again. */
export const forgetWishes = (now: number): readonly Statement[] => [
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
