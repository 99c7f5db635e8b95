import { and, eq, inArray } from 'drizzle-orm';
import { parseEntityId } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { spellingOf } from '../../federation/place.js';
import { member, snapshot } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import type { AuthenticatedMember } from '../join/authenticate-member.js';
import { shareKey } from '../members/domain-control.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

/** Entity Types of authorization servers. */
const SERVER_TYPES = ['oauth_authorization_server', 'openid_provider'];
/** A cell that cannot be read names no type. */
const isServerType = (types: unknown): boolean => Array.isArray(types) && types.some((one) => SERVER_TYPES.includes(String(one)));

async function wasEvaluatedAsServer({ store: { db } }: Deployment, authorityId: string, subject: string): Promise<boolean> {
  const rows = await db
    .select({ types: snapshot.entityTypes })
    .from(snapshot)
    .where(and(eq(snapshot.authorityId, authorityId), eq(snapshot.subject, subject), eq(snapshot.state, 'valid')));
  return rows.some(({ types }) => isServerType(types));
}

/** A member in force that was taken in as an authorization server; where nobody said as what, that is one by its evaluation. */
export async function isServerInForce(deployment: Deployment, row: MemberRow): Promise<boolean> {
  if (row.state !== 'active' || (endOfMember(row) ?? Number.POSITIVE_INFINITY) <= deployment.now()) return false;
  if (Array.isArray(row.entityTypes) && row.entityTypes.length > 0) return isServerType(row.entityTypes);
  return wasEvaluatedAsServer(deployment, row.authorityId, row.entityId);
}

/** States of whoever was taken into force, and is not any more by somebody's decision, or still is. */
const DECIDED: readonly MemberRow['state'][] = ['active', 'suspended', 'revoked', 'archived'];

/**
 * What an authority says itself of a server that it has, or had, as a member; undefined: nothing. Whatever another authority of
 * this deployment says, or was found out, a cut here holds for what is of here.
 */
async function ownServer({ store: { db } }: Deployment, authorityId: string, server: string): Promise<MemberRow | undefined> {
  const [row] = await db
    .select()
    .from(member)
    .where(and(eq(member.authorityId, authorityId), eq(member.entityId, server), inArray(member.state, [...DECIDED])))
    .limit(1);
  return row;
}

/**
 * Does a server that has shown who it is under one authority speak for itself under this one too? Not where that one has a
 * member of this name itself which is not in force, or is somebody else: it has other keys.
 */
export async function speaksAt(deployment: Deployment, asking: AuthenticatedMember, authorityId: string): Promise<boolean> {
  if (asking.authority.id === authorityId) return true;
  const own = await ownServer(deployment, authorityId, asking.member.entityId);
  return !own || ((await isServerInForce(deployment, own)) && (await shareKey(own.jwks, asking.member.jwks)));
}

async function isKnown(deployment: Deployment, authorityId: string, server: string): Promise<boolean> {
  const own = await ownServer(deployment, authorityId, server);
  if (own) return isServerInForce(deployment, own);
  const rows = await deployment.store.db
    .select()
    .from(member)
    .where(and(eq(member.spelling, spellingOf(server)), eq(member.entityId, server)));
  for (const row of rows) if (await isServerInForce(deployment, row)) return true;
  return wasEvaluatedAsServer(deployment, authorityId, server);
}

/**
 * An authorization server that this authority knows: a member in force of an authority of this deployment, or one that was
 * evaluated under an anchor of this one. Its Entity Identifier is its issuer.
 * @throws Refusal audience_unknown
 */
export async function expectServer(deployment: Deployment, authorityId: string, server: string): Promise<void> {
  const id = parseEntityId(server, deployment);
  if (!id.ok) throw new Refusal('audience_unknown', `${quote(server)} is no Entity Identifier`, id.findings);
  if (await isKnown(deployment, authorityId, server)) return;
  throw new Refusal(
    'audience_unknown',
    `${server} is not known here as an authorization server: it is a member in force with the type ${SERVER_TYPES.join(' or ')}, or was evaluated (holdfast entity evaluate)`,
  );
}
