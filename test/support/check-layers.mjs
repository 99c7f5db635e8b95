// Cruises src, then the canary: a rule that does not fire on its planted violation is no rule.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';

const CANARY = 'test/support/layer-canary';
const bin = new URL('../../node_modules/dependency-cruiser/bin/dependency-cruise.mjs', import.meta.url).pathname;
const rules = createRequire(import.meta.url)('../../.dependency-cruiser.cjs').forbidden.map(({ name }) => name);

function cruise(root) {
  const run = spawnSync(process.execPath, [bin, '--config', '.dependency-cruiser.cjs', '--output-type', 'json', root], {
    encoding: 'utf8',
    env: { ...process.env, LAYERS_ROOT: root },
    maxBuffer: 256 * 1024 * 1024,
  });
  if (!run.stdout) throw new Error(run.stderr);
  return JSON.parse(run.stdout).summary;
}

const real = cruise('src');
if (real.totalCruised < 50) throw new Error(`only ${real.totalCruised} modules were seen: the check looks at nothing`);
for (const { rule, from, to } of real.violations) console.error(`${rule.name}: ${from} → ${to}`);
const fired = new Set(cruise(CANARY).violations.map(({ rule }) => rule.name));
const silent = rules.filter((name) => !fired.has(name));
for (const name of silent) console.error(`the rule ${name} did not fire on its planted violation`);
console.log(`layers: ${real.totalCruised} modules, ${real.violations.length} violations; ${fired.size} of ${rules.length} rules proven by the canary`);
process.exitCode = real.violations.length || silent.length ? 1 : 0;
