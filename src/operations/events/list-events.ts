import { and, asc, desc, eq, gte, inArray, lte, max, min, or, type SQL, sql } from 'drizzle-orm';
import type { EventRow } from '../../store/event.js';
import { apiKey, event, member, organization } from '../../store/schema.js';
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
  /** Id or name of an API key, or `system`. */
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

const aboutMember = (of: MemberRow): SQL | undefined =>
  or(eq(event.subjectId, of.id), and(eq(event.subjectId, of.organizationId ?? ''), inArray(event.type, FOR_MEMBERS)));

/** Events of an authority. @throws Refusal not_found, invalid_request */
export async function listEvents(call: Call, slug: string, filter: EventFilter): Promise<Page<Named<EventRow>>> {
  allow(call, 'read', slug);
  const { db } = call.store;
  const { id } = await findAuthority(db, slug);
  const about = filter.member === undefined ? undefined : aboutMember(await findMember(db, id, filter.member));
  return search(call, id, filter, about);
}

/** Events of the deployment itself: API keys, the clock, restores. */
export async function listDeploymentEvents(call: Call, filter: Omit<EventFilter, 'member'>): Promise<Page<Named<EventRow>>> {
  allow(call, 'administer', null);
  return search(call, DEPLOYMENT, filter, undefined);
}

/**
 * In the order of the chain, whatever the clock did, so that whoever follows misses nothing. A time is looked up by index
 * first: it becomes a stretch of the chain, and every other index ends in the sequence number.
 */
async function search(call: Call, chain: string, filter: EventFilter, about: SQL | undefined): Promise<Page<Named<EventRow>>> {
  const { db } = call.store;
  const newest = filter.newest === true;
  const cursor = numeric(filter.cursor);
  const stretch = filter.since === undefined && filter.until === undefined ? undefined : await stretchOf(call, chain, filter);
  if (stretch === null) return { items: [], next: null };
  const [actors, subjects] = [await actorsOf(call, filter.actor), await subjectsOf(call, chain, filter.subject)];
  const rows = await db
    .select()
    .from(event)
    .where(
      and(
        eq(event.authorityId, chain),
        within(newest, cursor, stretch),
        oneOf(event.actorId, actors),
        oneOf(event.subjectId, subjects),
        oneOf(event.type, filter.type),
        about,
        stretch && timesOf(filter, sql`+${event.at}`),
      ),
    )
    .orderBy(newest ? desc(event.seq) : asc(event.seq))
    .limit(filter.limit + 1);
  const found = page(rows, filter.limit, ({ seq }) => seq);
  return { items: await withNames(call, found.items), next: found.next };
}

interface Stretch {
  readonly first: number;
  readonly last: number;
}

/**
 * From where the page begins to where the stretch ends. The far end is no bound of an index (the `+`): SQLite would take two of
 * them for more telling than an actor or a type, and read the whole stretch for the three events that somebody made in it.
 */
function within(newest: boolean, cursor: number | undefined, stretch: Stretch | undefined): SQL | undefined {
  const { first = 1, last = undefined } = stretch ?? {};
  if (newest) {
    const from = Math.min(last ?? Number.MAX_SAFE_INTEGER, cursor === undefined ? Number.MAX_SAFE_INTEGER : cursor - 1);
    return and(from === Number.MAX_SAFE_INTEGER ? undefined : lte(event.seq, from), stretch && sql`+${event.seq} >= ${first}`);
  }
  const from = Math.max(first, (cursor ?? 0) + 1);
  return and(from === 1 ? undefined : gte(event.seq, from), last === undefined ? undefined : sql`+${event.seq} <= ${last}`);
}

/** @param at the column, as an index has it or not */
const timesOf = ({ since, until }: EventFilter, at: SQL): SQL | undefined =>
  and(since === undefined ? undefined : sql`${at} >= ${since}`, until === undefined ? undefined : sql`${at} < ${until}`);

/** One value by equality: an index then gives the order of the chain too. */
const oneOf = (column: Parameters<typeof inArray>[0], values: readonly string[] | undefined): SQL | undefined => {
  const [only, ...others] = values ?? [];
  if (only === undefined) return undefined;
  return others.length ? inArray(column, [only, ...others]) : eq(column, only);
};

/** @returns null when nothing happened in that time */
async function stretchOf(call: Call, chain: string, filter: EventFilter): Promise<Stretch | null> {
  const [row] = await call.store.db
    .select({ first: min(event.seq), last: max(event.seq) })
    .from(event)
    .where(and(eq(event.authorityId, chain), timesOf(filter, sql`${event.at}`)));
  return row?.first == null || row.last == null ? null : { first: Number(row.first), last: Number(row.last) };
}

/** More keys than this never had one name. */
const MOST = 50;

/** Names may be given again: all keys that bear one are meant. */
async function actorsOf(call: Call, actor: string | undefined): Promise<readonly string[] | undefined> {
  if (actor === undefined) return undefined;
  if (actor === SYSTEM.id) return [actor];
  const rows = await call.store.db
    .select({ id: apiKey.id })
    .from(apiKey)
    .where(or(eq(apiKey.id, actor), eq(apiKey.name, actor)))
    .limit(MOST);
  if (!rows.length) throw new Refusal('invalid_request', 'actor: no API key has this id or name; what the service does by itself is done by "system"');
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
