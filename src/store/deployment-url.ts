import { eq } from 'drizzle-orm';
import type { Database } from './database.js';
import { setting } from './schema.js';

/** Where the deployment answers, as it was configured; undefined where no process has noted it. */
export async function deploymentUrl(db: Database): Promise<string | undefined> {
  const [row] = await db.select({ value: setting.value }).from(setting).where(eq(setting.name, 'url')).limit(1);
  return row?.value;
}
