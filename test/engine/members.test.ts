import { compactVerify, decodeJwt, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { validateTrustChain } from '../../src/federation/entry.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const MEMBERS = '/authorities/main/members';
const RP = 'https://rp.example.com';
const at = (id: string, ...more: string[]) => [MEMBERS, encodeURIComponent(id), ...more].join('/');
const fetchStatement = (d: TestDeployment, id: string) => d.public(`/fetch?sub=${encodeURIComponent(id)}`);

async function anchors(d: TestDeployment) {
  const { json } = await d.admin('GET', '/authorities/main/keys');
  return {
    [ANCHOR]: {
      keys: json.items.filter((key: { state: string }) => ['staged', 'active', 'retiring'].includes(key.state)).map((key: { jwk: object }) => key.jwk),
    },
  };
}

describe('enrolment', () => {
  it('keys given by the operator: vetting first, nothing signed, then approve and activate', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    const made = await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], organization: 'Bank A' });
    expect(made.status).toBe(201);
    expect(made.json).toMatchObject({
      entity_id: RP,
      state: 'vetting',
      entity_types: ['openid_relying_party'],
      intermediate: false,
      v: 1,
      created_at: NOW,
      organization_id: expect.stringMatching(/^org_[0-9a-z]{26}$/),
      id: expect.stringMatching(/^mem_[0-9a-z]{26}$/),
    });
    expect((await fetchStatement(d, RP)).status).toBe(404);
    expect((await d.admin('POST', at(RP, 'activate'))).json.code).toBe('wrong_state');
    expect((await d.admin('POST', at(RP, 'approve'))).json.state).toBe('approved');
    expect((await fetchStatement(d, RP)).status).toBe(404);
    expect((await d.admin('POST', at(RP, 'activate'), {})).json.state).toBe('active');
    expect((await fetchStatement(d, RP)).status).toBe(200);
    const history = await d.admin('GET', at(RP, 'history'));
    expect(history.json.items.map((one: { type: string }) => one.type)).toEqual(['member.enrolled', 'member.approved', 'member.activated']);
    expect(history.json.items[0].detail).toMatchObject({ keys_proven_by: 'operator' });
    expect(history.json.items[2].artefacts).toMatchObject([{ kind: 'statement', key: RP }]);
  });

  it('SS-01 SS-02 FE-01: an active member’s statement verifies with jose alone and completes a chain', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, activate: true, metadata: { openid_relying_party: { client_name: 'RP' } } });
    const statement = (await fetchStatement(d, RP)).text;
    const pinned = await anchors(d);
    const key = (pinned[ANCHOR] as { keys: object[] }).keys[0] as never;
    await compactVerify(statement, await importJWK(key, 'ES256'));
    expect(decodeJwt(statement)).toMatchObject({
      iss: ANCHOR,
      sub: RP,
      iat: NOW,
      exp: NOW + 86_400,
      jwks: rp.jwks,
      metadata: { openid_relying_party: { client_name: 'RP' } },
      source_endpoint: `${ANCHOR}/fetch`,
    });
    const chain = [await rp.configuration(), statement, (await d.public('/.well-known/openid-federation')).text];
    const result = await validateTrustChain(chain, { anchors: pinned, now: NOW });
    expect(result).toMatchObject({ ok: true, value: { trustAnchor: ANCHOR, metadata: { openid_relying_party: { client_name: 'RP' } } } });
  });

  it('with nothing given, pre-flight fetches the live configuration', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    const made = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true });
    expect(made.json).toMatchObject({ state: 'active', entity_types: ['openid_relying_party'], jwks: rp.jwks });
  });

  it('a PEM and an uploaded configuration serve as well', async () => {
    const d = await testDeployment();
    const pem = await exportSPKI((await generateKeyPair('RS256', { extractable: true })).publicKey);
    const byPem = await d.admin('POST', MEMBERS, { entity_id: RP, pem });
    expect([byPem.status, byPem.json?.jwks?.keys?.length ?? byPem.text]).toEqual([201, 1]);
    const op = await testMember('https://op.example.com');
    const uploaded = await d.admin('POST', MEMBERS, {
      entity_id: op.id,
      entity_configuration: await op.configuration({ metadata: { openid_provider: { issuer: op.id } } }),
    });
    expect(uploaded.json).toMatchObject({ entity_types: ['openid_provider'] });
    const history = await d.admin('GET', at(op.id, 'history'));
    expect(history.json.items[0].detail.keys_proven_by).toBe('entity_configuration');
  });

  it.each([
    ['a private key', { d: 'c2VjcmV0' }, 'jwk_private'],
    ['a symmetric key', { kty: 'oct', k: 'c2VjcmV0' }, 'jwk_symmetric'],
    ['a key without kid', { kid: undefined }, 'kid_missing'],
    ['an unsupported curve', { crv: 'secp256k1' }, 'jwk_unsupported'],
  ])('%s never reaches a statement: 422 with code, place, clause and fix', async (_title, change, code) => {
    const d = await testDeployment();
    const { key } = await testMember(RP);
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, jwks: { keys: [{ ...key.jwk, ...change }] }, activate: true });
    expect(refused.status).toBe(422);
    expect(refused.headers.get('content-type')).toContain('application/problem+json');
    expect(refused.json.findings[0]).toMatchObject({ code, where: 'jwks/keys/0', clause: expect.stringContaining('§3'), fix: expect.any(String) });
    expect(refused.text).not.toContain('c2VjcmV0');
    expect(await d.rows('SELECT * FROM member')).toEqual([]);
  });

  it('a PEM with a private key is refused unread', async () => {
    const d = await testDeployment();
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, pem: '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----' });
    expect(refused.json.findings[0].code).toBe('jwk_private');
    expect(refused.text).not.toContain('c2VjcmV0');
  });

  it.each([
    [
      'signed by another key',
      async (rp: Awaited<ReturnType<typeof testMember>>) => (await testKey('ES256', rp.key.kid)).jwt({ ...decodeJwt(await rp.configuration()) }),
      'signature_invalid',
    ],
    ['expired', (rp: Awaited<ReturnType<typeof testMember>>) => rp.configuration({ exp: NOW - 1 }), 'expired'],
    ['from the future', (rp: Awaited<ReturnType<typeof testMember>>) => rp.configuration({ iat: NOW + 61 }), 'not_yet_valid'],
    ['with an unknown crit', (rp: Awaited<ReturnType<typeof testMember>>) => rp.configuration({ crit: ['x'], x: 1 }), 'crit_not_understood'],
    ['of another entity', async () => (await testMember('https://else.example')).configuration(), 'subject_mismatch'],
    [
      'with the wrong typ',
      async (rp: Awaited<ReturnType<typeof testMember>>) => rp.key.jwt({ ...decodeJwt(await rp.configuration()) }, { typ: 'JWT' }),
      'typ_wrong',
    ],
    ['that is no JWT', async () => 'hello', 'jws_malformed'],
  ])('EV-01: a configuration %s is refused and changes nothing', async (_title, make, code) => {
    const d = await testDeployment();
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, entity_configuration: await make(await testMember(RP)), activate: true });
    expect([refused.status, refused.json.findings.map((one: { code: string }) => one.code)]).toEqual([422, expect.arrayContaining([code])]);
    expect(await d.rows('SELECT * FROM member')).toEqual([]);
  });

  it('pre-flight tells warnings from errors, changes nothing, and errors can be waived by name', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ authority_hints: ['https://else.example'] }));
    const report = await d.admin('POST', '/authorities/main/preflight', { entity_id: RP });
    expect(report.json).toMatchObject({
      ok: true,
      findings: [{ code: 'authority_hint_missing', severity: 'warning', clause: expect.any(String), fix: expect.any(String) }],
    });
    const drafted = await d.admin('POST', '/authorities/main/policies', { metadata_policy: { openid_relying_party: { policy_uri: { essential: true } } } });
    await d.admin('POST', `/authorities/main/policies/${drafted.json.version}/publish`);
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true });
    expect(refused.json.findings.map((one: { code: string }) => one.code)).toEqual(['policy_violation', 'authority_hint_missing']);
    const waived = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true, waive: ['policy_violation'] });
    expect(waived.status).toBe(201);
    expect((await d.admin('GET', at(RP, 'history'))).json.items[0].detail.waived).toEqual(['policy_violation']);
  });

  it('an unreachable member gives a transient finding, never a verdict', async () => {
    const d = await testDeployment();
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP });
    expect(refused.json.findings).toMatchObject([{ code: 'fetch_failed', transient: true }]);
  });

  it('64 enrolments at once: none fails, none is lost, one identifier twice gives one member', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    const made = await Promise.all(
      Array.from({ length: 64 }, (_, n) => d.admin('POST', MEMBERS, { entity_id: `https://m${n}.example`, jwks, activate: true, organization: 'One for all' })),
    );
    expect(made.map(({ status }) => status)).toEqual(Array.from({ length: 64 }, () => 201));
    expect(new Set(made.map(({ json }) => json.organization_id)).size).toBe(1);
    expect((await d.public('/list')).json).toHaveLength(64);
    const twice = await Promise.all([1, 2, 3].map(() => d.admin('POST', MEMBERS, { entity_id: RP, jwks, activate: true })));
    expect(twice.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('the life of a member', () => {
  const active = async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, activate: true });
    return { d, rp };
  };

  it('suspend needs nothing from the member and is seen by the next request; resume signs a new statement', async () => {
    const { d } = await active();
    expect((await fetchStatement(d, RP)).status).toBe(200);
    const suspended = await d.admin('POST', at(RP, 'suspend'), { reason: 'incident 7' });
    expect(suspended.json).toMatchObject({ state: 'suspended', state_reason: 'incident 7', v: 2 });
    expect((await fetchStatement(d, RP)).json).toMatchObject({ error: 'not_found' });
    expect((await d.public('/list')).json).toEqual([]);
    expect(await d.rows("SELECT * FROM artefact WHERE kind = 'statement'")).toEqual([]);
    const again = await d.admin('POST', at(RP, 'suspend'), { reason: 'again' });
    expect(again.json).toMatchObject({ state: 'suspended', already: true, v: 2 });
    d.clock += 100;
    expect((await d.admin('POST', at(RP, 'resume'), {})).json.state).toBe('active');
    expect(decodeJwt((await fetchStatement(d, RP)).text).iat).toBe(NOW + 100);
  });

  it('revoke is final; the identifier stays barred', async () => {
    const { d, rp } = await active();
    expect((await d.admin('POST', at(RP, 'revoke'), { reason: 'fraud' })).json.state).toBe('revoked');
    expect((await fetchStatement(d, RP)).status).toBe(404);
    expect((await d.admin('POST', at(RP, 'resume'), {})).json.code).toBe('wrong_state');
    expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks })).json.code).toBe('already_exists');
    expect((await d.admin('PATCH', at(RP), { intermediate: true })).json.code).toBe('wrong_state');
    expect((await d.admin('POST', at(RP, 'archive'), {})).json.state).toBe('archived');
  });

  it('every state and every verb: exactly the legal transitions', async () => {
    const { MEMBER_VERBS } = await import('../../src/operations/members/member-verbs.js');
    const { MEMBER_STATES } = await import('../../src/store/schema.js');
    const { d } = await active();
    const id = (await d.admin('GET', at(RP))).json.id as string;
    const [vetted] = await d.rows('SELECT approved_sha256 FROM member');
    for (const state of MEMBER_STATES) {
      for (const [verb, { from, to }] of Object.entries(MEMBER_VERBS)) {
        // As if its content had been approved: what has not is in vetted.test.ts.
        await d.execute(`UPDATE member SET state = '${state}', approved_sha256 = '${vetted?.['approved_sha256']}' WHERE id = '${id}'`);
        const { status, json } = await d.admin('POST', at(id, verb), { reason: 'matrix' });
        const legal = (from as readonly string[]).includes(state);
        expect([state, verb, status, json.state ?? json.code]).toEqual([
          state,
          verb,
          legal || to === state ? 200 : 409,
          legal || to === state ? to : 'wrong_state',
        ]);
      }
    }
  });

  it('a reason is demanded where the audit trail needs one', async () => {
    const { d } = await active();
    for (const body of [{}, { reason: '' }, { reason: '   ' }, { reason: 'x'.repeat(501) }, undefined])
      expect((await d.admin('POST', at(RP, 'suspend'), body)).status).toBe(400);
    expect((await d.admin('GET', at(RP))).json.state).toBe('active');
  });

  it('keys replaced by the operator reach the statement at once', async () => {
    const { d } = await active();
    const next = await testKey();
    const replaced = await d.admin('PUT', at(RP, 'keys'), { jwks: { keys: [next.jwk] }, reason: 'lost the old one' });
    expect(replaced.json.jwks.keys.map((key: { kid: string }) => key.kid)).toEqual([next.kid]);
    expect(decodeJwt((await fetchStatement(d, RP)).text)['jwks']).toEqual({ keys: [next.jwk] });
    expect((await d.admin('PUT', at(RP, 'keys'), { jwks: { keys: [{ ...next.jwk, d: 'x' }] }, reason: 'r' })).json.findings[0].code).toBe('jwk_private');
  });

  it('KR-03: keys are adopted from a configuration that a known key signed, and from no other', async () => {
    const { d, rp } = await active();
    const next = await testKey();
    const both = { jwks: { keys: [rp.key.jwk, next.jwk] } };
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration(both));
    const adopted = await d.admin('POST', at(RP, 'keys', 'adopt'));
    expect(adopted.json.jwks.keys).toHaveLength(2);
    const stranger = await testKey();
    const hijacked = await d.admin('POST', at(RP, 'keys', 'adopt'), {
      entity_configuration: await rp.configuration({ jwks: { keys: [stranger.jwk] }, iat: NOW }, stranger),
    });
    expect(hijacked.json.findings[0].code).toBe('signature_key_unknown');
    const replayed = await d.admin('POST', at(RP, 'keys', 'adopt'), { entity_configuration: await rp.configuration({ iat: NOW - 5000 }) });
    expect(replayed.json.code).toBe('wrong_state');
    expect((await d.admin('GET', at(RP))).json.jwks.keys).toHaveLength(2);
  });

  it('changes of an active member are signed at once: metadata, constraints, lifetime, extra claims with crit', async () => {
    const { d } = await active();
    const changed = await d.admin('PATCH', at(RP), {
      metadata: { openid_relying_party: { client_name: 'New' } },
      constraints: { max_path_length: 0 },
      claims: { contract: '42' },
      crit: ['contract'],
      statement_lifetime: 7200,
      v: 1,
    });
    expect(changed.status).toBe(200);
    expect(decodeJwt((await fetchStatement(d, RP)).text)).toMatchObject({
      metadata: { openid_relying_party: { client_name: 'New' } },
      constraints: { max_path_length: 0 },
      contract: '42',
      crit: ['contract'],
      exp: NOW + 7200,
    });
    expect((await d.admin('PATCH', at(RP), { intermediate: true, v: 1 })).json.code).toBe('version_conflict');
    for (const body of [
      { claims: { jwks: {} } },
      { crit: ['absent'] },
      { constraints: { max_path_length: -1 } },
      { statement_lifetime: 60 },
      { metadata: { t: { p: null } } },
      { metadata: { federation_entity: { federation_fetch_endpoint: 'https://x.example/fetch' } } }, // MD-08
    ]) {
      expect((await d.admin('PATCH', at(RP), body)).status, JSON.stringify(body)).toBe(422);
    }
  });

  it('no statement outlives valid_until, and none is signed after it', async () => {
    const { d } = await active();
    await d.admin('PATCH', at(RP), { valid_until: NOW + 5000 });
    expect(decodeJwt((await fetchStatement(d, RP)).text).exp).toBe(NOW + 5000);
    d.clock = NOW + 5000;
    expect((await fetchStatement(d, RP)).status).toBe(404);
    await d.admin('POST', at(RP, 'suspend'), { reason: 'ended' });
    expect((await d.admin('POST', at(RP, 'resume'), {})).json.code).toBe('wrong_state');
  });
});

describe('finding members', () => {
  it('searches by identifier, organization, type and state, page by page', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    for (const [n, type] of ['openid_provider', 'oauth_client', 'oauth_client', 'openid_provider', 'oauth_client'].entries()) {
      await d.admin('POST', MEMBERS, {
        entity_id: `https://m${n}.example/100_x`,
        jwks,
        entity_types: [type],
        organization: n < 3 ? 'Bänk_A%' : 'Other',
        activate: n !== 4,
        intermediate: n === 0,
      });
    }
    const ids = async (query: string) =>
      (await d.admin('GET', `${MEMBERS}?${query}`)).json.items.map((one: { entity_id: string }) => one.entity_id.slice(9, 10)).join('');
    expect(await ids('')).toBe('01234');
    expect(await ids('entity_type=oauth_client')).toBe('124');
    expect(await ids('state=vetting')).toBe('4');
    expect(await ids('state=active,vetting&entity_type=openid_provider')).toBe('03');
    expect(await ids(`q=${encodeURIComponent('M3.EXAMPLE')}`)).toBe('3');
    expect(await ids(`q=${encodeURIComponent('_A%')}`)).toBe('012');
    expect(await ids(`q=${encodeURIComponent('%')}`)).toBe('012');
    expect(await ids('organization=Other')).toBe('34');
    expect(await ids('intermediate=true')).toBe('0');
    const first = await d.admin('GET', `${MEMBERS}?limit=2`);
    expect(first.json.items).toHaveLength(2);
    const second = await d.admin('GET', `${MEMBERS}?limit=2&cursor=${encodeURIComponent(first.json.next_cursor)}`);
    const third = await d.admin('GET', `${MEMBERS}?limit=2&cursor=${encodeURIComponent(second.json.next_cursor)}`);
    expect([...first.json.items, ...second.json.items, ...third.json.items].map((one: { entity_id: string }) => one.entity_id)).toHaveLength(5);
    expect(third.json.next_cursor).toBeNull();
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'state=dead']) expect((await d.admin('GET', `${MEMBERS}?${query}`)).status, query).toBe(400);
    const byName = await d.admin('GET', `/authorities/main/organizations?q=other`);
    expect(byName.json.items).toMatchObject([{ legal_name: 'Other' }]);
  });
});
