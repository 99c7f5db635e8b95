import type { KeyState, MemberState } from '../../../src/store/schema.js';
import { ENTITY, SLUGS, type Slug } from './world.js';

/**
 * What ought to be so, as plain objects. It knows nothing of how the service decides: it says who is in force, and so what
 * anyone may be served.
 */
export interface ExpectedMember {
  readonly authority: Slug;
  readonly id: string;
  state: MemberState;
  /** What suspended it: `organization Bank A`, `authority inter`; null: it was itself. */
  with: string | null;
  organization: string | null;
  validUntil: number | null;
  /** Keys that a person took away. */
  removed: string[];
}
export interface ExpectedGrant {
  readonly authority: Slug;
  readonly type: string;
  readonly memberOf: Slug;
  readonly id: string;
  state: 'active' | 'revoked';
  validUntil: number | null;
}
export interface ExpectedMark {
  readonly bytes: string;
  readonly authority: Slug;
  readonly type: string;
  readonly memberOf: Slug;
  readonly id: string;
  readonly grant: string;
  /** Null: without end. */
  exp: number | null;
  revoked: boolean;
}
export interface Expected {
  readonly authorities: Record<Slug, 'active' | 'halted' | 'retired'>;
  /** By `slug kid`. */
  readonly keys: Map<string, KeyState>;
  /** By `slug name`. */
  readonly organizations: Map<string, 'active' | 'halted'>;
  /** By `slug id`. */
  readonly members: Map<string, ExpectedMember>;
  /** By `slug type`. */
  readonly types: Map<string, 'active' | 'halted'>;
  readonly grants: Map<string, ExpectedGrant>;
  /** By their bytes. */
  readonly marks: Map<string, ExpectedMark>;
  /** Of keys: told to be compromised. */
  readonly compromised: Set<string>;
  /** A restored history that nobody has confirmed. */
  unconfirmed: boolean;
}

export const nothing = (): Expected => ({
  authorities: { main: 'active', inter: 'active' },
  keys: new Map(),
  organizations: new Map(),
  members: new Map(),
  types: new Map(),
  grants: new Map(),
  marks: new Map(),
  compromised: new Set(),
  unconfirmed: false,
});

const lasts = (until: number | null, now: number): boolean => until === null || until > now;
export const memberAt = (e: Expected, slug: Slug, id: string): ExpectedMember | undefined => e.members.get(`${slug} ${id}`);

/** An authority vouches for a member now. */
export function isInForce(e: Expected, slug: Slug, id: string, now: number): boolean {
  const member = memberAt(e, slug, id);
  return !e.unconfirmed && e.authorities[slug] === 'active' && member?.state === 'active' && lasts(member.validUntil, now);
}

/** A member bears a type of mark now, by a grant that stands. */
export function bears(e: Expected, slug: Slug, type: string, id: string, now: number): boolean {
  if (e.unconfirmed || e.authorities[slug] !== 'active' || e.types.get(`${slug} ${type}`) !== 'active') return false;
  return [...e.grants.values()].some((grant) => {
    if (grant.authority !== slug || grant.type !== type || grant.id !== id || grant.state !== 'active' || !lasts(grant.validUntil, now)) return false;
    const member = memberAt(e, grant.memberOf, id);
    return member?.state === 'active' && lasts(member.validUntil, now);
  });
}

/** There is a path of statements in force from the anchor to an entity. */
export function isBelow(e: Expected, id: string, now: number): boolean {
  if (e.authorities.main !== 'active' || e.unconfirmed) return false;
  return isInForce(e, 'main', id, now) || (isInForce(e, 'main', ENTITY.inter, now) && isInForce(e, 'inter', id, now));
}

/** May a member of that identifier and organization be active at an authority? */
export function mayBeActive(e: Expected, slug: Slug, member: Pick<ExpectedMember, 'id' | 'organization' | 'validUntil'>, now: number): boolean {
  if (member.organization !== null && e.organizations.get(`${slug} ${member.organization}`) === 'halted') return false;
  const own = SLUGS.find((one) => ENTITY[one] === member.id);
  if (own && e.authorities[own] !== 'active') return false;
  return e.authorities[slug] === 'active' && lasts(member.validUntil, now);
}

/** A membership was cut: what it bears is withdrawn, wherever it was issued. */
export function cutMarks(e: Expected, which: (mark: ExpectedMark) => boolean, now: number): void {
  for (const mark of e.marks.values()) if (which(mark) && (mark.exp === null || mark.exp > now)) mark.revoked = true;
}

export function cutMember(e: Expected, member: ExpectedMember, to: 'suspended' | 'revoked', by: string | null, now: number): void {
  member.state = to;
  member.with = to === 'suspended' ? by : null;
  cutMarks(e, ({ memberOf, id }) => memberOf === member.authority && id === member.id, now);
  if (to === 'revoked') for (const grant of e.grants.values()) if (grant.memberOf === member.authority && grant.id === member.id) grant.state = 'revoked';
}

/** Whether what suspended a member with itself is active again. */
export function sourceIsBack(e: Expected, { authority, with: source }: ExpectedMember): boolean {
  if (source === null) return false;
  const [kind, ...name] = source.split(' ');
  return kind === 'authority' ? e.authorities[name.join(' ') as Slug] === 'active' : e.organizations.get(`${authority} ${name.join(' ')}`) === 'active';
}

/** Everything that the admin API can be asked about, each as one word. */
export function factsOf(e: Expected): Map<string, string> {
  const facts = new Map<string, string>();
  for (const slug of SLUGS) facts.set(`authority ${slug}`, e.authorities[slug]);
  for (const [name, state] of e.keys) facts.set(`key ${name}`, state);
  for (const [name, state] of e.organizations) facts.set(`organization ${name}`, state);
  for (const [name, { state, with: by, validUntil }] of e.members) facts.set(`member ${name}`, `${state} ${by ?? '-'} ${validUntil ?? '-'}`);
  for (const [name, state] of e.types) facts.set(`type ${name}`, state);
  for (const [id, { state }] of e.grants) facts.set(`grant ${id}`, state);
  for (const [bytes, { revoked }] of e.marks) facts.set(`mark ${bytes}`, revoked ? 'revoked' : 'issued');
  return facts;
}
