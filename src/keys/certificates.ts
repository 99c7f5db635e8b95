import type { PublicKey, X509Certificate } from '@peculiar/x509';
import { base64url, exportSPKI, importJWK } from 'jose';
import { algorithmsOf, type Finding, finding, type JwkSet, limits, type PublicJwk } from '../federation/entry.js';
import { fromBase64, pemCertificates } from './pem-certificates.js';

/**
 * Certificates in keys (`x5c`, RFC 7517 §4.7), judged by RFC 5280 as far as a key that signs needs it. A certificate that says
 * something critical that is not looked at here is refused, so nothing is passed over (RFC 5280 §4.2).
 */
type X509 = typeof import('@peculiar/x509');
/** Loaded when the first certificate is seen: most deployments never see one. */
const x509 = (): Promise<X509> => import('@peculiar/x509');

/** Certificates of one key, characters of each, and roots of an authority. */
const MAX_CHAIN = 5;
const MAX_CERTIFICATE_LENGTH = 12_288;
const MAX_ROOTS = 20;
export const MAX_ROOTS_BYTES = 64 * 1024;

const [BASIC_CONSTRAINTS, KEY_USAGE, SUBJECT_ALT_NAME, EXTENDED_KEY_USAGE] = ['2.5.29.19', '2.5.29.15', '2.5.29.17', '2.5.29.37'] as const;
const KNOWN: readonly string[] = [BASIC_CONSTRAINTS, KEY_USAGE, SUBJECT_ALT_NAME, EXTENDED_KEY_USAGE];
const HASHES = ['SHA-256', 'SHA-384', 'SHA-512'];
const CURVES = ['P-256', 'P-384', 'P-521'];

const seconds = (date: Date): number => Math.floor(date.getTime() / 1000);
const hasCertificates = (key: PublicJwk): boolean => key['x5c'] !== undefined;
const fault = (where: string, detail: string): Finding => finding('certificate_invalid', where, detail);
const text = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 100);

/** @returns the certificates, or what is wrong with the list */
async function read(key: PublicJwk, where: string): Promise<readonly X509Certificate[] | Finding> {
  const { X509Certificate: Certificate } = await x509();
  const x5c: unknown = key['x5c'];
  if (!Array.isArray(x5c) || x5c.length === 0) return fault(where, '"x5c" is no list of certificates');
  if (x5c.length > MAX_CHAIN) return finding('too_many', where, `${x5c.length} certificates, more than ${MAX_CHAIN}`);
  const all: X509Certificate[] = [];
  for (const [n, one] of (x5c as readonly unknown[]).entries()) {
    const at = `${where}/${n}`;
    if (typeof one !== 'string' || one.length > MAX_CERTIFICATE_LENGTH)
      return finding('too_large', at, `more than ${MAX_CERTIFICATE_LENGTH} characters, or no text`);
    const der = fromBase64(one);
    if (!der) return fault(at, 'it is not base64 (RFC 7517 §4.7: base64, not base64url)');
    try {
      const certificate = new Certificate(der);
      // What is read late is read now, so that nothing throws below.
      void [certificate.notBefore, certificate.notAfter, certificate.subject, certificate.issuer, certificate.signatureAlgorithm, certificate.extensions];
      void certificate.publicKey.algorithm;
      all.push(certificate);
    } catch (error) {
      return fault(at, `it cannot be read as a certificate: ${text(error)}`);
    }
  }
  return all;
}

/** What is wrong with one certificate by itself. */
async function faultOf(certificate: X509Certificate, where: string, now: number): Promise<Finding | undefined> {
  const [from, to] = [seconds(certificate.notBefore), seconds(certificate.notAfter)];
  if (!(to > now)) return fault(where, `it ended ${certificate.notAfter.toISOString()}`);
  if (!(from <= now + limits.CLOCK_SKEW_SECONDS)) return fault(where, `it is not valid before ${certificate.notBefore.toISOString()}`);
  const unknown = certificate.extensions.find(({ critical, type }) => critical && !KNOWN.includes(type));
  if (unknown) return fault(where, `its extension ${unknown.type.slice(0, 60)} is critical, and is not understood here`);
  const { hash } = certificate.signatureAlgorithm as { readonly hash?: { readonly name?: string } };
  if (hash && !HASHES.includes(hash.name ?? '')) return fault(where, `it is signed with ${(hash.name ?? 'a hash').slice(0, 20)}, which is too weak`);
  const { name, modulusLength, namedCurve } = certificate.publicKey.algorithm as { name: string; modulusLength?: number; namedCurve?: string };
  const weak = modulusLength !== undefined && (modulusLength < limits.MIN_RSA_BITS || modulusLength > limits.MAX_RSA_BITS);
  if (weak) return fault(where, `its RSA key has ${modulusLength} bits`);
  if (name === 'ECDSA' && !CURVES.includes(namedCurve ?? '')) return fault(where, `its key is on the curve ${String(namedCurve).slice(0, 40)}`);
  return undefined;
}

/** Does an issuer's key sign what is below it? A CA, so many below it, and its key is for that. */
async function issuerFault(issuer: X509Certificate, below: number, where: string): Promise<Finding | undefined> {
  const { KeyUsageFlags } = await x509();
  const basic = issuer.getExtension(BASIC_CONSTRAINTS) as { readonly ca?: boolean; readonly pathLength?: number } | null;
  if (basic?.ca !== true) return fault(where, 'it issued another one, and is no CA (basicConstraints)');
  if (basic.pathLength !== undefined && below > basic.pathLength) return fault(where, `${below} CAs are below it, it allows ${basic.pathLength}`);
  const usage = issuer.getExtension(KEY_USAGE) as { readonly usages: number } | null;
  return usage && !(usage.usages & KeyUsageFlags.keyCertSign) ? fault(where, 'its key is not for certificates (keyUsage)') : undefined;
}

async function signedBy(certificate: X509Certificate, key: PublicKey): Promise<boolean> {
  try {
    return await certificate.verify({ publicKey: key, signatureOnly: true });
  } catch {
    return false;
  }
}
const issued = async (issuer: X509Certificate, certificate: X509Certificate): Promise<boolean> =>
  certificate.issuer === issuer.subject && (await signedBy(certificate, issuer.publicKey));

/** Is it the key of the JWK? As bytes of its SubjectPublicKeyInfo. */
async function isKeyOf(certificate: X509Certificate, { kty, crv, x, y, n, e }: PublicJwk, alg: string): Promise<boolean> {
  const key = await importJWK({ kty, crv, x, y, n, e } as never, alg, { extractable: true });
  const pem = (await exportSPKI(key as never)).replace(/-----[A-Z ]+-----|\s/g, '');
  return base64url.encode(new Uint8Array(certificate.publicKey.rawData)) === pem.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

interface Roots {
  /** Are any configured? Then a member is no authority of its own certificate: it would outlive the end that a root set to it. */
  readonly set: boolean;
  readonly all: readonly X509Certificate[];
  readonly fault?: string;
}

/** The certificates of one key: its own first, each issued by the next, the last by a root, or by itself where there are none. */
async function chainFault(key: PublicJwk, all: readonly X509Certificate[], roots: Roots, where: string, now: number) {
  const { KeyUsageFlags } = await x509();
  const [leaf] = all as readonly [X509Certificate, ...X509Certificate[]];
  const [alg] = algorithmsOf(key);
  if (alg === undefined || !(await isKeyOf(leaf, key, alg))) return fault(`${where}/0`, 'it is for another key than this JWK (RFC 7517 §4.7)');
  const usage = leaf.getExtension(KEY_USAGE) as { readonly usages: number } | null;
  if (usage && !(usage.usages & KeyUsageFlags.digitalSignature)) return fault(`${where}/0`, 'its key is not for signatures (keyUsage)');
  for (const [n, certificate] of all.entries()) {
    const wrong = (await faultOf(certificate, `${where}/${n}`, now)) ?? (n > 0 ? await issuerFault(certificate, n - 1, `${where}/${n}`) : undefined);
    if (wrong) return wrong;
    const above = all[n + 1];
    if (above && !(await issued(above, certificate))) return fault(`${where}/${n}`, 'it was not issued by the certificate after it');
  }
  if (!roots.set && all.length === 1 && leaf.issuer === leaf.subject) {
    if (await issued(leaf, leaf)) return undefined;
    return fault(`${where}/0`, 'it says that it is self-issued, and another key signed it');
  }
  return (await underRoot(all, roots.all, now)) ? undefined : finding('certificate_untrusted', where, `nobody trusted here issued it: ${noRoots(roots)}`);
}
function noRoots({ set, all, fault: unread }: Roots): string {
  if (unread !== undefined) return `the roots configured cannot be read (${unread})`;
  return set ? `it leads to none of the ${all.length} roots configured` : 'no roots are configured';
}

/** Does the last one lead to a root that is in force, or is it one itself? */
async function underRoot(all: readonly X509Certificate[], roots: readonly X509Certificate[], now: number): Promise<boolean> {
  const last = all.at(-1) as X509Certificate;
  for (const root of roots) {
    if (await faultOf(root, '', now)) continue;
    if (root.toString('base64') === last.toString('base64')) return true;
    if (!(await issuerFault(root, all.length - 1, '')) && (await issued(root, last))) return true;
  }
  return false;
}

/** The certificates of a PEM text; the words say what is wrong with it. @throws Error */
export async function rootsOf(pem: string | null): Promise<readonly X509Certificate[]> {
  if (pem === null) return [];
  const blocks = pemCertificates(pem);
  if (blocks.length > MAX_ROOTS) throw new Error(`${blocks.length} certificates, more than ${MAX_ROOTS}`);
  const { X509Certificate: Certificate } = await x509();
  return blocks.map((der) => new Certificate(der));
}

/** Roots as they were configured, or what keeps them from being read: then nothing leads to any of them. */
async function rootsAsSet(pem: string | null): Promise<Roots> {
  try {
    return { set: pem !== null, all: await rootsOf(pem) };
  } catch (error) {
    return { set: true, all: [], fault: text(error) };
  }
}

/** What is wrong with certificates that are to be roots. @throws Error when they cannot be read */
export async function rootFaults(pem: string, now: number): Promise<readonly Finding[]> {
  const found = await Promise.all(
    (await rootsOf(pem)).map(async (root, n) => {
      const where = `certificate_roots/${n}`;
      const own = (await issued(root, root)) ? undefined : fault(where, 'it is not self-issued, so it is no root');
      return own ?? (await issuerFault(root, 0, where)) ?? (await faultOf(root, where, now));
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** What is wrong with the certificates of keys that are to be vouched for; a key without is not looked at. */
export async function certificateFaults(keys: readonly PublicJwk[], rootsPem: string | null, now: number): Promise<readonly Finding[]> {
  const certified = keys.filter(hasCertificates);
  if (certified.length === 0) return [];
  const roots = await rootsAsSet(rootsPem);
  const found: Finding[] = [];
  for (const key of certified) {
    const where = `jwks ${key.kid}/x5c`;
    const all = await read(key, where);
    const wrong = 'code' in all ? all : await chainFault(key, all, roots, where, now);
    if (wrong) found.push(wrong);
  }
  return found;
}

/** When the root ends that a path leads to, the last one of several; `Infinity` where it leads to none. */
async function rootEnd(all: readonly X509Certificate[], roots: readonly X509Certificate[]): Promise<number> {
  const last = all.at(-1) as X509Certificate;
  const ends: number[] = [];
  for (const root of roots) if (root.toString('base64') === last.toString('base64') || (await issued(root, last))) ends.push(seconds(root.notAfter));
  return ends.length ? Math.max(...ends) : Number.POSITIVE_INFINITY;
}

/** When the first of a key's certificates ends, or the root configured that they lead to; null without one that can be read. */
export async function certifiedUntil(key: PublicJwk, rootsPem: string | null = null): Promise<number | null> {
  if (!hasCertificates(key)) return null;
  const all = await read(key, '');
  if ('code' in all) return null;
  return Math.min(...all.map(({ notAfter }) => seconds(notAfter)), await rootEnd(all, (await rootsAsSet(rootsPem)).all));
}

/** Has any of these keys a certificate? */
export const areCertified = ({ keys }: JwkSet): boolean => keys.some(hasCertificates);

/** Keys without a certificate that would take the place of keys that have one from a root configured: they would end with nothing. */
export const bareBeside = (bound: JwkSet, fresh: readonly PublicJwk[], rootsPem: string | null): readonly Finding[] =>
  rootsPem === null || !areCertified(bound)
    ? []
    : fresh
        .filter((key) => !hasCertificates(key))
        .map(({ kid }) => finding('certificate_missing', `jwks ${kid}`, 'it has no certificate, and would follow keys that have one of a root configured'));

/** When the first certificate of any of these keys ends, or a root that they lead to. */
export async function keysUntil({ keys }: JwkSet, rootsPem: string | null = null): Promise<number | null> {
  const ends = (await Promise.all(keys.map((key) => certifiedUntil(key, rootsPem)))).filter((end) => end !== null);
  return ends.length ? Math.min(...ends) : null;
}
