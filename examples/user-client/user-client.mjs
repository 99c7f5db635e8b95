// A client that acts for users, at authorization servers that have never heard of it. It publishes who it is (its Entity
// Configuration, below AUTHORITY), and proves itself with its key: PAR, PKCE, private_key_jwt, DPoP. All of OAuth is openid-client's.
//   AUTHORITY=http://localhost:8080 SERVER=http://localhost:3000 node user-client.mjs          until it is stopped
//   AUTHORITY=http://localhost:8080 SERVER=http://localhost:3000 node user-client.mjs token    does that, and ends
// People open /login. Whoever drives it writes commands to its standard input, a line of JSON each: {"do":"login"}, "refresh",
// "userinfo", "introspect", "call", "push", "token", "quit".
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { browseAs } from './browser.mjs';
import { configurationOf, keysIn } from './identity.mjs';
import { oauthClient } from './oauth.mjs';

const { PORT = '7001', PUBLIC_URL, KEY = 'user-client-keys.json', AUTHORITY = '', SERVER = '', RESOURCE, SCOPE = 'openid', DETAILS } = process.env;
const SENT = ['PAR', 'PKCE S256', 'private_key_jwt', 'DPoP'];
const keys = await keysIn(KEY);
const named = process.argv.slice(2);

/** One line for each thing that happened, for whoever reads along. */
const tell = (event, more = {}) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...more }));

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', id);
  const say = (status, type, text) => response.writeHead(status, { 'content-type': type }).end(text);
  switch (url.pathname) {
    case '/.well-known/openid-federation':
      return say(200, 'application/entity-statement+jwt', await configurationOf(id, { keys, authority: AUTHORITY, scope: SCOPE }));
    case '/login': {
      const pushed = await timed('push', async () => ({ url: await (await client()).authorize(), sent: SENT }));
      return pushed.url ? response.writeHead(303, { location: pushed.url }).end() : say(502, 'text/plain', `refused: ${pushed.error}\n`);
    }
    case '/callback': {
      const tokens = await timed('token', async () => (await client()).redeem(url));
      return say(tokens.error ? 502 : 200, 'text/plain', tokens.error ? `refused: ${tokens.error}\n` : `logged in as ${tokens.sub}\n`);
    }
    default:
      return say(404, 'text/plain', 'not here\n');
  }
});
if (named.length === 0) await new Promise((listening) => server.listen(Number(PORT), '127.0.0.1', listening));
const id = PUBLIC_URL ?? `http://127.0.0.1:${server.address()?.port ?? PORT}`;

let made;
const client = () =>
  (made ??= oauthClient({ id, server: SERVER, key: keys.client, resource: RESOURCE, scope: SCOPE, details: DETAILS && JSON.parse(DETAILS) }));
/** What can be asked for; each answers what to tell, without the tokens themselves. */
const acts = {
  async login({ as, ...asked }) {
    const url = await (await client()).authorize(asked);
    tell('authorize', { url, sent: SENT });
    if (as) await browseAs(as, url);
    return undefined;
  },
  push: async (asked) => (await client()).authorize(asked).then(() => ({ sent: SENT })),
  refresh: async () => (await client()).refresh(),
  token: async (asked) => (await client()).machine(asked),
  userinfo: async () => (await client()).userinfo(),
  introspect: async () => (await client()).introspect(),
  call: async ({ url = RESOURCE, bearer = false }) => (await client()).call(url, { bearer }),
};

/** Does something and says what came of it, and how long it took; a refusal is an answer. */
async function timed(event, act) {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  try {
    const more = await act();
    if (more) tell(event, { ms: ms(), ...more });
    return more ?? {};
  } catch (error) {
    const { status, code, cause } = error;
    const refused = { what: event, status, error: error.error ?? cause?.[0]?.parameters?.error ?? code ?? 'failed' };
    tell('refused', { ms: ms(), ...refused, description: error.error_description ?? error.message });
    if (refused.error === 'failed' || status === undefined) made = undefined;
    return refused;
  }
}

for (const act of named) await timed(act, () => acts[act]({}));
if (named.length === 0) {
  tell('ready', { url: id, entity: id, authority: AUTHORITY });
  process.once('SIGTERM', () => process.exit(0));
  for await (const line of createInterface({ input: process.stdin })) {
    if (!line.trim()) continue;
    const { do: act, ...asked } = JSON.parse(line);
    if (act === 'quit') process.exit(0);
    if (Object.hasOwn(acts, act)) await timed(act, () => acts[act](asked));
    else tell('refused', { what: act, error: 'unknown_command' });
  }
}
