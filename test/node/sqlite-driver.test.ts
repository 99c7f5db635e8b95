import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { driverFor, openSqlite, whyNoDriver } from '../../src/store/sqlite.node.js';
import { freePort, run, tempFolder } from '../support/process.js';

const IDLE = fileURLToPath(new URL('../support/idle-collection.mjs', import.meta.url));

it('each Node is given the driver that it can run', () => {
  // As Node says of itself: 20.20.2, 22.13.1, 22.14.0, 24.21.0; and one that says nothing.
  expect(['9', '9', '10', '10', '0'].map((napi) => driverFor({ napi }))).toEqual([12, 12, 13, 13, 12]);
  const client = openSqlite(':memory:');
  const version = String(client.prepare('SELECT sqlite_version()').pluck().get());
  client.close();
  expect(version.startsWith('3.53.'), version).toBe(driverFor({ napi: process.versions['napi'] ?? '0' }) === 12);
});

it('memory is collected while the process is idle, and it goes on', async () => {
  expect(await run([], {}, IDLE)).toEqual({ code: 0, stdout: 'went on\n', stderr: '' });
});

it('a driver that cannot be loaded is told with the Node, the reason and what to do', async () => {
  const machine = { platform: 'linux', arch: 'riscv64' };
  expect(whyNoDriver(new Error('Cannot find module x\nRequire stack:\n- y'), { ...machine, node: '24.21.0', napi: '10' }).message).toMatch(
    /^the SQLite driver for Node 24\.21\.0 on linux riscv64, better-sqlite3 13, cannot be loaded \(Cannot find module x\); .*npm explore better-sqlite3 -- npm run build-release$/,
  );
  expect(whyNoDriver('gone', { ...machine, node: '20.20.2', napi: '9' }).message).toMatch(
    /^the SQLite driver for Node 20\.20\.2 on linux riscv64, better-sqlite3 12, cannot be loaded \(gone\); install again .*; or use Node 22\.14 or later/,
  );

  const folder = tempFolder();
  const broken = join(folder, 'broken.cjs');
  writeFileSync(broken, "require('node:module')._extensions['.node'] = () => { throw new Error('version `GLIBC_2.99\\' is missing'); };\n");
  const env = { NODE_OPTIONS: `--require=${broken}`, HOLDFAST_DATA: join(folder, 'data'), HOLDFAST_PORT: String(await freePort()) };
  const served = await run(['serve'], env);
  expect(served.code).not.toBe(0);
  expect(served.stderr).toContain(`holdfast: the SQLite driver for Node ${process.versions.node} on ${process.platform} ${process.arch}, better-sqlite3 `);
  expect(served.stderr).toContain('cannot be loaded (version `GLIBC_2.99');
  expect(await run(['--version'], env), 'what opens no file does not ask for it').toMatchObject({ code: 0, stderr: '' });
});
