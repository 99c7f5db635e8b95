import { and, eq, inArray, isNotNull, or } from 'drizzle-orm';
import { whileMemberActive } from '../../store/guards.js';
import {
  type ClientRegistrationRow,
  clientsOf,
  clientsWhere,
  type MemberStanding,
  putClient,
  type ReportedClient,
  statementsWhere,
} from '../../store/registering.js';
import { clientRegistration, member, softwareStatement } from '../../store/schema.js';
import { change, type Deployment } from '../call.js';
import { type AuthenticatedMember, callOfMember } from '../join/authenticate-member.js';
import { Refusal } from '../refusal.js';
import { speaksAt } from './audience.js';
import { expectServerAsks, expectSpeaksAt } from './redeem.js';

export interface ClientReported {
  readonly clientId: string;
  /** The Entity Identifier of the member that is the client. */
  readonly entityId: string;
  readonly method: ClientRegistrationRow['method'];
  /** By which statement; needed with that method, and says whose member it is. */
  readonly softwareStatementJti?: string | undefined;
}

/** Clients that one server may have of one member. */
const MAX_CLIENTS = 100;

/** Who applies, or was refused, is nobody's business; what was archived may have been either. */
const wasInForce = or(inArray(member.state, ['active', 'suspended', 'revoked']), and(eq(member.state, 'archived'), isNotNull(member.statusIdx)));

interface Whose {
  readonly authorityId: string;
  readonly memberId: string;
}

/** Whose member it is: the statement says it, else the authority that the server is a member of. @throws Refusal not_found, audience_mismatch */
async function whose({ store: { db } }: Deployment, { authority, member: server }: AuthenticatedMember, client: ClientReported): Promise<Whose> {
  if (client.method === 'software_statement') {
    const [issued] = await statementsWhere(db, eq(softwareStatement.jti, client.softwareStatementJti ?? ''), 1);
    if (!issued || issued.of?.entityId !== client.entityId) throw new Refusal('not_found', 'there is no such software statement about that member');
    if (issued.row.audience && !issued.row.audience.includes(server.entityId))
      throw new Refusal('audience_mismatch', 'this software statement is for another authorization server');
    return issued.row;
  }
  const [row] = await db
    .select({ id: member.id })
    .from(member)
    .where(and(eq(member.authorityId, authority.id), eq(member.entityId, client.entityId), wasInForce))
    .limit(1);
  if (!row) throw new Refusal('not_found', 'this authority has no such member');
  return { authorityId: authority.id, memberId: row.id };
}

/** Clients of a server with this id, ended ones too. */
const known = ({ store: { db } }: Deployment, server: string, clientId: string): Promise<ReportedClient[]> =>
  clientsWhere(db, and(eq(clientRegistration.server, server), eq(clientRegistration.clientId, clientId)), 20);

export interface Reported {
  readonly row: ClientRegistrationRow;
  /** Of the member as it is now: also of one that was cut it is told who holds a client of it. */
  readonly of: MemberStanding | null;
}

/**
 * An authorization server says that a member is a client of it. Said again it changes nothing.
 * @throws Refusal permission_denied, not_found, audience_mismatch, wrong_state
 */
export async function reportClient(deployment: Deployment, asking: AuthenticatedMember, client: ClientReported): Promise<Reported> {
  await expectServerAsks(deployment, asking);
  const server = asking.member.entityId;
  const { authorityId, memberId } = await whose(deployment, asking, client);
  await change<null>(callOfMember(deployment, asking), {
    authorityId,
    scope: `${server} ${client.clientId}`,
    async decide() {
      await expectServerAsks(deployment, asking);
      await expectSpeaksAt(deployment, asking, authorityId);
      const before = (await known(deployment, server, client.clientId)).find(({ row }) => row.authorityId === authorityId)?.row;
      const statement = client.softwareStatementJti ?? null;
      const nothing = { events: [], statements: [], result: null };
      if (before?.endedAt === null && before.memberId === memberId && before.method === client.method && before.softwareStatementJti === statement)
        return nothing;
      if ((await clientsOf(deployment.store.db, memberId, server)) >= MAX_CLIENTS)
        throw new Refusal('wrong_state', `${server} has ${MAX_CLIENTS} clients of ${client.entityId}; report those that are gone`);
      const row: ClientRegistrationRow = {
        ...{ authorityId, memberId, server, clientId: client.clientId, method: client.method },
        ...{ softwareStatementJti: statement, registeredAt: deployment.now(), endedAt: null },
      };
      return {
        events: [
          {
            type: 'client.registered',
            subjectKind: 'client_registration' as const,
            subjectId: client.clientId,
            detail: {
              member: memberId,
              entity_id: client.entityId,
              server,
              method: client.method,
              ...(statement !== null && { software_statement: statement }),
            },
          },
        ],
        statements: [whileMemberActive(authorityId, asking.member.id), putClient(row)],
        result: null,
      };
    },
  });
  const now = (await known(deployment, server, client.clientId)).find(({ row }) => row.authorityId === authorityId);
  if (!now) throw new Refusal('not_found', 'there is no such client');
  return now;
}

/** It is none any more. Said again it changes nothing. @throws Refusal permission_denied, not_found */
export async function endClient(deployment: Deployment, asking: AuthenticatedMember, clientId: string): Promise<Reported> {
  await expectServerAsks(deployment, asking);
  const server = asking.member.entityId;
  const all = await known(deployment, server, clientId);
  const may = await Promise.all(all.map(({ row }) => speaksAt(deployment, asking, row.authorityId)));
  const own = all.filter((_, n) => may[n]);
  const found = own.find(({ row }) => row.endedAt === null) ?? own[0];
  if (!found && all[0]) await expectSpeaksAt(deployment, asking, all[0].row.authorityId);
  if (!found) throw new Refusal('not_found', 'this authorization server has reported no such client');
  if (found.row.endedAt !== null) return found;
  const { authorityId, memberId } = found.row;
  const endedAt = deployment.now();
  await change<null>(callOfMember(deployment, asking), {
    authorityId,
    scope: `${server} ${clientId}`,
    decide: async () => ({
      events: [
        {
          type: 'client.ended',
          subjectKind: 'client_registration' as const,
          subjectId: clientId,
          detail: { member: memberId, entity_id: found.of?.entityId, server },
        },
      ],
      statements: [
        deployment.store.db
          .update(clientRegistration)
          .set({ endedAt })
          .where(and(eq(clientRegistration.server, server), eq(clientRegistration.clientId, clientId), eq(clientRegistration.authorityId, authorityId))),
      ],
      result: null,
    }),
  });
  return { ...found, row: { ...found.row, endedAt } };
}
