import { type SQL, sql } from 'drizzle-orm';
import { knownEntity, type SNAPSHOT_STATES } from './schema.js';

/** What a snapshot of an entity has to be like. */
export interface SnapshotFilter {
  readonly trustAnchor?: string | undefined;
  readonly state?: (typeof SNAPSHOT_STATES)[number] | undefined;
  readonly trustMarkType?: string | undefined;
}

/** An entity of `known_entity` has one snapshot that is all of that; undefined where nothing is asked. */
export function hasSnapshot({ trustAnchor, state, trustMarkType }: SnapshotFilter): SQL | undefined {
  const under = [
    trustAnchor === undefined ? [] : sql`s.trust_anchor = ${trustAnchor}`,
    state === undefined ? [] : sql`s.state = ${state}`,
    trustMarkType === undefined ? [] : sql`EXISTS (SELECT 1 FROM json_each(s.trust_mark_types) WHERE value = ${trustMarkType})`,
  ].flat();
  return under.length
    ? sql`EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = ${knownEntity.authorityId} AND s.subject = ${knownEntity.entityId} AND ${sql.join(under, sql` AND `)})`
    : undefined;
}
