import { raw, type Statement } from './database.js';
import { UNCONFIRMED } from './schema.js';
import type { Unconfirmed } from './standing.js';

/**
 * Of a store and its copy one is in force: two that are served are two histories under the same keys. The other one is dormant,
 * by a row of `setting`. Whoever opens a store to serve or to write refuses one that has it; whoever opens it without knowing
 * of the row (a public plane alone, another version) finds it withheld, as a restored one is.
 */
export const DORMANT = 'dormant';

export interface Dormant {
  /** `moved`: its content went to another store. `copied`: it was made as a copy of one that goes on. */
  readonly reason: 'moved' | 'copied';
  /** Seconds since the epoch. */
  readonly at: number;
  /** The same for people. */
  readonly date: string;
  /** Where the store in force is, without a password. */
  readonly other: string;
}

export class StoreDormant extends Error {}

function read(value: string): Partial<Dormant> {
  try {
    return JSON.parse(value) as Partial<Dormant>;
  } catch {
    return {};
  }
}

/** Why a store is not opened, and what to do. @param value of the row */
export function saidOf(value: string): string {
  const { reason, date, other } = read(value);
  const dated = typeof date === 'string' ? ` at ${date}` : '';
  const what = reason === 'copied' ? `this store is a copy, made${dated}, of one that goes on` : `this store was moved${dated}`;
  return `${what}: ${typeof other === 'string' ? other : 'it does not say where'} is the one to serve. Both served would be two histories under the same keys. If that one is not served and never will be again: holdfast store reopen`;
}

const standing = ({ at }: Dormant): string => JSON.stringify({ reason: 'restored', at, backupAt: at, givenUp: [] } satisfies Unconfirmed);

/** A store that is withheld already stays withheld as it is. */
export const makeDormant = (one: Dormant): readonly Statement[] => [
  raw('INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', DORMANT, JSON.stringify(one)),
  raw('INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING', UNCONFIRMED, standing(one)),
];

/** As if it had never been dormant: the other store never came to be. */
export const takeBack = (one: Dormant): readonly Statement[] => [
  raw('DELETE FROM setting WHERE name = ? AND value = ?', DORMANT, JSON.stringify(one)),
  raw('DELETE FROM setting WHERE name = ? AND value = ?', UNCONFIRMED, standing(one)),
];

/** A person says that it is the one to serve: it stays withheld until its history is confirmed, since the other one may have gone on. */
export const reopen = (): readonly Statement[] => [raw('DELETE FROM setting WHERE name = ?', DORMANT)];
