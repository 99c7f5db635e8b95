import { and, eq, inArray, ne } from 'drizzle-orm';
import type { EventsOf, Watch } from '../../store/change.js';
import type { Statement } from '../../store/database.js';
import type { NewEvent } from '../../store/event.js';
import { whileNoOtherMembership } from '../../store/guards.js';
import { authority, member } from '../../store/schema.js';
import { byChain } from '../by-chain.js';
import { type Call, DEPLOYMENT, may } from '../call.js';
import { cutMember } from '../members/cut-member.js';
import { writeMembers } from '../members/write-member.js';
import type { AuthorityRow, MemberRow } from '../registry.js';

/** What happens at other authorities of this deployment of which an authority is a member. */
export interface AtSuperiors {
  readonly statements: readonly Statement[];
  readonly events: readonly NewEvent[];
  readonly elsewhere: readonly EventsOf[];
}

const rowsElsewhere = ({ store: { db } }: Call, { id, entityId }: AuthorityRow): Promise<MemberRow[]> =>
  db
    .select()
    .from(member)
    .where(and(inArray(member.authorityId, db.select({ id: authority.id }).from(authority).where(ne(authority.id, id))), eq(member.entityId, entityId)));

/**
 * The rows of an authority as a Subordinate of others here, with their chains watched. The chains first, then the rows again:
 * what was read before a chain was watched may have moved.
 */
async function watchedRows(call: Call, watch: Watch, of: AuthorityRow, which: (row: MemberRow) => boolean): Promise<readonly MemberRow[]> {
  const watched = new Set((await rowsElsewhere(call, of)).filter(which).map(({ authorityId }) => authorityId));
  for (const id of watched) await watch(id);
  return (await rowsElsewhere(call, of)).filter((row) => watched.has(row.authorityId));
}

type StoppedBy = 'authority.halted' | 'authority.retired' | 'authority.resumed';
const codeOf = (type: StoppedBy) => type.replace('.', '_') as 'authority_halted' | 'authority_retired' | 'authority_resumed';

const told = (rows: readonly MemberRow[], of: AuthorityRow, type: StoppedBy, reason: string): readonly EventsOf[] =>
  rows.map(({ authorityId }) => ({
    authorityId,
    events: [{ type, subjectKind: 'authority', subjectId: of.id, reason, reasonCode: codeOf(type), detail: { entity_id: of.entityId } }],
  }));

/** The chain of the deployment tells which authorities stopped and came back: the head of any other one is bound to it (restore/signed-head.ts). */
async function toldToDeployment(watch: Watch, { id, entityId }: AuthorityRow, type: StoppedBy, reason: string): Promise<EventsOf> {
  await watch(DEPLOYMENT);
  return {
    authorityId: DEPLOYMENT,
    events: [{ type, subjectKind: 'authority', subjectId: id, reason, reasonCode: codeOf(type), detail: { entity_id: entityId } }],
  };
}

/** An authority stops: where it is an active member of others here, it is suspended in the same commit, and comes back with it. */
export async function suspendMemberships(call: Call, watch: Watch, of: AuthorityRow, type: StoppedBy, reason: string): Promise<AtSuperiors> {
  const isActive = ({ state }: MemberRow) => state === 'active';
  const rows = await watchedRows(call, watch, of, isActive);
  const active = rows.filter(isActive);
  // One that became active meanwhile, under an authority whose chain was not watched, is suspended as well: decided again.
  const statements: Statement[] = [whileNoOtherMembership(of, active)];
  const events: EventsOf[] = [await toldToDeployment(watch, of, type, reason), ...told(rows, of, type, reason)];
  for (const row of active) {
    const cut = await cutMember(call, row, watch, { to: 'suspended', reason: `${type}: ${reason}`, suspendedWith: of.id });
    statements.push(...cut.statements);
    events.push(
      {
        authorityId: row.authorityId,
        events: [
          {
            type: 'member.suspended',
            subjectKind: 'member',
            subjectId: row.id,
            reason,
            reasonCode: codeOf(type),
            detail: { entity_id: row.entityId, from: row.state, to: 'suspended', with: of.id },
          },
        ],
      },
      ...cut.elsewhere,
    );
  }
  return { statements, ...byChain(of.id, events) };
}

/**
 * An authority comes back: where the caller may approve members, what its halt suspended comes back too (restore-members.ts);
 * elsewhere it stays suspended, as if by itself, until somebody of that authority resumes it.
 */
export async function leaveMemberships(call: Call, watch: Watch, of: AuthorityRow, reason: string): Promise<AtSuperiors> {
  const { db } = call.store;
  const all = new Map((await db.select({ id: authority.id, slug: authority.slug, quorum: authority.quorum }).from(authority)).map((one) => [one.id, one]));
  // Where two persons resume a member, no decision of this authority alone does.
  const alone = (authorityId: string) => authorityId === of.id || (all.get(authorityId)?.quorum ?? 2) < 2;
  const left = ({ suspendedWith, authorityId }: MemberRow) =>
    suspendedWith === of.id && !(alone(authorityId) && may(call, 'approve', all.get(authorityId)?.slug ?? ''));
  const rows = await watchedRows(call, watch, of, left);
  const written = await writeMembers(
    db,
    rows.filter(left).map((before) => ({ before, after: { ...before, suspendedWith: null } })),
  );
  return {
    statements: written.statements,
    ...byChain(of.id, [await toldToDeployment(watch, of, 'authority.resumed', reason), ...told(rows, of, 'authority.resumed', reason)]),
  };
}
