import { and, eq } from 'drizzle-orm';
import { parseClientAssertion, parseJws, verifyJws } from '../../federation/entry.js';
import { ends, standing } from '../../store/agent-authorities.js';
import type { Inbox } from '../../store/inbox.js';
import { authority, member } from '../../store/schema.js';
import { unconfirmed } from '../../store/standing.js';
import type { Call, Deployment } from '../call.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';
import { paceMember } from './pace.js';

/** A member in force, as it has shown. */
export interface AuthenticatedMember {
  readonly authority: AuthorityRow;
  readonly member: MemberRow;
}

/** Whoever it is, it is no member that may ask. One answer, whatever it was that failed. */
export class NotAuthenticated extends Error {
  constructor() {
    super('send Authorization: Bearer with a client assertion (private_key_jwt) of a member in force: "aud" the authority and nothing else, used once');
  }
}

/** Where what a member signed is spent: of all that a process has, the one place that the public plane uses as well. */
export type Spend = Pick<Inbox, 'spend'>;

/**
 * Who asks, by `private_key_jwt` under a Federation Entity Key (OpenID Federation 1.0 §8.8): a member in force, so one that is cut
 * loses its access in the same act. Cheap checks first; the assertion is spent last, after its signature.
 * @param assertion its `aud` says which authority the member is of
 * @throws NotAuthenticated
 * @throws TooMany, Refusal temporarily_unavailable
 */
export async function authenticateMember(deployment: Deployment, inbox: Spend | undefined, assertion: string): Promise<AuthenticatedMember> {
  const { store, now, development } = deployment;
  if (!inbox || (await unconfirmed(store.db))) throw new Refusal('temporarily_unavailable', 'members cannot be told apart here at the moment');
  const read = parseJws(assertion, ['jwt', 'client-authentication+jwt'], undefined, { typOptional: true, kidOptional: true, typAsMediaType: true });
  const aud = read.ok ? read.value.claims['aud'] : undefined;
  const audience: unknown = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (typeof audience !== 'string') throw new NotAuthenticated();
  const jws = parseClientAssertion(assertion, { audience, now: now(), development });
  if (!jws.ok) throw new NotAuthenticated();
  const { iss, jti, exp } = jws.value.claims;
  const found = await memberOf(deployment, audience, iss);
  if (!found) throw new NotAuthenticated();
  const verified = await verifyJws(jws.value, found.member.jwks);
  if (!verified.ok) throw new NotAuthenticated();
  // What others sign in its name is not counted against it: nobody keeps a member from ending something.
  await paceMember(deployment, found.member.id);
  if (!(await inbox.spend(iss, jti, exp))) throw new NotAuthenticated();
  return found;
}

async function memberOf({ store: { db }, now }: Deployment, authorityId: string, entityId: string): Promise<AuthenticatedMember | undefined> {
  const [found] = await db
    .select({ authority, member, until: ends })
    .from(member)
    .innerJoin(authority, eq(authority.id, member.authorityId))
    .where(and(eq(authority.entityId, authorityId), eq(authority.state, 'active'), eq(standing, 1), eq(member.entityId, entityId), eq(member.state, 'active')))
    .limit(1);
  return found && Math.min(endOfMember(found.member) ?? Number.POSITIVE_INFINITY, Number(found.until)) > now() ? found : undefined;
}

/** A call of a member: it has no permission of an operator's, and is about that authority alone. */
export const callOfMember = <T>(deployment: Deployment, { authority: of, member: who }: AuthenticatedMember): Call<T> => ({
  ...deployment,
  actor: { id: who.id, kind: 'member' },
  role: 'member',
  authorities: [of.slug],
});
