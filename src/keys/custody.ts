import { calculateJwkThumbprint, type CryptoKey, exportJWK, exportPKCS8, generateKeyPair, importJWK, importPKCS8, type JWK } from 'jose';
import { algorithmsOf, parseJwkSet, type PublicJwk, refuse, type Result, type Signer, type SigningAlgorithm } from '../federation/entry.js';
import { seal, unseal } from './seal.js';

/** A key as the registry keeps it. `sealed` means something to its custody back end only. */
export interface KeptKey {
  readonly id: string;
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly sealed: string;
}
export interface NewKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly jwk: PublicJwk;
  readonly sealed: string;
}

/** Where private keys live. The first back end seals them into the database; devices and cloud services can follow. */
export interface Custody {
  /** Make a key; its `kid` is the RFC 7638 thumbprint. `id` is bound into the seal. */
  generate(id: string, alg: SigningAlgorithm): Promise<NewKey>;
  /** Take over a private JWK or PKCS#8 PEM. Gives findings when it is no usable signing key. */
  adopt(id: string, secret: JWK | string, alg?: SigningAlgorithm): Promise<Result<NewKey>>;
  /** @throws Error when the key does not open */
  signer(key: KeptKey): Promise<Signer>;
}

/** ECDSA hashes by curve; jose's names for the rest. */
function signParameters(alg: SigningAlgorithm) {
  if (alg.startsWith('ES')) return { name: 'ECDSA', hash: `SHA-${alg.slice(2)}` };
  if (alg.startsWith('PS')) return { name: 'RSA-PSS', saltLength: Number(alg.slice(2)) / 8 };
  return alg.startsWith('RS') ? { name: 'RSASSA-PKCS1-v1_5' } : { name: 'Ed25519' };
}

/** Open a private key (PKCS#8 PEM) for signing with it. @throws when it is none for that algorithm */
export type OpenKey = (pem: string, alg: SigningAlgorithm) => Promise<Signer['sign']>;

/** As a non-extractable CryptoKey: it signs in a thread of the engine. */
export const byWebCrypto: OpenKey = async (pem, alg) => {
  const key = await importPKCS8(pem, alg);
  return async (bytes) => new Uint8Array(await crypto.subtle.sign(signParameters(alg), key as never, bytes as Uint8Array<ArrayBuffer>));
};

/** Private keys as PKCS#8, sealed with AES-256-GCM; opened ones stay in memory. */
export function sealedCustody(sealKey: CryptoKey, open: OpenKey = byWebCrypto): Custody {
  const opened = new Map<string, Promise<Signer>>();

  async function keep(id: string, privateKey: CryptoKey, alg: SigningAlgorithm): Promise<Result<NewKey>> {
    const { kty, crv, x, y, n, e } = await exportJWK(privateKey);
    const material = Object.fromEntries(Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined));
    const kid = await calculateJwkThumbprint(material as JWK);
    const jwk = { ...material, kid, alg, use: 'sig' } as unknown as PublicJwk;
    const checked = parseJwkSet({ keys: [jwk] }, 'key');
    if (!checked.ok) return checked;
    return { ok: true, value: { kid, alg, jwk, sealed: await seal(sealKey, id, await exportPKCS8(privateKey)) } };
  }

  return {
    async generate(id, alg) {
      const { privateKey } = await generateKeyPair(alg, { extractable: true, modulusLength: 3072 });
      const kept = await keep(id, privateKey, alg);
      if (!kept.ok) throw new Error('a generated key failed its own check');
      return kept.value;
    },

    async adopt(id, secret, wanted) {
      const no = (detail: string) => refuse('jwks_invalid', 'key', `${detail}; give a private JWK or an unencrypted PKCS#8 PEM, and its algorithm`);
      const guess: SigningAlgorithm | undefined = wanted ?? (typeof secret === 'string' ? undefined : algorithmsOf({ ...secret, kid: 'x' } as PublicJwk)[0]);
      for (const alg of guess ? [guess] : (['ES256', 'ES384', 'ES512', 'Ed25519', 'RS256'] as const)) {
        try {
          const key =
            typeof secret === 'string'
              ? await importPKCS8(secret, alg, { extractable: true })
              : await importJWK({ ...secret, ext: true }, alg, { extractable: true });
          if (key instanceof Uint8Array || key.type !== 'private') return no('it is not a private key');
          return await keep(id, key, alg);
        } catch {
          // not this algorithm
        }
      }
      return no('it cannot be read as a private signing key');
    },

    signer({ id, kid, alg, sealed }) {
      const cacheKey = `${id} ${sealed.slice(0, 16)}`;
      let signer = opened.get(cacheKey);
      if (!signer) {
        signer = unseal(sealKey, id, sealed)
          .then((pem) => open(pem, alg))
          .then((sign): Signer => ({ kid, alg, sign }));
        signer.catch(() => opened.delete(cacheKey));
        opened.set(cacheKey, signer);
      }
      return signer;
    },
  };
}
