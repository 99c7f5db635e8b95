// npm run test:bun: tests that start a public plane of its own, with that one on Bun.
import { spawnSync } from 'node:child_process';

const FILES = ['bun', 'halt', 'restored', 'serve', 'spent-once', 'strangers', 'wishes'].map((name) => `test/node/${name}.test.ts`);
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'processes', ...FILES];
spawnSync(process.execPath, ['test/support/prepare.mjs'], { stdio: 'inherit' });
process.exitCode = spawnSync(process.execPath, vitest, { stdio: 'inherit', env: { ...process.env, PUBLIC_PLANE: 'bun' } }).status ?? 1;
