import { type Finding, finding, limits } from '../../federation/entry.js';
import type { Database } from '../../store/database.js';
import { largestMembers } from '../../store/statement-sizes.js';
import type { AuthorityRow } from '../registry.js';
import type { PolicyInput } from './policy-replay.js';

/** Names of claims, times, header and the largest signature there is. */
const FRAME_BYTES = 2500;
const NAMED = 3;

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value ?? {})).length;

/**
 * A policy stands in the statement about every member. Where both together are more than a statement may be, nothing could be
 * signed about that member any more: the statement of before would be served to its end, and then none.
 */
export async function withoutRoom(
  db: Database,
  row: AuthorityRow,
  { metadataPolicy, metadataPolicyCrit, constraints }: PolicyInput,
): Promise<readonly Finding[]> {
  const policy = bytesOf(metadataPolicy) + bytesOf(metadataPolicyCrit) + bytesOf(constraints);
  // base64url: three bytes are four characters.
  const room = Math.floor((limits.MAX_STATEMENT_BYTES * 3) / 4) - FRAME_BYTES - 3 * row.entityId.length - policy;
  const found = await largestMembers(db, row.id, room, NAMED);
  return found.map(({ entityId, bytes }) =>
    finding(
      'too_large',
      'metadata_policy',
      `it has ${policy} bytes and what is said of ${entityId} has ${bytes}: together that is more than the ${limits.MAX_STATEMENT_BYTES} bytes of a statement`,
    ),
  );
}
