import { onTestFinished } from 'vitest';
import { insertRows } from '../../src/store/bulk.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres, type PostgresOptions, type PostgresStore } from '../../src/store/postgres/store.postgres.node.js';
import { setting } from '../../src/store/schema.js';
import { asOwner, newDatabase } from './postgres-database.js';
import type { startPostgres } from './postgres-server.js';

export type TestServer = Awaited<ReturnType<typeof startPostgres>>;

/** An empty database with the schema: its URL for a superuser. */
export async function migrated(server: TestServer): Promise<string> {
  const url = await newDatabase(server);
  await migratePostgres(serversOf(asOwner(url)), 'drizzle/postgres');
  return url;
}

export function opened(url: string, options: PostgresOptions = {}): PostgresStore {
  const store = openPostgres(serversOf(asOwner(url)), () => 1000, { readers: 2, ...options });
  onTestFinished(() => store.close());
  return store;
}

/** An operation that says when it was carried out before. */
export const act = (store: PostgresStore, name: string, { urgent = false, scope = null as string | null } = {}): Promise<string> =>
  store.change({
    authorityId: 'a',
    scope,
    urgent,
    actor: { id: 'x', kind: 'system' },
    decide: async () => {
      if ((await store.db.select().from(setting)).some((one) => one.name === name)) throw new Error('carried out before');
      return {
        events: [{ type: 'suspended', subjectKind: 'member', subjectId: name }],
        statements: [insertRows(setting, [{ name, value: '1' }])],
        result: 'done',
      };
    },
  });

/** What is there, read on a connection of its own: how many events, the highest number, who has no event, who has no row. */
export async function standing(store: PostgresStore) {
  const [row] = (
    await store.pool.query(`SELECT (SELECT count(*) FROM event), (SELECT coalesce(max(seq), 0) FROM event),
      (SELECT count(*) FROM setting WHERE name NOT IN (SELECT subject_id FROM event)), (SELECT count(*) FROM event WHERE subject_id NOT IN (SELECT name FROM setting))`)
  ).rows;
  const [events, top, withoutEvent, withoutRow] = (row ?? []).map(Number);
  return { events, top, withoutEvent, withoutRow };
}
export const whole = (n: number) => ({ events: n, top: n, withoutEvent: 0, withoutRow: 0 });
