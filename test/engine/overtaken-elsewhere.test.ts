import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { haltAuthority } from '../../src/operations/authorities/halt-authority.js';
import { resumeAuthority } from '../../src/operations/authorities/resume-authority.js';
import type { Call } from '../../src/operations/call.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { grantMark, withdrawGrant } from '../../src/operations/marks/grant-mark.js';
import { haltMarkType } from '../../src/operations/marks/mark-types.js';
import { replaceMemberKeys } from '../../src/operations/members/change-member.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { finishImport, startImport } from '../../src/operations/members/import-job.js';
import { importSlice } from '../../src/operations/members/import-members.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { haltOrganization } from '../../src/operations/organizations/halt-organization.js';
import { resumeOrganization } from '../../src/operations/organizations/resume-organization.js';
import { pinAnchor, unpinAnchor } from '../../src/operations/resolving/anchors.js';
import { afterDeciding, outcomeOf } from '../support/interleaving.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://a.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const OTHER = 'https://other.example.org';
const TWO = 'https://two.example.org';

/** A member with the key of an authority beside its own, a type, a pin. */
async function federation() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'two', entityId: TWO });
  const { items } = (await d.admin('GET', '/authorities/two/keys')).json as { items: { jwk: object; kid: string }[] };
  const member = await testMember(RP);
  const keys = { keys: [...member.jwks.keys, ...items.map(({ jwk }) => jwk)] };
  await enrollMember(d.call, 'main', { entityId: RP, jwks: keys, organization: 'Bank A', activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE });
  const pin = { entityId: OTHER, jwks: (await testMember(OTHER)).jwks };
  await pinAnchor(d.call, 'main', pin);
  return Object.assign(d, { member, keys, pin, kid: items[0]?.kid as string });
}
type Federation = Awaited<ReturnType<typeof federation>>;

/** What was cut before; who gives back; who cuts anew at the same time in another process; what tells that it was given back. */
const PAIRS: Record<
  string,
  {
    readonly before?: (call: Call<unknown>, d: Federation) => Promise<unknown>;
    readonly back: (call: Call<unknown>, d: Federation) => Promise<unknown>;
    readonly meanwhile: (call: Call<unknown>, d: Federation) => Promise<unknown>;
    readonly trusted: string;
  }
> = {
  'a member': {
    before: (call) => moveMember(call, 'main', RP, 'suspend', { reason: 'a look' }),
    back: (call) => moveMember(call, 'main', RP, 'resume'),
    async meanwhile(call) {
      await moveMember(call, 'main', RP, 'resume');
      await moveMember(call, 'main', RP, 'suspend', { reason: 'fraud' });
    },
    trusted: "SELECT 1 FROM member WHERE state = 'active'",
  },
  'a member that was suspended with its organization': {
    async before(call) {
      await haltOrganization(call, 'main', 'Bank A', 'fraud');
      await call.store.write([{ toSQL: () => ({ sql: "UPDATE organization SET state = 'active'", params: [] }) }]);
    },
    back: (call) => moveMember(call, 'main', RP, 'resume'),
    meanwhile: (call) => moveMember(call, 'main', RP, 'suspend', { reason: 'fraud of its own' }),
    trusted: "SELECT 1 FROM member WHERE state = 'active'",
  },
  'a revoked member': {
    before: (call) => moveMember(call, 'main', RP, 'revoke', { reason: 'ended' }),
    back: async (call) => enrollMember(call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'all is well' }),
    async meanwhile(call) {
      await enrollMember(call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'all is well' });
      await moveMember(call, 'main', RP, 'revoke', { reason: 'fraud' });
    },
    trusted: "SELECT 1 FROM member WHERE state = 'active'",
  },
  'a compromised key': {
    back: (call, d) => replaceMemberKeys(call, 'main', RP, { jwks: d.keys, reason: 'as they were' }),
    meanwhile: (call, d) => revokeKey(call, 'two', d.kid, 'compromised'),
    trusted: `SELECT 1 FROM member_key AS k JOIN member AS m ON m.id = k.member_id GROUP BY m.id HAVING count(*) > 1`,
  },
  'an authority': {
    before: (call) => haltAuthority(call, 'main', 'fraud'),
    back: (call) => resumeAuthority(call, 'main', 'all is well'),
    async meanwhile(call) {
      await resumeAuthority(call, 'main', 'somebody else says so');
      await haltAuthority(call, 'main', 'fraud again');
    },
    trusted: "SELECT 1 FROM authority WHERE slug = 'main' AND state = 'active'",
  },
  'an organization': {
    before: (call) => haltOrganization(call, 'main', 'Bank A', 'fraud'),
    back: (call) => resumeOrganization(call, 'main', 'Bank A', 'all is well'),
    async meanwhile(call) {
      await resumeOrganization(call, 'main', 'Bank A', 'somebody else says so');
      await haltOrganization(call, 'main', 'Bank A', 'fraud again');
    },
    trusted: "SELECT 1 FROM organization WHERE state = 'active' UNION ALL SELECT 1 FROM member WHERE state = 'active'",
  },
  'a type of Trust Mark': {
    before: (call) => haltMarkType(call, 'main', TYPE, true, 'fraud'),
    back: (call) => haltMarkType(call, 'main', TYPE, false, undefined),
    async meanwhile(call) {
      await haltMarkType(call, 'main', TYPE, false, 'somebody else says so');
      await haltMarkType(call, 'main', TYPE, true, 'fraud again');
    },
    trusted: "SELECT 1 FROM trust_mark_type WHERE state = 'active'",
  },
  'a Trust Mark': {
    async before(call) {
      const { grant } = await grantMark(call, 'main', { type: TYPE, member: RP });
      await withdrawGrant(call, 'main', grant.id, 'fraud');
    },
    back: (call) => grantMark(call, 'main', { type: TYPE, member: RP }),
    async meanwhile(call) {
      const { grant } = await grantMark(call, 'main', { type: TYPE, member: RP });
      await withdrawGrant(call, 'main', grant.id, 'fraud again');
    },
    trusted: "SELECT 1 FROM trust_mark WHERE revoked_at IS NULL UNION ALL SELECT 1 FROM trust_mark_grant WHERE state = 'active'",
  },
  'an anchor': {
    back: (call, d) => pinAnchor(call, 'main', d.pin),
    meanwhile: (call) => unpinAnchor(call, 'main', OTHER),
    trusted: 'SELECT 1 FROM anchor_pin',
  },
};

describe('a cut that comes in another process while something is given back', () => {
  it.each(Object.entries(PAIRS))('stands: who would give %s back is told to look again', async (_what, { before, back, meanwhile, trusted }) => {
    const d = await federation();
    await before?.(d.call, d);
    const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
    expect(
      await outcomeOf(
        back(
          afterDeciding(elsewhere, () => meanwhile(d.call, d)),
          d,
        ),
      ),
    ).toBe('version_conflict');
    expect(await d.rows(trusted)).toEqual([]);
  });

  it('over HTTP it is 412, as when both come to one process', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    await enrollMember(d.call, 'main', { entityId: RP, jwks, activate: true });
    await moveMember(d.call, 'main', RP, 'suspend', { reason: 'a look' });
    const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
    const refused = await moveMember(
      afterDeciding(elsewhere, async () => {
        await moveMember(d.call, 'main', RP, 'resume');
        await moveMember(d.call, 'main', RP, 'suspend', { reason: 'fraud' });
      }),
      'main',
      RP,
      'resume',
    ).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'version_conflict', message: 'a cut of it came first; look at it and decide again' });
  });
});

describe('a line of an import that takes back whom somebody revoked since the import began', () => {
  const reported = (d: TestDeployment, job: string) =>
    d.rows(`SELECT line, entity_id, code FROM job_refusal WHERE job_id = '${job}' AND code NOT LIKE 'warning:%'`);

  it('is refused, in whatever slice it comes, and under another spelling too', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    await enrollMember(d.call, 'main', { entityId: RP, jwks, activate: true });
    const { id } = await startImport(d.call, 'main', { dryRun: false });
    await importSlice(d.call, 'main', id, [{ line: 1 }]);
    await moveMember(d.call, 'main', RP, 'revoke', { reason: 'fraud' });
    const other = (await testMember(`${RP}/`)).jwks;
    await importSlice(d.call, 'main', id, [
      { line: 2, input: { entityId: RP, jwks, activate: true, readmit: 'as the file says' } },
      { line: 3, input: { entityId: `${RP}/`, jwks: other, activate: true, waive: ['identifier_respelled'] } },
    ]);
    expect(await reported(d, id)).toEqual([
      { line: 2, entity_id: RP, code: 'version_conflict' },
      { line: 3, entity_id: `${RP}/`, code: 'version_conflict' },
    ]);
    expect(await d.rows("SELECT 1 FROM member WHERE state = 'active'")).toEqual([]);
    await finishImport(d.call, 'main', id);

    const again = await startImport(d.call, 'main', { dryRun: false });
    await importSlice(d.call, 'main', again.id, [
      { line: 1, input: { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'looked at' } },
    ]);
    expect(await reported(d, again.id), 'who begins anew knows of it').toEqual([]);
    expect(await d.rows("SELECT entity_id FROM member WHERE state = 'active'")).toEqual([{ entity_id: RP }]);
  });

  it('is refused when the cut comes while its slice is decided', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    await enrollMember(d.call, 'main', { entityId: RP, jwks, activate: true });
    await moveMember(d.call, 'main', RP, 'revoke', { reason: 'ended' });
    const { id } = await startImport(d.call, 'main', { dryRun: false });
    const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
    const twice = async () => {
      await enrollMember(d.call, 'main', { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'all is well' });
      await moveMember(d.call, 'main', RP, 'revoke', { reason: 'fraud' });
    };
    await importSlice(afterDeciding(elsewhere, twice), 'main', id, [
      { line: 1, input: { entityId: RP, jwks: (await testMember(RP)).jwks, activate: true, readmit: 'as the file says' } },
    ]);
    expect(await reported(d, id)).toEqual([{ line: 1, entity_id: RP, code: 'version_conflict' }]);
    expect(await d.rows("SELECT 1 FROM member WHERE state = 'active'")).toEqual([]);
  });
});
