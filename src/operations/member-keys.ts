import { calculateJwkThumbprint, exportJWK, importSPKI, importX509, type CryptoKey } from 'jose';
import { type JwkSet, parseJwkSet, type PublicJwk, type Result } from '../federation/entry.js';

const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'Ed25519', 'RS256'] as const;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
const MAX_PEM_BYTES = 64 * 1024;

const no = (code: 'jwks_invalid' | 'jwk_private' | 'too_large', where: string, detail: string, fix: string): Result<JwkSet> => ({ ok: false, findings: [{ code, where, clause: 'OpenID Federation 1.0 §3.1.1', detail, fix, transient: false }] });

/**
 * Public keys from PEM (SubjectPublicKeyInfo or certificates, one or several) as a JWK Set; each `kid` is the RFC 7638
 * thumbprint. A private key is refused without being read.
 */
export async function jwksFromPem(pem: string): Promise<Result<JwkSet>> {
  if (pem.length > MAX_PEM_BYTES) return no('too_large', 'pem', `more than ${MAX_PEM_BYTES} bytes`, 'Send only the public keys.');
  if (/PRIVATE KEY-----/.test(pem)) return no('jwk_private', 'pem', 'it holds a private key', 'Send the public key (openssl pkey -pubout); treat the private key as compromised.');
  const keys: PublicJwk[] = [];
  for (const [block, label] of pem.matchAll(BLOCK)) {
    const key = await read(block, label ?? '');
    if (!key) return no('jwks_invalid', `pem block ${keys.length + 1}`, `"${label}" is no supported public key`, 'Send "PUBLIC KEY" or "CERTIFICATE" blocks of RSA, EC or Ed25519 keys.');
    const jwk = await exportJWK(key);
    keys.push({ ...jwk, kid: await calculateJwkThumbprint(jwk) } as PublicJwk);
  }
  if (keys.length === 0) return no('jwks_invalid', 'pem', 'there is no PEM block in it', 'Send text that begins with -----BEGIN PUBLIC KEY-----.');
  return parseJwkSet({ keys }, 'pem');
}

async function read(block: string, label: string): Promise<CryptoKey | undefined> {
  for (const alg of ALGORITHMS) {
    try {
      return label === 'CERTIFICATE' ? await importX509(block, alg, { extractable: true }) : await importSPKI(block, alg, { extractable: true });
    } catch {
      // not this algorithm
    }
  }
  return undefined;
}
