import { calculateJwkThumbprint, exportJWK, importSPKI, importX509, type JWK } from 'jose';
import { algorithmsOf, failure, type Finding, finding, type PublicJwk, refuse, type Result, type UsableKeys, usableKeys } from '../../federation/entry.js';
import { dated } from '../../keys/life-cycle.js';
import { asWarnings, type Judged } from '../judged.js';
import { certificateEnd, pemKeyType } from './pem-key-type.js';

/** With which algorithm a key of a type is imported; any that fits will do, the JWK does not carry it. */
const ALGORITHMS: Readonly<Record<string, string>> = { RSA: 'RS256', 'EC P-256': 'ES256', 'EC P-384': 'ES384', 'EC P-521': 'ES512', Ed25519: 'Ed25519' };
const LABELS = ['PUBLIC KEY', 'CERTIFICATE'];
const BEGINS = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----/g;
const MAX_PEM_BYTES = 64 * 1024;

interface GivenKeys extends UsableKeys {
  /** What is worth knowing of keys that are taken. */
  readonly told: readonly Judged[];
}

/**
 * The keys an operator gave, as a JWK Set or as PEM: the usable ones, and why others are left out.
 * @param now for certificates that have ended
 */
export async function givenKeys({ jwks, pem }: { readonly jwks?: unknown; readonly pem?: string | undefined }, now: number): Promise<Result<GivenKeys>> {
  const keys = pem === undefined ? usableKeys(jwks) : await keysFromPem(pem);
  return keys.ok ? { ok: true, value: { ...keys.value, told: asWarnings([...endedCertificates(pem ?? '', now)]) } } : keys;
}

/** A federation believes no certificate: the key in it is taken, and whoever gave it is told that it may be an old one. */
function* endedCertificates(pem: string, now: number): Generator<Finding> {
  for (const [n, [block, label]] of [...pem.matchAll(BLOCK)].entries()) {
    const end = label === 'CERTIFICATE' ? certificateEnd(block) : undefined;
    if (end !== undefined && end < now)
      yield finding('certificate_ended', `pem block ${n + 1}`, `the certificate ended ${dated(end)}; its key is taken all the same`);
  }
}

/**
 * Public keys from PEM (SubjectPublicKeyInfo or certificates, one or several) as a JWK Set; each `kid` is the RFC 7638
 * thumbprint. A private key is refused without being read.
 */
async function keysFromPem(pem: string): Promise<Result<UsableKeys>> {
  if (pem.length > MAX_PEM_BYTES) return refuse('too_large', 'pem', `more than ${MAX_PEM_BYTES} bytes`);
  if (/PRIVATE KEY-----/.test(pem)) return refuse('jwk_private', 'pem', 'it holds a private key; send the public one (openssl pkey -pubout)');
  const keys: PublicJwk[] = [];
  const unread: Finding[] = [];
  for (const [n, [block, label = '']] of [...pem.matchAll(BLOCK)].entries()) {
    const jwk = await read(block, label);
    if (jwk) keys.push({ ...jwk, kid: await calculateJwkThumbprint(jwk) } as PublicJwk);
    else unread.push(unreadable(`pem block ${n + 1}`, block, label));
  }
  unread.push(...unended(pem));
  if (keys.length === 0) return unread.length ? failure(...unread) : refuse('jwks_invalid', 'pem', 'there is no PEM block in it');
  const usable = usableKeys({ keys });
  const inPem = (findings: readonly Finding[]) => findings.map((one) => ({ ...one, where: one.where.replace(/^jwks/, 'pem') }));
  return usable.ok
    ? { ok: true, value: { jwks: usable.value.jwks, ignored: [...unread, ...inPem(usable.value.ignored)] } }
    : failure(...unread, ...inPem(usable.findings));
}

/** Blocks that begin and are none: cut off, or with characters in them that no PEM has. */
function unended(pem: string): readonly Finding[] {
  const whole = new Set([...pem.matchAll(BLOCK)].map(({ index }) => index));
  return [...pem.matchAll(BEGINS)].flatMap(({ index, 1: label = '' }) =>
    whole.has(index)
      ? []
      : [finding('jwks_invalid', 'pem', `a "${label}" block has no "-----END ${label}-----", or characters before it that are no base64: is it copied whole?`)],
  );
}

/** Why a block gives no key, by what it holds. */
function unreadable(where: string, block: string, label: string): Finding {
  if (!LABELS.includes(label))
    return finding('jwks_invalid', where, `"${label}" is no supported public key; send "PUBLIC KEY" or "CERTIFICATE" blocks (openssl pkey -pubout)`);
  const type = pemKeyType(block, label);
  if (type === undefined || ALGORITHMS[type] !== undefined)
    return finding('jwks_invalid', where, `the "${label}" block cannot be read: it is damaged, or not what its first line says`);
  const one = finding('jwk_unsupported', where, `the "${label}" block holds a key of type ${type}`);
  return type === 'RSASSA-PSS'
    ? { ...one, fix: 'A PEM that is bound to RSASSA-PSS has no JWK form: give the same key as a JWK (kty RSA, alg PS256, PS384 or PS512).' }
    : one;
}

/** By the type the block itself names: workerd imports an X25519 key as Ed25519 and an RSA one as EC without complaint. */
async function read(block: string, label: string): Promise<JWK | undefined> {
  const alg = LABELS.includes(label) ? ALGORITHMS[pemKeyType(block, label) ?? ''] : undefined;
  if (alg === undefined) return undefined;
  try {
    const key = label === 'CERTIFICATE' ? await importX509(block, alg, { extractable: true }) : await importSPKI(block, alg, { extractable: true });
    const jwk = await exportJWK(key);
    return (algorithmsOf({ ...jwk, kid: '' } as PublicJwk) as readonly string[]).includes(alg) ? jwk : undefined;
  } catch {
    return undefined;
  }
}
