import { inArray } from 'drizzle-orm';
import type { Database } from '../../store/database.js';
import { authority } from '../../store/schema.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';
import { inWords, type Judged, type Standing } from './admission.js';
import { judge } from './judge.js';

/** What of an authority is asked here. */
export type Admitting = Pick<typeof authority.$inferSelect, 'id' | 'slug' | 'admission'>;

/**
 * What each of these members has of what it needs at its authority, by id.
 * @param known authorities that were read behind the same lock
 * @throws Refusal wrong_state where the rules cannot be read
 */
export async function standingsOf(
  db: Database,
  members: readonly Judged[],
  now: number,
  known: readonly Admitting[] = [],
): Promise<ReadonlyMap<string, Standing>> {
  const found = new Map<string, Standing>();
  const authorityIds = [...new Set(members.map(({ authorityId }) => authorityId))];
  if (authorityIds.length === 0) return found;
  const unknown = authorityIds.filter((id) => !known.some((one) => one.id === id));
  const read = unknown.length
    ? await db.select({ id: authority.id, slug: authority.slug, admission: authority.admission }).from(authority).where(inArray(authority.id, unknown))
    : [];
  for (const one of [...known.filter(({ id }) => authorityIds.includes(id)), ...read]) {
    const { id, slug } = one;
    const own = members.filter(({ authorityId }) => authorityId === id);
    for (const [of, standing] of await judge(db, id, one.admission, own, now).catch((error: unknown) => unreadable(slug, error))) found.set(of, standing);
  }
  return found;
}

/** @throws Refusal wrong_state for rules that cannot be read; anything else as it came */
export function unreadable(slug: string, error: unknown): never {
  if (!(error instanceof SyntaxError)) throw error;
  throw new Refusal(
    'wrong_state',
    `the admission rules of ${slug} cannot be read (holdfast fsck), so nobody becomes active there; set them anew: holdfast authority admission`,
  );
}

/** @throws Refusal accreditation_not_in_force with all that is missing */
export async function expectAdmitted(db: Database, member: Judged & Pick<MemberRow, 'entityId'>, now: number, known?: readonly Admitting[]): Promise<void> {
  const { missing } = (await standingsOf(db, [member], now, known)).get(member.id) ?? { missing: [] };
  if (missing.length) throw notAdmitted(member.entityId, missing);
}

export const notAdmitted = (entityId: string, missing: readonly string[]): Refusal =>
  new Refusal('accreditation_not_in_force', `${entityId} lacks what its authority demands (${missing.join(', ')}): ${inWords(missing)}`);

interface Write {
  readonly before?: MemberRow | undefined;
  readonly after: MemberRow;
}

/**
 * The end of the accreditations of members that are written, as it is to stand in their rows. Nobody is approved or becomes
 * active who lacks one; who is active and lacks one by now has ended, so nothing more is signed about it. A cut asks nothing.
 * @throws Refusal accreditation_not_in_force, wrong_state
 */
export async function accreditedEnds(db: Database, writes: readonly Write[], known?: readonly Admitting[]): Promise<readonly (number | null)[]> {
  const asked = writes.filter(({ before, after }) => after.state === 'active' || (after.state === 'approved' && before?.state !== 'approved'));
  const [first] = asked;
  if (!first) return writes.map(({ after }) => after.accreditedUntil);
  const entering = asked.filter(({ before, after }) => before?.state !== after.state);
  const standings = await standingsOf(
    db,
    asked.map(({ after }) => after),
    first.after.updatedAt,
    known,
  ).catch((error: unknown) => {
    // Whoever is active stays as it is: what is written of it may be a cut.
    if (entering.length || !(error instanceof Refusal)) throw error;
    return new Map<string, Standing>();
  });
  return writes.map(({ before, after }) => {
    const standing = standings.get(after.id);
    if (!standing) return after.accreditedUntil;
    const { missing, until } = standing;
    if (missing.length === 0) return after.state === 'active' ? until : after.accreditedUntil;
    if (before?.state !== after.state) throw notAdmitted(after.entityId, missing);
    return Math.min(before.accreditedUntil ?? after.updatedAt, after.updatedAt);
  });
}
