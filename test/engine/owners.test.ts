import { describe, expect, it } from 'vitest';
import { createApiKey, ensureOwner, findApiKey, recoverOwner } from '../../src/operations/access/api-keys.js';
import { NOW, testDeployment } from '../support/deployment.js';

describe('owner keys', () => {
  it('the last owner without an end stays, whatever owners there are for a while', async () => {
    const d = await testDeployment();
    const brief = await createApiKey(d.call, { name: 'brief', role: 'owner', authorities: null, expiresAt: NOW + 5 });
    const [first] = await d.rows("SELECT id FROM api_key WHERE name = 'first owner'");
    expect(await d.admin('POST', `/api-keys/${String(first?.['id'])}/revoke`)).toMatchObject({ status: 409, json: { code: 'last_owner' } });
    await createApiKey(d.call, { name: 'second', role: 'owner', authorities: null });
    expect((await d.admin('POST', `/api-keys/${brief.row.id}/revoke`)).status).toBe(200);
    expect((await d.admin('POST', `/api-keys/${String(first?.['id'])}/revoke`)).status).toBe(200);
  });
  it('the token of the environment follows the variable: the one before ends, with an event', async () => {
    const d = await testDeployment();
    const [one, two] = ['token-number-one-of-two', 'token-number-two-of-two'];
    await ensureOwner(d.deployment, one);
    await ensureOwner(d.deployment, one);
    expect(await findApiKey(d.deployment, one)).toBeDefined();
    await ensureOwner(d.deployment, two);
    expect(await findApiKey(d.deployment, one)).toBeUndefined();
    expect(await findApiKey(d.deployment, two)).toBeDefined();
    expect(await d.rows("SELECT count(*) AS n FROM event WHERE type = 'api_key.revoked'")).toEqual([{ n: 1 }]);
  });
  it('where the last owner key is lost, whoever has the store makes another one: an event says so, and it may do everything', async () => {
    const d = await testDeployment();
    await d.execute('UPDATE api_key SET expires_at = 1');
    expect((await d.admin('GET', '/whoami')).status).toBe(401);
    const { row, token } = await recoverOwner(d.deployment, 'Ada');
    expect((await d.admin('GET', '/whoami', undefined, { token })).json).toMatchObject({ id: row.id, role: 'owner', authorities: null });
    const { items } = (await d.admin('GET', '/events', undefined, { token })).json;
    expect(items.at(-1)).toMatchObject({
      type: 'api_key.recovered',
      subject: { kind: 'api_key', id: row.id },
      actor: { id: 'system' },
      detail: { name: 'Ada' },
    });
    expect(JSON.stringify([await d.rows('SELECT * FROM event'), await d.rows('SELECT * FROM api_key')])).not.toContain(token);
    expect((await d.admin('POST', '/api-keys', { name: 'next', role: 'owner' }, { token })).status).toBe(201);
  });
  it('a key is for authorities that exist: none waits for one that is made under the name later', async () => {
    const d = await testDeployment();
    const key = (authorities: readonly string[]) => d.admin('POST', '/api-keys', { name: 'k', role: 'operator', authorities });
    const refused = await key(['main', 'later']);
    expect([refused.status, refused.json.code, refused.json.detail]).toEqual([404, 'not_found', expect.stringContaining('no authority later')]);
    expect((await key(['main'])).status).toBe(201);
    expect(await d.rows("SELECT count(*) AS n FROM event WHERE type = 'api_key.created' AND detail LIKE '%later%'")).toEqual([{ n: 0 }]);
  });
});
