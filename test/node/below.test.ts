import { createServer } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { admin, freePort, type Server, startProcess, tempFolder } from '../support/process.js';

/** A leaf served over HTTP, its configuration signed by jose. */
async function leaf(superior: string): Promise<string> {
  const key = await testKey();
  const id = `http://127.0.0.1:${await freePort()}`;
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: id, sub: id, iat: now, exp: now + 3600, jwks: { keys: [key.jwk] }, authority_hints: [superior] };
  const configuration = await key.jwt({ ...claims, metadata: { openid_relying_party: { redirect_uris: [`${id}/cb`] } } });
  const server = createServer((request, response) => {
    const found = request.url === '/.well-known/openid-federation';
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/entity-statement+jwt' }).end(found ? configuration : '');
  });
  await new Promise<void>((done) => server.listen(Number(new URL(id).port), '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return id;
}

const CAP_MS = 150_000;
/** Ask until the answer is as wanted, up to the cap. */
async function until(wanted: number, ask: () => Promise<number>): Promise<number> {
  const end = performance.now() + CAP_MS;
  let status = await ask();
  while (status !== wanted && performance.now() < end) {
    await new Promise((done) => setTimeout(done, 250));
    status = await ask();
  }
  return status;
}
const resolve =
  ({ url }: Server, sub: string) =>
  async () =>
    (await fetch(`${url}/resolve?sub=${encodeURIComponent(sub)}&trust_anchor=${encodeURIComponent(url)}`)).status;

describe('two deployments, each with its own discovery', () => {
  it('a fresh anchor answers for a leaf below an intermediate elsewhere, without a crawl by hand', async () => {
    const discovering = { env: { HOLDFAST_DISCOVERY: 'on' } };
    const [anchor, intermediate] = await Promise.all([startProcess(tempFolder(), discovering), startProcess(tempFolder(), discovering)]);
    const members = (server: Server, body: object) => admin(server, 'POST', '/authorities/main/members', { activate: true, ...body });
    await admin(intermediate, 'PATCH', '/authorities/main', { authority_hints: [anchor.url] });
    const one = await leaf(intermediate.url);
    expect((await members(intermediate, { entity_id: one })).status).toBe(201);
    const enrolled = await members(anchor, { entity_id: intermediate.url });
    expect([enrolled.status, enrolled.json.intermediate]).toEqual([201, true]);
    expect(await until(200, resolve(anchor, one))).toBe(200);
  });
});
