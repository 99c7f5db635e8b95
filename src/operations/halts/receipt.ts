import { eventAt } from '../../store/act-event.js';
import type { EventRow } from '../../store/event.js';
import { publishedNow } from '../../store/published-now.js';
import {
  allNamed,
  allOfOrganization,
  heldAsClients,
  type HeldAsClients,
  latestOfAuthorities,
  membersNamed,
  ofTheseMembers,
  ofThisAuthority,
  statementsOfOrganization,
  statementsWithKey,
} from '../../store/outstanding.js';
import { authority } from '../../store/schema.js';
import { allow, type Call, DEPLOYMENT } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority } from '../registry.js';
import { actEvent } from './act-event.js';
import { type Answered, answersAboutAuthority, answersAboutKey, answersAboutMember, answersAboutType } from './answered.js';
import { earlierCuts, endOf } from './earlier-cuts.js';
import { type Held, held } from './held.js';

/** What a cut has done: from its event, and from what is answered now. */
export interface Receipt {
  readonly event: Pick<EventRow, 'seq' | 'at' | 'type' | 'hash' | 'reasonCode'> & { readonly authority: string | null };
  readonly subject: string;
  readonly already: boolean;
  readonly members: number;
  /** How each public URL is answered now: all of one member, of many some. */
  readonly answers: readonly Answered[];
  /** Statements about those who were cut that are still there; of a key, statements that list it. */
  readonly stillServed: number;
  readonly othersMayHold: Held;
  /** Nothing that these authorities ever signed with their keys of today lasts longer, also from before an end was moved nearer; null where something has no end. */
  readonly atMostUntil: number | null;
  /** What authorization servers have reported of whom was cut, and what could still open a registration where nobody asks. */
  readonly registrations: HeldAsClients;
  /** Halts of the same act under other authorities whose events are not found: what is told above lacks them. */
  readonly missing: number;
  readonly checkedAt: number;
}

const MEMBER = ['member.suspended', 'member.revoked', 'member.key_halted', 'member.key_compromised'];

/** The receipt of a cut by the number of its event. @param slug null for the chain of the deployment */
export async function readReceipt(call: Call, slug: string | null, seq: string): Promise<Receipt> {
  allow(call, 'read', slug);
  if (!/^\d{1,15}$/.test(seq)) throw new Refusal('not_found', 'an event is named by its number; see: holdfast event list');
  const { db } = call.store;
  const row = await eventAt(db, slug === null ? DEPLOYMENT : (await findAuthority(db, slug)).id, Number(seq));
  if (!row) throw new Refusal('not_found', 'there is no such event');
  return receiptOf(call, row);
}

interface Found {
  readonly answers: readonly Answered[];
  readonly stillServed: number;
  readonly ends: readonly (number | null)[];
  /** Whose signatures may be out. */
  readonly authorityIds: readonly string[];
  readonly missing: number;
  readonly registrations: HeldAsClients;
}

/** @throws Refusal not_found where the event is that of no cut */
export async function receiptOf(call: Call, row: EventRow): Promise<Receipt> {
  const { db } = call.store;
  const all = await db.select().from(authority);
  const own = all.find(({ id }) => id === row.authorityId);
  const { answers, stillServed, ends, authorityIds, missing, registrations } = await found(call, row, own, all);
  const { seq, at, type, hash, reasonCode, detail } = row;
  return {
    event: { authority: own?.slug ?? null, seq, at, type, hash, reasonCode },
    subject: row.subjectId,
    already: detail['already'] === true,
    members: typeof detail['members'] === 'number' ? detail['members'] : MEMBER.includes(type) && detail['already'] !== true ? 1 : 0,
    answers,
    stillServed,
    othersMayHold: held(call.now(), ends),
    atMostUntil: held(call.now(), [await latestOfAuthorities(db, authorityIds)]).until,
    registrations,
    missing,
    checkedAt: call.now(),
  };
}

async function found(call: Call, row: EventRow, own: AuthorityRow | undefined, all: readonly AuthorityRow[]): Promise<Found> {
  const { db } = call.store;
  const view = { call, published: publishedNow(db), authorities: all, now: call.now() };
  const { type, detail, subjectId, authorityId } = row;
  const ends = [endOf(detail['outstanding'] as never), ...(await earlierCuts(db, authorityId, [subjectId], row.seq))];
  const rest = { ends, authorityIds: own ? [own.id] : all.map(({ id }) => id), missing: 0, registrations: NO_CLIENTS };
  const clients = (where: Parameters<typeof heldAsClients>[1]) => heldAsClients(db, where, call.now());
  const still = (answers: readonly Answered[]) =>
    answers.filter(({ what, status, listsKey }) => what === 'statement' && status === 200 && listsKey !== false).length;
  if (own && MEMBER.includes(type)) {
    const answers = await answersAboutMember(view, own, String(detail['entity_id']));
    const registrations = await clients(ofTheseMembers(membersNamed([subjectId])));
    return { answers, stillServed: still(answers), ...rest, registrations };
  }
  if (own && type === 'authority.halted')
    return { answers: await answersAboutAuthority(view, own), stillServed: 0, ...rest, registrations: await clients(ofThisAuthority(own.id)) };
  if (own && type === 'trust_mark_type.halted') return { answers: await answersAboutType(view, own, subjectId), stillServed: 0, ...rest };
  if (own && type === 'organization.halted') {
    const entities = listOf(detail['examples']).map(String);
    const answers = (await Promise.all(entities.map((entity) => answersAboutMember(view, own, entity)))).flat();
    const registrations = await clients(ofTheseMembers(allOfOrganization(own.id, subjectId)));
    return { answers, stillServed: await statementsOfOrganization(db, own.id, subjectId), ...rest, registrations };
  }
  if (type === 'key.halted') {
    const examples = listOf(detail['examples']) as readonly { readonly authority_id?: string; readonly entity_id?: string }[];
    const answers = await answersAboutKey(view, subjectId, examples);
    const listing = await statementsWithKey(db, subjectId, own?.id, call.now());
    const named = examples.filter((one) => own === undefined || (one.authority_id ?? own.id) === own.id);
    const each = await Promise.all(
      [...new Set(named.map((one) => one.authority_id ?? own?.id ?? ''))].map((id) =>
        clients(
          ofTheseMembers(
            allNamed(
              id,
              named.filter((one) => (one.authority_id ?? own?.id ?? '') === id).map((one) => String(one.entity_id)),
            ),
          ),
        ),
      ),
    );
    return { answers, stillServed: Math.max(listing, still(answers)), ...rest, registrations: together(each) };
  }
  if (type === 'organization.halted_everywhere') {
    const parts = listOf(detail['organizations']) as readonly { readonly authority_id: string; readonly organization_id: string }[];
    const told = await Promise.all(
      parts.map(async (part) => {
        const [at] = all.filter(({ id }) => id === part.authority_id);
        const event = await actEvent(db, part.authority_id, part.organization_id, String(detail['halt']));
        return at && event ? found(call, event, at, all) : undefined;
      }),
    );
    const each = told.filter((one) => one !== undefined);
    return {
      answers: each.flatMap((one) => one.answers),
      stillServed: each.reduce((sum, one) => sum + one.stillServed, 0),
      ends: [...ends, ...each.flatMap((one) => one.ends)],
      authorityIds: parts.map(({ authority_id: id }) => id),
      missing: told.length - each.length,
      registrations: together(each.map((one) => one.registrations)),
    };
  }
  throw new Refusal('not_found', `event ${row.seq} is that of no cut: it is ${type}`);
}

const NO_CLIENTS: HeldAsClients = { clients: 0, servers: [], software_statements: 0, initial_access_tokens: 0, until: null };

function together(parts: readonly HeldAsClients[]): HeldAsClients {
  const servers = new Map<string, number>();
  for (const { server, clients } of parts.flatMap((one) => one.servers)) servers.set(server, (servers.get(server) ?? 0) + clients);
  const ends = parts.flatMap(({ until }) => until ?? []);
  const sum = (of: (one: HeldAsClients) => number) => parts.reduce((all, one) => all + of(one), 0);
  return {
    clients: sum((one) => one.clients),
    servers: [...servers].map(([server, clients]) => ({ server, clients })).sort((a, b) => b.clients - a.clients || (a.server < b.server ? -1 : 1)),
    software_statements: sum((one) => one.software_statements),
    initial_access_tokens: sum((one) => one.initial_access_tokens),
    until: ends.length ? Math.max(...ends) : null,
  };
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
