import { and, eq, notInArray } from 'drizzle-orm';
import { type NewArtefact, putArtefacts } from '../../store/bulk.js';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import { forgetMember, knowMembers } from '../../store/known-entities.js';
import { only } from '../../store/only.js';
import { artefact } from '../../store/schema.js';
import { issuerOf, published, signedStatement } from '../artefacts/publish.js';
import { allow, type Call, change } from '../call.js';
import { cutMarksOf, reissueMarksOf } from '../marks/cut-marks.js';
import { Refusal } from '../refusal.js';
import { expectVersion, findAuthority, findMember, type MemberRow } from '../registry.js';
import { expectMovable, isDecision, isThere, MEMBER_VERBS, type MemberVerb, moved, type Verb } from './member-verbs.js';
import { isStale } from './vetted.js';
import { writeMember } from './write-member.js';

export interface Move {
  readonly reason?: string | undefined;
  /** The version the caller has seen. */
  readonly version?: number | undefined;
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
export async function moveMember(call: Call, slug: string, id: string, name: MemberVerb, { reason, version }: Move = {}): Promise<Moved> {
  const verb: Verb = MEMBER_VERBS[name];
  allow(call, verb.permission, slug);
  if (verb.reason && !reason) throw new Refusal('invalid_request', `${name} needs a reason`);
  const { db } = call.store;
  const authorityId = (await findAuthority(db, slug)).id;
  const { entityId } = await findMember(db, authorityId, id);
  return change<Moved>(call, {
    authorityId,
    scope: entityId,
    urgent: verb.effect === 'cut',
    async decide(watch) {
      const before = await findMember(db, authorityId, id);
      if (await isThere(before, verb)) return { events: [], statements: [], result: { member: before, already: true } };
      expectVersion(before, version);
      expectMovable(before, name, verb);
      const written = await writeMember({ before, after: moved(before, verb, reason, call.now()), decided: isDecision(verb, version) });
      const effects = await EFFECTS[verb.effect](call, slug, before, written.row, watch, reason);
      const event = {
        type: verb.event,
        subjectKind: 'member' as const,
        subjectId: before.id,
        reason,
        detail: {
          entity_id: entityId,
          from: before.state,
          to: verb.to,
          ...(verb.permission === 'approve' && { single_operator: true }),
          ...(verb.decides === 'version' && (await isStale(before)) && { approved_anew: true }),
        },
        artefacts: published(effects.artefacts),
      };
      return {
        events: [...written.events, event],
        statements: [...written.statements, ...effects.statements],
        elsewhere: effects.elsewhere,
        result: { member: written.row, already: false },
      };
    },
  });
}

interface Effects {
  readonly artefacts: readonly NewArtefact[];
  readonly statements: readonly Statement[];
  readonly elsewhere: readonly EventsOf[];
}
type EffectOf = (call: Call, slug: string, before: MemberRow, after: MemberRow, watch: Watch, reason: string | undefined) => Promise<Effects>;

/** Whatever was signed about it goes; its marks have a way of their own. */
const dropArtefacts = ({ store: { db } }: Call, row: MemberRow): Statement =>
  db
    .delete(artefact)
    .where(and(eq(artefact.memberId, row.id), only(artefact.authorityId, row.authorityId), notInArray(artefact.kind, ['mark', 'mark_status'])));

const publish: EffectOf = async (call, slug, _before, after, watch) => {
  const artefacts = [await signedStatement(call, await issuerOf(call, await findAuthority(call.store.db, slug)), after)];
  const marks = await reissueMarksOf(call, after, watch);
  return {
    artefacts,
    statements: [putArtefacts(artefacts), ...marks.statements, knowMembers(after.authorityId, [after.entityId], after.updatedAt)],
    elsewhere: marks.elsewhere,
  };
};

const cut: EffectOf = async (call, _slug, before, after, watch, reason) => {
  const marks = await cutMarksOf(call, before, watch, { reason: `${after.state}: ${reason}`, ends: after.state === 'revoked' });
  return {
    artefacts: [],
    statements: [dropArtefacts(call, before), ...marks.statements, ...forgetMember(after.authorityId, after.entityId, after.updatedAt)],
    elsewhere: marks.elsewhere,
  };
};

const none: EffectOf = async (call, _slug, before) => ({ artefacts: [], statements: [dropArtefacts(call, before)], elsewhere: [] });

const EFFECTS: Record<Verb['effect'], EffectOf> = { publish, cut, none };
