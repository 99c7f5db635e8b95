import { and, asc, desc, eq, gt, inArray, isNull, lt, ne, or, type SQL, sql } from 'drizzle-orm';
import { type Database, raw, type Statement } from './database.js';
import { joined, type JoinedEvent, onPrivate, WITH_PRIVATE } from './joined-event.js';
import { application, event, eventPrivate, joinLink, member, type MemberState } from './schema.js';

/** Applications and the links by which they come in. */
export type JoinLinkRow = typeof joinLink.$inferSelect;
export type ApplicationRow = typeof application.$inferSelect;

/** One more came in by it. */
export const useLink = (id: string): Statement => raw('UPDATE join_link SET used = used + 1 WHERE id = ?', id);

/** Newest first. */
export const linkPage = (db: Database, authorityId: string, after: JoinLinkRow | undefined, limit: number): Promise<JoinLinkRow[]> =>
  db
    .select()
    .from(joinLink)
    .where(
      and(
        eq(joinLink.authorityId, authorityId),
        after ? or(lt(joinLink.createdAt, after.createdAt), and(eq(joinLink.createdAt, after.createdAt), lt(joinLink.id, after.id))) : undefined,
      ),
    )
    .orderBy(desc(joinLink.createdAt), desc(joinLink.id))
    .limit(limit);

/** States in which nobody has decided about an application for good. */
export const OPEN_STATES: readonly MemberState[] = ['applied', 'vetting', 'approved'];

/** An application with the member that was made of it, as long as that one came in by it and not by another enrolment since. */
export interface ApplicationWithMember {
  readonly application: ApplicationRow;
  readonly member: typeof member.$inferSelect | null;
}
const WITH_MEMBER = { application, member };
const itsMember = () => and(eq(member.id, application.memberId), eq(member.submittedBy, application.id));

export const applicationsWhere = (db: Database, where: SQL | undefined, limit: number): Promise<ApplicationWithMember[]> =>
  db.select(WITH_MEMBER).from(application).leftJoin(member, itsMember()).where(where).orderBy(asc(application.submittedAt), asc(application.id)).limit(limit);

/** The state of the member where there is one, which is where the application stands. */
const standing = (): SQL<string> =>
  sql<string>`CASE WHEN ${application.state} = 'taken' THEN coalesce(${member.state}, 'archived') ELSE ${application.state} END`;

export interface ApplicationQuery {
  readonly authorityId: string;
  readonly state?: string | undefined;
  readonly waitingOn?: 'reviewer' | 'applicant' | undefined;
  readonly entityId?: string | undefined;
}

/** Oldest first: whoever waits longest. */
export const applicationPage = (
  db: Database,
  { authorityId, state, waitingOn, entityId }: ApplicationQuery,
  after: ApplicationRow | undefined,
  limit: number,
): Promise<ApplicationWithMember[]> =>
  applicationsWhere(
    db,
    and(
      eq(application.authorityId, authorityId),
      state === undefined ? undefined : sql`${standing()} = ${state}`,
      waitingOn === undefined ? undefined : and(eq(application.waitingOn, waitingOn), or(eq(application.state, 'applied'), inArray(member.state, OPEN_STATES))),
      entityId === undefined ? undefined : eq(application.entityId, entityId),
      after ? or(gt(application.submittedAt, after.submittedAt), and(eq(application.submittedAt, after.submittedAt), gt(application.id, after.id))) : undefined,
    ),
    limit,
  );

/** How many others wait that name the same identifier. */
export const othersWaiting = (db: Database, { authorityId, entityId, id }: ApplicationRow): Promise<{ id: string }[]> =>
  db
    .select({ id: application.id })
    .from(application)
    .where(and(eq(application.authorityId, authorityId), eq(application.entityId, entityId), ne(application.id, id), eq(application.state, 'applied')))
    .limit(20);

/** What was said and done about it, in the order of the chain. */
export async function eventsAbout(db: Database, authorityId: string, id: string, limit: number): Promise<readonly JoinedEvent[]> {
  const rows = await db
    .select(WITH_PRIVATE)
    .from(event)
    .leftJoin(eventPrivate, onPrivate())
    .where(and(eq(event.authorityId, authorityId), eq(event.subjectId, id)))
    .orderBy(desc(event.seq))
    .limit(limit);
  return rows.map(joined).reverse();
}

/** How many events an actor has left about a subject: at most `limit` are counted. */
export const eventsBy = async (db: Database, authorityId: string, actorId: string, limit: number): Promise<number> =>
  (
    await db
      .select({ seq: event.seq })
      .from(event)
      .where(and(eq(event.authorityId, authorityId), eq(event.actorId, actorId)))
      .limit(limit)
  ).length;

/** What was proven for an application is proven of the member that is made of it. */
export const moveStandings = (from: string, to: string): readonly Statement[] => [
  raw('DELETE FROM key_standing WHERE member_id = ? AND thumbprint IN (SELECT s.thumbprint FROM key_standing AS s WHERE s.member_id = ?)', to, from),
  raw('UPDATE key_standing SET member_id = ? WHERE member_id = ?', to, from),
  raw('DELETE FROM key_challenge WHERE member_id = ?', from),
];

/** What people wrote of themselves and what was said to them: all that may be erased of an application, in the events too. */
export const openParts = (db: Database, authorityId: string, id: string): Promise<{ seq: number }[]> =>
  db
    .select({ seq: event.seq })
    .from(event)
    .innerJoin(eventPrivate, onPrivate())
    .where(and(eq(event.authorityId, authorityId), eq(event.subjectId, id), isNull(eventPrivate.erasedAt)))
    .orderBy(asc(event.seq));

/** What is remembered for repeated requests may name it with everything in it. */
export const forgetAnswersAbout = (id: string): Statement =>
  raw('UPDATE idempotency SET response = NULL WHERE response IS NOT NULL AND instr(response, ?) > 0', id);
