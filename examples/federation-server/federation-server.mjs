// An authorization server that knows a federation: oidc-provider as it is published, and whoever the federation vouches for is a
// client of it, by its Entity Identifier (automatic registration) or by a software statement. Nobody types in a client id.
// Settings are in README.md. Standard output has one JSON object a line.
import { readFileSync } from 'node:fs';
import { cached, createRelyingParty, registryAt, strict } from 'holdfast/rp';
import { federated, memoryAdapter, registering } from 'holdfast/rp/oidc-provider';
import Provider, { errors } from 'oidc-provider';
import { entityConfiguration, keysIn, signerOf } from './entity.mjs';
import { listening } from './listening.mjs';

// oidc-provider asks for Node 22; this is all that it misses on Node 20.
URL.parse ??= (text, base) => (URL.canParse(text, base) ? new URL(text, base) : null);

const { ANCHOR = '', ANCHOR_KEYS = '', AUTHORITY = ANCHOR, KEY = 'federation-server.keys.json' } = process.env;
const { RESOURCE = '', SCOPES = 'tools:read tools:write', RESOLVER, FRESH = 'strict' } = process.env;
console.info = console.error; // notices of the provider are for people
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));
const loopback = ['localhost', '127.0.0.1'].includes(new URL(ANCHOR).hostname);

const { server, url: issuer, proxied } = await listening('7151');
const keys = await keysIn(KEY);

// Whom it trusts: one Trust Anchor, by keys that came out of band. Everybody else by a chain to it, looked at with every request.
const federation = createRelyingParty({
  anchors: { [ANCHOR]: JSON.parse(readFileSync(ANCHOR_KEYS, 'utf8')) },
  ...(RESOLVER && { resolver: { entityId: ANCHOR, endpoint: RESOLVER } }),
  mode: FRESH === 'strict' ? strict : cached(Number(FRESH)),
  development: loopback,
});
// Where tokens for registration are used up, and where it tells that it has a client: the authority whose member it is.
const registry = registryAt({
  ...{ authority: AUTHORITY, entityId: issuer, signer: await signerOf(keys.federation_key) },
  ...{ fetch: (url, init) => fetch(url, init), now: () => Math.floor(Date.now() / 1000) },
});

const resources = RESOURCE.split(' ').filter(Boolean);
const CHECKED = ['chain to the Trust Anchor', 'status list of each superior', 'what each superior states now', 'policies'];
const own = {
  adapter: memoryAdapter(), // everything is in this process: give a database in production, and `jwks` and `cookies.keys`
  scopes: ['openid', 'offline_access', 'introspect', ...SCOPES.split(' ')],
  features: {
    devInteractions: { enabled: loopback },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource: () => undefined,
      getResourceServerInfo(_ctx, resource) {
        if (!resources.includes(resource)) throw new errors.InvalidTarget();
        return { scope: SCOPES, audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: 300 };
      },
    },
  },
};
// Both doors: by software statement (registering), and by Entity Identifier (federated).
const registered = registering(own, { federation, issuer, registry, log: (told) => say('refused', { door: 'statement', ...told }) });
const provider = new Provider(
  issuer,
  federated(registered.configuration, {
    ...{ Provider, federation },
    log: (told) => say('decision', { checked: CHECKED, ...told }),
  }),
);
registered.attach(provider);
if (proxied) provider.proxy = true;

// What it answers, for people who watch.
const SHOWN = { token: 'token', introspection: 'introspection', registration: 'registered', pushed_authorization_request: 'pushed' };
provider.use(async (ctx, next) => {
  const began = performance.now();
  await next();
  const event = SHOWN[ctx.oidc?.route];
  if (!event || ctx.method !== 'POST') return;
  const { error, error_description, client_id = ctx.oidc.client?.clientId, scope, expires_in, active, federation_entity } = ctx.body ?? {};
  const said = { status: ctx.status, client_id, error, error_description, scope, expires_in, active, entity: federation_entity };
  say(ctx.status < 400 ? event : 'refused', { route: ctx.oidc.route, ...said, ms: Math.round(performance.now() - began) });
});

// It is an entity itself: what it says of itself is what it answers at RFC 8414, signed.
async function configuration() {
  const answer = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  const metadata = { ...(await answer.json()), organization_name: 'Federation server' };
  return entityConfiguration({ entityId: issuer, superior: AUTHORITY, keys, metadata: { oauth_authorization_server: metadata } });
}
const answer = provider.callback();

server.on('request', async (request, response) => {
  if (request.url !== '/.well-known/openid-federation') return answer(request, response);
  response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await configuration());
});
say('ready', { url: issuer, entity: issuer, doors: ['automatic', 'statement'], resources });
