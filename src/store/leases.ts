import { eq } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { lease } from './schema.js';

/** Take, or keep, what nobody else holds: one statement, so of several processes one succeeds. */
export const takeLease = (name: string, holder: string, now: number, until: number): Statement =>
  raw(
    `INSERT INTO lease (name, holder, until) VALUES (?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE lease.holder = excluded.holder OR lease.until <= ?`,
    name,
    holder,
    until,
    now,
  );

export async function leaseOf(db: Database, name: string): Promise<typeof lease.$inferSelect | undefined> {
  const [row] = await db.select().from(lease).where(eq(lease.name, name)).limit(1);
  return row;
}
