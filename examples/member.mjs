// A member in miniature: a key pair, an Entity Configuration signed with it, and the one URL it is published at.
//   node examples/member.mjs <superior's entity id> [port]     serves it until Ctrl-C; the key is kept in member-key.json
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';

const [superior, port = '7001'] = process.argv.slice(2);
const id = `http://127.0.0.1:${port}`;
const KEPT = 'member-key.json';

if (!existsSync(KEPT)) {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  writeFileSync(KEPT, JSON.stringify(await exportJWK(privateKey)), { mode: 0o600 });
}
const privateJwk = JSON.parse(readFileSync(KEPT, 'utf8'));
const { d: _, ...jwk } = privateJwk;
const kid = await calculateJwkThumbprint(jwk);
const key = await importJWK(privateJwk, 'ES256');

const configuration = () =>
  new SignJWT({
    jwks: { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] },
    authority_hints: [superior],
    metadata: {
      openid_relying_party: {
        client_name: 'Bank A',
        redirect_uris: [`${id}/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        client_registration_types: ['automatic'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...jwk, kid, alg: 'ES256', use: 'sig' }] },
      },
    },
  })
    .setProtectedHeader({ alg: 'ES256', kid, typ: 'entity-statement+jwt' })
    .setIssuer(id)
    .setSubject(id)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(key);

createServer(async (request, response) => {
  const found = request.url === '/.well-known/openid-federation';
  response
    .writeHead(found ? 200 : 404, { 'content-type': found ? 'application/entity-statement+jwt' : 'text/plain' })
    .end(found ? await configuration() : 'not here');
}).listen(Number(port), '127.0.0.1', () => console.log(`${id} publishes its configuration, below ${superior}`));
