import { hashed } from '../federation/sha256.js';
import { CHECKPOINT_TYPE } from '../audit/checkpoint.js';
import { andThen, type MaybePromise, type Select } from './at-once.js';
import { COLLECTION, type CollectionLot, collectionLot, type CollectionPlace } from './collection.js';
import { extendedPage, type ListedEntities } from './extended-page.js';
import { type ExtendedFilter, type ListFilter, listQuery } from './listing-query.js';
import { CLIENT_DOCUMENT, GROUPS, KEYS } from './kept-keys.js';
import { bytesOf, type Cache, type Share } from './published-cache.js';
import { STATUS_LIST, STATUS_LIST_AT } from './served-status-lists.js';
import type { ArtefactKind } from './schema.js';
import {
  ARTEFACT,
  AUTHORITIES,
  LATEST,
  ABOUT,
  AUDIT_KEYS,
  STATE,
  MARK_STATUS,
  ISSUED,
  MARKED,
  ANCHORS,
  EVALUATION,
  RESOLVED,
  CLIENT,
} from './published-sql.js';
import { servedOf, fixed, jwkSetOf, OBJECT_BYTES, artefactBytes, authorityOf, answerOf, pageOf, evaluationOf, statusesOf } from './published-rows.js';
import type { ServedArtefact, ServedAuthority, Evaluation, ResolveAnswer, Page } from './published-types.js';

export { andThen, isPromise, type MaybePromise, type Select } from './at-once.js';
export { CLIENT_DOCUMENT, GROUPS, KEYS } from './kept-keys.js';
export { bytesOf, createCache, type Share } from './published-cache.js';
export type { CollectedEntity, CollectionLot, CollectionPlace } from './collection.js';
export type { ListedEntities, ListedEntity } from './extended-page.js';
export type { ExtendedFilter, ListFilter };
export { servedAs } from './published-types.js';
export type { Evaluation, Page, ResolveAnswer, ServedArtefact, ServedAuthority } from './published-types.js';

/** Up to this many Entity Types every subset has a stored response; above, the whole and each single one; of still more, the whole. */
export const MAX_SUBSET_TYPES = 4;
export const MAX_SINGLE_TYPES = 16;

/** Where a resolve response lies among those of its subject. */
export const resolveVariant = (trustAnchor: string, types: readonly string[]): string => hashed.base64url(`${trustAnchor}\n${[...types].sort().join(' ')}`);

export interface Published {
  /** Where authorities answer, the halted and retired ones among them. */
  authorities(): MaybePromise<readonly ServedAuthority[]>;
  /** Whether lists of an authority are served. What is signed is looked up by `artefact` and its like, which ask this themselves. */
  isActive(authorityId: string): MaybePromise<boolean>;
  /** @param oneOfMany kept only if others need not go for it, or it is asked for again */
  artefact(authorityId: string, kind: ArtefactKind, key: string, oneOfMany?: boolean): MaybePromise<ServedArtefact | undefined>;
  /** A checkpoint of an authority, whatever its state: the newest one, or the newest one about an event. */
  checkpoint(authorityId: string, seq: number | undefined): MaybePromise<ServedArtefact | undefined>;
  /** The audit keys of an authority as a JWK Set; undefined while it has none. */
  auditKeys(authorityId: string): MaybePromise<ServedArtefact | undefined>;
  /** Active subordinates that pass a filter, in byte order: of the `limit` members after `after`, whether they pass or not. */
  listPage(authorityId: string, filter: ListFilter, after: string, limit: number, now: number): MaybePromise<Page>;
  /** The same with what the extended listing tells of each, from an identifier on, that one included; as far as it looks at once. */
  extendedPage(authorityId: string, filter: ExtendedFilter, from: string, limit: number, now: number): MaybePromise<ListedEntities>;
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
  spell(url: string, held: object | string, answer: unknown, bytes: number): void;
  /** What is kept in memory. */
  kept(): ReturnType<Cache['size']>;
}

/** Of the longest identifiers so many are one text that D1 gives (2 MB). */
export const LIST_PAGE = 900;

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

    artefact(authorityId, kind, key, oneOfMany = false) {
      const name = KEYS.artefact(authorityId, kind, key);
      const read = () => andThen(select(ARTEFACT, [authorityId, kind, key, '']), ([row]) => row && servedOf(row));
      const isTurnedAway = oneOfMany && cache.get(name) === undefined && !cache.admits(name);
      return isTurnedAway ? read() : keeping(name, read, artefactBytes);
    },

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
      return andThen(select(sql, [...params, authorityId, after, now, limit]), ([row]) => pageOf(row, limit));
    },

    extendedPage: (authorityId, filter, from, limit, now) => extendedPage(select, { authorityId, filter, from, limit, now }),

    collection: (authorityId, trustAnchor) =>
      andThen(
        select(COLLECTION, [trustAnchor, authorityId]),
        ([row]) => row && { lastUpdated: Math.max(Number(row['evaluated'] ?? 0), Number(row['changed'] ?? 0)) },
      ),

    collectionLot: (place, limit, now) => collectionLot(select, place, limit, now),

    markedPage(authorityId, type, after, limit, now) {
      const prefix = `${type}\n`;
      // All keys of a type lie between its line break and the character after it.
      const from = [...prefix].length + 1;
      const params = [from, now, from, authorityId, `${prefix}${after}`, `${type}\u000b`, limit];
      return andThen(select(MARKED, params), ([row]) => pageOf(row, limit));
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
