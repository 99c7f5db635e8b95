import { digestOf } from '../audit/checkpoint.js';
import type { ErrorCode } from '../federation/entry.js';
import { readCell } from './json-cell.js';
import { bytesOf } from './published-cache.js';
import type { Evaluation, Page, ResolveAnswer, ServedArtefact, ServedAuthority } from './published-types.js';
import { AUTHORITY_ENDPOINTS, type ClientAuth } from './schema.js';

/** Rows as the public plane has them. */

type Row = Readonly<Record<string, unknown>>;
export const servedOf = (row: Row): ServedArtefact => ({
  bytes: String(row['bytes']),
  mediaType: String(row['media_type']),
  etag: `"${String(row['sha256'])}"`,
  exp: row['exp'] as number | null,
  cap: row['cap'] as number | null,
  withheld: Number(row['withheld']) === 1,
});

/** What never ends and is never withheld. */
export const fixed = (bytes: string, mediaType: string, digest: string): ServedArtefact => ({
  bytes,
  mediaType,
  etag: `"${digest}"`,
  exp: null,
  cap: null,
  withheld: false,
});

export function jwkSetOf(rows: readonly Row[]): ServedArtefact {
  const keys = rows.map((row) => ({
    ...(readCell('jwk', row['jwk']) as object),
    iat: row['created_at'],
    ...(row['retired_at'] !== null && { exp: row['retired_at'] }),
  }));
  const text = JSON.stringify({ keys });
  return fixed(text, 'application/jwk-set+json', digestOf(text));
}

/** Bytes that an object costs beside its texts. */
export const OBJECT_BYTES = 150;
export const artefactBytes = ({ bytes, mediaType, etag }: ServedArtefact): number => OBJECT_BYTES + bytesOf(bytes) + bytesOf(mediaType) + bytesOf(etag);

export const authorityOf = (row: Row): ServedAuthority => ({
  id: String(row['id']),
  entityId: String(row['entity_id']),
  clientAuth: clientAuthOf(row['client_auth']),
  withheld: Number(row['withheld']) === 1,
});

/** Where it cannot be read whom an authority answers, it asks everybody who he is, and the others go on. */
function clientAuthOf(held: unknown): ClientAuth {
  try {
    const modes: unknown = JSON.parse(String(held));
    if (typeof modes === 'object' && modes !== null) return modes;
  } catch {
    // damaged
  }
  return Object.fromEntries(AUTHORITY_ENDPOINTS.map((endpoint) => [endpoint, 'required' as const]));
}

export const answerOf = (row: Row): ResolveAnswer => ({
  ...servedOf(row),
  rests: (['sound', 'changed', 'gone'] as const)[Number(row['disarmed'] ?? 0)] ?? 'gone',
});

/** @param row of `pageQuery` */
export const pageOf = (row: Row | undefined, limit: number): Page => ({
  json: String(row?.['json'] ?? ''),
  next: Number(row?.['looked'] ?? 0) < limit ? undefined : String(row?.['last']),
  until: typeof row?.['until'] === 'number' ? row['until'] : null,
});

export function evaluationOf(row: Row): Evaluation {
  if (row['state'] === 'valid') {
    const types = readCell('entity_types', row['entity_types']);
    // What cannot be read is evaluated anew.
    return Array.isArray(types) ? { state: 'valid', types: types.map(String) } : { state: 'unreachable' };
  }
  return row['state'] === 'invalid' ? { state: 'invalid', error: String(row['error']) as ErrorCode } : { state: 'unreachable' };
}

/** What is answered about a mark, by what it says. */
export const statusesOf = (rows: readonly Row[]): Readonly<Record<string, ServedArtefact>> =>
  Object.fromEntries(rows.map((row) => [String(row['variant']), servedOf(row)]));
