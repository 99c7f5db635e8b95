import { describe, expect, it } from 'vitest';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import type { Call } from '../../src/operations/call.js';
import { grantMark, withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { startImport } from '../../src/operations/members/import-job.js';
import { importSlice } from '../../src/operations/members/import-members.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { haltOrganization } from '../../src/operations/organizations/halt-organization.js';
import { resumeOrganization } from '../../src/operations/organizations/resume-organization.js';
import { pinAnchor, unpinAnchor } from '../../src/operations/resolving/anchors.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { afterDeciding, beforeDeciding, outcomeOf } from '../support/interleaving.js';

const RP = 'https://a.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const OTHER = 'https://other.example.org';

async function federation() {
  const d = await testDeployment();
  const member = await testMember(RP);
  await enrollMember(d.call, 'main', { entityId: RP, jwks: member.jwks, organization: 'Bank A', activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  const pin = { entityId: OTHER, jwks: (await testMember(OTHER)).jwks };
  await pinAnchor(d.call, 'main', pin);
  const { grant } = await grantMark(d.call, 'main', { type: TYPE, member: RP });
  return Object.assign(d, { member, pin, grant });
}
type Federation = Awaited<ReturnType<typeof federation>>;
type Act = (call: Call<unknown>, d: Federation) => Promise<unknown>;

/** What cuts, what gives back, and the events of the cut. */
const PAIRS: Record<string, { readonly cut: Act; readonly back: Act; readonly event: string; readonly trusted: string }> = {
  'a suspended member': {
    cut: (call) => moveMember(call, 'main', RP, 'suspend', { reason: 'fraud' }),
    back: (call) => moveMember(call, 'main', RP, 'resume'),
    event: 'member.suspended',
    trusted: "SELECT 1 FROM member WHERE state = 'active'",
  },
  'a revoked member': {
    cut: (call) => moveMember(call, 'main', RP, 'revoke', { reason: 'fraud' }),
    back: async (call) => enrollMember(call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'all is well' }),
    event: 'member.revoked',
    trusted: "SELECT 1 FROM member WHERE state = 'active'",
  },
  'an authority': {
    cut: (call) => haltAuthority(call, 'main', 'fraud'),
    back: (call) => resumeAuthority(call, 'main', 'all is well'),
    event: 'authority.halted',
    trusted: "SELECT 1 FROM authority WHERE state = 'active'",
  },
  'an organization': {
    cut: (call) => haltOrganization(call, 'main', 'Bank A', 'fraud'),
    back: (call) => resumeOrganization(call, 'main', 'Bank A', 'all is well'),
    event: 'organization.halted',
    trusted: "SELECT 1 FROM organization WHERE state = 'active' UNION ALL SELECT 1 FROM member WHERE state = 'active'",
  },
  'a type of Trust Mark': {
    cut: (call) => haltMarkType(call, 'main', TYPE, true, 'fraud'),
    back: (call) => haltMarkType(call, 'main', TYPE, false, undefined),
    event: 'trust_mark_type.halted',
    trusted: "SELECT 1 FROM trust_mark_type WHERE state = 'active'",
  },
  'a Trust Mark': {
    cut: (call, d) => withdrawGrant(call, 'main', d.grant.id, 'fraud'),
    back: (call) => grantMark(call, 'main', { type: TYPE, member: RP }),
    event: 'trust_mark.withdrawn',
    trusted: "SELECT 1 FROM trust_mark_grant WHERE state = 'active'",
  },
  'an anchor': {
    cut: (call) => unpinAnchor(call, 'main', OTHER),
    back: (call, d) => pinAnchor(call, 'main', d.pin),
    event: 'anchor.unpinned',
    trusted: 'SELECT 1 FROM anchor_pin',
  },
};

describe('a cut that finds nothing left to cut', () => {
  it.each(Object.entries(PAIRS))('stands when another process is about to give %s back: that is refused', async (_what, { cut, back, event, trusted }) => {
    for (const interleaved of [beforeDeciding, afterDeciding]) {
      const d = await federation();
      await cut(d.call, d);
      const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
      const asked = back(
        interleaved(elsewhere, () => cut(d.call, d).catch(() => undefined)),
        d,
      );
      expect(await outcomeOf(asked)).toBe('version_conflict');
      expect(await d.rows(trusted)).toEqual([]);
      expect(await d.rows(`SELECT count(*) AS n FROM event WHERE type = '${event}' AND authority_id <> 'deployment'`), 'each cut is told').toEqual([{ n: 2 }]);
      expect(await outcomeOf(back(d.call, d)), 'who knows of both may').toBe('done');
    }
  });

  it('refuses a line of an import that began before it', async () => {
    const d = await federation();
    await moveMember(d.call, 'main', RP, 'revoke', { reason: 'ended' });
    const { id } = await startImport(d.call, 'main', { dryRun: false });
    await moveMember(d.call, 'main', RP, 'revoke', { reason: 'fraud, as it turns out' });
    await importSlice(d.call, 'main', id, [{ line: 1, input: { entityId: RP, jwks: d.member.jwks, activate: true, readmit: 'as the file says' } }]);
    expect(await d.rows(`SELECT code FROM job_refusal WHERE job_id = '${id}' AND code NOT LIKE 'warning:%'`)).toEqual([{ code: 'version_conflict' }]);
  });

  it('says what it said before, and changes nothing', async () => {
    const d = await federation();
    const suspend = () => d.admin('POST', `/authorities/main/members/${encodeURIComponent(RP)}/suspend`, { reason: 'again' });
    await moveMember(d.call, 'main', RP, 'suspend', { reason: 'fraud' });
    const before = await d.rows('SELECT * FROM member');
    expect((await suspend()).json).toMatchObject({ already: true, state: 'suspended', state_reason: 'fraud' });
    expect(await d.rows('SELECT * FROM member')).toEqual(before);
  });

  it('about an anchor that nobody could pin leaves nothing', async () => {
    const d = await federation();
    const [{ n } = {}] = await d.rows('SELECT count(*) AS n FROM event');
    expect(await outcomeOf(unpinAnchor(d.call, 'main', 'no identifier'))).toBe('not_found');
    expect(await d.rows('SELECT count(*) AS n FROM event')).toEqual([{ n }]);
  });
});
