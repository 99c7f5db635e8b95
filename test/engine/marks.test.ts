import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { validateTrustMark, validateTrustMarkStatus } from '../../src/federation/entry.js';
import { startingCall } from '../../src/operations/call.js';
import { signDueStatuses } from '../../src/operations/marks/cut-marks.js';
import { grantMark } from '../../src/operations/marks/grant-mark.js';
import { fsck } from '../../src/operations/fsck.js';
import { purge } from '../../src/operations/background.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember, whenSigning } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const OTHER_TYPE = 'https://anchor.example.org/marks/other';
const T = encodeURIComponent(TYPE);
const day = 86_400;

async function marked(
  more: object = {},
  authority: Parameters<typeof testDeployment>[0] = {},
): Promise<TestDeployment & { mark: string; jti: string; grant: string }> {
  const d = await testDeployment(authority);
  const rp = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  expect(
    (await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE, logo_uri: 'https://anchor.example.org/l.svg', ref: 'https://anchor.example.org/r' }))
      .status,
  ).toBe(201);
  const granted = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP, ...more });
  expect(granted.status, granted.text).toBe(201);
  return Object.assign(d, { mark: granted.json.trust_mark, jti: granted.json.jti, grant: granted.json.id });
}
const form = (params: Record<string, string>): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(params).toString(),
});
const status = (d: TestDeployment, mark: string) => d.public('/trust-mark-status', form({ trust_mark: mark }));
const statusOf = async (d: TestDeployment, mark: string) => decodeJwt((await status(d, mark)).text)['status'];
const markUrl = (sub = RP, type = TYPE) => `/trust-mark?trust_mark_type=${encodeURIComponent(type)}&sub=${encodeURIComponent(sub)}`;
const keysOf = async (d: TestDeployment) => decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: never[] };
const member = (d: TestDeployment, verb: string) => d.admin('POST', `${A}/members/${encodeURIComponent(RP)}/${verb}`, { reason: 'test' });

describe('issuing (§7.1)', () => {
  it('TM-01 TM-02 TM-06 JO-14 TE-07 TE-08: a mark is served at its endpoint, verifies with jose alone, and has every claim', async () => {
    const d = await marked();
    const answer = await d.public(markUrl());
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/trust-mark+jwt']);
    expect(answer.text).toBe(d.mark);
    const { keys } = await keysOf(d);
    const header = decodeProtectedHeader(d.mark);
    expect(header).toEqual({ typ: 'trust-mark+jwt', alg: 'ES256', kid: (keys[0] as unknown as { kid: string }).kid });
    await compactVerify(d.mark, await importJWK(keys[0] as never, 'ES256'));
    expect(decodeJwt(d.mark)).toEqual({
      iss: ANCHOR,
      sub: RP,
      trust_mark_type: TYPE,
      iat: NOW,
      exp: NOW + 30 * day,
      jti: d.jti,
      logo_uri: 'https://anchor.example.org/l.svg',
      ref: 'https://anchor.example.org/r',
    });
  });
  it('TE-07 TE-08: both parameters are required; an entity without the mark is 404', async () => {
    const d = await marked();
    for (const path of ['/trust-mark', `/trust-mark?trust_mark_type=${T}`, `/trust-mark?sub=${RP}`, `${markUrl()}&sub=x`])
      expect(await d.public(path), path).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    for (const path of [markUrl('https://nobody.example'), markUrl(RP, OTHER_TYPE)])
      expect(await d.public(path)).toMatchObject({ status: 404, json: { error: 'not_found' } });
  });
  it('TM-03: a type is a URL, a logo and a reference are', async () => {
    const d = await marked();
    expect((await d.admin('POST', `${A}/mark-types`, { trust_mark_type: 'certified' })).status).toBe(400);
    expect((await d.admin('POST', `${A}/mark-types`, { trust_mark_type: OTHER_TYPE, logo_uri: 'javascript:alert(1)' })).status).toBe(400);
    expect((await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE })).json.code).toBe('already_exists');
  });
  it('a grant needs a known type and an active member, once; no mark outlives grant or membership', async () => {
    const d = await marked();
    const grant = (body: object) => d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP, ...body });
    expect((await grant({})).json.code).toBe('already_exists');
    expect((await grant({ member: 'https://nobody.example' })).status).toBe(404);
    expect((await grant({ trust_mark_type: OTHER_TYPE })).status).toBe(404);
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: OTHER_TYPE });
    expect((await grant({ trust_mark_type: OTHER_TYPE, valid_until: NOW + 500 })).json.exp).toBe(NOW + 500);
    await member(d, 'suspend');
    const third = 'https://anchor.example.org/marks/third';
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: third });
    expect((await grant({ trust_mark_type: third })).json.code).toBe('wrong_state');
  });
  it('renewed at half-life with a jti of its own; the one before stays active until its end', async () => {
    const d = await marked();
    d.clock = NOW + 20 * day;
    while ((await renewSlice(d.deployment)) > 0);
    const fresh = (await d.public(markUrl())).text;
    expect(decodeJwt(fresh)).toMatchObject({ iat: NOW + 20 * day, exp: NOW + 50 * day });
    expect(decodeJwt(fresh)['jti']).not.toBe(d.jti);
    expect([await statusOf(d, fresh), await statusOf(d, d.mark)]).toEqual(['active', 'active']);
    d.clock = NOW + 31 * day;
    while ((await renewSlice(d.deployment)) > 0);
    expect([await statusOf(d, fresh), await statusOf(d, d.mark)]).toEqual(['active', 'expired']);
    expect((await d.admin('GET', `${A}/marks/${d.grant}/issued`)).json.items).toHaveLength(2);
    d.clock = NOW + 61 * day;
    expect((await status(d, d.mark)).status, 'answers end 30 days after the mark').toBe(404);
    await purge(d.deployment);
    expect(await d.rows(`SELECT jti FROM trust_mark WHERE jti = '${d.jti}'`)).toEqual([]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('a halt that falls between signing and writing of a renewal wins: no mark and no status appears', async () => {
    const d = await marked();
    d.clock = NOW + 20 * day;
    const { deployment, happened } = whenSigning(d.deployment, () => member(d, 'suspend'));
    await renewSlice(deployment);
    expect(happened()).toBe(true);
    expect(await d.rows('SELECT jti FROM trust_mark')).toHaveLength(1);
    expect((await d.public(markUrl())).status).toBe(404);
    expect(await statusOf(d, d.mark)).toBe('revoked');
  });
});

describe('status (§8.4)', () => {
  it('TE-01 TE-02 TE-03 JO-15: POST, signed, about the very mark', async () => {
    const d = await marked();
    const answer = await status(d, d.mark);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      'application/trust-mark-status-response+jwt',
      'no-store',
    ]);
    expect(decodeProtectedHeader(answer.text)).toMatchObject({ typ: 'trust-mark-status-response+jwt', kid: expect.any(String) });
    expect(decodeJwt(answer.text)).toEqual({ iss: ANCHOR, iat: NOW, exp: NOW + day, trust_mark: d.mark, status: 'active' });
    const issuer = { entityId: ANCHOR, jwks: await keysOf(d) };
    expect(await validateTrustMarkStatus(answer.text, { now: NOW, issuer, trustMark: d.mark })).toMatchObject({ ok: true, value: { active: true } });
    expect(await validateTrustMarkStatus(answer.text, { now: NOW + day, issuer, trustMark: d.mark })).toMatchObject({
      ok: false,
      findings: [{ code: 'expired' }],
    });
    expect(await validateTrustMarkStatus(answer.text, { now: NOW, issuer, trustMark: `${d.mark}x` })).toMatchObject({
      ok: false,
      findings: [{ code: 'subject_mismatch' }],
    });
    const other = await testKey('ES256', issuer.jwks.keys[0] && (issuer.jwks.keys[0] as { kid: string }).kid);
    expect(await validateTrustMarkStatus(answer.text, { now: NOW, issuer: { ...issuer, entityId: RP }, trustMark: d.mark })).toMatchObject({
      ok: false,
      findings: [{ code: 'issuer_mismatch' }],
    });
    expect(await validateTrustMarkStatus(answer.text, { now: NOW, issuer: { ...issuer, jwks: { keys: [other.jwk] } }, trustMark: d.mark })).toMatchObject({
      ok: false,
      findings: [{ code: 'signature_invalid' }],
    });
    expect(await validateTrustMarkStatus(d.mark, { now: NOW, issuer, trustMark: d.mark })).toMatchObject({ ok: false, findings: [{ code: 'typ_wrong' }] });
  });
  it('TE-01 trap 16: GET is refused; the parameter is required', async () => {
    const d = await marked();
    expect(await d.public(`/trust-mark-status?trust_mark=${d.mark}`)).toMatchObject({ status: 405, json: { error: 'invalid_request' } });
    for (const body of [form({}), form({ trust_mark: '' }), { ...form({ trust_mark: d.mark }), headers: { 'content-type': 'application/json' } }])
      expect(await d.public('/trust-mark-status', body)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  });
  it('TE-04 U14: bytes we did not issue are 404: forged, changed, re-signed by another, rubbish', async () => {
    const d = await marked();
    const other = await testKey();
    const forged = await other.jwt(decodeJwt(d.mark), { typ: 'trust-mark+jwt', kid: decodeProtectedHeader(d.mark).kid });
    for (const mark of [forged, `${d.mark.slice(0, -4)}AAAA`, `${d.mark}=`, 'x', ' '.repeat(20)])
      expect(await status(d, mark), mark).toMatchObject({ status: 404, json: { error: 'not_found' } });
  });
  it('late for renewal is 503, never a stale "active"', async () => {
    const d = await marked();
    d.clock = NOW + day;
    expect(await status(d, d.mark)).toMatchObject({ status: 503 });
    while ((await renewSlice(d.deployment)) > 0);
    expect(await statusOf(d, d.mark)).toBe('active');
  });
  it('an optional client authentication is checked when given', async () => {
    const open = await marked({}, { clientAuth: { trust_mark_status: 'optional' } });
    expect(await statusOf(open, open.mark)).toBe('active');
    expect((await open.public('/trust-mark-status', form({ trust_mark: open.mark, client_assertion: 'x' }))).status).toBe(401);
    const closed = await marked({}, { clientAuth: { trust_mark_status: 'required' } });
    expect((await status(closed, closed.mark)).status).toBe(401);
  });
});

describe('listing (§8.5)', () => {
  it('TE-05 TE-06: the bearers of a type, plain JSON; sub narrows; ended marks do not count', async () => {
    const d = await marked();
    const two = 'https://two.example.com';
    await d.admin('POST', `${A}/members`, { entity_id: two, jwks: (await testMember(two)).jwks, activate: true });
    await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: two, valid_until: NOW + 100 });
    const list = async (more = '') => (await d.public(`/trust-mark-list?trust_mark_type=${T}${more}`)).json;
    const answer = await d.public(`/trust-mark-list?trust_mark_type=${T}`);
    expect([answer.status, answer.headers.get('content-type'), answer.json]).toEqual([200, 'application/json', [RP, two]]);
    expect(await list(`&sub=${two}`)).toEqual([two]);
    expect(await list('&sub=https://nobody.example')).toEqual([]);
    expect((await d.public(`/trust-mark-list?trust_mark_type=${encodeURIComponent(OTHER_TYPE)}`)).json, 'U12').toEqual([]);
    expect((await d.public('/trust-mark-list')).json.error).toBe('invalid_request');
    d.clock = NOW + 100;
    expect([await list(), await list(`&sub=${two}`)]).toEqual([[RP], []]);
    // A type whose name begins another one's is another type.
    expect((await d.public(`/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE.slice(0, -2))}`)).json).toEqual([]);
  });
  it('TE-05: a mark ends with a membership that was shortened, in its list as everywhere', async () => {
    const d = await marked();
    const kept = 'https://kept.example.com';
    await d.admin('POST', `${A}/members`, { entity_id: kept, jwks: (await testMember(kept)).jwks, activate: true });
    await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: kept });
    expect((await d.admin('PATCH', `${A}/members/${encodeURIComponent(RP)}`, { valid_until: NOW + 10 })).status).toBe(200);
    const list = async (more = '') => (await d.public(`/trust-mark-list?trust_mark_type=${T}${more}`)).json;
    const served = () => d.public(`/trust-mark?trust_mark_type=${T}&sub=${encodeURIComponent(RP)}`);
    d.clock = NOW + 8;
    expect([await list(), await list(`&sub=${RP}`), (await served()).headers.get('cache-control')]).toEqual([[kept, RP], [RP], 'public, max-age=2']);
    d.clock = NOW + 10;
    expect([await list(), await list(`&sub=${RP}`), (await served()).status]).toEqual([[kept], [], 404]);
  });
  it('LI-04: the list of subordinates filters by marks that are still valid', async () => {
    const d = await marked({ valid_until: NOW + 100 });
    const list = async (query: string) => (await d.public(`/list?${query}`)).json;
    expect([await list('trust_marked=true'), await list(`trust_mark_type=${T}`), await list(`trust_mark_type=${encodeURIComponent(OTHER_TYPE)}`)]).toEqual([
      [RP],
      [RP],
      [],
    ]);
    d.clock = NOW + 100;
    expect([await list('trust_marked=true'), await list(`trust_mark_type=${T}`), await list('')]).toEqual([[], [], [RP]]);
  });
  it('more bearers than a page holds are streamed whole', async () => {
    const d = await marked();
    await d.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
       INSERT INTO artefact (authority_id, kind, key, variant, media_type, bytes, sha256, iat, exp, kid, generation)
       SELECT authority_id, 'mark', '${TYPE}\n' || 'https://m' || (10000 + i) || '.example', '', media_type, bytes, 'x' || i, iat, exp, kid, generation FROM artefact, n WHERE kind = 'mark'`,
    );
    const all = (await d.public(`/trust-mark-list?trust_mark_type=${T}`)).json;
    expect([all.length, new Set(all).size]).toEqual([2101, 2101]);
  });
});

describe('withdrawal', () => {
  it('suspending a member takes statement, mark and listing, and turns the status to revoked, in one commit with one event', async () => {
    const d = await marked();
    const before = (await d.rows('SELECT max(seq) AS n FROM event'))[0]?.['n'] as number;
    await member(d, 'suspend');
    expect((await d.rows('SELECT seq, type FROM event ORDER BY seq DESC LIMIT 1'))[0]).toEqual({ seq: before + 1, type: 'member.suspended' });
    expect((await d.public(markUrl())).status).toBe(404);
    expect((await d.public(`/fetch?sub=${RP}`)).status).toBe(404);
    expect((await d.public(`/trust-mark-list?trust_mark_type=${T}`)).json).toEqual([]);
    expect(await statusOf(d, d.mark)).toBe('revoked');
    d.clock = NOW + 31 * day;
    expect(await statusOf(d, d.mark), 'revoked stays revoked after its end').toBe('revoked');
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('sabotage: when the revoked answer cannot be stored, nothing of the suspension is', async () => {
    const d = await marked();
    await d.execute("CREATE TRIGGER broken BEFORE INSERT ON artefact WHEN NEW.variant = 'revoked' BEGIN SELECT RAISE(ABORT, 'sabotage'); END");
    expect((await member(d, 'suspend')).status).toBe(500);
    expect([(await d.public(`/fetch?sub=${RP}`)).status, (await d.public(markUrl())).status, await statusOf(d, d.mark)]).toEqual([200, 200, 'active']);
  });
  it('resuming grants a new mark; the withdrawn one never turns active again', async () => {
    const d = await marked();
    await member(d, 'suspend');
    await member(d, 'resume');
    const fresh = (await d.public(markUrl())).text;
    expect(fresh).not.toBe(d.mark);
    expect([await statusOf(d, fresh), await statusOf(d, d.mark)]).toEqual(['active', 'revoked']);
    await member(d, 'revoke');
    expect([await statusOf(d, fresh), await statusOf(d, d.mark)]).toEqual(['revoked', 'revoked']);
    expect((await d.admin('GET', `${A}/marks`)).json.items[0]).toMatchObject({ state: 'revoked', jti: null });
  });
  it('of a grant, with reason; granting again issues anew', async () => {
    const d = await marked();
    expect((await d.admin('POST', `${A}/marks/${d.grant}/withdraw`, {})).status).toBe(400);
    expect((await d.admin('POST', `${A}/marks/${d.grant}/withdraw`, { reason: 'audit failed' })).json).toMatchObject({
      state: 'revoked',
      reason: 'audit failed',
    });
    expect([(await d.public(markUrl())).status, await statusOf(d, d.mark)]).toEqual([404, 'revoked']);
    const again = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
    expect([again.status, await statusOf(d, again.json.trust_mark), await statusOf(d, d.mark)]).toEqual([201, 'active', 'revoked']);
  });
  it('of one issued mark: a fresh one takes its place', async () => {
    const d = await marked();
    expect((await d.admin('POST', `${A}/issued-marks/${d.jti}/withdraw`, { reason: 'leaked' })).json).toMatchObject({ jti: d.jti, reason: 'leaked' });
    const fresh = (await d.public(markUrl())).text;
    expect([fresh === d.mark, await statusOf(d, fresh), await statusOf(d, d.mark)]).toEqual([false, 'active', 'revoked']);
    expect((await d.admin('POST', `${A}/issued-marks/nobody/withdraw`, { reason: 'x' })).status).toBe(404);
  });
  it('of a whole type, beyond what is signed at once: 503 until a slice has signed, then revoked', async () => {
    const d = await marked();
    await d.execute(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)
       INSERT INTO trust_mark (jti, authority_id, grant_id, trust_mark_type, member_id, entity_id, sha256, bytes, iat, exp) SELECT 'j' || i, authority_id, grant_id, trust_mark_type, member_id, entity_id, 'h' || i, bytes, iat, exp FROM trust_mark, n`,
    );
    const halted = await d.admin('POST', `${A}/mark-types/${T}/halt`, { reason: 'scheme ended' });
    expect(halted.json).toMatchObject({ state: 'halted', withdrawn: 301 });
    expect(await status(d, d.mark)).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
    while ((await signDueStatuses(d.deployment)) > 0);
    expect(await statusOf(d, d.mark)).toBe('revoked');
    expect((await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP })).json.code).toBe('wrong_state');
    expect((await d.admin('POST', `${A}/mark-types/${T}/resume`)).json.state).toBe('active');
    expect((await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP })).status).toBe(201);
  });
});

describe('fsck', () => {
  it('finds a mark of a member that is not active, and an "active" about a withdrawn mark', async () => {
    const d = await marked();
    expect(await fsck(d.deployment)).toEqual([]);
    await d.execute('UPDATE trust_mark SET revoked_at = 1');
    expect(await fsck(d.deployment)).toMatchObject([{ code: 'artefact_orphan', where: `mark_status ${d.jti}` }]);
    await d.execute("UPDATE trust_mark_grant SET state = 'revoked'");
    expect((await fsck(d.deployment)).map(({ where }) => where)).toContain(`mark ${TYPE} for ${RP}`);
  });
});

describe('an issuer and a member of different authorities', () => {
  async function two() {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'marks', entity_id: 'https://marks.example.org' });
    const rp = await testMember(RP);
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, activate: true });
    await d.admin('POST', '/authorities/marks/mark-types', { trust_mark_type: TYPE });
    const granted = await d.admin('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main' });
    return Object.assign(d, { granted });
  }
  it('both event chains tell, and suspending cuts at the issuer too, in the same commit', async () => {
    const d = await two();
    expect(d.granted.json).toMatchObject({ entity_id: RP, trust_mark: expect.any(String) });
    expect(decodeJwt(d.granted.json.trust_mark)).toMatchObject({ iss: 'https://marks.example.org', sub: RP });
    await member(d, 'suspend');
    const answer = await d.public('https://marks.example.org/trust-mark-status', form({ trust_mark: d.granted.json.trust_mark }));
    expect(decodeJwt(answer.text)).toMatchObject({ iss: 'https://marks.example.org', status: 'revoked' });
    const types = async (slug: string) => ((await d.admin('GET', `/authorities/${slug}/events`)).json.items as { type: string }[]).map(({ type }) => type);
    expect([(await types('main')).slice(-2), (await types('marks')).slice(-2)]).toEqual([
      ['member.marked', 'member.suspended'],
      ['trust_mark.granted', 'trust_mark.suspended'],
    ]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('a suspension that falls between deciding and committing a grant: the grant decides again, and is refused', async () => {
    const d = await two();
    await d.admin('POST', `/authorities/marks/marks/${d.granted.json.id}/withdraw`, { reason: 'again' });
    const { deployment, happened } = whenSigning(d.deployment, () => member(d, 'suspend'));
    const granting = grantMark(startingCall(deployment), 'marks', { type: TYPE, member: RP, memberOf: 'main' });
    await expect(granting).rejects.toMatchObject({ code: 'wrong_state' });
    expect(happened()).toBe(true);
    expect(await d.rows("SELECT id FROM artefact WHERE kind = 'mark' OR variant = 'active'")).toEqual([]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
  it('a grant and a suspension at the same time: whoever is first, no mark of a suspended member stays active', async () => {
    for (let round = 0; round < 8; round++) {
      const d = await two();
      await d.admin('POST', `/authorities/marks/marks/${d.granted.json.id}/withdraw`, { reason: 'again' });
      const [granted] = await Promise.all([
        d.admin('POST', '/authorities/marks/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main' }),
        member(d, 'suspend'),
      ]);
      expect(await d.rows("SELECT id FROM artefact WHERE kind = 'mark' OR variant = 'active'")).toEqual([]);
      if (granted.status === 201)
        expect(decodeJwt((await d.public('https://marks.example.org/trust-mark-status', form({ trust_mark: granted.json.trust_mark }))).text)['status']).toBe(
          'revoked',
        );
      // Asked for before the suspension, or decided after it.
      else expect(granted.json.code).toMatch(/^(wrong_state|version_conflict)$/);
    }
  });
});

describe('delegation (§7.2)', () => {
  it('TM-09 TM-13 TM-14 TM-16: an owner delegates, the issuer includes it, a validator accepts; another issuer, type or key is refused', async () => {
    const d = await testDeployment();
    const ISSUER = 'https://issuer.example.org';
    for (const [slug, id] of [
      ['owner', 'https://owner.example.org'],
      ['issuer', ISSUER],
    ])
      await d.admin('POST', '/authorities', { slug, entity_id: id });
    const ownerKeys = decodeJwt((await d.public('https://owner.example.org/.well-known/openid-federation')).text)['jwks'];
    const recognized = await d.admin('PUT', `${A}/mark-types/${T}/recognition`, {
      issuers: [ISSUER],
      owner: { sub: 'https://owner.example.org', jwks: ownerKeys },
    });
    expect(recognized.status, recognized.text).toBe(200);
    const delegated = await d.admin('POST', `/authorities/owner/mark-types/${T}/delegations`, {
      issuer: ISSUER,
      lifetime: 10 * day,
      ref: 'https://owner.example.org/terms',
    });
    expect(decodeProtectedHeader(delegated.json.delegation).typ).toBe('trust-mark-delegation+jwt');
    expect(decodeJwt(delegated.json.delegation)).toEqual({
      iss: 'https://owner.example.org',
      sub: ISSUER,
      trust_mark_type: TYPE,
      iat: NOW,
      exp: NOW + 10 * day,
      ref: 'https://owner.example.org/terms',
    });
    const make = (delegation: string, type = TYPE) => d.admin('POST', '/authorities/issuer/mark-types', { trust_mark_type: type, delegation });
    expect((await make(delegated.json.delegation, OTHER_TYPE)).json.code).toBe('findings');
    expect((await make(delegated.json.delegation)).json).toMatchObject({ delegated: true, delegated_until: NOW + 10 * day });
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: (await testMember(RP)).jwks, activate: true });
    const granted = await d.admin('POST', '/authorities/issuer/marks', { trust_mark_type: TYPE, member: RP, member_of: 'main' });
    expect(granted.json.exp, 'no mark outlives its delegation').toBe(NOW + 10 * day);
    const anchor = decodeJwt((await d.public('/.well-known/openid-federation')).text);
    const options = {
      now: NOW,
      subject: RP,
      issuer: { entityId: ISSUER, jwks: decodeJwt((await d.public(`${ISSUER}/.well-known/openid-federation`)).text)['jwks'] as never },
      anchor: anchor as never,
    };
    expect(await validateTrustMark(granted.json.trust_mark, options)).toMatchObject({ ok: true });
    const stranger = await testKey();
    const owners = {
      [TYPE]: { sub: 'https://owner.example.org', jwks: { keys: [{ ...stranger.jwk, kid: (ownerKeys as { keys: { kid: string }[] }).keys[0]?.kid }] } },
    };
    expect(await validateTrustMark(granted.json.trust_mark, { ...options, anchor: { ...anchor, trust_mark_owners: owners } as never })).toMatchObject({
      ok: false,
    });
    const forgotten = await d.admin('DELETE', `${A}/mark-types/${T}/recognition`);
    expect([forgotten.status, forgotten.json.claims]).toEqual([200, {}]);
  });
});

describe('marks of others in the own configuration (§3.1.2)', () => {
  it('EC-08: shown after validation, refreshed ahead of the end, dropped when the issuer has it no more', async () => {
    const { refreshOwnMarks } = await import('../../src/operations/marks/own-marks.js');
    const d = await testDeployment();
    const issuer = await testKey();
    const ISSUER = 'https://marks.elsewhere.example';
    const mark = (claims: object) =>
      issuer.jwt({ iss: ISSUER, sub: ANCHOR, trust_mark_type: TYPE, iat: NOW, exp: NOW + 10 * day, ...claims }, { typ: 'trust-mark+jwt' });
    const configuration = await issuer.jwt({
      iss: ISSUER,
      sub: ISSUER,
      iat: NOW,
      exp: NOW + 100 * day,
      jwks: { keys: [issuer.jwk] },
      metadata: { federation_entity: { federation_trust_mark_endpoint: `${ISSUER}/m` } },
    });
    d.network.set(`${ISSUER}/.well-known/openid-federation`, configuration);
    const show = async (compact: string) => d.admin('POST', `${A}/own-marks`, { trust_mark: compact });
    expect((await show(await mark({ sub: RP }))).json.findings[0].code).toBe('trust_mark_subject');
    expect((await show(await (await testKey()).jwt(decodeJwt(await mark({})), { typ: 'trust-mark+jwt' }))).json.findings[0].code).toBe('signature_key_unknown');
    // Whoever can answer for the issuer, and has none of its keys, writes what it likes into a configuration.
    const forger = await testKey();
    const claims = decodeJwt(configuration);
    const forged = await forger.jwt({ ...claims, metadata: { federation_entity: { federation_trust_mark_endpoint: 'https://inside.example/m' } } } as never, {
      kid: issuer.kid,
    });
    d.network.set(`${ISSUER}/.well-known/openid-federation`, forged);
    expect((await show(await mark({}))).json.findings[0].code, 'a configuration none of its keys has signed').toBe('signature_invalid');
    const mixed = await forger.jwt({ ...claims, jwks: { keys: [issuer.jwk] } } as never);
    d.network.set(`${ISSUER}/.well-known/openid-federation`, mixed);
    expect((await show(await mark({}))).json.findings[0].code).toBe('signature_key_unknown');
    d.network.set(`${ISSUER}/.well-known/openid-federation`, configuration);
    const first = await mark({});
    expect((await show(first)).status).toBe(201);
    const shown = async () => {
      while ((await renewSlice(d.deployment)) > 0);
      return decodeJwt((await d.public('/.well-known/openid-federation')).text)['trust_marks'];
    };
    expect(await shown()).toEqual([{ trust_mark_type: TYPE, trust_mark: first }]);
    d.clock = NOW + 6 * day;
    const second = await mark({ iat: d.clock, exp: d.clock + 10 * day });
    const endpoint = `${ISSUER}/m?${new URLSearchParams({ trust_mark_type: TYPE, sub: ANCHOR })}`;
    await refreshOwnMarks(d.deployment);
    expect(await shown(), 'an issuer that is not reached changes nothing').toEqual([{ trust_mark_type: TYPE, trust_mark: first }]);
    d.network.set(`${ISSUER}/.well-known/openid-federation`, forged);
    d.clock += 7 * 3600;
    d.asked.length = 0;
    await refreshOwnMarks(d.deployment);
    expect(d.asked, 'an endpoint nobody vouches for is not asked').toEqual([`${ISSUER}/.well-known/openid-federation`]);
    expect(await shown()).toEqual([{ trust_mark_type: TYPE, trust_mark: first }]);
    d.network.set(`${ISSUER}/.well-known/openid-federation`, configuration);
    d.network.set(endpoint, second);
    d.clock += 7 * 3600;
    await refreshOwnMarks(d.deployment);
    expect(await shown()).toEqual([{ trust_mark_type: TYPE, trust_mark: second }]);
    d.network.delete(endpoint);
    d.clock = NOW + 16 * day;
    await refreshOwnMarks(d.deployment);
    expect(await shown(), 'one that ended goes').toBeUndefined();
    await show(await mark({ iat: d.clock, exp: d.clock + day }));
    expect((await d.admin('POST', `${A}/own-marks/hide`, { trust_mark_type: TYPE })).json).toEqual({ hidden: true });
    expect(await shown()).toBeUndefined();
  });
});
