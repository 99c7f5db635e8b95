import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import type { Call } from '../../src/operations/call.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { adoptMemberKeys, replaceMemberKeys } from '../../src/operations/members/change-member.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { startImport } from '../../src/operations/members/import-job.js';
import { importSlice } from '../../src/operations/members/import-members.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';
import { afterDeciding, outcomeOf } from '../support/interleaving.js';

const OTHER = 'https://other.example.org';
const RP = 'https://rp.example.com';

/** Two authorities, a member of the other one, and a key of the first one that has leaked. */
async function two() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'other', entityId: OTHER });
  const { keys } = decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: { kid: string }[] };
  const [leaked] = keys as [{ kid: string }];
  const rp = await testMember(RP);
  const elsewhere: Call<unknown> = { ...d.call, store: d.another().store };
  return Object.assign(d, { leaked, rp, jwks: { keys: [...rp.jwks.keys, leaked] }, elsewhere });
}
type Two = Awaited<ReturnType<typeof two>>;
const known = (d: Two) => enrollMember(d.call, 'other', { entityId: RP, jwks: d.rp.jwks, activate: true });

/** Who binds keys to a member under the other authority; what becomes of it. */
const BINDING: readonly (readonly [
  what: string,
  before: (d: Two) => Promise<unknown>,
  bind: (call: Call<unknown>, d: Two) => Promise<unknown>,
  outcome: string,
])[] = [
  ['an enrolment', async () => undefined, (call, { jwks }) => enrollMember(call, 'other', { entityId: RP, jwks, activate: true }), 'findings'],
  [
    'the enrolment of the authority itself',
    async () => undefined,
    (call, { leaked }) => enrollMember(call, 'other', { entityId: ANCHOR, jwks: { keys: [leaked] }, activate: true }),
    'findings',
  ],
  ['a replacement', known, (call, { jwks }) => replaceMemberKeys(call, 'other', RP, { jwks, reason: 'more keys' }), 'findings'],
  [
    'an adoption',
    known,
    async (call, d) => {
      const configuration = await d.rp.configuration({ jwks: d.jwks, authority_hints: [OTHER] });
      return adoptMemberKeys(call, 'other', RP, configuration);
    },
    'findings',
  ],
];

async function expectBoundToNobody(d: Two): Promise<void> {
  expect(await d.rows(`SELECT member_id FROM member_key WHERE thumbprint = '${d.leaked.kid}'`)).toEqual([]);
  expect(JSON.stringify(await d.rows('SELECT jwks FROM member'))).not.toContain(d.leaked.kid);
  expect(await d.rows('SELECT revoked_reason FROM authority_key WHERE revoked_reason IS NOT NULL')).toEqual([{ revoked_reason: 'compromised' }]);
}

describe('§8.7.3: a key is called compromised in one process while another one binds it, under another authority', () => {
  it.each(BINDING)('%s: it is bound to nobody', async (_what, before, bind, outcome) => {
    const d = await two();
    await before(d);
    const act = () => revokeKey(d.call, 'main', d.leaked.kid, 'compromised');
    const became = await outcomeOf(bind(afterDeciding(d.elsewhere, act), d));
    await expectBoundToNobody(d);
    expect(became).toBe(outcome);
  });

  it('a line of an import: it is reported, and the key bound to nobody', async () => {
    const d = await two();
    const { id } = await startImport(d.elsewhere, 'other', { dryRun: false });
    const late = afterDeciding(d.elsewhere, () => revokeKey(d.call, 'main', d.leaked.kid, 'compromised'));
    await importSlice(late, 'other', id, [{ line: 1, input: { entityId: RP, jwks: d.jwks, activate: true } }]);
    await expectBoundToNobody(d);
    expect(await d.rows("SELECT line FROM job_refusal WHERE code NOT LIKE 'warning:%'")).toEqual([{ line: 1 }]);
  });

  it('a key that was merely superseded meanwhile is bound as it was asked for', async () => {
    const d = await two();
    const late = enrollMember(
      afterDeciding(d.elsewhere, () => revokeKey(d.call, 'main', d.leaked.kid, 'superseded')),
      'other',
      { entityId: RP, jwks: d.jwks, activate: true },
    );
    expect(await outcomeOf(late)).toBe('done');
    expect(await d.rows(`SELECT count(*) AS n FROM member_key WHERE thumbprint = '${d.leaked.kid}'`)).toEqual([{ n: 1 }]);
  });
});
