import { and, eq } from 'drizzle-orm';
import { type JwkSet, usableKeys, verifyEntityStatement } from '../../federation/entry.js';
import { putArtefacts } from '../../store/bulk.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { takePlacesOf } from '../../store/mark-places.js';
import { artefact } from '../../store/schema.js';
import { allow, type Call, change, may } from '../call.js';
import { organizationsNamed } from './organizations.js';
import { expectMayBeActive } from './may-be-active.js';
import { expectMemberInput, type MemberInput } from './member-input.js';
import { bindKeys, takenAway, toldDifference } from './key-binding.js';
import { givenKeys } from './member-keys.js';
import { type Judged, keysLeftOut, type WithFindings } from '../judged.js';
import { moveEnd } from './move-end.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { type ShownBy, showDomainControl } from './domain-control.js';
import { expectLocatable, statedElsewhere } from './identifier-uniqueness.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { expectNotOvertaken, expectVersion, findAuthority, findMember, type MemberRow } from '../registry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { sharedKeys } from './shared-keys.js';
import { expectWaived } from './waivers.js';
import { writeMember } from './write-member.js';

const ENDED = ['revoked', 'archived', 'refused', 'withdrawn'];

/**
 * What to write of a member, decided behind the lock.
 * @param seen the row when the request came in
 */
export type Rewrite = (
  before: MemberRow,
  seen: MemberRow,
) => Promise<{ readonly row: MemberRow; readonly events: readonly NewEvent[]; readonly first?: readonly Statement[]; readonly last?: readonly Statement[] }>;

/**
 * Write a changed member, and answer with it. @throws what `rewrite` throws
 * @param findings what is told along with the answer
 */
export const rewriteMember = (
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  version: number | undefined,
  decide: Rewrite,
  findings: readonly Judged[] = [],
): Promise<WithFindings<MemberRow>> => rewrite(call, slug, id, version, decide, (row) => ({ ...row, findings }));

/**
 * Write a changed member; the statement of an active one is signed anew in the same commit, an approved one is vetted again.
 * @param answer what the caller is told, of the row as written; asked once `decide` has run
 */
export async function rewrite<T>(
  call: Call<T>,
  slug: string,
  id: string,
  version: number | undefined,
  decide: Rewrite,
  answer: (row: MemberRow) => T,
): Promise<T> {
  const { db } = call.store;
  const authorityId = (await findAuthority(db, slug)).id;
  const seen = await findMember(db, authorityId, id);
  const { entityId } = seen;
  // What an approver changes of a suspended member he has decided about; what was approved is always looked at again.
  const approver = call.actor.kind !== 'system' && may(call, 'approve', slug);
  return change<T>(call, {
    authorityId,
    scope: entityId,
    async decide() {
      const before = await findMember(db, authorityId, id);
      expectVersion(before, version);
      if (ENDED.includes(before.state)) throw new Refusal('wrong_state', `a member that is ${before.state} does not change any more`);
      const { row, events, first = [], last = [] } = await decide(before, seen);
      if (events.length === 0) return { events, statements: [], result: answer(before) };
      const write = { before, after: { ...row, updatedAt: call.now(), v: before.v + 1 }, decided: approver && before.state !== 'approved' };
      const { row: after, ...written } = await writeMember(write);
      const artefacts = after.state === 'active' ? [await signedStatement(call, await issuerOf(call, await findAuthority(db, slug)), after)] : [];
      return {
        events: [...events.map((one, n) => (n === events.length - 1 ? { ...one, artefacts: published(artefacts) } : one)), ...written.events],
        statements: [...first, ...written.statements, ...(artefacts.length ? putArtefacts(artefacts) : []), ...last],
        result: answer(after),
      };
    },
  });
}

export interface MemberChange extends Omit<MemberInput, 'domainControl'> {
  /** How domain control is shown, for a configuration elsewhere than on the identifier's own host. */
  readonly shownBy?: ShownBy | undefined;
  /** Null: it belongs to none any more. */
  readonly organization?: string | null | undefined;
  readonly version?: number | undefined;
}

/** Change what we say about a member. Fields left out stay. @throws Refusal findings, wrong_state, version_conflict */
export async function changeMember(
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  { organization, version, shownBy, ...input }: MemberChange,
): Promise<MemberRow> {
  allow(call, 'enroll', slug);
  const authority = await findAuthority(call.store.db, slug);
  const { entityId, jwks } = await findMember(call.store.db, authority.id, id);
  const control = shownBy && (await showDomainControl(call, authority.entityId, entityId, jwks, shownBy)); // before the lock
  const elsewhere = await statedElsewhere(call, entityId, input.ecLocation);
  const approver = may(call, 'approve', slug);
  return rewriteMember(call, slug, id, version, async (before) => {
    if (before.state === 'active' && !approver)
      throw new Refusal('permission_denied', `the role ${call.role} may not approve; what is said about an active member changes at once`);
    const given = { ...input, domainControl: control };
    const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<MemberRow>;
    expectMemberInput({ ...before, ...set }, call);
    if (set.ecLocation && before.hosted) throw new Refusal('wrong_state', 'we serve its configuration; end that first: holdfast member host <id> --end');
    const located = await expectLocatable(call, { ...before, ...set }, typeof set.ecLocation === 'string', elsewhere);
    const organizations = await organizationsNamed(call, before.authorityId, [organization ?? undefined]);
    const row: MemberRow = {
      ...before,
      ...set,
      organizationId: organization === null ? null : (organizations.idOf(organization) ?? before.organizationId),
      cut: before.cut + 1,
    };
    if (row.state === 'active' && row.organizationId !== before.organizationId) await expectMayBeActive(call.store.db, row);
    const owner = organizations.made();
    return {
      row,
      events: [
        ...owner.events,
        {
          type: 'member.changed',
          subjectKind: 'member',
          subjectId: before.id,
          detail: {
            entity_id: before.entityId,
            changed: Object.keys({ ...set, ...(organization !== undefined && { organization }) }),
            ...(set.ecLocation && { ec_location: set.ecLocation }),
            ...(control && { domain_control: control }),
          },
        },
      ],
      first: [...located, ...owner.statements, ...(row.validUntil === before.validUntil ? [] : moveEnd(call, { memberId: before.id }, row.validUntil))],
      last: row.validUntil === before.validUntil ? [] : takePlacesOf(before.id, call.now()),
    };
  });
}

/** A configuration we serve that none of the keys we vouch for now has signed is served no longer. */
async function keepHosting({ store: { db } }: Call, row: MemberRow): Promise<{ readonly row: MemberRow; readonly first: readonly Statement[] }> {
  if (!row.hosted) return { row, first: [] };
  const place = and(eq(artefact.authorityId, row.authorityId), eq(artefact.kind, 'hosted'), eq(artefact.key, row.entityId));
  const [served] = await db.select({ kid: artefact.kid }).from(artefact).where(place).limit(1);
  const kept = row.jwks.keys.some(({ kid }) => kid === served?.kid);
  return kept ? { row, first: [] } : { row: { ...row, hosted: false }, first: [db.delete(artefact).where(place)] };
}

/** Among keys that are not bound yet: what they share with others. @throws Refusal findings for the authority's own key */
async function expectOwnKeys(call: Call, { authorityId, entityId, jwks }: MemberRow, fresh: JwkSet, waive: readonly string[]): Promise<void> {
  const keys = fresh.keys.filter((key) => !jwks.keys.some((bound) => sameKey(bound, key)));
  const found = (await sharedKeys(call.store.db, { id: authorityId }, [{ entityId, jwks: { keys } }])).get(entityId) ?? [];
  expectWaived(found, waive, 'these keys cannot be bound');
}

/** A person binds these keys: what to write, and the event that tells of it. */
export async function bindByPerson(
  call: Call,
  [before, seen]: readonly [before: MemberRow, seen: MemberRow],
  jwks: JwkSet,
  reason: string,
  waive: readonly string[] = [],
): ReturnType<Rewrite> {
  // A key may have been called compromised since: it is not bound again by somebody who did not know.
  expectNotOvertaken(seen.cut, before.cut);
  await expectOwnKeys(call, before, jwks, waive);
  const { row, difference } = await bindKeys(before, jwks, { person: call.now() });
  return {
    ...(await keepHosting(call, row)),
    events: [
      {
        type: 'member.keys_replaced',
        subjectKind: 'member',
        subjectId: before.id,
        reason,
        detail: { entity_id: before.entityId, keys_proven_by: 'operator', ...toldDifference(difference) },
      },
    ],
  };
}

/** Put other keys in the place of a member's; an operator vouches for them. @throws Refusal findings, wrong_state */
export async function replaceMemberKeys(
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  input: {
    readonly jwks?: unknown;
    readonly pem?: string | undefined;
    readonly reason: string;
    readonly version?: number | undefined;
    readonly waive?: readonly string[] | undefined;
  },
): Promise<WithFindings<MemberRow>> {
  allow(call, 'approve', slug);
  const given = await givenKeys(input, call.now());
  if (!given.ok) throw refuseFindings('these keys cannot be bound', given.findings);
  const { jwks, ignored, told } = given.value;
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { entityId } = await findMember(db, authority.id, id);
  const shared = (await sharedKeys(db, authority, [{ entityId, jwks }])).get(entityId) ?? [];
  const decide: Rewrite = (...rows) => bindByPerson(call, rows, jwks, input.reason, input.waive);
  return rewriteMember(call, slug, id, input.version, decide, [...keysLeftOut(ignored), ...told, ...shared]);
}

/**
 * Adopt the keys of a configuration that a key we already vouch for has signed (OpenID Federation 1.0 §11.2). Its `iat`
 * must be newer than the one last adopted: an old configuration with a leaked key cannot be replayed.
 * @param configuration fetched from the member when absent
 * @throws Refusal findings, wrong_state
 */
export async function adoptMemberKeys(call: Call<WithFindings<MemberRow>>, slug: string, id: string, configuration?: string): Promise<WithFindings<MemberRow>> {
  allow(call, 'follow', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { entityId } = await findMember(db, authority.id, id);
  const statement = await call.explorer.ask('configuration', { entityId, configuration, superior: authority.entityId });
  if (!statement.ok) throw refuseFindings('no valid entity configuration could be read', statement.findings);
  const { iat } = statement.value.claims;
  const shown = usableKeys(statement.value.claims.jwks);
  if (!shown.ok) throw refuseFindings('these keys cannot be bound', shown.findings);
  const { jwks, ignored } = shown.value;
  const decide: Rewrite = async (before) => {
    const signed = await verifyEntityStatement(statement.value, before.jwks);
    if (!signed.ok)
      throw refuseFindings('no key we vouch for has signed this configuration; compare the keys through a second channel, then replace them', signed.findings);
    if (before.keysIat !== null && iat < before.keysIat)
      throw new Refusal('wrong_state', `the configuration is from ${iat}, older than the one adopted last (${before.keysIat})`);
    const again = await takenAway(before, jwks);
    if (again.length)
      throw new Refusal('wrong_state', `a person took the key ${again[0]?.kid} away from this member; if it is to come back, a person has to bind it`);
    await expectOwnKeys(call, before, jwks, []);
    const { row, difference } = await bindKeys(before, jwks, { iat });
    const same = difference.added.length === 0 && difference.removed.length === 0;
    return {
      ...(await keepHosting(call, call.actor.kind === 'system' && difference.added.length > 0 ? { ...row, keysFollowedAt: call.now() } : row)),
      events: same
        ? []
        : [
            {
              type: 'member.keys_adopted',
              subjectKind: 'member',
              subjectId: before.id,
              detail: { entity_id: entityId, signed_by: statement.value.header.kid, ...toldDifference(difference) },
            },
          ],
    };
  };
  return rewriteMember(call, slug, id, undefined, decide, keysLeftOut(ignored));
}
