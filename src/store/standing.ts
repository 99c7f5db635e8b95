import { eq, inArray } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import { type Database, raw, type Statement } from './database.js';
import type { Head } from './event.js';
import { setting, UNCONFIRMED } from './schema.js';
import { number } from './words.js';

/**
 * Whether the history that a database holds is the newest there was. One that was put in the place of another, or whose
 * chains went back, may vouch again for whom the lost events cut off: until a person has confirmed it, nothing is signed and
 * nothing of what was signed is served. It is a row of `setting`, so every process on the database sees it.
 */

/** What a person confirmed last. */
const CONFIRMED = 'confirmed';
/** In the file of a backup: when it was made. */
const BACKUP = 'backup';

/** An event that was seen at the end of a chain. */
export interface SeenHead extends Head {
  readonly authorityId: string;
}

export interface Unconfirmed {
  readonly reason: 'restored' | 'went_back';
  /** When it was restored, or noticed. */
  readonly at: number;
  /** When the backup was made; null where it does not say so, or there is none. */
  readonly backupAt: number | null;
  /** Heads seen before that the database does not hold. Whoever confirms gives up what led to them. */
  readonly givenUp: readonly SeenHead[];
}

export interface Confirmed {
  readonly at: number;
  readonly givenUp: readonly SeenHead[];
}

/** A row that cannot be read withholds all the same. */
function readUnconfirmed(value: string): Unconfirmed {
  try {
    return JSON.parse(value) as Unconfirmed;
  } catch {
    return { reason: 'restored', at: 0, backupAt: null, givenUp: [] };
  }
}

async function settingOf(db: Database, name: string): Promise<string | undefined> {
  const [row] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, name)).limit(1);
  return row?.value;
}

export async function unconfirmed(db: Database): Promise<Unconfirmed | undefined> {
  const value = await settingOf(db, UNCONFIRMED);
  return value === undefined ? undefined : readUnconfirmed(value);
}

export async function confirmed(db: Database): Promise<Confirmed | undefined> {
  const value = await settingOf(db, CONFIRMED);
  return value === undefined ? undefined : (JSON.parse(value) as Confirmed);
}

/** When the backup was made that this database is, or was restored from; null: it is none. */
export async function backupTime(db: Database): Promise<number | null> {
  const value = await settingOf(db, BACKUP);
  return value === undefined ? null : Number(value);
}

const put = (name: string, value: string): Statement => insertWith(setting, [{ name, value }], 'ON CONFLICT (name) DO UPDATE SET value = excluded.value');

export const noteBackup = (at: number): Statement => put(BACKUP, String(at));
export const withhold = (standing: Unconfirmed): Statement => put(UNCONFIRMED, JSON.stringify(standing));
/** Only while it stands: it may be confirmed at this moment. */
export const withholdStill = (standing: Unconfirmed): Statement => raw('UPDATE setting SET value = ? WHERE name = ?', JSON.stringify(standing), UNCONFIRMED);
/** Asked again where it is written: of several servers the one that was read may be behind. */
export const withholdWhereGone = (standing: Unconfirmed): Statement =>
  raw(
    `INSERT INTO setting (name, value) SELECT ?, ? WHERE EXISTS (SELECT 1 FROM json_each(?) AS gone WHERE NOT EXISTS (
       SELECT 1 FROM event WHERE authority_id = json_extract(gone.value, '$.authorityId') AND seq = ${number('gone.value', '$.seq')} AND hash = json_extract(gone.value, '$.hash')))
     ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    UNCONFIRMED,
    JSON.stringify(standing),
    JSON.stringify(standing.givenUp),
  );

/** What a person confirmed is signed and served again. */
export const release = (db: Database, by: Confirmed): readonly Statement[] => [
  db.delete(setting).where(inArray(setting.name, [UNCONFIRMED, BACKUP])),
  put(CONFIRMED, JSON.stringify(by)),
];
