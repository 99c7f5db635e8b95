import { base64url, decodeJwt, exportSPKI, generateKeyPair } from 'jose';
import { certificateEnd } from '../../src/operations/members/pem-key-type.js';
import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const MEMBERS = `${A}/members`;
const RP = 'https://rp.example.com';
const M = `${MEMBERS}/${encodeURIComponent(RP)}`;
const bytes = (n: number) => base64url.encode(new Uint8Array(n).fill(0xbb));

/** Keys that nobody here can verify with, each with the code of the warning. */
const UNUSABLE: readonly (readonly [title: string, jwk: object, code: string])[] = [
  ['an encryption key', { kty: 'EC', crv: 'P-256', use: 'enc', x: bytes(32), y: bytes(32) }, 'jwk_unsupported'],
  ['RSA-OAEP', { kty: 'RSA', alg: 'RSA-OAEP', e: 'AQAB', n: bytes(256) }, 'jwk_unsupported'],
  ['secp256k1', { kty: 'EC', crv: 'secp256k1', x: bytes(32), y: bytes(32) }, 'jwk_unsupported'],
  ['ML-DSA', { kty: 'AKP', alg: 'ML-DSA-65', pub: bytes(1952) }, 'jwk_unsupported'],
  ['Ed448', { kty: 'OKP', crv: 'Ed448', x: bytes(57) }, 'jwk_unsupported'],
  ['X25519', { kty: 'OKP', crv: 'X25519', x: bytes(32) }, 'jwk_unsupported'],
  ['key_ops without verify', { kty: 'EC', crv: 'P-256', key_ops: ['encrypt'], x: bytes(32), y: bytes(32) }, 'jwk_unsupported'],
];
/** The same of keys whose values are out of range. */
const OUT_OF_RANGE: typeof UNUSABLE = [
  ['RSA of 1024 bits', { kty: 'RSA', e: 'AQAB', n: bytes(128) }, 'jwk_weak'],
  ['RSA of 8192 bits', { kty: 'RSA', e: 'AQAB', n: bytes(1024) }, 'jwk_weak'],
  ['RSA with exponent 3', { kty: 'RSA', e: 'Aw', n: bytes(256) }, 'jwk_weak'],
  ['short coordinates', { kty: 'EC', crv: 'P-256', x: bytes(31), y: bytes(32) }, 'jwks_invalid'],
  ['"d": null', { kty: 'EC', crv: 'P-256', x: bytes(32), y: bytes(32), d: null }, 'jwks_invalid'],
];
const named = (jwk: object) => ({ ...jwk, kid: 'other' });
const statementKeys = async (d: TestDeployment) =>
  (decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).text)['jwks'] as { keys: object[] }).keys;

describe('RFC 7517 §5: of a set with keys nobody can use the others are bound, with a warning for each left out', () => {
  it.each([...UNUSABLE, ...OUT_OF_RANGE])('%s, given by the operator: at enrolment, replacement, import and for a pin', async (_title, jwk, code) => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    const both = { keys: [named(jwk), rp.key.jwk] };
    const warned = { code, severity: 'warning', where: 'jwks/keys/0', detail: expect.stringContaining('left out') };
    const enrolled = await d.admin('POST', MEMBERS, { entity_id: RP, jwks: both, activate: true });
    expect([enrolled.status, enrolled.json]).toMatchObject([201, { jwks: rp.jwks, findings: [warned] }]);
    expect(await statementKeys(d)).toEqual([rp.key.jwk]);
    const replaced = await d.admin('PUT', `${M}/keys`, { jwks: both, reason: 'r' });
    expect(replaced.json).toMatchObject({ jwks: rp.jwks, findings: [warned] });
    const pinned = await d.admin('POST', `${A}/anchors`, { entity_id: 'https://ta.example', jwks: both });
    expect(pinned.json).toMatchObject({ jwks: rp.jwks, findings: [warned] });
    const job = (await d.admin('POST', `${A}/imports`, {})).json.id as string;
    const lines = JSON.stringify({ entity_id: 'https://line.example', jwks: both, activate: true });
    const taken = await d.admin('POST', `${A}/imports/${job}/lines`, lines, { headers: { 'content-type': 'application/x-ndjson' } });
    expect(taken.json).toMatchObject({ done: 1, refused: 0 });
    expect((await d.admin('GET', `${A}/jobs/${job}/refusals`)).json.items).toMatchObject([
      { line: 1, severity: 'warning', code, entity_id: 'https://line.example' },
    ]);
    for (const [path, body] of [
      [MEMBERS, { entity_id: 'https://none.example', jwks: { keys: [named(jwk)] } }],
      [`${A}/anchors`, { entity_id: 'https://none.example', jwks: { keys: [named(jwk)] } }],
    ] as const)
      expect(await d.admin('POST', path, body), 'none is left').toMatchObject({ status: 422, json: { findings: [{ code }] } });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it.each([...UNUSABLE, ...OUT_OF_RANGE])('%s, in a live configuration: enrolled, adopted, hosted and watched without it', async (_title, jwk, code) => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    const next = await testKey();
    const show = async (keys: object[], claims: object = {}) => {
      const compact = await rp.configuration({ jwks: { keys }, ...claims });
      d.network.set(`${RP}/.well-known/openid-federation`, compact);
      return compact;
    };
    await show([rp.key.jwk, named(jwk)]);
    expect((await d.admin('POST', `${A}/preflight`, { entity_id: RP })).json).toMatchObject({
      ok: true,
      jwks: rp.jwks,
      findings: [{ code, severity: 'warning' }],
    });
    const enrolled = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true });
    expect(enrolled.json).toMatchObject({ jwks: rp.jwks, findings: [{ code, severity: 'warning', where: 'jwks/keys/1' }] });
    expect((await d.admin('POST', `${M}/keys/adopt`)).json, 'nothing has changed').toMatchObject({ jwks: rp.jwks, findings: [{ code }] });
    const compact = await show([rp.key.jwk, named(jwk), next.jwk], { iat: NOW - 5 });
    const adopted = await d.admin('POST', `${M}/keys/adopt`);
    expect(adopted.json).toMatchObject({ jwks: { keys: [rp.key.jwk, next.jwk] }, findings: [{ code }] });
    expect(await statementKeys(d)).toEqual([rp.key.jwk, next.jwk]);
    const hosted = await d.admin('PUT', `${M}/configuration`, {
      entity_configuration: compact,
      domain_control: { method: 'operator', reason: 'their letter' },
    });
    expect(hosted.json).toMatchObject({ hosted: true, findings: [{ code, severity: 'warning' }] });
    const before = (await d.admin('GET', `${M}/history`)).json.items.length;
    await discoveryTurn(d.deployment, { more: () => true });
    expect((await d.admin('GET', `${M}/history`)).json.items, 'a key that is left out is not missed').toHaveLength(before);
  });

  it.each([
    ['a private key beside it', (jwk: object) => ({ ...jwk, d: 'c2VjcmV0' }), 'jwk_private'],
    ['a symmetric key beside it', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'other' }), 'jwk_symmetric'],
    ['the same kid twice', (jwk: object) => jwk, 'kid_duplicate'],
  ])('%s: the set is refused whole', async (_title, change, code) => {
    const d = await testDeployment();
    const { key } = await testMember(RP);
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, jwks: { keys: [key.jwk, change(key.jwk)] } });
    expect([refused.status, refused.json.findings.map((one: { code: string }) => one.code)]).toEqual([422, expect.arrayContaining([code])]);
    expect(refused.text).not.toContain('c2VjcmV0');
  });

  it('messages lead to the mend: a JWK without kid, an encryption key, an empty private member', async () => {
    const d = await testDeployment();
    const { key } = await testMember(RP);
    const { kid: _, ...bare } = key.jwk;
    const of = async (jwk: object) => (await d.admin('POST', MEMBERS, { entity_id: RP, jwks: { keys: [jwk] } })).json.findings[0];
    expect(await of(bare)).toMatchObject({ code: 'kid_missing', clause: expect.stringContaining('§3.1.1'), fix: expect.stringContaining('thumbprint') });
    expect((await of({ ...key.jwk, use: 'enc' })).fix).toContain('leave the encryption key out');
    expect(await of({ ...key.jwk, d: null })).toMatchObject({ code: 'jwks_invalid', detail: expect.stringContaining('no private key') });
  });

  it('PEM: the usable blocks are bound; what the others hold is said', async () => {
    const d = await testDeployment();
    const good = await exportSPKI((await generateKeyPair('ES256', { extractable: true })).publicKey);
    const pss = '-----BEGIN PUBLIC KEY-----\nMCAwCwYJKoZIhvcNAQEKAxEAMA4CCQC7AAAAAAAAAQIBAw==\n-----END PUBLIC KEY-----\n';
    const x25519 = '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-----END PUBLIC KEY-----\n';
    const both = await d.admin('POST', MEMBERS, { entity_id: RP, pem: `${x25519}${good}` });
    expect(both.json).toMatchObject({ jwks: { keys: [{ kty: 'EC' }] }, findings: [{ code: 'jwk_unsupported', where: 'pem block 1', severity: 'warning' }] });
    const only = await d.admin('POST', MEMBERS, { entity_id: 'https://pss.example', pem: pss });
    expect(only.json.findings[0]).toMatchObject({ detail: expect.stringContaining('RSASSA-PSS'), fix: expect.stringContaining('JWK') });
    // An EC key of rp.example.org, until 2026-11-30T06:26:12Z.
    const base64 =
      'MIIBhjCCAS2gAwIBAgIUby+0ByKjT/D/5ZgE4Co1KeWHrAQwCgYIKoZIzj0EAwIwGTEXMBUGA1UEAwwOcnAuZXhhbXBsZS5vcmcwHhcNMjYxMTI5MDYyNjEyWhcNMjYxMTMwMDYyNjEyWjAZMRcwFQYDVQQDDA5ycC5leGFtcGxlLm9yZzBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABPz+PEMuWShnK6d1NCnVq7Tzztf/6WtDsaTRvucfM9IXoev82y3dZdfa45QozYWEoAtmtYzRMLGDRRdvOle7y+ijUzBRMB0GA1UdDgQWBBTZGUMN8AlcgkUTqmbU6y3rJXshITAfBgNVHSMEGDAWgBTZGUMN8AlcgkUTqmbU6y3rJXshITAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIBvB0kniuPQp7A8wZ+7rpB33UeCQFuo8dOsoV8bQyJQeAiAgbIEsdCjJsrMZsK3H3ACd5LTvmSV3I5+tAUVR8H7x4Q==';
    const certificate = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
    expect(certificateEnd(certificate)).toBe(Date.UTC(2026, 10, 30, 6, 26, 12) / 1000);
    const enrolled = await d.admin('POST', MEMBERS, { entity_id: 'https://x509.example', pem: certificate });
    expect(enrolled.json).toMatchObject({ jwks: { keys: [{ kty: 'EC' }] }, findings: [{ code: 'certificate_ended', severity: 'warning' }] });
    expect(enrolled.json.findings[0].detail).toContain('2026-11-30 06:26:12Z');
    const cut = await d.admin('POST', MEMBERS, { entity_id: 'https://cut.example', pem: certificate.slice(0, 300) });
    expect(cut.json.findings[0].detail).toContain('"CERTIFICATE" block has no "-----END CERTIFICATE-----"');
    const damaged = await d.admin('POST', MEMBERS, { entity_id: 'https://cut.example', pem: certificate.replace('MIIBhjCC', 'MIIBhjDD') });
    expect(damaged.json.findings[0].detail).toContain('cannot be read: it is damaged');
    expect(JSON.stringify([cut.json, damaged.json])).not.toContain('no supported public key');
  });
});

describe('warnings of an enrolment are told to scripts too, and what can be waived is what can be accepted', () => {
  it('metadata that is not valid and a missing hint: both say that no chain validates', async () => {
    const d = await testDeployment();
    const op = await testMember('https://op.example.com');
    d.network.set(
      `${op.id}/.well-known/openid-federation`,
      await op.configuration({ authority_hints: ['https://other.example'], metadata: { openid_provider: { issuer: `${op.id}/realm` } } }),
    );
    const { findings } = (await d.admin('POST', MEMBERS, { entity_id: op.id, activate: true })).json as {
      findings: { code: string; where: string; detail: string }[];
    };
    for (const [code, where] of [
      ['authority_hint_missing', 'authority_hints'],
      ['metadata_invalid', 'metadata/openid_provider/issuer'],
    ])
      expect(findings.find((one) => one.code === code && one.where === where)?.detail, code).toContain('no chain validates');
    const needed = findings.find((one) => one.where === 'metadata/openid_provider');
    expect(needed?.detail, 'what only a protocol asks for breaks no chain').not.toContain('no chain validates');
  });

  it('a code that cannot be waived is refused by name, with the ones that can be', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    await d.admin('POST', `${A}/policies`, { metadata_policy: { openid_relying_party: { contacts: { essential: true } } } });
    await d.admin('POST', `${A}/policies/1/publish`);
    const report = await d.admin('POST', `${A}/preflight`, { entity_id: RP });
    expect(report.json).toMatchObject({ ok: false, waivable: ['policy_violation'] });
    const refused = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true });
    expect(refused.json.detail).toContain('policy_violation can be waived');
    const useless = await d.admin('POST', MEMBERS, { entity_id: RP, activate: true, waive: ['policy_violation', 'claim_invalid'] });
    expect([useless.status, useless.json.detail]).toEqual([400, expect.stringMatching(/claim_invalid cannot be waived.*policy_violation/)]);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ exp: NOW - 1 }));
    expect((await d.admin('POST', MEMBERS, { entity_id: RP, waive: ['expired'] })).json.detail).toMatch(/expired cannot be waived/);
    expect((await d.admin('POST', `${A}/preflight`, { entity_id: RP })).json.waivable).toEqual([]);
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    expect((await d.admin('POST', MEMBERS, { entity_id: RP, activate: true, waive: ['policy_violation'] })).status).toBe(201);
  });
});
