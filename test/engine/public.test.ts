import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { createPublicApp } from '../../src/public/app.js';
import { insertRows } from '../../src/store/bulk.js';
import { raw } from '../../src/store/database.js';
import { artefact, member, trustMarkGrant } from '../../src/store/schema.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const MEMBERS = '/authorities/main/members';
const RP = 'https://rp.example.com';

async function withMember(more: object = {}): Promise<TestDeployment & { rp: Awaited<ReturnType<typeof testMember>> }> {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true, ...more });
  return Object.assign(d, { rp });
}
const fetchUrl = (id: string) => `/fetch?sub=${encodeURIComponent(id)}`;

describe('entity configuration', () => {
  it('WK-01 WK-05 WK-06 EC-06 MD-03 MD-04 MD-08: 200, its media type, federation_entity with fetch and list, no hints', async () => {
    const d = await testDeployment();
    const answer = await d.public('/.well-known/openid-federation');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/entity-statement+jwt']);
    const claims = decodeJwt(answer.text) as Record<string, never>;
    expect(claims).toMatchObject({
      iss: ANCHOR,
      sub: ANCHOR,
      iat: NOW,
      exp: NOW + 86_400,
      metadata: {
        federation_entity: {
          federation_fetch_endpoint: `${ANCHOR}/fetch`,
          federation_list_endpoint: `${ANCHOR}/list`,
          federation_historical_keys_endpoint: `${ANCHOR}/historical-keys`,
        },
      },
    });
    for (const absent of ['authority_hints', 'trust_anchor_hints', 'metadata_policy', 'constraints']) expect(claims).not.toHaveProperty(absent);
    expect(decodeProtectedHeader(answer.text), 'JO-02 JO-05 JO-10').toEqual({ typ: 'entity-statement+jwt', alg: 'ES256', kid: expect.any(String) });
  });
  it('EC-05: an authority under a superior lists it', async () => {
    const d = await testDeployment({ authorityHints: ['https://above.example'] });
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text)['authority_hints']).toEqual(['https://above.example']);
  });
  it('EC-09 EC-10: trust mark issuers and owners are published as given', async () => {
    const { jwk } = await testKey();
    const claims = {
      trust_mark_issuers: { 'https://marks.example/a': [] },
      trust_mark_owners: { 'https://marks.example/a': { sub: RP, jwks: { keys: [jwk] } } },
    };
    const d = await testDeployment({ claims });
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text)).toMatchObject(claims);
  });
  it('WK-03 WK-04: an authority under a path, with and without a trailing slash, answers below that path', async () => {
    const d = await testDeployment();
    for (const [slug, id] of [
      ['one', `${ANCHOR}/t/1`],
      ['two', `${ANCHOR}/t/2/`],
    ])
      await d.admin('POST', '/authorities', { slug, entity_id: id });
    expect(decodeJwt((await d.public('/t/1/.well-known/openid-federation')).text).sub).toBe(`${ANCHOR}/t/1`);
    expect(decodeJwt((await d.public('/t/2/.well-known/openid-federation')).text)).toMatchObject({
      sub: `${ANCHOR}/t/2/`,
      metadata: { federation_entity: { federation_fetch_endpoint: `${ANCHOR}/t/2/fetch` } },
    });
    expect((await d.public('/.well-known/openid-federation/t/1')).status).toBe(404);
  });
  it('authorities are found by host: another host is not answered for', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example.net' });
    expect(decodeJwt((await d.public('https://other.example.net/.well-known/openid-federation')).text).sub).toBe('https://other.example.net');
    expect((await d.public('https://nobody.example.net/.well-known/openid-federation')).json.error).toBe('not_found');
  });
  it('before any authority exists: 503, not 404', async () => {
    const d = await testDeployment();
    await d.execute('DELETE FROM authority');
    const answer = await d.public('/.well-known/openid-federation');
    expect([answer.status, answer.json.error, answer.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '60']);
  });
});

describe('fetch', () => {
  it('FE-02 FE-03: 200, the media type of statements', async () => {
    const d = await withMember();
    const answer = await d.public(fetchUrl(RP));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/entity-statement+jwt']);
    expect(decodeJwt(answer.text)).toMatchObject({ iss: ANCHOR, sub: RP });
  });
  it('FE-02 ER-01 ER-02: sub is required', async () => {
    const d = await withMember();
    for (const path of ['/fetch', '/fetch?sub=', `/fetch?sub=a&sub=b`, `/fetch?sub=${'x'.repeat(2049)}`]) {
      const answer = await d.public(path);
      expect([answer.status, answer.json.error, typeof answer.json.error_description, answer.headers.get('content-type')]).toEqual([
        400,
        'invalid_request',
        'string',
        'application/json',
      ]);
    }
  });
  it('FE-04 ER-04: an unknown sub is not_found 404, the issuer itself invalid_request 400', async () => {
    const d = await withMember();
    expect(await d.public(fetchUrl('https://nobody.example'))).toMatchObject({ status: 404, json: { error: 'not_found' } });
    expect(await d.public(fetchUrl(ANCHOR))).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  });
  it('EI-02 EI-03: identifiers are compared byte for byte', async () => {
    const d = await withMember();
    for (const other of [`${RP}/`, RP.toUpperCase(), `${RP}:443`]) expect((await d.public(fetchUrl(other))).status).toBe(404);
  });
  it('FE-05 U10: parameters nobody defined are ignored, old iss included; unescaped URLs are accepted; errors are JSON whatever is accepted', async () => {
    const d = await withMember();
    expect((await d.public(`/fetch?iss=${ANCHOR}&sub=${RP}&foo=bar`, { headers: { accept: 'text/html, image/gif, */*; q=.2' } })).status).toBe(200);
    expect((await d.public('/fetch', { headers: { accept: 'application/entity-statement+jwt' } })).json.error).toBe('invalid_request');
  });
  it('an expired artefact is withheld (503), one past its cap is gone (404)', async () => {
    const d = await withMember();
    d.clock = NOW + 86_399;
    expect((await d.public(fetchUrl(RP))).headers.get('cache-control'), 'SE-08').toBe('public, max-age=1');
    d.clock = NOW + 86_400;
    const late = await d.public(fetchUrl(RP));
    expect([late.status, late.json.error, late.headers.get('retry-after'), late.headers.get('cache-control')], 'ER-06').toEqual([
      503,
      'temporarily_unavailable',
      '10',
      'no-store',
    ]);
  });
});

describe('caching and CORS', () => {
  it('strong ETag, If-None-Match, max-age 5, HEAD, CORS', async () => {
    const d = await withMember();
    for (const path of ['/.well-known/openid-federation', fetchUrl(RP), '/historical-keys', '/list']) {
      const answer = await d.public(path);
      const etag = answer.headers.get('etag') as string;
      expect(etag, path).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
      expect([answer.headers.get('cache-control'), answer.headers.get('access-control-allow-origin')]).toEqual(['public, max-age=5', '*']);
      const same = await d.public(path, { headers: { 'if-none-match': etag } });
      expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
      expect((await d.public(path, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
      const head = await d.public(path, { method: 'HEAD' });
      expect([head.status, head.text, head.headers.get('content-type')]).toEqual([200, '', answer.headers.get('content-type')]);
    }
    expect((await d.public('/fetch', { method: 'OPTIONS' })).headers.get('access-control-allow-methods')).toBe('GET, HEAD, OPTIONS');
    expect((await d.public(fetchUrl(RP), { headers: { 'if-none-match': 'W/"x", *' } })).status).toBe(304);
  });
  it('errors are never cached, and other methods are refused in JSON', async () => {
    const d = await withMember();
    expect((await d.public('/fetch')).headers.get('cache-control')).toBe('no-store');
    for (const method of ['PUT', 'DELETE', 'POST'])
      expect(await d.public('/fetch', { method })).toMatchObject({ status: 405, json: { error: 'invalid_request' } });
  });
});

describe('list', () => {
  async function populated() {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    const types = [['openid_provider'], ['openid_relying_party'], ['openid_relying_party', 'oauth_client'], ['federation_entity']];
    for (const [n, entity_types] of types.entries())
      await d.admin('POST', MEMBERS, { entity_id: `https://m${n}.example`, jwks, entity_types, intermediate: n === 3, activate: true });
    await d.admin('POST', MEMBERS, { entity_id: 'https://waiting.example', jwks });
    const mark = async (n: number, type: string, exp: number) => {
      const [row] = await d.rows(`SELECT id FROM member WHERE entity_id = 'https://m${n}.example'`);
      const [owner] = await d.rows('SELECT id FROM authority');
      await d.deployment.store.write([
        insertRows(trustMarkGrant, [
          {
            id: `tmg_${n}`,
            authorityId: String(owner?.['id']),
            trustMarkType: type,
            memberId: String(row?.['id']),
            memberAuthorityId: String(owner?.['id']),
            entityId: `https://m${n}.example`,
            state: 'active',
            createdBy: 'x',
            createdAt: NOW,
            updatedAt: NOW,
            v: 1,
          },
        ]),
        insertRows(artefact, [
          {
            authorityId: String(owner?.['id']),
            kind: 'mark',
            key: `${type}\nhttps://m${n}.example`,
            mediaType: 'x',
            bytes: 'x',
            sha256: 'x',
            iat: NOW,
            exp,
            kid: 'x',
            generation: 1,
            memberId: String(row?.['id']),
          },
        ]),
      ]);
    };
    await mark(0, 'https://marks.example/a', NOW + 10);
    await mark(1, 'https://marks.example/b', NOW + 10);
    await mark(2, 'https://marks.example/a', NOW - 10);
    const ids = async (query: string) => (await d.public(`/list?${query}`)).json.map((id: string) => id.slice(9, 10)).join('');
    return { d, ids };
  }
  it('LI-01 LI-02: a plain array of active subordinates, in byte order', async () => {
    const { d } = await populated();
    const answer = await d.public('/list');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(answer.json).toEqual([0, 1, 2, 3].map((n) => `https://m${n}.example`));
  });
  it('LI-03 U5: entity_type selects, several are a union', async () => {
    const { ids } = await populated();
    expect(await ids('entity_type=openid_provider')).toBe('0');
    expect(await ids('entity_type=openid_provider&entity_type=oauth_client')).toBe('02');
    expect(await ids('entity_type=nothing')).toBe('');
  });
  it('LI-05: intermediate=true selects Intermediates, false is no filter', async () => {
    const { ids } = await populated();
    expect(await ids('intermediate=true')).toBe('3');
    expect(await ids('intermediate=false')).toBe('0123');
  });
  it('LI-04: trust_marked and trust_mark_type count marks that are still valid', async () => {
    const { d, ids } = await populated();
    expect(await ids('trust_marked=true')).toBe('01');
    expect(await ids(`trust_mark_type=${encodeURIComponent('https://marks.example/a')}`)).toBe('0');
    expect(await ids('trust_marked=true&entity_type=openid_relying_party')).toBe('1');
    d.clock = NOW + 10;
    expect(await ids('trust_marked=true'), 'no answer about marks outlives them').toBe('');
  });
  it('LI-02: a membership that ended is not listed, also not from what is kept in memory', async () => {
    const { d } = await populated();
    await d.admin('PATCH', `${MEMBERS}/${encodeURIComponent('https://m0.example')}`, { valid_until: NOW + 100 });
    expect((await d.public('/list')).json).toHaveLength(4);
    d.clock = NOW + 99;
    expect((await d.public('/list')).json).toHaveLength(4);
    d.clock = NOW + 100;
    expect((await d.public('/list')).json).toEqual([1, 2, 3].map((n) => `https://m${n}.example`));
    expect((await d.public(fetchUrl('https://m0.example'))).status).toBe(404);
  });
  it('LI-06 trap 17: all four filters are supported; a malformed one is refused, never ignored', async () => {
    const { d } = await populated();
    for (const query of ['intermediate=yes', 'trust_marked=1', 'trust_marked=true&trust_marked=false'])
      expect(await d.public(`/list?${query}`)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect((await d.public('/list?unknown=x')).json).toHaveLength(4);
  });
  it('2 500 subordinates are given whole, in order, without repetition; HEAD reads no rows', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    const [owner] = await d.rows('SELECT id FROM authority');
    const rows = Array.from({ length: 2500 }, (_, n) => ({
      id: `mem_${n}`,
      authorityId: String(owner?.['id']),
      entityId: `https://m${String(n).padStart(5, '0')}.example/with/a/path/to/make/it/long`,
      state: 'active' as const,
      entityTypes: [],
      intermediate: false,
      jwks: jwks as never,
      metadata: {},
      constraints: {},
      claims: {},
      crit: [],
      cut: 0,
      createdAt: 1,
      updatedAt: 1,
      v: 1,
    }));
    for (let at = 0; at < rows.length; at += 500) await d.deployment.store.write([insertRows(member, rows.slice(at, at + 500))]);
    const answer = await d.public('/list');
    expect(answer.json).toEqual(rows.map(({ entityId }) => entityId));
    expect((await d.public('/list', { method: 'HEAD' })).text).toBe('');
    await d.deployment.store.write([raw("UPDATE member SET state = 'suspended' WHERE id = 'mem_1999'")]);
    expect((await d.public('/list')).json).toHaveLength(2499);
  });
  it('exactly one full page ends properly', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    const [owner] = await d.rows('SELECT id FROM authority');
    const rows = Array.from({ length: 1000 }, (_, n) => ({
      id: `mem_${n}`,
      authorityId: String(owner?.['id']),
      entityId: `https://m${n}.e`,
      state: 'active' as const,
      entityTypes: [],
      intermediate: false,
      jwks: jwks as never,
      metadata: {},
      constraints: {},
      claims: {},
      crit: [],
      cut: 0,
      createdAt: 1,
      updatedAt: 1,
      v: 1,
    }));
    await d.deployment.store.write([insertRows(member, rows.slice(0, 500)), insertRows(member, rows.slice(500))]);
    expect((await d.public('/list')).json).toHaveLength(1000);
  });
});

describe('client authentication', () => {
  const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  async function guarded(mode: 'optional' | 'required') {
    const d = await withMember();
    await d.admin('PATCH', '/authorities/main', { client_auth: { fetch: mode, list: mode, historical_keys: mode } });
    let jti = 0;
    const assertion = (claims: object = {}, key = d.rp.key) =>
      key.jwt({ iss: RP, sub: RP, aud: ANCHOR, jti: `j${jti++}`, iat: NOW, exp: NOW + 60, ...claims }, { typ: 'JWT' });
    const post = (path: string, form: Record<string, string>) =>
      d.public(path, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: new URLSearchParams(form).toString() });
    const asked = async (claims: object = {}, key = d.rp.key) =>
      post('/fetch', { sub: RP, client_assertion_type: TYPE, client_assertion: await assertion(claims, key) });
    return { d, assertion, post, asked };
  }
  it('CA-01 CA-05: the configuration says per endpoint what is accepted; by default nothing is', async () => {
    const plain = await testDeployment();
    expect((await plain.public('/.well-known/openid-federation')).text).not.toContain(btoa('auth_methods').slice(0, 8));
    for (const [mode, methods] of [
      ['optional', ['none', 'private_key_jwt']],
      ['required', ['private_key_jwt']],
    ] as const) {
      const { d } = await guarded(mode);
      const entity = (decodeJwt((await d.public('/.well-known/openid-federation')).text) as { metadata: { federation_entity: Record<string, unknown> } })
        .metadata.federation_entity;
      expect(entity['federation_fetch_endpoint_auth_methods']).toEqual(methods);
      expect(entity['endpoint_auth_signing_alg_values_supported'], 'MD-09').toEqual(expect.arrayContaining(['RS256', 'ES256']));
      expect(entity['endpoint_auth_signing_alg_values_supported']).not.toContain('none');
    }
  });
  it('CA-04 CA-05 ER-03: required: GET is turned away, POST with an assertion is answered and not cached', async () => {
    const { d, asked, post, assertion } = await guarded('required');
    expect(await d.public(fetchUrl(RP))).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
    const answer = await asked();
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      'application/entity-statement+jwt',
      'no-store',
    ]);
    const list = await post('/list', { client_assertion_type: TYPE, client_assertion: await assertion(), entity_type: 'openid_relying_party' });
    expect(list.json).toEqual([RP]);
    expect((await post('/historical-keys', { client_assertion_type: TYPE, client_assertion: await assertion() })).status).toBe(200);
    expect((await d.public('/.well-known/openid-federation')).status).toBe(200);
  });
  it('CA-05: optional: both ways; none: POST is refused', async () => {
    const { d, asked } = await guarded('optional');
    expect((await d.public(fetchUrl(RP))).status).toBe(200);
    expect((await asked()).status).toBe(200);
    const plain = await withMember();
    expect((await plain.public('/fetch', { method: 'POST', body: new URLSearchParams({ sub: RP }) })).status).toBe(405);
  });
  it('CA-03: an assertion is good once', async () => {
    const { post, assertion } = await guarded('required');
    const form = { sub: RP, client_assertion_type: TYPE, client_assertion: await assertion() };
    const answers = await Promise.all(Array.from({ length: 20 }, () => post('/fetch', form)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.find(({ status }) => status !== 200)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  });
  it.each([
    ['CA-03 the endpoint as audience', { aud: `${ANCHOR}/fetch` }],
    ['CA-03 a second audience', { aud: [ANCHOR, RP] }],
    ['expired', { exp: NOW - 1 }],
    ['living too long', { exp: NOW + 3600 }],
    ['of a stranger', { iss: 'https://nobody.example', sub: 'https://nobody.example' }],
    ['without jti', { jti: undefined }],
  ])('an assertion %s is refused', async (_title, claims) => {
    const { asked } = await guarded('required');
    expect(await asked(claims)).toMatchObject({ status: 401, json: { error: 'invalid_client' } });
  });
  it('CA-02: a key that is no Federation Entity Key of the caller proves nothing', async () => {
    const { asked, d } = await guarded('required');
    expect((await asked({}, await testKey('ES256', d.rp.key.kid))).status).toBe(401);
  });
  it('RFC 6749 §3.2: who says twice who it is has said nothing', async () => {
    const { d, assertion } = await guarded('required');
    const form = { sub: RP, client_assertion_type: TYPE, client_assertion: await assertion(), client_id: RP };
    const post = (body: string) => d.public('/fetch', { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });
    for (const [name, more] of [
      ['client_assertion_type', TYPE],
      ['client_assertion', await assertion()],
      ['client_assertion', ''],
      ['client_id', RP],
    ] as const) {
      const { status, json } = await post(`${new URLSearchParams(form)}&${new URLSearchParams({ [name]: more })}`);
      expect([status, json.error, json.error_description], name).toEqual([401, 'invalid_client', `${name} is given more than once`]);
    }
    expect((await post(`${new URLSearchParams(form)}`)).status, 'none of it was spent').toBe(200);
  });
  it('a suspended member loses its access in the same act', async () => {
    const { asked, d } = await guarded('required');
    await d.admin('POST', `${MEMBERS}/${encodeURIComponent(RP)}/suspend`, { reason: 'x' });
    expect((await asked()).status).toBe(401);
  });
  it('reliability 12: a member that is cut off while its assertion is verified gets no answer from what was read before', async () => {
    const { d, assertion } = await guarded('required');
    const inbox = {
      ...d.inbox,
      async spend() {
        expect((await d.admin('POST', `${MEMBERS}/${encodeURIComponent(RP)}/suspend`, { reason: 'x' })).status).toBe(200);
        return true;
      },
    };
    const app = createPublicApp(() => ({ published: d.published, inbox, now: () => NOW, development: false }));
    const body = new URLSearchParams({ sub: RP, client_assertion_type: TYPE, client_assertion: await assertion() }).toString();
    const answer = await app.request(`${ANCHOR}/fetch`, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });
    expect(answer.status).toBe(404);
  });
  it('a public plane that may not write turns authenticated requests away for now', async () => {
    const { d, assertion } = await guarded('required');
    const readOnly = createPublicApp(() => ({
      published: d.published,
      inbox: undefined,
      now: () => NOW,
      development: false,
    }));
    const answer = await readOnly.request(`${ANCHOR}/fetch`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ sub: RP, client_assertion_type: TYPE, client_assertion: await assertion() }).toString(),
    });
    expect(answer.status).toBe(503);
  });
  it('a body that is too large, or no form, is refused', async () => {
    const { d, post } = await guarded('required');
    expect((await post('/fetch', { sub: 'x'.repeat(70_000) })).status).toBe(400);
    expect((await d.public('/fetch', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status).toBe(400);
  });
});
