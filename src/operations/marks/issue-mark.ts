import { limits, mediaTypes, parseJws, signTrustMark, signTrustMarkStatus, type TrustMarkStatus } from '../../federation/entry.js';
import { newId } from '../../keys/random.js';
import type { NewArtefact } from '../../store/bulk.js';
import type { trustMark, trustMarkGrant, trustMarkType } from '../../store/schema.js';
import type { Deployment } from '../call.js';
import { artefactOf, cutOf, type Issuer, orRefuse } from '../artefacts/publish.js';
import { type Bounds, earliest, endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';
import type { MemberRow } from '../registry.js';

export type MarkTypeRow = typeof trustMarkType.$inferSelect;
export type GrantRow = typeof trustMarkGrant.$inferSelect;
export type MarkRow = typeof trustMark.$inferSelect;

/** The status endpoint answers for a mark until this long (seconds) after its end. */
export const KEPT_AFTER_END = 30 * 24 * 60 * 60;

/**
 * The end on record of a mark that carries no `exp` (§7.1 has it OPTIONAL): the last time there is. On the wire it is no
 * `exp`, in the admin API null.
 */
export const NO_END = limits.MAX_TIME;
export const endOf = (exp: number): number | null => (exp === NO_END ? null : exp);

/** Where a mark artefact lies: type and subject, which cannot contain a line break. */
export const markKey = (type: string, subject: string): string => `${type}\n${subject}`;

/** One issued mark with everything that goes with it. */
export interface IssuedMark {
  readonly mark: NewArtefact;
  /** `active`, served until the mark ends, and `expired`, served after; of a mark without end only the first. */
  readonly statuses: readonly NewArtefact[];
  readonly row: MarkRow;
}

type MarkedMember = Pick<MemberRow, 'id' | 'organizationId' | 'entityId'> & Bounds;

/** The earliest end of what a mark rests on; null when nothing of it has one. */
export const capOf = (type: Pick<MarkTypeRow, 'delegationExp'>, grant: Pick<GrantRow, 'validUntil'>, member: Bounds): number | null =>
  earliest(grant.validUntil, endOfMember(member), type.delegationExp);

/**
 * Sign a mark from a grant (OpenID Federation 1.0 §7.1), with the status answers that go with it (§8.4.2). The caller has
 * made sure that type and grant are in force and the member is active. No mark outlives grant, membership or delegation.
 * @throws Refusal wrong_state, findings
 */
export async function issueMark(deployment: Deployment, issuer: Issuer, type: MarkTypeRow, grant: GrantRow, member: MarkedMember): Promise<IssuedMark> {
  const { authority, signer } = issuer;
  const iat = deployment.now();
  const cap = capOf(type, grant, member);
  const exp = Math.min(type.lifetime === 0 ? NO_END : iat + type.lifetime, cap ?? NO_END);
  if (exp <= iat) throw new Refusal('wrong_state', `a mark for ${member.entityId} would have ended at ${exp}: the grant, the membership or the delegation has`);
  const jti = newId('tmk');
  const claims = {
    iss: authority.entityId,
    sub: member.entityId,
    trust_mark_type: type.trustMarkType,
    iat,
    ...(exp !== NO_END && { exp }),
    jti,
    ...(type.logoUri !== null && { logo_uri: type.logoUri }),
    ...(type.ref !== null && { ref: type.ref }),
    ...(type.delegation !== null && { delegation: type.delegation }),
  };
  const bytes = orRefuse(`the mark for ${member.entityId}`, await signTrustMark(claims, { signer, development: deployment.development }));
  const of = { memberId: member.id, organizationId: member.organizationId };
  const key = markKey(type.trustMarkType, member.entityId);
  const mark = await artefactOf(issuer, { kind: 'mark', key, ...of, cap: exp === NO_END ? NO_END : cap }, mediaTypes.TRUST_MARK, bytes, iat, exp);
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
  const said = exp === NO_END ? (['active'] as const) : (['active', 'expired'] as const);
  return { mark, row, statuses: await Promise.all(said.map((one) => signedStatus(deployment, issuer, row, one))) };
}

/** What may still change, or never ends, is said for a statement's lifetime and renewed; the rest is said once. */
const statusEnd = ({ authority }: Issuer, status: string, iat: number, cap: number): number =>
  status === 'active' || cap === NO_END ? Math.min(iat + authority.statementLifetime, cap) : cap;

/** Sign what the status endpoint answers about one mark. */
export async function signedStatus(deployment: Deployment, issuer: Issuer, mark: MarkRow, status: Exclude<TrustMarkStatus, 'invalid'>): Promise<NewArtefact> {
  const iat = deployment.now();
  const cap = status === 'active' || mark.exp === NO_END ? mark.exp : mark.exp + KEPT_AFTER_END;
  const exp = statusEnd(issuer, status, iat, cap);
  const bytes = await signTrustMarkStatus({ iss: issuer.authority.entityId, iat, exp, trust_mark: mark.bytes, status }, issuer.signer);
  const kind = { kind: 'mark_status' as const, key: mark.sha256, variant: status, memberId: mark.memberId, cap, cut: cutOf(issuer) };
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
  const exp = statusEnd(issuer, row.variant ?? '', iat, cap);
  const { iss, trust_mark, status } = jws.value.claims as { iss: string; trust_mark: string; status: string };
  const bytes = await signTrustMarkStatus({ iss, iat, exp, trust_mark, status }, issuer.signer);
  const kind = { kind: 'mark_status' as const, key: row.key, variant: row.variant ?? '', memberId: row.memberId ?? null, cap, cut: cutOf(issuer) };
  return artefactOf(issuer, kind, mediaTypes.TRUST_MARK_STATUS_RESPONSE, bytes, iat, exp);
}
