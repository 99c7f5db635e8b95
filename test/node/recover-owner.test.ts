import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { lockDatabase } from '../../src/platform/data-lock.node.js';
import { command } from '../support/node/command.js';
import { admin, startProcess, tempFolder } from '../support/process.js';

it('api-key recover: beside the running server, without its seal key or any token, once', async () => {
  const folder = tempFolder();
  const server = await startProcess(folder);
  const file = join(folder, 'holdfast.db');
  const client = openSqlite(file);
  client.exec('UPDATE api_key SET expires_at = 1');
  client.close();
  expect((await admin(server, 'GET', '/whoami')).status).toBe(401);
  const env = { HOLDFAST_DATA: folder, HOLDFAST_URL: 'https://ta.example.org' };
  const { code, stdout, stderr } = await command(['api-key', 'recover', '--name', 'Ada'], env);
  expect([code, stderr]).toEqual([0, expect.stringMatching(/^api_\w+: this token is shown once/)]);
  const recovered = { url: server.url, token: stdout.trim() };
  expect((await admin(recovered, 'GET', '/whoami')).json).toMatchObject({ role: 'owner', authorities: null });
  expect((await admin(recovered, 'POST', '/members/reindex')).json).toEqual({ state: 'indexing' });
  expect((await admin(recovered, 'GET', '/events')).json.items.map(({ type }: { type: string }) => type)).toEqual(
    expect.arrayContaining(['api_key.recovered', 'members.reindexing']),
  );
});

it('it makes no database, disturbs no restore, and migrates nothing', async () => {
  const folder = tempFolder();
  const env = { HOLDFAST_DATA: folder, HOLDFAST_URL: 'http://localhost:9' };
  expect(await command(['api-key', 'recover'], env)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('there is no database') });
  expect((await command(['init'], env)).code).toBe(0);
  const file = join(folder, 'holdfast.db');
  const lock = lockDatabase(file, { alone: true });
  expect(await command(['api-key', 'recover'], env)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('is being restored') });
  lock.release();
  const client = openSqlite(file);
  client.exec('DELETE FROM __drizzle_migrations WHERE created_at = (SELECT max(created_at) FROM __drizzle_migrations)');
  client.close();
  expect(await command(['api-key', 'recover'], env)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('older version') });
});
