import { readTime } from '../../federation/written-time.js';

/**
 * Which kind of key a PEM block holds, as far as a message needs it: the algorithm (and curve) identifier of a
 * SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), alone or inside a certificate. The block is not validated here.
 */
const NAMES: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.1': 'RSA',
  '1.2.840.113549.1.1.10': 'RSASSA-PSS',
  '1.2.840.113549.1.3.1': 'Diffie-Hellman',
  '1.2.840.10040.4.1': 'DSA',
  '1.2.840.10045.2.1': 'EC',
  '1.3.101.110': 'X25519',
  '1.3.101.111': 'X448',
  '1.3.101.112': 'Ed25519',
  '1.3.101.113': 'Ed448',
  '1.2.840.10045.3.1.1': 'P-192',
  '1.3.132.0.33': 'P-224',
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
  '1.3.132.0.10': 'secp256k1',
  '1.3.36.3.3.2.8.1.1.7': 'brainpoolP256r1',
  '1.3.36.3.3.2.8.1.1.11': 'brainpoolP384r1',
  '1.3.36.3.3.2.8.1.1.13': 'brainpoolP512r1',
  '2.16.840.1.101.3.4.3.17': 'ML-DSA-44',
  '2.16.840.1.101.3.4.3.18': 'ML-DSA-65',
  '2.16.840.1.101.3.4.3.19': 'ML-DSA-87',
};
const [SEQUENCE, OID, VERSION, UTC_TIME] = [0x30, 0x06, 0xa0, 0x17];

interface Element {
  readonly tag: number;
  readonly from: number;
  readonly to: number;
}

/** The DER element at `at`; undefined when it does not fit into the bytes. */
function elementAt(der: Uint8Array, at: number): Element | undefined {
  const [tag, first] = [der[at], der[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (octets > 4) return undefined;
  let length = octets === 0 ? first : 0;
  for (let n = 0; n < octets; n++) length = length * 256 + (der[at + 2 + n] ?? 0);
  const from = at + 2 + octets;
  return from + length <= der.length ? { tag, from, to: from + length } : undefined;
}

const inside = (der: Uint8Array, element: Element | undefined): Element | undefined => (element?.tag === SEQUENCE ? elementAt(der, element.from) : undefined);

function oidOf(der: Uint8Array, { from, to }: Element): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of der.subarray(from, to)) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join('.');
}

/** A field of what is signed of a certificate, counted from behind its version, which may be left out (RFC 5280 §4.1). */
function certificateField(der: Uint8Array, n: number): Element | undefined {
  let field = inside(der, inside(der, elementAt(der, 0)));
  for (let left = field?.tag === VERSION ? n + 1 : n; field && left > 0; left--) field = elementAt(der, field.to);
  return field;
}
const [VALIDITY, PUBLIC_KEY] = [3, 5];

const publicKeyInfo = (der: Uint8Array, certificate: boolean): Element | undefined => (certificate ? certificateField(der, PUBLIC_KEY) : elementAt(der, 0));

function bytesOf(block: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(block.replace(/-----[A-Z0-9 ]+-----|\s/g, '')), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** UTCTime has two digits for the year: those below 50 are of this century (RFC 5280 §4.1.2.5). */
function timeAt(der: Uint8Array, { tag, from, to }: Element): number | undefined {
  const text = String.fromCharCode(...der.subarray(from, Math.min(to, from + 20)));
  const full = tag === UTC_TIME ? `${Number(text.slice(0, 2)) < 50 ? '20' : '19'}${text}` : text;
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(full) ?? [];
  return year === undefined ? undefined : readTime(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** Until when a certificate says that it is valid; undefined when it does not say so legibly. */
export function certificateEnd(block: string): number | undefined {
  const der = bytesOf(block);
  const validity = der && certificateField(der, VALIDITY);
  const begin = der && inside(der, validity);
  const end = der && begin && validity && begin.to < validity.to ? elementAt(der, begin.to) : undefined;
  return der && end ? timeAt(der, end) : undefined;
}

/** A name such as `EC secp256k1` or `RSASSA-PSS`, or the bare identifier; undefined when none can be read. */
export function pemKeyType(block: string, label: string): string | undefined {
  const der = bytesOf(block);
  if (!der) return undefined;
  const algorithm = inside(der, publicKeyInfo(der, label === 'CERTIFICATE'));
  const id = inside(der, algorithm);
  if (!algorithm || id?.tag !== OID) return undefined;
  const oid = oidOf(der, id);
  const name = NAMES[oid] ?? oid;
  const parameter = id.to < algorithm.to ? elementAt(der, id.to) : undefined;
  if (name !== 'EC' || !parameter) return name;
  const curve = parameter.tag === OID ? oidOf(der, parameter) : undefined;
  return `EC ${curve === undefined ? 'with explicit parameters' : (NAMES[curve] ?? curve)}`;
}
