import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { decodeJwt } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { command } from '../support/node/command.js';
import { admin, freePort, startProcess, tempFolder } from '../support/process.js';

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
