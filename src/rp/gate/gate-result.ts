import type { Finding, TrustChain } from '../../federation/entry.js';
import type { FederationContext } from '../context.js';

/** Is an entity in force now? */
export interface GateResult {
  readonly inForce: boolean;
  readonly reason?: 'denied' | 'unavailable';
  readonly notBefore: number | undefined;
  /** Of one in force: who states it, and who states that one, up to the Trust Anchor. Nobody else vouches for it. */
  readonly superiors?: readonly string[];
  readonly findings: readonly Finding[];
  /** Of one in force: its chain, with what its superiors state today. */
  readonly chain?: TrustChain;
  /** What it was found by, for logs. */
  readonly context?: FederationContext;
}

/** Is an entity in force now, by an anchor? */
export type Gate = (entity: string, options?: { readonly anchor?: string }) => Promise<GateResult>;
