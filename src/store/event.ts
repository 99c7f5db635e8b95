import { EMPTY_HASH, EVENT_FORMAT, eventHash } from '../audit/event-hash.js';
import { commitmentOf, type Sealed, sealPart, splitPrivate } from '../audit/private-part.js';
import type { ReasonCode } from '../audit/reason-codes.js';
import type { event } from './schema.js';
import { raw, type Statement } from './database.js';
import { inPieces, overList } from './lots.js';
import { NUMBER, number } from './words.js';

/** Who did it. */
export interface Actor {
  readonly id: string;
  readonly kind: 'person' | 'api_key' | 'applicant' | 'member' | 'system';
  /** The API key a person came with. */
  readonly key?: string;
}

/** A fact to append. Its number, time and hash are given at the commit. */
export interface NewEvent {
  readonly type: string;
  readonly subjectKind:
    | 'authority'
    | 'key'
    | 'member'
    | 'organization'
    | 'policy'
    | 'bundle'
    | 'api_key'
    | 'person'
    | 'proposal'
    | 'job'
    | 'trust_mark_type'
    | 'trust_mark'
    | 'anchor'
    | 'audit_key'
    | 'accreditation'
    | 'evidence'
    | 'event'
    | 'join_link'
    | 'application'
    | 'software_statement'
    | 'initial_access_token'
    | 'client_registration'
    | 'deployment';
  readonly subjectId: string;
  /** In somebody's own words: it goes into the private part. */
  readonly reason?: string | undefined;
  /** `stated` where there are words and nothing else is said. */
  readonly reasonCode?: ReasonCode | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly artefacts?: readonly Readonly<Record<string, unknown>>[];
}

export type EventRow = typeof event.$inferSelect;

/** The last event of a chain; seq 0 and 32 zero bytes before the first. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}
export const EMPTY_HEAD: Head = { seq: 0, hash: EMPTY_HASH };

/** An event to insert, with what of it may be erased. */
export interface NewRow {
  readonly row: EventRow;
  readonly sealed: Sealed | undefined;
}

/** Number and chain new events after a head; what people wrote is taken out of the chain, which commits to it. */
export function chainEvents(
  authorityId: string,
  head: Head,
  at: number,
  actor: Actor,
  events: readonly NewEvent[],
): { readonly rows: readonly NewRow[]; readonly head: Head } {
  let { seq, hash } = head;
  const rows = events.map((one) => {
    // As it is written and read back: what is undefined is not there.
    const { detail, part } = splitPrivate(one.type, one.reason, JSON.parse(JSON.stringify(one.detail ?? {})));
    const sealed = part && sealPart(part);
    const row: EventRow = {
      format: EVENT_FORMAT,
      authorityId,
      seq: ++seq,
      at,
      type: one.type,
      subjectKind: one.subjectKind,
      subjectId: one.subjectId,
      actorId: actor.id,
      actorKind: actor.kind,
      reason: null,
      reasonCode: one.reasonCode ?? (one.reason === undefined ? null : 'stated'),
      privateCommitment: sealed ? commitmentOf(sealed) : null,
      detail,
      artefacts: one.artefacts ?? [],
      prevHash: hash,
      hash: '',
    };
    hash = eventHash(row);
    return { row: { ...row, hash }, sealed };
  });
  return { rows, head: { seq, hash } };
}

/** Column → property, in the order in which rows travel. */
const COLUMNS = [
  ['authority_id', 'authorityId'],
  ['seq', 'seq'],
  ['at', 'at'],
  ['type', 'type'],
  ['subject_kind', 'subjectKind'],
  ['subject_id', 'subjectId'],
  ['actor_id', 'actorId'],
  ['actor_kind', 'actorKind'],
  ['reason', 'reason'],
  ['detail', 'detail'],
  ['artefacts', 'artefacts'],
  ['prev_hash', 'prevHash'],
  ['hash', 'hash'],
  ['format', 'format'],
  ['reason_code', 'reasonCode'],
  ['private_commitment', 'privateCommitment'],
] as const satisfies readonly (readonly [string, keyof EventRow])[];
const NUMBERS = new Set<string>(['seq', 'at', 'format']);
const INSERT = `WITH r AS MATERIALIZED (SELECT value AS v FROM json_each(?)) INSERT INTO event (${COLUMNS.map(([name]) => name).join(', ')}) SELECT ${COLUMNS.map(([name], n) => (NUMBERS.has(name) ? number('v', `$[${n}]`) : `json_extract(v, '$[${n}]')`)).join(', ')} FROM r`;

/** One event, a parameter for each column: half the work. */
const INSERT_ONE = `INSERT INTO event (${COLUMNS.map(([name]) => name).join(', ')}) VALUES (${COLUMNS.map(([name]) => (NUMBERS.has(name) ? NUMBER : '?')).join(', ')})`;
const asBound = (value: unknown): unknown => (typeof value === 'object' && value !== null ? JSON.stringify(value) : value);

const INSERT_PRIVATE = `WITH r AS MATERIALIZED (SELECT value AS v FROM json_each(?)) INSERT INTO event_private (authority_id, seq, salt, payload) SELECT json_extract(v, '$[0]'), ${number('v', '$[1]')}, json_extract(v, '$[2]'), json_extract(v, '$[3]') FROM r`;

/** Any number of events. */
export const insertEvents = (all: readonly NewRow[]): Statement => {
  const rows = all.map(({ row }) => COLUMNS.map(([, property]) => row[property]));
  const [first] = rows;
  const pieces = first && rows.length === 1 ? inPieces([raw(INSERT_ONE, ...first.map(asBound))]) : overList(INSERT, rows);
  const parts = all.flatMap(({ row, sealed }) => (sealed ? [[row.authorityId, row.seq, sealed.salt, sealed.payload]] : []));
  return inPieces([...(pieces.pieces ?? []), ...(parts.length ? (overList(INSERT_PRIVATE, parts).pieces ?? []) : [])]);
};
