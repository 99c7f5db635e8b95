// npm run test:mutations [-- path …]: changes the code of the pure core, the resolver and the guarded fetcher in
// thousands of small ways, and asks of each whether a test notices. Not part of the checks of every commit.
//   npm run test:mutations -- src/resolver src/federation/jws.ts     some of it
//   npm run test:mutations -- --sample 8                             every eighth mutant: 6 to 8 minutes on two idle cores
//   npm run test:mutations -- src/resolver --tests test/federation/walk.test.ts    with some of the tests: quicker
//   npm run test:mutations -- --again                                go on after an interruption, or with more tests
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { prose } from './prose.mjs';

const FOLDERS = ['src/federation', 'src/resolver', 'src/outbound'];
/** Not reached by tests on Node, or nothing but a list of exports. */
const LEFT_OUT = /\.workers\.ts$|entry\.ts$/;
const GOAL = 85;
/** A process that has said nothing for this long while a mutant is on hangs in it. */
const SILENCE_MS = 45_000;
/** While none is on, a slow test is no fault: only this long a silence is. */
const LONG_SILENCE_MS = 600_000;
const ROOT = '.mutations';
const SANDBOX = join(ROOT, 'sandbox');

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean' }, sample: { type: 'string', default: '1' }, tests: { type: 'string', default: '' } },
});
const again = values.again === true;
const sample = Number(values.sample);
if (!Number.isInteger(sample) || sample < 1) throw new Error(`--sample takes a whole number of at least 1, not "${values.sample}"`);
const tests = values.tests.split(',').filter(Boolean);
for (const one of tests) if (!existsSync(one)) throw new Error(`--tests names a file that is not there: ${one}`);
const filesOf = (path) => (statSync(path).isFile() ? [path] : readdirSync(path, { recursive: true }).map((name) => join(path, name)));
const files = (asked.length ? asked : FOLDERS)
  .flatMap(filesOf)
  .filter((path) => path.endsWith('.ts') && !LEFT_OUT.test(path))
  .sort();

const children = new Set();

/** A copy of the project in which every mutant is there, behind a switch. */
async function instrument() {
  rmSync(again ? SANDBOX : ROOT, { recursive: true, force: true });
  mkdirSync(SANDBOX, { recursive: true });
  for (const one of ['src', 'test', 'drizzle', 'examples', 'package.json', 'tsconfig.json', 'tsconfig.base.json'])
    if (existsSync(one)) cpSync(one, join(SANDBOX, one), { recursive: true });
  for (const one of ['node_modules', 'dist']) if (existsSync(one)) symlinkSync(resolve(one), join(SANDBOX, one));
  const log = { debug() {}, info() {}, warn: console.error, isDebugEnabled: () => false };
  const made = await new Instrumenter(log).instrument(
    files.map((name) => ({ name, mutate: true, content: readFileSync(name, 'utf8') })),
    { plugins: null, excludedMutations: [], ignorers: [prose] },
  );
  for (const { name, content } of made.files) writeFileSync(join(SANDBOX, name), content);
  return made.mutants.filter(({ status, id }) => status !== 'Ignored' && Number(id) % sample === 0);
}

/** One process over its share of the mutants; started again where it hung. */
async function work(share, shares) {
  const log = resolve(ROOT, `log-${share}.tsv`);
  for (;;) {
    const before = linesOf(log).length;
    const child = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '-c', 'test/mutations/vitest.config.mts', '--reporter', 'dot'], {
      cwd: SANDBOX,
      env: { ...process.env, MUTATION_LOG: log, MUTATION_SHARE: `${share}/${shares}/${sample}`, MUTATION_TESTS: tests.join(','), NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.add(child);
    let told = '';
    child.stderr.on('data', (text) => {
      told = `${told}${text}`.slice(-4000);
    });
    let finished = false;
    child.stdout.on('data', (text) => {
      finished ||= String(text).includes('Duration');
    });
    const watch = setInterval(() => {
      if (!existsSync(log)) return;
      const silent = Date.now() - Math.max(statSync(log).mtimeMs, started);
      if (silent < SILENCE_MS) return;
      if (silent > LONG_SILENCE_MS || isTrying(linesOf(log).slice(before))) child.kill('SIGKILL');
    }, 1000);
    const started = Date.now();
    const code = await new Promise((done) => child.on('exit', done));
    clearInterval(watch);
    children.delete(child);
    if (finished) return;
    if (code !== null && !existsSync(log)) throw new Error(`the tests did not run:\n${told}`);
    // It hung, or the mutant took the whole process with it.
    const said = linesOf(log).slice(before);
    const [, id, test] = said.at(-1) ?? [];
    // An end between two mutants is a loss of time only, as long as there is progress.
    if (!isTrying(said) && said.length > 0) continue;
    if (!isTrying(said)) throw new Error(`the tests ended without a mutant and without progress\n${told}`);
    writeFileSync(log, `hung\t${id}\t${test}\n`, { flag: 'a' });
  }
}
const isTrying = (lines) => lines.at(-1)?.[0] === 'trying';
const linesOf = (log) =>
  existsSync(log)
    ? readFileSync(log, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => line.split('\t'))
    : [];

const mutants = await instrument();
const shares = Math.max(1, Math.min(4, availableParallelism()));
console.log(`${mutants.length} mutants in ${files.length} files; ${shares} processes`);
const began = Date.now();
const shown = setInterval(() => {
  const done = verdicts();
  console.log(`${Math.round((Date.now() - began) / 1000)} s: ${done.killed.size} of ${mutants.length} noticed so far`);
}, 30_000);
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const child of children) child.kill('SIGKILL');
    report();
    console.error('interrupted: what was not tried yet counts as unnoticed');
    process.exit(130);
  });
await Promise.all(Array.from({ length: shares }, (_, share) => work(share, shares)));
clearInterval(shown);
report();

function verdicts() {
  const killed = new Set();
  const reached = new Set();
  const loaded = new Set();
  for (const name of readdirSync(ROOT).filter((one) => one.startsWith('log-')))
    for (const [what, id] of linesOf(join(ROOT, name))) {
      if (what === 'killed' || what === 'hung') killed.add(id);
      if (what === 'trying') reached.add(id);
      if (what === 'loaded') loaded.add(id);
    }
  return { killed, reached, loaded };
}

function report() {
  const { killed, reached, loaded } = verdicts();
  const rows = new Map();
  const left = [];
  for (const mutant of mutants) {
    const row = rows.get(mutant.fileName) ?? { killed: 0, survived: 0, unreached: 0, loaded: 0 };
    rows.set(mutant.fileName, row);
    if (killed.has(mutant.id)) row.killed++;
    else if (reached.has(mutant.id)) row.survived++;
    else if (loaded.has(mutant.id)) row.loaded++;
    else row.unreached++;
    if (!killed.has(mutant.id)) left.push({ ...mutant, verdict: reached.has(mutant.id) ? 'survived' : loaded.has(mutant.id) ? 'loaded' : 'unreached' });
  }
  const score = ({ killed: n, survived, unreached }) => (100 * n) / Math.max(1, n + survived + unreached);
  const total = { killed: 0, survived: 0, unreached: 0, loaded: 0 };
  console.log('\n  score  noticed  survived  unreached  at load   file');
  const line = (row, name) =>
    console.log(
      `${score(row).toFixed(1).padStart(7)} ${String(row.killed).padStart(8)} ${String(row.survived).padStart(9)} ${String(row.unreached).padStart(10)} ${String(row.loaded).padStart(8)}   ${name}`,
    );
  for (const [name, row] of [...rows].sort()) {
    line(row, name);
    for (const key of Object.keys(total)) total[key] += row[key];
  }
  line(total, 'all');
  const text = left.map(({ fileName, location, mutatorName, replacement, verdict }) => {
    const source = readFileSync(fileName, 'utf8').split('\n');
    return `${fileName}:${location.start.line + 1}:${location.start.column + 1} ${verdict} ${mutatorName}\n- ${source[location.start.line].trim()}\n+ ${replacement.replace(/\s+/g, ' ').slice(0, 200)}\n`;
  });
  writeFileSync(join(ROOT, 'left.txt'), text.join('\n'));
  console.log(`\nWhat no test noticed: ${join(ROOT, 'left.txt')}`);
  if (!asked.length && !tests.length && score(total) < GOAL) {
    console.error(`${score(total).toFixed(1)} % is less than ${GOAL} %`);
    process.exitCode = 1;
  }
}
