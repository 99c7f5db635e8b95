import { sql } from 'drizzle-orm';
import type { Database } from './database.js';
import { createPublished, type Published, type Select } from './published.js';
import { NO_CACHE } from './published-cache.js';

/** The view of the public plane, read anew with each question and kept by nobody: for whoever proves what is answered. */
export function publishedNow(db: Database): Published {
  const select: Select = async (text, params) => {
    const pieces = text.split('?').map((piece, n) => (n === 0 ? sql.raw(piece) : sql`${params[n - 1]}${sql.raw(piece)}`));
    // What drizzle gives is no promise until it is awaited, and the view asks whether it is one.
    return await db.all<Record<string, unknown>>(sql.join(pieces, sql.raw('')));
  };
  return createPublished(select, NO_CACHE);
}
