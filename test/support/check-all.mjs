// Runs the scripts named on the command line, two at a time, and prints each one's output in that order; fails if one of them failed.
import { spawn } from 'node:child_process';

const AT_ONCE = 2;
const names = process.argv.slice(2);

/** What it printed, and how it ended. */
const run = (name) =>
  new Promise((done) => {
    let said = '';
    const child = spawn('npm', ['run', '--silent', name], { stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (said += part));
    child.on('error', (error) => done({ said: String(error), code: 1 }));
    child.on('close', (code) => done({ said, code: code ?? 1 }));
  });

const results = [];
let next = 0;
const worker = async () => {
  for (let n = next++; n < names.length; n = next++) results[n] = await run(names[n]);
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
for (const [n, { said, code }] of results.entries()) console.log(`> ${names[n]}${code === 0 ? '' : ` FAILED (${code})`}\n${said.trimEnd()}`);
const failed = names.filter((_, n) => results[n].code !== 0);
if (names.length === 0 || failed.length) {
  console.error(`failed: ${failed.join(', ') || 'nothing was named'}`);
  process.exitCode = 1;
}
