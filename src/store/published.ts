import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { base64url } from 'jose';
import { CHECKPOINT_TYPE, digestOf } from '../audit/checkpoint.js';
import type { ErrorCode } from '../federation/entry.js';
import { COLLECTION, type CollectionLot, collectionLot, type CollectionPlace } from './collection.js';
import { documentAnchor, standsAbove } from './stands-above.js';
import { type ExtendedFilter, extendedQuery, type ListFilter, listQuery } from './listing-query.js';
import { CLIENT_DOCUMENT, GROUPS, KEYS } from './kept-keys.js';
import { bytesOf, type Cache, type Share } from './published-cache.js';
import { readCell } from './json-cell.js';
import { STATUS_LIST, STATUS_LIST_AT } from './served-status-lists.js';
import { type ArtefactKind, AUTHORITY_ENDPOINTS, type ClientAuth, UNCONFIRMED } from './schema.js';

export { CLIENT_DOCUMENT, GROUPS, KEYS } from './kept-keys.js';
export { bytesOf, createCache, type Share } from './published-cache.js';
export type { CollectedEntity, CollectionLot, CollectionPlace } from './collection.js';
export type { ExtendedFilter, ListFilter };

/** Read-only view for the public plane: artefacts, the list of subordinates, where authorities answer. It knows no key. */
export interface ServedArtefact {
  readonly bytes: string;
  readonly mediaType: string;
  /** Quoted SHA-256. */
  readonly etag: string;
  readonly exp: number | null;
  readonly cap: number | null;
  /** Not served until it is signed anew, whatever its end. */
  readonly withheld: boolean;
}
/**
 * How stored bytes are answered: past its cap an entity does not publish them any more, and what is withheld or late for
 * renewal is not served until it is signed anew.
 */
export function servedAs({ cap, exp, withheld }: Pick<ServedArtefact, 'cap' | 'exp' | 'withheld'>, now: number): 'served' | 'gone' | 'late' {
  if (cap !== null && cap <= now) return 'gone';
  return withheld || (exp !== null && exp <= now) ? 'late' : 'served';
}

export interface ServedAuthority {
  readonly id: string;
  readonly entityId: string;
  readonly clientAuth: ClientAuth;
  /** A restored history that nobody has confirmed: nothing of it is served. */
  readonly withheld: boolean;
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
export interface ResolveAnswer extends ServedArtefact {
  readonly rests: 'sound' | 'changed' | 'gone';
}

/** Up to this many Entity Types every subset has a stored response; above, the whole and each single one; of still more, the whole. */
export const MAX_SUBSET_TYPES = 4;
export const MAX_SINGLE_TYPES = 16;

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
  /** Where authorities answer, the halted and retired ones among them. */
  authorities(): MaybePromise<readonly ServedAuthority[]>;
  /** Whether lists of an authority are served. What is signed is looked up by `artefact` and its like, which ask this themselves. */
  isActive(authorityId: string): MaybePromise<boolean>;
  artefact(authorityId: string, kind: ArtefactKind, key: string): MaybePromise<ServedArtefact | undefined>;
  /** A checkpoint of an authority, whatever its state: the newest one, or the newest one about an event. */
  checkpoint(authorityId: string, seq: number | undefined): MaybePromise<ServedArtefact | undefined>;
  /** The audit keys of an authority as a JWK Set; undefined while it has none. */
  auditKeys(authorityId: string): MaybePromise<ServedArtefact | undefined>;
  /** Active subordinates that pass a filter, in byte order: of the `limit` members after `after`, whether they pass or not. */
  listPage(authorityId: string, filter: ListFilter, after: string, limit: number, now: number): MaybePromise<Page>;
  /** The same with what the extended listing tells of each, from an identifier on, that one included. */
  extendedPage(authorityId: string, filter: ExtendedFilter, from: string, limit: number, now: number): MaybePromise<readonly ListedEntity[]>;
  /** When what an authority collects under an anchor changed last; undefined: it publishes no collection. */
  collection(authorityId: string, trustAnchor: string): MaybePromise<{ readonly lastUpdated: number } | undefined>;
  /** Some of it, in byte order. */
  collectionLot(place: CollectionPlace, limit: number, now: number): Promise<CollectionLot>;
  /** Bearers of a still valid mark of a type, after `after`, in byte order. */
  markedPage(authorityId: string, type: string, after: string, limit: number, now: number): MaybePromise<Page>;
  /** The stored answer about a mark by the SHA-256 of its bytes; `due`: it is being signed; undefined: we did not issue it. */
  markStatus(authorityId: string, sha256: string, now: number): MaybePromise<ServedArtefact | 'due' | undefined>;
  /** Trust Anchors an authority resolves under besides itself. */
  anchors(authorityId: string): MaybePromise<readonly string[]>;
  evaluation(authorityId: string, subject: string, trustAnchor: string): MaybePromise<Evaluation | undefined>;
  resolved(authorityId: string, subject: string, trustAnchor: string, types: readonly string[]): MaybePromise<ResolveAnswer | undefined>;
  /** The Client ID Metadata Document of a member in force. */
  clientDocument(authorityId: string, memberId: string): MaybePromise<ResolveAnswer | undefined>;
  /** A status list as it is now; withheld as well when something that it was not made from may have narrowed since. */
  statusList(authorityId: string, list: string): MaybePromise<ServedArtefact | undefined>;
  /** A status list as it was served at a time (seconds since the epoch). */
  statusListAt(authorityId: string, list: string, time: number): MaybePromise<ServedArtefact | undefined>;
  /**
   * Called at the beginning of a request: forgets what was changed by commits since the last one.
   * @returns a number that changes whenever that happens
   */
  begin(): number;
  /** The same of one group of what is remembered; undefined where nothing is remembered. */
  stamp(group: string): string | undefined;
  /** Something that holds until a commit changes it; undefined when it must be asked for again. */
  remembered<T>(key: string): T | undefined;
  remember(key: string, value: unknown, bytes: number, share?: Share): void;
  /** What a URL led to, in just this spelling. */
  spelled<T>(url: string): T | undefined;
  /** Let a URL lead to an answer for as long as what it is made of is kept; never for something that is not. */
  spell(url: string, held: object, answer: unknown, bytes: number): void;
  /** What is kept in memory. */
  kept(): ReturnType<Cache['size']>;
}

/** Some of a list of identifiers. */
export interface Page {
  readonly ids: readonly string[];
  /** Where the next page begins; undefined after the last one. */
  readonly next: string | undefined;
  /** When the first of these ends; null when none has an end. */
  readonly until: number | null;
}

export const LIST_PAGE = 1000;

export const isPromise = <T>(value: MaybePromise<T>): value is Promise<T> => value instanceof Promise;
export const andThen = <T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> =>
  isPromise(value) ? value.then(next) : next(value);

/**
 * What is published is served while its authority is active, and each look-up asks that itself: a halt is one row, and the
 * next request sees it, whatever else is stored or remembered. Of a retired authority the former keys stay (§8.7): what it
 * signed in its time can still be judged. And a head that was signed since it stopped: it says so.
 */
const ACTIVE = `a.state = 'active' AND ${standsAbove('a')}`;
const SERVED = `JOIN authority AS a ON a.id = artefact.authority_id AND ${ACTIVE}`;
const BYTES = 'bytes, media_type, sha256, exp, cap, withheld IS NOT NULL AS withheld';
const ARTEFACT = `SELECT ${BYTES} FROM artefact JOIN authority AS a ON a.id = artefact.authority_id
  AND ((${ACTIVE}) OR (a.state = 'retired' AND artefact.kind = 'historical_keys') OR (artefact.kind = 'head' AND artefact.cut = a.cut)) WHERE authority_id = ? AND kind = ? AND key = ? AND variant = ?`;
/** Halted and retired ones too: their places stay theirs, and answer that there is nothing. */
const AUTHORITIES = `SELECT id, entity_id, client_auth, EXISTS (SELECT 1 FROM setting WHERE name = '${UNCONFIRMED}') AS withheld FROM authority ORDER BY created_at, rowid`;
const CHECKPOINT = 'SELECT jws, sha256 FROM checkpoint WHERE authority_id = ?';
const LATEST = `${CHECKPOINT} ORDER BY n DESC LIMIT 1`;
const ABOUT = `${CHECKPOINT} AND seq = ? ORDER BY n DESC LIMIT 1`;
const AUDIT_KEYS = 'SELECT jwk, created_at, retired_at FROM audit_key WHERE authority_id = ? ORDER BY created_at, id';
const STATE = `SELECT state FROM authority AS a WHERE id = ? AND ${standsAbove('a')}`;
const MARK_STATUS = `SELECT variant, ${BYTES} FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'mark_status' AND key = ? ORDER BY variant DESC`;
const ISSUED = `SELECT 1 AS yes FROM trust_mark AS t JOIN authority AS a ON a.id = t.authority_id AND ${ACTIVE} WHERE t.authority_id = ? AND t.sha256 = ?`;
/** Until its own end, and until what it rests on ends: a membership that was shortened ends its marks (`cap`). */
const MARKED = `SELECT substr(key, ?) AS entity_id, withheld IS NULL AND min(exp, coalesce(cap, exp)) > ? AS passes FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'mark' AND key > ? AND key < ? AND variant = '' ORDER BY key LIMIT ?`;
const ANCHORS = 'SELECT entity_id FROM anchor_pin WHERE authority_id = ?';
/** When the last change was made that reaches every statement. */
const ALL_CHANGED = 'SELECT statements_changed_at AS at FROM authority WHERE id = ?';
const EVALUATION = `SELECT s.state, s.error, s.entity_types FROM snapshot AS s JOIN authority AS a ON a.id = s.authority_id AND ${ACTIVE}
  WHERE s.authority_id = ? AND s.subject = ? AND s.trust_anchor = ?`;
/**
 * A cut statement under it, or a superior that is not active, makes an answer vanish (2); anything else that is not as it
 * was makes it wait (1): a mark of an issuer that is halted, say, or a member whose end was moved to before that of the answer.
 */
const STOPPED = `(i.state IS DISTINCT FROM 'active' OR NOT ${standsAbove('i')})`;
const RESTS = (anchor: string): string => `(
  SELECT max(CASE WHEN (s.id IS NULL AND l.kind = 'statement') OR (${STOPPED} AND l.kind IN ('statement', 'entity_configuration')) THEN 2
    WHEN s.id IS NULL OR ${STOPPED} OR s.cut <> l.cut OR s.withheld IS NOT NULL OR (l.kind = 'statement' AND s.cap < artefact.exp) THEN 1 ELSE 0 END)
  FROM snapshot_link AS l LEFT JOIN authority AS i ON i.id = l.issuer_id
  LEFT JOIN artefact AS s ON s.authority_id = l.issuer_id AND s.kind = l.kind AND s.key = l.key AND s.variant = l.variant
  WHERE l.authority_id = artefact.authority_id AND l.subject = artefact.key AND l.trust_anchor = ${anchor}
) AS disarmed`;
const RESOLVED = `SELECT ${BYTES}, ${RESTS('?')} FROM artefact ${SERVED} WHERE authority_id = ? AND kind = 'resolve' AND key = ? AND variant = ?`;
/** The document of a client rests on the chain of the member to its own authority; that of an agent on the chain to the one above. */
const CLIENT = `SELECT ${BYTES}, ${RESTS(documentAnchor('a'))} FROM artefact ${SERVED}
  JOIN member AS m ON m.authority_id = artefact.authority_id AND m.entity_id = artefact.key AND m.state = 'active'
  WHERE artefact.authority_id = ? AND artefact.kind = 'resolve' AND m.id = ? AND artefact.variant = ?`;

type Row = Readonly<Record<string, unknown>>;
const servedOf = (row: Row): ServedArtefact => ({
  bytes: String(row['bytes']),
  mediaType: String(row['media_type']),
  etag: `"${String(row['sha256'])}"`,
  exp: row['exp'] as number | null,
  cap: row['cap'] as number | null,
  withheld: Number(row['withheld']) === 1,
});

/** What never ends and is never withheld. */
const fixed = (bytes: string, mediaType: string, digest: string): ServedArtefact => ({
  bytes,
  mediaType,
  etag: `"${digest}"`,
  exp: null,
  cap: null,
  withheld: false,
});

function jwkSetOf(rows: readonly Row[]): ServedArtefact {
  const keys = rows.map((row) => ({
    ...(readCell('jwk', row['jwk']) as object),
    iat: row['created_at'],
    ...(row['retired_at'] !== null && { exp: row['retired_at'] }),
  }));
  const text = JSON.stringify({ keys });
  return fixed(text, 'application/jwk-set+json', digestOf(text));
}

/** Bytes that an object costs beside its texts. */
const OBJECT_BYTES = 150;
const artefactBytes = ({ bytes, mediaType, etag }: ServedArtefact): number => OBJECT_BYTES + bytesOf(bytes) + bytesOf(mediaType) + bytesOf(etag);

/**
 * What is kept lies under its place in the store, never under what somebody asked: however many questions there are, only
 * what exists is kept, and once.
 */
export function createPublished(select: Select, cache: Cache): Published {
  /** Read what exists and keep it until a commit changes it. */
  const keeping = <T extends object>(
    key: string,
    read: () => MaybePromise<T | undefined>,
    bytes: (found: T) => number,
    ...groups: readonly string[]
  ): MaybePromise<T | undefined> => {
    const known = cache.get(key);
    if (known) return known as T;
    const era = cache.era();
    return andThen(read(), (found) => {
      // Where reading takes time something may have been committed meanwhile.
      if (found && cache.era() === era) cache.set(key, found, bytes(found), ...groups.map((of) => ({ of })));
      return found;
    });
  };
  const texts = (all: readonly string[]): number => all.reduce((sum, one) => sum + bytesOf(one) + 8, OBJECT_BYTES);
  return {
    authorities: () =>
      andThen(
        keeping(
          KEYS.authorities,
          () => andThen(select(AUTHORITIES, []), (rows) => rows.map(authorityOf)),
          (found) => found.reduce((sum, one) => sum + 3 * OBJECT_BYTES + bytesOf(one.id) + bytesOf(one.entityId), OBJECT_BYTES),
        ),
        (found) => found ?? [],
      ),

    isActive: (authorityId) =>
      andThen(
        keeping(
          KEYS.state(authorityId),
          () => andThen(select(STATE, [authorityId]), ([row]) => row),
          () => OBJECT_BYTES,
        ),
        (row) => row?.['state'] === 'active',
      ),

    artefact: (authorityId, kind, key) =>
      keeping(
        KEYS.artefact(authorityId, kind, key),
        () => andThen(select(ARTEFACT, [authorityId, kind, key, '']), ([row]) => row && servedOf(row)),
        artefactBytes,
      ),

    checkpoint: (authorityId, seq) =>
      keeping(
        KEYS.checkpoint(authorityId, seq),
        () =>
          andThen(seq === undefined ? select(LATEST, [authorityId]) : select(ABOUT, [authorityId, seq]), ([row]) =>
            row ? fixed(String(row['jws']), CHECKPOINT_TYPE, String(row['sha256'])) : undefined,
          ),
        artefactBytes,
        GROUPS.checkpoints(authorityId),
      ),

    auditKeys: (authorityId) =>
      keeping(
        KEYS.auditKeys(authorityId),
        () => andThen(select(AUDIT_KEYS, [authorityId]), (rows) => (rows.length ? jwkSetOf(rows) : undefined)),
        artefactBytes,
      ),

    listPage(authorityId, filter, after, limit, now) {
      const { sql, params } = listQuery(filter, now);
      return andThen(select(sql, [...params, authorityId, after, now, limit]), (rows) => pageOf(rows, limit));
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
            statement: one['withheld'] === null && Number(one['exp']) > now ? String(one['statement']) : undefined,
          })),
        );
      }),

    collection: (authorityId, trustAnchor) =>
      andThen(
        select(COLLECTION, [trustAnchor, authorityId]),
        ([row]) => row && { lastUpdated: Math.max(Number(row['evaluated'] ?? 0), Number(row['changed'] ?? 0)) },
      ),

    collectionLot: (place, limit, now) => collectionLot(select, place, limit, now),

    markedPage(authorityId, type, after, limit, now) {
      const prefix = `${type}\n`;
      // All keys of a type lie between its line break and the character after it.
      const params = [[...prefix].length + 1, now, authorityId, `${prefix}${after}`, `${type}\u000b`, limit];
      return andThen(select(MARKED, params), (rows) => pageOf(rows, limit));
    },

    markStatus: (authorityId, hash, now) =>
      andThen(
        keeping(
          KEYS.artefact(authorityId, 'mark_status', hash),
          () => andThen(select(MARK_STATUS, [authorityId, hash]), (rows) => (rows.length ? statusesOf(rows) : undefined)),
          (found) => Object.values(found).reduce((sum, one) => sum + artefactBytes(one), OBJECT_BYTES),
        ),
        (found): MaybePromise<ServedArtefact | 'due' | undefined> => {
          const answer = found?.['revoked'] ?? (found?.['active'] && Number(found['active'].cap) > now ? found['active'] : found?.['expired']);
          return answer ?? andThen(select(ISSUED, [authorityId, hash]), ([issued]) => (issued ? 'due' : undefined));
        },
      ),

    anchors: (authorityId) =>
      andThen(
        keeping(KEYS.anchors(authorityId), () => andThen(select(ANCHORS, [authorityId]), (rows) => rows.map((row) => String(row['entity_id']))), texts),
        (found) => found ?? [],
      ),

    evaluation: (authorityId, subject, trustAnchor) =>
      keeping(
        KEYS.evaluation(authorityId, subject, trustAnchor),
        () => andThen(select(EVALUATION, [authorityId, subject, trustAnchor]), ([row]) => row && evaluationOf(row)),
        (found) => OBJECT_BYTES + (found.state === 'valid' ? texts(found.types) : 0),
      ),

    resolved(authorityId, subject, trustAnchor, types) {
      const variant = resolveVariant(trustAnchor, types);
      return keeping(
        KEYS.resolved(authorityId, subject, variant),
        () => andThen(select(RESOLVED, [trustAnchor, authorityId, subject, variant]), ([row]) => row && answerOf(row)),
        artefactBytes,
        GROUPS.answers,
        GROUPS.answersAbout(authorityId, subject),
      );
    },

    clientDocument: (authorityId, memberId) =>
      keeping(
        KEYS.client(authorityId, memberId),
        () => andThen(select(CLIENT, [authorityId, memberId, CLIENT_DOCUMENT]), ([row]) => row && answerOf(row)),
        artefactBytes,
        GROUPS.clients,
      ),

    statusList: (authorityId, list) =>
      keeping(
        KEYS.statusList(authorityId, list),
        () => andThen(select(STATUS_LIST, [authorityId, list]), ([row]) => row && servedOf(row)),
        artefactBytes,
        GROUPS.statusLists,
      ),

    statusListAt: (authorityId, list, time) =>
      andThen(select(STATUS_LIST_AT, [authorityId, list, authorityId, list, time, time, time, time, time]), ([row]) => row && servedOf(row)),

    begin: () => cache.begin(),
    stamp: (group) => cache.stamp(group),
    remembered: <T>(key: string) => cache.get(key) as T | undefined,
    remember: (key, value, bytes, share) => cache.set(key, value, bytes, ...(share ? [share] : [])),
    spelled: <T>(url: string) => cache.spelled(url) as T | undefined,
    spell: (url, held, answer, bytes) => cache.spell(url, held, answer, bytes),
    kept: () => cache.size(),
  };
}

const statusesOf = (rows: readonly Row[]): Readonly<Record<string, ServedArtefact>> =>
  Object.fromEntries(rows.map((row) => [String(row['variant']), servedOf(row)]));

const authorityOf = (row: Row): ServedAuthority => ({
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

const answerOf = (row: Row): ResolveAnswer => ({
  ...servedOf(row),
  rests: (['sound', 'changed', 'gone'] as const)[Number(row['disarmed'] ?? 0)] ?? 'gone',
});

function pageOf(rows: readonly Row[], limit: number): Page {
  const passing = rows.filter((row) => row['passes'] === 1);
  const ends = passing.map((row) => row['ends'] as number | null | undefined).filter((at) => typeof at === 'number');
  return {
    ids: passing.map((row) => String(row['entity_id'])),
    next: rows.length < limit ? undefined : String(rows.at(-1)?.['entity_id']),
    until: ends.length ? Math.min(...ends) : null,
  };
}

function evaluationOf(row: Row): Evaluation {
  if (row['state'] === 'valid') {
    const types = readCell('entity_types', row['entity_types']);
    // What cannot be read is evaluated anew.
    return Array.isArray(types) ? { state: 'valid', types: types.map(String) } : { state: 'unreachable' };
  }
  return row['state'] === 'invalid' ? { state: 'invalid', error: String(row['error']) as ErrorCode } : { state: 'unreachable' };
}
