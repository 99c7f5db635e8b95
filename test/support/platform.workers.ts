import { applyD1Migrations, type D1Migration, reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { inboxOnD1 } from '../../src/store/inbox.workers.js';
import { publishedOnD1 } from '../../src/store/published.workers.js';
import { openStore } from '../../src/store/store.workers.js';
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

export const platform: 'node' | 'workers' = 'workers';

/** A real D1 in workerd, empty but for the schema. */
export async function freshStore(now: () => number): Promise<TestStore> {
  for (let tries = 0; tries < 5; tries++) {
    await reset();
    await applyD1Migrations(env.DB, env.MIGRATIONS);
    // Under load a write of the test before may come after the reset.
    const left = await env.DB.prepare('SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM authority) AS n').first<number>('n');
    if (left === 0) break;
  }
  // A clock that leaps: what an isolate keeps for some seconds is asked for anew at every request.
  let milliseconds = 0;
  const opened = () => ({
    store: openStore(env.DB, now),
    published: publishedOnD1(env.DB, () => (milliseconds += 60_000)),
    inbox: inboxOnD1(env.DB),
  });
  return {
    ...opened(),
    another: opened,
    execute: async (sql) => void (await env.DB.prepare(sql).run()),
    rows: async (sql) => (await env.DB.prepare(sql).all()).results,
  };
}
