import { describe, expect, it } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { createRoot } from '../../src/platform/root.js';
import { createPublicApp } from '../../src/public/app.js';
import { ChangeConflict, StoreBusy, StoreFull, StoreUnreachable } from '../../src/store/database.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

const coded = (code: string): Error => Object.assign(new Error('a driver says so'), { code });
const wrapped = (error: Error): Error => new Error('Failed query', { cause: new Error('deeper', { cause: error }) });

/** Each with the seconds that are asked for. */
const TROUBLES: readonly (readonly [what: string, error: Error, retryAfter: string])[] = [
  ['StoreBusy', new StoreBusy('x'), '5'],
  ['StoreFull', new StoreFull('x'), '60'],
  ['ChangeConflict', new ChangeConflict('x'), '1'],
  ['StoreUnreachable', new StoreUnreachable('x'), '5'],
  ['a code of SQLite', coded('SQLITE_BUSY'), '5'],
  ['an extended code', coded('SQLITE_BUSY_SNAPSHOT'), '5'],
  ['a locked table', coded('SQLITE_LOCKED_SHAREDCACHE'), '5'],
  ['a full disk', coded('SQLITE_FULL'), '60'],
  ['wrapped by a query builder', wrapped(coded('SQLITE_BUSY')), '5'],
  ['D1 overloaded', new Error('D1_ERROR: D1 DB is overloaded. Requests queued for too long.'), '5'],
  ['D1 locked', new Error('D1_ERROR: database is locked: SQLITE_BUSY'), '5'],
  ['D1 without an answer', wrapped(new Error('D1_ERROR: Network connection lost.')), '5'],
  ['D1 moved', new Error('D1_ERROR: D1 DB storage caused object to be reset.'), '5'],
  ['D1 full', wrapped(new Error('D1_ERROR: Exceeded maximum DB size')), '60'],
];
const OTHERS = [new Error('secret detail'), coded('SQLITE_CORRUPT'), new Error('somebody wrote: D1 DB is overloaded'), wrapped(coded('SQLITE_CONSTRAINT'))];

const broken = (error: Error) => () => Promise.reject(error);
const thrown = (error: Error) => () => {
  throw error;
};

async function guarded() {
  const d = await testDeployment({ clientAuth: { fetch: 'required' } });
  const rp = await testMember(RP);
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
  const client_assertion = await rp.key.jwt({ iss: RP, sub: RP, aud: ANCHOR, jti: 'j', iat: NOW, exp: NOW + 60 }, { typ: 'JWT' });
  const body = new URLSearchParams({ sub: RP, client_assertion_type: ASSERTION, client_assertion }).toString();
  const context = { published: d.published, inbox: d.inbox, now: () => NOW, development: false };
  const post = (inbox: typeof d.inbox) =>
    createPublicApp(() => ({ ...context, inbox })).request(`${ANCHOR}/fetch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body,
    });
  const get = (published: typeof d.published, path: string) => createPublicApp(() => ({ ...context, published })).request(`${ANCHOR}${path}`);
  return { d, post, get };
}

describe('ER-01 the store is in trouble: that passes, and is no fault of who asks (§8.9)', () => {
  it.each(TROUBLES)('%s: 503 with the error body of the standard and a time to come back', async (_, error, retryAfter) => {
    const { d, post, get } = await guarded();
    for (const fail of [broken(error), thrown(error)]) {
      const answers = [
        await post({ ...d.inbox, spend: fail }),
        await get({ ...d.published, authorities: fail }, '/list'),
        await get({ ...d.published, listPage: fail }, '/list?intermediate=true'),
        await get({ ...d.published, artefact: fail }, `/hosted?sub=${encodeURIComponent(RP)}`),
        await get({ ...d.published, anchors: fail }, `/resolve?sub=${encodeURIComponent(RP)}&trust_anchor=${encodeURIComponent(ANCHOR)}`),
      ];
      for (const answer of answers) {
        expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('cache-control')]).toEqual([503, retryAfter, 'no-store']);
        expect(await answer.json()).toEqual({ error: 'temporarily_unavailable', error_description: expect.stringMatching(/./) });
      }
    }
    // The same trouble in a question to whoever reads strangers, and in a read of the admin API.
    const questions = createAdminApp(() => ({ ...d.deployment, explorer: { ask: broken(error) } }));
    const asked = await questions.request('http://x/admin/v1/authorities/main/preflight', {
      method: 'POST',
      headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ entity_id: 'https://a.example' }),
    });
    expect([asked.status, asked.headers.get('retry-after')]).toEqual([retryAfter === '60' ? 507 : 503, retryAfter]);
  });
  it('anything else is a bug: 500, and nothing of it is told', async () => {
    const { d, post } = await guarded();
    for (const error of OTHERS) {
      const answer = await post({ ...d.inbox, spend: broken(error) });
      expect([answer.status, answer.headers.get('retry-after')]).toEqual([500, null]);
      expect(await answer.json()).toEqual({ error: 'server_error', error_description: 'the request could not be answered' });
    }
  });
  it('a damaged file is told apart from a fault of the program, with what to do', async () => {
    const { d } = await guarded();
    const kinds = [
      [coded('SQLITE_CORRUPT_VTAB'), 'storage_damaged'],
      [wrapped(coded('XX001')), 'storage_damaged'],
      [coded('SQLITE_MISUSE'), 'internal'],
    ] as const;
    for (const [error, code] of kinds) {
      const app = createAdminApp(() => ({ ...d.deployment, explorer: { ask: broken(error) } }));
      const answer = await app.request('http://x/admin/v1/authorities/main/preflight', {
        method: 'POST',
        headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ entity_id: 'https://a.example' }),
      });
      expect([answer.status, await answer.json()]).toMatchObject([500, { code, detail: expect.not.stringContaining('driver') }]);
    }
  });
  it('a store that cannot even be looked at is not ready', async () => {
    const root = createRoot({ admin: undefined, publicApp: createPublicApp(() => ({}) as never), readiness: broken(new StoreBusy('x')) });
    const answer = await root(new Request(`${ANCHOR}/readyz`));
    expect([answer.status, await answer.json()]).toEqual([503, { status: 'not ready', checks: { store: 'failing' } }]);
  });
});
