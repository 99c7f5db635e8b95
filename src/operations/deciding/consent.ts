import canonicalize from 'canonicalize';
import { newId, sha256 } from '../../keys/random.js';
import { type Decision, readHead } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { whileHoldingOne } from '../../store/guards.js';
import { approvalsOf, closeProposal, type ProposalRow, proposalsAbout, putApproval, putProposal, voidProposals } from '../../store/proposals.js';
import type { ProposalKind } from '../../store/schema.js';
import { rolesOf } from '../access/in-force.js';
import { type Call, DEPLOYMENT } from '../call.js';
import { type HeldRole, type Permission, permits } from '../permissions.js';
import { Refusal } from '../refusal.js';
import { knownHalts } from '../members/halted-since.js';
import { cutSinceProposed } from './cut-since-proposed.js';
import { expectNotLapsed, hasLapsed } from './proposal-end.js';
import { Waiting } from './waiting.js';

/** What is to be decided, by one person or by two. */
export interface Matter {
  readonly kind: ProposalKind;
  readonly subjectId: string;
  /** Whose affair it is; null: of all authorities. */
  readonly authority: { readonly id: string; readonly slug: string } | null;
  /** The chain into which the decision is written. */
  readonly chain: string;
  /** What each of the persons has to be permitted. */
  readonly permission: Permission;
  /** Everything that is decided, in words of the API; the digest covers it, so another content is another decision. */
  readonly content: Readonly<Record<string, unknown>>;
  /** What to carry out when the second person approves. */
  readonly request: Readonly<Record<string, unknown>>;
  /** Keys that it binds (RFC 7638): a halt of one since the first person approved was not known to him. */
  readonly keys?: readonly string[] | undefined;
  /** Persons who may not be among the two, and why. */
  readonly barred?: ReadonlyMap<string, 'self_approval' | 'editor_cannot_approve'>;
  /** The digest of what the caller looked at. */
  readonly seen?: string | undefined;
  readonly note?: string | undefined;
  /** Whoever sets the environment may do it alone: the way back when too few persons are left. */
  readonly recoverable?: true;
}

/** `held`: commit this and answer with it. Else go on, with this in the batch and in the event. */
export type Consent =
  | { readonly held: Decision<Waiting> }
  | {
      readonly held?: undefined;
      readonly statements: readonly Statement[];
      readonly detail: Readonly<Record<string, unknown>>;
      /** The first of two persons. */
      readonly first: string | null;
    };

const WHY_NOT = {
  self_approval: 'you enrolled it, or it is for you; with quorum 2 others decide about it',
  editor_cannot_approve: 'you changed it last; with quorum 2 others decide about it',
} as const;

export const digestOf = (kind: ProposalKind, subjectId: string, content: Matter['content']): Promise<string> =>
  sha256(canonicalize({ kind, subject: subjectId, content }) as string);

/**
 * Two persons for what widens trust, where the quorum is 2. Called behind the lock: the first puts it on record, the second
 * carries it out in the same commit. Whoever approved first has to be somebody who still may.
 * @throws Refusal permission_denied, self_approval, editor_cannot_approve, decision_changed
 */
export async function consent(call: Call, quorum: number, matter: Matter): Promise<Consent> {
  if (quorum < 2) {
    if (matter.seen !== undefined) throw new Refusal('decision_changed', 'the quorum is 1 by now, so nothing waits for a second person; just do it');
    return alone(call, matter, { single_operator: true });
  }
  if (matter.recoverable && call.recovery) return alone(call, matter, { recovery: true });
  const me = expectPerson(call, matter);
  const { db } = call.store;
  const digest = await digestOf(matter.kind, matter.subjectId, matter.content);
  if (matter.seen !== undefined && matter.seen !== digest)
    throw new Refusal('decision_changed', 'what is decided here is not what you looked at; look at it again, earlier approvals are void');
  const { authorityId } = placeOf(matter);
  const about = await proposalsAbout(db, placeOf(matter));
  const open = about.find((one) => one.digest === digest);
  if (open && matter.seen !== undefined) expectNotLapsed(call, open);
  if (!open && matter.seen !== undefined) throw new Refusal('already_decided', 'somebody decided it meanwhile');
  if (!open || hasLapsed(call, open) || (await cutSinceProposed(db, open))) return { held: await firstOf(call, matter, authorityId, digest) };
  const given = await approvalsOf(db, open.id);
  const others = given.filter(({ personId, verdict }) => personId !== me && verdict === 'approve' && !matter.barred?.has(personId));
  const held = await rolesOf(
    db,
    others.map(({ personId }) => personId),
    call.now(),
  );
  for (const { personId } of others) {
    const grants = (held.get(personId) ?? []).filter((one) => isFor(one, matter));
    if (grants.length === 0) continue;
    return {
      statements: [
        ...(given.some((one) => one.personId === me) ? [] : [approvalBy(call, open, matter.note)]),
        closeProposal(db, open.id, 'done', call.now()),
        whileHoldingOne(
          matter.chain,
          personId,
          grants.map(({ id }) => id),
        ),
      ],
      detail: { approved_by: [personId, me], approval: open.id, decision_digest: digest },
      first: personId,
    };
  }
  if (given.some(({ personId }) => personId === me)) return { held: { events: [], statements: [], result: new Waiting(open) } };
  return { held: { events: [approvedEvent(open, matter.note)], statements: [approvalBy(call, open, matter.note)], result: new Waiting(open) } };
}

const placeOf = ({ authority, kind, subjectId }: Matter) => ({ authorityId: authority?.id ?? DEPLOYMENT, kind, subjectId });

/** One person decides it; what another one had asked for before is no approval of what comes after. */
const alone = ({ store: { db }, now }: Call, matter: Matter, detail: Readonly<Record<string, unknown>>): Consent => ({
  statements: [voidProposals(db, placeOf(matter), now())],
  detail,
  first: null,
});

const isFor = ({ role, authority }: HeldRole, { permission, authority: of }: Matter): boolean =>
  permits(role, permission) && (authority === null || authority === of?.slug);

/** @returns the person who calls @throws Refusal */
function expectPerson({ actor, recovery }: Call, { barred, recoverable }: Matter): string {
  if (actor.kind !== 'person')
    throw new Refusal(
      'permission_denied',
      `this takes two persons here (quorum 2), and this API key is nobody's: a person who may do it asks for it with a key of his own${recoverable && !recovery ? '; where too few are left, the key of HOLDFAST_ADMIN_TOKEN may' : ''}`,
    );
  const why = barred?.get(actor.id);
  if (why) throw new Refusal(why, WHY_NOT[why]);
  return actor.id;
}

const approvalBy = (call: Call, { id, kind, subjectId, digest }: ProposalRow, note: string | undefined): Statement =>
  putApproval({ proposalId: id, personId: call.actor.id, kind, subjectId, digest, verdict: 'approve', note: note ?? null, at: call.now() });

const approvedEvent = ({ id, kind, subjectId, digest }: ProposalRow, note: string | undefined): NewEvent => ({
  type: 'approval.given',
  subjectKind: 'proposal',
  subjectId: id,
  reason: note,
  detail: { kind, subject: subjectId, decision_digest: digest, waiting_for: 1 },
});

async function firstOf(
  call: Call,
  { kind, subjectId, content, request, note, chain, keys = [] }: Matter,
  authorityId: string,
  digest: string,
): Promise<Decision<Waiting>> {
  const now = call.now();
  const row: ProposalRow = {
    id: newId('apv'),
    authorityId,
    kind,
    subjectId,
    digest,
    content: { ...content },
    request: {
      ...request,
      since: (await readHead(call.store.db, chain)).seq,
      ...(keys.length && { halts: await knownHalts(call.store.db, keys) }),
    },
    state: 'open',
    proposedBy: call.actor.id,
    createdAt: now,
    decidedAt: null,
  };
  return {
    events: [approvedEvent(row, note)],
    statements: [...putProposal(call.store.db, row, now), approvalBy(call, row, note)],
    result: new Waiting(row, true),
  };
}
