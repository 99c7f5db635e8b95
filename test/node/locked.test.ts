import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { createAdminApp } from '../../src/admin/app.js';
import { Refusal } from '../../src/operations/refusal.js';
import { pack, unpack } from '../../src/platform/local/thread-messages.node.js';
import { ChangeConflict, StoreBusy, StoreFull } from '../../src/store/database.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';

/** As they cross between threads. */
const across = (error: unknown): Error => unpack(structuredClone(pack(error)));

describe('a database that another process holds', () => {
  it('ER-06: an authenticated request gets 503, Retry-After and the error body of §8.9; the assertion is not spent', async () => {
    const d = await testDeployment({ clientAuth: { fetch: 'required' } });
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
    const client_assertion = await rp.key.jwt({ iss: RP, sub: RP, aud: ANCHOR, jti: 'j', iat: NOW, exp: NOW + 60 }, { typ: 'JWT' });
    const body = new URLSearchParams({ sub: RP, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion });
    const post = () =>
      d.public('/fetch', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: body.toString() } as RequestInit);
    const other = openSqlite((d.deployment.store as NodeStore).writer.name);
    other.exec('BEGIN IMMEDIATE');
    const held = await post();
    other.exec('COMMIT');
    other.close();
    expect([held.status, held.json.error, held.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '5']);
    expect((await post()).status).toBe(200);
  });
});

describe('errors that come back from the discovery thread', () => {
  it.each([
    [new StoreBusy('x'), 503, 'storage_busy', '5'],
    [new StoreFull('x'), 507, 'storage_full', '60'],
    [new ChangeConflict('x'), 503, 'storage_busy', '1'],
    [Object.assign(new Error('locked'), { code: 'SQLITE_BUSY' }), 503, 'storage_busy', '5'],
    [new Refusal('temporarily_unavailable', 'x'), 503, 'temporarily_unavailable', '5'],
    [new Refusal('findings', 'x'), 422, 'findings', null],
    [new TypeError('secret detail'), 500, 'internal', null],
    ['thrown as it is', 500, 'internal', null],
  ] as const)('%s: %i', async (error, status, code, retryAfter) => {
    const d = await testDeployment();
    const app = createAdminApp(() => ({ ...d.deployment, explorer: { ask: () => Promise.reject(across(error)) } }));
    const answer = await app.request('http://x/admin/v1/authorities/main/preflight', {
      method: 'POST',
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ entity_id: RP }),
    });
    const text = await answer.text();
    expect([answer.status, JSON.parse(text).code, answer.headers.get('retry-after')]).toEqual([status, code, retryAfter]);
    expect(text).not.toContain('secret');
  });
});
