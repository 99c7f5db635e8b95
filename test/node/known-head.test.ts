import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { sealKeyFile } from '../../src/platform/deployment.node.js';
import { command } from '../support/node/command.js';
import { admin, startProcess, tempFolder } from '../support/process.js';

const A = 'https://a.example';
const KEYS = {
  keys: [{ kty: 'EC', crv: 'P-256', kid: 'k', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' }],
};

it('backup restore and restore confirm compare with heads that somebody kept, whole and in files', async () => {
  const folder = tempFolder();
  const server = await startProcess(folder);
  expect((await admin(server, 'POST', '/authorities/main/members', { entity_id: A, jwks: KEYS, activate: true })).status).toBe(201);
  // A head is signed minutes after the one before: as if those were over.
  const kept = async (name: string) => {
    const { seq } = (await admin(server, 'GET', '/restore')).json.heads[0] as { seq: number };
    const database = openSqlite(join(folder, 'holdfast.db'));
    database.exec("UPDATE artefact SET iat = iat - 3600 WHERE kind = 'head'");
    database.close();
    for (;;) {
      const head = await fetch(`${server.url}/head`);
      const text = await head.text();
      if (head.status === 200 && decodeJwt(text)['seq'] === seq) {
        writeFileSync(join(folder, name), `${text}\n`);
        return join(folder, name);
      }
      await new Promise((done) => setTimeout(done, 200));
    }
  };
  const older = await kept('older.jwt');
  const backup = join(folder, 'copy.db');
  expect((await command(['backup', 'create', backup], server.env)).code).toBe(0);
  expect((await admin(server, 'POST', `/authorities/main/members/${encodeURIComponent(A)}/revoke`, { reason: 'fraud' })).status).toBe(200);
  const newest = await kept('newest.jwt');
  await server.kill('SIGTERM');

  const fresh = tempFolder();
  copyFileSync(sealKeyFile(folder), sealKeyFile(fresh));
  const restore = (...args: string[]) => command(['backup', 'restore', backup, ...args], { HOLDFAST_DATA: fresh });
  expect(await restore('--known-head', newest)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/main.*1 event.*--accept-rollback/s) });
  expect(await restore('--known-head', older, '--known-head', newest)).toMatchObject({ code: 1, stdout: '' });
  const forged = join(folder, 'forged.jwt');
  writeFileSync(forged, `${'e'.repeat(40)}.${'e'.repeat(40)}.${'e'.repeat(86)}`);
  for (const file of [forged, join(folder, 'nowhere.jwt')]) expect((await restore('--known-head', file)).code, file).not.toBe(0);
  expect(await restore('--known-head', older)).toMatchObject({ code: 0, stdout: expect.stringContaining('restored. No database was there') });

  const again = await startProcess(fresh, { port: Number(server.env['HOLDFAST_PORT']), env: { HOLDFAST_ADMIN_TOKEN: 'an-owner-token-of-the-test' } });
  const confirm = (...args: string[]) => command(['restore', 'confirm', ...args], { ...again.env, HOLDFAST_URL: again.url });
  expect(await confirm('--known-head', newest)).toMatchObject({ code: 5, stderr: expect.stringContaining('1 event(s) are missing') });
  expect((await confirm('--known-head', forged)).code).not.toBe(0);
  expect((await fetch(`${again.url}/.well-known/openid-federation`)).status).toBe(503);
  expect(await confirm('--known-head', newest, '--accept-rollback')).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/was signed \d{4}-.*does not show.*confirmed/s),
  });
});
