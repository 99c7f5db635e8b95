import { base64url } from 'jose';
import { bytesOf } from './base64url.js';
import { finding, type Finding } from './finding.js';
import { MAX_STATUS_LIST_ENTRY_BYTES } from './limits.js';

/** The compressed byte array of a Token Status List (draft-ietf-oauth-status-list-20, "Compressed Byte Array"), pure. */

/** "Status Types Values". Of the others none is ours; whoever reads one takes it for not valid. */
export const STATUS_TYPES = { valid: 0, invalid: 1, suspended: 2 } as const;

/** How many places a list of ours has, used or not: its length tells nobody how many there are. */
export const STATUS_LIST_SIZE = 100_000;
/** Bits a place: the registered values go up to 2. */
export const STATUS_LIST_BITS = 2;

export const STATUS_BITS = [1, 2, 4, 8] as const;
export type StatusBits = (typeof STATUS_BITS)[number];

/** The claim `status_list`, in JSON format. */
export interface StatusListClaim {
  readonly bits: StatusBits;
  /** The byte array: ZLIB (RFC 1950), base64url. */
  readonly lst: string;
}

/** Byte arrays as they are packed: the place with the lowest index in the lowest bits. */
export interface StatusBytes {
  readonly bits: StatusBits;
  readonly bytes: Uint8Array;
}

/**
 * A byte array of `size` places.
 * @param values places that are not 0
 * @throws RangeError for a place or a value that does not fit
 */
export function packStatuses(size: number, bits: StatusBits, values: Iterable<readonly [idx: number, value: number]>): StatusBytes {
  const packed = { bits, bytes: new Uint8Array(Math.ceil((size * bits) / 8)) };
  for (const [idx, value] of values) {
    if (!Number.isInteger(idx) || idx < 0 || idx >= size) throw new RangeError(`a status list of ${size} places has no place ${idx}`);
    putStatus(packed, idx, value);
  }
  return packed;
}

/** Write one place. @throws RangeError for a place or a value that does not fit */
export function putStatus({ bits, bytes }: StatusBytes, idx: number, value: number): void {
  const most = 2 ** bits - 1;
  const at = idx * bits;
  if (!Number.isInteger(idx) || idx < 0 || at >> 3 >= bytes.length) throw new RangeError(`a byte array of ${bytes.length} bytes has no place ${idx}`);
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} does not fit into ${bits} bits`);
  bytes[at >> 3] = ((bytes[at >> 3] ?? 0) & ~(most << (at & 7))) | (value << (at & 7));
}

/** How many places a byte array has. */
export const placesIn = ({ bits, bytes }: StatusBytes): number => (bytes.length * 8) / bits;

/** The value at a place; undefined out of bounds: nothing is said about it, and who asks has to refuse ("Validation Rules"). */
export function statusAt({ bits, bytes }: StatusBytes, idx: number): number | undefined {
  if (!Number.isInteger(idx) || idx < 0 || idx >= placesIn({ bits, bytes })) return undefined;
  const at = idx * bits;
  return ((bytes[at >> 3] ?? 0) >> (at & 7)) & (2 ** bits - 1);
}

/** As it goes into the claim. */
export async function compressStatuses({ bits, bytes }: StatusBytes): Promise<StatusListClaim> {
  const compressed = await through(new CompressionStream('deflate'), bytes, Number.POSITIVE_INFINITY);
  return { bits, lst: base64url.encode(compressed as Uint8Array) };
}

/**
 * The byte array of a claim. What it would unpack to is counted while it is unpacked, and no more than
 * `MAX_STATUS_LIST_ENTRY_BYTES` ever exists; the sum at its end (Adler-32) is that of what came out, so nothing follows it.
 */
export async function unpackStatuses({ bits, lst }: StatusListClaim): Promise<StatusBytes | Finding> {
  const no = (detail: string) => finding('status_list_invalid', 'status_list/lst', detail);
  const compressed = bytesOf(lst);
  if (compressed === undefined) return no('it is not base64url');
  let bytes: Uint8Array | undefined;
  try {
    bytes = await through(new DecompressionStream('deflate'), compressed, MAX_STATUS_LIST_ENTRY_BYTES);
  } catch {
    return no('it is not DEFLATE in the ZLIB data format');
  }
  if (bytes === undefined) return finding('too_large', 'status_list/lst', `it unpacks to more than ${MAX_STATUS_LIST_ENTRY_BYTES} bytes`);
  if (bytes.length === 0) return no('it has no place');
  const sum = new DataView(compressed.buffer, compressed.byteOffset + compressed.length - 4).getUint32(0);
  return sum === adler32(bytes) ? { bits, bytes } : no('something follows what is compressed');
}

/** RFC 1950 §9. Below 5552 bytes the sums stay exact in 32 bits. */
function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let from = 0; from < bytes.length; from += 5552) {
    for (const byte of bytes.subarray(from, from + 5552)) {
      a += byte;
      b += a;
    }
    a %= 65_521;
    b %= 65_521;
  }
  return b * 65_536 + a;
}

/** Push bytes through a stream; undefined as soon as more than `most` come out. */
async function through(stream: GenericTransform, bytes: Uint8Array, most: number): Promise<Uint8Array | undefined> {
  const writer = stream.writable.getWriter();
  const reader = (stream.readable as ReadableStream<Uint8Array>).getReader();
  // What fails is told where it is read.
  const written = writer.write(bytes).then(() => writer.close());
  written.catch(() => undefined);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    length += next.value.length;
    if (length > most) {
      await reader.cancel().catch(() => undefined);
      return undefined;
    }
    chunks.push(next.value);
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Both streams, on every engine. */
interface GenericTransform {
  readonly readable: unknown;
  readonly writable: { getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void> } };
}
