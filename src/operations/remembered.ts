import { and, eq, gt } from 'drizzle-orm';
import { sha256 } from '../keys/random.js';
import { idempotency } from '../store/schema.js';
import { type Call, rememberedFor } from './call.js';

/** The answer remembered under the caller's idempotency key, for a day. */
export async function findRemembered({ store: { db }, actor, now }: Call, key: string) {
  const [row] = await db
    .select()
    .from(idempotency)
    .where(and(eq(idempotency.actorId, rememberedFor(actor)), eq(idempotency.key, key), gt(idempotency.expiresAt, now())))
    .limit(1);
  return row;
}

/** What makes a request the same one: whatever was asked, whole. */
export const requestDigest = (method: string, path: string, body: string): Promise<string> => sha256(`${method} ${path} ${body}`);
