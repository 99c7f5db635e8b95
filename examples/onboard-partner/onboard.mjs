// Onboards a partner from nothing to a verified chain, both sides by script, against a server that runs already:
//   node examples/onboard-partner/onboard.mjs <where the server is> [port of the partner]
// The operator's API key is HOLDFAST_ADMIN_TOKEN, or that of the data folder (HOLDFAST_DATA). The partner has the join link and its
// own key, and no API key. At the end the chain is verified by a script that knows only jose and the key of the anchor.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { fetchChain, verifyChain } from '../verify-chain.mjs';

const [url, port = '7002'] = process.argv.slice(2);
const id = `http://127.0.0.1:${port}`;
const { HOLDFAST_ADMIN_TOKEN, HOLDFAST_DATA = 'data' } = process.env;
const operatorToken = HOLDFAST_ADMIN_TOKEN ?? JSON.parse(readFileSync(join(HOLDFAST_DATA, 'cli.json'), 'utf8')).token;
const began = performance.now();
const seconds = () => ((performance.now() - began) / 1000).toFixed(1);

async function ask(who, token, method, path, body) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const answer = await response.json();
  console.log(`${seconds().padStart(5)} s  ${who}  ${method} ${path} ${response.status}`);
  if (!response.ok) throw new Error(`${answer.detail} ${JSON.stringify(answer.findings ?? [])}`);
  return answer;
}
const operator = (method, path, body) => ask('operator', operatorToken, method, `/admin/v1/authorities/main${path}`, body);
const partner = (secret, method, path, body) => ask('partner ', secret, method, `/join/v1${path}`, body);

// The partner: a key, and an entity configuration at its identifier that names the superior.
const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const { d: _, ...jwk } = await exportJWK(privateKey);
const kid = await calculateJwkThumbprint(jwk);
const keys = [{ ...jwk, kid, alg: 'ES256', use: 'sig' }];
const signed = (typ, claims) =>
  new SignJWT({ iss: id, sub: id, ...claims }).setProtectedHeader({ alg: 'ES256', kid, typ }).setIssuedAt().setExpirationTime('5m').sign(privateKey);
const configuration = (superior) =>
  signed('entity-statement+jwt', {
    jwks: { keys },
    authority_hints: [superior],
    metadata: {
      openid_relying_party: {
        client_name: 'Partner',
        redirect_uris: [`${id}/callback`],
        response_types: ['code'],
        grant_types: ['authorization_code'],
        client_registration_types: ['automatic'],
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys },
      },
    },
  });

let superior;
const server = createServer(async (request, response) => {
  const found = request.url === '/.well-known/openid-federation';
  response
    .writeHead(found ? 200 : 404, { 'content-type': found ? 'application/entity-statement+jwt' : 'text/plain' })
    .end(found ? await configuration(superior) : 'not here');
});
await new Promise((listening) => server.listen(Number(port), '127.0.0.1', listening));

try {
  const link = await operator('POST', '/join-links', { uses: 1, note: 'onboarding by script' });
  // What the partner is given is one URL; what stands behind # is sent to nobody.
  const [offered, secret] = link.url.split('#');
  const offer = await partner(secret, 'GET', `/${offered.split('/').at(-1)}`);
  superior = offer.authority.entity_id;

  const application = await partner(secret, 'POST', '/applications', {
    join_link: offer.join_link,
    entity_id: id,
    organization: { legal_name: `Partner at ${id}` },
    contacts: [{ email: 'ops@partner.example' }],
    entity_types: ['openid_relying_party'],
    jwks: { keys },
  });
  const own = `/applications/${application.id}`;
  const report = await partner(application.token, 'POST', `${own}/preflight`, {});
  if (!report.ok) throw new Error(JSON.stringify(report.findings));
  const { challenge_id, nonce, aud, purpose } = await partner(application.token, 'POST', `${own}/challenges`, {});
  const proof = await signed('holdfast-key-proof+jwt', { aud, nonce, purpose, jti: randomUUID() });
  await partner(application.token, 'POST', `${own}/proofs`, { challenge_id, proofs: [proof] });

  const { conflicts } = await operator('GET', `${own}`);
  if (conflicts.some(({ severity }) => severity === 'error')) throw new Error(JSON.stringify(conflicts));
  const { member } = await operator('POST', `${own}/take`, {});
  await operator('POST', `/members/${member}/approve`, {});
  await operator('POST', `/members/${member}/activate`, {});

  const { state } = await partner(application.token, 'GET', own);
  const { items } = await operator('GET', '/keys');
  const anchors = { [superior]: { keys: items.filter((one) => one.state === 'active').map((one) => one.jwk) } };
  const chain = await verifyChain(await fetchChain(id, anchors), anchors);
  console.log(`${id} is ${state} below ${superior}, a chain of ${chain.length} statements verified, ${seconds()} s after nothing was there`);
} finally {
  server.close();
  server.closeAllConnections();
}
