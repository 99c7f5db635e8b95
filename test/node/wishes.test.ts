import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { admin, freePort, startProcess, tempFolder } from '../support/process.js';

describe('a public plane of its own', () => {
  it('notes the wish of an authenticated caller in its own file; the signing process evaluates it; the answer is served', async () => {
    const folder = tempFolder();
    const port = await freePort();
    const anchor = `http://localhost:${port}`;
    const [asker, stranger] = [await testKey(), await testKey()];
    const id = `http://127.0.0.1:${await freePort()}`;
    const server = createServer(async (_request, response) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: id, sub: id, iat: now, exp: now + 3600, jwks: { keys: [stranger.jwk] }, authority_hints: [anchor], metadata: { oauth_client: {} } };
      response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await stranger.jwt(claims));
    });
    await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const signing = await startProcess(folder, { port, env: { HOLDFAST_DISCOVERY: 'on' } });
    await admin(signing, 'PATCH', '/authorities/main', { client_auth: { resolve: 'optional' } });
    const caller = 'http://caller.localhost';
    expect((await admin(signing, 'POST', '/authorities/main/members', { entity_id: caller, jwks: { keys: [asker.jwk] }, activate: true })).status).toBe(201);
    const publicPort = await freePort();
    await startProcess(folder, { port: publicPort, args: ['--public-only'], env: { HOLDFAST_URL: anchor } });
    let n = 0;
    const ask = async () => {
      const now = Math.floor(Date.now() / 1000);
      const assertion = await asker.jwt({ iss: caller, sub: caller, aud: anchor, iat: now, exp: now + 60, jti: `w${n++}` }, { typ: 'JWT' });
      const body = new URLSearchParams({
        sub: id,
        trust_anchor: anchor,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
      });
      return fetch(`http://localhost:${publicPort}/resolve`, { method: 'POST', body });
    };
    const first = await ask();
    expect([first.status, first.headers.get('retry-after')], await first.text()).toEqual([503, '10']);
    const anonymous = () => fetch(`http://localhost:${publicPort}/resolve?${new URLSearchParams({ sub: id, trust_anchor: anchor })}`);
    let answer = await anonymous();
    for (let tries = 0; answer.status !== 400 && tries < 600; tries++) {
      await new Promise((done) => setTimeout(done, 100));
      answer = await anonymous();
    }
    // Evaluated: it exists, and no chain leads to it, because it is no member.
    expect([answer.status, (await answer.json()) as object]).toMatchObject([400, { error: 'invalid_trust_chain' }]);
  });
});
