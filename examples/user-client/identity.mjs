// Who the client is in the federation: two keys, and a configuration that it signs. Its superior states the same about it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';

/** The key that signs what it says of itself, and the one that it proves itself with at authorization servers. Made when there are none. */
export async function keysIn(file) {
  if (!existsSync(file)) {
    const [federation, client] = [await made(), await made()];
    writeFileSync(file, JSON.stringify({ federation_key: federation, client_key: client }), { mode: 0o600 });
  }
  const { federation_key, client_key } = JSON.parse(readFileSync(file, 'utf8'));
  return { federation: await read(federation_key), client: await read(client_key) };
}

async function made() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return exportJWK(privateKey);
}

async function read({ kty, crv, x, y, d }) {
  const kid = await calculateJwkThumbprint({ kty, crv, x, y });
  return { kid, key: await importJWK({ kty, crv, x, y, d }, 'ES256'), jwk: { kty, crv, x, y, kid, alg: 'ES256', use: 'sig' } };
}

/** The Entity Configuration: what it would like to be. What it may do is what is left after every policy above it. */
export const configurationOf = (id, { keys: { federation, client }, authority, scope }) =>
  new SignJWT({
    jwks: { keys: [federation.jwk] },
    authority_hints: [authority],
    metadata: {
      openid_relying_party: {
        client_name: 'User client',
        client_registration_types: ['automatic'],
        redirect_uris: [`${id}/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
        token_endpoint_auth_method: 'private_key_jwt',
        dpop_bound_access_tokens: true,
        scope,
        jwks: { keys: [client.jwk] },
      },
    },
  })
    .setProtectedHeader({ alg: 'ES256', kid: federation.kid, typ: 'entity-statement+jwt' })
    .setIssuer(id)
    .setSubject(id)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(federation.key);
