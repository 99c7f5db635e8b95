import { wasCheckpointed } from '../../store/checkpoints.js';
import { decidedLast } from '../../store/registration-events.js';
import type { JoinedEvent } from '../../store/joined-event.js';
import { allow, type Call } from '../call.js';
import { stoodAbove } from './stood-above.js';
import { listEvents } from '../events/list-events.js';
import type { Named } from '../events/names.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';
import { findAuthority, findMember } from '../registry.js';

type Told = Named<JoinedEvent>;
export type Answer = 'served' | 'not_found' | 'unknown';

/** What an authority answered about an entity at a moment. */
export interface AnsweredAt {
  readonly entityId: string;
  /** Seconds since the epoch. */
  readonly at: number;
  readonly fetch: Answer;
  /** Was it among the subordinates that are listed? */
  readonly list: Answer;
  /** Evaluations rest on what strangers served then: of an entity in force nothing is on record. */
  readonly resolve: Exclude<Answer, 'served'>;
  /** The statement that was published last before, as its event names it; renewals leave no event and have the same content but for their times and the key. */
  readonly statement: { readonly sha256: string; readonly exp: number | null; readonly seq: number } | null;
  /** What the events leave open. */
  readonly doubts: readonly string[];
  /** The events that decide it, newest first. */
  readonly decidedBy: readonly Told[];
}

const STATES = ['member.enrolled', 'member.activated', 'member.resumed', 'member.suspended', 'member.revoked', 'organization.halted'];
const STOPS = ['authority.halted', 'authority.retired', 'authority.resumed'];
/** What they leave behind is signed anew in slices, and meanwhile some of it was answered by 503. */
const UNSETTLED: Readonly<Record<string, string>> = {
  'key.revoked': 'a key was revoked shortly before: a statement that it had signed was answered by 503 until it was signed anew',
  'authority.resumed': 'the authority came back shortly before: its statements were answered by 503 until they were signed anew',
  'deployment.restored': 'a restored history was confirmed shortly before: until then everything was answered by 503',
};
const SHORTLY = 3600;

/**
 * What fetch, list and resolve answered about an entity at a moment, as far as the event chain can tell; what it cannot is
 * `unknown`, never a guess.
 * @param time seconds since the epoch
 * @throws Refusal not_found for an entity that never was a member, invalid_request for a time to come
 */
export async function answeredAt(call: Call, slug: string, id: string, time: number): Promise<AnsweredAt> {
  allow(call, 'read', slug);
  const { db } = call.store;
  if (time > call.now()) throw new Refusal('invalid_request', 'that time has not come; give one that has passed');
  const authority = await findAuthority(db, slug);
  const member = await findMember(db, authority.id, id);
  const { entityId } = member;
  const past = { until: time + 1, newest: true } as const;
  const [stop] = (await listEvents(call, slug, { ...past, type: STOPS, limit: 1 })).items;
  const about = (await listEvents(call, slug, { ...past, member: member.id, limit: 100 })).items;
  const recent = (await listEvents(call, slug, { ...past, since: Math.max(0, time - SHORTLY), type: Object.keys(UNSETTLED), limit: 20 })).items;
  const stopped = stop !== undefined && stop.type !== 'authority.resumed';
  const above = await stoodAbove(call, authority, time);
  const inForce = !stopped && above !== 'no' && (await decidedLast(db, authority.id, entityId, time)) === 'registration';
  const end = endOfMember(member);
  const ended = end !== null && end <= time;
  const later = inForce ? await doubtedLater(call, slug, { authorityId: authority.id, memberId: member.id }, time) : [];
  const doubts = [
    ...(inForce && above === 'unknown' ? ['whether what is above the authority stood then is not told by its events'] : []),
    ...later,
    ...new Set(inForce ? recent.map(({ type }) => UNSETTLED[type] as string) : []),
    ...(inForce && ended ? [`its membership ends at ${end} as it stands now; what was set then is in its events`] : []),
  ];
  const decided = about.find(({ type, detail }) => STATES.includes(type) && detail['already'] !== true);
  const published = inForce ? publishedIn(about, entityId) : null;
  const answer: Answer = !inForce ? 'not_found' : doubts.length ? 'unknown' : 'served';
  return {
    entityId,
    at: time,
    fetch: answer,
    list: inForce && (ended || later.length > 0) ? 'unknown' : inForce ? 'served' : 'not_found',
    resolve: inForce ? 'unknown' : 'not_found',
    statement: published,
    doubts,
    decidedBy: [...(stop ? [stop] : []), ...(decided ? [decided] : []), ...recent.filter(({ seq }) => inForce && seq !== stop?.seq)].toSorted(
      (a, b) => b.seq - a.seq,
    ),
  };
}

/** What came later tells that what is known now need not have been so then. */
async function doubtedLater(call: Call, slug: string, of: { readonly authorityId: string; readonly memberId: string }, time: number): Promise<string[]> {
  const past = { since: time + 1, limit: 1 } as const;
  const [restored] = (await listEvents(call, slug, { ...past, type: ['deployment.restored'] })).items;
  const unconfirmed = restored && !(await wasCheckpointed(call.store.db, of.authorityId, time, restored.at));
  const changes = (await listEvents(call, slug, { ...past, member: of.memberId, type: ['member.changed', 'member.enrolled', 'agent.renewed'], limit: 1000 }))
    .items;
  const moved = changes.find(
    ({ type, detail }) =>
      type === 'member.enrolled' || type === 'agent.renewed' || (Array.isArray(detail['changed']) && detail['changed'].includes('validUntil')),
  );
  return [
    ...(unconfirmed ? [`a restored history was confirmed at ${restored.at}: from the restore until then everything was answered by 503`] : []),
    ...(moved ? [`the end of its membership was another one until event ${moved.seq}, at ${moved.at}`] : []),
  ];
}

function publishedIn(events: readonly Told[], entityId: string): AnsweredAt['statement'] {
  for (const { seq, artefacts } of events)
    for (const { kind, key, sha256, exp } of artefacts)
      if (kind === 'statement' && key === entityId && typeof sha256 === 'string') return { sha256, exp: typeof exp === 'number' ? exp : null, seq };
  return null;
}
