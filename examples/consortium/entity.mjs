// What makes a process an entity of a federation: two keys that it makes itself and keeps in a file, and an Entity Configuration
// that it signs with one of them (OpenID Federation 1.0 §9). Its superior knows the public half; nobody else has the private one.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { signJws } from 'holdfast/federation';

const { subtle } = globalThis.crypto;
const EC = { name: 'ECDSA', namedCurve: 'P-256' };
const DAY = 86_400;

async function newKey() {
  const { privateKey } = await subtle.generateKey(EC, true, ['sign', 'verify']);
  const { kty, crv, x, y, d } = await subtle.exportKey('jwk', privateKey);
  const kid = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url'); // RFC 7638
  return { kty, crv, x, y, d, kid, alg: 'ES256', use: 'sig' };
}

/** @param {Record<string, unknown>} jwk */
export const publicHalf = ({ d: _, ...rest }) => rest;

/** Signs with a private key. @param {JsonWebKey & { kid: string }} jwk */
export async function signerOf(jwk) {
  const key = await subtle.importKey('jwk', { ...jwk, use: undefined, alg: undefined }, EC, false, ['sign']);
  const sign = async (bytes) => new Uint8Array(await subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, bytes));
  return { kid: jwk.kid, alg: /** @type {const} */ ('ES256'), sign };
}

/** The keys in a file of its owner's alone, made when there is none: one for what it says of itself, one for OAuth. @param {string} file */
export async function keysIn(file) {
  if (!existsSync(file)) writeFileSync(file, JSON.stringify({ federation_key: await newKey(), client_key: await newKey() }), { mode: 0o600, flag: 'wx' });
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** A JWT of a client that proves its key (RFC 7523), for one server, once, for a minute. */
export async function clientAssertion(clientId, audience, clientKey) {
  const iat = Math.floor(Date.now() / 1000);
  return signJws('JWT', { iss: clientId, sub: clientId, aud: audience, jti: randomUUID(), iat, exp: iat + 60 }, await signerOf(clientKey));
}

/**
 * The Entity Configuration, signed anew each time: served at `<entity id>/.well-known/openid-federation`.
 * @param {{ entityId: string, superior: string, keys: { federation_key: object }, metadata: object, trust_marks?: object[] }} entity
 */
export async function entityConfiguration({ entityId, superior, keys, metadata, trust_marks = [] }) {
  const iat = Math.floor(Date.now() / 1000);
  const jwks = { keys: [publicHalf(keys.federation_key)] };
  const claims = { iss: entityId, sub: entityId, iat, exp: iat + DAY, jwks, authority_hints: [superior], metadata, ...(trust_marks.length && { trust_marks }) };
  return signJws('entity-statement+jwt', claims, await signerOf(keys.federation_key));
}

/** The Trust Marks that an authority has issued about an entity (§8.6): those of these types that there are by now. */
export async function marksOf(authority, entityId, types) {
  if (types.length === 0) return [];
  const configuration = await (await fetch(`${authority}/.well-known/openid-federation`)).text();
  const { metadata } = JSON.parse(Buffer.from(configuration.split('.')[1], 'base64url').toString());
  const marks = types.map(async (trust_mark_type) => {
    const answer = await fetch(`${metadata.federation_entity.federation_trust_mark_endpoint}?${new URLSearchParams({ trust_mark_type, sub: entityId })}`);
    return answer.ok ? [{ trust_mark_type, trust_mark: (await answer.text()).trim() }] : [];
  });
  return (await Promise.all(marks)).flat();
}
