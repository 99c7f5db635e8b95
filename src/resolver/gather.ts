import {
  type EntityStatement,
  isEntityConfiguration,
  parseEntityStatement,
  refuse,
  type Result,
  type KeyCache,
  validateEntityConfiguration,
} from '../federation/entry.js';
import { type Budget, createBudget } from '../outbound/evaluation-budget.js';
import { budgetedSource } from './budgeted-source.js';
import type { StatementSource } from './source.js';

export interface GatherOptions {
  readonly source: StatementSource;
  /** Asks elsewhere first where something lies (ec-location.ts), over the source that the budget pays for: what that asks is paid as well. */
  readonly locate?: (paid: StatementSource) => StatementSource;
  /** Pays for what is gathered. */
  readonly budget?: Budget;
  readonly now: number;
  readonly development?: boolean;
  readonly understoodClaims?: readonly string[];
  readonly keyCache?: KeyCache;
}

/** Statements of one evaluation: each is asked for once, and checked as far as it stands alone. */
export interface Gatherer {
  configuration(id: string): Promise<Result<EntityStatement>>;
  /** The same past the cache that it came from; from then on this one is given. Undefined when no cache gave it. */
  anew(id: string): Promise<Result<EntityStatement>> | undefined;
  /** A superior's statement about a subject; its configuration, which names the endpoint, comes first (MD-08). */
  statement(superior: string, subject: string): Promise<Result<EntityStatement>>;
  /** How many exchanges that statement would cost now. */
  price(superior: string, subject: string): number;
}

export function createGatherer({ budget = createBudget(), source, locate = (paid) => paid, ...options }: GatherOptions): Gatherer {
  const paid = locate(budgetedSource(source, budget));
  const known = new Map<string, Promise<Result<EntityStatement>>>();
  const once = (key: string, load: () => Promise<Result<EntityStatement>>): Promise<Result<EntityStatement>> => {
    const result = known.get(key) ?? load();
    known.set(key, result);
    return result;
  };
  const keyOf = (...of: readonly string[]): string => of.join(' ');
  const configuration = (id: string, anew = false) =>
    once(keyOf(id), async () => {
      const fetched = await paid.configuration(id, anew);
      return fetched.ok ? budget.read(() => validateEntityConfiguration(fetched.value, { ...options, subject: id }, options.keyCache)) : fetched;
    });
  return {
    configuration: (id) => configuration(id),
    anew(id) {
      if (!paid.fromCache?.(id)) return undefined;
      known.delete(keyOf(id));
      return configuration(id, true);
    },
    price: (superior, subject) => Number(!known.has(keyOf(superior))) + Number(!known.has(keyOf(superior, subject))),
    statement: (superior, subject) =>
      once(keyOf(superior, subject), async () => {
        const above = await configuration(superior);
        if (!above.ok) return above;
        const fetchEndpoint = above.value.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'];
        if (typeof fetchEndpoint !== 'string') return refuse('endpoint_missing', superior, 'its configuration has no federation_fetch_endpoint');
        const fetched = await paid.statement({ entityId: superior, fetchEndpoint }, subject);
        if (!fetched.ok) return fetched;
        const parsed = await budget.read(() => parseEntityStatement(fetched.value, { ...options, subject }));
        if (parsed.ok && (isEntityConfiguration(parsed.value) || parsed.value.claims.iss !== superior))
          return refuse('issuer_mismatch', superior, 'it answered with a statement that is not its own about this subject');
        return parsed;
      }),
  };
}
