// npm run bench: every figure with its baseline from the same run. Speed is judged here and never in a test.
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign as signSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { compactVerify, importJWK } from 'jose';
import { createKeyCache, signJws, validateTrustChain } from '../dist/federation/entry.js';
import { sealedCustody } from '../dist/keys/custody.js';
import { newSealKey } from '../dist/keys/random.js';
import { importSealKey } from '../dist/keys/seal.js';
import { backgroundTurn } from '../dist/operations/background.js';
import { evaluateDue } from '../dist/operations/resolving/evaluate-due.js';
import { evaluate } from '../dist/resolver/evaluate.js';
import { ANCHOR, deployment, memberId, populate, seconds } from './setup.mjs';
import { audit } from './audit.mjs';
import { cuts } from './cuts.mjs';
import { dead } from './dead.mjs';
import { deadPostgres } from './dead-postgres.mjs';
import { deadWorlds } from './dead-worlds.mjs';
import { enrol } from './enrol.mjs';
import { failover } from './failover.mjs';
import { halts } from './halts.mjs';
import { growth } from './growth.mjs';
import { postgres } from './postgres.mjs';
import { relying } from './relying.mjs';
import { silent } from './silent.mjs';
import { statusList } from './status-list.mjs';
import { strangers } from './strangers.mjs';
import { wire } from './wire/wire.mjs';
import { goalsMissed, interleaved, judge, median, newKey, say, thrice, title } from './measure.mjs';

const only = process.argv[2];
const wanted = (name) => !only || only === name;
const requests = (urls) => urls.map((url) => new Request(url));
const pick = (list) => (n) => list[(n * 7919) % list.length];

/** The same Hono app, answering constants on the same URLs with the same headers. */
async function constantApp(publicApp, paths) {
  const app = new Hono();
  for (const [path, url] of Object.entries(paths)) {
    const answer = await publicApp.fetch(new Request(url));
    const body = await answer.text();
    const headers = Object.fromEntries(answer.headers);
    app.get(path, (c) => c.body(body, 200, headers));
  }
  return app;
}

async function serving() {
  title('Serving, in process, variants interleaved (microseconds per request, best block; ratio to the constant)');
  const d = await deployment();
  await populate(d, 0, 1000);
  const fetchUrl = (n) => `${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`;
  const constant = await constantApp(d.publicApp, {
    '/.well-known/openid-federation': `${ANCHOR}/.well-known/openid-federation`,
    '/fetch': fetchUrl(1),
    '/list': `${ANCHOR}/list`,
  });
  const configuration = requests([`${ANCHOR}/.well-known/openid-federation`])[0];
  const fetches = pick(requests(Array.from({ length: 1000 }, (_, n) => fetchUrl(n))));
  const list = requests([`${ANCHOR}/list`])[0];
  const measure = () =>
    interleaved({
      constantConfiguration: () => constant.fetch(configuration),
      configuration: () => d.publicApp.fetch(configuration),
      constantFetch: (n) => constant.fetch(fetches(n)),
      fetch: (n) => d.publicApp.fetch(fetches(n)),
      constantList: () => constant.fetch(list),
      list: () => d.publicApp.fetch(list),
    });
  const best = await thrice(measure);
  say(
    `constant: configuration ${best.constantConfiguration.toFixed(2)}, fetch ${best.constantFetch.toFixed(2)}, list ${best.constantList.toFixed(2)}; ours: ${best.configuration.toFixed(2)}, ${best.fetch.toFixed(2)}, ${best.list.toFixed(2)}`,
  );
  judge('entity configuration, 1 000 members', best.constantConfiguration / best.configuration, { atLeast: 0.95 });
  judge('fetch of random members, 1 000 members', best.constantFetch / best.fetch, { atLeast: 0.8 });
  judge('list of 1 000 members', best.constantList / best.list, { atLeast: 0.1 });
  await populate(d, 1000, 100_000);
  const many = pick(requests(Array.from({ length: 50_000 }, (_, n) => fetchUrl(n * 2))));
  const far = await thrice(() => interleaved({ constantFetch: (n) => constant.fetch(many(n)), fetch: (n) => d.publicApp.fetch(many(n)) }));
  say(`at 100 000 members: constant ${far.constantFetch.toFixed(2)}, ours ${far.fetch.toFixed(2)}`);
  judge('fetch of random members, 100 000 members', far.constantFetch / far.fetch, { atLeast: 0.5 });
  judge('memory of a process serving 100 000 members (MB resident)', await memoryOf(d.folder), { atMost: 300 });
  await longList(d, configuration);
  d.close();
}

/** Readiness and metrics, which anyone may ask for, when there are many events, members and artefacts. */
async function asking() {
  title('Readiness and metrics at 5 million events, 1 million members and as many statements');
  const { readiness } = await import('../dist/platform/health.js');
  const { createMetrics } = await import('../dist/platform/metrics.node.js');
  const d = await deployment();
  const once = async () => {
    const fresh = { ...d };
    const metrics = createMetrics(fresh, d.store);
    await metrics.registry.metrics();
    const start = performance.now();
    if (!(await readiness(fresh)).ready) throw new Error('not ready');
    const ready = performance.now() - start;
    const again = performance.now();
    await metrics.registry.metrics();
    return { ready, metrics: performance.now() - again };
  };
  const few = await thrice(once);
  const [{ id }] = d.store.reader.prepare('SELECT id FROM authority').all();
  const rows = (n) => `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`;
  d.store.writer.exec(`${rows(5_000_000)} INSERT INTO event SELECT 'past', i, i % 1000, 't', 'member', i, 'x', 'system', NULL, '{}', '[]', '', '' FROM n;
    ${rows(1_000_000)} INSERT INTO member (id, authority_id, entity_id, state, entity_types, intermediate, jwks, metadata, constraints, claims, crit, cut, created_at, updated_at, v)
      SELECT i, '${id}', i, 'active', '[]', 0, '{}', '{}', '{}', '{}', '[]', 0, 1, 1, 1 FROM n;
    ${rows(1_000_000)} INSERT INTO artefact (authority_id, kind, key, media_type, bytes, sha256, iat, exp, kid, generation, renew_at)
      SELECT '${id}', 'statement', i, 'x', 'x', 'x', ${seconds()}, ${seconds()} + 90000 + i, 'k', 1, ${seconds()} + i % 40000 FROM n`);
  const many = await thrice(once);
  say(`few: readiness ${few.ready.toFixed(1)} ms, metrics ${few.metrics.toFixed(1)} ms; many: ${many.ready.toFixed(1)} ms, ${many.metrics.toFixed(1)} ms`);
  judge('readiness (ms)', many.ready, { atMost: 25 });
  judge('metrics (ms)', many.metrics, { atMost: 25 });
  d.close();
}

/** A process of its own over the same file, after 50 000 random fetches. */
function memoryOf(folder) {
  return new Promise((resolve, reject) => {
    let said = '';
    const child = spawn(process.execPath, ['bench/memory.mjs', folder, '100000']);
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    child.once('close', (code) => (code === 0 ? resolve(Number(said)) : reject(new Error('the memory probe failed'))));
  });
}

async function longList(d, configuration) {
  globalThis.gc();
  const before = process.memoryUsage();
  const response = await d.publicApp.fetch(new Request(`${ANCHOR}/list`));
  let bytes = 0;
  let waited = 0;
  let peak = 0;
  for await (const chunk of response.body) {
    bytes += chunk.length;
    const start = performance.now();
    await (await d.publicApp.fetch(configuration)).text();
    waited = Math.max(waited, performance.now() - start);
    globalThis.gc(); // what lives, not what waits to be collected
    const now = process.memoryUsage();
    peak = Math.max(peak, now.heapUsed + now.external - before.heapUsed - before.external);
  }
  say(`list of 100 000: ${(bytes / 1e6).toFixed(1)} MB streamed; beside it the entity configuration answered within ${waited.toFixed(1)} ms`);
  judge('memory held while streaming, against the size of the list', peak / bytes, { atMost: 0.5 });
}

async function enrolments() {
  title('Durable enrolments through the API, synchronous=FULL, 64 writers');
  const d = await deployment();
  let next = 0;
  const one = async () => {
    const response = await d.admin.request('http://x/admin/v1/authorities/main/members', {
      method: 'POST',
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ entity_id: memberId(next++), jwks: { keys: [newKey()] }, activate: true }),
    });
    if (response.status !== 201) throw new Error(await response.text());
  };
  const round = async () => {
    const before = { ...d.store.counts };
    const start = performance.now();
    await Promise.all(
      Array.from({ length: 64 }, async () => {
        for (let n = 0; n < 20; n++) await one();
      }),
    );
    const time = (performance.now() - start) / 1000;
    return { rate: 1280 / time, share: (d.store.counts.operations - before.operations) / (d.store.counts.transactions - before.transactions) };
  };
  await round();
  const { rate, share } = await thrice(round);
  d.store.writer.exec('CREATE TABLE scratch (n integer)');
  const insert = d.store.writer.prepare('INSERT INTO scratch VALUES (?)');
  const single = median(
    [0, 1, 2].map(() => {
      const start = performance.now();
      for (let n = 0; n < 200; n++) insert.run(n);
      return 200 / ((performance.now() - start) / 1000);
    }),
  );
  say(`${rate.toFixed(0)} enrolments a second; this disk commits ${single.toFixed(0)} single rows a second`);
  judge('operations a transaction', share, { atLeast: 8 });
  d.close();
}

async function imports() {
  title('Bulk import (keys given, nothing fetched), against signing alone');
  const d = await deployment();
  const custody = sealedCustody(await importSealKey(newSealKey()));
  const key = await custody.generate('x', 'ES256');
  const signer = await custody.signer({ id: 'x', ...key });
  const claims = { iss: ANCHOR, sub: memberId(1), iat: 1, exp: 2, jwks: d.jwks, source_endpoint: `${ANCHOR}/fetch` };
  let at = 0;
  const figures = await thrice(async () => {
    let start = performance.now();
    for (let n = 0; n < 2000; n += 32) await Promise.all(Array.from({ length: 32 }, () => signJws('entity-statement+jwt', claims, signer)));
    const signing = 2000 / ((performance.now() - start) / 1000);
    start = performance.now();
    await populate(d, at, at + 2000);
    at += 2000;
    return { signing, importing: 2000 / ((performance.now() - start) / 1000) };
  });
  say(`signing ${figures.signing.toFixed(0)} a second, importing ${figures.importing.toFixed(0)} a second`);
  judge('import, of signing alone', figures.importing / figures.signing, { atLeast: 0.2 });
  const start = performance.now();
  d.store.writer.exec('UPDATE artefact SET renew_at = 0');
  await backgroundTurn({ ...d, now: seconds }, { more: () => true });
  say(`re-signing ${at} statements as a polite job: ${(at / ((performance.now() - start) / 1000)).toFixed(0)} a second`);
  d.close();
}

async function chains() {
  title('Chain validation (leaf, intermediate, anchor, policies on both levels), against jose compactVerify over the same JWTs');
  const custody = sealedCustody(await importSealKey(newSealKey()));
  const make = async (name) => {
    const key = await custody.generate(name, 'ES256');
    return { jwk: key.jwk, signer: await custody.signer({ id: name, ...key }) };
  };
  const [ta, intermediate, leaf] = [await make('ta'), await make('i'), await make('leaf')];
  const set = ({ jwk }) => ({ keys: [jwk] });
  const times = { iat: seconds(), exp: seconds() + 3600 };
  const sign = (claims, { signer }) => signJws('entity-statement+jwt', { ...times, ...claims }, signer);
  const [TA, I, LEAF] = ['https://ta.example', 'https://i.example', 'https://leaf.example'];
  const chain = await Promise.all([
    sign(
      {
        iss: LEAF,
        sub: LEAF,
        jwks: set(leaf),
        authority_hints: [I],
        metadata: {
          openid_relying_party: {
            redirect_uris: [`${LEAF}/cb`],
            grant_types: ['authorization_code', 'implicit'],
            token_endpoint_auth_method: 'private_key_jwt',
            contacts: ['a@leaf.example'],
            client_name: 'Leaf',
          },
        },
      },
      leaf,
    ),
    sign(
      {
        iss: I,
        sub: LEAF,
        jwks: set(leaf),
        metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['authorization_code'] }, contacts: { add: ['h@i.example'] } } },
      },
      intermediate,
    ),
    sign(
      {
        iss: TA,
        sub: I,
        jwks: set(intermediate),
        metadata_policy: {
          openid_relying_party: {
            grant_types: { subset_of: ['authorization_code', 'refresh_token'], superset_of: ['authorization_code'] },
            token_endpoint_auth_method: { one_of: ['private_key_jwt'], essential: true },
          },
        },
      },
      ta,
    ),
    sign(
      {
        iss: TA,
        sub: TA,
        jwks: set(ta),
        metadata: { federation_entity: { federation_fetch_endpoint: `${TA}/fetch`, federation_list_endpoint: `${TA}/list` } },
      },
      ta,
    ),
  ]);
  const keys = [leaf.jwk, intermediate.jwk, ta.jwk, ta.jwk];
  const fresh = (jwk) => ({ ...jwk });
  const options = () => ({ anchors: { [TA]: { keys: [fresh(ta.jwk)] } }, now: seconds() });
  const keyCache = createKeyCache();
  const check = async (more) => {
    const result = await validateTrustChain(chain, { ...options(), ...more });
    if (!result.ok) throw new Error(JSON.stringify(result.findings));
  };
  const best = await thrice(() =>
    interleaved(
      {
        jose: () => Promise.all(chain.map(async (jwt, n) => compactVerify(jwt, await importJWK(fresh(keys[n]), 'ES256')))),
        ours: () => check({}),
        cached: () => check({ keyCache }),
      },
      { blocks: 20, calls: 100 },
    ),
  );
  say(
    `jose ${best.jose.toFixed(0)} µs, ours ${best.ours.toFixed(0)} µs, ours with imported keys cached ${best.cached.toFixed(0)} µs (${((100 * (best.ours - best.cached)) / best.ours).toFixed(0)} % won)`,
  );
  judge('chain validation, of jose alone', best.ours / best.jose, { atMost: 1.2 });
}

/** A stored resolve response against fetch, both through the public app, a thousand subjects each. */
async function resolving() {
  title('Warm /resolve against fetch in the same run (microseconds per request, best block)');
  const d = await deployment();
  await populate(d, 0, 1000);
  const { publishedKeys } = await import('../dist/keys/life-cycle.js');
  const { authorityKeys, findAuthority } = await import('../dist/operations/registry.js');
  const row = await findAuthority(d.store.db, 'main');
  const anchorKeys = { keys: publishedKeys(await authorityKeys(d.store.db, row.id)) };
  const signer = await d.keyCustody.signer({ id: 'bench', ...d.key });
  const times = { iat: seconds(), exp: seconds() + 80_000 };
  const network = new Map();
  for (let n = 0; n < 1000; n++) {
    const id = memberId(n);
    const claims = { iss: id, sub: id, ...times, jwks: d.jwks, authority_hints: [ANCHOR], metadata: { openid_relying_party: { redirect_uris: [`${id}/cb`] } } };
    network.set(`${id}/.well-known/openid-federation`, await signJws('entity-statement+jwt', claims, signer));
  }
  const outbound = {
    get: async ({ url }) => (network.has(url) ? { ok: true, value: { url, body: network.get(url) } } : { ok: false, findings: [] }),
    post: async () => ({ ok: false, findings: [] }),
  };
  const begun = performance.now();
  while ((await evaluateDue({ ...d, outbound })) > 0);
  say(`1 000 members evaluated and their answers signed and stored: ${(1000 / ((performance.now() - begun) / 1000)).toFixed(0)} a second`);
  const resolveUrl = (n) => `${ANCHOR}/resolve?sub=${encodeURIComponent(memberId(n))}&trust_anchor=${encodeURIComponent(ANCHOR)}`;
  const fetchUrl = (n) => `${ANCHOR}/fetch?sub=${encodeURIComponent(memberId(n))}`;
  const [resolves, fetches] = [resolveUrl, fetchUrl].map((urlOf) => pick(requests(Array.from({ length: 1000 }, (_, n) => urlOf(n)))));
  const check = await d.publicApp.fetch(resolves(1));
  if (check.status !== 200) throw new Error(await check.text());
  const best = await thrice(() => interleaved({ fetch: (n) => d.publicApp.fetch(fetches(n)), resolve: (n) => d.publicApp.fetch(resolves(n)) }));
  say(`fetch ${best.fetch.toFixed(2)}, resolve ${best.resolve.toFixed(2)}`);
  judge('warm /resolve, of fetch', best.fetch / best.resolve, { atLeast: 0.9 });
  // Evaluating a chain already fetched: walk over a source in memory, against its signature checks by jose alone.
  const id = memberId(1);
  const chain = [
    network.get(`${id}/.well-known/openid-federation`),
    await (await d.publicApp.fetch(new Request(fetchUrl(1)))).text(),
    await (await d.publicApp.fetch(new Request(`${ANCHOR}/.well-known/openid-federation`))).text(),
  ];
  const source = {
    configuration: async (of) => ({ ok: true, value: of === id ? chain[0] : chain[2] }),
    statement: async () => ({ ok: true, value: chain[1] }),
  };
  const keys = [d.jwks.keys[0], anchorKeys.keys[0], anchorKeys.keys[0]];
  const figures = await thrice(() =>
    interleaved(
      {
        jose: () => Promise.all(chain.map(async (jwt, n) => compactVerify(jwt, await importJWK({ ...keys[n] }, 'ES256')))),
        chain: async () => {
          const result = await validateTrustChain(chain, { anchors: { [ANCHOR]: anchorKeys }, now: seconds() });
          if (!result.ok) throw new Error(JSON.stringify(result.findings));
        },
        evaluate: async () => {
          const { under } = await evaluate(id, { source, anchors: { [ANCHOR]: anchorKeys }, now: seconds(), active: async () => ({ ok: true, value: true }) });
          if (under.get(ANCHOR).state !== 'valid') throw new Error('not valid');
        },
      },
      { blocks: 20, calls: 100 },
    ),
  );
  say(
    `jose ${figures.jose.toFixed(0)} µs, our validation ${figures.chain.toFixed(0)} µs, a whole evaluation (walk, validate, choose) ${figures.evaluate.toFixed(0)} µs`,
  );
  judge('evaluating a chain already fetched, of its signature checks', figures.chain / figures.jose, { atMost: 1.2 });
  say('(the whole evaluation also finds the way: its checks follow one another, where those of a given chain run side by side)');
  d.close();
}

/** Ten thousand leaves below an intermediate, over HTTP on loopback. */
async function crawling() {
  title('A crawl of 10 000 entities over loopback');
  const size = 10_000;
  const d = await deployment();
  const http = await import('node:http');
  const { safeFetch } = await import('../dist/outbound/safe-fetch.node.js');
  const { perProcess } = await import('../dist/outbound/budget.js');
  const { startCrawl, crawlSlice } = await import('../dist/operations/resolving/crawl.js');
  const { enrollMember } = await import('../dist/operations/members/enroll-member.js');
  const signer = await d.keyCustody.signer({ id: 'bench', ...d.key });
  let base = '';
  let open = 0;
  let most = 0;
  const times = () => ({ iat: seconds() - 5, exp: seconds() + 80_000 });
  const sign = (claims) => signJws('entity-statement+jwt', { ...times(), jwks: d.jwks, ...claims }, signer);
  const server = http.createServer(async (request, response) => {
    most = Math.max(most, ++open);
    response.on('close', () => open--);
    const url = new URL(request.url, base);
    const inter = `${base}/inter`;
    const send = (type, body) => response.writeHead(200, { 'content-type': type }).end(body);
    if (url.pathname === '/inter/list') return send('application/json', JSON.stringify(Array.from({ length: size }, (_, n) => `${base}/leaf/${n}`)));
    if (url.pathname === '/inter/fetch') return send('application/entity-statement+jwt', await sign({ iss: inter, sub: url.searchParams.get('sub') }));
    const id = `${base}${url.pathname.replace('/.well-known/openid-federation', '')}`;
    const metadata =
      id === inter
        ? { federation_entity: { federation_fetch_endpoint: `${inter}/fetch`, federation_list_endpoint: `${inter}/list` } }
        : { oauth_client: { client_name: id } };
    return send('application/entity-statement+jwt', await sign({ iss: id, sub: id, metadata, authority_hints: [id === inter ? ANCHOR : inter] }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${server.address().port}`;
  const door = safeFetch({ loopback: true });
  const live = { ...d, outbound: perProcess(door), development: true };
  const call = { ...d.call, ...live };
  await enrollMember(call, 'main', { entityId: `${base}/inter`, jwks: d.jwks, intermediate: true, activate: true });
  await startCrawl(call, 'main', undefined);
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  let peak = 0;
  const begun = performance.now();
  for (let seen = 0, taken = 1; taken > 0; seen += taken) {
    taken = await crawlSlice(live);
    if (Math.floor(seen / 1000) !== Math.floor((seen + taken) / 1000)) {
      globalThis.gc();
      peak = Math.max(peak, process.memoryUsage().heapUsed - before);
    }
  }
  const [crawl] = await d.store.db.select().from((await import('../dist/store/schema.js')).job);
  const time = (performance.now() - begun) / 1000;
  say(
    `${crawl.done} entities, ${crawl.refused} not reached, in ${time.toFixed(0)} s (${(crawl.done / time).toFixed(0)} a second); requests at once at most ${most}`,
  );
  judge('requests to one host at once', most, { atMost: 4 });
  judge('memory that lives while it runs (MB)', peak / 1e6, { atMost: 50 });
  await door.close();
  server.closeAllConnections();
  server.close();
  d.close();
}

/** A policy replayed against a hundred thousand members. */
async function impact() {
  title('The impact of a policy over 100 000 members');
  const size = 100_000;
  const d = await deployment();
  await populate(d, 0, size);
  const metadata = JSON.stringify({
    openid_relying_party: { redirect_uris: ['https://rp.example/cb'], grant_types: ['authorization_code', 'implicit'], contacts: ['a@example.org'] },
  });
  d.store.writer
    .prepare(
      "INSERT INTO member_watch (member_id, authority_id, entity_id, checked_at, failures, metadata, raised, counting) SELECT id, authority_id, entity_id, 0, 0, ?, '[]', '{}' FROM member",
    )
    .run(metadata);
  const { draftPolicy } = await import('../dist/operations/policies/policies.js');
  const { startImpact, impactSlice } = await import('../dist/operations/policies/policy-impact.js');
  const { version } = await draftPolicy(d.call, 'main', {
    metadataPolicy: {
      openid_relying_party: { grant_types: { subset_of: ['authorization_code', 'refresh_token'] }, token_endpoint_auth_method: { default: 'private_key_jwt' } },
    },
  });
  await startImpact(d.call, 'main', version);
  const begun = performance.now();
  while ((await impactSlice(d)) > 0);
  judge('seconds for 100 000 members', (performance.now() - begun) / 1000, { atMost: 60 });
  d.close();
}

async function start() {
  title('Start of a new deployment: process started to ready');
  const times = [];
  for (let n = 0; n < 3; n++) {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
    const port = await new Promise((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const { port: free } = probe.address();
        probe.close(() => resolve(free));
      });
    });
    const begun = performance.now();
    const child = spawn(process.execPath, ['dist/platform/main.node.js', 'serve'], {
      env: { PATH: process.env.PATH, HOLDFAST_DATA: folder, HOLDFAST_PORT: String(port) },
    });
    await new Promise((resolve) => child.stdout.on('data', (chunk) => /ready after/.test(chunk) && resolve()));
    times.push((performance.now() - begun) / 1000);
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('close', resolve));
    rmSync(folder, { recursive: true, force: true });
  }
  judge('start (seconds)', median(times), { atMost: 1 });
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const probe = await interleaved({ sign: () => signSync('sha256', Buffer.alloc(2000), privateKey) }, { blocks: 5, calls: 500 });
console.log(`Node ${process.version}; this machine signs ES256 over 2 kB in ${probe.sign.toFixed(0)} µs (node:crypto, best block)`);
if (wanted('start')) await start();
if (wanted('audit')) await audit();
if (wanted('chains')) await chains();
if (wanted('enrolments')) await enrolments();
if (wanted('imports')) await imports();
if (wanted('serving')) await serving();
if (wanted('asking')) await asking();
if (wanted('strangers')) await strangers();
if (wanted('resolving')) await resolving();
if (wanted('crawling')) await crawling();
if (wanted('impact')) await impact();
if (only === 'cuts') await cuts();
if (only === 'dead') await dead();
if (only === 'dead-postgres') await deadPostgres();
if (only === 'dead-worlds') await deadWorlds();
if (only === 'enrol') await enrol();
if (only === 'failover') await failover();
if (only === 'halts') await halts();
if (only === 'growth') await growth();
if (only === 'postgres') await postgres();
if (only === 'silent') await silent();
if (only === 'status-list') await statusList();
if (only === 'wire') await wire();
if (only === 'relying') await relying();
console.log(`\n${goalsMissed() ? `${goalsMissed()} goal(s) missed` : 'every goal met'}`);
process.exitCode = goalsMissed() ? 1 : 0;
