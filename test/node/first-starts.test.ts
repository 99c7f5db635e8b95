import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { expect, it } from 'vitest';
import { admin, freePort, run, startProcess, tempFolder } from '../support/process.js';

it('first starts at the same moment on a fresh folder make one owner and one authority, and every one of them answers', async () => {
  const folder = tempFolder();
  const url = `http://localhost:${await freePort()}`;
  const servers = await Promise.all([1, 2, 3].map(() => startProcess(folder, { env: { HOLDFAST_URL: url } })));
  expect(
    servers.filter(({ banner }) => banner.includes('First owner API key')),
    'the owner is shown by one',
  ).toHaveLength(1);
  const { token } = JSON.parse(readFileSync(join(folder, 'cli.json'), 'utf8')) as { token: string };
  for (const { env } of servers) {
    const own = `http://localhost:${env['HOLDFAST_PORT']}`;
    expect((await admin({ url: own, token }, 'GET', '/authorities')).json.items).toHaveLength(1);
    expect((await fetch(`${own}/.well-known/openid-federation`)).status).toBe(200);
  }
  const database = new Sqlite(join(folder, 'holdfast.db'), { readonly: true });
  expect(database.prepare('SELECT count(*) FROM api_key').pluck().get()).toBe(1);
  expect(database.prepare('SELECT count(*) FROM authority_key').pluck().get()).toBe(1);
  database.close();
  await Promise.all(servers.map(({ kill }) => kill('SIGTERM')));
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
  expect(await run(['fsck'], { HOLDFAST_DATA: folder })).toMatchObject({ code: 0 });
});

it('the same for init, which ends: one makes it, the others find it made', async () => {
  const folder = join(tempFolder(), 'data');
  const ended = await Promise.all([1, 2, 3].map(() => run(['init'], { HOLDFAST_DATA: folder })));
  expect(ended.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0]);
  expect(ended.filter(({ stdout }) => stdout.startsWith('hf_'))).toHaveLength(1);
  expect(ended.filter(({ stderr }) => stderr.includes('already_initialized'))).toHaveLength(2);
});
