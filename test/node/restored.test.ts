import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sealKeyFile } from '../../src/platform/deployment.node.js';
import { command } from '../support/node/command.js';
import { admin, freePort, type Server, startProcess, tempFolder } from '../support/process.js';

const A = 'https://a.example';
const KEYS = {
  keys: [{ kty: 'EC', crv: 'P-256', kid: 'k', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' }],
};
const TOKEN = 'an-owner-token-of-the-test';

const enrol = (server: Server, id: string) =>
  admin(server, 'POST', '/authorities/main/members', { entity_id: id, jwks: KEYS, metadata: { openid_relying_party: {} }, activate: true });
const statusOf = async (server: Pick<Server, 'url'>, path: string) => (await fetch(`${server.url}${path}`)).status;
const FETCH = `/fetch?sub=${A}`;

/** A backup with an active member, who was revoked after it; and its first machine, gone. */
async function disaster() {
  const folder = tempFolder();
  const port = await freePort();
  const server = await startProcess(folder, { port });
  expect((await enrol(server, A)).status).toBe(201);
  const backup = join(folder, 'copy.db');
  const created = await command(['backup', 'create', backup], server.env);
  expect((await admin(server, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/revoke`, { reason: 'fraud' })).status).toBe(200);
  const newest = (await admin(server, 'GET', '/restore')).json.heads[0] as { authority: string; seq: number; hash: string };
  await server.kill('SIGTERM');
  return { folder, port, backup, created, newest, seal: sealKeyFile(folder) };
}

describe('a backup on a fresh machine', () => {
  it('vouches for nobody until an owner confirms: a member revoked after the backup does not come back by itself', async () => {
    const { port, backup, created, newest, seal } = await disaster();
    const head = /main=(\d+):([0-9a-f]{64})/.exec(created.stdout);
    expect(head?.[0]).toBeDefined();
    expect((await command(['backup', 'verify', backup])).stdout).toContain(head?.[0] as string);

    const fresh = tempFolder();
    copyFileSync(seal, sealKeyFile(fresh));
    const restored = await command(['backup', 'restore', backup], { HOLDFAST_DATA: fresh });
    expect(restored).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(head?.[0] as string),
      stderr: expect.stringContaining('holdfast restore confirm'),
    });
    const server = { ...(await startProcess(fresh, { port, env: { HOLDFAST_ADMIN_TOKEN: TOKEN } })), token: TOKEN };
    expect(server.banner).toContain('NOT CONFIRMED');
    const publicPlane = await startProcess(fresh, { args: ['--public-only'], env: { HOLDFAST_URL: server.url } });
    for (const path of [FETCH, '/.well-known/openid-federation', '/list'])
      expect([await statusOf(server, path), await statusOf({ url: `http://localhost:${publicPlane.env['HOLDFAST_PORT']}` }, path)], path).toEqual([503, 503]);
    for (const port_ of [server.env['HOLDFAST_PORT'], publicPlane.env['HOLDFAST_PORT']]) {
      const ready = await fetch(`http://localhost:${port_}/readyz`);
      expect([ready.status, ((await ready.json()) as { checks: object }).checks]).toEqual([503, expect.objectContaining({ restored: 'not confirmed' })]);
    }
    expect((await enrol(server, 'https://b.example')).json.code).toBe('not_confirmed');

    const env = { ...server.env, HOLDFAST_URL: server.url };
    const status = await command(['restore', 'status'], env);
    expect(status).toMatchObject({ code: 4, stdout: expect.stringContaining(head?.[0] as string) });
    // A script has to say it, and whoever knows a newer head is told what is missing.
    expect(await command(['restore', 'confirm'], env)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    expect(await command(['restore', 'confirm', '--head', 'main=x'], env)).toMatchObject({ code: 2 });
    const known = `${newest.authority}=${newest.seq}:${newest.hash}`;
    expect(await command(['restore', 'confirm', '--head', known], env)).toMatchObject({ code: 5, stderr: expect.stringContaining('1 event(s) are missing') });
    expect(await statusOf(server, FETCH)).toBe(503);

    // The operator cuts first, then confirms.
    expect((await command(['member', 'revoke', A, '--reason', 'fraud', `--yes=${A}`], env)).code).toBe(0);
    expect(await command(['restore', 'confirm', '--yes'], env)).toMatchObject({ code: 0 });
    await until(async () => (await statusOf(server, '/.well-known/openid-federation')) === 200);
    expect([await statusOf(server, FETCH), await statusOf({ url: `http://localhost:${publicPlane.env['HOLDFAST_PORT']}` }, FETCH)]).toEqual([404, 404]);
    expect((await enrol(server, 'https://b.example')).status).toBe(201);
    await Promise.all([server.kill('SIGTERM'), publicPlane.kill('SIGTERM')]);
    expect(await command(['fsck'], { HOLDFAST_DATA: fresh })).toMatchObject({ code: 0 });
  });

  it('stays withheld over a restart, and is refused under each of two running servers', async () => {
    const { folder, port, backup } = await disaster();
    const first = await startProcess(folder, { port });
    const second = await startProcess(folder, { env: { HOLDFAST_URL: first.url } });
    for (const one of [first, second]) {
      expect(await command(['backup', 'restore', backup, '--accept-rollback'], first.env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('stop it first'),
      });
      await one.kill('SIGKILL');
    }
    expect(await command(['backup', 'restore', backup], first.env)).toMatchObject({ code: 1, stderr: expect.stringContaining('lacks 1 event') });
    expect((await command(['backup', 'restore', backup, '--accept-rollback'], first.env)).code).toBe(0);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const again = await startProcess(folder, { port });
      expect(await statusOf(again, FETCH)).toBe(503);
      await again.kill(signal);
    }
  });
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((done) => setTimeout(done, 100));
}
