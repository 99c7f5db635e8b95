import { expect, it, vi } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { answer, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const of = encodeURIComponent;

/** The deployment as it is while key custody fails in a way nobody foresaw. */
function whileAway(d: TestDeployment) {
  const fail = () => Promise.reject(new TypeError('socket hang up at 10.0.0.7'));
  const app = createAdminApp(() => ({ ...d.deployment, custody: { generate: fail, adopt: fail, signer: fail } }));
  return (method: string, path: string, body: unknown) =>
    answer(
      Promise.resolve(
        app.request(`http://admin.test/admin/v1${path}`, {
          method,
          headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      ),
    );
}

it('key custody that is away is no bug of the service: 503 with a time to come back, nothing changed, the log says why', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks, activate: true });
  await d.admin('POST', `${A}/mark-types`, { trust_mark_type: `${RP}/mark` });
  const before = await d.rows('SELECT authority_id, seq FROM event ORDER BY authority_id, seq');
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const away = whileAway(d);
  for (const [method, path, body] of [
    ['POST', `${A}/members`, { entity_id: 'https://new.example.com', jwks, activate: true }],
    ['PATCH', `${A}/members/${of(RP)}`, { valid_until: NOW + 86_400 }],
    ['PATCH', A, { metadata: { federation_entity: { organization_name: 'x' } } }],
    ['POST', `${A}/keys`, {}],
    ['POST', `${A}/keys`, { jwk: { kty: 'EC' } }],
    ['POST', `${A}/marks`, { trust_mark_type: `${RP}/mark`, member: RP }],
    ['POST', '/authorities', { slug: 'two', entity_id: 'https://two.example.org' }],
  ] as const) {
    const { status, json, headers, text } = await away(method, path, body);
    expect([status, json.code, headers.get('retry-after')], `${method} ${path} ${text}`).toEqual([503, 'temporarily_unavailable', '30']);
    expect(text).not.toContain('10.0.0.7');
    expect(String(log.mock.lastCall)).toContain('socket hang up at 10.0.0.7');
  }
  log.mockRestore();
  expect(await d.rows('SELECT authority_id, seq FROM event ORDER BY authority_id, seq')).toEqual(before);
});
