import { type Finding, signJws } from '../../federation/entry.js';
import { sha256 } from '../../keys/random.js';
import { signedUntil } from '../../store/signed-until.js';
import type { Statement } from '../../store/database.js';
import type { StatusKind } from '../../store/schema.js';
import type { StatusPlace } from '../../store/status-entries.js';
import type { Issuer } from '../artefacts/publish.js';
import type { Call } from '../call.js';
import { Refusal } from '../refusal.js';
import { giveStatusPlaces } from '../status/give-places.js';
import { statusIn } from '../status/status-claim.js';
import { carriedBy, type ChainsAbove, stillServed } from './carried-chain.js';

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
  readonly above: ChainsAbove;
}

/** base64url takes a third more. */
const decoded = (bytes: number): number => Math.floor((bytes * 3) / 4);

/** @throws Refusal findings, CustodyAway */
export async function signForMember(
  call: Call,
  issuer: Issuer,
  { typ, kind, jti, memberId, thumbprints, claims, maxBytes, above }: ToSign,
): Promise<SignedForMember> {
  const { authority, signer } = issuer;
  const asked = { kind, subjectId: jti, memberId, expiresAt: claims.exp, thumbprints };
  const { places, statements } = await giveStatusPlaces(call.store.db, authority.id, [asked], call.now());
  const status = statusIn(authority.entityId, places[0] as StatusPlace);
  const said = Object.fromEntries(Object.entries({ iss: authority.entityId, jti, ...claims, status }).filter(([, value]) => value !== undefined));
  const bare = await signJws(typ, said, signer);
  const { chain, findings } = carriedBy({ authority, kid: signer.kid }, await stillServed(call, authority, above), decoded(maxBytes - bare.length) - 50);
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
