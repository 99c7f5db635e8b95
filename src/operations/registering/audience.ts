import { and, eq } from 'drizzle-orm';
import { parseEntityId } from '../../federation/entry.js';
import { quote } from '../../federation/finding.js';
import { spellingOf } from '../../federation/place.js';
import { member, snapshot } from '../../store/schema.js';
import type { Deployment } from '../call.js';
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

async function isKnown(deployment: Deployment, authorityId: string, server: string): Promise<boolean> {
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
