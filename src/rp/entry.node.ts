/**
 * `holdfast/rp`: for relying parties and authorization servers. Admits entities by their federation and finds out whether they are
 * in force now; collects and validates Trust Chains through the guarded door. No server, no store.
 */
import type { JwkSet, Profile } from '../federation/entry.js';
import { isReachable, parseAllowed } from '../outbound/address-guard.js';
import { perProcess, perWalk, withinBudget } from '../outbound/budget.js';
import { createBudget } from '../outbound/evaluation-budget.js';
import { safeFetch } from '../outbound/safe-fetch.node.js';
import { fetchedStatements } from '../resolver/source.js';
import { type Evaluation, evaluate } from '../resolver/evaluate.js';
import { askMarkStatus } from '../resolver/mark-status.js';
import { type Walk, walk } from '../resolver/walk.js';
import { type PreflightReport, preflightEntity } from './preflight.js';
import { type RelyingParty, relyingPartyOver, type RelyingPartySettings } from './relying-party.js';

export type { Evaluation, Verdict } from '../resolver/evaluate.js';
export type { JudgedMark } from '../resolver/judge-marks.js';
export type { StatementSource } from '../resolver/source.js';
export type { Walk, WalkOptions, WalkStep } from '../resolver/walk.js';
export type { PreflightOptions, PreflightReport } from './preflight.js';
export * from './entry.js';
export { preflightEntity };
export { fetchedStatements, isReachable, parseAllowed, safeFetch, walk };

/**
 * A relying party: made once, asked with every request. `close` ends its connections.
 * @example
 * const federation = createRelyingParty({ anchors: { 'https://ta.example.org': jwks }, mode: cached(15) });
 * const client = await federation.admit('https://agent.example.com', { requires: { entityType: 'oauth_client' } });
 * @throws TypeError for anchors that are none
 */
export function createRelyingParty(settings: RelyingPartySettings & Pick<RelyingPartyOptions, 'allowAddresses'>): RelyingParty & { close(): Promise<void> } {
  const { development = false, allowAddresses } = settings;
  const door = safeFetch({ loopback: development, allowed: parseAllowed(allowAddresses) });
  return { ...relyingPartyOver(settings, { outbound: perProcess(door) }), close: () => door.close() };
}

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
    return await walk(subject, {
      source: fetchedStatements(perProcess(outbound)),
      anchors,
      development,
      now: Math.floor(Date.now() / 1000),
    });
  } finally {
    await outbound.close();
  }
}

/**
 * What an entity is under each of the pinned anchors, over the wire and within the budgets of one walk: its best chain, its
 * Resolved Metadata, and its trust marks, each verified and asked about at its issuer. A verdict that is `unreachable` is
 * none: try again.
 * @example
 * const { under } = await evaluateEntity('https://rp.example.org', { anchors: { 'https://ta.example.org': jwks } });
 * const verdict = under.get('https://ta.example.org');
 */
export async function evaluateEntity(subject: string, { anchors, development = false, allowAddresses }: RelyingPartyOptions): Promise<Evaluation> {
  const door = safeFetch({ loopback: development, allowed: parseAllowed(allowAddresses) });
  const outbound = perProcess(door);
  const budget = createBudget();
  const now = Math.floor(Date.now() / 1000);
  try {
    const active = (issuer: Parameters<typeof askMarkStatus>[1], mark: string) => askMarkStatus(withinBudget(outbound, budget), issuer, mark, now);
    return await evaluate(subject, { source: fetchedStatements(outbound), anchors, development, now, budget, active });
  } finally {
    await door.close();
  }
}

/** Pre-flight of any entity over the wire, through the guarded door. */
export async function preflightOverTheWire(
  entityId: string,
  { profiles, development = false, allowAddresses }: Omit<RelyingPartyOptions, 'anchors'> & { readonly profiles: readonly Profile[] },
): Promise<PreflightReport> {
  const outbound = safeFetch({ loopback: development, allowed: parseAllowed(allowAddresses) });
  try {
    return await preflightEntity(entityId, {
      source: fetchedStatements(perWalk(perProcess(outbound), () => performance.now())),
      development,
      profiles,
      now: Math.floor(Date.now() / 1000),
    });
  } finally {
    await outbound.close();
  }
}
