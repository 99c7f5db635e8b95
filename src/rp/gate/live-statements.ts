import {
  type EntityStatement,
  finding,
  isEntityConfiguration,
  type JwkSet,
  mediaTypes,
  parseEntityStatement,
  type Result,
  validateEntityConfiguration,
  verifyEntityStatement,
} from '../../federation/entry.js';
import type { Outbound } from '../../outbound/outbound.js';
import { type StatementSource, statementUrl } from '../../resolver/source.js';
import { BoundedMap } from '../bounded-map.js';
import type { Clock } from '../clock.js';
import type { Mode } from '../modes.js';
import { isSilence } from './status-lists.js';
import { keySetId } from './key-set-id.js';
import { type Known, type Reply, type Watched, watched } from './watched.js';

/** A statement that was seen serves for so long while its issuer does not answer (seconds): as long as a status list does. */
const SILENCE_SECONDS = 300;
const ENDPOINT_SECONDS = 600;
const MAX_STATEMENTS = 10_000;
/** By so much the clocks of those who sign for one authority differ (seconds). */
const CLOCKS_DIFFER = 10;

/** Is a statement of before another one? What was signed next on a machine whose clock is behind is not. */
export const isOlder = (one: { readonly iat: number }, than: { readonly iat: number }): boolean => one.iat < than.iat - CLOCKS_DIFFER;

export interface LiveOptions {
  readonly outbound: Outbound;
  readonly source: StatementSource;
  readonly mode: Mode;
  readonly clock: Clock;
  readonly development: boolean;
}

/** A superior as the chain shows it: its keys, and its configuration where that is part of the chain. */
export interface Superior {
  readonly entityId: string;
  readonly jwks: JwkSet;
  readonly configuration?: EntityStatement;
}

/** @param seconds how old the answer may be; 0: asked now */
export type LiveStatements = (superior: Superior, subject: string, seconds: number) => Promise<Known<EntityStatement>>;

/** What superiors state today, asked at their fetch endpoints (OpenID Federation 1.0 §8.1) and verified with the keys of the chain. */
export function liveStatements({ outbound, source, mode, clock, development }: LiveOptions): LiveStatements {
  const statements = new BoundedMap<string, Watched<EntityStatement>>(MAX_STATEMENTS);
  const endpoints = new BoundedMap<string, { readonly url: string; readonly at: number }>(1000);

  /** Where a superior answers, by its configuration, which the keys of the chain verify. */
  async function endpointOf({ entityId, jwks, configuration }: Superior): Promise<Result<string>> {
    const key = `${entityId} ${keySetId(jwks)}`;
    const known = endpoints.get(key);
    if (known && clock.now() - known.at < ENDPOINT_SECONDS) return { ok: true, value: known.url };
    let own = configuration;
    if (!own) {
      const compact = await source.configuration(entityId);
      if (!compact.ok) return compact;
      const read = await validateEntityConfiguration(compact.value, { now: clock.now(), subject: entityId, development });
      const verified = read.ok ? await verifyEntityStatement(read.value, jwks) : read;
      if (!verified.ok) return verified;
      own = verified.value;
    }
    const url = own.claims.metadata?.['federation_entity']?.['federation_fetch_endpoint'];
    if (typeof url !== 'string') return { ok: false, findings: [finding('endpoint_missing', entityId, 'its configuration has no federation_fetch_endpoint')] };
    endpoints.set(key, { url, at: clock.now() });
    return { ok: true, value: url };
  }

  async function ask(
    superior: Superior,
    subject: string,
    known: { readonly value: EntityStatement; readonly etag: string | undefined } | undefined,
  ): Promise<Reply<EntityStatement>> {
    const endpoint = await endpointOf(superior);
    if (!endpoint.ok) return { kind: isSilence(endpoint.findings) ? 'unreachable' : 'wrong', findings: endpoint.findings };
    const reply = await outbound.get({ url: statementUrl(endpoint.value, subject), mediaType: mediaTypes.ENTITY_STATEMENT, etag: known?.etag });
    if (!reply.ok) {
      const denied = reply.findings.some(({ code, transient }) => code === 'status_unexpected' && !transient);
      return { kind: isSilence(reply.findings) ? 'unreachable' : denied ? 'denied' : 'wrong', findings: reply.findings };
    }
    if (reply.value.notModified) return { kind: 'same' };
    const read = parseEntityStatement(reply.value.body.trim(), { now: clock.now(), subject, development });
    if (!read.ok) return { kind: 'wrong', findings: read.findings };
    if (isEntityConfiguration(read.value) || read.value.claims.iss !== superior.entityId)
      return {
        kind: 'wrong',
        findings: [finding('issuer_mismatch', superior.entityId, 'it answered with a statement that is not its own about this subject')],
      };
    if (known && isOlder(read.value.claims, known.value.claims))
      return { kind: 'wrong', findings: [finding('status_unknown', superior.entityId, 'its statement is older than the one seen already', true)] };
    const verified = await verifyEntityStatement(read.value, superior.jwks);
    return verified.ok ? { kind: 'value', value: verified.value, etag: reply.value.etag } : { kind: 'wrong', findings: verified.findings };
  }

  return (superior, subject, seconds) => {
    const key = `${superior.entityId} ${subject} ${keySetId(superior.jwks)}`;
    const statement =
      statements.get(key) ??
      statements.set(
        key,
        watched({
          what: `the statement of ${superior.entityId} about ${subject}`,
          ask: (known) => ask(superior, subject, known),
          until: ({ claims }, confirmed) => Math.min(claims.exp, confirmed + SILENCE_SECONDS),
          milliseconds: mode.milliseconds,
          clock,
        }),
      );
    return statement.get(seconds);
  };
}
