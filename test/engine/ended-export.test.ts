import { expect, it } from 'vitest';
import { createApiKey, revokeApiKey } from '../../src/operations/access/api-keys.js';
import { askAdmin } from '../support/admin-app.js';
import { testDeployment } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

it('whoever reads an export slowly gets no more of it when the key has ended', async () => {
  const d = await testDeployment();
  const job = (await d.admin('POST', '/authorities/main/imports', {})).json.id;
  const { jwk } = await testKey();
  const lines = Array.from({ length: 220 }, (_, n) => JSON.stringify({ entity_id: `https://m${1000 + n}.example`, jwks: { keys: [jwk] } }));
  const sent = await d.admin('POST', `/authorities/main/imports/${job}/lines`, lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } });
  expect(sent.json, sent.text).toMatchObject({ done: 220, refused: 0 });
  const ask = (path: string, token: string | undefined) =>
    askAdmin(d.deployment, `http://admin.test/admin/v1${path}`, { headers: { authorization: `Bearer ${token}` } });
  for (const path of ['/authorities/main/export', '/authorities/main/audit/export']) {
    const { row, token } = await createApiKey(d.call, { name: path, role: 'auditor', authorities: ['main'] });
    const whole = await (await ask(path, token)).text();
    expect(whole).toContain('https://m1219.example');
    const reader = (await ask(path, token)).body?.getReader();
    expect((await reader?.read())?.value?.length).toBeGreaterThan(0);
    await revokeApiKey(d.call, row.id);
    // What was made before it ended is on its way.
    const rest = async () => {
      for (let pieces = 0; ; pieces++) if ((await reader?.read())?.done) return pieces;
    };
    await expect(rest(), path).rejects.toThrow('this API key was ended');
    expect((await ask(path, token)).status).toBe(401);
  }
});
