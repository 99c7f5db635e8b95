import { and, eq, gt, inArray, isNull, or } from 'drizzle-orm';
import type { Database, Statement } from '../../store/database.js';
import { whileHoldingAll, whileKeyInForce } from '../../store/guards.js';
import type { Actor } from '../../store/event.js';
import { apiKey, authority, type KeyRole, person, roleGrant } from '../../store/schema.js';
import type { Store } from '../../store/store.js';
import type { Background, CallingPerson, HeldRole } from '../permissions.js';
import { Refusal } from '../refusal.js';

/** The roles that persons hold now, by person. */
export async function rolesOf(db: Database, personIds: readonly string[], now: number): Promise<ReadonlyMap<string, readonly HeldRole[]>> {
  const rows = await db
    .select({ id: roleGrant.id, personId: roleGrant.personId, role: roleGrant.role, authorityId: roleGrant.authorityId, slug: authority.slug })
    .from(roleGrant)
    .innerJoin(person, eq(person.id, roleGrant.personId))
    .leftJoin(authority, eq(authority.id, roleGrant.authorityId))
    .where(
      and(
        inArray(roleGrant.personId, [...personIds]),
        eq(person.state, 'active'),
        isNull(roleGrant.endedAt),
        or(isNull(roleGrant.expiresAt), gt(roleGrant.expiresAt, now)),
      ),
    );
  const held = new Map<string, HeldRole[]>();
  for (const { personId, id, role, authorityId, slug } of rows) {
    // Of an authority that is not there it is a role for nothing, and never one for all.
    if (authorityId !== null && slug === null) continue;
    held.set(personId, [...(held.get(personId) ?? []), { id, role, authority: slug }]);
  }
  return held;
}

/** Of a call: what it was let in with. */
interface Asking {
  readonly store: Pick<Store, 'db'>;
  readonly actor: Actor;
  readonly role: KeyRole | Background;
  readonly authorities: readonly string[] | null;
  readonly person?: CallingPerson | undefined;
  readonly now: () => number;
}

const LESS = 'this API key was ended, or changed, while the request was running; nothing more was done under it';
const FEWER = 'what you may do was changed while the request was running; nothing more was done';

/** What a call was let in with, as a text: whoever was let in with the same is in force alike. */
export const letInWith = ({ actor, role, authorities, person: caller }: Asking): string =>
  JSON.stringify([actor.kind, actor.id, actor.key ?? null, role, authorities, caller?.roles.map(({ id }) => id) ?? null]);

/**
 * Is what the call was let in with still so?
 * @returns what goes into the batch: it may end while this is decided
 * @throws Refusal permission_denied
 */
export async function expectInForce({ store: { db }, actor, role, authorities, person: caller, now }: Asking, chain: string): Promise<readonly Statement[]> {
  const keyId = actor.kind === 'person' ? actor.key : actor.kind === 'api_key' ? actor.id : undefined;
  // Of an applicant the token, of a member its standing is looked at with what it changes.
  if (actor.kind === 'system' || actor.kind === 'applicant' || actor.kind === 'member') return [];
  const [key] = keyId === undefined ? [] : await db.select().from(apiKey).where(eq(apiKey.id, keyId)).limit(1);
  const ended = !key || key.revokedAt !== null || (key.expiresAt !== null && key.expiresAt <= now());
  if (ended || key.role !== role || JSON.stringify(key.authorities) !== JSON.stringify(authorities)) throw new Refusal('permission_denied', LESS);
  if (key.personId !== (actor.kind === 'person' ? actor.id : null)) throw new Refusal('permission_denied', LESS);
  const inForce = whileKeyInForce(chain, key.id, key.role, authorities);
  if (actor.kind !== 'person') return [inForce];
  const held = (await rolesOf(db, [actor.id], now())).get(actor.id) ?? [];
  const ids = (caller?.roles ?? []).map(({ id }) => id);
  if (ids.some((id) => !held.some((one) => one.id === id))) throw new Refusal('permission_denied', FEWER);
  return [inForce, whileHoldingAll(chain, actor.id, ids)];
}
