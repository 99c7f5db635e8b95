import type { Finding } from '../../federation/entry.js';

export interface GateResult {
  readonly inForce: boolean;
  readonly reason?: 'denied' | 'unavailable';
  readonly notBefore: number | undefined;
  /** Of one in force: who states it, and who states that one, up to the Trust Anchor. Nobody else vouches for it. */
  readonly superiors?: readonly string[];
  readonly findings: readonly Finding[];
}

/** Is an entity in force now, by an anchor? */
export type Gate = (entity: string, options?: { readonly anchor?: string }) => Promise<GateResult>;
