import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parseEntityStatement } from '../dist/federation/entry.js';
import { median, say, title } from './measure.mjs';

const LEAVES = 200;
const GRAPH = 14;
const SECONDS = 5;

/** A server whose entities form a complete graph, each naming all the others as superiors, and leaves below all of them. */
async function hostileGraph(anchor) {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const bare = await exportJWK(pair.publicKey);
  const kid = await calculateJwkThumbprint(bare);
  const jwks = { keys: [{ ...bare, kid, alg: 'ES256' }] };
  const now = Math.floor(Date.now() / 1000);
  const sign = (claims) =>
    new SignJWT({ iat: now - 10, exp: now + 3600, jwks, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'entity-statement+jwt' })
      .sign(pair.privateKey);
  let base = '';
  const names = Array.from({ length: GRAPH }, (_, n) => `g${n}`);
  const signed = new Map();
  const answer = (name, what, sub) => {
    const iss = `${base}/${name}`;
    if (what === 'fetch') return sign({ iss, sub });
    const superiors = names.filter((one) => one !== name).map((one) => `${base}/${one}`);
    return name.startsWith('leaf')
      ? sign({ iss, sub: iss, authority_hints: [anchor, ...superiors], metadata: { oauth_client: { client_name: name } } })
      : sign({ iss, sub: iss, authority_hints: superiors, metadata: { federation_entity: { federation_fetch_endpoint: `${iss}/fetch` } } });
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, base);
    const [, name, what] = url.pathname.split('/');
    if (!signed.has(request.url)) signed.set(request.url, answer(name, what, url.searchParams.get('sub')));
    response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await signed.get(request.url));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  base = `http://localhost:${server.address().port}`;
  return { server, jwks, leaf: (n) => `${base}/leaf${n}` };
}

/** Milliseconds of each of many questions to a URL, four at a time. */
async function ask(url) {
  const end = performance.now() + SECONDS * 1000;
  const times = [];
  const worker = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      await (await fetch(url)).text();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: 4 }, worker));
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length * 0.99)];
}

async function publicPlane() {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const url = `http://localhost:${port}`;
  const data = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const env = { ...process.env, HOLDFAST_PORT: String(port), HOLDFAST_DATA: data, HOLDFAST_LOG: 'silent' };
  const child = spawn(process.execPath, ['dist/platform/main.node.js', 'serve'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  await new Promise((done) => child.stdout.on('data', (text) => String(text).includes('ready after') && done()));
  const graph = await hostileGraph(url);
  try {
    const configuration = `${url}/.well-known/openid-federation`;
    await ask(configuration); // warm
    const alone = await ask(configuration);
    const { token } = JSON.parse(readFileSync(join(data, 'cli.json'), 'utf8'));
    for (let n = 0; n < LEAVES; n++)
      await fetch(`${url}/admin/v1/authorities/main/members`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ entity_id: graph.leaf(n), jwks: graph.jwks, activate: true }),
      });
    const beside = await ask(configuration);
    say(
      `public p99 over the wire: alone ${alone.toFixed(1)} ms, while ${LEAVES} entities below a complete graph of ${GRAPH} are evaluated ${beside.toFixed(1)} ms`,
    );
    say(`  ratio ${(beside / alone).toFixed(2)}`);
  } finally {
    child.kill('SIGTERM');
    graph.server.close();
    graph.server.closeAllConnections();
    await new Promise((done) => child.once('exit', done));
    rmSync(data, { recursive: true, force: true });
  }
}

/** What it costs to refuse 256 KiB that nobody has signed. */
function unsigned() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'ES256', kid: 'k', typ: 'entity-statement+jwt' });
  const now = Math.floor(Date.now() / 1000);
  const base = {
    iss: 'https://a.example',
    sub: 'https://b.example',
    iat: now,
    exp: now + 60,
    jwks: { keys: [{ kty: 'OKP', crv: 'Ed25519', kid: 'k', x: 'A'.repeat(43) }] },
  };
  const list = (item) => {
    const each = JSON.stringify(item(10_000)).length + 1;
    return Array.from({ length: Math.floor(190_000 / each) }, (_, n) => item(n));
  };
  const word = (n) => `w${n}`;
  const cases = {
    'crit of many names': { crit: list(word) },
    'hints that are numbers': { authority_hints: list(() => 5) },
    'a policy with long lists': { metadata_policy: { t: { p: { subset_of: list(word), superset_of: ['a'] } } } },
    'a policy with objects': { metadata_policy: { t: { p: { subset_of: list((n) => ({ n })) } } } },
    'many constraints': { constraints: { naming_constraints: { permitted: list((n) => `.w${n}.example`) } } },
    'many metadata parameters': { metadata: { t: Object.fromEntries(list(word).map((name) => [name, 1])) } },
  };
  for (const [what, claims] of Object.entries(cases)) {
    const compact = `${head}.${part({ ...base, ...claims })}.AAAA`;
    const times = Array.from({ length: 9 }, () => {
      const start = performance.now();
      parseEntityStatement(compact, { now });
      return performance.now() - start;
    });
    say(`unsigned, ${Math.round(compact.length / 1024)} KiB, ${what}: ${median(times).toFixed(1)} ms`);
  }
}

export async function strangers() {
  title('Reading strangers');
  unsigned();
  await publicPlane();
}
