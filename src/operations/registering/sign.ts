import { calculateJwkThumbprint } from 'jose';
import { finding, type Finding, signJws, validateTrustChain } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { signedUntil } from '../../store/signed-until.js';
import type { Statement } from '../../store/database.js';
import type { StatusKind } from '../../store/schema.js';
import type { StatusPlace } from '../../store/status-entries.js';
import type { Issuer } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { anchorsOf } from '../resolving/anchors.js';
import { keptChains } from '../resolving/kept-chains.js';
import { giveStatusPlaces } from '../status/give-places.js';
import { statusIn } from '../status/status-claim.js';

/** What is signed about a member for others to keep. */
export interface SignedForMember {
  readonly compact: string;
  readonly sha256: string;
  /** What goes into the batch: until when the key has to be known. */
  readonly statements: readonly Statement[];
  readonly findings: readonly Finding[];
}

export interface ToSign {
  readonly typ: string;
  readonly kind: StatusKind;
  readonly jti: string;
  readonly memberId: string;
  /** RFC 7638 thumbprints of the keys that it names: it falls with the halt of any of them. */
  readonly thumbprints: readonly string[];
  /** Without `iss`, `jti` and `status`. */
  readonly claims: Readonly<Record<string, unknown>> & { readonly exp: number };
  readonly maxBytes: number;
}

/**
 * The chain of an intermediate to an anchor, as it was evaluated here last: with it whoever pins only the anchor verifies what the
 * intermediate signs, offline. Looked at again, because what was kept may have ended.
 */
async function chainOf(
  call: Call,
  { authority, signer }: Issuer,
  room: number,
): Promise<{ readonly chain?: readonly string[]; readonly findings: readonly Finding[] }> {
  if (authority.authorityHints.length === 0) return { findings: [] };
  const anchors = await anchorsOf(call, authority);
  const others = Object.keys(anchors).filter((id) => id !== authority.entityId);
  const chains = await keptChains(call, authority.id, authority.entityId, others);
  // The longest first: an operator in between is an anchor to its own authorities too, and whoever is outside pins the one above it.
  for (const chain of [...chains.values()].sort((one, other) => other.length - one.length)) {
    const valid = await validateTrustChain(chain, { anchors, now: call.now(), subject: authority.entityId, development: call.development });
    const own = valid.ok ? valid.value.statements[0]?.claims.jwks.keys : undefined;
    const names = await Promise.all((own ?? []).map((key) => calculateJwkThumbprint(key as never).catch(() => key.kid)));
    if (!own?.some(({ kid }, n) => kid === signer.kid || names[n] === signer.kid)) continue;
    if (JSON.stringify(chain).length <= room) return { chain, findings: [] };
  }
  const detail =
    chains.size === 0
      ? 'the chain of this authority to an anchor is not known here, so what it signs carries none'
      : 'no chain of this authority to an anchor that is known here fits, is in force and shows its key, so what it signs carries none';
  return {
    findings: [
      { ...finding('no_chain', 'header/trust_chain', detail), fix: `Pin the anchor, and have it evaluated: holdfast entity evaluate ${authority.entityId}` },
    ],
  };
}

/** base64url takes a third more. */
const decoded = (bytes: number): number => Math.floor((bytes * 3) / 4);

/** @throws Refusal findings, CustodyAway */
export async function signForMember(call: Call, issuer: Issuer, { typ, kind, jti, memberId, thumbprints, claims, maxBytes }: ToSign): Promise<SignedForMember> {
  const { authority, signer } = issuer;
  const asked = { kind, subjectId: jti, memberId, expiresAt: claims.exp, thumbprints };
  const { places, statements } = await giveStatusPlaces(call.store.db, authority.id, [asked], call.now());
  const status = statusIn(authority.entityId, places[0] as StatusPlace);
  const said = Object.fromEntries(Object.entries({ iss: authority.entityId, jti, ...claims, status }).filter(([, value]) => value !== undefined));
  const bare = await signJws(typ, said, signer);
  const { chain, findings } = await chainOf(call, issuer, decoded(maxBytes - bare.length) - 50);
  const compact = chain ? await signJws(typ, said, signer, { trust_chain: chain }) : bare;
  if (compact.length > maxBytes)
    throw new Refusal('payload_too_large', `it would have ${compact.length} bytes, more than the ${maxBytes} that are read; ask for less of it`);
  return {
    compact,
    sha256: await sha256(compact),
    statements: [...statements, ...signedUntil([{ authorityId: authority.id, kind: 'statement', variant: '', kid: signer.kid, exp: claims.exp }])],
    findings,
  };
}
