import { describe, expect, it } from 'vitest';
import { authorityChange, memberChange } from '../../src/admin/wire.js';
import { STANDARD_CLAIMS } from '../../src/federation/entity-statement.js';
import { CLAIM_HOMES } from '../../src/operations/authorities/claim-homes.js';
import { testDeployment, testMember } from '../support/deployment.js';

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
    for (const claim of STANDARD_CLAIMS) {
      if (SETTABLE[of].includes(claim)) continue;
      const home = CLAIM_HOMES[of][claim];
      expect(home, claim).toBeDefined();
      if (home?.field !== undefined) expect(Object.keys(body.shape), claim).toContain(home.field);
      const refused = await d.admin('PATCH', path, { claims: { [claim]: 'x' } });
      expect([refused.status, refused.json.findings?.[0]?.fix], claim).toEqual([422, home?.fix]);
    }
  });
  it('§6.2: constraints do not stand in a configuration; the message says where they do', async () => {
    const d = await testDeployment();
    const refused = await d.admin('PATCH', '/authorities/main', { claims: { constraints: { max_path_length: 1 } } });
    expect(refused.json.findings[0].fix).toMatch(/Subordinate Statements only \(§6\.2\).*policy draft.*--constraints/);
  });
});
