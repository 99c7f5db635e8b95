import fc from 'fast-check';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/keys/random.js';
import { fsck } from '../../src/operations/fsck.js';
import { MEMBER_VERBS, type MemberVerb } from '../../src/operations/members/member-verbs.js';
import { platform } from '#test-platform';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const MEMBERS = '/authorities/main/members';
const ids = ['https://a.example', 'https://b.example'] as const;
const codes = async (d: TestDeployment) => (await fsck(d.deployment)).map(({ code, where }) => `${code} ${where}`);

async function populated(): Promise<TestDeployment> {
  const d = await testDeployment();
  const { jwks } = await testMember('https://x.example');
  for (const entity_id of ids) await d.admin('POST', MEMBERS, { entity_id, jwks, activate: true });
  expect(await codes(d)).toEqual([]);
  return d;
}

describe('fsck names what is wrong', () => {
  it.each([
    [
      'a flipped artefact byte',
      "UPDATE artefact SET bytes = replace(bytes, '.', '.A') WHERE key = 'https://a.example'",
      ['artefact_hash statement https://a.example'],
    ],
    ['a missing statement of an active member', "DELETE FROM artefact WHERE key = 'https://a.example'", ['artefact_missing statement https://a.example']],
    [
      'a statement of a suspended member',
      "UPDATE member SET state = 'suspended' WHERE entity_id = 'https://b.example'",
      ['artefact_orphan statement https://b.example'],
    ],
    ['a broken event hash', "UPDATE event SET reason = 'forged' WHERE type = 'member.enrolled' AND seq = 2", ['event_hash event 2']],
    ['a removed event', 'DELETE FROM event WHERE seq = 2', ['event_gap event 3']],
    [
      'a statement moved to another member',
      "UPDATE artefact SET key = 'https://c.example' WHERE key = 'https://a.example'",
      ['artefact_claims statement https://c.example', 'artefact_missing statement https://a.example'],
    ],
    [
      'a statement with other keys than those bound',
      `UPDATE member SET jwks = '{"keys":[]}' WHERE entity_id = 'https://a.example'`,
      ['artefact_claims statement https://a.example'],
    ],
    [
      'a lifetime that is not in the bytes',
      "UPDATE artefact SET exp = exp + 9999 WHERE key = 'https://a.example'",
      ['artefact_claims statement https://a.example'],
    ],
    ['no active key', "UPDATE authority_key SET state = 'retiring'", ['key_missing keys']],
    ['no entity configuration', "DELETE FROM artefact WHERE kind = 'entity_configuration'", ['artefact_missing entity_configuration']],
  ])('%s', async (_title, sabotage, expected) => {
    const d = await populated();
    await d.execute(sabotage);
    expect(await codes(d)).toEqual(expected);
  });
  it('a signature by a key the authority never had, under the kid of one it has', async () => {
    const d = await populated();
    const [row] = await d.rows(`SELECT bytes, kid FROM artefact WHERE key = '${ids[0]}'`);
    const forged = await (await testKey('ES256', String(row?.['kid']))).jwt(decodeJwt(String(row?.['bytes'])));
    await d.execute(`UPDATE artefact SET bytes = '${forged}', sha256 = '${await sha256(forged)}' WHERE key = '${ids[0]}'`);
    expect(await codes(d)).toEqual([`artefact_signature statement ${ids[0]}`]);
  });
});

describe('the invariant under random sequences of verbs', () => {
  it('fetch answers if and only if the state is active, and fsck stays clean', async () => {
    const verbs = fc.array(fc.tuple(fc.constantFrom(...ids), fc.constantFrom(...(Object.keys(MEMBER_VERBS) as MemberVerb[]))), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(verbs, async (sequence) => {
        const d = await testDeployment();
        const { jwks } = await testMember('https://x.example');
        for (const entity_id of ids) await d.admin('POST', MEMBERS, { entity_id, jwks });
        for (const [id, verb] of sequence) {
          const { status } = await d.admin('POST', `${MEMBERS}/${encodeURIComponent(id)}/${verb}`, { reason: 'random' });
          expect([200, 409]).toContain(status);
          for (const one of ids) {
            const { state } = (await d.admin('GET', `${MEMBERS}/${encodeURIComponent(one)}`)).json;
            expect([one, (await d.public(`/fetch?sub=${encodeURIComponent(one)}`)).status]).toEqual([one, state === 'active' ? 200 : 404]);
          }
        }
        expect(await codes(d)).toEqual([]);
      }),
      { numRuns: platform === 'node' ? 25 : 8 },
    );
  });
});
