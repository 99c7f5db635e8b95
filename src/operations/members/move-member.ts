import { and, eq, notInArray } from 'drizzle-orm';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { forgetProofsOf } from '../../store/key-standing.js';
import { only } from '../../store/only.js';
import { artefact } from '../../store/schema.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { certificatesOf } from '../binding/certificates-of.js';
import { expectVouchable, type For } from '../binding/key-rules.js';
import { expectAdmitted } from '../accreditations/admitted.js';
import { allow, type Call, change } from '../call.js';
import { outstandingOfMember } from '../halts/outstanding.js';
import { actOf, type CutBy } from '../halts/why.js';
import { hurried } from '../keys/from-custody.js';
import { reissueMarks } from '../marks/reissue-marks.js';
import { askedAt, expectNotCutSince } from '../overtaken.js';
import { Refusal, refuseFindings } from '../refusal.js';
import { expectNotOvertaken, expectVersion, type AuthorityRow, findAuthority, findMember, type MemberRow } from '../registry.js';
import { cutMember } from './cut-member.js';
import { memberConsent } from './decided-by.js';
import { expectMayBeActive } from './may-be-active.js';
import { expectMovable, isDecision, isThere, MEMBER_VERBS, type MemberVerb, moved, type Verb } from './member-verbs.js';
import { contentDigest, isStale, settled } from './vetted.js';
import { writeMember } from './write-member.js';

export interface Move extends CutBy {
  readonly reason?: string | undefined;
  /** What anyone is told, where the authority publishes what becomes of its subordinates. */
  readonly publicReason?: string | undefined;
  /** The version the caller has seen. */
  readonly version?: number | undefined;
  /** The last event of the chain when the caller looked: a cut since then was not known to him. */
  readonly asOf?: number | undefined;
  /** With quorum 2: the digest of the decision that the caller looked at, and what he says about it. */
  readonly digest?: string | undefined;
  readonly note?: string | undefined;
}

/** The answer of a verb: `already` when the member was in that state, and nothing changed. */
export interface Moved {
  readonly member: MemberRow;
  readonly already: boolean;
}

/**
 * Move a member to another state, with its artefacts, in one commit.
 * @throws Refusal wrong_state, permission_denied, not_found, version_conflict, findings
 */
export async function moveMember(
  call: Call<Moved>,
  slug: string,
  id: string,
  name: MemberVerb,
  { reason, publicReason, version, asOf, digest, note, ...by }: Move = {},
): Promise<Moved> {
  const verb: Verb = MEMBER_VERBS[name];
  allow(call, verb.permission, slug);
  if (verb.reason && !reason) throw new Refusal('invalid_request', `${name} needs a reason`);
  const { db } = call.store;
  const authorityId = (await findAuthority(db, slug)).id;
  const since = await askedAt(db, authorityId, asOf);
  const { entityId, cut } = await findMember(db, authorityId, id);
  const hurriedCall: Call = { ...call, custody: hurried(call.custody) };
  return change<Moved>(call, {
    authorityId,
    scope: entityId,
    urgent: verb.effect === 'cut',
    async decide(watch) {
      const before = await findMember(db, authorityId, id);
      if (await isThere(before, verb))
        return { ...(verb.effect === 'cut' ? cutAgain(before, verb, reason, by) : NOTHING), result: { member: before, already: true } };
      expectVersion(before, version);
      expectMovable(before, name, verb);
      if (verb.effect !== 'cut') {
        expectNotOvertaken(cut, before.cut);
        await expectNotCutSince(db, since, [before.id]);
      }
      const kind = name === 'approve' ? 'application' : name === 'resume' ? 'resume' : undefined;
      const authority = await findAuthority(db, slug);
      await expectProven(call, authority, before, name);
      if (kind && authority.quorum > 1) await settled(before, moved(before, verb, reason, call.now()), isDecision(verb, version));
      const asked = { request: { act: name, ...(reason !== undefined && { reason }), ...(version !== undefined && { v: version }) }, seen: digest, note };
      const agreed = kind && (await memberConsent(call, authority, before, kind, asked));
      if (agreed?.held) return agreed.held;
      const out = verb.effect === 'cut' ? await outstandingOfMember(call, before.id) : {};
      const effects = await EFFECTS[verb.effect]({
        call: verb.effect === 'cut' ? hurriedCall : call,
        slug,
        before,
        verb,
        watch,
        reason,
        publicReason,
        decided: isDecision(verb, version),
      });
      const single = verb.permission === 'approve' && authority.quorum < 2 && { single_operator: true };
      const anew = verb.decides === 'version' && (await isStale(before)) && { approved_anew: true };
      const event = movedEvent(before, verb, reason, by, {
        ...out,
        ...(publicReason !== undefined && { public_reason: publicReason }),
        ...(agreed?.detail ?? single),
        ...anew,
      });
      return {
        events: [...effects.events, { ...event, artefacts: published(effects.artefacts) }],
        statements: [...(agreed?.statements ?? []), ...effects.statements],
        elsewhere: effects.elsewhere,
        result: { member: effects.member, already: false },
      };
    },
  });
}

/** Verbs that vouch for the keys, and what for they are proven. */
const VOUCHES: Partial<Record<MemberVerb, For>> = { approve: 'bind', activate: 'bind', resume: 'resume' };

async function expectProven(call: Call, authority: AuthorityRow, member: MemberRow, name: MemberVerb): Promise<void> {
  const what = VOUCHES[name];
  if (!what) return;
  await expectAdmitted(call.store.db, member, call.now());
  // A row that cannot be read is refused by what looks at all of it.
  if ((await contentDigest(member)) === null) return;
  // Who may issue certificates may be another one than when they were bound. That one has ended is told with the state.
  const untrusted = (await certificatesOf(call, authority.id, member.jwks.keys)).filter(({ code }) => code === 'certificate_untrusted');
  if (untrusted.length) throw refuseFindings('its keys came with certificates that are not trusted any more; bind others', untrusted);
  await expectVouchable(call.store.db, authority, member, member.jwks, what, call.now());
}

const NOTHING = { events: [], statements: [] };

/** Nothing is left to cut; that somebody wants it cut is told all the same, to whoever is about to give it back (overtaken.ts). */
const cutAgain = (before: MemberRow, verb: Verb, reason: string | undefined, by: CutBy) => ({
  events: [movedEvent(before, verb, reason, by, { already: true })],
  statements: forgetProofsOf([before.id]),
});

function movedEvent({ id, entityId, state }: MemberRow, { event, to }: Verb, reason: string | undefined, by: CutBy, more: Readonly<Record<string, unknown>>) {
  const detail = { entity_id: entityId, from: state, to, ...actOf(by), ...more };
  return { type: event, subjectKind: 'member' as const, subjectId: id, reason, reasonCode: by.reasonCode, detail };
}

interface Moving {
  readonly call: Call;
  readonly slug: string;
  readonly before: MemberRow;
  readonly verb: Verb;
  readonly watch: Watch;
  readonly reason: string | undefined;
  readonly publicReason: string | undefined;
  /** The caller decides about the content with it. */
  readonly decided: boolean;
}

interface Effects {
  readonly member: MemberRow;
  /** What the write itself did. */
  readonly events: readonly NewEvent[];
  readonly artefacts: readonly NewArtefact[];
  readonly statements: readonly Statement[];
  readonly elsewhere: readonly EventsOf[];
}

const written = ({ call, before, verb, reason, publicReason, decided }: Moving) =>
  writeMember(call.store.db, { before, after: moved(before, verb, reason, call.now()), decided, publicReason });

const publish = async (moving: Moving): Promise<Effects> => {
  const { call, slug, before, watch } = moving;
  await expectMayBeActive(call.store.db, before, call.now());
  const { row, events, statements } = await written(moving);
  const artefacts = [await signedStatement(call, await issuerOf(call, await findAuthority(call.store.db, slug)), row)];
  const marks = await reissueMarks(call, [row], watch);
  return {
    member: row,
    events,
    artefacts,
    statements: [...statements, ...putArtefacts(artefacts), ...marks.statements],
    elsewhere: marks.elsewhere,
  };
};

const cutOff = async ({ call, before, verb, watch, reason, publicReason }: Moving): Promise<Effects> => ({
  ...(await cutMember(call, before, watch, { to: verb.to as 'suspended' | 'revoked', reason: reason ?? null, publicReason })),
  events: [],
  artefacts: [],
});

/** Nothing was published of it but, perhaps, a configuration of its own. */
export const dropPublished = ({ store: { db } }: Call, { id, authorityId }: MemberRow): Statement =>
  db.delete(artefact).where(and(eq(artefact.memberId, id), only(artefact.authorityId, authorityId), notInArray(artefact.kind, ['mark', 'mark_status'])));

const none = async (moving: Moving): Promise<Effects> => {
  const { row, events, statements } = await written(moving);
  return { member: row, events, artefacts: [], statements: [...statements, dropPublished(moving.call, moving.before)], elsewhere: [] };
};

const EFFECTS: Record<Verb['effect'], (moving: Moving) => Promise<Effects>> = { publish, cut: cutOff, none };
