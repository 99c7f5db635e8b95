import { type HistoricalKey, limits, type PublicJwk } from '../federation/entry.js';

/**
 * created → staged (published, not signing) → active → retiring → historical, or revoked with a reason.
 * Pure: what may happen to a key, and which keys an authority publishes.
 */
export interface KeyRecord {
  readonly kid: string;
  readonly state: 'created' | 'staged' | 'active' | 'retiring' | 'historical' | 'revoked';
  readonly jwk: PublicJwk;
  readonly createdAt: number;
  readonly stagedAt: number | null;
  readonly activeAt: number | null;
  readonly retiringAt: number | null;
  readonly endedAt: number | null;
  readonly revokedReason: string | null;
  readonly superiorReadyAt: number | null;
  /** The largest `exp` it ever signed; null: not known, or nothing. */
  readonly signedUntil: number | null;
  /** The largest `exp` of configurations published before it; null: not known, or none. */
  readonly unseenUntil: number | null;
}

const PUBLISHED = ['staged', 'active', 'retiring'];

export const isPublished = ({ state }: Pick<KeyRecord, 'state'>): boolean => PUBLISHED.includes(state);

/** The Federation Entity Keys of the Entity Configuration, oldest first: a stable order, so pinned sets stay equal. */
export const publishedKeys = (keys: readonly KeyRecord[]): readonly PublicJwk[] =>
  keys
    .filter(isPublished)
    .sort((a, b) => a.createdAt - b.createdAt || (a.kid < b.kid ? -1 : 1))
    .map(({ jwk }) => jwk);

/** Former keys as the Historical Keys endpoint shows them (OpenID Federation 1.0 §8.7.2). */
export const historicalKeys = (keys: readonly KeyRecord[]): readonly HistoricalKey[] =>
  keys
    .filter(({ state, activeAt, stagedAt }) => state === 'historical' || (state === 'revoked' && (activeAt ?? stagedAt) !== null))
    .sort((a, b) => (a.endedAt ?? 0) - (b.endedAt ?? 0) || (a.kid < b.kid ? -1 : 1))
    .map(({ jwk, createdAt, endedAt, revokedReason, activeAt }) => ({
      ...jwk,
      iat: activeAt ?? createdAt,
      exp: endedAt ?? createdAt,
      ...(revokedReason !== null && { revoked: { revoked_at: endedAt ?? createdAt, reason: revokedReason } }),
    }));

export interface ActivationFacts {
  readonly now: number;
  /** Seconds; counts where it is not known when the last configuration without the key ends. */
  readonly configurationLifetime: number;
  /** The authority is itself a Subordinate. */
  readonly hasSuperior: boolean;
}

/** `2026-11-24 02:00:00Z`. */
export const dated = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('T', ' ').replace('.000', '');

/** Why a staged key may not sign yet; undefined when it may (§11.2; KR-03 for an authority under a superior). */
export function activationObstacle(key: KeyRecord, { now, configurationLifetime, hasSuperior }: ActivationFacts): string | undefined {
  const ready = key.unseenUntil ?? (key.stagedAt ?? now) + configurationLifetime;
  if (now < ready)
    return `it has been published for ${now - (key.stagedAt ?? now)} s; whoever keeps our configuration may not know it until ${dated(ready)}, ${ready - now} s from now`;
  if (hasSuperior && key.superiorReadyAt === null) return 'no statement of our superior lists it yet; ask the superior to add it';
  if (hasSuperior && now < (key.superiorReadyAt ?? 0))
    return `older statements of our superior, without this key, are valid until ${dated(key.superiorReadyAt ?? 0)}, for another ${(key.superiorReadyAt ?? 0) - now} s`;
  return undefined;
}

export interface RetirementFacts {
  readonly now: number;
  /** Seconds; counts where it is not known until when the key signed. */
  readonly longestLifetime: number;
}

/** Why a retiring key has to stay in the configuration; undefined when it may leave (§11.2). */
export function retirementObstacle(key: KeyRecord, { now, longestLifetime }: RetirementFacts): string | undefined {
  const until = key.signedUntil ?? (key.retiringAt ?? now) + longestLifetime;
  if (now >= until) return undefined;
  if (until === limits.MAX_TIME)
    return 'it signed Trust Marks without an end. When their bearers show newer ones, take it out by force; the historical keys go on naming it';
  return `what it signed is valid until ${dated(until)}, for another ${until - now} s`;
}
