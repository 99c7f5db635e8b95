import * as x509 from '@peculiar/x509';
import { calculateJwkThumbprint, type CryptoKey, exportJWK } from 'jose';
import type { PublicJwk } from '../../src/federation/entry.js';
import { NOW } from './chain.js';
import { testKey, type TestKey } from './keys.js';

/** Certificates for tests, in force around NOW unless told otherwise. */
const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
export const DAY = 86_400;

interface Pair {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

export interface TestCertificate {
  readonly pair: Pair;
  readonly certificate: x509.X509Certificate;
  readonly base64: string;
  readonly pem: string;
}

export interface Made {
  readonly name?: string;
  readonly by?: TestCertificate;
  /** Seconds before and after NOW. */
  readonly from?: number;
  readonly until?: number;
  readonly ca?: boolean | number;
  readonly extensions?: readonly x509.Extension[];
  readonly pair?: Pair;
  readonly signer?: Pair;
  readonly hash?: string;
}

export const pairOf = async (): Promise<Pair> => (await crypto.subtle.generateKey(EC, true, ['sign', 'verify'])) as never;

let serial = 1;
export async function certify({ name = 'CN=somebody', by, from = DAY, until = 30 * DAY, ca, extensions = [], pair, signer, hash = 'SHA-256' }: Made = {}) {
  const own = pair ?? (await pairOf());
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: (serial++).toString(16).padStart(4, '0'),
    subject: name,
    issuer: by?.certificate.subject ?? name,
    notBefore: new Date((NOW - from) * 1000),
    notAfter: new Date((NOW + until) * 1000),
    publicKey: own.publicKey as never,
    signingKey: (signer ?? by?.pair ?? own).privateKey as never,
    signingAlgorithm: { ...EC, hash },
    extensions: [...(ca === undefined ? [] : [new x509.BasicConstraintsExtension(ca !== false, typeof ca === 'number' ? ca : undefined, true)]), ...extensions],
  });
  return { pair: own, certificate, base64: certificate.toString('base64').replace(/\s/g, ''), pem: certificate.toString('pem') } satisfies TestCertificate;
}

/** The key of a certificate as a JWK with these certificates in it. */
export async function certified(of: TestCertificate, ...above: readonly TestCertificate[]): Promise<PublicJwk> {
  const jwk = await exportJWK(of.pair.publicKey as never);
  return {
    kty: 'EC',
    crv: 'P-256',
    ...jwk,
    kid: await calculateJwkThumbprint(jwk),
    alg: 'ES256',
    x5c: [of, ...above].map(({ base64 }) => base64),
  } as PublicJwk;
}

/** A key that signs configurations, and its pair for certificates. */
export async function certifiableKey(): Promise<{ readonly key: TestKey; readonly pair: Pair }> {
  const key = await testKey();
  const { kty, crv, x, y } = key.jwk;
  const publicKey = (await crypto.subtle.importKey('jwk', { kty, crv, x, y } as never, EC, true, ['verify'])) as never;
  return { key, pair: { publicKey, privateKey: key.privateKey as never } };
}
