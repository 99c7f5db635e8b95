import {
  type EntityStatement,
  isEntityConfiguration,
  type KeyCache,
  parseEntityStatement,
  refuse,
  type Result,
  validateEntityConfiguration,
  type Verified,
  verifyEntityStatement,
} from '../federation/entry.js';
import type { StatementSource } from './source.js';
import { isUnverified } from './validate-gathered.js';

export interface StatedOptions {
  readonly now: number;
  readonly development: boolean;
  readonly keyCache?: KeyCache;
  /** How what came is read: at once, or in the turns of a budget. */
  readonly read?: <T>(work: () => T | Promise<T>) => Promise<T>;
}

/**
 * What a superior states about a subject, its signature verified with the keys of its own configuration (OpenID Federation 1.0
 * §8.1, §3.2): nothing in it is used before. Whether the superior itself is trusted is another question.
 */
export async function statedBy(source: StatementSource, superior: string, subject: string, options: StatedOptions): Promise<Result<Verified<EntityStatement>>> {
  const { now, development, keyCache, read = async (work) => work() } = options;
  const own = async (anew?: boolean): Promise<Result<Verified<EntityStatement>>> => {
    const configuration = await source.configuration(superior, anew);
    if (!configuration.ok) return configuration;
    return read(() => validateEntityConfiguration(configuration.value, { now, subject: superior, development }, keyCache));
  };
  const above = await own();
  if (!above.ok) return above;
  const fetchEndpoint = above.value.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'];
  if (typeof fetchEndpoint !== 'string') return refuse('endpoint_missing', superior, 'its configuration has no federation_fetch_endpoint');
  const compact = await source.statement({ entityId: superior, fetchEndpoint }, subject);
  if (!compact.ok) return compact;
  const statement = await read(() => parseEntityStatement(compact.value, { now, subject, development }));
  if (!statement.ok) return statement;
  if (isEntityConfiguration(statement.value) || statement.value.claims.iss !== superior)
    return refuse('issuer_mismatch', superior, 'it answered with a statement that is not its own about this subject');
  const verified = await verifyEntityStatement(statement.value, above.value.claims.jwks, keyCache);
  if (!isUnverified(verified) || !source.fromCache?.(superior)) return verified;
  // Its keys may have changed since the cache has its configuration.
  const today = await own(true);
  return today.ok ? verifyEntityStatement(statement.value, today.value.claims.jwks, keyCache) : today;
}
