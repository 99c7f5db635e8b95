// An authorization server that has never heard of federations: oidc-provider as it is published, without a line of ours. It takes
// the Client ID Metadata Documents that an authority serves, and so everybody whom that authority vouches for.
// Settings are in README.md. Standard output has one JSON object a line.
import Provider, { errors } from 'oidc-provider';
import { listening } from './listening.mjs';

// oidc-provider asks for Node 22; this is all that it misses on Node 20.
URL.parse ??= (text, base) => (URL.canParse(text, base) ? new URL(text, base) : null);

const { DOCUMENTS = '', RESOURCE = '', SCOPE = 'tools:read tools:write', CACHE } = process.env;
console.info = console.error; // notices of the provider are for people
const say = (event, said) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...said }));
const { server, url: issuer, proxied } = await listening('7152');
const places = DOCUMENTS.split(' ').filter(Boolean);
if (places.length === 0 || !places.every((one) => one.endsWith('/'))) throw new Error('DOCUMENTS: where documents may lie; each ends in a slash');
const loopback = places.every((one) => ['localhost', '127.0.0.1'].includes(new URL(one).hostname));
const resources = RESOURCE.split(' ').filter(Boolean);

const provider = new Provider(issuer, {
  scopes: ['introspect', ...SCOPE.split(' ')],
  // The provider never fetches from the machine it runs on. To try it there, it may.
  ...(loopback && { fetch: (url, { dispatcher: _, ...init }) => fetch(url, init) }),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    // Who may ask about tokens is vouched for as well.
    introspection: { enabled: true, allowedPolicy: (_ctx, client) => client.scope?.split(' ').includes('introspect') === true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo(_ctx, resource) {
        if (!resources.includes(resource)) throw new errors.InvalidTarget();
        return { scope: SCOPE, audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: 300 };
      },
    },
    // These four lines make it one of the federation.
    clientIdMetadataDocument: {
      enabled: true,
      ack: 'draft-02',
      allowFetch: (_ctx, clientId) => places.some((place) => clientId.startsWith(place)),
      ...(CACHE && { cacheDuration: { min: 0, max: Number(CACHE) } }),
    },
  },
});
if (proxied) provider.proxy = true;

// What it answers, for people who watch.
const SHOWN = { token: 'token', introspection: 'introspection' };
provider.use(async (ctx, next) => {
  const began = performance.now();
  await next();
  const event = SHOWN[ctx.oidc?.route];
  if (!event) return;
  const { error, error_description, scope, expires_in, active } = ctx.body ?? {};
  const said = { client_id: ctx.oidc.client?.clientId ?? ctx.oidc.params?.client_id, error, error_description, scope, expires_in, active };
  say(ctx.status < 400 ? event : 'refused', { route: ctx.oidc.route, status: ctx.status, ...said, ms: Math.round(performance.now() - began) });
});
server.on('request', provider.callback());
say('ready', { url: issuer, documents: places, resources });
