// A client that acts for users, at authorization servers that have never heard of it. It publishes who it is (its Entity
// Configuration, below AUTHORITY), and proves itself with its key: PAR, PKCE, private_key_jwt, DPoP. All of OAuth is openid-client's.
//   AUTHORITY=http://localhost:8080 SERVER=http://localhost:3000 node user-client.mjs
// It reads commands, one line of JSON each: {"do":"login"}, "refresh", "userinfo", "introspect", "call", "push", "token", "quit".
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { browseAs } from './browser.mjs';
import { configurationOf, keysIn } from './identity.mjs';
import { oauthClient } from './oauth.mjs';

const { PORT = '7001', KEY = 'user-client-keys.json', AUTHORITY = '', SERVER = '', RESOURCE, SCOPE = 'openid', DETAILS } = process.env;
const keys = await keysIn(KEY);

/** One line for each thing that happened, for whoever reads along. */
const tell = (event, more = {}) => console.log(JSON.stringify({ event, at: new Date().toISOString(), ...more }));

let client;
const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', id);
  if (pathname === '/.well-known/openid-federation')
    return response
      .writeHead(200, { 'content-type': 'application/entity-statement+jwt' })
      .end(await configurationOf(id, { keys, authority: AUTHORITY, scope: SCOPE }));
  if (pathname !== '/callback') return response.writeHead(404).end();
  // The person comes back from the authorization server, with a code.
  await timed('token', async () => client.redeem(new URL(request.url ?? '', id)));
  response.end('You can close this window.\n');
}).listen(Number(PORT), '127.0.0.1');
await new Promise((listening) => server.once('listening', listening));
const id = `http://127.0.0.1:${server.address().port}`;
tell('ready', { url: id, entity: id, authority: AUTHORITY });

const settings = { id, server: SERVER, key: keys.client, resource: RESOURCE, scope: SCOPE, details: DETAILS && JSON.parse(DETAILS) };
/** What can be asked for; each answers what to tell, without the tokens themselves. */
const acts = {
  async login({ as, ...asked }) {
    const url = await client.authorize(asked);
    tell('authorize', { url, sent: ['PAR', 'PKCE S256', 'private_key_jwt', 'DPoP'] });
    if (as) await browseAs(as, url);
    return undefined;
  },
  push: (asked) => client.authorize(asked).then(() => ({ sent: ['PAR', 'PKCE S256', 'private_key_jwt', 'DPoP'] })),
  refresh: () => client.refresh(),
  token: (asked) => client.machine(asked),
  userinfo: () => client.userinfo(),
  introspect: () => client.introspect(),
  call: ({ url = RESOURCE, bearer = false }) => client.call(url, { bearer }),
};

/** Does something and says what came of it, and how long it took; refusals are answers. */
async function timed(event, act) {
  const began = performance.now();
  const ms = () => Math.round(performance.now() - began);
  try {
    const more = await act();
    if (more) tell(event, { ms: ms(), ...more });
  } catch (error) {
    const { status, code, cause } = error;
    tell('refused', {
      ms: ms(),
      what: event,
      status,
      error: error.error ?? cause?.[0]?.parameters?.error ?? code,
      description: error.error_description ?? error.message,
    });
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  const { do: act, ...asked } = JSON.parse(line);
  if (act === 'quit') break;
  if (!Object.hasOwn(acts, act)) tell('refused', { what: act, error: 'unknown_command' });
  else
    await timed(act, async () => {
      client ??= await oauthClient(settings);
      return acts[act](asked);
    });
}
server.close();
server.closeAllConnections();
