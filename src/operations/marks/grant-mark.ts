import { and, eq } from 'drizzle-orm';
import { newId } from '../../keys/random.js';
import type { AccreditationRow } from '../../store/accreditations.js';
import { giveUpPlace, holdPlaces, passPlaces } from '../../store/mark-places.js';
import { putGrant } from '../../store/mark-rows.js';
import { artefact, member, trustMark, trustMarkGrant } from '../../store/schema.js';
import { type EventsOf, HeadMoved } from '../../store/change.js';
import type { NewEvent } from '../../store/event.js';
import { coveredUntil } from '../accreditations/admission.js';
import { findAccreditation } from '../accreditations/find-accreditation.js';
import { allow, type Call, change } from '../call.js';
import { consent } from '../deciding/consent.js';
import type { Seen } from '../deciding/resume-consent.js';
import { earliest } from '../members/member-end.js';
import { ifPossible, withdrawMarks } from './cut-marks.js';
import { placeOf, publishMarks } from './reissue-marks.js';
import { type GrantRow, issueMark, markKey, type MarkRow } from './issue-mark.js';
import { findMarkType } from './mark-types.js';
import { issuerOf, published } from '../artefacts/publish.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, expectNotOvertaken, findAuthority, findMember, type MemberRow } from '../registry.js';

export interface GrantInput {
  readonly type: string;
  /** Our id or the entity identifier of the member. */
  readonly member: string;
  /** Slug of the authority whose member it is; the issuing one by default. */
  readonly memberOf?: string | undefined;
  /** Id of an accreditation in force of the member, or of its organization: the grant ends with it, and is withdrawn with it. */
  readonly accreditation?: string | undefined;
  /** Seconds since the epoch; no mark outlives it. */
  readonly validUntil?: number | null | undefined;
}

/** A grant with the mark that is published from it, if one is. */
export interface Granted {
  readonly grant: GrantRow;
  readonly mark: MarkRow | null;
}

async function memberOf(call: Call, issuing: AuthorityRow, input: GrantInput): Promise<MemberRow> {
  const { db } = call.store;
  // Asked first: whose key is for other authorities does not learn which there are.
  if (input.memberOf !== undefined) allow(call, 'read', input.memberOf);
  const home = input.memberOf === undefined ? issuing : await findAuthority(db, input.memberOf);
  return findMember(db, home.id, input.member);
}

/**
 * Grant a Trust Mark to an active member and publish it at once (OpenID Federation 1.0 §7). The change goes into the event
 * chain of the member's authority as well, so it can never pass a suspension.
 * @throws Refusal wrong_state, not_found, already_exists, findings
 */
export async function grantMark(call: Call<Granted>, slug: string, input: GrantInput, said: Seen = {}): Promise<Granted> {
  allow(call, 'approve', slug);
  const { db } = call.store;
  const issuing = await findAuthority(db, slug);
  const asked = await askedAt(db, issuing.id);
  const found = await memberOf(call, issuing, input);
  const askedAbroad = await askedAt(db, found.authorityId);
  const id = newId('tmg');
  const seen = await findGrant(call, issuing.id, input.type, found.id);
  return change<Granted>(call, {
    authorityId: issuing.id,
    scope: found.entityId,
    async decide(watch) {
      if (found.authorityId !== issuing.id) await watch(found.authorityId);
      const about = await findMember(db, found.authorityId, found.id);
      const type = await findMarkType(call, issuing.id, input.type);
      if (type.state !== 'active') throw new Refusal('wrong_state', 'this trust mark type is halted');
      if (about.state !== 'active') throw new Refusal('wrong_state', `a member that is ${about.state} holds no mark`);
      const before = await findGrant(call, issuing.id, type.trustMarkType, about.id);
      if (before?.state === 'active') throw new Refusal('already_exists', `${about.entityId} has this mark already (grant ${before.id})`);
      expectNotOvertaken(seen?.v, before?.v);
      expectNotOvertaken(found.cut, about.cut);
      // A first grant has no row that a halt of its type could have raised.
      await expectNotCutSince(db, asked, [type.trustMarkType, before?.id ?? id]);
      await expectNotCutSince(db, askedAbroad, [about.id]);
      const of = await findAuthority(db, slug);
      const now = call.now();
      const hangs = input.accreditation === undefined ? undefined : await accreditationFor(db, about, input.accreditation, now);
      const agreed = await consent(call, of.quorum, {
        kind: 'mark',
        subjectId: `${about.id} ${type.trustMarkType}`,
        authority: of,
        chain: issuing.id,
        permission: 'approve',
        content: {
          trust_mark_type: type.trustMarkType,
          type_v: type.v,
          entity_id: about.entityId,
          member: about.id,
          cut: about.cut,
          valid_until: input.validUntil ?? null,
          ...(hangs && { accreditation: { id: hangs.id, v: hangs.v } }),
          grant: before?.id ?? null,
          grant_v: before?.v ?? 0,
        },
        request: { ...input },
        seen: said.digest,
        note: said.note,
      });
      if (agreed.held) return { ...agreed.held, elsewhere: askedAbroadOf(issuing, about, type.trustMarkType) };
      const grant: GrantRow = {
        id: before?.id ?? id,
        authorityId: issuing.id,
        trustMarkType: type.trustMarkType,
        memberId: about.id,
        memberAuthorityId: about.authorityId,
        entityId: about.entityId,
        state: 'active',
        reason: null,
        ...hangingOn(input.validUntil ?? null, hangs),
        createdBy: call.actor.id,
        createdAt: before?.createdAt ?? now,
        updatedAt: now,
        v: (before?.v ?? 0) + 1,
      };
      const issuer = await issuerOf(call, of);
      const issued = await issueMark(call, issuer, type, grant, about);
      const detail = {
        entity_id: about.entityId,
        trust_mark_type: type.trustMarkType,
        jti: issued.row.jti,
        ...(hangs && { accreditation: hangs.id }),
        ...agreed.detail,
      };
      const elsewhere =
        about.authorityId === issuing.id
          ? []
          : [
              {
                authorityId: about.authorityId,
                events: [{ type: 'member.marked', subjectKind: 'member' as const, subjectId: about.id, detail: { ...detail, by: issuing.entityId } }],
              },
            ];
      return {
        events: [{ type: 'trust_mark.granted', subjectKind: 'trust_mark', subjectId: grant.id, detail, artefacts: published([issued.mark]) }],
        elsewhere,
        statements: [...agreed.statements, putGrant(grant), ...publishMarks([issued])],
        result: { grant, mark: issued.row },
      };
    },
  });
}

/** The chain of the member's authority was watched, so it is told there as well that a first person wants it. */
const askedAbroadOf = (issuing: AuthorityRow, about: MemberRow, type: string): readonly EventsOf[] =>
  about.authorityId === issuing.id
    ? []
    : [
        {
          authorityId: about.authorityId,
          events: [
            {
              type: 'member.mark_proposed',
              subjectKind: 'member',
              subjectId: about.id,
              detail: { entity_id: about.entityId, trust_mark_type: type, by: issuing.entityId },
            },
          ],
        },
      ];

/** @throws Refusal not_found for one of somebody else, accreditation_not_in_force */
async function accreditationFor(db: Call['store']['db'], { id, authorityId, organizationId, entityId }: MemberRow, named: string, now: number) {
  const row = await findAccreditation(db, authorityId, named);
  const theirs = row.memberId === id || (row.organizationId !== null && row.organizationId === organizationId);
  if (!theirs) throw new Refusal('not_found', `the accreditation ${row.id} is neither of ${entityId} nor of its organization`);
  if (coveredUntil([row], row.kind, now) === undefined)
    throw new Refusal(
      'accreditation_not_in_force',
      `the accreditation ${row.id} is ${row.state === 'in_force' ? 'out of its time' : row.state}, so no mark hangs on it`,
    );
  return row;
}

/** A grant lasts no longer than what it hangs on. */
const hangingOn = (validUntil: number | null, accreditation: AccreditationRow | undefined): Pick<GrantRow, 'validUntil' | 'accreditationId'> => ({
  validUntil: accreditation ? earliest(validUntil, accreditation.validUntil) : validUntil,
  accreditationId: accreditation?.id ?? null,
});

async function findGrant({ store: { db } }: Call, authorityId: string, type: string, memberId: string): Promise<GrantRow | undefined> {
  const [row] = await db
    .select()
    .from(trustMarkGrant)
    .where(and(eq(trustMarkGrant.authorityId, authorityId), eq(trustMarkGrant.trustMarkType, type), eq(trustMarkGrant.memberId, memberId)))
    .limit(1);
  return row;
}

export async function grantById({ store: { db } }: Call, authorityId: string, id: string): Promise<GrantRow> {
  const [row] = await db
    .select()
    .from(trustMarkGrant)
    .where(and(eq(trustMarkGrant.authorityId, authorityId), eq(trustMarkGrant.id, id)))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'this authority has no such grant; see: holdfast mark list');
  return row;
}

/** Withdraw a grant: every mark issued from it turns to `revoked` in this commit. @throws Refusal not_found */
export async function withdrawGrant(call: Call<Granted>, slug: string, id: string, reason: string): Promise<Granted> {
  allow(call, 'cut', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const { entityId } = await grantById(call, authorityId, id);
  return change<Granted>(call, {
    authorityId,
    scope: entityId,
    urgent: true,
    async decide() {
      const before = await grantById(call, authorityId, id);
      const told = (detail: object): NewEvent => ({
        type: 'trust_mark.withdrawn',
        subjectKind: 'trust_mark',
        subjectId: id,
        reason,
        detail: { entity_id: entityId, trust_mark_type: before.trustMarkType, ...detail },
      });
      // Told all the same, to whoever is about to grant it again (overtaken.ts).
      if (before.state === 'revoked') return { events: [told({ already: true })], statements: [], result: { grant: before, mark: null } };
      const grant: GrantRow = { ...before, state: 'revoked', reason, updatedAt: call.now(), v: before.v + 1 };
      return {
        events: [told({})],
        statements: [
          ...(await withdrawMarks(call, await findAuthority(db, slug), eq(trustMark.grantId, id), reason)),
          giveUpPlace(before),
          db.update(trustMarkGrant).set({ state: 'revoked', reason, updatedAt: grant.updatedAt, v: grant.v }).where(eq(trustMarkGrant.id, id)),
          passPlaces({ grantId: id }, call.now()),
        ],
        result: { grant, mark: null },
      };
    },
  });
}

/**
 * Withdraw one issued mark by its `jti`. The grant stays: a fresh mark takes its place in the same commit when the
 * withdrawn one was the current one. When none can be signed now its place is held: the withdrawal waits for no signature.
 * @throws Refusal not_found, wrong_state
 */
export async function withdrawInstance(call: Call<MarkRow>, slug: string, jti: string, reason: string): Promise<MarkRow> {
  allow(call, 'cut', slug);
  const { db } = call.store;
  const { id: authorityId } = await findAuthority(db, slug);
  const find = async () => {
    const [row] = await db
      .select()
      .from(trustMark)
      .where(and(eq(trustMark.authorityId, authorityId), eq(trustMark.jti, jti)))
      .limit(1);
    if (!row) throw new Refusal('not_found', 'this authority issued no such mark');
    return row;
  };
  const { entityId } = await find();
  return change<MarkRow>(call, {
    authorityId,
    scope: entityId,
    urgent: true,
    async decide(watch) {
      const before = await find();
      if (before.revokedAt !== null) return { events: [], statements: [], result: before };
      if (before.exp <= call.now()) throw new Refusal('wrong_state', 'this mark has ended already');
      const issuing = await findAuthority(db, slug);
      const withdrawn = await withdrawMarks(call, issuing, eq(trustMark.jti, jti), reason);
      const fresh = await replacement(call, issuing, before, watch);
      return {
        events: [
          {
            type: 'trust_mark.instance_withdrawn',
            subjectKind: 'trust_mark',
            subjectId: before.grantId,
            reason,
            detail: { entity_id: entityId, trust_mark_type: before.trustMarkType, jti, ...(fresh && { replaced_by: fresh.issued?.row.jti ?? 'due' }) },
            artefacts: fresh?.issued ? published([fresh.issued.mark]) : [],
          },
        ],
        elsewhere: fresh?.elsewhere ?? [],
        statements: [
          ...withdrawn,
          ...(fresh?.issued ? publishMarks([fresh.issued]) : []),
          ...(fresh && !fresh.issued ? holdPlaces([fresh.place], call.now()) : []),
        ],
        result: { ...before, revokedAt: call.now(), reason },
      };
    },
  });
}

/** A new mark in the place of a withdrawn one, unless another one is there, or grant, type or member no longer hold. */
async function replacement(call: Call, issuing: AuthorityRow, old: MarkRow, watch: (id: string) => Promise<void>) {
  const { db } = call.store;
  const grant = await grantById(call, issuing.id, old.grantId);
  // Which one is current its place says, and no time does: a clock may have gone back.
  const [standing] = await db
    .select({ sha256: artefact.sha256 })
    .from(artefact)
    .where(and(eq(artefact.authorityId, issuing.id), eq(artefact.kind, 'mark'), eq(artefact.key, markKey(old.trustMarkType, old.entityId))))
    .limit(1);
  if ((standing && standing.sha256 !== old.sha256) || grant.state !== 'active') return undefined;
  const type = await findMarkType(call, issuing.id, old.trustMarkType);
  const readMember = async () => (await db.select().from(member).where(eq(member.id, grant.memberId)).limit(1))[0];
  if (type.state !== 'active' || issuing.state === 'retired' || (await readMember())?.state !== 'active') return undefined;
  const abroad = grant.memberAuthorityId !== issuing.id;
  if (abroad) await watch(grant.memberAuthorityId);
  // Read again behind the lock: a suspension in between makes this operation decide anew.
  const about = await readMember();
  if (about?.state !== 'active') throw new HeadMoved();
  const noted = {
    type: 'member.mark_replaced',
    subjectKind: 'member' as const,
    subjectId: grant.memberId,
    detail: { entity_id: grant.entityId, trust_mark_type: grant.trustMarkType, by: issuing.entityId },
  };
  const elsewhere = abroad ? [{ authorityId: grant.memberAuthorityId, events: [noted] }] : [];
  const issued = await ifPossible(issuerOf(call, issuing).then((issuer) => issueMark(call, issuer, type, grant, about)));
  return { issued, place: placeOf(type, grant, about), elsewhere };
}
