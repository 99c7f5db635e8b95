import type { Statement } from './database.js';
import { raw } from './database.js';
import { NUMBER } from './words.js';

/**
 * Take the private part of an event away, salt and all. The event that tells of it stands in the same batch before this, so its
 * number is the last one of its kind about that event.
 */
export function erasePart(authorityId: string, seq: number, by: string): Statement {
  const told = (column: string) =>
    `(SELECT ${column} FROM event WHERE authority_id = ? AND subject_id = ? AND type = 'event.erased' ORDER BY seq DESC LIMIT 1)`;
  return raw(
    `UPDATE event_private SET salt = NULL, payload = NULL, erased_by = ?, erased_at = ${told('at')}, erased_seq = ${told('seq')}
     WHERE authority_id = ? AND seq = ${NUMBER} AND payload IS NOT NULL`,
    by,
    authorityId,
    String(seq),
    authorityId,
    String(seq),
    authorityId,
    seq,
  );
}
