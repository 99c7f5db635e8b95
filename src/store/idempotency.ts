import { insertRows } from './bulk.js';
import { raw, type Statement } from './database.js';
import { idempotency } from './schema.js';

/** A record that has served its day makes room. One that has not fails the batch: the act was carried out already. */
export const rememberAnswer = (row: typeof idempotency.$inferInsert, now: number): readonly Statement[] => [
  raw('DELETE FROM idempotency WHERE actor_id = ? AND key = ? AND expires_at <= ?', row.actorId, row.key, now),
  insertRows(idempotency, [row]),
];
