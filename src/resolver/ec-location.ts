import { mediaTypes, parseEntityStatement, type Result } from '../federation/entry.js';
import type { Outbound } from '../outbound/outbound.js';
import type { StatementSource } from './source.js';

const DATA = 'data:application/entity-statement+jwt,';

export interface LocateOptions {
  readonly subject: string;
  /** Who listed the subject: its statement may say where the configuration lies. */
  readonly superior: string;
  readonly now: number;
  readonly development: boolean;
}

/**
 * The same source, for a subject found by listing that may have no web server of its own: when its configuration is not at
 * its well-known URL, the superior's statement is asked for `ec_location` (Entity Configuration Hosting draft), an https
 * URL or a `data:` one. Who hosts proves nothing: the configuration is verified like any other.
 */
export function withLocation(source: StatementSource, outbound: Outbound, { subject, superior, now, development }: LocateOptions): StatementSource {
  async function located(): Promise<Result<string> | undefined> {
    const above = await source.configuration(superior);
    const parsed = above.ok ? parseEntityStatement(above.value, { now, subject: superior, development }) : undefined;
    const fetchEndpoint = parsed?.ok ? parsed.value.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'] : undefined;
    if (typeof fetchEndpoint !== 'string') return undefined;
    const compact = await source.statement({ entityId: superior, fetchEndpoint }, subject);
    const statement = compact.ok ? parseEntityStatement(compact.value, { now, subject, development }) : undefined;
    const location = statement?.ok ? statement.value.claims['ec_location'] : undefined;
    if (typeof location !== 'string') return undefined;
    if (location.startsWith(DATA)) return { ok: true, value: location.slice(DATA.length) };
    const reply = await outbound.get({ url: location, mediaType: mediaTypes.ENTITY_STATEMENT });
    return reply.ok ? { ok: true, value: reply.value.body.trim() } : reply;
  }
  return {
    statement: source.statement,
    async configuration(id) {
      const own = await source.configuration(id);
      return own.ok || id !== subject ? own : ((await located()) ?? own);
    },
  };
}
