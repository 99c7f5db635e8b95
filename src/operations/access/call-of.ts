import { eq } from 'drizzle-orm';
import { person } from '../../store/schema.js';
import { keptUntilCommit } from '../../store/kept-until-commit.js';
import type { Call, Deployment } from '../call.js';
import { type ApiKeyRow, isOfEnvironment } from './api-keys.js';
import { rolesOf } from './in-force.js';

const known = keptUntilCommit<Call<unknown>>();

/** A call under an API key: of the person whose it is, with what that person may now; of nobody, with what the key may. */
export const callOf = async (deployment: Deployment, key: ApiKeyRow): Promise<Call<unknown>> =>
  // Roles end by time as well.
  (await known(deployment, deployment.store, nameOf(key, deployment.now()), () => made(deployment, key))) as Call<unknown>;

/** All of a key that a call is made of: it was read before, and may have been changed since. */
const nameOf = ({ id, prefix, role, authorities, personId }: ApiKeyRow, now: number): string =>
  JSON.stringify([id, prefix, role, authorities, personId, personId === null ? null : now]);

async function made(deployment: Deployment, key: ApiKeyRow): Promise<Call<unknown>> {
  const limits = { ...deployment, role: key.role, authorities: key.authorities };
  if (key.personId === null) return { ...limits, actor: { id: key.id, kind: 'api_key' }, ...(isOfEnvironment(key) && { recovery: true }) };
  const { db } = deployment.store;
  const [row] = await db.select({ name: person.name }).from(person).where(eq(person.id, key.personId)).limit(1);
  const roles = (await rolesOf(db, [key.personId], deployment.now())).get(key.personId) ?? [];
  return { ...limits, actor: { id: key.personId, kind: 'person', key: key.id }, person: { name: row?.name ?? '', roles } };
}
