// npm run bench relying: what admission costs a relying server, over HTTP on loopback; and the list that says who is in force.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { parseJws, verifyJws } from '../dist/federation/entry.js';
import { createAuthority } from '../dist/operations/authorities/authorities.js';
import { enrollMember } from '../dist/operations/members/enroll-member.js';
import { moveMember } from '../dist/operations/members/move-member.js';
import { checkHead, fetchFinding } from '../dist/outbound/read-reply.js';
import { cached, relyingPartyOver, strict } from '../dist/rp/entry.js';
import { interleaved, judge, median, say, title } from './measure.mjs';
import { ANCHOR, deployment, seconds } from './setup.mjs';
import { statusList } from './status-list.mjs';

const OPERATOR = 'https://operator.example.net';
const leafId = (n) => `https://agent${n}.example.com`;
const LEAFS = 40;
const requires = { entityType: 'oauth_client' };
const wellKnown = (id) => `${id}/.well-known/openid-federation`;

async function entityKey() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' };
  const sign = (typ, claims) => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'bench', typ }).sign(privateKey);
  return { jwk, sign };
}

/** Names resolve to one server on loopback, which is asked over HTTP: `/<host>/<path>`. */
async function network(d, own) {
  const server = createServer(async (request, response) => {
    const [, host, ...rest] = (request.url ?? '').split('/');
    const url = `https://${host}/${rest.join('/')}`;
    const body = own.get(url);
    if (body !== undefined) return response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(body);
    const answer = await d.publicApp.fetch(new Request(url, { headers: { 'if-none-match': request.headers['if-none-match'] ?? '' } }));
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const origin = `http://127.0.0.1:${server.address().port}`;
  let asked = 0;
  const get = async (request) => {
    asked++;
    try {
      const answer = await fetch(`${origin}/${request.url.slice('https://'.length)}`, { headers: request.etag ? { 'if-none-match': request.etag } : {} });
      const body = await answer.text();
      if (answer.status === 304) return { ok: true, value: { url: request.url, body: '', notModified: true } };
      const etag = answer.headers.get('etag') ?? undefined;
      return checkHead(request, answer.status, (name) => answer.headers.get(name)) ?? { ok: true, value: { url: request.url, body, ...(etag && { etag }) } };
    } catch (error) {
      return fetchFinding('fetch_failed', request.url, String(error), true);
    }
  };
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { outbound: { get, post: get }, close, count: () => asked };
}

/** An anchor, an operator below it, and agents of that. */
async function federation() {
  const d = await deployment();
  await createAuthority(d.call, { slug: 'operator', entityId: OPERATOR, authorityHints: [ANCHOR] });
  const claimsAt = async (url) =>
    JSON.parse(atob((await (await d.publicApp.fetch(new Request(url))).text()).split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  const keysOf = async (id) => (await claimsAt(wellKnown(id))).jwks;
  await enrollMember(d.call, 'main', {
    entityId: OPERATOR,
    jwks: await keysOf(OPERATOR),
    entityTypes: ['federation_entity'],
    intermediate: true,
    activate: true,
  });
  const own = new Map();
  const now = seconds();
  const client = await entityKey();
  for (let n = 0; n < LEAFS; n++) {
    const { jwk, sign } = await entityKey();
    const id = leafId(n);
    await enrollMember(d.call, 'operator', { entityId: id, jwks: { keys: [jwk] }, entityTypes: ['oauth_client'], activate: true });
    const metadata = { oauth_client: { scope: 'read', jwks: { keys: [client.jwk] }, token_endpoint_auth_method: 'private_key_jwt' } };
    own.set(
      wellKnown(id),
      await sign('entity-statement+jwt', { iss: id, sub: id, iat: now, exp: now + 86_400, jwks: { keys: [jwk] }, authority_hints: [OPERATOR], metadata }),
    );
  }
  const chainOf = async (id) => {
    const stated = async (superior, sub) => (await d.publicApp.fetch(new Request(`${superior}/fetch?sub=${encodeURIComponent(sub)}`))).text();
    return [own.get(wellKnown(id)), await stated(OPERATOR, id), await stated(ANCHOR, OPERATOR)];
  };
  return { d, own, client, chainOf, anchors: { [ANCHOR]: await keysOf(ANCHOR) } };
}

async function milliseconds(work) {
  const start = performance.now();
  const answer = await work();
  if (answer?.admitted === false) throw new Error(JSON.stringify(answer.findings));
  return performance.now() - start;
}

export async function relying() {
  title('Admission at a relying server: agent below operator below anchor, registry over HTTP on loopback (milliseconds)');
  const f = await federation();
  const net = await network(f.d, f.own);
  const party = (mode) => relyingPartyOver({ anchors: f.anchors, mode }, { outbound: net.outbound });
  const all = Array.from({ length: LEAFS }, (_, n) => leafId(n));

  // Each of these has met nobody before.
  const walked = [];
  const supplied = [];
  for (const id of all.slice(0, 9)) walked.push(await milliseconds(() => party(cached(15)).admit(id, { requires })));
  for (const id of all.slice(0, 9)) {
    const trustChain = await f.chainOf(id);
    supplied.push(await milliseconds(() => party(cached(15)).admit(id, { requires, trustChain })));
  }
  judge('first contact by a chain that came with the request (median of 9 servers that knew nobody)', median(supplied), { atMost: 100 });
  say(`first contact, the chain found by walking up: ${median(walked).toFixed(1)} ms`);
  const knowing = party(cached(15));
  await knowing.admit(all[10], { requires });
  const next = [];
  for (const id of all.slice(11, 30)) next.push(await milliseconds(() => knowing.admit(id, { requires })));
  say(`first contact of the next agent of an operator that is known: ${median(next).toFixed(2)} ms`);

  const id = all[31];
  const assertion = await f.client.sign('JWT', { iss: id, sub: id, aud: 'https://as.example', jti: 'x', iat: seconds(), exp: seconds() + 300 });
  const { jwks } = await knowing.admit(id, { requires });
  const verify = async () => {
    const jws = parseJws(assertion, 'JWT');
    if (!(await verifyJws(jws.value, jwks)).ok) throw new Error('the signature does not hold');
  };
  const best = await interleaved(
    {
      signature: verify,
      both: async () => {
        const client = await knowing.admit(id, { requires });
        if (!client.admitted) throw new Error('not admitted');
        await verify();
      },
    },
    { blocks: 10, calls: 300 },
  );
  say(`the signature of the request alone: ${(best.signature / 1000).toFixed(3)} ms; with admission, cached(15): ${(best.both / 1000).toFixed(3)} ms`);
  judge('cached admission beyond the signature check', (best.both - best.signature) / 1000, { atMost: 1 });

  const exact = party(strict);
  await exact.admit(id, { requires });
  const before = net.count();
  const times = [];
  for (let n = 0; n < 100; n++) times.push(await milliseconds(() => exact.admit(id, { requires })));
  say(`strict, one at a time: ${median(times).toFixed(2)} ms, ${((net.count() - before) / 100).toFixed(1)} questions each`);
  const atOnce = net.count();
  const together = await milliseconds(() => Promise.all(Array.from({ length: 100 }, () => exact.admit(id, { requires }))));
  say(`strict, a hundred at once: ${together.toFixed(1)} ms together, ${net.count() - atOnce} questions`);

  const halted = [];
  for (const one of all.slice(32, 37)) {
    await exact.admit(one, { requires });
    await moveMember(f.d.call, 'operator', one, 'suspend', { reason: 'bench' });
    const start = performance.now();
    const refused = await exact.admit(one, { requires });
    halted.push(performance.now() - start);
    if (refused.admitted) throw new Error('a halted agent was admitted');
  }
  say(`strict, the next request of one that was halted is refused, after ${median(halted).toFixed(2)} ms; cached(15): within 15 s`);
  net.close();
  f.d.close();
  await statusList();
}
