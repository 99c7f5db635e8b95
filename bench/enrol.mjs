// npm run bench enrol: what enrolling, importing and signing anew cost a server, in processor time of all its threads, beside
// signatures and beside a bare Hono process that takes the same body, all in one run. The server is a process of its own on
// processor 0, who asks is on processor 1.
//   ENROL_ROUND      enrolments of one round, of which there are three and one before (default 1920)
//   ENROL_LINES      lines of the import (default 10000)
//   ENROL_DISCOVERY  on: what it costs while nobody that is looked for answers (default off)
//   ENROL_PROFILE    a folder: the server writes a processor profile of each of its threads there
import { generateKeyPairSync, sign as signSync, webcrypto } from 'node:crypto';
import { rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { openSqlite } from '../dist/store/sqlite.node.js';
import { judge, median, newKey, say, title } from './measure.mjs';
import { ANCHOR, deployment, memberId } from './setup.mjs';
import { canPin, server } from './wire/processes.mjs';

const AT_ONCE = 64;
const ROUND = Number(process.env.ENROL_ROUND ?? 1920);
const LINES = Number(process.env.ENROL_LINES ?? 10_000);
const DISCOVERY = process.env.ENROL_DISCOVERY ?? 'off';
const PROFILE = process.env.ENROL_PROFILE;
const PORT = 8498;

/** Microseconds of this process's processor time a call, best of five blocks. */
async function costOf(call, calls = 400) {
  let best = Number.POSITIVE_INFINITY;
  for (let block = 0; block < 5; block++) {
    const before = process.cpuUsage();
    for (let n = 0; n < calls; n += 20) await Promise.all(Array.from({ length: 20 }, call));
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / calls);
  }
  return best;
}

/** One ES256 signature over 1 kB, as `node:crypto` and as WebCrypto makes it. */
async function signatures() {
  const data = Buffer.alloc(1000);
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  return {
    node: await costOf(() => signSync('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
    web: await costOf(() => webcrypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, data)),
  };
}

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

/** Send JSON, or what was made a text already. @returns the answer */
function post(port, path, token, body, { type = 'application/json', status = 201 } = {}) {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, 'content-length': bytes.length };
    const asked = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      answer.on('end', () => (answer.statusCode === status ? resolve(JSON.parse(text)) : reject(new Error(`${answer.statusCode}: ${text}`))));
    });
    asked.once('error', reject).end(bytes);
  });
}

/** @returns operations a second, and microseconds of the target's processor time an operation */
async function measured(target, count, work) {
  const [began, cpu] = [performance.now(), target.cpu()];
  await work();
  return { rate: count / ((performance.now() - began) / 1000), cpu: ((target.cpu() - cpu) * 1e6) / count };
}

/** `count` calls, as many at once as there are writers. */
async function manyAtOnce(count, call) {
  let left = count;
  const writer = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, writer));
}

/** Three rounds of each in turn, after one that does not count. @returns by name the medians */
async function inTurns(cases) {
  const runs = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (let round = -1; round < 3; round++)
    for (const [name, one] of Object.entries(cases)) {
      const run = await one();
      if (round >= 0) runs[name].push(run);
    }
  const of = (name) => Object.fromEntries(['rate', 'cpu'].map((what) => [what, median(runs[name].map((run) => run[what]))]));
  return Object.fromEntries(Object.keys(cases).map((name) => [name, of(name)]));
}

/** Publish another policy, and wait until all statements say so: nothing is asked of the server meanwhile. */
async function signAnew(ours, folder, token) {
  const base = '/admin/v1/authorities/main/policies';
  const reader = openSqlite(`${folder}/holdfast.db`, { readonly: true });
  const stale = reader.prepare(
    "SELECT 1 FROM artefact AS a JOIN authority AS o ON o.id = a.authority_id WHERE a.kind = 'statement' AND a.generation < o.generation LIMIT 1",
  );
  const { n } = reader.prepare("SELECT count(*) AS n FROM artefact WHERE kind = 'statement'").get();
  const { version } = await post(PORT, base, token, { metadata_policy: { openid_relying_party: { contacts: { add: ['help@example.org'] } } } });
  const found = await measured(ours, n, async () => {
    await post(PORT, `${base}/${version}/publish`, token, { accept_breaks: true, accept_unknown: true }, { status: 200 });
    while (stale.get()) await new Promise((done) => setTimeout(done, 100));
  });
  reader.close();
  return found;
}

export async function enrol() {
  title(
    `Enrolment by ${AT_ONCE} writers over HTTP, import and signing anew; discovery ${DISCOVERY}${canPin ? '' : ' (taskset is not there: nothing is pinned)'}`,
  );
  const d = await deployment();
  d.store.close();
  const one = await signatures();
  const bare = await server('taking', [process.execPath, 'bench/wire/taking.mjs'], { ready: (said) => /"port":(\d+)/.exec(said)?.[1] });
  const profiling = PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${PROFILE}`] : [];
  const ours = await server('holdfast', [process.execPath, ...profiling, 'dist/platform/main.node.js', 'serve'], {
    env: { HOLDFAST_DATA: d.folder, HOLDFAST_URL: ANCHOR, HOLDFAST_PORT: String(PORT), HOLDFAST_SEAL_KEY: d.seal, HOLDFAST_DISCOVERY: DISCOVERY },
    ready: (said) => (said.includes('ready after') ? PORT : undefined),
  });
  let next = 0;
  const body = () => ({
    entity_id: memberId(next++),
    jwks: { keys: [newKey()] },
    metadata: { openid_relying_party: { client_name: 'One of many' } },
    activate: true,
  });
  const many = (target, path) => () => {
    const bodies = Array.from({ length: ROUND }, () => JSON.stringify(body()));
    // Meanwhile the server may have closed what was kept open, and nothing of that was read here yet.
    agent.destroy();
    return measured(target, ROUND, () => manyAtOnce(ROUND, () => post(target.port, path, d.token, bodies.pop())));
  };
  const found = await inTurns({
    bare: many(bare, '/members'),
    enrolment: many(ours, '/admin/v1/authorities/main/members'),
  });
  const lines = Array.from({ length: LINES }, () => `${JSON.stringify(body())}\n`).join('');
  const imports = '/admin/v1/authorities/main/imports';
  const { id } = await post(PORT, imports, d.token, {});
  const line = await measured(ours, LINES, () => post(PORT, `${imports}/${id}/lines`, d.token, lines, { type: 'application/x-ndjson', status: 200 }));
  await post(PORT, `${imports}/${id}/finish`, d.token, {}, { status: 200 });
  const anew = await signAnew(ours, d.folder, d.token);
  say(
    `one ES256 signature: ${one.web.toFixed(0)} µs by WebCrypto, ${one.node.toFixed(0)} µs by node:crypto; a bare POST with the same body ${found.bare.cpu.toFixed(0)} µs`,
  );
  const print = (name, { rate, cpu }) =>
    say(
      `${name}: ${rate.toFixed(0)}/s, ${cpu.toFixed(0)} µs of processor time (${(cpu / found.bare.cpu).toFixed(1)} bare POSTs, ${(cpu / one.web).toFixed(1)} signatures)`,
    );
  print('enrolment', found.enrolment);
  print('line of an import', line);
  print('statement signed anew', anew);
  judge('enrolments that one core carries a second', 1e6 / found.enrolment.cpu, { atLeast: 1200 });
  judge('a line of an import, of an enrolment', line.cpu / found.enrolment.cpu, { atMost: 1 });
  judge('a statement signed anew, in signatures', anew.cpu / one.web, { atMost: 6 });
  agent.destroy();
  await ours.stop();
  await bare.stop();
  rmSync(d.folder, { recursive: true, force: true });
}
