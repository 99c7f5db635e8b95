import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import type { event } from './schema.js';
import type { Statement } from './database.js';
import { overList } from './lots.js';
import { number } from './words.js';

/** Who did it. */
export interface Actor {
  readonly id: string;
  readonly kind: 'person' | 'api_key' | 'system';
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
    | 'api_key'
    | 'person'
    | 'proposal'
    | 'job'
    | 'trust_mark_type'
    | 'trust_mark'
    | 'anchor'
    | 'deployment';
  readonly subjectId: string;
  readonly reason?: string | undefined;
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly artefacts?: readonly Readonly<Record<string, unknown>>[];
}

export type EventRow = typeof event.$inferSelect;

/** The last event of a chain; seq 0 and 32 zero bytes before the first. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}
export const EMPTY_HEAD: Head = { seq: 0, hash: '00'.repeat(32) };

/** SHA-256("holdfast-event-v1" ‖ prev_hash ‖ RFC 8785 form of the event without its hash). */
export function eventHash({ hash: _, ...rest }: EventRow): string {
  return bytesToHex(sha256(concatBytes(utf8ToBytes('holdfast-event-v1'), hexToBytes(rest.prevHash), utf8ToBytes(canonicalize(rest) as string))));
}

/** Number and chain new events after a head. */
export function chainEvents(
  authorityId: string,
  head: Head,
  at: number,
  actor: Actor,
  events: readonly NewEvent[],
): { readonly rows: readonly EventRow[]; readonly head: Head } {
  let { seq, hash } = head;
  const rows = events.map((one) => {
    const row: EventRow = {
      authorityId,
      seq: ++seq,
      at,
      type: one.type,
      subjectKind: one.subjectKind,
      subjectId: one.subjectId,
      actorId: actor.id,
      actorKind: actor.kind,
      reason: one.reason ?? null,
      detail: one.detail ?? {},
      artefacts: one.artefacts ?? [],
      prevHash: hash,
      hash: '',
    };
    hash = eventHash(row);
    return { ...row, hash };
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
] as const satisfies readonly (readonly [string, keyof EventRow])[];
const NUMBERS = new Set<string>(['seq', 'at']);
const INSERT = `WITH r AS MATERIALIZED (SELECT value AS v FROM json_each(?)) INSERT INTO event (${COLUMNS.map(([name]) => name).join(', ')}) SELECT ${COLUMNS.map(([name], n) => (NUMBERS.has(name) ? number('v', `$[${n}]`) : `json_extract(v, '$[${n}]')`)).join(', ')} FROM r`;

/** Any number of events. */
export const insertEvents = (rows: readonly EventRow[]): Statement =>
  overList(
    INSERT,
    rows.map((row) => COLUMNS.map(([, property]) => row[property])),
  );
