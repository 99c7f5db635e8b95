import { limits, narrowMetadata, SOFTWARE_STATEMENT } from '../../federation/entry.js';
import type { Finding } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import { insertRows } from '../../store/bulk.js';
import { openOf, type SoftwareStatementRow } from '../../store/registering.js';
import { organization, softwareStatement } from '../../store/schema.js';
import { eq } from 'drizzle-orm';
import { issuerOf } from '../artefacts/publish.js';
import { allow, type Call, change } from '../call.js';
import { Refusal } from '../refusal.js';
import { type AuthorityRow, findAuthority, findMember } from '../registry.js';
import { expectServer } from './audience.js';
import { chainsAbove } from './carried-chain.js';
import { clientOf, type ClientKey, type VouchedClient } from './client-of.js';
import { lifetimeOf, MAX_OPEN } from './lifetime.js';
import { signForMember } from './sign.js';

export interface StatementAsked {
  /** Issuers of authorization servers; left out: whoever accepts the authority. */
  readonly audience?: readonly string[] | undefined;
  readonly softwareId?: string | undefined;
  readonly softwareVersion?: string | undefined;
  /** What of the record is wanted (RFC 7591 §2); left out: all of it. */
  readonly metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Keys of the client by `kid` or thumbprint; left out: all of them. */
  readonly kids?: readonly string[] | undefined;
  /** Seconds. */
  readonly lifetime?: number | undefined;
}

export interface IssuedSoftwareStatement {
  readonly row: SoftwareStatementRow;
  readonly entityId: string;
  readonly compact: string;
  /** What it says of the client. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly findings: readonly Finding[];
}

/** @throws Refusal key_not_bound */
export function keyOf({ member, keys }: Pick<VouchedClient, 'member' | 'keys'>, name: string): ClientKey {
  const found = keys.filter(({ jwk, jkt }) => jwk.kid === name || jkt === name);
  const [key, other] = found;
  if (key && !other) return key;
  throw new Refusal(
    'key_not_bound',
    `${other ? 'more than one key' : 'no key'} of the client that ${member.entityId} is here has the name ${name.slice(0, 100)}`,
  );
}

/** @throws Refusal entitlement_exceeded */
function narrowed({ metadata, member }: VouchedClient, asked: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const result = narrowMetadata(metadata, asked);
  if (result.ok) return result.value;
  const { parameter, detail } = result.wider;
  throw new Refusal('entitlement_exceeded', `${member.entityId} is vouched for with less: ${parameter}: ${detail}`);
}

/** Names by which an authority says who vouched, and by which rules. */
async function vouchedBy(call: Call, { member }: VouchedClient) {
  const [legal] = member.organizationId
    ? await call.store.db
        .select({ id: organization.id, name: organization.legalName })
        .from(organization)
        .where(eq(organization.id, member.organizationId))
        .limit(1)
    : [];
  return {
    organization_id: legal?.id,
    organization_name: legal?.name,
    registration_policy: member.claims['registration_policy'],
    entitlement_version: member.entitlementVersion,
  };
}

/** The same for an operator. @throws Refusal permission_denied, and as `issueStatementTo` */
export async function issueStatement(
  call: Call<IssuedSoftwareStatement>,
  slug: string,
  memberId: string,
  asked: StatementAsked,
): Promise<IssuedSoftwareStatement> {
  allow(call, 'enroll', slug);
  return issueStatementTo(call, slug, memberId, asked);
}

/**
 * Sign a software statement (RFC 7591 §2.3) about a member in force that is a client: what its record says, narrowed to what is
 * asked. Whether that is good later is asked of the member then.
 * @throws Refusal not_found, member_not_active, entitlement_exceeded, key_not_bound, audience_unknown, wrong_state
 */
export async function issueStatementTo(
  call: Call<IssuedSoftwareStatement>,
  slug: string,
  memberId: string,
  asked: StatementAsked,
): Promise<IssuedSoftwareStatement> {
  const { db } = call.store;
  const found = await findAuthority(db, slug);
  const authorityId = found.id;
  const { entityId } = await findMember(db, authorityId, memberId);
  const lifetime = lifetimeOf(asked.lifetime);
  for (const one of asked.audience ?? []) await expectServer(call, authorityId, one);
  const above = await chainsAbove(call, found, () => clientOf(call, found, memberId)); // before the lock: it may go over the network
  return change<IssuedSoftwareStatement>(call, { authorityId, scope: entityId, decide: async () => decide(await findAuthority(db, slug)) });

  async function decide(authority: AuthorityRow) {
    const client = await clientOf(call, authority, memberId);
    const { member } = client;
    const now = call.now();
    if ((await openOf(db, softwareStatement, member.id, now)) >= MAX_OPEN)
      throw new Refusal('wrong_state', `${member.entityId} has ${MAX_OPEN} software statements that have not ended; revoke some, or wait`);
    const keys = asked.kids ? asked.kids.map((name) => keyOf(client, name)) : client.keys;
    const metadata = narrowed(client, { ...asked.metadata, jwks: { keys: keys.map(({ jwk }) => jwk) } });
    const jti = newId('sst');
    const exp = Math.min(now + lifetime, client.until);
    const software = { software_id: asked.softwareId, software_version: asked.softwareVersion };
    const said = { ...metadata, ...Object.fromEntries(Object.entries(software).filter(([, value]) => value !== undefined)) };
    const claims = {
      ...said,
      ...(await vouchedBy(call, client)),
      sub: member.entityId,
      iat: now,
      exp,
      ...(asked.audience?.length && { aud: asked.audience }),
    };
    const signed = await signForMember(call, await issuerOf(call, authority), {
      typ: SOFTWARE_STATEMENT,
      kind: 'software_statement',
      jti,
      memberId: member.id,
      thumbprints: keys.map(({ jkt }) => jkt),
      claims,
      maxBytes: limits.MAX_SOFTWARE_STATEMENT_BYTES,
      above,
    });
    const row: SoftwareStatementRow = {
      jti,
      authorityId: authority.id,
      memberId: member.id,
      sha256: signed.sha256,
      audience: asked.audience?.length ? asked.audience : null,
      softwareId: textOf(said['software_id']),
      softwareVersion: textOf(said['software_version']),
      scope: String(metadata['scope']),
      keys: keys.map(({ jkt }) => jkt),
      entitlementVersion: member.entitlementVersion,
      cut: client.cut,
      createdBy: call.actor.id,
      createdAt: now,
      exp,
      revokedAt: null,
    };
    const { compact, findings } = signed;
    return {
      events: [
        {
          type: 'software_statement.issued',
          subjectKind: 'software_statement' as const,
          subjectId: jti,
          detail: { member: member.id, entity_id: member.entityId, scope: row.scope, keys: row.keys, exp, ...(row.audience && { audience: row.audience }) },
        },
      ],
      statements: [insertRows(softwareStatement, [row]), ...signed.statements],
      result: { row, entityId: member.entityId, compact, metadata: said, findings },
    };
  }
}

/** Of the record, where it is a text: others' metadata may hold anything. */
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value.slice(0, 200) : null);
