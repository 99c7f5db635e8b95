import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { testKey } from '../support/keys.js';
import { admin, freePort, startProcess, tempFolder } from '../support/process.js';

const RP = 'https://rp.example.com';

describe('one assertion is accepted once, whichever process of a folder is asked (§8.8, RFC 7523 §3)', () => {
  it('by the signing one or by the public ones, at once or one after the other; a lock that others hold stops nobody else', async () => {
    const folder = tempFolder();
    const port = await freePort();
    const url = `http://localhost:${port}`;
    const key = await testKey();
    const signing = await startProcess(folder, { port });
    expect((await admin(signing, 'POST', '/authorities/main/members', { entity_id: RP, jwks: { keys: [key.jwk] }, activate: true })).status).toBe(201);
    await admin(signing, 'PATCH', '/authorities/main', { client_auth: { fetch: 'required' } });
    const ports = [await freePort(), await freePort()];
    for (const one of ports) await startProcess(folder, { port: one, args: ['--public-only'], env: { HOLDFAST_URL: url } });
    const at = [port, ...ports];
    const assertion = (jti: string) => {
      const now = Math.floor(Date.now() / 1000);
      return key.jwt({ iss: RP, sub: RP, aud: url, jti, iat: now, exp: now + 120 }, { typ: 'JWT' });
    };
    const ask = async (to: number | undefined, client_assertion: string) =>
      fetch(`http://localhost:${to}/fetch`, {
        method: 'POST',
        body: new URLSearchParams({ sub: RP, client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer', client_assertion }),
      });
    for (const first of at) {
      const jwt = await assertion(`after-${first}`);
      const statuses: number[] = [];
      for (const to of [first, ...at]) statuses.push((await ask(to, jwt)).status);
      expect(statuses, `first at ${at.indexOf(first)}`).toEqual([200, 401, 401, 401]);
    }
    for (let round = 0; round < 5; round++) {
      const jwt = await assertion(`together-${round}`);
      const statuses = await Promise.all([...at, ...at].map(async (to) => (await ask(to, jwt)).status));
      expect(statuses.sort()).toEqual([200, 401, 401, 401, 401, 401]);
    }
    const file = join(folder, 'inbox.db');
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const other = openSqlite(file);
    other.exec('BEGIN IMMEDIATE');
    const jwt = await assertion('locked');
    // Waiting for the lock keeps nobody else waiting: who comes meanwhile has his answer while the first still waits. (A busy machine
    // may take longer for it than anybody waits for the lock: asked again, it is quick enough at some time.)
    let before = false;
    for (let tries = 0; !before && tries < 20; tries++) {
      let answered = false;
      const held = ask(ports[0], jwt).finally(() => {
        answered = true;
      });
      const quick = await fetch(`http://localhost:${ports[0]}/.well-known/openid-federation`);
      expect(quick.status).toBe(200);
      before = !answered;
      const refused = await held;
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    }
    expect(before).toBe(true);
    other.exec('COMMIT');
    other.close();
    expect((await ask(ports[1], jwt)).status, 'it was not spent').toBe(200);
  });
});
