/**
 * `holdfast/rp`: for relying parties and authorization servers. Collects and validates Trust Chains through the guarded
 * door; no server, no store.
 */
import type { JwkSet, Profile } from '../federation/entry.js';
import { isReachable, parseAllowed } from '../outbound/address-guard.js';
import { safeFetch } from '../outbound/safe-fetch.node.js';
import { fetchedStatements } from '../resolver/source.js';
import { type Walk, walk } from '../resolver/walk.js';
import { type PreflightReport, preflightEntity } from './preflight.js';

export type { Outbound } from '../outbound/outbound.js';
export type { StatementSource } from '../resolver/source.js';
export type { Walk, WalkOptions, WalkStep } from '../resolver/walk.js';
export type { PreflightOptions, PreflightReport } from './preflight.js';
export { preflightEntity };
export { fetchedStatements, isReachable, parseAllowed, safeFetch, walk };

export interface RelyingPartyOptions {
  /** Trust Anchors by Entity Identifier, with keys obtained out of band. */
  readonly anchors: Readonly<Record<string, JwkSet>>;
  /** Accept loopback http identifiers: for development on one machine. */
  readonly development?: boolean;
  /** Address blocks reachable despite the guard, e.g. `10.1.0.0/16`. */
  readonly allowAddresses?: string;
}

/**
 * Every valid Trust Chain of an entity, the best first; `steps` tells what was tried and what failed.
 * @example
 * const { chains } = await resolveEntity('https://rp.example.org', { anchors: { 'https://ta.example.org': jwks } });
 */
export async function resolveEntity(subject: string, { anchors, development = false, allowAddresses }: RelyingPartyOptions): Promise<Walk> {
  const outbound = safeFetch({ loopback: development, allowed: parseAllowed(allowAddresses) });
  try {
    return await walk(subject, { source: fetchedStatements(outbound), anchors, development, now: Math.floor(Date.now() / 1000) });
  } finally {
    await outbound.close();
  }
}

/** Pre-flight of any entity over the wire, through the guarded door. */
export async function preflightOverTheWire(
  entityId: string,
  { profiles, development = false, allowAddresses }: Omit<RelyingPartyOptions, 'anchors'> & { readonly profiles: readonly Profile[] },
): Promise<PreflightReport> {
  const outbound = safeFetch({ loopback: development, allowed: parseAllowed(allowAddresses) });
  try {
    return await preflightEntity(entityId, { source: fetchedStatements(outbound), development, profiles, now: Math.floor(Date.now() / 1000) });
  } finally {
    await outbound.close();
  }
}
