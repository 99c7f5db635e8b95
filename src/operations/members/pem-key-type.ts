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
const [SEQUENCE, OID, VERSION] = [0x30, 0x06, 0xa0];

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

/** The SubjectPublicKeyInfo: of a certificate the seventh field of what is signed (the sixth when the version is left out). */
function publicKeyInfo(der: Uint8Array, certificate: boolean): Element | undefined {
  if (!certificate) return elementAt(der, 0);
  let field = inside(der, inside(der, elementAt(der, 0)));
  for (let left = field?.tag === VERSION ? 6 : 5; field && left > 0; left--) field = elementAt(der, field.to);
  return field;
}

/** A name such as `EC secp256k1` or `RSASSA-PSS`, or the bare identifier; undefined when none can be read. */
export function pemKeyType(block: string, label: string): string | undefined {
  const text = block.replace(/-----[A-Z0-9 ]+-----|\s/g, '');
  let der: Uint8Array;
  try {
    der = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
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
