import { calculateJwkThumbprint } from 'jose';
import { DOCUMENT_ENTITY, type PublicJwk } from '../../federation/entry.js';
import { keysIn } from '../../federation/registration/metadata.js';
import { isObject, parseJson } from '../../federation/strict-json.js';
import { servedAs } from '../../store/published.js';
import { standingOf } from '../../store/registering.js';
import { publishedNow } from '../../store/published-now.js';
import type { Call } from '../call.js';
import { type AuthorityRow, findMember, type MemberRow } from '../registry.js';
import { endOfMember } from '../members/member-end.js';
import { Refusal } from '../refusal.js';

/** A key of a client, by its RFC 7638 thumbprint. */
export interface ClientKey {
  readonly jwk: PublicJwk;
  readonly jkt: string;
}
/** A member as the client that it is vouched for as. */
export interface VouchedClient {
  readonly member: MemberRow;
  /** RFC 7591 §2, keys by value: its record with every policy and what it is entitled to. */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly keys: readonly ClientKey[];
  /** What is signed about it now is good until this rises. */
  readonly cut: number;
  /** When it is a member no longer, by itself (seconds since the epoch). */
  readonly until: number;
}

/**
 * The client that a member in force is, from what is served about it at this moment (resolving/client-document.ts): so nobody
 * gets a statement who has no document, and none says more than that.
 * @throws Refusal not_found, member_not_active, temporarily_unavailable
 */
export async function clientOf(call: Call, authority: AuthorityRow, id: string): Promise<VouchedClient> {
  const { store, now } = call;
  const { db } = store;
  const member = await findMember(db, authority.id, id);
  if (authority.state !== 'active') throw new Refusal('member_not_active', `the authority ${authority.slug} is ${authority.state}`);
  if (member.state !== 'active') throw new Refusal('member_not_active', `${member.entityId} is ${member.state}; what is issued is issued to members in force`);
  const served = await publishedNow(db).clientDocument(authority.id, member.id);
  const none = `${member.entityId} is no client here by now; why says: holdfast member client ${member.entityId}`;
  if (!served || served.rests === 'gone') throw new Refusal('member_not_active', none);
  const how = servedAs(served, now());
  if (how === 'gone') throw new Refusal('member_not_active', none);
  if (how === 'late' || served.rests !== 'sound')
    throw new Refusal(
      'temporarily_unavailable',
      `something about ${member.entityId} changed, and it is evaluated anew; at once: holdfast entity evaluate ${member.entityId}`,
    );
  const document = parseJson(served.bytes, 'document');
  if (!document.ok || !isObject(document.value)) throw new Refusal('member_not_active', none);
  // Whom it is about a statement says by its own `sub`.
  const { client_id: _, [DOCUMENT_ENTITY]: __, ...metadata } = document.value;
  const standing = await standingOf(db, member.id);
  if (standing?.authorityState !== 'active' || standing.endAbove <= now()) throw new Refusal('member_not_active', none);
  const keys = await Promise.all(
    keysIn(metadata['jwks']).map(async (jwk): Promise<ClientKey | undefined> => {
      const jkt = await calculateJwkThumbprint(jwk as never).catch(() => undefined);
      // A request names its key: one without a name has its thumbprint for one.
      return jkt === undefined ? undefined : { jkt, jwk: { ...jwk, kid: typeof jwk.kid === 'string' ? jwk.kid : jkt } };
    }),
  );
  const usable = keys.filter((one) => one !== undefined);
  return {
    member,
    metadata: { ...metadata, jwks: { keys: usable.map(({ jwk }) => jwk) } },
    keys: usable,
    cut: standing.cut,
    until: Math.min(endOfMember(member) ?? Number.POSITIVE_INFINITY, standing.endAbove),
  };
}
