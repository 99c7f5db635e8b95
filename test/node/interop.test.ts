import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { resolveTrustChains } from '@openid-federation/core';
import { compactVerify, importJWK, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { evaluateEntity, resolveEntity } from '../../src/rp/entry.node.js';
import { type TestKey, testKey } from '../support/keys.js';
import { flipSignature } from '../support/chain.js';
import { admin, freePort, RESOLVE_VERIFIER, run, type Server, startProcess, tempFolder, VERIFIER } from '../support/process.js';
// @ts-expect-error a plain script without types: it shares nothing with us
import { fetchChain, verifyChain } from '../../examples/verify-chain.mjs';
// @ts-expect-error a plain script without types: it shares nothing with us
import { resolveUrl, verifyMark, verifyResolve } from '../../examples/verify-resolve.mjs';

/** A leaf served over HTTP, its configuration signed by jose. */
async function leaf(superior: string): Promise<{ id: string; key: TestKey }> {
  const key = await testKey();
  const id = `http://127.0.0.1:${await freePort()}`;
  const now = Math.floor(Date.now() / 1000);
  const configuration = await key.jwt({
    iss: id,
    sub: id,
    iat: now,
    exp: now + 3600,
    jwks: { keys: [key.jwk] },
    authority_hints: [superior],
    metadata: { openid_relying_party: { redirect_uris: [`${id}/cb`], client_name: 'leaf', client_registration_types: ['automatic'] } },
  });
  const server = createServer((request, response) => {
    // Of a query that is empty some clients keep the question mark.
    const found = request.url?.replace(/\?$/, '') === '/.well-known/openid-federation';
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/entity-statement+jwt' }).end(found ? configuration : '');
  });
  await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { id, key };
}

/** Anchor and intermediate as two processes, a leaf below. */
async function federation() {
  const [anchor, intermediate] = await Promise.all([startProcess(tempFolder()), startProcess(tempFolder())]);
  await admin(intermediate, 'PATCH', '/authorities/main', { authority_hints: [anchor.url] });
  const one = await leaf(intermediate.url);
  expect((await admin(anchor, 'POST', '/authorities/main/members', { entity_id: intermediate.url, activate: true })).status).toBe(201);
  expect((await admin(intermediate, 'POST', '/authorities/main/members', { entity_id: one.id, activate: true })).status).toBe(201);
  const keys = await admin(anchor, 'GET', '/authorities/main/keys');
  const anchors = { [anchor.url]: { keys: keys.json.items.map(({ jwk }: { jwk: object }) => jwk) } };
  return { anchor, intermediate, leaf: one, anchors };
}

const suspend = (server: Server, id: string) => admin(server, 'POST', `/authorities/main/members/${encodeURIComponent(id)}/suspend`, { reason: 'test' });

describe('code that is not ours, over the wire', () => {
  it('TC-04 @openid-federation/core builds the chain and accepts it', async () => {
    const { leaf: one, anchor } = await federation();
    const verifyJwtCallback = async ({ jwt, jwk }: { jwt: string; jwk: Record<string, unknown> }) => {
      try {
        await compactVerify(jwt, await importJWK(jwk as never, 'ES256'));
        return true;
      } catch {
        return false;
      }
    };
    const chains = await resolveTrustChains({ entityId: one.id, trustAnchorEntityIds: [anchor.url], verifyJwtCallback: verifyJwtCallback as never });
    expect(chains).toHaveLength(1);
    expect(chains[0]).toMatchObject({ trustAnchorEntityConfiguration: { sub: anchor.url } });
  });

  it('a script of jose alone accepts the chain; refuses a changed byte, an expired statement, and after suspension', async () => {
    const { leaf: one, anchors, intermediate } = await federation();
    const chain: string[] = await fetchChain(one.id, anchors);
    expect(chain).toHaveLength(4);
    await verifyChain(chain, anchors);
    for (const n of chain.keys())
      await expect(
        verifyChain(
          chain.map((jwt, at) => (at === n ? flipSignature(jwt) : jwt)),
          anchors,
        ),
      ).rejects.toThrow();
    const past = Math.floor(Date.now() / 1000) - 10;
    const expired = await new SignJWT({ iss: one.id, sub: one.id, iat: past - 100, exp: past, jwks: { keys: [one.key.jwk] } })
      .setProtectedHeader({ alg: 'ES256', kid: one.key.kid, typ: 'entity-statement+jwt' })
      .sign(one.key.privateKey);
    await expect(verifyChain([expired, ...chain.slice(1)], anchors)).rejects.toThrow(/expired/);
    const folder = tempFolder();
    writeFileSync(join(folder, 'anchors.json'), JSON.stringify(anchors));
    writeFileSync(join(folder, 'chain.json'), JSON.stringify(chain));
    expect((await run(['--chain', join(folder, 'chain.json'), join(folder, 'anchors.json')], {}, VERIFIER)).code).toBe(0);
    await suspend(intermediate, one.id);
    expect(await run([one.id, join(folder, 'anchors.json')], {}, VERIFIER)).toMatchObject({ code: 1, stderr: expect.stringContaining('404') });
  });

  it('our own walk finds it, explains every step, and finds nothing after suspension', async () => {
    const { leaf: one, anchors, anchor, intermediate } = await federation();
    const { chains, steps } = await resolveEntity(one.id, { anchors, development: true });
    expect(chains).toHaveLength(1);
    expect(chains[0]).toMatchObject({ subject: one.id, trustAnchor: anchor.url, metadata: { openid_relying_party: { client_name: 'leaf' } } });
    expect(steps.map(({ what }) => what)).toEqual(['configuration', 'configuration', 'statement', 'configuration', 'statement', 'chain']);
    await suspend(intermediate, one.id);
    const after = await resolveEntity(one.id, { anchors, development: true });
    expect(after.chains).toEqual([]);
    expect(after.steps.flatMap(({ findings }) => findings.map(({ code }) => code))).toEqual(['status_unexpected']);
    expect((await resolveEntity(one.id, { anchors })).chains, 'outside development loopback is never contacted').toEqual([]);
  });
});

describe('a resolver and its marks, seen by a script of jose alone', () => {
  const TYPE = 'https://marks.example.org/certified';

  /** An anchor that resolves, marks and recognizes its own marks, over the wire, with a leaf that shows its mark. */
  async function marked() {
    const port = await freePort();
    const anchor = await startProcess(tempFolder(), { port });
    const A = '/authorities/main';
    const type = encodeURIComponent(TYPE);
    expect((await admin(anchor, 'PUT', `${A}/mark-types/${type}/recognition`, { issuers: [anchor.url] })).status).toBe(200);
    expect((await admin(anchor, 'POST', `${A}/mark-types`, { trust_mark_type: TYPE })).status).toBe(201);
    const key = await testKey();
    const id = `http://127.0.0.1:${await freePort()}`;
    const now = Math.floor(Date.now() / 1000);
    let mark = '';
    const server = createServer(async (_request, response) => {
      const configuration = await key.jwt({
        iss: id,
        sub: id,
        iat: now,
        exp: now + 3600,
        jwks: { keys: [key.jwk] },
        authority_hints: [anchor.url],
        metadata: { oauth_client: { client_name: 'leaf' } },
        ...(mark && { trust_marks: [{ trust_mark_type: TYPE, trust_mark: mark }] }),
      });
      response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(configuration);
    });
    await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    expect((await admin(anchor, 'POST', `${A}/members`, { entity_id: id, jwks: { keys: [key.jwk] } })).status).toBe(201);
    for (const verb of ['approve', 'activate']) expect((await admin(anchor, 'POST', `${A}/members/${encodeURIComponent(id)}/${verb}`, {})).status).toBe(200);
    const granted = await admin(anchor, 'POST', `${A}/marks`, { trust_mark_type: TYPE, member: id });
    mark = granted.json.trust_mark;
    const jwks = { keys: (await admin(anchor, 'GET', `${A}/keys`)).json.items.map(({ jwk }: { jwk: object }) => jwk) };
    const keys = { [anchor.url]: jwks };
    const ask = async () => fetch(resolveUrl(anchor.url, id, anchor.url));
    expect((await admin(anchor, 'POST', `${A}/entities/${encodeURIComponent(id)}/evaluate`)).json.snapshots).toMatchObject([{ state: 'valid' }]);
    const response = await (await ask()).text();
    return { anchor, id, key, mark, keys, response, ask, about: { resolver: anchor.url, subject: id, anchor: anchor.url, keys } };
  }

  it('accepts the response and the mark; refuses each with one byte changed, expired, of another, and after suspension', async () => {
    const { anchor, id, key, mark, keys, response, ask, about } = await marked();
    const claims = await verifyResolve(response, about);
    expect(claims.trust_marks).toEqual([{ trust_mark_type: TYPE, trust_mark: mark }]);
    expect(await verifyMark(mark, { subject: id, keys })).toMatchObject({ trust_mark_type: TYPE, sub: id });
    await expect(verifyResolve(flipSignature(response), about)).rejects.toThrow();
    await expect(verifyMark(flipSignature(mark), { subject: id, keys })).rejects.toThrow();
    await expect(verifyResolve(response, { ...about, subject: 'https://other.example' })).rejects.toThrow(/about/);
    await expect(verifyMark(mark, { subject: 'https://other.example', keys })).rejects.toThrow(/issued to/);
    const past = Math.floor(Date.now() / 1000) - 10;
    const stale = { [anchor.url]: { keys: [key.jwk] } };
    const sign = (more: object, typ: string) => key.jwt({ ...more, iss: anchor.url, exp: past }, { typ });
    await expect(verifyResolve(await sign(claims, 'resolve-response+jwt'), { ...about, keys: stale })).rejects.toThrow(/expired/);
    await expect(verifyMark(await sign({ sub: id, trust_mark_type: TYPE }, 'trust-mark+jwt'), { subject: id, keys: stale })).rejects.toThrow(/expired/);
    const folder = tempFolder();
    const file = join(folder, 'keys.json');
    writeFileSync(file, JSON.stringify(keys));
    const script = () => run([anchor.url, id, anchor.url, file], {}, RESOLVE_VERIFIER);
    expect(await script()).toMatchObject({ code: 0, stdout: expect.stringContaining('active') });
    const anchors = { [anchor.url]: keys[anchor.url] as never };
    const verdict = (await evaluateEntity(id, { anchors, development: true })).under.get(anchor.url);
    expect(verdict, 'our own relying library sees the same').toMatchObject({ state: 'valid', marks: [{ trust_mark: mark, findings: [] }] });
    await suspend(anchor, id);
    expect((await evaluateEntity(id, { anchors, development: true })).under.get(anchor.url)).toMatchObject({ state: 'invalid', error: 'invalid_trust_chain' });
    expect((await ask()).status, 'from the next request on').toBe(404);
    await expect(verifyMark(mark, { subject: id, keys })).rejects.toThrow(/revoked/);
    expect(await script()).toMatchObject({ code: 1, stderr: expect.stringContaining('404') });
  });
});
