import type { Database, Statement } from '../../store/database.js';
import { timesHalted, whileHaltedSoOften } from '../../store/halted-keys.js';
import { type Call, DEPLOYMENT } from '../call.js';
import { overtaken } from '../overtaken.js';

/** How often keys were halted when somebody asked to have them bound: he did not know of a halt since then, and waives none. */
export interface KnownHalts {
  readonly keys: readonly string[];
  readonly times: number;
}

export const knownHalts = async (db: Database, keys: readonly string[]): Promise<KnownHalts> => ({
  keys: [...keys],
  times: await timesHalted(db, DEPLOYMENT, keys),
});

export const haltedSince = async (db: Database, { keys, times }: KnownHalts): Promise<boolean> => (await timesHalted(db, DEPLOYMENT, keys)) !== times;

/** @returns what the commit asks again @throws Overtaken */
export async function whileHaltedAsKnown({ store: { db } }: Call, chain: string, known: KnownHalts): Promise<Statement> {
  if (await haltedSince(db, known)) throw overtaken();
  return whileHaltedSoOften(chain, DEPLOYMENT, known.keys, known.times);
}
