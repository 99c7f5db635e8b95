// npm run bench wire: every public endpoint over HTTP, as ratios to a bare Hono constant of the same run.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ANCHOR, deployment, populate } from '../setup.mjs';
import { median, say, title } from '../measure.mjs';
import { canPin, hasWrk, load, server } from './processes.mjs';

const SECONDS = Number(process.env.WIRE_SECONDS ?? 2);
const ROUNDS = 3;

const holdfast = (d, env = {}) =>
  server('holdfast', [process.execPath, 'dist/platform/main.node.js', 'serve'], {
    env: {
      HOLDFAST_DATA: d.folder,
      HOLDFAST_URL: ANCHOR,
      HOLDFAST_PORT: '8499',
      HOLDFAST_SEAL_KEY: d.seal,
      HOLDFAST_LOG: process.env.WIRE_LOG ?? 'warn',
      HOLDFAST_DISCOVERY: 'off',
      ...env,
    },
    ready: (said) => (said.includes('ready after') ? 8499 : undefined),
  });
const constant = (bytes) =>
  server('constant', [process.execPath, 'bench/wire/constant.mjs', String(bytes)], { ready: (said) => /"port":(\d+)/.exec(said)?.[1] });

/** A script of the generator that asks for random members. */
function random(d, members) {
  const file = join(d.folder, `random-${members}.lua`);
  writeFileSync(
    file,
    `math.randomseed(1)\nrequest = function() return wrk.format("GET", string.format("/fetch?sub=https%%3A%%2F%%2Fm%06d.example.org", math.random(0, ${members - 1}))) end\n`,
  );
  return file;
}

export async function wire(members = 1000) {
  if (!hasWrk) return say('wire: the generator wrk is not installed (apt install wrk, brew install wrk): nothing was measured');
  title(`Over the wire, ${members} members${canPin ? '' : ' (taskset is not there: nothing is pinned)'}`);
  const d = await deployment();
  await populate(d, 0, members);
  const host = new URL(ANCHOR).host;
  const small = await constant(1200);
  const ours = await holdfast(d);
  const cases = {
    constant: () => load(small, '/', { seconds: SECONDS }),
    configuration: () => load(ours, '/.well-known/openid-federation', { seconds: SECONDS, host }),
    fetch: () => load(ours, '', { seconds: SECONDS, host, script: random(d, members) }),
    list: () => load(ours, '/list', { seconds: SECONDS, host }),
  };
  const runs = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (const one of Object.values(cases)) await one(); // warm
  for (let round = 0; round < ROUNDS; round++) for (const [name, one] of Object.entries(cases)) runs[name].push(await one());
  const of = (name, what) => median(runs[name].map((run) => run[what]));
  for (const name of Object.keys(cases))
    say(
      `${name}: ${of(name, 'rate').toFixed(0)}/s, ratio ${(of(name, 'rate') / of('constant', 'rate')).toFixed(2)}, by processor time ${(of('constant', 'cpu') / of(name, 'cpu')).toFixed(2)} (${of(name, 'cpu').toFixed(1)} µs), p99 ${of(name, 'p99').toFixed(2)} ms`,
    );
  say(`memory ${ours.memory().toFixed(0)} MB`);
  await ours.stop();
  await small.stop();
  d.close();
}
if (process.argv[1]?.endsWith('wire.mjs')) await wire(Number(process.argv[2] ?? 1000));
