import type { Statement } from './database.js';
import { onlyWhile } from './only-while.js';
import type { KeyRole, MemberState } from './schema.js';
import { standsAbove } from './stands-above.js';

/**
 * What a decision has read outside its own chain and its commit asks again (only-while.ts). Each is named for what has to be
 * so; `chain` is the one into which the decision writes.
 */

/** When the batch is committed: its events go first, and each has that time. Takes the chain. */
const COMMITTED = '(SELECT at FROM event WHERE authority_id = ? ORDER BY seq DESC LIMIT 1)';

/** An API key that neither was ended meanwhile nor has ended by itself, and may what it might. */
export const whileKeyInForce = (chain: string, keyId: string, role: KeyRole, authorities: readonly string[] | null): Statement =>
  onlyWhile(
    chain,
    `EXISTS (SELECT 1 FROM api_key WHERE id = ? AND revoked_at IS NULL AND role = ? AND authorities IS NOT DISTINCT FROM ?
       AND (expires_at IS NULL OR expires_at > ${COMMITTED}))`,
    keyId,
    role,
    authorities === null ? null : JSON.stringify(authorities),
    chain,
  );

/** A person who was not ended meanwhile, and of whose roles none of these was, or has ended by itself. */
export const whileHoldingAll = (chain: string, personId: string, grantIds: readonly string[]): Statement =>
  onlyWhile(
    chain,
    `EXISTS (SELECT 1 FROM person WHERE id = ? AND state = 'active')
       AND NOT EXISTS (SELECT 1 FROM role_grant WHERE id IN (SELECT value FROM json_each(?)) AND (ended_at IS NOT NULL OR expires_at <= ${COMMITTED}))`,
    personId,
    JSON.stringify(grantIds),
    chain,
  );

/** A person who was not ended meanwhile, and who has one of these roles still. */
export const whileHoldingOne = (chain: string, personId: string, grantIds: readonly string[]): Statement =>
  onlyWhile(
    chain,
    `EXISTS (SELECT 1 FROM person WHERE id = ? AND state = 'active') AND EXISTS (SELECT 1 FROM role_grant
       WHERE id IN (SELECT value FROM json_each(?)) AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ${COMMITTED}))`,
    personId,
    JSON.stringify(grantIds),
    chain,
  );

/** One person decides alone here. @param authorityId null: at every authority that is not retired */
export const whileOneDecides = (chain: string, authorityId: string | null): Statement =>
  authorityId === null
    ? onlyWhile(chain, "NOT EXISTS (SELECT 1 FROM authority WHERE quorum > 1 AND state <> 'retired')")
    : onlyWhile(chain, 'NOT EXISTS (SELECT 1 FROM authority WHERE id = ? AND quorum > 1)', authorityId);

/** A member of whatever authority here, which has asked for it, is in force still. */
export const whileMemberActive = (chain: string, memberId: string): Statement =>
  onlyWhile(
    chain,
    `EXISTS (SELECT 1 FROM member AS m JOIN authority AS a ON a.id = m.authority_id WHERE m.id = ? AND m.state = 'active' AND a.state = 'active' AND ${standsAbove('a')})`,
    memberId,
  );

/** None of these entities is an authority of this deployment that is halted or retired. */
export const whileNoneHalted = (chain: string, entityIds: readonly string[]): Statement =>
  onlyWhile(chain, "NOT EXISTS (SELECT 1 FROM authority WHERE entity_id IN (SELECT value FROM json_each(?)) AND state <> 'active')", JSON.stringify(entityIds));

/** An authority is an active member of other authorities by no other rows than these. */
export const whileNoOtherMembership = (of: { readonly id: string; readonly entityId: string }, active: readonly { readonly id: string }[]): Statement =>
  onlyWhile(
    of.id,
    `NOT EXISTS (SELECT 1 FROM member WHERE authority_id IN (SELECT id FROM authority WHERE id <> ?) AND entity_id = ? AND state || '' = 'active'
       AND id NOT IN (SELECT value FROM json_each(?)))`,
    of.id,
    of.entityId,
    JSON.stringify(active.map(({ id }) => id)),
  );

/** Under other authorities an identifier with this spelling is that of no other members than these, as they were read. */
export const whileAssignedToNoOther = (
  chain: string,
  spelling: string,
  states: readonly MemberState[],
  known: readonly { readonly id: string; readonly v: number }[],
): Statement =>
  onlyWhile(
    chain,
    `NOT EXISTS (SELECT 1 FROM member WHERE spelling = ? AND authority_id || '' <> ? AND state IN (${states.map((state) => `'${state}'`).join(', ')})
       AND id || ' ' || v NOT IN (SELECT value FROM json_each(?)))`,
    spelling,
    chain,
    JSON.stringify(known.map(({ id, v }) => `${id} ${v}`)),
  );

/** No authority has other private keys than these. */
export const whileNoOtherKeys = (chain: string, keyIds: readonly string[]): Statement =>
  onlyWhile(chain, 'NOT EXISTS (SELECT 1 FROM authority_key WHERE id NOT IN (SELECT value FROM json_each(?)))', JSON.stringify(keyIds));

/** None of these keys was called compromised by an authority of this deployment. */
export const whileNoneCompromised = (chain: string, thumbprints: readonly string[]): Statement =>
  onlyWhile(
    chain,
    "NOT EXISTS (SELECT 1 FROM authority_key WHERE revoked_reason = 'compromised' AND kid IN (SELECT value FROM json_each(?)))",
    JSON.stringify(thumbprints),
  );

/** A key is bound to no other members than these. */
export const whileBoundToNoOther = (chain: string, thumbprint: string, members: readonly { readonly id: string }[]): Statement =>
  onlyWhile(
    chain,
    'NOT EXISTS (SELECT 1 FROM member_key WHERE thumbprint = ? AND member_id NOT IN (SELECT value FROM json_each(?)))',
    thumbprint,
    JSON.stringify(members.map(({ id }) => id)),
  );

/** The text of a key stands in the pins of no other Trust Anchors than these. */
export const whilePinnedByNoOther = (chain: string, text: string, pins: readonly { readonly authorityId: string; readonly entityId: string }[]): Statement =>
  onlyWhile(
    chain,
    `NOT EXISTS (SELECT 1 FROM anchor_pin WHERE instr(jwks, ?) > 0 AND authority_id || '\n' || entity_id NOT IN (SELECT value FROM json_each(?)))`,
    text,
    JSON.stringify(pins.map(({ authorityId, entityId }) => `${authorityId}\n${entityId}`)),
  );

/** The text of a key stands in the further claims of no other authorities than these. */
export const whileClaimedByNoOther = (chain: string, text: string, authorities: readonly { readonly id: string }[]): Statement =>
  onlyWhile(
    chain,
    "NOT EXISTS (SELECT 1 FROM authority WHERE state <> 'retired' AND instr(claims, ?) > 0 AND id NOT IN (SELECT value FROM json_each(?)))",
    text,
    JSON.stringify(authorities.map(({ id }) => id)),
  );

/** No other types are issued by a delegation than these, as they were read. */
export const whileNoOtherDelegations = (
  chain: string,
  known: readonly { readonly authorityId: string; readonly trustMarkType: string; readonly v: number }[],
): Statement =>
  onlyWhile(
    chain,
    `NOT EXISTS (SELECT 1 FROM trust_mark_type AS t JOIN authority AS a ON a.id = t.authority_id
       WHERE t.delegation IS NOT NULL AND a.state <> 'retired' AND (t.authority_id || ' ' || t.trust_mark_type || ' ' || t.v) NOT IN (SELECT value FROM json_each(?)))`,
    JSON.stringify(known.map(({ authorityId, trustMarkType: type, v }) => `${authorityId} ${type} ${v}`)),
  );
