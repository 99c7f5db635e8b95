// npm run bench dead: how long a member that is new waits for its first resolve answer beside members that are dead: half of them
// refuse connections, half accept them and never answer. Each has a host of its own (127.0.0.0/8). `serve` is a process of its own.
//   DEAD          how many (default 100000)
//   DEAD_SECONDS  how long the costs of the steady state are looked at (default 60)
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createServer as createHttp } from 'node:http';
import { join } from 'node:path';
import { signJws } from '../dist/federation/entry.js';
import { openSqlite } from '../dist/store/sqlite.node.js';
import { judge, median, say, title } from './measure.mjs';
import { deployment, populate, seconds } from './setup.mjs';
import { server } from './wire/processes.mjs';

const DEAD = Number(process.env.DEAD ?? 100_000);
const SECONDS = Number(process.env.DEAD_SECONDS ?? 60);
const PORT = 8497;
export const ANCHOR = `http://localhost:${PORT}`;
const NEW_ONES = 9;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Accepts connections on every loopback address and never says a word. */
export async function silence() {
  const open = new Set();
  const listener = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
  }).listen(0, '0.0.0.0');
  await once(listener, 'listening');
  return {
    port: listener.address().port,
    connections: () => open.size,
    close() {
      for (const socket of open) socket.destroy();
      listener.close();
    },
  };
}

/**
 * Entities that answer, each at a path of its own: `/new…` of any loopback address, and `/below…`, which name another superior first.
 * Everything else there is not found.
 * @param superior whom they name
 */
export async function living(d, { superior = ANCHOR, other } = {}) {
  const signer = await d.keyCustody.signer({ id: 'bench', ...d.key });
  const listener = createHttp(async (request, response) => {
    if (!/^\/(new|below)/.test(request.url)) return response.writeHead(404).end();
    const id = `http://${request.headers.host}${request.url.replace('/.well-known/openid-federation', '')}`;
    const claims = {
      iss: id,
      sub: id,
      iat: seconds() - 5,
      exp: seconds() + 80_000,
      jwks: d.jwks,
      authority_hints: request.url.startsWith('/below') ? [other, superior] : [superior],
      metadata: { openid_relying_party: { client_name: 'new' } },
    };
    response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await signJws('entity-statement+jwt', claims, signer));
  }).listen(0, '0.0.0.0');
  await once(listener, 'listening');
  const { port } = listener.address();
  return {
    port,
    id: (n, host = '127.0.0.1') => `http://${host}:${port}/new${n}`,
    close() {
      listener.close();
      listener.closeAllConnections();
    },
  };
}

/** Ask the admin API for something new, by a value or lines. */
export async function admin(d, path, body, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await fetch(`${ANCHOR}/admin/v1${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${d.token}`, 'content-type': type },
    body: text,
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/**
 * Milliseconds from the commit of an enrolment to the first answer about the member.
 * @param at the authority that enrols it, by its place in the API, and where that resolves
 */
export async function firstAnswer(d, id, { slug = 'main', base = ANCHOR, patience = 120_000 } = {}) {
  await admin(d, `/authorities/${slug}/members`, { entity_id: id, jwks: d.jwks, activate: true });
  const begun = performance.now();
  for (;;) {
    const answer = await fetch(`${base}/resolve?${new URLSearchParams({ sub: id, trust_anchor: ANCHOR })}`);
    await answer.arrayBuffer();
    const took = performance.now() - begun;
    if (answer.status === 200) return took;
    if (took > patience) return took;
    await pause(10);
  }
}

export async function several(d, alive, from, count, between, { host, ...options } = {}) {
  const took = [];
  for (let n = 0; n < count; n++) {
    took.push(await firstAnswer(d, alive.id(from + n, host), options));
    await pause(between);
  }
  say(`${count} new members, one after another: ${took.map((ms) => Math.round(ms)).join(', ')} ms`);
  return took;
}

export const start = (d, env = {}) =>
  server('holdfast', [process.execPath, 'dist/platform/main.node.js', 'serve'], {
    env: {
      HOLDFAST_DATA: d.folder,
      HOLDFAST_URL: ANCHOR,
      HOLDFAST_PORT: String(PORT),
      HOLDFAST_SEAL_KEY: d.seal,
      HOLDFAST_DISCOVERY: 'on',
      HOLDFAST_LOG: 'silent',
      ...env,
    },
    ready: (said) => (said.includes('ready after') ? PORT : undefined),
  });

/** A loopback address of its own for each. */
export const address = (n) => `127.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;

/** Commits and processor time of so many seconds. */
async function costs(file, ours) {
  const reader = openSqlite(file, { readonly: true });
  const version = () => reader.pragma('data_version', { simple: true });
  const [cpu, begun] = [ours.cpu(), performance.now()];
  let [last, commits] = [version(), 0];
  while (performance.now() - begun < SECONDS * 1000) {
    await pause(2);
    const now = version();
    if (now !== last) commits++;
    last = now;
  }
  reader.close();
  return { commits: (commits * 3600) / SECONDS, cpu: (ours.cpu() - cpu) / SECONDS };
}

export async function dead() {
  title(`A new member beside ${DEAD} dead ones: from the commit of its enrolment to 200 at /resolve`);
  const silent = await silence();
  const d = await deployment({ entityId: ANCHOR, development: true });
  const alive = await living(d);
  await populate(d, 0, DEAD, (n) => `http://${address(n)}:${n % 2 === 0 ? 1 : silent.port}`);
  let ours = await start(d);
  await pause(3000);
  say('just imported, nobody looked at yet:');
  const first = await several(d, alive, 0, NEW_ONES, 1500);
  judge('first answer (s), the slowest', Math.max(...first) / 1000, { atMost: 2 });
  say(`${silent.connections()} connections to those that never answer; ${ours.memory().toFixed(0)} MB resident`);
  await ours.stop();

  say('all of them looked at before, and due at once:');
  const later =
    "UPDATE known_entity SET line = 3, attempts = 11, evaluated_at = 1, lease_until = 0 WHERE entity_id LIKE 'http://127.%' AND entity_id NOT LIKE '%/new%'";
  d.store.writer.exec(later);
  d.store.writer.exec('UPDATE known_entity SET due_at = 1 WHERE line = 3');
  ours = await start(d);
  await pause(3000);
  const second = await several(d, alive, NEW_ONES, NEW_ONES, 500);
  judge('first answer (s), the slowest', Math.max(...second) / 1000, { atMost: 2 });
  say(`${silent.connections()} connections to those that never answer; ${ours.memory().toFixed(0)} MB resident`);
  await ours.stop();

  say('steady: each due once in 13 hours (the daily crawl is over)');
  d.store.writer.exec("UPDATE job SET state = 'done' WHERE kind = 'crawl'");
  d.store.writer.exec(later);
  d.store.writer.exec(`UPDATE known_entity SET due_at = ${seconds()} + abs(random()) % 48600 WHERE line = 3`);
  ours = await start(d);
  await pause(5000);
  const found = await costs(join(d.folder, 'holdfast.db'), ours);
  say(`${Math.round(found.commits)} commits an hour, ${(found.cpu * 100).toFixed(1)} % of one processor, ${ours.memory().toFixed(0)} MB resident`);
  const third = await several(d, alive, 2 * NEW_ONES, 3, 100);
  judge('first answer (s), the median', median(third) / 1000, { atMost: 2 });
  await ours.stop();
  silent.close();
  alive.close();
  d.close();
}
