import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';
import type { ErrorCode } from '../federation/entry.js';
import { type ExtendedFilter, extendedQuery, type ListFilter, listQuery } from './listing-query.js';
import type { ArtefactKind, ClientAuth } from './schema.js';

export type { ExtendedFilter, ListFilter };

/** Read-only view for the public plane: artefacts, the list of subordinates, where authorities answer. It knows no key. */
export interface ServedArtefact {
  readonly bytes: string;
  readonly mediaType: string;
  /** Quoted SHA-256. */
  readonly etag: string;
  readonly exp: number | null;
  readonly cap: number | null;
}
export interface ServedAuthority {
  readonly id: string;
  readonly entityId: string;
  readonly clientAuth: ClientAuth;
}
/** What is on record about one subject under one anchor. `types` are the subject's, in order. */
export type Evaluation =
  | { readonly state: 'valid'; readonly types: readonly string[] }
  | { readonly state: 'invalid'; readonly error: ErrorCode }
  | { readonly state: 'unreachable' };

/**
 * A stored resolve response: served, or held back because something it rests on was cut off (`gone`) or has changed and is
 * being evaluated anew (`changed`).
 */
export interface ResolveAnswer {
  readonly artefact: ServedArtefact;
  readonly rests: 'sound' | 'changed' | 'gone';
}

/** Up to this many Entity Types every subset has a stored response; above, the whole and each single one. */
export const MAX_SUBSET_TYPES = 4;

/** Where a resolve response lies among those of its subject. */
export const resolveVariant = (trustAnchor: string, types: readonly string[]): string =>
  base64url.encode(sha256(utf8ToBytes(`${trustAnchor}\n${[...types].sort().join(' ')}`)));

export interface ListedEntity {
  readonly entityId: string;
  readonly registered: number;
  /** When the statement's content changed last: a change of the member's own, or one that reached every statement. */
  readonly updated: number;
  /** Its Subordinate Statement; undefined while that is being signed anew. */
  readonly statement: string | undefined;
}

/** A value, or a promise of one: SQLite answers at once, D1 later. The hot path on Node awaits nothing. */
export type MaybePromise<T> = T | Promise<T>;
export type Select = (sql: string, params: readonly unknown[]) => MaybePromise<readonly Record<string, unknown>[]>;

export interface Published {
  authorities(): MaybePromise<readonly ServedAuthority[]>;
  artefact(authorityId: string, kind: ArtefactKind, key: string): MaybePromise<ServedArtefact | undefined>;
  /** Identifiers of active subordinates after `after`, in byte order. */
  listPage(authorityId: string, filter: ListFilter, after: string, limit: number, now: number): MaybePromise<readonly string[]>;
  /** The same with what the extended listing tells of each, from an identifier on, that one included. */
  extendedPage(authorityId: string, filter: ExtendedFilter, from: string, limit: number, now: number): MaybePromise<readonly ListedEntity[]>;
  /** Bearers of a still valid mark of a type, after `after`, in byte order. */
  markedPage(authorityId: string, type: string, after: string, limit: number, now: number): MaybePromise<readonly string[]>;
  /** The stored answer about a mark by the SHA-256 of its bytes; `due`: it is being signed; undefined: we did not issue it. */
  markStatus(authorityId: string, sha256: string, now: number): MaybePromise<ServedArtefact | 'due' | undefined>;
  /** Trust Anchors an authority resolves under besides itself. */
  anchors(authorityId: string): MaybePromise<readonly string[]>;
  evaluation(authorityId: string, subject: string, trustAnchor: string): MaybePromise<Evaluation | undefined>;
  resolved(authorityId: string, subject: string, trustAnchor: string, types: readonly string[]): MaybePromise<ResolveAnswer | undefined>;
  /** When the next membership ends that is counted now; null when none has an end. */
  nextEnd(authorityId: string, now: number): MaybePromise<number | null>;
  /** Called once at the beginning of a request: forgets everything when something was committed since the last one. */
  begin(): void;
  /** Something that holds until the next commit; undefined when it must be asked for again. */
  remembered<T>(key: string): T | undefined;
  remember(key: string, value: unknown, bytes: number): void;
}

export const LIST_PAGE = 1000;

export const isPromise = <T>(value: MaybePromise<T>): value is Promise<T> => value instanceof Promise;
export const andThen = <T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> =>
  isPromise(value) ? value.then(next) : next(value);

export interface Cache {
  begin(): void;
  get(key: string): unknown;
  set(key: string, value: unknown, bytes: number): void;
}
/** No cache at all: every request reads. */
export const NO_CACHE: Cache = { begin: () => undefined, get: () => undefined, set: () => undefined };

/**
 * A cache bounded in bytes, dropped whole on every change: after a commit nothing old is ever served, and a read behind
 * it costs one prepared statement.
 * @param fresh asked once a request; false when something was committed since
 */
export function createCache(maxBytes: number, fresh: () => boolean): Cache {
  const entries = new Map<string, { readonly value: unknown; readonly bytes: number }>();
  let total = 0;
  return {
    begin() {
      if (fresh()) return;
      entries.clear();
      total = 0;
    },
    get: (key) => entries.get(key)?.value,
    set(key, value, bytes) {
      if (bytes > maxBytes / 4) return;
      entries.set(key, { value, bytes });
      total += bytes;
      for (const [oldest, entry] of entries) {
        if (total <= maxBytes) break;
        entries.delete(oldest);
        total -= entry.bytes;
      }
    },
  };
}

const ARTEFACT = 'SELECT bytes, media_type, sha256, exp, cap FROM artefact WHERE authority_id = ? AND kind = ? AND key = ? AND variant = ?';
const AUTHORITIES = "SELECT id, entity_id, client_auth FROM authority WHERE state = 'active'";
const NEXT_END = "SELECT min(valid_until) AS at FROM member WHERE authority_id = ? AND state = 'active' AND valid_until > ?";
const MARK_STATUS =
  "SELECT variant, bytes, media_type, sha256, exp, cap FROM artefact WHERE authority_id = ? AND kind = 'mark_status' AND key = ? ORDER BY variant DESC";
const ISSUED = 'SELECT 1 AS yes FROM trust_mark WHERE authority_id = ? AND sha256 = ?';
const MARKED =
  "SELECT substr(key, ?) AS entity_id FROM artefact WHERE authority_id = ? AND kind = 'mark' AND key > ? AND key < ? AND variant = '' AND exp > ? ORDER BY key LIMIT ?";
const ANCHORS = 'SELECT entity_id FROM anchor_pin WHERE authority_id = ?';
/** When the last change was made that reaches every statement. */
const ALL_CHANGED = 'SELECT statements_changed_at AS at FROM authority WHERE id = ?';
const EVALUATION = 'SELECT state, error, entity_types FROM snapshot WHERE authority_id = ? AND subject = ? AND trust_anchor = ?';
/** A cut statement under it makes an answer vanish (2); anything else that is not as it was makes it wait (1). */
const RESOLVED = `SELECT bytes, media_type, sha256, exp, cap, (
  SELECT max(CASE WHEN s.id IS NULL AND l.kind = 'statement' THEN 2 WHEN s.id IS NULL OR s.cut <> l.cut OR s.exp = 0 THEN 1 ELSE 0 END)
  FROM snapshot_link AS l LEFT JOIN artefact AS s ON s.authority_id = l.issuer_id AND s.kind = l.kind AND s.key = l.key AND s.variant = l.variant
  WHERE l.authority_id = artefact.authority_id AND l.subject = artefact.key AND l.trust_anchor = ?
) AS disarmed FROM artefact WHERE authority_id = ? AND kind = 'resolve' AND key = ? AND variant = ?`;

const servedOf = (row: Readonly<Record<string, unknown>>): ServedArtefact => ({
  bytes: String(row['bytes']),
  mediaType: String(row['media_type']),
  etag: `"${String(row['sha256'])}"`,
  exp: row['exp'] as number | null,
  cap: row['cap'] as number | null,
});

/** Bytes an entry costs beside its content. */
const OVERHEAD = 400;

export function createPublished(select: Select, cache: Cache): Published {
  return {
    authorities() {
      const known = cache.get('authorities');
      if (known) return known as readonly ServedAuthority[];
      return andThen(select(AUTHORITIES, []), (rows) => {
        const found = rows.map(
          (row): ServedAuthority => ({
            id: String(row['id']),
            entityId: String(row['entity_id']),
            clientAuth: JSON.parse(String(row['client_auth'])) as ClientAuth,
          }),
        );
        cache.set('authorities', found, OVERHEAD * found.length);
        return found;
      });
    },

    artefact(authorityId, kind, key) {
      const place = `${authorityId} ${kind} ${key}`;
      const known = cache.get(place);
      if (known) return known as ServedArtefact;
      return andThen(select(ARTEFACT, [authorityId, kind, key, '']), ([row]) => {
        if (!row) return undefined;
        const found = servedOf(row);
        cache.set(place, found, found.bytes.length + place.length + OVERHEAD);
        return found;
      });
    },

    listPage(authorityId, filter, after, limit, now) {
      const { sql, params } = listQuery(filter, now);
      return andThen(select(sql, [authorityId, after, now, ...params, limit]), (rows) => rows.map((row) => String(row['entity_id'])));
    },

    extendedPage: (authorityId, filter, from, limit, now) =>
      andThen(select(ALL_CHANGED, [authorityId]), ([row]) => {
        const all = Number(row?.['at'] ?? 0);
        const query = extendedQuery(filter, all, now);
        if (!query) return [];
        return andThen(select(query.sql, [authorityId, from, now, ...query.params, limit]), (rows) =>
          rows.map((one) => ({
            entityId: String(one['entity_id']),
            registered: Number(one['created_at']),
            updated: Math.max(Number(one['updated_at']), all),
            statement: Number(one['exp']) > now ? String(one['statement']) : undefined,
          })),
        );
      }),

    markedPage(authorityId, type, after, limit, now) {
      const prefix = `${type}\n`;
      // All keys of a type lie between its line break and the character after it.
      const params = [[...prefix].length + 1, authorityId, `${prefix}${after}`, `${type}\u000b`, now, limit];
      return andThen(select(MARKED, params), (rows) => rows.map((row) => String(row['entity_id'])));
    },

    markStatus: (authorityId, hash, now) =>
      andThen(select(MARK_STATUS, [authorityId, hash]), (rows): MaybePromise<ServedArtefact | 'due' | undefined> => {
        const of = (variant: string) => rows.find((row) => row['variant'] === variant);
        const active = of('active');
        const row = of('revoked') ?? (active && Number(active['cap']) > now ? active : of('expired'));
        return row ? servedOf(row) : andThen(select(ISSUED, [authorityId, hash]), ([issued]) => (issued ? 'due' : undefined));
      }),

    anchors: (authorityId) => andThen(select(ANCHORS, [authorityId]), (rows) => rows.map((row) => String(row['entity_id']))),

    evaluation: (authorityId, subject, trustAnchor) =>
      andThen(select(EVALUATION, [authorityId, subject, trustAnchor]), ([row]): Evaluation | undefined => {
        if (!row) return undefined;
        if (row['state'] === 'valid') return { state: 'valid', types: JSON.parse(String(row['entity_types'])) as string[] };
        return row['state'] === 'invalid' ? { state: 'invalid', error: String(row['error']) as ErrorCode } : { state: 'unreachable' };
      }),

    resolved: (authorityId, subject, trustAnchor, types) =>
      andThen(select(RESOLVED, [trustAnchor, authorityId, subject, resolveVariant(trustAnchor, types)]), ([row]) =>
        row ? { artefact: servedOf(row), rests: (['sound', 'changed', 'gone'] as const)[Number(row['disarmed'] ?? 0)] ?? 'gone' } : undefined,
      ),

    nextEnd: (authorityId, now) => andThen(select(NEXT_END, [authorityId, now]), ([row]) => (row?.['at'] ?? null) as number | null),

    begin: () => cache.begin(),
    remembered: <T>(key: string) => cache.get(key) as T | undefined,
    remember: (key, value, bytes) => cache.set(key, value, bytes),
  };
}
