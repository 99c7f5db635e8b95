import { and, asc, desc, eq, or, type SQL } from 'drizzle-orm';
import { betweenTimes, firstOf, oneOfThese, stretchOf, within } from '../../store/event-query.js';
import { joined, type JoinedEvent, onPrivate, WITH_PRIVATE } from '../../store/joined-event.js';
import { apiKey, event, eventPrivate, member, organization, person } from '../../store/schema.js';
import { allow, type Call, DEPLOYMENT, SYSTEM } from '../call.js';
import { type Page, type PageRequest, numeric, page } from '../read.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember, type MemberRow } from '../registry.js';
import { type Named, withNames } from './names.js';

export interface EventFilter extends PageRequest {
  /** Seconds: at this time or later. */
  readonly since?: number | undefined;
  /** Seconds: before this time. */
  readonly until?: number | undefined;
  /** Id or name of a person or an API key, or `system`. */
  readonly actor?: string | undefined;
  /** Our id of what it is about, or its name: an entity identifier, a legal name, a kid. */
  readonly subject?: string | undefined;
  /** A member, with the halts of its organization. */
  readonly member?: string | undefined;
  readonly type?: readonly string[] | undefined;
  readonly newest?: boolean | undefined;
}

/** What of an organization's history belongs to its members': its halts suspend them with one event for all. */
const FOR_MEMBERS = ['organization.halted', 'organization.resumed'];

/** Each by itself is found by an index. */
const aboutMember = ({ id, organizationId }: MemberRow): readonly (SQL | undefined)[] => [
  eq(event.subjectId, id),
  ...(organizationId === null ? [] : FOR_MEMBERS.map((type) => and(eq(event.subjectId, organizationId), eq(event.type, type)))),
];

/** Events of an authority. @throws Refusal not_found, invalid_request */
export async function listEvents(call: Call, slug: string, filter: EventFilter): Promise<Page<Named<JoinedEvent>>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const about = filter.member === undefined ? undefined : aboutMember(await findMember(db, id, filter.member));
  return search(call, id, filter, about);
}

/** Events of the deployment itself: API keys, the clock, restores. */
export async function listDeploymentEvents(call: Call, filter: Omit<EventFilter, 'member'>): Promise<Page<Named<JoinedEvent>>> {
  allow(call, 'administer', null);
  return search(call, DEPLOYMENT, filter, undefined);
}

/**
 * In the order of the chain, whatever the clock did, so that whoever follows misses nothing. A time is looked up by index
 * first: it becomes a stretch of the chain, and every other index ends in the sequence number.
 */
async function search(call: Call, chain: string, filter: EventFilter, about: readonly (SQL | undefined)[] | undefined): Promise<Page<Named<JoinedEvent>>> {
  const { db } = call.store;
  const newest = filter.newest === true;
  const cursor = numeric(filter.cursor);
  const stretch = filter.since === undefined && filter.until === undefined ? undefined : await stretchOf(db, chain, filter);
  if (stretch === null) return { items: [], next: null };
  const [actors, subjects] = [await actorsOf(call, filter.actor), await subjectsOf(call, chain, filter.subject)];
  const limit = filter.limit + 1;
  const place = and(within(newest, cursor, stretch), stretch && betweenTimes(filter));
  const each = (column: typeof event.subjectId | typeof event.actorId | typeof event.type, values: readonly string[] = []) =>
    values.map((value) => eq(column, value));
  const [bySubject, byActor, byType] = [about ?? each(event.subjectId, subjects), each(event.actorId, actors), each(event.type, filter.type)];
  // What is told by the first of these is looked up; the others are asked of what was found.
  const ways = [bySubject, byActor, byType].find(({ length }) => length > 0) ?? [];
  const rest = and(
    place,
    ways === bySubject ? oneOfThese(event.actorId, actors) : undefined,
    about && oneOfThese(event.subjectId, subjects),
    ways === byType ? undefined : oneOfThese(event.type, filter.type),
  );
  const meant = ways.length > 1 ? firstOf(db, chain, ways, rest, newest, limit) : and(ways[0], rest);
  const rows = await db
    .select(WITH_PRIVATE)
    .from(event)
    .leftJoin(eventPrivate, onPrivate())
    .where(and(eq(event.authorityId, chain), meant))
    .orderBy(newest ? desc(event.seq) : asc(event.seq))
    .limit(limit);
  const found = page(rows.map(joined), filter.limit, ({ seq }) => seq);
  return { items: await withNames(call, found.items), next: found.next };
}

/** More keys than this never had one name. */
const MOST = 50;

/** Names may be given again: all persons and keys that bear one are meant. */
async function actorsOf(call: Call, actor: string | undefined): Promise<readonly string[] | undefined> {
  if (actor === undefined) return undefined;
  if (actor === SYSTEM.id || actor.startsWith('apl_')) return [actor];
  const { db } = call.store;
  const [people, keys] = await Promise.all([
    db
      .select({ id: person.id })
      .from(person)
      .where(or(eq(person.id, actor), eq(person.name, actor)))
      .limit(MOST),
    db
      .select({ id: apiKey.id })
      .from(apiKey)
      .where(or(eq(apiKey.id, actor), eq(apiKey.name, actor)))
      .limit(MOST),
  ]);
  const rows = [...people, ...keys];
  if (!rows.length)
    throw new Refusal('invalid_request', 'actor: no person and no API key has this id or name; what the service does by itself is done by "system"');
  return rows.map(({ id }) => id);
}

async function subjectsOf(call: Call, chain: string, subject: string | undefined): Promise<readonly string[] | undefined> {
  if (subject === undefined) return undefined;
  const { db } = call.store;
  const [members, organizations, keys] = await Promise.all([
    db
      .select({ id: member.id })
      .from(member)
      .where(and(eq(member.authorityId, chain), eq(member.entityId, subject)))
      .limit(1),
    db
      .select({ id: organization.id })
      .from(organization)
      .where(and(eq(organization.authorityId, chain), eq(organization.legalName, subject)))
      .limit(1),
    chain === DEPLOYMENT ? db.select({ id: apiKey.id }).from(apiKey).where(eq(apiKey.name, subject)).limit(MOST) : [],
  ]);
  return [subject, ...[...members, ...organizations, ...keys].map(({ id }) => id)];
}
