import { exportJWK, generateKeyPair, calculateJwkThumbprint, SignJWT, type CryptoKey } from 'jose';
import type { PublicJwk, Signer, SigningAlgorithm } from '../../src/federation/entry.js';

/** Finding the primes of an RSA key takes long: there is one key for each algorithm. */
const rsaPairs = new Map<SigningAlgorithm, ReturnType<typeof generateKeyPair>>();
function rsaPair(alg: SigningAlgorithm): ReturnType<typeof generateKeyPair> {
  const pair = rsaPairs.get(alg) ?? generateKeyPair(alg, { extractable: true });
  rsaPairs.set(alg, pair);
  return pair;
}

/** A key pair for tests; statements are signed with jose alone, so our own signing code is not its own judge. */
export interface TestKey extends Signer {
  readonly jwk: PublicJwk;
  readonly privateKey: CryptoKey;
  jwt(claims: object, header?: object): Promise<string>;
}

export async function testKey(alg: SigningAlgorithm = 'ES256', kid?: string): Promise<TestKey> {
  const pair = await (/^[RP]S/.test(alg) ? rsaPair(alg) : generateKeyPair(alg, { extractable: true }));
  const bare = await exportJWK(pair.publicKey);
  const name = kid ?? (await calculateJwkThumbprint(bare));
  return {
    kid: name,
    alg,
    jwk: { ...bare, kid: name, alg } as PublicJwk,
    privateKey: pair.privateKey,
    jwt: (claims, header = {}) =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg, kid: name, typ: 'entity-statement+jwt', ...header }).sign(pair.privateKey),
    sign: async (bytes) => {
      const params = alg.startsWith('ES')
        ? { name: 'ECDSA', hash: `SHA-${alg.slice(2)}` }
        : alg.startsWith('RS')
          ? 'RSASSA-PKCS1-v1_5'
          : alg.startsWith('PS')
            ? { name: 'RSA-PSS', saltLength: Number(alg.slice(2)) / 8 }
            : 'Ed25519';
      return new Uint8Array(await crypto.subtle.sign(params, pair.privateKey as never, bytes as Uint8Array<ArrayBuffer>));
    },
  };
}
