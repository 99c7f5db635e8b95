/**
 * The little of DNS (RFC 1035) that asks for TXT records and reads the answer; pure, and bounded whatever is sent. A library for
 * all of DNS would bring more code to read strangers with than these lines.
 */

const TYPE = { CNAME: 5, TXT: 16 } as const;
const IN = 1;
const HEADER = 12;
const MAX_MESSAGE = 65_535;
const MAX_NAME = 253;
const MAX_POINTERS = 16;
const MAX_RECORDS = 200;
const MAX_ALIASES = 8;

const CODES: Readonly<Record<number, string>> = {
  1: 'the resolver calls the question malformed (FORMERR)',
  2: 'the resolver could not find out, or did not trust what it found (SERVFAIL)',
  3: 'there is no such name (NXDOMAIN)',
  4: 'the resolver does not answer such questions (NOTIMP)',
  5: 'the resolver refuses to answer (REFUSED)',
};

/** Is it a name as it goes onto the wire: labels of 1 to 63 octets, 253 in all? */
export const isDnsName = (name: string): boolean => name.length <= MAX_NAME && name.split('.').every((label) => /^[\x21-\x7e]{1,63}$/.test(label));

/** A query for the TXT records of a name. Its ID is 0, so that caches see the same question (RFC 8484 §4.1). */
export function txtQuestion(name: string): Uint8Array {
  const labels = name.split('.').flatMap((label) => [label.length, ...[...label].map((char) => char.charCodeAt(0))]);
  const recursionDesired = 0x01;
  return Uint8Array.from([0, 0, recursionDesired, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, TYPE.TXT, 0, IN]);
}

/** The texts that a name has; or why none is known. */
export type TxtAnswer = { readonly ok: true; readonly texts: readonly string[] } | { readonly ok: false; readonly why: string };

class Malformed extends Error {}

class Reader {
  at = HEADER;
  constructor(readonly bytes: Uint8Array) {}

  byte(at: number): number {
    const value = this.bytes[at];
    if (value === undefined) throw new Malformed('it ends in the middle');
    return value;
  }
  /** Two octets, from where reading stands. */
  word(): number {
    const value = this.byte(this.at) * 256 + this.byte(this.at + 1);
    this.at += 2;
    return value;
  }
  /** A name, lower-cased. A pointer leads to before where the name began (RFC 1035 §4.1.4), so no chain of them comes back. */
  name(): string {
    const labels: string[] = [];
    let length = 0;
    let at = this.at;
    let limit = at;
    let after: number | undefined;
    for (let pointers = 0; ; ) {
      const size = this.byte(at);
      if (size === 0) break;
      if (size >= 0xc0) {
        const target = (size % 64) * 256 + this.byte(at + 1);
        after ??= at + 2;
        if (target >= limit || target < HEADER || ++pointers > MAX_POINTERS) throw new Malformed('a compressed name leads nowhere');
        at = target;
        limit = target;
        continue;
      }
      if (size > 63) throw new Malformed('a label has an unknown form');
      length += size + 1;
      if (length > MAX_NAME + 1) throw new Malformed('a name is too long');
      this.byte(at + size);
      // A dot within a label ends none (RFC 1035 §5.1).
      labels.push(
        latin(this.bytes.subarray(at + 1, at + 1 + size))
          .toLowerCase()
          .replaceAll('.', '\\.'),
      );
      at += size + 1;
    }
    this.at = after ?? at + 1;
    return labels.join('.');
  }
}

const latin = (bytes: Uint8Array): string => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** The strings of a TXT record, put together (RFC 7208 §3.3 does so too). */
function textOf(data: Uint8Array): string {
  let text = '';
  for (let at = 0; at < data.length; ) {
    const size = data[at] as number;
    if (at + 1 + size > data.length) throw new Malformed('a text is longer than its record');
    text += latin(data.subarray(at + 1, at + 1 + size));
    at += 1 + size;
  }
  return text;
}

/** Read the answer to `txtQuestion(name)`. Aliases (CNAME) within the answer are followed, as the holder of a domain who makes one wants. */
export function readTxtAnswer(bytes: Uint8Array, name: string): TxtAnswer {
  try {
    return read(bytes, name.toLowerCase());
  } catch (error) {
    if (error instanceof Malformed) return { ok: false, why: `the answer of the resolver is no DNS message: ${error.message}` };
    throw error;
  }
}

function read(bytes: Uint8Array, asked: string): TxtAnswer {
  if (bytes.length > MAX_MESSAGE) throw new Malformed(`it has more than ${MAX_MESSAGE} bytes`);
  const reader = new Reader(bytes);
  const [flags, code] = [reader.byte(2), reader.byte(3) % 16];
  const [questions, answers] = [reader.byte(4) * 256 + reader.byte(5), reader.byte(6) * 256 + reader.byte(7)];
  reader.byte(HEADER - 1);
  if (flags < 0x80 || (flags & 0x78) !== 0) throw new Malformed('it is no answer to a query');
  if ((flags & 0x02) !== 0) return { ok: false, why: 'the answer was cut short (TC)' };
  if (code !== 0) return { ok: false, why: CODES[code] ?? `the resolver answers with code ${code}` };
  if (questions !== 1 || reader.name() !== asked || reader.word() !== TYPE.TXT || reader.word() !== IN) throw new Malformed('it answers another question');
  if (answers > MAX_RECORDS) throw new Malformed(`it has more than ${MAX_RECORDS} records`);
  const aliases = new Map<string, string>();
  const texts: (readonly [owner: string, text: string])[] = [];
  for (let n = 0; n < answers; n++) {
    const owner = reader.name();
    const [type, of] = [reader.word(), reader.word()];
    reader.at += 4; // how long it lives
    const size = reader.word();
    const end = reader.at + size;
    if (end > bytes.length) throw new Malformed('it ends in the middle');
    if (of === IN && type === TYPE.CNAME) {
      aliases.set(owner, reader.name());
      if (reader.at !== end) throw new Malformed('an alias is not as long as its record');
    }
    if (of === IN && type === TYPE.TXT) texts.push([owner, textOf(bytes.subarray(reader.at, end))]);
    reader.at = end;
  }
  let owner = asked;
  for (let hops = 0; aliases.has(owner); hops++) {
    if (hops === MAX_ALIASES) return { ok: false, why: 'its aliases (CNAME) lead in circles, or too far' };
    owner = aliases.get(owner) as string;
  }
  return { ok: true, texts: texts.filter(([of]) => of === owner).map(([, text]) => text) };
}
