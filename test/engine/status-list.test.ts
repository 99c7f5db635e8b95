import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { type JwkSet, notBeforeOf, readStatusList, statusReference } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const [ONE, TWO] = ['https://one.example.com', 'https://two.example.com'];
const LIST = '/status-lists/0';
const URI = `${ANCHOR}${LIST}`;
const at = (id: string, verb = '') => `${A}/members/${encodeURIComponent(id)}${verb}`;

async function act(d: TestDeployment, method: string, path: string, body: object | undefined = { reason: 'test' }) {
  const { status, text, json } = await d.admin(method, path, body);
  expect(status, text).toBeLessThan(300);
  return json;
}
async function enrol(d: TestDeployment, id: string, more: object = {}): Promise<void> {
  const { jwks } = await testMember(id);
  await act(d, 'POST', `${A}/members`, { entity_id: id, jwks, entity_types: ['oauth_client'], activate: true, ...more });
}
const keysOf = async (d: TestDeployment): Promise<JwkSet> => decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as unknown as JwkSet;
/** Where the statement about somebody says that its status stands. */
const place = async (d: TestDeployment, id: string) =>
  statusReference(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text)['status'])?.idx ?? -1;
const background = (d: TestDeployment, deployment = d.deployment) => backgroundTurn(deployment, { more: () => true });

/** What the list says as a relying server reads it; the status of the answer where there is none. */
async function list(d: TestDeployment, jwks: JwkSet, path = LIST, time?: number) {
  const { status, text } = await d.public(path);
  if (status !== 200) return status;
  const read = await readStatusList(text, { now: d.clock, uri: URI, jwks, ...(time !== undefined && { time }) });
  if (!read.ok) throw new Error(JSON.stringify(read.findings));
  return read.value;
}
async function said(d: TestDeployment, jwks: JwkSet, ...places: readonly number[]) {
  const read = await list(d, jwks);
  return typeof read === 'number' ? read : places.map((idx) => read.at(idx));
}

describe('the status list of an authority (Token Status List)', () => {
  it('is a signed token of the standard, at the place that the statement about each member names', async () => {
    const d = await testDeployment();
    expect((await d.public(LIST)).status, 'nobody is in it').toBe(404);
    await enrol(d, ONE);
    const { status, headers, text } = await d.public(LIST);
    expect(status, text).toBe(200);
    expect(decodeProtectedHeader(text)).toMatchObject({ typ: 'statuslist+jwt', alg: 'ES256' });
    expect(decodeJwt(text)).toEqual({ iss: ANCHOR, sub: URI, iat: NOW, exp: NOW + 300, ttl: 15, status_list: { bits: 2, lst: expect.any(String) } });
    expect(headers.get('content-type')).toBe('application/statuslist+jwt');
    expect([headers.get('cache-control'), headers.get('access-control-allow-origin')]).toEqual(['public, max-age=0, must-revalidate', '*']);
    const etag = headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    const keys = await keysOf(d);
    await jwtVerify(text, createLocalJWKSet(keys as never), { currentDate: new Date(NOW * 1000), typ: 'statuslist+jwt' });
    const idx = await place(d, ONE);
    const read = await list(d, keys);
    expect(read).toMatchObject({ size: 100_000, ttl: 15 });
    expect(await said(d, keys, idx, (idx + 1) % 100_000, 100_000)).toEqual([0, 0, undefined]);

    const asked = async (init: RequestInit) => {
      const answer = await d.public(LIST, init);
      return [answer.status, answer.text.length > 0];
    };
    expect(await asked({ headers: { 'if-none-match': etag } })).toEqual([304, false]);
    expect(await asked({ method: 'HEAD' })).toEqual([200, false]);
    for (const accept of ['application/statuslist+jwt', '*/*', 'application/statuslist+cwt;q=0.5, application/*;q=0.1'])
      expect(await asked({ headers: { accept } }), accept).toEqual([200, true]);
    for (const accept of ['application/statuslist+cwt', 'text/html', '*/*, application/statuslist+jwt;q=0'])
      expect(await asked({ headers: { accept } }), accept).toEqual([406, true]);
    expect((await d.public(LIST, { method: 'OPTIONS' })).status).toBe(204);
    expect(await asked({ method: 'POST' })).toEqual([405, true]);
    for (const path of ['/status-lists/1', '/status-lists/00', '/status-lists/-1', '/status-lists/', '/status-lists/1e0'])
      expect((await d.public(path)).status, path).toBe(404);

    d.clock += 61;
    await background(d);
    expect(decodeJwt((await d.public(LIST)).text)['iat'], 'each minute').toBe(NOW + 61);
    d.clock += 301;
    const late = await d.public(LIST);
    expect([late.status, late.headers.get('cache-control'), late.headers.get('retry-after')], 'with every job dead').toEqual([503, 'no-store', '1']);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('says of whoever is cut, with the answer to that, that it is so: member, organization, authority; and when it came back', async () => {
    const d = await testDeployment();
    await enrol(d, ONE, { organization: 'Org A' });
    await enrol(d, TWO, { organization: 'Org B' });
    const keys = await keysOf(d);
    const [one, two] = [await place(d, ONE), await place(d, TWO)];
    expect(one).not.toBe(two);
    await act(d, 'POST', at(ONE, '/suspend'));
    expect(await said(d, keys, one, two)).toEqual([2, 0]);
    d.clock += 10;
    await act(d, 'POST', at(ONE, '/resume'));
    expect(await said(d, keys, one, two)).toEqual([0, 0]);
    const back = await list(d, keys);
    expect(typeof back === 'object' && [back.notBefore(one), back.notBefore(two)]).toEqual([NOW + 10, undefined]);
    const statement = async (id: string) => notBeforeOf(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text));
    expect([await statement(ONE), await statement(TWO)]).toEqual([NOW + 10, undefined]);
    await act(d, 'POST', '/halts', { level: 'organization', authority: 'main', organization: 'Org B', reason: 'x' });
    expect(await said(d, keys, one, two)).toEqual([0, 2]);
    await act(d, 'POST', at(ONE, '/revoke'));
    expect(await said(d, keys, one, two)).toEqual([1, 2]);
    d.clock += 10;
    await act(d, 'POST', `${A}/halt`);
    expect(await said(d, keys)).toBe(404);
    await act(d, 'POST', `${A}/resume`);
    const all = await list(d, keys);
    expect(typeof all === 'object' && [all.at(one), all.at(two), all.notBefore(1)]).toEqual([1, 2, NOW + 20]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});
