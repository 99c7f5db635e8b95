import { decodeJwt } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { MAX_FORM_BYTES } from '../../src/public/form.js';
import { MAX_TYPES } from '../../src/public/list.js';
import { MAX_IDENTIFIER, MAX_PARAMETERS, MAX_URL } from '../../src/public/parameters.js';
import { MAX_ANCHORS } from '../../src/public/resolve.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';

const MEMBERS = '/authorities/main/members';
const RP = 'https://rp.example.com';
const TYPE = 'https://marks.example.org/certified';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const fetchUrl = (id: string) => `/fetch?sub=${encodeURIComponent(id)}`;

async function marked() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  const mark: string = (await d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: RP })).json.trust_mark;
  expect(mark).toMatch(/^ey/);
  const status = (body: string | ReadableStream, headers: Record<string, string> = FORM) =>
    d.public('/trust-mark-status', { method: 'POST', headers, body, ...(body instanceof ReadableStream && { duplex: 'half' }) } as RequestInit);
  return { d, rp, mark, status };
}

it('a form that breaks off is nobody’s error: no line in the log for each of them', async () => {
  const { status } = await marked();
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => log.mockRestore());
  const broken = new ReadableStream({
    start: (controller) => controller.enqueue(new TextEncoder().encode('trust_mark=')),
    pull: (controller) => controller.error(new Error('aborted')),
  });
  expect(await status(broken)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  expect(log).not.toHaveBeenCalled();
});

describe('where an authority answers (RFC 9110 §4.2.3, RFC 3986 §6.2.3)', () => {
  it.each([
    'https://anchor.example.org:443',
    'http://anchor.example.org:443',
    'https://anchor.example.org.',
    'http://ANCHOR.example.org.:443',
    'http://anchor.example.org:80',
  ])('as %s at every endpoint', async (host) => {
    const { d, mark } = await marked();
    for (const path of ['/.well-known/openid-federation', fetchUrl(RP), '/list', '/historical-keys', `/trust-mark-list?trust_mark_type=${TYPE}`])
      expect((await d.public(`${host}${path}`)).status, path).toBe(200);
    const body = new URLSearchParams({ trust_mark: mark }).toString();
    expect((await d.public(`${host}/trust-mark-status`, { method: 'POST', headers: FORM, body })).status).toBe(200);
  });
  it('and nowhere else', async () => {
    const d = await testDeployment();
    for (const host of ['https://anchor.example.org:8443', 'https://anchor.example.net', 'https://www.anchor.example.org'])
      expect((await d.public(`${host}/list`)).status, host).toBe(404);
  });
  it('EI-03: a second authority at the place of the first is refused, and the first goes on', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'deep', entity_id: `${ANCHOR}/t/~a` });
    for (const [n, entity_id] of [
      'https://ANCHOR.example.org',
      'https://anchor.example.org/',
      'https://anchor.example.org:443',
      'https://anchor.example.org:443/',
      'https://anchor.example.org.',
      'https://Anchor.Example.Org.:443/t/~a/',
      'https://anchor.example.org/t/%7Ea',
    ].entries())
      expect(await d.admin('POST', '/authorities', { slug: `s${n}`, entity_id }), entity_id).toMatchObject({ status: 409, json: { code: 'already_exists' } });
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text).sub).toBe(ANCHOR);
    for (const [n, entity_id] of ['https://anchor.example.org:8443', 'https://anchor.example.org/t/~A', 'https://anchor.example.org/t/~a/b'].entries())
      expect((await d.admin('POST', '/authorities', { slug: `o${n}`, entity_id })).status, entity_id).toBe(201);
  });
  it.each(['collection', 'agents', 'clients', 'subordinate-events', 'status-lists', 'checkpoints', 'join', 'Agents', 'fetch', '%66etch'])(
    'the path segment %s belongs to an endpoint',
    async (segment) => {
      const d = await testDeployment();
      expect((await d.admin('POST', '/authorities', { slug: 'x', entity_id: `${ANCHOR}/${segment}/x` })).status).toBe(400);
    },
  );
});

describe('conditional requests (RFC 9110 §13.1.2, §15.4.5)', () => {
  it('weak tags, lists and * are understood wherever there is a tag; 304 says how long it holds, and describes no body', async () => {
    const { d } = await marked();
    const sub = encodeURIComponent(RP);
    for (const path of [
      '/.well-known/openid-federation',
      fetchUrl(RP),
      '/historical-keys',
      '/list',
      '/list?entity_type=openid_relying_party&entity_type=openid_provider',
      '/list?trust_marked=true',
      `/list?trust_mark_type=${TYPE}`,
      `/trust-mark-list?trust_mark_type=${TYPE}`,
      `/trust-mark-list?trust_mark_type=${TYPE}&sub=${sub}`,
      `/trust-mark?trust_mark_type=${TYPE}&sub=${sub}`,
    ]) {
      const first = await d.public(path);
      const etag = first.headers.get('etag') as string;
      expect([first.status, etag], path).toEqual([200, expect.stringMatching(/^"[A-Za-z0-9_-]{43}"$/)]);
      for (const known of [etag, `W/${etag}`, `"other", W/${etag}`, `"a","b",${etag}`, '*']) {
        const same = await d.public(path, { headers: { 'if-none-match': known } });
        expect([same.status, same.text, same.headers.get('etag')], `${path} ${known}`).toEqual([304, '', etag]);
        expect([same.headers.get('cache-control'), same.headers.get('access-control-allow-origin')]).toEqual(['public, max-age=5', '*']);
        expect(same.headers.get('content-type')).toBeNull();
      }
      for (const unknown of ['"other"', 'W/"other"', etag.slice(1, -1), ''])
        expect((await d.public(path, { headers: { 'if-none-match': unknown } })).status, `${path} ${unknown}`).toBe(200);
    }
  });
  it('the contract and the page of the API are made once: the same bytes, a strong tag, 304, HEAD', async () => {
    const d = await testDeployment();
    for (const path of ['/openapi.json', '/docs']) {
      const first = await d.admin('GET', path);
      const etag = first.headers.get('etag') as string;
      expect([first.status, etag, first.text.length > 10_000], path).toEqual([200, expect.stringMatching(/^"[A-Za-z0-9_-]{43}"$/), true]);
      expect((await d.admin('GET', path)).text).toBe(first.text);
      const same = await d.admin('GET', path, undefined, { headers: { 'if-none-match': `W/${etag}` } });
      expect([same.status, same.text]).toEqual([304, '']);
      const head = await d.admin('HEAD', path);
      expect([head.status, head.text, head.headers.get('etag'), head.headers.get('content-type')]).toEqual([200, '', etag, first.headers.get('content-type')]);
    }
    expect((await d.admin('GET', '/openapi.json')).json).toMatchObject({ openapi: '3.1.0' });
    expect((await d.admin('GET', '/docs')).headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('methods and other origins', () => {
  it('405 names what is allowed; a preflight too', async () => {
    const { d } = await marked();
    await d.admin('PATCH', '/authorities/main', { client_auth: { resolve: 'optional' } });
    for (const [method, path, allow] of [
      ['POST', '/fetch', 'GET, HEAD'],
      ['POST', '/list', 'GET, HEAD'],
      ['POST', '/.well-known/openid-federation', 'GET, HEAD'],
      ['GET', '/trust-mark-status', 'POST'],
      ['HEAD', '/trust-mark-status', 'POST'],
      ['PUT', '/trust-mark-status', 'POST'],
      ['DELETE', '/fetch', 'GET, HEAD'],
      ['PATCH', '/resolve', 'GET, HEAD, POST'],
    ] as const) {
      const answer = await d.public(path, { method });
      expect([answer.status, answer.headers.get('allow'), answer.headers.get('access-control-allow-origin')], `${method} ${path}`).toEqual([405, allow, '*']);
      if (method !== 'HEAD') expect(answer.json.error).toBe('invalid_request');
    }
    const asked = await d.public('/trust-mark-status', { method: 'OPTIONS' });
    expect([asked.status, asked.headers.get('access-control-allow-methods')]).toEqual([204, 'POST, OPTIONS']);
  });
  it('answers to a POST are readable from other origins, as its errors are, and nobody caches them', async () => {
    const { status, mark } = await marked();
    for (const [body, expected] of [
      [new URLSearchParams({ trust_mark: mark }).toString(), 200],
      ['trust_mark=forged', 404],
    ] as const) {
      const answer = await status(body);
      expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('cache-control')]).toEqual([expected, '*', 'no-store']);
    }
  });
});

describe('the limits of a question', () => {
  it(`a URL of ${MAX_URL} characters: n-1 and n are looked at, n+1 is 414; whatever the method`, async () => {
    const d = await testDeployment();
    for (const [length, expected] of [
      [MAX_URL - 1, 200],
      [MAX_URL, 200],
      [MAX_URL + 1, 414],
    ] as const) {
      const begin = `${ANCHOR}/list?junk=`;
      const url = `${begin}${'x'.repeat(length - begin.length)}`;
      const answer = await d.public(url);
      expect(answer.status, `${length}`).toBe(expected);
      if (expected === 414) {
        expect(answer.json.error).toBe('invalid_request');
        for (const method of ['POST', 'OPTIONS', 'PUT']) expect((await d.public(url, { method })).status).toBe(414);
      }
    }
  });
  it(`${MAX_PARAMETERS} parameters in a query or form: n-1, n, n+1`, async () => {
    const { d, status, mark } = await marked();
    for (const [count, fits] of [
      [MAX_PARAMETERS - 1, true],
      [MAX_PARAMETERS, true],
      [MAX_PARAMETERS + 1, false],
    ] as const) {
      const junk = Array.from({ length: count - 1 }, () => 'a=1').join('&');
      expect((await d.public(`${fetchUrl(RP)}&${junk}`)).status, `query of ${count}`).toBe(fits ? 200 : 400);
      expect((await status(`trust_mark=${mark}&${junk}`)).status, `form of ${count}`).toBe(fits ? 200 : 400);
    }
    expect(await status(`trust_mark=${mark}${'&a='.repeat(10_000)}`)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  });
  it(`a form of ${MAX_FORM_BYTES} bytes: n-1, n, n+1, its length said or not, in bytes and not in characters`, async () => {
    const { status, mark } = await marked();
    const begin = `trust_mark=${mark}&junk=`;
    for (const [length, expected] of [
      [MAX_FORM_BYTES - 1, 200],
      [MAX_FORM_BYTES, 200],
      [MAX_FORM_BYTES + 1, 400],
    ] as const) {
      const body = `${begin}${'x'.repeat(length - begin.length)}`;
      expect((await status(body)).status, `${length}`).toBe(expected);
      const chunks = new TextEncoder().encode(body);
      const streamed = new ReadableStream({
        start(controller) {
          for (let at = 0; at < chunks.length; at += 1000) controller.enqueue(chunks.subarray(at, at + 1000));
          controller.close();
        },
      });
      expect((await status(streamed)).status, `${length} streamed`).toBe(expected);
    }
    const two = `${begin}${'ж'.repeat(MAX_FORM_BYTES / 2)}`;
    expect((await status(two)).status).toBe(400);
  });
  it('a compressed body is refused with its reason, an identity coding is none', async () => {
    const { status, mark } = await marked();
    const body = `trust_mark=${mark}`;
    const gzip = await status(body, { ...FORM, 'content-encoding': 'gzip' });
    expect([gzip.status, gzip.json.error, gzip.headers.get('accept-encoding')]).toEqual([415, 'invalid_request', 'identity']);
    expect((await status(body, { ...FORM, 'content-encoding': 'identity' })).status).toBe(200);
    expect((await status(body, { 'content-type': 'Application/X-WWW-Form-Urlencoded; charset=UTF-8' })).status).toBe(200);
  });
  it('escapes that are none, or of no UTF-8, are a question like any other: never 500', async () => {
    const { d, status } = await marked();
    for (const bad of ['%', '%zz', '%ff', '%c3%28', '%00', '%ed%a0%80', '\u{1f600}'])
      for (const path of [`/fetch?sub=${bad}`, `/resolve?sub=${bad}&trust_anchor=${bad}`, `/trust-mark?trust_mark_type=${bad}&sub=${bad}`, `/${bad}/list`]) {
        const answer = await d.public(path);
        expect([400, 404], `${path} ${answer.text}`).toContain(answer.status);
      }
    for (const bad of ['%', '%ff', '%00']) {
      expect((await d.public(`/list?entity_type=${bad}`)).json).toEqual([]);
      expect((await d.public(`/trust-mark-list?trust_mark_type=${bad}`)).json).toEqual([]);
      expect((await status(`trust_mark=${bad}`)).status).toBe(404);
    }
  });
  it(`identifiers of ${MAX_IDENTIFIER} characters, ${MAX_TYPES} types, ${MAX_ANCHORS} anchors: n-1, n, n+1`, async () => {
    const d = await testDeployment();
    const status = async (path: string) => (await d.public(path)).status;
    const times = (count: number, one: string) => Array.from({ length: count }, () => one).join('&');
    for (const more of [-1, 0, 1]) {
      const text = 'x'.repeat(MAX_IDENTIFIER + more);
      const [found, empty] = more > 0 ? [400, 400] : [404, 200];
      expect(await status(`/fetch?sub=${text}`)).toBe(found);
      expect(await status(`/resolve?sub=${text}&trust_anchor=${ANCHOR}`)).toBe(found);
      expect(await status(`/resolve?sub=${RP}&trust_anchor=${ANCHOR}&entity_type=${text}`)).toBe(found);
      expect(await status(`/resolve?sub=${RP}&trust_anchor=${ANCHOR}&trust_anchor=${text}`)).toBe(found);
      expect(await status(`/trust-mark?trust_mark_type=${text}&sub=x`)).toBe(found);
      for (const filter of ['entity_type', 'trust_mark_type']) expect(await status(`/list?${filter}=${text}`)).toBe(empty);
      expect(await status(`/trust-mark-list?trust_mark_type=${text}`)).toBe(empty);
      expect(await status(`/list?${times(MAX_TYPES + more, 'entity_type=a')}`)).toBe(empty);
      expect(await status(`/resolve?sub=${RP}&trust_anchor=${ANCHOR}&${times(MAX_TYPES + more, 'entity_type=a')}`), 'repeated types are one').toBe(404);
      const types = Array.from({ length: MAX_TYPES + more }, (_, n) => `entity_type=t${n}`).join('&');
      expect(await status(`/resolve?sub=${RP}&trust_anchor=${ANCHOR}&${types}`)).toBe(found);
      expect(await status(`/resolve?sub=${RP}&${times(MAX_ANCHORS + more, `trust_anchor=${ANCHOR}`)}`)).toBe(found);
    }
  });
});
