// npm run bench halts: from a cut to the last good answer on every public endpoint, asked every 20 ms, in one process and across
// two on one file; and an organization of 5 000 members cut in one commit.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { signJws } from '../dist/federation/entry.js';
import { exploringDirectly } from '../dist/operations/explore-directly.js';
import { halt } from '../dist/operations/halts/halt.js';
import { haltReach } from '../dist/operations/halts/reach.js';
import { grantMark } from '../dist/operations/marks/grant-mark.js';
import { createMarkType } from '../dist/operations/marks/mark-types.js';
import { moveMember } from '../dist/operations/members/move-member.js';
import { startImport } from '../dist/operations/members/import-job.js';
import { importSlice } from '../dist/operations/members/import-members.js';
import { evaluateDue } from '../dist/operations/resolving/evaluate-due.js';
import { ANCHOR, deployment, memberId, populate, seconds } from './setup.mjs';
import { judge, median, say, title } from './measure.mjs';

const EVERY_MS = 20;
/** It goes on asking so long after the cut. */
const AFTER_MS = 400;
const RUNS = 8;
const TYPE = `${ANCHOR}/marks/certified`;
const clock = () => performance.timeOrigin + performance.now();

/** What a member's endpoints answer while it is in force, and how one sees that it still is. */
function endpoints(id, mark) {
  const sub = encodeURIComponent(id);
  const ok = async (response) => response.status === 200;
  const listed = async (response) => response.status === 200 && (await response.json()).some((one) => one === id || one.id === id);
  const extended = async (response) => response.status === 200 && (await response.text()).includes(`"${id}"`);
  const active = async (response) =>
    response.status === 200 && JSON.parse(atob((await response.text()).split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).status === 'active';
  const status = {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ trust_mark: mark }).toString(),
  };
  return {
    fetch: [`/fetch?sub=${sub}`, ok],
    list: ['/list', listed],
    extended_list: [`/extended-list?from_entity_id=${sub}`, extended],
    resolve: [`/resolve?sub=${sub}&trust_anchor=${encodeURIComponent(ANCHOR)}`, ok],
    trust_mark: [`/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${sub}`, ok],
    trust_mark_list: [`/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE)}`, listed],
    trust_mark_status: ['/trust-mark-status', active, status],
  };
}

/** Ask every endpoint every 20 ms around a cut. @returns milliseconds to the last good answer by endpoint, from its beginning and from its commit */
async function probe(d, id, mark, cut) {
  const all = endpoints(id, mark);
  const last = Object.fromEntries(Object.keys(all).map((name) => [name, 0]));
  const ask = async (name) => {
    const [path, good, init] = all[name];
    if (await good(await d.publicApp.fetch(new Request(`${ANCHOR}${path}`, init)))) last[name] = clock();
  };
  for (const name of Object.keys(all)) {
    await ask(name);
    if (last[name] === 0) throw new Error(`${name} does not answer before the cut`);
  }
  const timers = Object.keys(all).map((name) => setInterval(() => void ask(name), EVERY_MS));
  await new Promise((done) => setTimeout(done, 3 * EVERY_MS));
  const { began, committed } = await cut(id);
  await new Promise((done) => setTimeout(done, AFTER_MS));
  for (const timer of timers) clearInterval(timer);
  const since = (when) => Object.fromEntries(Object.entries(last).map(([name, at]) => [name, Math.max(0, at - when)]));
  return { asked: since(began), committed: since(committed) };
}

/** Members that are evaluated and marked. */
async function prepared() {
  const d = await deployment();
  const signer = await d.keyCustody.signer({ id: 'bench', ...d.key });
  const outbound = {
    async get({ url }) {
      const id = url.replace('/.well-known/openid-federation', '');
      const times = { iat: seconds() - 5, exp: seconds() + 80_000 };
      const claims = { iss: id, sub: id, ...times, jwks: d.jwks, authority_hints: [ANCHOR], metadata: { openid_relying_party: { client_name: id } } };
      return { ok: true, value: { url, body: await signJws('entity-statement+jwt', claims, signer) } };
    },
  };
  const live = exploringDirectly({ store: d.store, custody: d.custody, outbound, clock: d.clock, development: false });
  await populate(d, 0, 2 * RUNS);
  while ((await evaluateDue(live)) > 0);
  await createMarkType(d.call, 'main', TYPE, {});
  const marks = [];
  for (let n = 0; n < 2 * RUNS; n++) marks.push((await grantMark(d.call, 'main', { type: TYPE, member: memberId(n) })).mark.bytes);
  return { ...d, marks };
}

function print(name, runs) {
  for (const endpoint of Object.keys(runs[0].asked)) {
    const since = (what) => runs.map((run) => run[what][endpoint]);
    const worst = Math.max(...since('asked'));
    say(
      `${name}: ${endpoint}: from the commit ${median(since('committed')).toFixed(0)}, worst ${Math.max(...since('committed')).toFixed(0)}; from the request ${median(since('asked')).toFixed(0)} ms`,
    );
    judge(`${name}: ${endpoint}, from the request (ms, worst of ${runs.length})`, worst, { atMost: 100 });
  }
}

export async function halts() {
  title(`From a cut to the last good answer, asked every ${EVERY_MS} ms`);
  const d = await prepared();
  const here = async (id) => {
    const began = clock();
    await moveMember(d.call, 'main', id, 'suspend', { reason: 'bench' });
    return { began, committed: clock() };
  };
  const alone = [];
  for (let n = 0; n < RUNS; n++) alone.push(await probe(d, memberId(n), d.marks[n], here));
  print('one process', alone);

  const other = spawn(process.execPath, ['bench/halter.mjs', d.folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = createInterface({ input: other.stdout })[Symbol.asyncIterator]();
  other.stdin.write(`${d.seal}\n`);
  if ((await said.next()).value !== 'ready') throw new Error('the other process did not start');
  const elsewhere = async (id) => {
    other.stdin.write(`${id}\n`);
    return JSON.parse((await said.next()).value);
  };
  const across = [];
  for (let n = RUNS; n < 2 * RUNS; n++) across.push(await probe(d, memberId(n), d.marks[n], elsewhere));
  other.stdin.end();
  if (other.exitCode === null) await once(other, 'close');
  print('two processes on one file', across);
  d.close();

  title('An organization of 5 000 members');
  const many = await deployment();
  const job = await startImport(many.call, 'main', { dryRun: false });
  for (let at = 0; at < 5000; at += 500)
    await importSlice(
      many.call,
      'main',
      job.id,
      Array.from({ length: 500 }, (_, n) => ({
        line: at + n + 1,
        input: { entityId: memberId(at + n), jwks: many.jwks, entityTypes: ['openid_relying_party'], organization: 'Bank', activate: true },
      })),
    );
  const target = { level: 'organization', everywhere: false, authority: 'main', organization: 'Bank' };
  let start = performance.now();
  const reach = await haltReach(many.call, target);
  say(`counted before in ${(performance.now() - start).toFixed(0)} ms: ${reach.members} members, ${reach.statements} statements`);
  start = performance.now();
  const done = await halt(many.call, { target, mode: 'suspend', reason: 'bench' });
  judge('cut in one commit, with its receipt (s)', (performance.now() - start) / 1000, { atMost: 1 });
  if (done.members !== 5000 || done.receipt?.stillServed !== 0) throw new Error('not all of them are cut');
  many.close();
}
