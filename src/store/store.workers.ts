import { drizzle } from 'drizzle-orm/d1';
import { insertRows } from './bulk.js';
import { createChanges, type Engine } from './change.js';
import { chainEvents, insertEvents } from './event.js';
import * as schema from './schema.js';
import { isDuplicate, type Statement, storeError } from './database.js';
import type { Store } from './store.js';

/** A write like any other: D1 cannot take one back, and nothing is kept in memory there that it would invalidate. */
const PROBE = insertRows(schema.setting, [{ name: 'readyz', value: '' }], 'ON CONFLICT (name) DO UPDATE SET value = excluded.value');

/** The store on D1. One operation a batch, numbered before; the primary key of `event` is the lock. */
export function openStore(d1: D1Database, now: () => number): Store {
  const db = drizzle(d1, { schema });
  const batch = async (statements: readonly Statement[]) => {
    if (statements.length === 0) return; // D1 refuses an empty batch
    await d1.batch(
      statements.map((statement) => {
        const { sql, params } = statement.toSQL();
        return d1.prepare(sql).bind(...params);
      }),
    );
  };
  const named = (error: unknown): never => {
    throw storeError(error);
  };
  const write = (statements: readonly Statement[]): Promise<void> => batch(statements).catch(named);
  const engine: Engine = {
    db,
    groupSize: 1,
    async commit(authorityId, head, [one]) {
      if (!one) return [];
      const at = now();
      const chains = [{ authorityId, head, events: one.events }, ...one.elsewhere];
      const inserts = chains.map((chain) => insertEvents(chainEvents(chain.authorityId, chain.head, at, one.actor, chain.events).rows));
      try {
        await batch([...inserts, ...one.statements]);
      } catch (error) {
        if (isDuplicate(error, 'event.authority_id, event.seq')) return 'lost';
        return [{ ok: false, error: storeError(error) }];
      }
      return [{ ok: true }];
    },
  };
  return { db, change: createChanges(engine), write, probe: () => write([PROBE]) };
}
