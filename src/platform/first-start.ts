import { eq } from 'drizzle-orm';
import { ensureOwner } from '../operations/access/api-keys.js';
import { createAuthority } from '../operations/authorities/authorities.js';
import { fillPlaces } from '../operations/authorities/fill-places.js';
import { type Deployment, startingCall } from '../operations/call.js';
import { insertMissing } from '../store/bulk.js';
import type { SigningAlgorithm } from '../federation/entry.js';
import { readUrl } from '../federation/read-url.js';
import { authority, authorityKey, setting } from '../store/schema.js';

export interface FirstStart {
  /** The owner token, when it was made just now and has to be shown once. */
  readonly token: string | undefined;
  readonly created: boolean;
  /** Something the operator should know about the identifier. */
  readonly notice: string | undefined;
}

/** Two URLs of one place: `https://ta.example.org` and `https://ta.example.org/`. As identifiers they are two (§16). */
const samePlace = (a: string, b: string): boolean => a.replace(/\/$/, '') === b.replace(/\/$/, '');

/** An identifier never changes and is compared byte for byte (§16), so the first one is written as everybody writes it. */
function expectUsualSpelling(id: string): void {
  const usual = readUrl(id)?.origin;
  if (usual === undefined || id === usual || id.startsWith(`${usual}/`)) return;
  throw new Error(
    `${id} would be the identifier of the first authority for good, and others would not write it so: small letters, no port that goes without saying. Set HOLDFAST_URL=${usual}${id.replace(/^[^:]*:\/\/[^/]*/, '')}`,
  );
}

/**
 * Make what a deployment needs to be of use: an owner key and a first authority, slug `main`, whose identifier is the
 * URL. Started again it finds both as they were.
 * @param entityId identifier of the first authority; the URL when absent
 * @param organizationName what the first authority calls itself; its host when absent, which claims nothing that is not so
 * @throws Error when URL or identifier differ from those the deployment was created with, or the seal key does not open its keys
 */
export async function firstStart(
  deployment: Deployment,
  url: string,
  adminToken: string | undefined,
  entityId?: string,
  organizationName = readUrl(entityId ?? url)?.hostname ?? url,
): Promise<FirstStart> {
  const { db } = deployment.store;
  const [known] = await db.select().from(setting).where(eq(setting.name, 'url')).limit(1);
  if (known && !samePlace(known.value, url)) {
    throw new Error(
      `this database was created for ${known.value}, HOLDFAST_URL says ${url}. Statements name that URL: set HOLDFAST_URL=${known.value}, or use another HOLDFAST_DATA`,
    );
  }
  // A seal key that does not open the signing keys stops the start, not the first enrolment weeks later.
  for (const key of await db.select().from(authorityKey).where(eq(authorityKey.state, 'active')))
    await deployment.custody.signer({ ...key, alg: key.alg as SigningAlgorithm });
  const made = (await db.select({ id: authority.id }).from(authority).limit(1)).length > 0;
  if (!made) expectUsualSpelling(entityId ?? url);
  const token = await ensureOwner(deployment, adminToken);
  const hidden = await fillPlaces(deployment);
  const authorities = await db.select({ entityId: authority.entityId }).from(authority);
  const ids = authorities.map((one) => one.entityId);
  if (entityId !== undefined && ids.length && !ids.includes(entityId))
    throw new Error(
      `no authority of this database has the identifier ${entityId}; there ${ids.length === 1 ? 'is' : 'are'} ${ids.join(', ')}. An identifier never changes: make another authority, or use another HOLDFAST_DATA`,
    );
  const [twin] = ids.includes(url) ? [] : ids.filter((id) => samePlace(id, url));
  if (!ids.length)
    await createAuthority(startingCall(deployment), {
      slug: 'main',
      entityId: entityId ?? url,
      metadata: { federation_entity: { organization_name: organizationName } },
    });
  if (!known) await deployment.store.write([insertMissing(setting, [{ name: 'url', value: url }])]);
  return {
    token,
    created: !ids.length,
    notice: hidden.length
      ? `${hidden.join(', ')} cannot be reached: an older authority answers at the same URL`
      : twin && `HOLDFAST_URL is ${url}, the identifier of the authority stays ${twin}: they are two identifiers, and statements name the one it was made with`,
  };
}
