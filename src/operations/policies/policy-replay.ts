import {
  allowEntityTypes,
  applyMetadataPolicy,
  applySuperiorMetadata,
  checkConstraints,
  type Constraints,
  type Finding,
  type Metadata,
} from '../../federation/entry.js';
import { type Bundles, policyAbout } from '../entitlements/effective.js';
import type { MemberRow } from '../registry.js';

/** A policy as it goes into every Subordinate Statement of an authority (OpenID Federation 1.0 §3.1.3). */
export interface PolicyInput {
  readonly metadataPolicy?: Readonly<Record<string, unknown>> | undefined;
  readonly metadataPolicyCrit?: readonly string[] | undefined;
  readonly constraints?: Constraints | undefined;
  readonly note?: string | undefined;
}

export interface PolicyPreview {
  readonly before: Metadata;
  readonly after: Metadata | null;
  readonly findings: readonly Finding[];
}

/** What of a member's row meets a policy. */
export type Replayed = Pick<MemberRow, 'entityId' | 'metadata' | 'constraints' | 'entitlements' | 'bundles' | 'intermediate'>;

/** What a policy does to one member's own metadata, our metadata, constraints and entitlements for it included (§6.1.4.2). Pure. */
export function replay(own: Metadata, one: Replayed, input: PolicyInput, bundles: Bundles): Omit<PolicyPreview, 'before'> {
  const constraints = { ...input.constraints, ...one.constraints };
  const broken = checkConstraints(constraints, { position: 1, subordinates: [one.entityId] });
  const allowed = allowEntityTypes(applySuperiorMetadata(own, one.metadata), constraints);
  const rules = policyAbout(input.metadataPolicy ?? {}, one, bundles);
  const applied = rules.ok ? applyMetadataPolicy(rules.value, allowed) : rules;
  return { after: applied.ok && broken.length === 0 ? applied.value : null, findings: [...broken, ...(applied.ok ? [] : applied.findings)] };
}
