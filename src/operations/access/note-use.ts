import { eq } from 'drizzle-orm';
import { apiKey } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import type { ApiKeyRow } from './api-keys.js';

const EVERY_SECONDS = 60;
const noted = new Map<string, number>();

/** Remember when an API key was last used, at most once a minute; a full or busy disk must not turn the caller away. */
export async function noteUse({ store, now }: Deployment, key: ApiKeyRow): Promise<void> {
  const at = now();
  if (at - Math.max(key.lastUsedAt ?? 0, noted.get(key.id) ?? 0) < EVERY_SECONDS) return;
  noted.set(key.id, at);
  await store.write([store.db.update(apiKey).set({ lastUsedAt: at }).where(eq(apiKey.id, key.id))]).catch(() => undefined);
}
