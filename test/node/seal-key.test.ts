import { copyFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { importSealKey, unseal } from '../../src/keys/seal.js';
import { readConfig } from '../../src/platform/config.js';
import { databaseFile, groundOf, nextSealKeyFile, openExploring, sealKeyFile } from '../../src/platform/deployment.node.js';
import { restoreBackup } from '../../src/platform/local/backup.node.js';
import { headMemory, headsFile } from '../../src/platform/local/head-memory.node.js';
import { rotateSealKey } from '../../src/platform/local/seal-key.node.js';
import { openFirst } from '../../src/platform/open-first.node.js';
import { unconfirmed } from '../../src/store/standing.js';
import { command } from '../support/node/command.js';
import { tempFolder } from '../support/process.js';

const URL_ = 'http://localhost:8080';
const configOf = (data: string, more: Record<string, string> = {}) => readConfig({ HOLDFAST_URL: URL_, HOLDFAST_DATA: data, ...more });
const open = async (data: string) => {
  const ground = await groundOf(configOf(data));
  return (await openFirst(configOf(data), () => openExploring(ground))).deployment;
};
const rows = (data: string) => {
  const client = openSqlite(databaseFile(data), { readonly: true });
  const found = client.prepare('SELECT id, sealed FROM authority_key').all() as { id: string; sealed: string }[];
  const events = client.prepare("SELECT count(*) FROM event WHERE type = 'seal_key.rotated'").pluck().get();
  client.close();
  return { found, events };
};
const opens = async (file: string, { found }: ReturnType<typeof rows>) => {
  const key = await importSealKey(readFileSync(file, 'utf8').trim());
  return Promise.all(
    found.map(({ id, sealed }) =>
      unseal(key, id, sealed).then(
        () => true,
        () => false,
      ),
    ),
  );
};

describe('seal-key rotate', () => {
  it('seals every key under the new one: the old opens nothing, nothing of the old boxes is left in the folder', async () => {
    const data = tempFolder();
    await (await open(data)).close();
    const old = join(tempFolder(), 'old');
    copyFileSync(sealKeyFile(data), old);
    const before = rows(data);
    const running = await open(data);
    expect(await command(['seal-key', 'rotate'], { HOLDFAST_DATA: data })).toMatchObject({ code: 1, stderr: expect.stringContaining('stop it first') });
    await running.close();
    expect(await command(['seal-key', 'rotate'], { HOLDFAST_DATA: data })).toMatchObject({ code: 0, stdout: expect.stringContaining('2 private key') });
    expect(await opens(old, rows(data))).toEqual([false]);
    expect(await opens(sealKeyFile(data), rows(data))).toEqual([true]);
    expect([statSync(sealKeyFile(data)).mode & 0o077, existsSync(nextSealKeyFile(data)), rows(data).events]).toEqual([0, false, 2]);
    for (const suffix of ['', '-wal'])
      if (existsSync(`${databaseFile(data)}${suffix}`))
        expect(readFileSync(`${databaseFile(data)}${suffix}`, 'latin1')).not.toContain(before.found[0]?.sealed as string);
    await (await open(data)).close();
    expect(await command(['fsck'], { HOLDFAST_DATA: data })).toMatchObject({ code: 0 });
  });
  it('ended after its commit it is finished by the next start; ended before, nothing has changed and the next one goes on', async () => {
    const data = tempFolder();
    await (await open(data)).close();
    const old = readFileSync(sealKeyFile(data), 'utf8');
    await rotateSealKey(configOf(data), undefined);
    renameSync(sealKeyFile(data), nextSealKeyFile(data));
    writeFileSync(sealKeyFile(data), old, { mode: 0o600 });
    await (await open(data)).close();
    expect(existsSync(nextSealKeyFile(data))).toBe(false);
    writeFileSync(nextSealKeyFile(data), `${Buffer.alloc(32, 9).toString('base64')}\n`, { mode: 0o600 });
    await (await open(data)).close();
    expect(await opens(sealKeyFile(data), rows(data))).toEqual([true]);
    await rotateSealKey(configOf(data), undefined);
    expect(readFileSync(sealKeyFile(data), 'utf8').trim()).toBe(Buffer.alloc(32, 9).toString('base64'));
  });
  it('with a key from outside it wants a file, makes it, and says so when run again; a wrong old key changes nothing', async () => {
    const data = tempFolder();
    await (await open(data)).close();
    const given = { HOLDFAST_SEAL_KEY: readFileSync(sealKeyFile(data), 'utf8').trim() };
    const file = join(tempFolder(), 'new');
    await expect(rotateSealKey(configOf(data, given), undefined)).rejects.toThrow(/--new-key-file/);
    await expect(rotateSealKey(configOf(data, { HOLDFAST_SEAL_KEY: Buffer.alloc(32, 3).toString('base64') }), file)).rejects.toThrow(/does not open/);
    expect(await opens(sealKeyFile(data), rows(data))).toEqual([true]);
    expect(await rotateSealKey(configOf(data, given), file)).toEqual({ keys: 2, file });
    expect(await rotateSealKey(configOf(data, given), file)).toEqual({ keys: 0, file });
    expect(rows(data).events).toBe(2);
  });
});

describe('the file of heads beside the database', () => {
  it('tells over restarts that an older database was put in its place, also where none was left', async () => {
    const data = tempFolder();
    const database = databaseFile(data);
    const first = await open(data);
    await headMemory(database, first).end();
    const old = join(data, 'old.db');
    await first.close();
    copyFileSync(database, old); // a backup says itself that it is none to go on with; a plain copy does not
    await rotateSealKey(configOf(data), undefined); // one event more in each chain
    const second = await open(data);
    await headMemory(database, second).end();
    expect(statSync(headsFile(database)).mode & 0o077).toBe(0);
    await second.close();
    await rotateBack(data, old);
    const third = await open(data).catch(() => undefined);
    expect(third, 'its keys are sealed under the former seal key').toBeUndefined();
    const fourth = openExploring({
      data,
      sealKey: await importSealKey(Buffer.alloc(32, 1).toString('base64')),
      development: true,
      outboundAllow: undefined,
      database: undefined,
      staleness: 10,
      approvalsLast: 3600,
      holder: 'prc_test',
    });
    await headMemory(database, fourth).look();
    expect(await unconfirmed(fourth.store.db)).toMatchObject({
      reason: 'went_back',
      givenUp: [expect.objectContaining({ seq: 2 }), expect.objectContaining({ seq: 2 })],
    });
    await fourth.close();
    for (const suffix of ['', '-wal', '-shm']) if (existsSync(`${database}${suffix}`)) renameSync(`${database}${suffix}`, `${database}.gone${suffix}`);
    await expect(restoreBackup(old, database)).rejects.toThrow(/2 authority chain\(s\) that this machine has seen/);
    writeFileSync(headsFile(database), '{');
    await expect(restoreBackup(old, database)).rejects.toThrow(/cannot be read/);
  });
});

/** What somebody does who copies a file by hand. */
async function rotateBack(data: string, old: string): Promise<void> {
  const database = databaseFile(data);
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(`${database}${suffix}`)) renameSync(`${database}${suffix}`, `${database}.aside${suffix}`);
  copyFileSync(old, database);
}
