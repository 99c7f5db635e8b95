import { and, eq } from 'drizzle-orm';
import { type JwkSet, usableKeys, verifyEntityStatement } from '../../federation/entry.js';
import type { Statement } from '../../store/database.js';
import { artefact, authority } from '../../store/schema.js';
import { allow, asWhom, type Call, may } from '../call.js';
import { expectVouchable } from '../binding/key-rules.js';
import { organizationsNamed } from './organizations.js';
import { expectAdmitted } from '../accreditations/admitted.js';
import { expectNoneHalted } from './may-be-active.js';
import { expectMemberInput, type MemberInput } from './member-input.js';
import { bindKeys, certifiedAnew, takenAway, thumbprintsOf, toldDifference, withCertificates } from './key-binding.js';
import { givenKeys } from './member-keys.js';
import { isError, type Judged, keysLeftOut, type WithFindings } from '../judged.js';
import { type ShownBy, showDomainControl } from './domain-control.js';
import { expectLocatable, statedElsewhere } from './identifier-uniqueness.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { expectNotOvertaken, findAuthority, findMember, type MemberRow } from '../registry.js';
import { sameKey } from '../../federation/jwk-set.js';
import { jsonEqual } from '../../federation/strict-json.js';
import { bareKeys, certificatesOf } from '../binding/certificates-of.js';
import { type KnownHalts, knownHalts, whileHaltedAsKnown } from './halted-since.js';
import { keysKnown, sharedAmong, whileNoneHaltedMeanwhile } from './shared-keys.js';
import { expectWaived, waivedOf } from './waivers.js';
import { type Rewrite, rewriteMember } from './rewrite-member.js';

/** Who answers for a member has a verb of its own (sponsor-member.ts). */
export interface MemberChange extends Omit<MemberInput, 'domainControl' | 'sponsor' | 'reattestBy'> {
  /** How domain control is shown, for a configuration elsewhere than on the identifier's own host. */
  readonly shownBy?: ShownBy | undefined;
  /** Null: it belongs to none any more. */
  readonly organization?: string | null | undefined;
  readonly version?: number | undefined;
  /** The digest of the decision that the caller looked at. */
  readonly digest?: string | undefined;
}

const given = (fields: object): Readonly<Record<string, unknown>> => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** Change what we say about a member. Fields left out stay. @throws Refusal findings, wrong_state, version_conflict */
export async function changeMember(call: Call<WithFindings<MemberRow>>, slug: string, id: string, change: MemberChange): Promise<MemberRow> {
  const { organization, version, shownBy, digest, ...input } = change;
  // Whoever approves what another one asked for changes nothing of his own.
  if (digest === undefined) allow(call, 'enroll', slug);
  else allow(call, 'approve', slug);
  const authority = await findAuthority(call.store.db, slug);
  const { entityId, jwks } = await findMember(call.store.db, authority.id, id);
  const control = shownBy && (await showDomainControl(call, authority.entityId, entityId, jwks, shownBy)); // before the lock
  const elsewhere = await statedElsewhere(call, entityId, input.ecLocation);
  const approver = may(call, 'approve', slug);
  const asked = { request: { act: 'change', ...given({ ...input, organization, shownBy }) }, digest };
  return rewriteMember(call, slug, id, version, asked, async (before) => {
    if (before.state === 'active' && !approver)
      throw new Refusal('permission_denied', `${asWhom(call)} may not approve; what is said about an active member changes at once`);
    const set = given({ ...input, domainControl: control }) as Partial<MemberRow>;
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
    if (row.state === 'active' && row.organizationId !== before.organizationId) await expectNoneHalted(call.store.db, row);
    if (row.state === 'active') await expectAdmitted(call.store.db, row, call.now());
    await expectVouchableBelow(call, before, row);
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
      first: [...located, ...owner.statements],
    };
  });
}

/** Of an intermediate more may be demanded than of the leaf it was when its keys were bound. @throws Refusal key_unproven, key_unconfirmed */
async function expectVouchableBelow({ store: { db }, now }: Call, before: MemberRow, row: MemberRow): Promise<void> {
  if (!row.intermediate || before.intermediate || !stands(before)) return;
  const [demands] = await db.select().from(authority).where(eq(authority.id, before.authorityId)).limit(1);
  if (demands) await expectVouchable(db, demands, row, row.jwks, 'bind', now());
}

/** A configuration we serve that none of the keys we vouch for now has signed is served no longer. */
async function keepHosting({ store: { db } }: Call, row: MemberRow): Promise<{ readonly row: MemberRow; readonly first: readonly Statement[] }> {
  if (!row.hosted) return { row, first: [] };
  const place = and(eq(artefact.authorityId, row.authorityId), eq(artefact.kind, 'hosted'), eq(artefact.key, row.entityId));
  const [served] = await db.select({ kid: artefact.kid }).from(artefact).where(place).limit(1);
  const kept = row.jwks.keys.some(({ kid }) => kid === served?.kid);
  return kept ? { row, first: [] } : { row: { ...row, hosted: false }, first: [db.delete(artefact).where(place)] };
}

interface SoundKeys {
  /** What is to be told of all the keys that it has then. */
  readonly findings: readonly Judged[];
  readonly waived: readonly string[];
  readonly first: readonly Statement[];
}

/** Codes that a person waives, and what he may know of the keys. */
interface Waived {
  readonly codes: readonly string[];
  readonly known?: KnownHalts | undefined;
}

/**
 * Among keys that are not bound yet: what they share with others.
 * @returns what they share, codes that were waived, and what the commit asks again
 * @throws Refusal findings for the authority's own key, and for one that was halted
 */
async function expectOwnKeys(call: Call, { authorityId, entityId, jwks }: MemberRow, fresh: JwkSet, waive: Waived): Promise<SoundKeys> {
  const keys = fresh.keys.filter((key) => !jwks.keys.some((bound) => sameKey(bound, key)));
  // What is known to be halted is read before it is judged: a halt in between is judged, or refused by the commit.
  const first = await whileNoneHaltedMeanwhile(call.store.db, authorityId, { keys });
  const known = await keysKnown(call.store.db, { id: authorityId }, [fresh]);
  const among = async (some: JwkSet) => (await sharedAmong(known, { id: authorityId }, [{ entityId, jwks: some }])).get(entityId) ?? [];
  const found = await among({ keys });
  // Also a key that stays is looked at when it comes with other certificates.
  const shown = fresh.keys.filter((key) => !jwks.keys.some((bound) => sameKey(bound, key) && jsonEqual(bound['x5c'], key['x5c'])));
  const certificates = await certificatesOf(call, authorityId, shown);
  const all = [...found, ...certificates];
  expectWaived(all, waive.codes, 'these keys cannot be bound');
  const halted = found.some(({ code }) => code === 'key_halted') && waive.known;
  return {
    findings: await among(fresh),
    waived: all.filter(isError).map(({ code }) => code),
    first: halted ? [...first, await whileHaltedAsKnown(call, authorityId, halted)] : first,
  };
}

/** Of a suspended member all is asked for when it comes back; with the end of a halt it comes back unasked. */
const stands = ({ state, suspendedWith }: MemberRow): boolean => state === 'active' || suspendedWith !== null;

/** Keys that are not bound yet are proven and confirmed as the authority demands. @throws Refusal key_unproven, key_unconfirmed */
async function expectNewVouchable(call: Call, before: MemberRow, jwks: JwkSet): Promise<void> {
  if (!stands(before)) return;
  const [demands] = await call.store.db.select().from(authority).where(eq(authority.id, before.authorityId)).limit(1);
  const fresh = jwks.keys.filter((key) => !before.jwks.keys.some((bound) => sameKey(bound, key)));
  if (demands) await expectVouchable(call.store.db, demands, before, { keys: fresh }, 'bind', call.now());
}

/** A person binds these keys: what to write, and the event that tells of it. */
export async function bindByPerson(
  call: Call,
  [before, seen]: readonly [before: MemberRow, seen: MemberRow],
  jwks: JwkSet,
  reason: string,
  waive: Waived = { codes: [] },
): ReturnType<Rewrite> {
  // A key may have been called compromised since: it is not bound again by somebody who did not know.
  expectNotOvertaken(seen.cut, before.cut);
  const sound = await expectOwnKeys(call, before, jwks, waive);
  await expectNewVouchable(call, before, jwks);
  const { row, difference } = await bindKeys(before, jwks, { person: call.now() });
  const hosting = await keepHosting(call, { ...row, waived: [...new Set([...waivedOf(row), ...sound.waived])] });
  return {
    row: hosting.row,
    findings: sound.findings,
    first: [...sound.first, ...hosting.first],
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

export interface KeysInput {
  readonly jwks?: unknown;
  readonly pem?: string | undefined;
  readonly reason: string;
  readonly version?: number | undefined;
  readonly waive?: readonly string[] | undefined;
  /** The digest of the decision that the caller looked at. */
  readonly digest?: string | undefined;
}

/** Put other keys in the place of a member's; an operator vouches for them. @throws Refusal findings, wrong_state */
export async function replaceMemberKeys(call: Call<WithFindings<MemberRow>>, slug: string, id: string, input: KeysInput): Promise<WithFindings<MemberRow>> {
  allow(call, 'approve', slug);
  const keys = await givenKeys(input, call.now());
  if (!keys.ok) throw refuseFindings('these keys cannot be bound', keys.findings);
  const { jwks, ignored, told } = keys.value;
  const { db } = call.store;
  const known = await knownHalts(db, await thumbprintsOf(jwks)); // before the lock
  const waive = { codes: input.waive ?? [], known };
  const decide: Rewrite = (...rows) => bindByPerson(call, rows, jwks, input.reason, waive);
  const { digest, version, ...asked } = input;
  return rewriteMember(call, slug, id, version, { request: { act: 'keys', ...given(asked) }, digest }, decide, [...keysLeftOut(ignored), ...told], [jwks]);
}

/**
 * Adopt the keys of a configuration that a key we already vouch for has signed (OpenID Federation 1.0 §11.2). Its `iat`
 * must be newer than the one last adopted: an old configuration with a leaked key cannot be replayed.
 * @param configuration fetched from the member when absent
 * @param removals of the keys shown only those that are bound already: the others go
 * @throws Refusal findings, wrong_state, key_unproven, key_unconfirmed
 */
export async function adoptMemberKeys(
  call: Call<WithFindings<MemberRow>>,
  slug: string,
  id: string,
  configuration?: string,
  { removals = false } = {},
): Promise<WithFindings<MemberRow>> {
  allow(call, 'follow', slug);
  const { db } = call.store;
  const authority = await findAuthority(db, slug);
  const { entityId } = await findMember(db, authority.id, id);
  const statement = await call.explorer.ask('configuration', { entityId, configuration, superior: authority.entityId });
  if (!statement.ok) throw refuseFindings('no valid entity configuration could be read', statement.findings);
  const { iat } = statement.value.claims;
  const shown = usableKeys(statement.value.claims.jwks);
  if (!shown.ok) throw refuseFindings('these keys cannot be bound', shown.findings);
  const { ignored } = shown.value;
  const decide: Rewrite = async (before) => {
    const jwks = removals
      ? { keys: before.jwks.keys.filter((bound) => shown.value.jwks.keys.some((key) => sameKey(bound, key))) }
      : withCertificates(shown.value.jwks, before.jwks);
    const signed = await verifyEntityStatement(statement.value, before.jwks);
    if (!signed.ok)
      throw refuseFindings('no key we vouch for has signed this configuration; compare the keys through a second channel, then replace them', signed.findings);
    if (before.keysIat !== null && iat < before.keysIat)
      throw new Refusal('wrong_state', `the configuration is from ${iat}, older than the one adopted last (${before.keysIat})`);
    const again = await takenAway(before, jwks);
    if (again.length)
      throw new Refusal('wrong_state', `a person took the key ${again[0]?.kid} away from this member; if it is to come back, a person has to bind it`);
    const sound = await expectOwnKeys(call, before, jwks, { codes: [] });
    const bare = await bareKeys(db, before, jwks);
    if (bare.length) throw refuseFindings('these keys are not followed: a person has to bind them', bare);
    await expectNewVouchable(call, before, jwks);
    const { row, difference } = await bindKeys(before, jwks, { iat });
    const renewed = certifiedAnew(before.jwks, jwks);
    const same = difference.added.length + difference.removed.length + renewed.length === 0;
    const followed = difference.added.length + renewed.length > 0 && call.actor.kind === 'system';
    const hosting = await keepHosting(call, followed ? { ...row, keysFollowedAt: call.now() } : row);
    return {
      row: hosting.row,
      findings: sound.findings,
      first: [...sound.first, ...hosting.first],
      events: same
        ? []
        : [
            {
              type: 'member.keys_adopted',
              subjectKind: 'member',
              subjectId: before.id,
              detail: {
                entity_id: entityId,
                signed_by: statement.value.header.kid,
                ...toldDifference(difference),
                ...(renewed.length && { certified_anew: renewed.map(({ kid }) => kid) }),
              },
            },
          ],
    };
  };
  return rewriteMember(call, slug, id, undefined, 'followed', decide, keysLeftOut(ignored), [shown.value.jwks]);
}
