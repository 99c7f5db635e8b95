import { and, eq } from 'drizzle-orm';
import { newId } from '../keys/random.js';
import { type Database, raw, type Statement } from './database.js';
import { leaseOf } from './leases.js';
import { lease } from './schema.js';

/** After so many losses in a row a process asks the others to wait. */
const LOSSES = 2;
/** Milliseconds between two looks at who has the turn, and until nobody believes any more that its holder is alive. */
const LOOK_MS = 4;
const HOLDER_GONE_MS = 2000;

/**
 * Several processes decide on the same event chain, and the first to commit wins: who is a little slower loses again and again.
 * So whoever has lost twice takes a turn, a row that the others see before they decide: they wait until its commit is made,
 * and then it is the turn of one of them. This is fairness and nothing else: the head of the chain stays the guard, a turn
 * that cannot be taken or is never given back costs time and no more, and cuts wait for nobody.
 */
export interface ChainTurns {
  /** Before deciding. `hurried` is asked while waiting: true when something waits that must not. */
  await(authorityId: string, hurried: () => boolean): Promise<'at once' | 'waited'>;
  /** Another one came first. */
  lost(authorityId: string, urgent: boolean): Promise<void>;
  /** Gives a turn of ours back, in the commit it was taken for. */
  readonly ending: (authorityId: string) => readonly Statement[];
  /** @param gaveBack the commit with `ending` in it was made */
  committed(authorityId: string, gaveBack: boolean): Promise<void>;
}

interface Shared {
  readonly db: Database;
  write(statements: readonly Statement[]): Promise<void>;
}

const nameOf = (authorityId: string): string => `chain ${authorityId}`;
const TAKE = 'INSERT INTO lease (name, holder, until) VALUES (?, ?, 0) ON CONFLICT (name) DO';

export function chainTurns({ db, write }: Shared, holder = newId('prc')): ChainTurns {
  const losses = new Map<string, number>();
  const ours = new Set<string>();

  const othersTurn = async (authorityId: string): Promise<string | undefined> => {
    const row = await leaseOf(db, nameOf(authorityId));
    return row && row.holder !== holder ? row.holder : undefined;
  };
  /** @param from whose turn it was, where that one has to give way */
  async function take(authorityId: string, from?: string): Promise<void> {
    const statement =
      from === undefined
        ? raw(`${TAKE} NOTHING`, nameOf(authorityId), holder)
        : raw(`${TAKE} UPDATE SET holder = excluded.holder WHERE lease.holder = ?`, nameOf(authorityId), holder, from);
    await write([statement]).catch(() => undefined);
    if ((await leaseOf(db, nameOf(authorityId)))?.holder === holder) ours.add(authorityId);
  }

  const giveBack = (authorityId: string) => db.delete(lease).where(and(eq(lease.name, nameOf(authorityId)), eq(lease.holder, holder)));

  return {
    async await(authorityId, hurried) {
      let other = ours.has(authorityId) ? undefined : await othersTurn(authorityId);
      if (other === undefined) return 'at once';
      const seen = other;
      for (const until = performance.now() + HOLDER_GONE_MS; other === seen && performance.now() < until && !hurried(); other = await othersTurn(authorityId))
        await new Promise((done) => setTimeout(done, LOOK_MS));
      if (!hurried()) await take(authorityId, other === seen ? seen : undefined);
      return 'waited';
    },
    async lost(authorityId, urgent) {
      const times = (losses.get(authorityId) ?? 0) + 1;
      losses.set(authorityId, times);
      if (ours.has(authorityId) || (times < LOSSES && !urgent)) return;
      await take(authorityId, urgent ? await othersTurn(authorityId) : undefined);
    },
    ending: (authorityId) => (ours.has(authorityId) ? [giveBack(authorityId)] : []),
    async committed(authorityId, gaveBack) {
      losses.delete(authorityId);
      if (ours.delete(authorityId) && !gaveBack) await write([giveBack(authorityId)]).catch(() => undefined);
    },
  };
}
