import { bytesToHex, concatBytes, hexToBytes, randomBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import canonicalize from 'canonicalize';
import { hashed } from '../federation/sha256.js';

/**
 * What of an event may be erased. It lies outside the chain, and the chain holds a salted commitment to it: without the salt
 * nobody can try out what it was.
 */
export interface PrivatePart {
  readonly reason?: string;
  /** What was taken out of `detail`, by JSON Pointer (RFC 6901). */
  readonly detail?: Readonly<Record<string, unknown>>;
}
export interface Sealed {
  /** 32 bytes in hexadecimal. */
  readonly salt: string;
  /** The part in the form of RFC 8785. */
  readonly payload: string;
}

/**
 * Fields of `detail` that hold what people typed about people, or what strangers sent. Legal names too: a sole trader's is that
 * of a person. Identifiers, key ids, states, counts and times stay in the chain: they are what it has to prove, and what is
 * published says them anyway.
 */
const PRIVATE = new Set([
  // Where sole traders are registered under the number of the person, too.
  'registration_number',
  ...['legal_name', 'name', 'display_name', 'email', 'phone', 'contact', 'contacts', 'note', 'comment', 'reason'],
  // Where somebody who was refused can turn to.
  'redress',
  // How a person reached whom he compared a key with.
  'channel',
  // The words of somebody else's server.
  ...['problem', 'detail'],
]);
/** Where a name says nothing by itself: the former name of an organization, the former state of a member. */
const PRIVATE_OF: Readonly<Record<string, readonly string[]>> = {
  'organization.renamed': ['was'],
  // Who certified somebody, and under which number, may be what a person is known by.
  'accreditation.added': ['issuer', 'reference'],
};

const isPlain = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');
const unescaped = (name: string): string => name.replaceAll('~1', '/').replaceAll('~0', '~');

/** Take apart what goes into the chain and what may be erased. */
export function splitPrivate(
  type: string,
  reason: string | undefined,
  detail: Readonly<Record<string, unknown>>,
): { readonly detail: Readonly<Record<string, unknown>>; readonly part: PrivatePart | undefined } {
  const taken: Record<string, unknown> = {};
  const isPrivate = (name: string) => PRIVATE.has(name) || (PRIVATE_OF[type]?.includes(name) ?? false);
  const kept = (value: unknown, at: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((one, n) => kept(one, `${at}/${n}`));
    const entries: [string, unknown][] = [];
    for (const [name, one] of Object.entries(value)) {
      const leaves = one !== undefined && one !== null && isPrivate(name);
      if (leaves) taken[`${at}/${escaped(name)}`] = one;
      // Where it stands is asked of what others stand in.
      else entries.push([name, typeof one === 'object' ? kept(one, `${at}/${escaped(name)}`) : one]);
    }
    return Object.fromEntries(entries);
  };
  const left = kept(detail, '') as Readonly<Record<string, unknown>>;
  const part = { ...(reason !== undefined && { reason }), ...(Object.keys(taken).length && { detail: taken }) };
  return { detail: left, part: Object.keys(part).length ? part : undefined };
}

/** SHA-256(salt ‖ payload). */
export const commitmentOf = ({ salt, payload }: Sealed): string => hashed.hex(concatBytes(hexToBytes(salt), utf8ToBytes(payload)));

export const sealPart = (part: PrivatePart): Sealed => ({ salt: bytesToHex(randomBytes(32)), payload: canonicalize(part) as string });

export const readPart = (payload: string): PrivatePart => JSON.parse(payload) as PrivatePart;

/** `detail` as it was before it was taken apart. */
export function joinDetail(detail: Readonly<Record<string, unknown>>, taken: PrivatePart['detail']): Readonly<Record<string, unknown>> {
  if (!taken) return detail;
  const whole = structuredClone(detail) as Record<string, unknown>;
  for (const [pointer, value] of Object.entries(taken)) {
    const names = pointer.split('/').slice(1).map(unescaped);
    const last = names.pop();
    let at: unknown = whole;
    for (const name of names) at = typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined;
    if (last !== undefined && isPlain(at)) Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
  }
  return whole;
}
