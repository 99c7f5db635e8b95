import { type KeyCache, mediaTypes, type Result, validateEntityConfiguration, verifyEntityStatement } from '../federation/entry.js';
import type { Budget } from '../outbound/evaluation-budget.js';
import type { Outbound } from '../outbound/outbound.js';
import type { StatementSource } from './source.js';
import { statedBy } from './stated-by.js';

export interface LocateOptions {
  readonly subject: string;
  /** Who has the subject as a subordinate, by a listing or a membership: their statements may say where its configuration lies. */
  readonly superiors: readonly string[];
  readonly now: number;
  readonly development: boolean;
  readonly keyCache?: KeyCache;
  /** Reads what came, a piece at a time; it pays for `paid` and `outbound` too. */
  readonly budget: Budget;
  /** What a superior serves that needs no fetching, because it is ours. */
  readonly served?: (superior: string, subject: string, location: string) => Promise<Result<string> | undefined>;
}

/**
 * The same source, for a subject found from above: there the Subordinate Statement comes before the configuration and says
 * where that is (`ec_location`; OpenID Federation Entity Configuration Hosting 1.0 - draft 00 of 2026-01-09, "Trust Chain
 * Construction"). What lies there is preferred to the well-known URL, where somebody else or an older self may answer; the
 * well-known URL is asked when a superior names no place, or when a configuration cannot be read there. A place is believed
 * only in a statement that the superior's keys verify. Who hosts proves nothing: the configuration is verified like any other.
 * @param paid every question is paid for by the budget of the evaluation, those about places as well (§18.1)
 */
export function withLocation(paid: StatementSource, outbound: Outbound, options: LocateOptions): StatementSource {
  const { subject, superiors, now, development, keyCache, budget } = options;
  // The walk comes for the same statements afterwards: each is fetched, and paid for, once.
  const asked = new Map<string, Promise<Result<string>>>();
  const once = (key: string, ask: () => Promise<Result<string>>): Promise<Result<string>> => {
    const known = asked.get(key) ?? ask();
    asked.set(key, known);
    return known;
  };
  const statement: StatementSource['statement'] = (superior, of) =>
    once(`${superior.entityId} ${superior.fetchEndpoint} ${of}`, () => paid.statement(superior, of));
  const configuration: StatementSource['configuration'] = (id, anew) => {
    if (anew) asked.delete(id);
    return once(id, () => paid.configuration(id, anew));
  };
  const fromCache = (id: string): boolean => paid.fromCache?.(id) ?? false;

  async function located(superior: string): Promise<string | undefined> {
    const above = await statedBy({ configuration, fromCache, statement }, superior, subject, {
      now,
      development,
      read: budget.read,
      ...(keyCache && { keyCache }),
    });
    const location = above.ok ? above.value.claims['ec_location'] : undefined;
    if (!above.ok || typeof location !== 'string') return undefined;
    const served = await options.served?.(superior, subject, location);
    const compact = served?.ok ? served.value : await read(outbound, location);
    const own = compact === undefined ? undefined : await budget.read(() => validateEntityConfiguration(compact, { now, subject, development }, keyCache));
    if (!own?.ok) return undefined;
    return (await verifyEntityStatement(own.value, above.value.claims.jwks, keyCache)).ok ? compact : undefined;
  }

  return {
    statement,
    fromCache,
    async configuration(id, anew) {
      if (id !== subject) return configuration(id, anew);
      for (const superior of superiors) {
        if (superior === subject) continue;
        const compact = await located(superior);
        if (compact !== undefined) return { ok: true, value: compact };
      }
      return configuration(id);
    },
  };
}

/** RFC 2397: the media type is case-insensitive and may have parameters; the draft allows no `;base64`. */
const DATA = /^data:([^,]*),(.*)$/is;

async function read(outbound: Outbound, location: string): Promise<string | undefined> {
  const [, type, data] = DATA.exec(location) ?? [];
  if (type !== undefined) {
    const [mediaType, ...parameters] = type.split(';').map((part) => part.trim().toLowerCase());
    return mediaType === mediaTypes.ENTITY_STATEMENT && !parameters.includes('base64') ? data : undefined;
  }
  const reply = await outbound.get({ url: location, mediaType: mediaTypes.ENTITY_STATEMENT });
  return reply.ok ? reply.value.body.trim() : undefined;
}
