import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inboxOnD1 } from '../../src/store/inbox.workers.js';
import { publishedOnD1 } from '../../src/store/published.workers.js';
import { openStore } from '../../src/store/store.workers.js';
import { GUARDS, unguarded } from './guards.js';
import type { TestStore } from './platform.js';

declare global {
  namespace Cloudflare {
    interface Env {
      DB: D1Database;
      MIGRATIONS: D1Migration[];
      HOLDFAST_URL: string;
      HOLDFAST_SEAL_KEY: string;
      HOLDFAST_ADMIN_TOKEN: string;
    }
  }
}

/** There is one way to the public plane here. */
export const askingPublic =
  (app: { request(url: string, init?: RequestInit): Response | Promise<Response> }, _contextOf: () => unknown, _db: unknown) =>
  async (url: string, init?: RequestInit): Promise<Response> =>
    app.request(url, init);
export const platform: 'node' | 'workers' | 'postgres' = 'workers';

/** What D1 takes of one value (bytes): the one that runs here takes more than the one that is offered. */
const MAX_VALUE = 2_000_000;

/** The same database, held to the limits of the real one. */
function limited(d1: D1Database): D1Database {
  const bytes = (value: unknown) => (typeof value === 'string' ? new TextEncoder().encode(value).length : 0);
  return new Proxy(d1, {
    get(target, name) {
      if (name !== 'prepare') {
        const one: unknown = Reflect.get(target, name);
        return typeof one === 'function' ? one.bind(target) : one;
      }
      return (sql: string) => {
        const prepared = target.prepare(sql);
        const bind = prepared.bind.bind(prepared);
        prepared.bind = (...values: unknown[]) => {
          if (values.some((value) => bytes(value) > MAX_VALUE)) throw new Error('D1_ERROR: string or blob too big: SQLITE_TOOBIG');
          return bind(...values);
        };
        return prepared;
      };
    },
  });
}

/** What all migrations leave behind, as one batch: they are carried out once, each test has what came of it. */
let migrated: readonly string[] | undefined;
async function applyMigrations(anew: boolean): Promise<void> {
  if (migrated && !anew) {
    await env.DB.batch(migrated.map((sql) => env.DB.prepare(sql)));
    return;
  }
  await applyD1Migrations(env.DB, env.MIGRATIONS);
  const { results } = await env.DB.prepare(
    "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE '\\_cf%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END, rowid",
  ).all<{
    sql: string;
  }>();
  // With the record of what was applied: whoever applies the migrations to it finds nothing to do.
  const applied = await env.DB.prepare('SELECT name FROM d1_migrations ORDER BY id').all<{ name: string }>();
  migrated = [...results.map(({ sql }) => sql), ...applied.results.map(({ name }) => `INSERT INTO d1_migrations (name) VALUES ('${name}')`)];
}

/** A real D1 in workerd, empty but for the schema. */
export async function freshStore(now: () => number): Promise<TestStore> {
  for (let tries = 0; tries < 5; tries++) {
    await reset();
    // Under load a write of the test before may come after the reset, or what it left may still stand.
    const made = await applyMigrations(tries > 0).then(
      () => true,
      (error: unknown) => {
        if (tries === 4) throw error;
        return false;
      },
    );
    if (!made) continue;
    const left = await env.DB.prepare('SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM authority) AS n').first<number>('n');
    if (left === 0) break;
  }
  // A clock that leaps: what an isolate keeps for some seconds is asked for anew at every request.
  let milliseconds = 0;
  const opened = () => ({
    store: openStore(limited(env.DB), now),
    published: publishedOnD1(env.DB, () => (milliseconds += 60_000)),
    inbox: inboxOnD1(env.DB),
  });
  return {
    ...opened(),
    another: opened,
    execute: async (sql) => {
      const guards = await env.DB.prepare(GUARDS).all<{ name: string; sql: string }>();
      await env.DB.batch(unguarded(sql, () => guards.results).map((one) => env.DB.prepare(one)));
    },
    rows: async (sql) => (await env.DB.prepare(sql).all()).results,
  };
}
