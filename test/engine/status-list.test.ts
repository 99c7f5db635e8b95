import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { type JwkSet, notBeforeOf, readStatusList, STATUS_SEQ, statusReference } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { type Call, startingCall } from '../../src/operations/call.js';
import { fsck } from '../../src/operations/fsck.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { giveStatusPlaces } from '../../src/operations/status/give-places.js';
import { signDueLists } from '../../src/operations/status/sign-lists.js';
import { raw } from '../../src/store/database.js';
import { revokeStatusPlace } from '../../src/store/status-entries.js';
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
    expect(decodeJwt(text)).toEqual({
      iss: ANCHOR,
      sub: URI,
      iat: NOW,
      exp: NOW + 300,
      ttl: 15,
      status_list: { bits: 2, lst: expect.any(String) },
      [STATUS_SEQ]: expect.any(Number),
    });
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

/** Members with places, and what a relying server needs to read the list. */
async function two() {
  const d = await testDeployment();
  await enrol(d, ONE);
  await enrol(d, TWO);
  const [one, other] = [await place(d, ONE), await place(d, TWO)];
  return { d, keys: await keysOf(d), one, other };
}
/** The call of a deployment whose custody does something else. */
const withSigner = (d: TestDeployment, sign: (bytes: Uint8Array, really: (bytes: Uint8Array) => Promise<Uint8Array>) => Promise<Uint8Array>): Call<unknown> =>
  startingCall({
    ...d.deployment,
    custody: {
      ...d.deployment.custody,
      async signer(key) {
        const real = await d.deployment.custody.signer(key);
        return { ...real, sign: (bytes) => sign(bytes, (those) => real.sign(those)) };
      },
    },
  });
const away = (d: TestDeployment) => withSigner(d, () => Promise.reject(new Error('away')));

describe('a list that says of somebody who was cut that he is valid', () => {
  it('is served by nobody while key custody is away: 503 until it is signed, and the cut is done', async () => {
    const { d, keys, one, other } = await two();
    await moveMember(away(d), 'main', ONE, 'suspend', { reason: 'x' });
    const { status, headers } = await d.public(LIST);
    expect([status, headers.get('cache-control'), headers.get('retry-after')]).toEqual([503, 'no-store', '1']);
    await background(d, d.restarted());
    expect(await said(d, keys, one, other)).toEqual([2, 0]);
  });

  it('is not put in its place by whoever read the rows before, in whatever process, whether or not the cut could sign it', async () => {
    const { d, keys, one } = await two();
    /** As another process has it. */
    const elsewhere = (call: Call<unknown>): Call<unknown> => ({ ...call, store: { ...call.store } });
    for (const cutting of [elsewhere(d.call), elsewhere(away(d))]) {
      d.clock += 61;
      let cut = false;
      const slow = withSigner(d, async (bytes, really) => {
        if (!cut && decodeJwt(`.${new TextDecoder().decode(bytes).split('.')[1]}.`)['status_list'] !== undefined) {
          cut = true;
          await moveMember(cutting, 'main', ONE, 'suspend', { reason: 'x' });
        }
        return really(bytes);
      });
      await signDueLists(slow);
      expect(cut).toBe(true);
      expect(await said(d, keys, one), 'whoever signed it sees that, and signs it once more').toEqual([2]);
      await d.deployment.store.write([raw("UPDATE artefact SET cut = cut - 1 WHERE kind = 'status_list'")]);
      expect(await said(d, keys), 'one that was made from older rows, in its place all the same').toBe(503);
      await background(d);
      expect(await said(d, keys, one)).toEqual([2]);
      await act(d, 'POST', at(ONE, '/resume'));
      expect(await said(d, keys, one)).toEqual([0]);
    }
  });

  it('is not served after a cut by a version that knows no lists, nor of a member whose row is damaged; the next turn signs it', async () => {
    const { d, keys, one, other } = await two();
    const older: Call<unknown> = { ...d.call, afterCommit: () => Promise.resolve() };
    await d.execute(`UPDATE member SET jwks = '{', metadata = '[', claims = 'x' WHERE entity_id = '${ONE}'`);
    await moveMember(older, 'main', ONE, 'revoke', { reason: 'x' });
    expect(await said(d, keys)).toBe(503);
    await background(d, d.restarted());
    expect(await said(d, keys, one, other)).toEqual([1, 0]);
    await d.execute(`UPDATE member SET state = '"act' WHERE entity_id = '${TWO}'`);
    d.clock += 61;
    await background(d);
    expect(await said(d, keys, other), 'a state that is none').toEqual([1]);
  });

  it('an end that comes soon leaves nobody without a list: it outlives him by little, and what names his place has ended', async () => {
    const { d, keys, one, other } = await two();
    await act(d, 'PATCH', at(ONE), { valid_until: NOW + 30 });
    expect(await list(d, keys)).toMatchObject({ exp: NOW + 90 });
    d.clock += 30;
    expect(await said(d, keys, other), 'whoever else is in it').toEqual([0]);
    expect((await d.public(`/fetch?sub=${encodeURIComponent(ONE)}`)).status).not.toBe(200);
    d.clock += 31;
    await background(d);
    expect(await said(d, keys, one, other)).toEqual([1, 0]);
  });
  it('ends when he does, without any job; what ends sooner than it was signed for is signed anew', async () => {
    const { d, keys, one, other } = await two();
    await act(d, 'PATCH', at(ONE), { valid_until: NOW + 100 });
    expect(await list(d, keys)).toMatchObject({ exp: NOW + 100 });
    d.clock += 100;
    expect(await said(d, keys)).toBe(503);
    await background(d);
    expect(await said(d, keys, one, other)).toEqual([1, 0]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('what was issued to a member', () => {
  it('stands and falls with it, by itself, and with the keys it names', async () => {
    const { d, keys, one } = await two();
    const { id, authority_id: authorityId } = (await d.rows(`SELECT id, authority_id FROM member WHERE entity_id = '${ONE}'`))[0] as Record<string, string>;
    const key = 'x'.repeat(43);
    const asked = (n: number, thumbprints: readonly string[] = []) =>
      ({ kind: 'software_statement', subjectId: `jti_${n}`, memberId: String(id), expiresAt: NOW + 3600, thumbprints }) as const;
    const { db, write } = d.deployment.store;
    const given = await giveStatusPlaces(db, String(authorityId), [asked(1), asked(2), asked(3, [key])], NOW);
    await write(given.statements);
    expect((await giveStatusPlaces(db, String(authorityId), [asked(2)], NOW)).places, 'whoever has one keeps it').toEqual([given.places[1]]);
    const idx = given.places.map((one) => one.idx);
    expect(await said(d, keys, ...idx), 'whose place nobody had is valid already').toEqual([0, 0, 0]);
    await write(revokeStatusPlace(String(authorityId), 'software_statement', 'jti_2', NOW));
    expect(await said(d, keys)).toBe(503);
    await background(d);
    expect(await said(d, keys, one, ...idx)).toEqual([0, 0, 1, 0]);
    d.clock += 10;
    await act(d, 'POST', '/halts', { level: 'key', key, reason: 'x' });
    expect(await said(d, keys, one, ...idx)).toEqual([0, 0, 1, 1]);
    await act(d, 'POST', at(ONE, '/suspend'));
    expect(await said(d, keys, one, ...idx)).toEqual([2, 2, 1, 2]);
    d.clock += 3600 + 86_400;
    await background(d);
    expect(await d.rows("SELECT * FROM status_entry WHERE kind <> 'member'")).toEqual([]);
    expect(await d.rows('SELECT * FROM status_entry_key')).toEqual([]);
  });
});

describe('?time= (Historical Resolution)', () => {
  it('gives what was served then, for a day: 404 where nothing was, or that nobody kept', async () => {
    const { d, keys, one } = await two();
    d.clock += 70;
    await moveMember(away(d), 'main', ONE, 'suspend', { reason: 'x' });
    d.clock += 20;
    await background(d);
    d.clock += 10;
    await act(d, 'POST', at(ONE, '/resume'));
    const then = async (time: number | string) => {
      const read = await list(d, keys, `${LIST}?time=${time}`, Number(time));
      return typeof read === 'number' ? read : read.at(one);
    };
    expect([await then(NOW - 1), await then(NOW), await then(NOW + 69)]).toEqual([404, 0, 0]);
    expect([await then(NOW + 70), await then(NOW + 89)], 'it was withheld').toEqual([404, 404]);
    expect([await then(NOW + 90), await then(NOW + 99), await then(NOW + 100)]).toEqual([2, 2, 0]);
    expect([await then(NOW + 101), await then('x'), await then(''), await then('1&time=2')], 'the future, and no time').toEqual([404, 400, 400, 400]);
    for (let n = 0; n < 5; n++) {
      d.clock += 61;
      await background(d);
    }
    expect((await d.rows('SELECT * FROM kept_status_list')).length, 'of those that say the same one in two minutes').toBeLessThan(7);
    expect(await then(NOW + 200)).toBe(0);
    await d.execute("UPDATE authority_key SET revoked_reason = 'compromised'");
    expect(await then(NOW + 90)).toBe(404);
    d.clock += 86_500;
    await background(d).catch(() => undefined);
    expect(await d.rows(`SELECT * FROM kept_status_list WHERE iat < ${NOW + 400}`)).toEqual([]);
  });
});

it('members that an earlier version took in get their places in the background, and their statements say so when they are signed next', async () => {
  const { d, keys } = await two();
  await d.execute('DELETE FROM status_entry');
  await d.execute("DELETE FROM artefact WHERE kind = 'status_list'");
  await d.execute('UPDATE member SET status_list = NULL, status_idx = NULL');
  expect(await fsck(d.deployment), 'it is no damage').toEqual([]);
  await background(d);
  await act(d, 'PATCH', at(ONE), { statement_lifetime: 7200 });
  expect(await said(d, keys, await place(d, ONE))).toEqual([0]);
  expect(await fsck(d.deployment)).toEqual([]);
});

it('fsck names a list that says something else than the rows, places of nobody, and a row that names the place of another', async () => {
  const { d } = await two();
  const found = async () => (await fsck(d.deployment)).map(({ code, where }) => `${code} ${where}`);
  await d.execute(`UPDATE member SET state = 'suspended' WHERE entity_id = '${TWO}'`);
  expect(await found()).toContain('status_list status list 0');
  await d.execute(`UPDATE member SET state = 'active' WHERE entity_id = '${TWO}'`);
  await d.execute(`UPDATE member SET status_idx = (SELECT status_idx FROM member WHERE entity_id = '${ONE}') WHERE entity_id = '${TWO}'`);
  await d.execute("INSERT INTO status_entry SELECT authority_id, 7, 7, 'software_statement', 'j', 'mem_0', 1, NULL, NULL FROM status_entry LIMIT 1");
  expect(await found()).toEqual([`status_place member ${TWO}`, 'row_of_nobody status_entry software_statement j']);
});
