// A consortium from nothing: a Trust Anchor, an operator below it, services that the anchor looks at, and a partner that applies to
// the operator and then makes its own agents. Two Holdfasts run already; what a person decides each of these commands stands for.
// Settings are in README.md. Standard output has one JSON object a line; files are written into FOLDER.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signJws } from 'holdfast/federation';
import { entityConfiguration, keysIn, publicHalf, signerOf } from './entity.mjs';
import { listening } from './listening.mjs';

const { ANCHOR = 'http://localhost:8080', ANCHOR_DATA = 'anchor', OPERATOR = 'http://localhost:8090', OPERATOR_DATA = 'operator' } = process.env;
const { FOLDER = 'consortium', SERVICE, SERVER, SCOPES = 'tools:read tools:write' } = process.env;
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));
const MARK = `${ANCHOR}/marks/vetted-service`;

/** Whoever runs a Holdfast: by the API key in its data folder. */
function runs(url, data) {
  const { token } = JSON.parse(readFileSync(join(data, 'cli.json'), 'utf8'));
  return (method, path, body) => ask(`${url}/admin/v1/authorities/main${path}`, token, method, body);
}
async function ask(url, token, method, body) {
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) };
  const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const said = await answer.json();
  if (!answer.ok && said.code !== 'already_exists') throw new Error(`${method} ${url}: ${said.detail} ${JSON.stringify(said.findings ?? [])}`);
  return said;
}
/** Until an entity publishes its configuration: a service that needs the keys of the anchor starts after step 1. */
async function published(entity) {
  say('waiting', { for: entity });
  for (let n = 0; n < 600; n++) {
    const answer = await fetch(`${entity}/.well-known/openid-federation`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((later) => setTimeout(later, 200));
  }
  throw new Error(`${entity} publishes nothing`);
}
const anchor = runs(ANCHOR, ANCHOR_DATA);
const operator = runs(OPERATOR, OPERATOR_DATA);
const scopes = SCOPES.split(' ').map((value) => ({ kind: 'scope', value }));
mkdirSync(FOLDER, { recursive: true });

// 1. The keys of the anchor, which everybody is given out of band.
const { items } = await anchor('GET', '/keys');
const jwks = { keys: items.filter(({ state }) => state === 'active').map(({ jwk }) => jwk) };
writeFileSync(join(FOLDER, 'anchor-keys.json'), JSON.stringify(jwks));
say('keys', { of: ANCHOR, file: join(FOLDER, 'anchor-keys.json') });

// 2. The rules for all: clients prove themselves by a key of their own.
await anchor('PATCH', '', { metadata: { federation_entity: { organization_name: 'Consortium' } } });
const { version } = await anchor('POST', '/policies', {
  metadata_policy: { oauth_client: { token_endpoint_auth_method: { one_of: ['private_key_jwt', 'self_signed_tls_client_auth'] } } },
});
await anchor('POST', `/policies/${version}/publish`);
say('policy', { of: ANCHOR, version });

// 3. The operator, below the anchor. It names its superior, and the anchor looks at what it publishes.
await operator('PATCH', '', { authority_hints: [ANCHOR], metadata: { federation_entity: { organization_name: 'Operator' } } });
await anchor('POST', '/members', { entity_id: OPERATOR, organization: 'Operator', activate: true });
await operator('POST', '/anchors', { entity_id: ANCHOR, jwks });
say('operator', { entity: OPERATOR, below: ANCHOR });

// 4. Services that the anchor looked at: the MCP server with its mark, and the authorization server.
await anchor('POST', '/mark-types', { trust_mark_type: MARK, lifetime: 30 * 86_400 });
await anchor('PUT', `/mark-types/${encodeURIComponent(MARK)}/recognition`, { issuers: [ANCHOR] });
if (SERVICE) {
  await published(SERVICE);
  const types = ['oauth_resource', 'oauth_client'];
  const entitlements = [{ kind: 'scope', value: 'introspect' }];
  const { id } = await anchor('POST', '/members', { entity_id: SERVICE, organization: 'Invoices Ltd', entity_types: types, entitlements, activate: true });
  await anchor('POST', '/marks', { trust_mark_type: MARK, member: SERVICE });
  await anchor('POST', `/entities/${encodeURIComponent(SERVICE)}/evaluate`, {});
  say('service', { entity: SERVICE, mark: MARK, client_id: `${ANCHOR}/clients/${id}` });
}
if (SERVER) {
  await published(SERVER);
  await operator('POST', '/members', { entity_id: SERVER, organization: 'Server Ltd', entity_types: ['oauth_authorization_server'], activate: true });
  say('authorization_server', { entity: SERVER, below: OPERATOR });
}

// 5. A partner applies to the operator, by a link that it was given: no account, no API key. It proves that it has its key.
const file = join(FOLDER, 'partner.keys.json');
const known = existsSync(file);
const keys = await keysIn(file);
const { server, url: partner } = await listening('0');
const partnerEntity = {
  entityId: partner,
  superior: OPERATOR,
  keys,
  metadata: { openid_relying_party: { client_name: 'Partner', redirect_uris: [`${partner}/callback`] } },
};
server.on('request', async (request, response) => {
  const found = request.url === '/.well-known/openid-federation';
  response.writeHead(found ? 200 : 404, { 'content-type': 'application/entity-statement+jwt' }).end(found ? await entityConfiguration(partnerEntity) : '');
});
if (known) say('partner', { file, note: 'there is one already; with a FOLDER of its own there will be another' });
else {
  const link = await operator('POST', '/join-links', { uses: 1, note: 'Partner AB, as agreed by telephone' });
  const [place, secret] = link.url.split('#');
  const offered = await ask(place, secret, 'GET');
  const application = await ask(`${OPERATOR}/join/v1/applications`, secret, 'POST', {
    ...{ join_link: offered.join_link, entity_id: partner, organization: { legal_name: 'Partner AB' }, contacts: [{ email: 'ops@partner.example' }] },
    ...{ entity_types: ['openid_relying_party'], jwks: { keys: [publicHalf(keys.federation_key)] } },
  });
  const own = `${OPERATOR}/join/v1/applications/${application.id}`;
  const { challenge_id, nonce, aud, purpose } = await ask(`${own}/challenges`, application.token, 'POST', {});
  const iat = Math.floor(Date.now() / 1000);
  const claims = { iss: partner, sub: partner, aud, nonce, purpose, jti: randomUUID(), iat, exp: iat + 120 };
  const proof = await signJws('holdfast-key-proof+jwt', claims, await signerOf(keys.federation_key));
  await ask(`${own}/proofs`, application.token, 'POST', { challenge_id, proofs: [proof] });
  say('applied', { entity: partner, authority: OPERATOR });

  // 6. A person at the operator vets it and lets it in; it may keep agents of its own, which may do this much.
  const { member } = await operator('POST', `/applications/${application.id}/take`, {});
  await operator('POST', `/members/${member}/approve`, {});
  await operator('POST', `/members/${member}/activate`, {});
  const resources = SERVICE ? [{ kind: 'resource', value: `${SERVICE}/mcp` }] : [];
  await operator('POST', '/agent-authorities', { member: partner, slug: 'partner', max_agents: 20, entitlements: [...scopes, ...resources] });
  writeFileSync(join(FOLDER, 'partner.json'), JSON.stringify(keys.federation_key), { mode: 0o600 });
  writeFileSync(join(FOLDER, 'resources.json'), JSON.stringify(resources));
  const as = `--as ${partner} --at ${OPERATOR} --key ${join(FOLDER, 'partner.json')}`;
  const may = `${SCOPES.split(' ')
    .map((one) => `--scope ${one}`)
    .join(' ')} --entitlements ${join(FOLDER, 'resources.json')}`;
  say('partner', { entity: partner, member, agents: `${OPERATOR}/partner`, next: `holdfast agent create invoices-7 ${may} --life 1d ${as}` });
}
process.exit(0);
