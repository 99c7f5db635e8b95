import { drizzle } from 'drizzle-orm/d1';
import { insertWith } from './bulk.js';
import { and, eq } from 'drizzle-orm';
import { createChanges, type Engine, type Outcome } from './change.js';
import { chainEvents, type Head, insertEvents } from './event.js';
import type { KnownHeads } from './known-heads.js';
import { createRehearsals } from './rehearse.js';
import * as schema from './schema.js';
import { isDuplicate, piecesOf, type Statement, storeError, StoreUnreachable } from './database.js';
import type { Store } from './store.js';
import { TROUBLES } from './trouble.js';

/** A write like any other: D1 cannot take one back, and nothing is kept in memory there that it would invalidate. */
const PROBE = insertWith(schema.setting, [{ name: 'readyz', value: '' }], 'ON CONFLICT (name) DO UPDATE SET value = excluded.value');

/** How often a batch is sent again whose answer was lost, and how long it is waited before (milliseconds, twice as long each time). */
const SENT_AGAIN = 3;
const AGAIN_MS = 100;

/** The store on D1. One operation a batch, numbered before; the primary key of `event` is the lock. */
export function openStore(d1: D1Database, now: () => number): Store {
  const db = drizzle(d1, { schema });
  const batch = async (statements: readonly Statement[]) => {
    const pieces = piecesOf(statements);
    if (pieces.length === 0) return; // D1 refuses an empty batch
    await d1.batch(
      pieces.map((statement) => {
        const { sql, params } = statement.toSQL();
        return d1.prepare(sql).bind(...params);
      }),
    );
  };
  const named = (error: unknown): never => {
    throw storeError(error);
  };
  const write = (statements: readonly Statement[]): Promise<void> => batch(statements).catch(named);
  /**
   * What became of a batch that was answered with an error. An answer may be lost after the batch was carried out, and sending
   * it again then says that the number is taken: so the event at its place tells, by its hash. Where nothing stands the same
   * batch is sent again; the first one may still be on its way, and the number lets one of them in.
   */
  async function settle(authorityId: string, ours: Head, error: unknown): Promise<'send again' | 'lost' | 'done' | readonly Outcome[]> {
    const named = storeError(error);
    const isUnreachable = named instanceof StoreUnreachable;
    const taken = isDuplicate(error, 'event.authority_id, event.seq');
    if (!isUnreachable && !taken) return [{ ok: false, error: named }];
    const place = and(eq(schema.event.authorityId, authorityId), eq(schema.event.seq, ours.seq));
    const standing = await db
      .select({ hash: schema.event.hash })
      .from(schema.event)
      .where(place)
      .limit(1)
      .catch(() => undefined);
    if (standing === undefined) return isUnreachable ? 'send again' : [{ ok: false, error: new StoreUnreachable(TROUBLES.unreachable.says) }];
    if (standing[0]?.hash === ours.hash) return 'done';
    return taken || standing.length ? 'lost' : 'send again';
  }
  const engine: Engine = {
    db,
    write,
    groupSize: 1,
    async commit(authorityId, head, [one]) {
      if (!one) return [];
      const at = now();
      const chains = [{ authorityId, head, events: one.events }, ...one.elsewhere].map((chain) => ({
        authorityId: chain.authorityId,
        ...chainEvents(chain.authorityId, chain.head, at, one.actor, chain.events),
      }));
      const statements = [...chains.map(({ rows }) => insertEvents(rows)), ...one.statements];
      const ours = (chains[0] as (typeof chains)[number]).head;
      const done: Outcome = { ok: true, heads: new Map(chains.map((chain) => [chain.authorityId, chain.head])) };
      for (let tries = 0; ; tries++) {
        try {
          await batch(statements);
          return [done];
        } catch (error) {
          const settled = await settle(authorityId, ours, error);
          if (settled === 'done') return [done];
          if (settled !== 'send again') return settled;
          if (tries === SENT_AGAIN) return [{ ok: false, error: storeError(error) }];
          await new Promise((done) => setTimeout(done, AGAIN_MS * 2 ** tries));
        }
      }
    },
  };
  const acknowledged: KnownHeads = new Map();
  return {
    db,
    change: createChanges(engine, acknowledged),
    rehearse: createRehearsals(engine, acknowledged),
    acknowledged,
    write,
    probe: () => write([PROBE]),
  };
}
