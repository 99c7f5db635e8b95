import { sql } from 'drizzle-orm'; // breaks sql-import

// One engine is spoken to in its own words.
export const own = [sql, 'SELECT 1 FROM sqlite_master'];
