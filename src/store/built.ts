import type { Database } from './database.js';

/**
 * A query that is built once for each database, with `sql.placeholder` for what is asked: of one row found by an index, building
 * the text is most of what the query costs.
 */
export function built<Q>(build: (db: Database) => Q): (db: Database) => Q {
  const known = new WeakMap<Database, Q>();
  return (db) => {
    let query = known.get(db);
    if (query === undefined) {
      query = build(db);
      known.set(db, query);
    }
    return query;
  };
}
