import { calculateJwkThumbprint, exportJWK, importSPKI, importX509, type JWK } from 'jose';
import { algorithmsOf, type JwkSet, parseJwkSet, type PublicJwk, refuse, type Result } from '../federation/entry.js';

const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'Ed25519', 'RS256'] as const;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
const MAX_PEM_BYTES = 64 * 1024;

/**
 * Public keys from PEM (SubjectPublicKeyInfo or certificates, one or several) as a JWK Set; each `kid` is the RFC 7638
 * thumbprint. A private key is refused without being read.
 */
export async function jwksFromPem(pem: string): Promise<Result<JwkSet>> {
  if (pem.length > MAX_PEM_BYTES) return refuse('too_large', 'pem', `more than ${MAX_PEM_BYTES} bytes`);
  if (/PRIVATE KEY-----/.test(pem)) return refuse('jwk_private', 'pem', 'it holds a private key; send the public one (openssl pkey -pubout)');
  const keys: PublicJwk[] = [];
  for (const [block, label] of pem.matchAll(BLOCK)) {
    const jwk = await read(block, label ?? '');
    if (!jwk) return refuse('jwks_invalid', `pem block ${keys.length + 1}`, `"${label}" is no supported public key; send "PUBLIC KEY" or "CERTIFICATE" blocks`);
    keys.push({ ...jwk, kid: await calculateJwkThumbprint(jwk) } as PublicJwk);
  }
  if (keys.length === 0) return refuse('jwks_invalid', 'pem', 'there is no PEM block in it');
  return parseJwkSet({ keys }, 'pem');
}

async function read(block: string, label: string): Promise<JWK | undefined> {
  for (const alg of ALGORITHMS) {
    try {
      const key = label === 'CERTIFICATE' ? await importX509(block, alg, { extractable: true }) : await importSPKI(block, alg, { extractable: true });
      // workerd imports an RSA key as an EC one without complaint; only the export tells.
      const jwk = await exportJWK(key);
      if (algorithmsOf({ ...jwk, kid: '' } as PublicJwk).includes(alg)) return jwk;
    } catch {
      // not this algorithm
    }
  }
  return undefined;
}
