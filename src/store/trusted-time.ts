import { eq } from 'drizzle-orm';
import { insertWith } from './bulk.js';
import type { Database, Statement } from './database.js';
import { setting } from './schema.js';

/** The row of the store in which the trusted time stands. */
const NAME = 'clock';

/** What the store knows of time. `confirmed` changes whenever a person has said that the clock is right. */
export interface TimeRecord {
  readonly highest: number;
  readonly confirmed: string;
}

const row = (record: TimeRecord) => [{ name: NAME, value: JSON.stringify(record) }];

/** Somebody vouches for this time: every process begins anew with it. */
export const confirmTime = (record: TimeRecord): Statement => insertWith(setting, row(record), 'ON CONFLICT (name) DO UPDATE SET value = excluded.value');

/** The highest time rises; another process may have got further, or somebody have confirmed another time meanwhile. */
export const raiseTime = (record: TimeRecord): Statement =>
  insertWith(
    setting,
    row(record),
    `ON CONFLICT (name) DO UPDATE SET value = excluded.value
     WHERE json_extract(setting.value, '$.confirmed') = json_extract(excluded.value, '$.confirmed')
       AND CAST(json_extract(setting.value, '$.highest') AS NUMERIC) < CAST(json_extract(excluded.value, '$.highest') AS NUMERIC)`,
  );

/** As it is written there; undefined: nothing is. */
export async function timeRecord(db: Database): Promise<string | undefined> {
  const [found] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, NAME)).limit(1);
  return found?.value;
}
