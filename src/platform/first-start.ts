import { eq } from 'drizzle-orm';
import { ensureOwner } from '../operations/api-keys.js';
import { createAuthority } from '../operations/authorities.js';
import { type Deployment, systemCall } from '../operations/call.js';
import { insertRows } from '../store/bulk.js';
import type { SigningAlgorithm } from '../federation/entry.js';
import { authority, authorityKey, setting } from '../store/schema.js';

export interface FirstStart {
  /** The owner token, when it was made just now and has to be shown once. */
  readonly token: string | undefined;
  readonly created: boolean;
}

/**
 * Make what a deployment needs to be of use: an owner key and a first authority, slug `main`, whose identifier is the
 * URL. Started again it finds both as they were.
 * @throws Error when the URL differs from the one the deployment was created with, or the seal key does not open its keys
 */
export async function firstStart(deployment: Deployment, url: string, adminToken: string | undefined, entityId = url): Promise<FirstStart> {
  const { db } = deployment.store;
  const [known] = await db.select().from(setting).where(eq(setting.name, 'url')).limit(1);
  if (known && known.value !== url) {
    throw new Error(
      `this database was created for ${known.value}, HOLDFAST_URL says ${url}. Statements name that URL: set HOLDFAST_URL=${known.value}, or use another HOLDFAST_DATA`,
    );
  }
  // A seal key that does not open the signing keys stops the start, not the first enrolment weeks later.
  for (const key of await db.select().from(authorityKey).where(eq(authorityKey.state, 'active')))
    await deployment.custody.signer({ ...key, alg: key.alg as SigningAlgorithm });
  const token = await ensureOwner(deployment, adminToken);
  const [main] = await db.select({ id: authority.id }).from(authority).limit(1);
  if (!main) await createAuthority(systemCall(deployment), { slug: 'main', entityId, metadata: { federation_entity: { organization_name: 'Holdfast' } } });
  if (!known) await deployment.store.write([insertRows(setting, [{ name: 'url', value: url }], 'ON CONFLICT DO NOTHING')]);
  return { token, created: !main };
}
