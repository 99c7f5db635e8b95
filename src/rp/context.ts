import { ENTITLEMENT_VERSION, numberIn, POLICY_VERSION, type TrustChain } from '../federation/entry.js';
import { chainSha256 } from './chain-hash.js';

/** What a decision rests on: for logs on both sides of a border, with the members' names as they stand in tokens. */
export interface FederationContext {
  readonly entity: string;
  readonly decision: 'admitted' | 'denied' | 'unavailable';
  /** `organization_name` by its metadata with every policy applied. */
  readonly organization?: string;
  /** Its Immediate Superior. */
  readonly authority?: string;
  readonly anchor?: string;
  readonly chain_sha256?: string;
  /** When the Immediate Superior's statement ends (seconds since the epoch). */
  readonly statement_exp?: number;
  /** Of the record of `authority` about it, of the policy of `authority`, and its last event that the status list said all of: by these numbers it finds what it decided by. */
  readonly entitlement_version?: number;
  readonly policy_version?: number;
  readonly status_seq?: number;
  /** The types of the Trust Marks that were required of it, and that it bears. */
  readonly marks?: readonly string[];
}

/** The context of a decision; without a chain all that is known is whom it was about. */
export function contextOf(entity: string, decision: FederationContext['decision'], chain?: TrustChain, statusSeq?: number): FederationContext {
  const about = chain?.statements[1]?.claims;
  const named = chain && organizationIn(chain);
  return {
    entity,
    decision,
    ...(named !== undefined && { organization: named }),
    ...(about && about.sub === entity && { authority: about.iss, statement_exp: about.exp, ...madeFrom(about) }),
    ...(chain && { anchor: chain.trustAnchor, chain_sha256: chainSha256(chain.statements) }),
    ...(chain && statusSeq !== undefined && { status_seq: statusSeq }),
  };
}

function madeFrom(claims: object): Pick<FederationContext, 'entitlement_version' | 'policy_version'> {
  const [entitlement, policy] = [numberIn(claims, ENTITLEMENT_VERSION), numberIn(claims, POLICY_VERSION)];
  return { ...(entitlement !== undefined && { entitlement_version: entitlement }), ...(policy !== undefined && { policy_version: policy }) };
}

function organizationIn({ metadata }: TrustChain): string | undefined {
  for (const parameters of [metadata['federation_entity'], ...Object.values(metadata)]) {
    const name = parameters?.['organization_name'];
    if (typeof name === 'string') return name.slice(0, 200);
  }
  return undefined;
}
