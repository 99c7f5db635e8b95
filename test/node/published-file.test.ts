import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { insertRows } from '../../src/store/bulk.js';
import { publishedOnFile } from '../../src/store/published-file.node.js';
import { authority } from '../../src/store/schema.js';
import { openStore } from '../../src/store/store.node.js';
import { tempFolder } from '../support/process.js';

/** A database with one authority, as a file of its own. */
async function database(file: string, state: 'active' | 'halted', configuration: string): Promise<void> {
  const store = openStore(file, () => 1);
  const row = { id: 'aut_1', slug: 'main', entityId: 'https://a.example.org', state, metadata: {}, claims: {}, authorityHints: [], clientAuth: {} };
  await store.write([
    insertRows(authority, [
      { ...row, configurationLifetime: 1, statementLifetime: 1, keyAlg: 'ES256', generation: 1, createdAt: 1, updatedAt: 1, v: 1, statementsChangedAt: 0 },
    ]),
  ]);
  store.writer.exec(
    `INSERT INTO artefact (authority_id, kind, key, media_type, bytes, sha256, iat, exp, kid, generation) VALUES ('aut_1', 'entity_configuration', '', 'x', '${configuration}', '${configuration}', 1, 1e9, 'k', 1)`,
  );
  store.writer.pragma('journal_mode = DELETE');
  store.close();
}

it('a database that is exchanged under a public-only process is served from then on, and none while there is none', async () => {
  const folder = tempFolder();
  const [file, other, third] = ['holdfast.db', 'other.db', 'third.db'].map((name) => join(folder, name)) as [string, string, string];
  await database(file, 'active', 'before');
  await database(other, 'active', 'after');
  await database(third, 'halted', 'of a halted one');
  let now = 0;
  const opened = publishedOnFile(file, () => now);
  const app = createPublicApp(() => ({ published: opened.current(), inbox: undefined, now: () => 5, development: false }));
  const asked = async () => {
    now += 20;
    const response = await app.request('https://a.example.org/.well-known/openid-federation');
    return [response.status, response.status === 200 ? await response.text() : ((await response.json()) as { error: string }).error];
  };
  expect(await asked()).toEqual([200, 'before']);
  expect(await asked()).toEqual([200, 'before']);
  renameSync(file, join(folder, 'set-aside.db'));
  expect(await asked(), 'between the two renames of a restore').toEqual([503, 'temporarily_unavailable']);
  renameSync(other, file);
  expect(await asked()).toEqual([200, 'after']);
  renameSync(third, file);
  expect(await asked(), 'nothing of the one before is remembered').toEqual([404, 'not_found']);
  rmSync(file);
  expect((await asked())[0]).toBe(503);
  copyFileSync(join(folder, 'set-aside.db'), file);
  expect(await asked()).toEqual([200, 'before']);
  opened.close();
});
