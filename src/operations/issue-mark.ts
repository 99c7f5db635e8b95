import { mediaTypes, parseJws, signTrustMark, signTrustMarkStatus, type TrustMarkStatus } from '../federation/entry.js';
import { newId } from '../keys/random.js';
import type { NewArtefact } from '../store/bulk.js';
import type { trustMark, trustMarkGrant, trustMarkType } from '../store/schema.js';
import type { Deployment } from './call.js';
import { artefactOf, type Issuer, orRefuse } from './publish.js';
import { Refusal } from './refusal.js';
import type { MemberRow } from './registry.js';

export type MarkTypeRow = typeof trustMarkType.$inferSelect;
export type GrantRow = typeof trustMarkGrant.$inferSelect;
export type MarkRow = typeof trustMark.$inferSelect;

/** The status endpoint answers for a mark until this long (seconds) after its end. */
export const KEPT_AFTER_END = 30 * 24 * 60 * 60;

/** Where a mark artefact lies: type and subject, which cannot contain a line break. */
export const markKey = (type: string, subject: string): string => `${type}\n${subject}`;

/** One issued mark with everything that goes with it. */
export interface IssuedMark {
  readonly mark: NewArtefact;
  /** `active`, served until the mark ends, and `expired`, served after. */
  readonly statuses: readonly NewArtefact[];
  readonly row: MarkRow;
}

type MarkedMember = Pick<MemberRow, 'id' | 'organizationId' | 'entityId' | 'validUntil'>;

const earliest = (...ends: readonly (number | null)[]): number | null => {
  const given = ends.filter((end) => end !== null);
  return given.length ? Math.min(...given) : null;
};

/**
 * Sign a mark from a grant (OpenID Federation 1.0 §7.1), with the status answers that go with it (§8.4.2). The caller has
 * made sure that type and grant are in force and the member is active. No mark outlives grant, membership or delegation.
 * @throws Refusal wrong_state, findings
 */
export async function issueMark(deployment: Deployment, issuer: Issuer, type: MarkTypeRow, grant: GrantRow, member: MarkedMember): Promise<IssuedMark> {
  const { authority, signer } = issuer;
  const iat = deployment.now();
  const cap = earliest(grant.validUntil, member.validUntil, type.delegationExp);
  const exp = Math.min(iat + type.lifetime, cap ?? Number.POSITIVE_INFINITY);
  if (exp <= iat) throw new Refusal('wrong_state', `a mark for ${member.entityId} would have ended at ${exp}: the grant, the membership or the delegation has`);
  const jti = newId('tmk');
  const claims = {
    iss: authority.entityId,
    sub: member.entityId,
    trust_mark_type: type.trustMarkType,
    iat,
    exp,
    jti,
    ...(type.logoUri !== null && { logo_uri: type.logoUri }),
    ...(type.ref !== null && { ref: type.ref }),
    ...(type.delegation !== null && { delegation: type.delegation }),
  };
  const bytes = orRefuse(`the mark for ${member.entityId}`, await signTrustMark(claims, { signer, development: deployment.development }));
  const of = { memberId: member.id, organizationId: member.organizationId };
  const key = markKey(type.trustMarkType, member.entityId);
  const mark = await artefactOf(issuer, { kind: 'mark', key, ...of, cap }, mediaTypes.TRUST_MARK, bytes, iat, exp);
  const row: MarkRow = {
    jti,
    authorityId: authority.id,
    grantId: grant.id,
    trustMarkType: type.trustMarkType,
    memberId: member.id,
    entityId: member.entityId,
    sha256: mark.sha256,
    bytes,
    iat,
    exp,
    revokedAt: null,
    reason: null,
    statusDue: 0,
  };
  return { mark, row, statuses: [await signedStatus(deployment, issuer, row, 'active'), await signedStatus(deployment, issuer, row, 'expired')] };
}

/** Sign what the status endpoint answers about one mark. */
export async function signedStatus(deployment: Deployment, issuer: Issuer, mark: MarkRow, status: Exclude<TrustMarkStatus, 'invalid'>): Promise<NewArtefact> {
  const iat = deployment.now();
  const end = mark.exp + KEPT_AFTER_END;
  const [exp, cap] = status === 'active' ? [Math.min(iat + issuer.authority.statementLifetime, mark.exp), mark.exp] : [end, end];
  const bytes = await signTrustMarkStatus({ iss: issuer.authority.entityId, iat, exp, trust_mark: mark.bytes, status }, issuer.signer);
  const kind = { kind: 'mark_status' as const, key: mark.sha256, variant: status, memberId: mark.memberId, cap };
  return artefactOf(issuer, kind, mediaTypes.TRUST_MARK_STATUS_RESPONSE, bytes, iat, exp);
}

/** Sign a stored status answer again: the same words, a new time, perhaps a new key. */
export async function resignedStatus(
  deployment: Deployment,
  issuer: Issuer,
  row: Pick<NewArtefact, 'bytes' | 'key' | 'variant' | 'memberId' | 'cap'>,
): Promise<NewArtefact | undefined> {
  const jws = parseJws(row.bytes, mediaTypes.typOf(mediaTypes.TRUST_MARK_STATUS_RESPONSE), Number.MAX_SAFE_INTEGER);
  const iat = deployment.now();
  const cap = row.cap ?? 0;
  if (!jws.ok || cap <= iat) return undefined;
  const exp = row.variant === 'active' ? Math.min(iat + issuer.authority.statementLifetime, cap) : cap;
  const { iss, trust_mark, status } = jws.value.claims as { iss: string; trust_mark: string; status: string };
  const bytes = await signTrustMarkStatus({ iss, iat, exp, trust_mark, status }, issuer.signer);
  const kind = { kind: 'mark_status' as const, key: row.key, variant: row.variant ?? '', memberId: row.memberId ?? null, cap };
  return artefactOf(issuer, kind, mediaTypes.TRUST_MARK_STATUS_RESPONSE, bytes, iat, exp);
}
