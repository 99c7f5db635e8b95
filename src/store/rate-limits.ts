import { inLot, readByList } from './lots.js';
import { type Database, isDuplicate, raw, type Statement } from './database.js';
import { admit, type Rate, toleranceOf } from './gcra.js';
import { insertMissing } from './bulk.js';
import { eq } from 'drizzle-orm';
import { rateLimit, setting } from './schema.js';
import type { Store } from './store.js';
import { NUMBER } from './words.js';

/** Who asks, and how often that one may. */
export interface Asked {
  readonly bucket: string;
  readonly rate: Rate;
}

/**
 * Fails by the primary key where the number stands too far ahead: the commit that lets a request in looks itself, so of any
 * number of processes together no more are let in than one would.
 */
const stop = ({ bucket, rate }: Asked, now: number): Statement =>
  raw(`INSERT INTO rate_limit (bucket, tat) SELECT bucket, tat FROM rate_limit WHERE bucket = ? AND tat > ${NUMBER}`, bucket, now + toleranceOf(rate));

const count = ({ bucket, rate }: Asked, now: number): Statement =>
  raw(
    `INSERT INTO rate_limit (bucket, tat) VALUES (?, ${NUMBER}) ON CONFLICT (bucket) DO UPDATE
       SET tat = CASE WHEN rate_limit.tat > ${NUMBER} THEN rate_limit.tat ELSE ${NUMBER} END + ${NUMBER}`,
    bucket,
    now + rate.interval,
    now,
    now,
    rate.interval,
  );

/** What has passed says nothing. */
const forget = (now: number): Statement => raw(`DELETE FROM rate_limit WHERE tat <= ${NUMBER}`, now);

/** Seconds until it may ask again; undefined: it may. */
async function mustWait(db: Database, asked: readonly Asked[], now: number): Promise<number | undefined> {
  const rows = await readByList(
    asked.map(({ bucket }) => bucket),
    (lot) => db.select().from(rateLimit).where(inLot(rateLimit.bucket, lot)),
  );
  const waits = asked.flatMap(({ bucket, rate }) => {
    const admitted = admit(rows.find((row) => row.bucket === bucket)?.tat, now, rate);
    return admitted.allowed ? [] : [admitted.retryAfter];
  });
  return waits.length ? Math.max(...waits) : undefined;
}

/**
 * Let a request in, or say when it may come again. Whoever is refused costs a look and no write.
 * @returns seconds to wait; undefined where it is let in
 */
export async function letIn({ db, write }: Store, asked: readonly Asked[], now: number): Promise<number | undefined> {
  const wait = await mustWait(db, asked, now);
  if (wait !== undefined) return wait;
  try {
    await write([...asked.map((one) => stop(one, now)), ...asked.map((one) => count(one, now)), forget(now)]);
    return undefined;
  } catch (error) {
    if (isDuplicate(error, 'rate_limit')) return (await mustWait(db, asked, now)) ?? 1;
    throw error;
  }
}

const SALT = 'rate_limit_salt';

/** What makes an address a bucket: without it nobody tries out which address it was. Made once for all processes. */
export async function saltOf({ db, write }: Store, fresh: () => string): Promise<string> {
  const read = async () => (await db.select({ value: setting.value }).from(setting).where(eq(setting.name, SALT)).limit(1))[0]?.value;
  const known = await read();
  if (known !== undefined) return known;
  await write([insertMissing(setting, [{ name: SALT, value: fresh() }])]);
  return (await read()) as string;
}
