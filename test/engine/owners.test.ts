import { describe, expect, it } from 'vitest';
import { createApiKey, ensureOwner, findApiKey } from '../../src/operations/access/api-keys.js';
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
});
