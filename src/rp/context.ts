import type { TrustChain } from '../federation/entry.js';
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
  readonly entitlement_version?: number;
  /** The types of the Trust Marks that were required of it, and that it bears. */
  readonly marks?: readonly string[];
}

/** The context of a decision; without a chain all that is known is whom it was about. */
export function contextOf(entity: string, decision: FederationContext['decision'], chain?: TrustChain, entitlementVersion?: number): FederationContext {
  const about = chain?.statements[1]?.claims;
  const named = chain && organizationIn(chain);
  return {
    entity,
    decision,
    ...(named !== undefined && { organization: named }),
    ...(about && about.sub === entity && { authority: about.iss, statement_exp: about.exp }),
    ...(chain && { anchor: chain.trustAnchor, chain_sha256: chainSha256(chain.statements) }),
    ...(entitlementVersion !== undefined && { entitlement_version: entitlementVersion }),
  };
}

function organizationIn({ metadata }: TrustChain): string | undefined {
  for (const parameters of [metadata['federation_entity'], ...Object.values(metadata)]) {
    const name = parameters?.['organization_name'];
    if (typeof name === 'string') return name.slice(0, 200);
  }
  return undefined;
}
