import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { testKey } from '../support/keys.js';
import { command } from '../support/node/command.js';
import { admin, freePort, localhostCertificate, run, startProcess, tempFolder } from '../support/process.js';

const enrol = async (server: Parameters<typeof admin>[0], entity_id: string) =>
  admin(server, 'POST', '/authorities/main/members', { entity_id, jwks: { keys: [(await testKey()).jwk] }, activate: true });
const text = async (url: string, init?: RequestInit) => (await fetch(url, init)).text();

describe('the first start', () => {
  it('needs no configuration, says what runs, and finds everything as it was when started again', async () => {
    const folder = tempFolder();
    const first = await startProcess(folder);
    expect(first.banner).toContain('DEVELOPMENT MODE');
    for (const said of [first.url, `${first.url}/admin/v1/docs`, 'key thumbprint', 'member enroll', first.token]) expect(first.banner).toContain(said);
    expect((statSync(join(folder, 'seal.key')).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(join(folder, 'cli.json')).mode & 0o777).toString(8)).toBe('600');
    await enrol(first, 'https://rp.example.com');
    const before = [await text(`${first.url}/.well-known/openid-federation`), await text(`${first.url}/list`)];
    expect(await first.kill('SIGTERM')).toBe(0);
    const again = await startProcess(folder, { port: Number(new URL(first.url).port) });
    expect(again.banner).not.toContain(first.token);
    expect([await text(`${again.url}/.well-known/openid-federation`), await text(`${again.url}/list`)]).toEqual(before);
    expect((await admin(again, 'GET', '/whoami')).json.role).toBe('owner');
    const database = readFileSync(join(folder, 'holdfast.db')).toString('latin1');
    expect(database, 'no private key, no token in the clear').not.toContain('PRIVATE KEY');
    expect(database).not.toContain(first.token);
  });

  it.runIf(process.platform === 'linux')('what reads strangers gives way to those that answer, nothing else does', async () => {
    const { child } = await startProcess(tempFolder(), { env: { HOLDFAST_DISCOVERY: 'on' } });
    const nice = (file: string) => Number(readFileSync(file, 'utf8').split(') ')[1]?.split(' ')[16]);
    const own = nice(`/proc/${child.pid}/stat`);
    const others = () =>
      readdirSync(`/proc/${child.pid}/task`)
        .map((thread) => nice(`/proc/${child.pid}/task/${thread}/stat`))
        .filter((one) => one !== own);
    await expect.poll(others, { timeout: 60_000 }).toEqual([Math.min(own + 10, 19)]);
  });

  it('stops with the reason: https without a seal key, another URL, a taken port, faults by name', async () => {
    const folder = tempFolder();
    const https = { HOLDFAST_DATA: folder, HOLDFAST_URL: 'https://ta.example.org' };
    expect(await run(['serve'], https)).toMatchObject({ code: 2, stderr: expect.stringContaining('HOLDFAST_SEAL_KEY is missing') });
    expect(existsSync(join(folder, 'seal.key'))).toBe(false);
    expect(await run(['serve'], { ...https, HOLDFAST_URL: 'http://ta.example.org' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('neither https nor loopback'),
    });
    const bad = await run(['serve'], { HOLDFAST_PORT: 'x', HOLDFAST_SEAL_KEY: 'secret-value', HOLDFAST_ADMIN_TOKEN: 'short', HOLDFAST_TLS_CERT: 'only' });
    expect(bad.code).toBe(2);
    for (const name of ['HOLDFAST_PORT', 'HOLDFAST_SEAL_KEY', 'HOLDFAST_ADMIN_TOKEN', 'HOLDFAST_TLS_KEY']) expect(bad.stderr).toContain(name);
    expect(bad.stderr).not.toContain('secret-value');
    const server = await startProcess(folder);
    expect(await run(['serve'], { ...server.env })).toMatchObject({ code: 1, stderr: expect.stringContaining('is taken') });
    await server.kill('SIGTERM');
    const other = await run(['serve'], { ...server.env, HOLDFAST_PORT: String(await freePort()) });
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining(`created for ${server.url}`) });
    const wrong = await run(['serve'], { ...server.env, HOLDFAST_SEAL_KEY: Buffer.alloc(32, 7).toString('base64'), HOLDFAST_URL: server.url });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('does not open') });
  });

  it('terminates TLS itself, with an https identifier, a seal key and a token from outside', async () => {
    const folder = tempFolder();
    const { cert, key } = await localhostCertificate(folder);
    const port = await freePort();
    const url = `https://localhost:${port}`;
    const server = await startProcess(join(folder, 'data'), {
      port,
      env: {
        HOLDFAST_URL: url,
        HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64'),
        HOLDFAST_ADMIN_TOKEN: 'a-token-from-the-environment',
        HOLDFAST_TLS_CERT: cert,
        HOLDFAST_TLS_KEY: key,
      },
    });
    expect(server.banner).not.toContain('DEVELOPMENT');
    expect(existsSync(join(folder, 'data', 'cli.json'))).toBe(false);
    const answer = await new Promise<string>((resolve, reject) => {
      httpsRequest(`${url}/.well-known/openid-federation`, { ca: readFileSync(cert) }, (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => resolve(body));
      })
        .on('error', reject)
        .end();
    });
    expect(JSON.parse(Buffer.from(answer.split('.')[1] ?? '', 'base64url').toString()).iss).toBe(url);
  });
});

describe('serve --public-only', () => {
  it('answers the same bytes without a key, follows changes, and refuses to hold one', async () => {
    const folder = tempFolder();
    const signing = await startProcess(folder);
    await enrol(signing, 'https://rp.example.com');
    const env = { HOLDFAST_URL: signing.url };
    const alone = await startProcess(folder, { args: ['--public-only'], env });
    const at = `http://localhost:${alone.env['HOLDFAST_PORT']}`;
    for (const path of ['/.well-known/openid-federation', '/list', '/historical-keys', `/fetch?sub=${encodeURIComponent('https://rp.example.com')}`]) {
      const [one, two] = await Promise.all([fetch(`${signing.url}${path}`), fetch(`${at}${path}`)]);
      expect([two.status, two.headers.get('etag'), await two.text()]).toEqual([one.status, one.headers.get('etag'), await one.text()]);
    }
    expect((await fetch(`${at}/admin/v1/whoami`)).status).toBe(404);
    expect((await fetch(`${at}/readyz`)).status).toBe(200);
    await admin(signing, 'POST', `/authorities/main/members/${encodeURIComponent('https://rp.example.com')}/suspend`, { reason: 'x' });
    await new Promise((done) => setTimeout(done, 50));
    expect((await fetch(`${at}/fetch?sub=${encodeURIComponent('https://rp.example.com')}`)).status).toBe(404);
    expect(await run(['serve', '--public-only'], { ...alone.env, HOLDFAST_SEAL_KEY: Buffer.alloc(32, 1).toString('base64') })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must not hold it'),
    });
    expect(await run(['serve', '--public-only'], { HOLDFAST_DATA: join(folder, 'nowhere') })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no database'),
    });
  });
});

describe('operation', () => {
  it.skipIf(process.platform !== 'linux')('metrics stay on loopback when the service listens everywhere, unless they are told otherwise', async () => {
    const reached = (url: string) =>
      fetch(url).then(
        ({ status }) => status,
        () => 'refused',
      );
    // Another address of this machine: on Linux all of 127.0.0.0/8 is.
    const elsewhere = '127.0.0.2';
    for (const [HOLDFAST_METRICS_HOST, from] of [
      [undefined, 'refused'],
      ['0.0.0.0', 200],
    ] as const) {
      const port = await freePort();
      const env = { HOLDFAST_HOST: '0.0.0.0', HOLDFAST_METRICS_PORT: String(port), ...(HOLDFAST_METRICS_HOST && { HOLDFAST_METRICS_HOST }) };
      const server = await startProcess(tempFolder(), { env });
      const service = new URL(server.url).port;
      expect(await reached(`http://${elsewhere}:${service}/healthz`)).toBe(200);
      expect(await reached(`http://127.0.0.1:${port}/metrics`)).toBe(200);
      expect(await reached(`http://${elsewhere}:${port}/metrics`)).toBe(from);
      await server.kill('SIGTERM');
    }
  });

  it('health, readiness, metrics on a listener of their own, graceful stop', async () => {
    const metricsPort = await freePort();
    const server = await startProcess(tempFolder(), { env: { HOLDFAST_METRICS_PORT: String(metricsPort) } });
    expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${server.url}/readyz`)).json()).toEqual({
      status: 'ready',
      checks: { store: 'ok', signing_key: 'ok', clock: 'ok', renewal: 'ok' },
    });
    await enrol(server, 'https://rp.example.com');
    const metrics = await text(`http://127.0.0.1:${metricsPort}/metrics`);
    for (const line of [
      'holdfast_members_active 1',
      'holdfast_requests_total{method="POST",plane="admin",status="201"} 1',
      'holdfast_artefact_expires_seconds',
      'holdfast_renewal_overdue 0',
      'holdfast_discovery_restarts_total 0',
      'holdfast_discovery_set_aside_total 0',
    ])
      expect(metrics).toContain(line);
    expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
    const inFlight = Array.from({ length: 32 }, (_, n) => enrol(server, `https://m${n}.example`));
    await Promise.race(inFlight);
    const ended = server.kill('SIGTERM');
    // A connection that was not accepted yet may be turned away; a request that was accepted is answered whole.
    const results = await Promise.allSettled(inFlight);
    const answered = results.flatMap((one, n) => (one.status === 'fulfilled' ? [{ n, status: one.value.status }] : []));
    expect(new Set(answered.map(({ status }) => status))).toEqual(new Set([201]));
    for (const one of results)
      if (one.status === 'rejected')
        expect((one.reason as Error).cause).toMatchObject({ code: expect.stringMatching(/^(ECONNRESET|ECONNREFUSED|UND_ERR_SOCKET)$/) });
    expect(await ended).toBe(0);
    const database = openSqlite(join(server.env['HOLDFAST_DATA'] as string, 'holdfast.db'), { readonly: true });
    const there = database.prepare("SELECT entity_id FROM member WHERE entity_id LIKE 'https://m%' ORDER BY entity_id").pluck().all();
    database.close();
    expect(there, 'whoever was turned away was not heard').toEqual(answered.map(({ n }) => `https://m${n}.example`).sort());
    const after = await command(['--json', 'fsck'], server.env);
    expect(after.code).toBe(0);
  });

  it('two processes on one file: both write, neither loses, both see the other', async () => {
    const folder = tempFolder();
    const one = await startProcess(folder);
    const two = await startProcess(folder, { env: { HOLDFAST_URL: one.url } });
    const second = { url: `http://localhost:${two.env['HOLDFAST_PORT']}`, token: one.token };
    const made = await Promise.all(Array.from({ length: 40 }, (_, n) => enrol(n % 2 ? one : second, `https://m${n}.example`)));
    expect(made.map(({ status }) => status)).toEqual(Array(40).fill(201));
    await new Promise((done) => setTimeout(done, 50));
    expect(JSON.parse(await text(`${one.url}/list`))).toHaveLength(40);
    expect(await text(`${second.url}/list`)).toBe(await text(`${one.url}/list`));
    await Promise.all([one.kill('SIGTERM'), two.kill('SIGTERM')]);
    expect((await command(['fsck'], { HOLDFAST_DATA: folder })).code).toBe(0);
  });

  it('backup while in use, verified, restored; an older one is refused unless the roll-back is accepted', async () => {
    const folder = tempFolder();
    const server = await startProcess(folder);
    await enrol(server, 'https://a.example');
    const copy = join(folder, 'copy.db');
    expect((await command(['backup', 'create', copy], server.env)).code).toBe(0);
    expect((await command(['backup', 'create', copy], server.env)).stderr).toContain('exists');
    expect((await command(['backup', 'verify', copy])).stdout).toContain('sound');
    await admin(server, 'POST', `/authorities/main/members/${encodeURIComponent('https://a.example')}/revoke`, { reason: 'fraud' });
    await server.kill('SIGTERM');
    const refused = await command(['backup', 'restore', copy], server.env);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('lacks 1 event') });
    expect((await command(['backup', 'restore', copy, '--accept-rollback'], server.env)).stdout).toContain('1 event(s) are lost');
    expect((await command(['fsck'], server.env)).code).toBe(0);
    const bytes = readFileSync(copy);
    bytes.write('garbage', 5000);
    bytes.fill(0x41, 8192, 9000);
    writeFileSync(copy, bytes);
    expect((await command(['backup', 'verify', copy])).code).not.toBe(0);
    expect((await command(['backup', 'restore', copy], server.env)).code).toBe(4);
  });
});
