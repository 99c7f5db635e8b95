import { applyD1Migrations, createExecutionContext, createScheduledController, reset, waitOnExecutionContext } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { decodeJwt } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import worker from '../../src/platform/worker.js';
import { testMember } from '../support/deployment.js';

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

beforeAll(async () => {
  await reset();
  await applyD1Migrations(env.DB, env.MIGRATIONS);
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

  it('never answers the admin API without a key', async () => {
    expect((await ask('/admin/v1/authorities')).status).toBe(401);
  });
});
