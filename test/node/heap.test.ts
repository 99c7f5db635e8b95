import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** Keeps 50 MB, each part of which is replaced again and again after it has lasted, and says how large the heap was at most (MB). */
const CHURN = `
  const kept = new Map();
  let [most, from] = [0, process.memoryUsage().heapUsed];
  for (let n = 0; n < 400_000; n++) {
    kept.set(n % 40_000, Array.from({ length: 150 }, (_, m) => n + m));
    if (n % 500 === 0) most = Math.max(most, process.memoryUsage().heapUsed - from);
  }
  console.log(Math.round(most / 1e6));`;

const MODULE = JSON.stringify(new URL('../../dist/platform/heap.node.js', import.meta.url).href);

function mostOf(...flags: readonly string[]): number {
  const script = `import(${MODULE}).then(({ holdHeap }) => { holdHeap(); ${CHURN} })`;
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return Number(stdout);
}

it('the heap of a server grows by half of what it holds, unless whoever starts it says otherwise', () => {
  // Four times is what V8 comes to by itself, when it has the time.
  const [held, asked] = [mostOf(), mostOf('--heap-growing-percent=300')];
  expect(held, `${held} MB held, ${asked} as was asked for`).toBeLessThan(asked * 0.8);
});
