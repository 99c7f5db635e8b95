import { type Finding, finding, type JwkSet } from '../../federation/entry.js';
import type { KeyProofPurpose } from '../../federation/key-proof.js';
import type { Database } from '../../store/database.js';
import { type KeyStandingRow, standingsOf } from '../../store/key-standing.js';
import { namedKeys } from '../members/key-binding.js';
import { Refusal } from '../refusal.js';
import type { AuthorityRow, MemberRow } from '../registry.js';

/** What an authority demands of keys before it vouches for them. */

/** A proof counts for this long (seconds): it says that the member has the key, not that it had it. */
export const PROOF_COUNTS = 24 * 60 * 60;

/** By thumbprint. */
export type Standings = ReadonlyMap<string, KeyStandingRow>;
export const standings = async (db: Database, memberId: string): Promise<Standings> =>
  new Map((await standingsOf(db, [memberId])).map((row) => [row.thumbprint, row]));

type Demands = Pick<AuthorityRow, 'keyProof' | 'secondChannel'>;
type About = Pick<MemberRow, 'intermediate'>;

/** To come back after a suspension is another thing than to have keys bound: a proof of the one does not serve for the other. */
export type For = 'bind' | 'resume';
const SERVES: Readonly<Record<For, readonly KeyProofPurpose[]>> = { bind: ['bind', 'rotate'], resume: ['resume'] };

const isFresh = (row: KeyStandingRow | undefined, what: For, now: number): boolean =>
  row?.provenAt != null && row.proofPurpose !== null && SERVES[what].includes(row.proofPurpose) && now - row.provenAt <= PROOF_COUNTS;

/** Does the authority want these keys confirmed by a second channel? */
const isConfirmedThere = ({ secondChannel }: Demands, { intermediate }: About): boolean =>
  secondChannel === 'always' || (secondChannel === 'intermediates' && intermediate);

/** What stands in the way of vouching for these keys. Pure. */
export function missingOf(
  demands: Demands,
  about: About,
  keys: readonly { readonly kid: string; readonly jkt: string }[],
  known: Standings,
  what: For,
  now: number,
): readonly Finding[] {
  const unproven = demands.keyProof === 'required' ? keys.filter(({ jkt }) => !isFresh(known.get(jkt), what, now)) : [];
  const unconfirmed = isConfirmedThere(demands, about) ? keys.filter(({ jkt }) => known.get(jkt)?.confirmedAt == null) : [];
  return [
    ...unproven.map(({ kid, jkt }) => finding('key_unproven', `jwks ${kid}`, `the member has not proven in the last 24 h that it has the key ${jkt}`)),
    ...unconfirmed.map(({ kid, jkt }) => finding('key_unconfirmed', `jwks ${kid}`, `nobody has compared ${jkt} with the member by a second channel`)),
  ];
}

/** What stands in the way, as the store has it. */
export async function missingFor(db: Database, demands: Demands, about: About & Pick<MemberRow, 'id'>, jwks: JwkSet, what: For, now: number) {
  if (demands.keyProof === 'optional' && !isConfirmedThere(demands, about)) return [];
  return missingOf(demands, about, await namedKeys(jwks), await standings(db, about.id), what, now);
}

/** @throws Refusal key_unproven, key_unconfirmed */
export async function expectVouchable(
  db: Database,
  demands: Demands,
  about: About & Pick<MemberRow, 'id' | 'entityId'>,
  jwks: JwkSet,
  what: For,
  now: number,
): Promise<void> {
  const missing = await missingFor(db, demands, about, jwks, what, now);
  if (missing.length === 0) return;
  const unproven = missing.some(({ code }) => code === 'key_unproven');
  throw unproven
    ? new Refusal(
        'key_unproven',
        `this authority wants a proof of the last 24 h for each key of ${about.entityId} (purpose ${what}): holdfast member challenge, then holdfast member prove`,
        missing,
      )
    : new Refusal(
        'key_unconfirmed',
        `this authority wants each key of ${about.entityId} compared by a second channel: holdfast member confirm-key <entity-id> <thumbprint>`,
        missing,
      );
}
