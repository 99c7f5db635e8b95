import { eq, placeholder, sql } from 'drizzle-orm';
import { built } from './built.js';
import type { Database } from './database.js';
import { DEPLOYMENT_CHAIN } from './halted-keys.js';
import { authority } from './schema.js';

/** An authority when something was asked of it. */
export interface AskedOf {
  readonly row: typeof authority.$inferSelect;
  /** The number of the last event of its chain; 0: there is none. */
  readonly since: number;
  /** That of the chain of the deployment, in which keys are halted everywhere. */
  readonly haltedSince: number;
}

const lookUp = built((db) =>
  db
    .select({
      row: authority,
      since: sql<number | null>`(SELECT max(e.seq) FROM event AS e WHERE e.authority_id = authority.id)`.mapWith(Number),
      haltedSince: sql<number | null>`(SELECT max(e.seq) FROM event AS e WHERE e.authority_id = ${DEPLOYMENT_CHAIN})`.mapWith(Number),
    })
    .from(authority)
    .where(eq(authority.slug, placeholder('slug')))
    .limit(1)
    .prepare(),
);

/** An authority and the ends of both chains, in one look: whatever cuts later comes after them. */
export async function askedOf(db: Database, slug: string): Promise<AskedOf | undefined> {
  const [found] = await lookUp(db).all({ slug });
  return found && { row: found.row, since: found.since ?? 0, haltedSince: found.haltedSince ?? 0 };
}
