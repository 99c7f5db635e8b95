import { describe, expect, it } from 'vitest';
import { type ApiKeyRow, createApiKey, findApiKey, revokeApiKey } from '../../src/operations/access/api-keys.js';
import { callOf } from '../../src/operations/access/call-of.js';
import type { Call } from '../../src/operations/call.js';
import { keptUntilCommit } from '../../src/store/kept-until-commit.js';
import { testDeployment } from '../support/deployment.js';

describe('what is read once between two commits', () => {
  it('a key that another process ends, or that ends by time, opens nothing with the very next request', async () => {
    const d = await testDeployment();
    const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
    const made = await createApiKey(elsewhere, { name: 'one', role: 'auditor', authorities: null, expiresAt: d.clock + 100 });
    const again = await createApiKey(elsewhere, { name: 'two', role: 'auditor', authorities: null });
    const ask = async (token: string | undefined) => (await d.admin('GET', '/authorities', undefined, { token: token as string })).status;
    expect([await ask(made.token), await ask(made.token), await ask(again.token)]).toEqual([200, 200, 200]);
    await revokeApiKey(elsewhere, again.row.id);
    expect([await ask(again.token), await ask(made.token)]).toEqual([401, 200]);
    d.clock += 100;
    expect(await ask(made.token)).toBe(401);
  });

  it('what stands in a row by hand counts with the next request as well', async () => {
    const d = await testDeployment();
    const token = await d.tokenFor('operator');
    const enrol = async () => (await d.admin('POST', '/authorities/main/imports', {}, { token })).status;
    expect(await enrol()).toBe(201);
    await d.execute("UPDATE api_key SET role = 'auditor' WHERE role = 'operator'");
    expect(await enrol()).toBe(403);
  });

  it('whoever was let in just before a key was changed leaves nothing behind for whoever comes after', async () => {
    const d = await testDeployment();
    const token = await d.tokenFor('operator');
    const before = (await findApiKey(d.deployment, token)) as ApiKeyRow;
    await d.execute("UPDATE api_key SET role = 'auditor' WHERE role = 'operator'");
    const roles = [];
    for (const key of [before, (await findApiKey(d.deployment, token)) as ApiKeyRow]) roles.push((await callOf(d.deployment, key)).role);
    expect(roles).toEqual(['operator', 'auditor']);
  });

  it('where a commit is not told of, and what was not found, is read every time', async () => {
    const read = keptUntilCommit<{ n: number }>();
    let version: number | undefined = 1;
    let [n, found] = [0, true];
    const store = { version: () => version as number };
    const beside = {};
    const ask = (of: object = store) => read(beside, of, 'x', async () => (found ? { n: ++n } : void ++n));
    expect([await ask(), await ask()]).toEqual([{ n: 1 }, { n: 1 }]);
    version = 2;
    expect([await ask(), await ask()]).toEqual([{ n: 2 }, { n: 2 }]);
    expect([await ask({}), await ask({})], 'it has no number').toEqual([{ n: 3 }, { n: 4 }]);
    [version, found] = [3, false];
    expect([await ask(), await ask(), n]).toEqual([undefined, undefined, 6]);
  });
});
