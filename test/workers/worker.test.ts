import { createExecutionContext, createScheduledController, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import worker, { type Bindings } from '../../src/platform/worker.js';
import { testMember } from '../support/deployment.js';
import { freshStore } from '../support/platform.workers.js';

declare global {
  namespace Cloudflare {
    interface GlobalProps {
      mainModule: typeof import('../../src/platform/worker.js');
    }
  }
}

const EDGE = 'https://edge.example.org';
const ask = (path: string, init: RequestInit = {}) => exports.default.fetch(new Request(`${EDGE}${path}`, init));
const admin = (method: string, path: string, body?: object) =>
  ask(`/admin/v1${path}`, {
    method,
    headers: { authorization: 'Bearer edge-owner-token-for-tests', 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });

/** Another binding of the same database is another instance of the Worker: it remembers nothing of what was found before. */
const another = (more: Partial<Bindings> = {}): Bindings => {
  const bound = (db: D1Database, name: string): unknown => {
    const value: unknown = Reflect.get(db, name);
    return typeof value === 'function' ? value.bind(db) : value;
  };
  return { ...env, DB: new Proxy<D1Database>(env.DB, { get: (db, name) => bound(db, String(name)) }), ...more };
};
const askOf = async (bindings: Bindings, path: string, headers: Record<string, string> = {}): Promise<Response> =>
  worker.fetch(new Request(`${EDGE}${path}`, { headers }), bindings);

beforeAll(async () => {
  await freshStore(() => 0);
});

describe('the Worker entry, in workerd with D1', () => {
  it('answers 503 until the first admin request or cron tick has made an authority', async () => {
    expect((await ask('/.well-known/openid-federation')).status).toBe(503);
    expect((await ask('/healthz')).status).toBe(200);
    const controller = createScheduledController({ scheduledTime: new Date(), cron: '* * * * *' });
    const context = createExecutionContext();
    worker.scheduled(controller, env, context);
    await waitOnExecutionContext(context);
    const [row] = (await env.DB.prepare('SELECT entity_id FROM authority').all()).results;
    expect(row).toEqual({ entity_id: EDGE });
  });

  it('enrols a member over the admin API and serves its statement', async () => {
    const now = Math.floor(Date.now() / 1000);
    const rp = await testMember('https://rp.example.com');
    const made = await admin('POST', '/authorities/main/members', { entity_id: rp.id, jwks: rp.jwks, activate: true });
    expect(made.status).toBe(201);
    const answer = await ask(`/fetch?sub=${encodeURIComponent(rp.id)}`);
    expect(answer.headers.get('content-type')).toBe('application/entity-statement+jwt');
    const claims = decodeJwt(new TextDecoder().decode(await answer.arrayBuffer()));
    expect(claims).toMatchObject({ iss: EDGE, sub: rp.id, jwks: rp.jwks });
    expect(claims.exp).toBeGreaterThan(now);
    await admin('POST', `/authorities/main/members/${encodeURIComponent(rp.id)}/suspend`, { reason: 'test' });
    expect((await ask(`/fetch?sub=${encodeURIComponent(rp.id)}`)).status).toBe(404);
    expect((await ask('/readyz')).status).toBe(200);
  });

  it('why it is not ready stands in its log when that changes, that it is again too, and neither in the answer', async () => {
    const told: unknown[] = [];
    const keep = (line: unknown) => told.push(JSON.parse(String(line)));
    vi.spyOn(console, 'error').mockImplementation(keep);
    try {
      const noKey = another({ HOLDFAST_SEAL_KEY: '' });
      const answers = [await askOf(noKey, '/readyz'), await askOf(noKey, '/readyz')];
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
      expect(await answers[0]?.text()).not.toContain('SEAL_KEY');
      expect(told).toEqual([
        { level: 'warn', msg: 'not ready', reasons: { store: 'the secret HOLDFAST_SEAL_KEY is not set; set it with: wrangler secret put HOLDFAST_SEAL_KEY' } },
      ]);
      expect((await askOf(another(), '/readyz')).status).toBe(200);
      await env.DB.exec('ALTER TABLE artefact RENAME COLUMN withheld TO gone');
      const renewal = await askOf(another(), '/readyz');
      await env.DB.exec('ALTER TABLE artefact RENAME COLUMN gone TO withheld');
      expect(await renewal.json()).toMatchObject({ status: 'not ready', checks: { renewal: 'failing' } });
      expect(told.slice(1)).toEqual([
        { level: 'info', msg: 'ready again' },
        { level: 'warn', msg: 'not ready', reasons: { renewal: expect.stringContaining('withheld') } },
      ]);
    } finally {
      vi.restoreAllMocks();
      expect((await askOf(another(), '/readyz')).status).toBe(200);
    }
  });

  it('HOLDFAST_ORGANIZATION_NAME names the first authority, and without it the host does', async () => {
    const named = another({ HOLDFAST_ORGANIZATION_NAME: 'Föderation "A" <b>' });
    const start = async (bindings: Bindings) => {
      await freshStore(() => 0);
      expect((await askOf(bindings, '/readyz')).status).toBe(200);
      const configuration = new TextDecoder().decode(await (await askOf(bindings, '/.well-known/openid-federation')).arrayBuffer());
      return decodeJwt(configuration)['metadata'];
    };
    expect(await start(another())).toMatchObject({ federation_entity: { organization_name: 'edge.example.org' } });
    expect(await start(named)).toMatchObject({ federation_entity: { organization_name: 'Föderation "A" <b>' } });
    const page = await askOf(named, '/', { accept: 'text/html' });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<h1>Föderation &quot;A&quot; &lt;b&gt;</h1>')]);
  });

  it('never answers the admin API without a key', async () => {
    expect((await ask('/admin/v1/authorities')).status).toBe(401);
  });
});
