import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { hashed } from '../federation/sha256.js';

type Json = Readonly<Record<string, unknown>>;

/** One fact of an event chain as it is hashed, whatever store or file it lies in. */
export interface ChainedEvent {
  readonly format: number;
  readonly authorityId: string;
  readonly seq: number;
  readonly at: number;
  readonly type: string;
  readonly subjectKind: string;
  readonly subjectId: string;
  readonly actorId: string;
  readonly actorKind: string;
  /** Format 1 alone: what a person wrote, inside the hash for ever. */
  readonly reason: string | null;
  readonly reasonCode: string | null;
  readonly detail: Json;
  readonly artefacts: readonly Json[];
  readonly privateCommitment: string | null;
  readonly prevHash: string;
  readonly hash: string;
}

/** The format in which events are written. */
export const EVENT_FORMAT = 2;

/** A field, and what it is called where it is hashed. */
type Fields = readonly (readonly [name: string, property: keyof ChainedEvent])[];
type Unhashed = Omit<ChainedEvent, 'hash'>;
const COMMON = ['authorityId', 'seq', 'at', 'type', 'subjectKind', 'subjectId', 'actorId', 'actorKind', 'detail', 'artefacts', 'prevHash'] as const;
const snake = (name: string): string => name.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`);

/** In the order of RFC 8785 §3.2.3, which for these names is that of their letters. */
const inOrder = (fields: Fields): Fields => fields.toSorted(([one], [other]) => (one < other ? -1 : 1));

/** Per format: exactly these fields are covered, under these names, behind this prefix. A format is never changed, only added. */
const FORMATS: Readonly<Record<number, { readonly prefix: string; readonly fields: Fields }>> = {
  1: { prefix: 'holdfast-event-v1', fields: inOrder([...COMMON, 'reason' as const].map((one) => [one, one] as const)) },
  2: {
    prefix: 'holdfast-event-v2',
    // As they are called in an export, so that whoever checks one needs no table of names.
    fields: inOrder([...COMMON, 'format' as const, 'reasonCode' as const, 'privateCommitment' as const].map((one) => [snake(one), one] as const)),
  },
};

/** Most fields are texts: of them the canonical form is that of JSON (§3.2.2.2), and the library builds a set for each. */
const formOf = (value: unknown): string | undefined => (typeof value === 'string' ? JSON.stringify(value) : canonicalize(value));

/** The canonical form (RFC 8785) of an object of these fields; what is undefined is not there. */
function canonicalForm(fields: Fields, event: Unhashed): string {
  let text = '';
  for (const [name, property] of fields) {
    const form = formOf(event[property as keyof Unhashed]);
    if (form !== undefined) text += `${text === '' ? '' : ','}"${name}":${form}`;
  }
  return `{${text}}`;
}
/** Fields that some format has and another one lacks. */
const OPTIONAL = ['reason', 'reasonCode', 'privateCommitment'] as const;

/**
 * SHA-256(prefix ‖ prev_hash ‖ RFC 8785 form of the fields of its format).
 * @throws Error for a format that is not known
 */
export function eventHash(event: Unhashed): string {
  const format = FORMATS[event.format];
  if (!format) throw new Error(`events of format ${event.format} are not known to this version`);
  const covered = canonicalForm(format.fields, event);
  return hashed.hex(concatBytes(utf8ToBytes(format.prefix), hexToBytes(event.prevHash), utf8ToBytes(covered)));
}

/** Why an event is not the one that was hashed; undefined: it is. What its format does not cover must not be there. */
export function whyChanged(event: ChainedEvent): string | undefined {
  const format = FORMATS[event.format];
  if (!format) return `its format ${String(event.format)} is not known`;
  const stray = OPTIONAL.find((one) => event[one] !== null && !format.fields.some(([, property]) => property === one));
  if (stray !== undefined) return `it has a ${snake(stray)}, which its format ${event.format} does not cover`;
  try {
    return eventHash(event) === event.hash ? undefined : 'its content does not have its hash';
  } catch {
    return 'its content does not have its hash';
  }
}

export const EMPTY_HASH = '00'.repeat(32);
