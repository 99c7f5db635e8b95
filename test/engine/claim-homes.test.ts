import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { authorityChange, memberChange } from '../../src/admin/wire.js';
import { parseEntityStatement } from '../../src/federation/entry.js';
import { STANDARD_CLAIMS } from '../../src/federation/entity-statement.js';
import { CLAIM_HOMES, RESERVED_CLAIMS } from '../../src/operations/authorities/claim-homes.js';
import { testDeployment, testMember, NOW } from '../support/deployment.js';

const SETTABLE = { authority: ['trust_mark_issuers', 'trust_mark_owners', 'trust_anchor_hints', 'crit'], member: [] as string[] };

describe('a claim of the standard that is no extra claim: the message says where it is set, and there is such a place', () => {
  it.each([
    ['authority', authorityChange],
    ['member', memberChange],
  ] as const)('of an %s', async (of, body) => {
    const d = await testDeployment();
    const rp = await testMember('https://rp.example.com');
    await d.admin('POST', '/authorities/main/members', { entity_id: rp.id, jwks: rp.jwks });
    const path = of === 'authority' ? '/authorities/main' : `/authorities/main/members/${encodeURIComponent(rp.id)}`;
    for (const claim of RESERVED_CLAIMS) {
      if (SETTABLE[of].includes(claim)) continue;
      const home = CLAIM_HOMES[of][claim];
      expect(home, claim).toBeDefined();
      if (home?.field !== undefined) expect(Object.keys(body.shape), claim).toContain(home.field);
      const refused = await d.admin('PATCH', path, { claims: { [claim]: 'x' } });
      expect([refused.status, refused.json.findings?.[0]?.fix], claim).toEqual([422, home?.fix]);
    }
  });
  it('§3.1 RFC 7519 §4.1: what names or begins a JWT is not an extra claim, at enrolment, in changes and imports; others are', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://rp.example.com');
    for (const claim of ['iss', 'sub', 'iat', 'exp', 'jwks', 'crit', 'nbf', 'jti', 'source_endpoint']) {
      expect([RESERVED_CLAIMS.has(claim), STANDARD_CLAIMS.has(claim)], claim).toEqual([true, !['nbf', 'jti'].includes(claim)]);
      const claims = { [claim]: claim === 'nbf' ? NOW - 10 : 'x' };
      const wrong = { status: 422, json: { findings: [{ code: 'claim_invalid', where: `claims/${claim}`, fix: CLAIM_HOMES.member[claim]?.fix }] } };
      expect(await d.admin('POST', '/authorities/main/members', { entity_id: 'https://rp.example.com', jwks, claims }), claim).toMatchObject(wrong);
      if (claim === 'crit') continue;
      expect((await d.admin('POST', '/authorities', { slug: 'two', entity_id: 'https://two.example.org', claims })).status, claim).toBe(422);
    }
    const extra = { entity_id: 'https://rp.example.com', jwks, activate: true, claims: { jti_hint: 'x', registered_at: 5 } };
    expect((await d.admin('POST', '/authorities/main/members', extra)).status).toBe(201);
    expect(decodeJwt((await d.public('/fetch?sub=https://rp.example.com')).text)).toMatchObject(extra.claims);
  });
  it('what others publish may have both: the standard leaves them to applications (§3.1)', async () => {
    const { configuration, id } = await testMember('https://rp.example.com');
    const options = { now: NOW, subject: id, understoodClaims: ['jti'] };
    expect(parseEntityStatement(await configuration({ jti: 'a', nbf: NOW - 5, crit: ['jti'] }), options).ok).toBe(true);
  });
  it('§6.2: constraints do not stand in a configuration; the message says where they do', async () => {
    const d = await testDeployment();
    const refused = await d.admin('PATCH', '/authorities/main', { claims: { constraints: { max_path_length: 1 } } });
    expect(refused.json.findings[0].fix).toMatch(/Subordinate Statements only \(§6\.2\).*policy draft.*--constraints/);
  });
});
