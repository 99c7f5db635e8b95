// npm run bench wire: every public endpoint over HTTP, as ratios to a bare Hono constant of the same run. Servers are processes of
// their own on processor 0, the generator (wrk) is on processor 1, and what is compared takes turns.
//   WIRE_MEMBERS   how many members, one run each (default 1000; all figures: 1000,100000,1000000)
//   WIRE_DATA      folder where the deployment is kept and grows, so that a million is enrolled once (default: none)
//   WIRE_SECONDS   how long each is asked, three times (default 3)
import { createReadStream, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { request } from 'node:http';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { judge, median, say, title } from '../measure.mjs';
import { ANCHOR } from '../setup.mjs';
import { canPin, hasWrk, load, paced, server } from './processes.mjs';
import { federation } from './federation.mjs';
import { findBun } from '../../test/support/find-bun.mjs';

const SECONDS = Number(process.env.WIRE_SECONDS ?? 3);
const MEMBERS = (process.env.WIRE_MEMBERS ?? '1000').split(',').map(Number);
const ROUNDS = 3;
const PORT = 8499;
const host = new URL(ANCHOR).host;

const holdfast = (d, env = {}, { args = [], anywhere = false } = {}) =>
  server('holdfast', [process.execPath, 'dist/platform/main.node.js', 'serve', ...args], {
    anywhere,
    env: { HOLDFAST_DATA: d.folder, HOLDFAST_URL: ANCHOR, HOLDFAST_PORT: String(PORT), HOLDFAST_SEAL_KEY: d.seal, HOLDFAST_DISCOVERY: 'off', ...env },
    ready: (said) => (said.includes('ready after') ? PORT : undefined),
  });
const constant = (bytes) =>
  server('constant', [process.execPath, 'bench/wire/constant.mjs', String(bytes)], { ready: (said) => /"port":(\d+)/.exec(said)?.[1] });

/** A script of the generator: what it asks each time. */
function script(d, name, lua) {
  const file = join(d.folder, `${name}.lua`);
  writeFileSync(file, `math.randomseed(1)\n${lua}\n`);
  return file;
}
const member = (most) => `string.format("https%%3A%%2F%%2Fm%06d.example.org", math.random(0, ${most - 1}))`;
const get = (path) => `request = function() return wrk.format("GET", ${path}) end`;

const statusForm = (d) => `wrk.method = "POST"\nwrk.body = "trust_mark=${d.marks[0]}"\nwrk.headers["Content-Type"] = "application/x-www-form-urlencoded"`;
/** What asks a server for so many seconds. */
const at =
  (target, path, more = {}) =>
  (seconds) =>
    load(target, path, { seconds, host, ...more });

/** Ask all in turn. @returns by name the medians of rate (a second), p99 (ms) and processor time a request (µs) */
async function inTurns(cases) {
  const runs = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (const one of Object.values(cases)) await one(1);
  for (let round = 0; round < ROUNDS; round++) for (const [name, one] of Object.entries(cases)) runs[name].push(await one(SECONDS));
  const of = (name) => Object.fromEntries(['rate', 'p99', 'cpu'].map((what) => [what, median(runs[name].map((run) => run[what]))]));
  return Object.fromEntries(Object.keys(cases).map((name) => [name, of(name)]));
}

function print(found, name, against = 'constant') {
  const [one, other] = [found[name], found[against]];
  say(
    `${name}: ${one.rate.toFixed(0)}/s, p99 ${one.p99.toFixed(2)} ms, ${one.cpu.toFixed(1)} µs of processor time; of ${against} ${(one.rate / other.rate).toFixed(2)} by requests, ${(other.cpu / one.cpu).toFixed(2)} by processor time`,
  );
  return one.rate / other.rate;
}

/** The list once, read as it comes and thrown away. @returns bytes, seconds */
async function wholeList() {
  const began = performance.now();
  let bytes = 0;
  // By hand: what a fetch does with a stream would be measured along.
  await new Promise((done, failed) => {
    request({ host: '127.0.0.1', port: PORT, path: '/list', headers: { host } }, (answer) => {
      answer.on('data', (chunk) => {
        bytes += chunk.length;
      });
      answer.on('end', done).on('error', failed);
    })
      .on('error', failed)
      .end();
  });
  return { bytes, seconds: (performance.now() - began) / 1000 };
}

/**
 * How long a fetch takes when it is asked for at the same rate, by chance among all and by chance among a thousand of them. At full
 * load the slower of two has the longer queue, whatever it does.
 */
async function evenlyAsked(ours, members, most) {
  const rate = Math.round(most / 100) * 100;
  const runs = { all: [], thousand: [] };
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, out] of Object.entries({ all: members, thousand: 1000 }))
      runs[name].push(await paced(ours, { host, rate, seconds: SECONDS, members: out }));
  const of = (name, what) => median(runs[name].map((run) => run[what]));
  for (const [name, out] of Object.entries({ all: members, thousand: 1000 }))
    say(
      `fetch among ${out} at ${rate}/s: p50 ${of(name, 'p50').toFixed(2)} ms, p99 ${of(name, 'p99').toFixed(2)} ms, the worst ${of(name, 'worst').toFixed(1)} ms`,
    );
  judge('p99 of fetch among all, of that among a thousand, at the same rate', of('all', 'p99') / of('thousand', 'p99'), { atMost: 1.2 });
}

/** A list of many pages: how fast it comes, and what those feel who ask for something else meanwhile. */
async function longList(ours, alone, ask) {
  const before = ours.memory();
  const first = await wholeList();
  const next = await wholeList();
  for (const [name, { bytes, seconds }] of Object.entries({ 'the list': first, 'the list again': next }))
    say(`${name}: ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(2)} s, ${(bytes / 1e6 / seconds).toFixed(0)} MB/s`);
  let [going, lists] = [true, 0];
  const reading = (async () => {
    for (; going; lists++) await wholeList();
  })();
  const beside = await ask(SECONDS);
  going = false;
  await reading;
  say(
    `fetch beside a list that is read again and again (${lists} times): ${beside.rate.toFixed(0)}/s, p99 ${beside.p99.toFixed(2)} ms; alone ${alone.rate.toFixed(0)}/s, p99 ${alone.p99.toFixed(2)} ms; memory ${before.toFixed(0)} MB before the first list, ${ours.memory().toFixed(0)} after the last`,
  );
}

/** The file is read once, so that what is measured among a million is not the disk of whoever measures. */
const warmed = (d) => once(createReadStream(join(d.folder, 'holdfast.db'), { highWaterMark: 2 ** 20 }).resume(), 'close');

async function withMembers(d, members) {
  await warmed(d);
  title(`Over the wire, ${members} members${canPin ? '' : ' (taskset is not there: nothing is pinned)'}`);
  const small = await constant(1200);
  const ours = await holdfast(d);
  const few = members <= 1000;
  const same = few ? await constant((await wholeList()).bytes) : undefined;
  const found = await inTurns({
    constant: at(small, '/'),
    configuration: at(ours, '/.well-known/openid-federation'),
    fetch: at(ours, '', { script: script(d, `fetch-${members}`, get(`"/fetch?sub=" .. ${member(members)}`)) }),
    resolve: at(ours, '', { script: script(d, 'resolve', get(`"/resolve?sub=" .. ${member(d.evaluated)} .. "&trust_anchor=${encodeURIComponent(ANCHOR)}"`)) }),
    'mark status': at(ours, '/trust-mark-status', { script: script(d, 'status', statusForm(d)) }),
    ...(same && { 'constant of the same bytes': at(same, '/'), list: at(ours, '/list') }),
  });
  say(`constant: ${found.constant.rate.toFixed(0)}/s, p99 ${found.constant.p99.toFixed(2)} ms, ${found.constant.cpu.toFixed(1)} µs of processor time`);
  judge('entity configuration, of a constant', print(found, 'configuration'), { atLeast: 1.15 });
  judge('fetch of random members, of a constant', print(found, 'fetch'), { atLeast: few ? 1.15 : 0.6 });
  if (!few) await evenlyAsked(ours, members, found.constant.rate / 8);
  judge('resolve, of fetch', print(found, 'resolve', 'fetch'), { atLeast: 0.95 });
  judge('mark status, of a constant', print(found, 'mark status'), { atLeast: 0.7 });
  if (same) judge('list, of a constant of the same bytes', print(found, 'list', 'constant of the same bytes'), { atLeast: 0.9 });
  else await longList(ours, found.fetch, at(ours, '', { script: script(d, 'neighbour', get(`"/fetch?sub=" .. ${member(members)}`)) }));
  judge('memory (MB resident)', ours.memory(), { atMost: members > 100_000 ? 600 : 250 });
  await ours.stop();
  await same?.stop();
  await small.stop();
  return found;
}

/** What all of it costs while nobody that is looked for answers. */
async function besideDiscovery(d, quiet) {
  title('The same with discovery on: 1 000 members that nobody answers for');
  const small = await constant(1200);
  const ours = await holdfast(d, { HOLDFAST_DISCOVERY: 'on' });
  const found = await inTurns({
    constant: at(small, '/'),
    configuration: at(ours, '/.well-known/openid-federation'),
    fetch: at(ours, '', { script: script(d, 'beside', get(`"/fetch?sub=" .. ${member(1000)}`)) }),
    list: at(ours, '/list'),
  });
  for (const name of ['configuration', 'fetch', 'list']) {
    const ratio = (all) => all[name].rate / all.constant.rate;
    print(found, name);
    judge(`${name} with discovery, of without`, ratio(found) / ratio(quiet), { atLeast: 0.9 });
  }
  await ours.stop();
  await small.stop();
}

const WORKERS = 2;

/** One process and several, on all processors, one after the other because they listen on one port. */
async function bySeveral(d, members) {
  const cores = availableParallelism();
  title(`The same by ${WORKERS} workers, nothing pinned, ${cores} processors`);
  say(
    cores > WORKERS
      ? 'the generator has a processor of its own'
      : 'the generator takes a processor from the workers: by requests this says what is left of it, by processor time what an answer costs',
  );
  const runs = {};
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, args] of Object.entries({ 'one process': [], workers: ['--workers', String(WORKERS)] })) {
      const ours = await holdfast(d, {}, { args, anywhere: true });
      const ask = (seconds) => load(ours, '', { seconds, host, connections: 64, script: script(d, 'several', get(`"/fetch?sub=" .. ${member(members)}`)) });
      await ask(1);
      runs[name] = [...(runs[name] ?? []), { ...(await ask(SECONDS)), memory: ours.memory() }];
      await ours.stop();
    }
  const of = (name, what) => median(runs[name].map((run) => run[what]));
  for (const name of Object.keys(runs))
    say(
      `fetch by ${name}: ${of(name, 'rate').toFixed(0)}/s, p99 ${of(name, 'p99').toFixed(2)} ms, ${of(name, 'cpu').toFixed(1)} µs of processor time, ${of(name, 'memory').toFixed(0)} MB in all`,
    );
  const gained = of('workers', 'rate') / of('one process', 'rate');
  if (cores > WORKERS) judge(`fetch by ${WORKERS} workers, of one process`, gained, { atLeast: 1.7 });
  else say(`fetch by ${WORKERS} workers, of one process: ${gained.toFixed(2)} (not judged with ${cores} processors)`);
}

/** The public plane alone, on Bun, beside the same constant on Node. */
async function onBun(d, members) {
  const bun = findBun();
  if (bun === undefined) return say('Bun is not there (HOLDFAST_BUN names one): the public plane was not measured on it');
  title(`The public plane on Bun, ${members} members`);
  const small = await constant(1200);
  const there = await server('holdfast on Bun', [bun, '--no-env-file', '--no-install', 'dist/platform/main.node.js', 'serve', '--public-only'], {
    env: { HOLDFAST_DATA: d.folder, HOLDFAST_URL: ANCHOR, HOLDFAST_PORT: String(PORT) },
    ready: (said) => (said.includes('it holds no key') ? PORT : undefined),
  });
  const found = await inTurns({
    constant: at(small, '/'),
    configuration: at(there, '/.well-known/openid-federation'),
    fetch: at(there, '', { script: script(d, `bun-fetch-${members}`, get(`"/fetch?sub=" .. ${member(members)}`)) }),
    resolve: at(there, '', {
      script: script(d, 'bun-resolve', get(`"/resolve?sub=" .. ${member(d.evaluated)} .. "&trust_anchor=${encodeURIComponent(ANCHOR)}"`)),
    }),
    'mark status': at(there, '/trust-mark-status', { script: script(d, 'bun-status', statusForm(d)) }),
    list: at(there, '/list'),
  });
  judge('entity configuration on Bun, of a constant on Node', print(found, 'configuration'), { atLeast: 1.8 });
  judge('fetch of random members on Bun, of a constant on Node', print(found, 'fetch'), { atLeast: members <= 1000 ? 1.8 : 0.6 });
  for (const name of ['resolve', 'mark status', 'list']) print(found, name);
  judge('memory on Bun (MB resident)', there.memory(), { atMost: members > 100_000 ? 600 : 250 });
  await there.stop();
  await small.stop();
}

export async function wire() {
  if (!hasWrk) return say('over the wire nothing was measured: the generator wrk is not installed (apt install wrk, brew install wrk)');
  const d = await federation(process.env.WIRE_DATA);
  let quiet;
  for (const members of MEMBERS) {
    await d.grow(members);
    const found = await withMembers(d, members);
    if (members === 1000) quiet = found;
    if (quiet === found) {
      await besideDiscovery(d, found);
      await bySeveral(d, members);
    }
    await onBun(d, members);
  }
  d.close();
}
