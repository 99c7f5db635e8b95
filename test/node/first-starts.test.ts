import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { lockFile, oneAtATime } from '../../src/platform/data-lock.node.js';
import { whyUnopened } from '../../src/store/unopened.node.js';
import { command } from '../support/node/command.js';
import { admin, freePort, MAIN, startProcess, tempFolder } from '../support/process.js';

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
  const database = openSqlite(join(folder, 'holdfast.db'), { readonly: true });
  expect(database.prepare('SELECT count(*) FROM api_key').pluck().get()).toBe(1);
  expect(database.prepare('SELECT count(*) FROM authority_key').pluck().get()).toBe(1);
  database.close();
  await Promise.all(servers.map(({ kill }) => kill('SIGTERM')));
  for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o077, name).toBe(0);
  expect(await command(['fsck'], { HOLDFAST_DATA: folder })).toMatchObject({ code: 0 });
});

it('the same for init, which ends: one makes it, the others find it made', async () => {
  const folder = join(tempFolder(), 'data');
  const ended = await Promise.all([1, 2, 3].map(() => command(['init'], { HOLDFAST_DATA: folder })));
  expect(ended.map(({ code, stderr }) => (code === 0 ? 0 : stderr))).toEqual([0, 0, 0]);
  expect(ended.filter(({ stdout }) => stdout.startsWith('hf_'))).toHaveLength(1);
  expect(ended.filter(({ stderr }) => stderr.includes('already_initialized'))).toHaveLength(2);
});

it('a start that cannot be makes nothing: no folder, no key, no owner whom nobody was shown', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => taken.once('listening', done));
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as { port: number };
  const free = String(await freePort());
  const base = tempFolder();
  const pem = join(base, 'cert.pem');
  writeFileSync(pem, 'no certificate');
  const missing = join(base, 'missing.pem');
  for (const [env, says] of [
    [{ HOLDFAST_PORT: String(port) }, /port \d+ on 127\.0\.0\.1 is taken; choose another with HOLDFAST_PORT/],
    [{ HOLDFAST_PORT: free, HOLDFAST_METRICS_PORT: String(port) }, /HOLDFAST_METRICS_PORT/],
    [{ HOLDFAST_PORT: free, HOLDFAST_TLS_CERT: missing, HOLDFAST_TLS_KEY: missing }, /HOLDFAST_TLS_CERT: cannot read .*missing\.pem \(ENOENT\)/],
    [{ HOLDFAST_PORT: free, HOLDFAST_TLS_CERT: pem, HOLDFAST_TLS_KEY: pem }, /PEM/],
    [{ HOLDFAST_PORT: free, HOLDFAST_ORGANIZATION_NAME: '\u202eBank' }, /HOLDFAST_ORGANIZATION_NAME/],
  ] as const) {
    const data = join(base, 'data');
    const failed = await command(['serve'], { ...env, HOLDFAST_DATA: data, HOLDFAST_DISCOVERY: 'off' });
    expect(failed.code, failed.stderr).toBeGreaterThan(0);
    expect(failed.stderr).toMatch(says);
    expect(existsSync(data), JSON.stringify(env)).toBe(false);
  }
});

it('the first authority calls itself what it is told, or after its host, and nothing that it is not', async () => {
  for (const [env, name] of [
    [{}, 'localhost'],
    [{ HOLDFAST_ORGANIZATION_NAME: 'Föderation der Banken' }, 'Föderation der Banken'],
  ] as const) {
    const server = await startProcess(tempFolder(), { env });
    const configuration = await (await fetch(`${server.url}/.well-known/openid-federation`)).text();
    expect(decodeJwt(configuration)['metadata']).toMatchObject({ federation_entity: { organization_name: name } });
    await server.kill('SIGTERM');
  }
});

it('while it starts it is alive and not ready, each plane says so in its own words, and a signal ends it', async () => {
  const folder = tempFolder();
  const port = await freePort();
  // Another start on the folder is under way.
  const other = openSqlite(lockFile(join(folder, 'holdfast.db')));
  other.exec('BEGIN IMMEDIATE');
  const env = { PATH: process.env['PATH'] ?? '', HOLDFAST_PORT: String(port), HOLDFAST_DATA: folder, HOLDFAST_LOG: 'error' };
  const child = spawn(process.execPath, [MAIN, 'serve'], { env });
  onTestFinished(() => void (child.exitCode === null && child.kill('SIGKILL')));
  const url = `http://localhost:${port}`;
  await expect
    .poll(
      () =>
        fetch(`${url}/healthz`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 60_000 },
    )
    .toBe(200);
  expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'not ready', checks: {} });
  const stranger = await fetch(`${url}/.well-known/openid-federation`);
  expect([stranger.status, stranger.headers.get('retry-after'), stranger.headers.get('access-control-allow-origin')]).toEqual([503, '5', '*']);
  expect(await stranger.json()).toMatchObject({ error: 'temporarily_unavailable' });
  const asked = await command(['whoami'], { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: 'hf_any' });
  expect(asked).toMatchObject({ code: 3, stderr: expect.stringContaining('it is starting') });
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  other.close();
  expect(existsSync(join(folder, 'holdfast.db'))).toBe(false);
});

it('a database that another program holds or that is none is named, with what to do', async () => {
  const folder = tempFolder();
  const file = join(folder, 'holdfast.db');
  const busy = Object.assign(new Error('database is locked'), { code: 'SQLITE_BUSY' });
  // The lock of starts is had by then, and is not asked for again.
  await expect(oneAtATime(file, () => Promise.reject(busy))).rejects.toBe(busy);
  writeFileSync(file, 'a text, and a long one, that is no database at all');
  const env = { HOLDFAST_DATA: folder, HOLDFAST_DISCOVERY: 'off' };
  expect((await command(['init'], env)).stderr).toMatch(/holdfast\.db is no database, or a damaged one: see what holdfast fsck says/);
  rmSync(file);
  mkdirSync(file);
  expect((await command(['init'], env)).stderr).toMatch(/holdfast\.db cannot be opened: is it a folder/);
  expect(whyUnopened(file, busy)).toMatchObject({ message: expect.stringMatching(/another process holds .*holdfast\.db/) });
  rmSync(file, { recursive: true });
  const spelled = await command(['init'], { ...env, HOLDFAST_URL: 'http://LOCALHOST:8080' });
  expect(spelled).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('Set HOLDFAST_URL=http://localhost:8080') });
  expect((await command(['init'], { ...env, HOLDFAST_URL: 'http://localhost:8080' })).stdout, 'nothing was made').toMatch(/^hf_/);
  const elsewhere = await command(['serve'], { HOLDFAST_DATA: join(folder, 'other'), HOLDFAST_HOST: '192.0.2.1' });
  expect(elsewhere).toMatchObject({ code: 2, stderr: expect.stringContaining('HOLDFAST_HOST: 192.0.2.1 is no address of this machine') });
});
