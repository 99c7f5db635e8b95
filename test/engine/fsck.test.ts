import { fc } from '../support/fuzz.js';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../src/keys/random.js';
import { fsck } from '../../src/operations/fsck.js';
import { indexMembers } from '../../src/operations/members/index-members.js';
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
  for (const entity_id of ids) await d.admin('POST', MEMBERS, { entity_id, jwks, activate: true, organization: 'The Company' });
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
      ['artefact_orphan statement https://b.example', 'registration_events member https://b.example', 'status_list status list 0'],
    ],
    [
      'rows of nobody',
      `INSERT INTO key_standing (member_id, thumbprint, authority_id) VALUES ('m', 't', 'a'); INSERT INTO key_challenge SELECT 'c', id, 'm', 'x', 'bind', '{"keys":[]}', 1, 1, NULL FROM authority;
       INSERT INTO registration_event (authority_id, entity_id, at, event) SELECT id, 'https://z.example', 1, 'registration' FROM authority;
       INSERT INTO approval (proposal_id, person_id, subject_kind, subject_id, decision_digest, verdict, at) VALUES ('p', 'x', 'resume', 's', 'd', 'approve', 1);
       UPDATE member SET bundles = '["gone"]' WHERE entity_id = 'https://a.example'`,
      [
        'row_of_nobody key_standing m t',
        'row_of_nobody key_challenge c',
        'row_of_nobody registration_event https://z.example',
        'row_of_nobody approval p',
        'row_of_nobody member https://a.example',
      ],
    ],
    [
      'what decisions rest on and is not so',
      `INSERT INTO barred_identifier SELECT 'b', authority_id, entity_id, id, NULL, 1, 1, NULL FROM member WHERE entity_id = 'https://a.example';
       INSERT INTO halted_key SELECT thumbprint, 'deployment', 1 FROM member_key WHERE member_id = (SELECT id FROM member WHERE entity_id = 'https://b.example');
       INSERT INTO proposal (id, authority_id, kind, subject_id, decision_digest, content, request, state, proposed_by, created_at) SELECT 'p', id, 'resume', 's', 'd', '{}', '{}', 'done', 'x', 1 FROM authority`,
      [
        'barred_and_living member https://a.example',
        'halted_and_bound member https://a.example',
        'halted_and_bound member https://b.example',
        'decided_by_too_few approval p',
      ],
    ],
    ['a broken event hash', "UPDATE event SET reason = 'forged' WHERE type = 'member.enrolled' AND seq = 3", ['event_hash event 3']],
    ['a removed event', 'DELETE FROM event WHERE seq = 2', ['event_gap event 3']],
    ['a trail that is gone', 'DELETE FROM event', ['event_gap event 1', 'event_gap event 1']],
    [
      'a statement moved to another member',
      "UPDATE artefact SET key = 'https://c.example' WHERE key = 'https://a.example'",
      ['artefact_claims statement https://c.example', 'artefact_missing statement https://a.example'],
    ],
    [
      'a statement with other keys than those bound',
      `UPDATE member SET jwks = '{"keys":[]}' WHERE entity_id = 'https://a.example'`,
      ['artefact_claims statement https://a.example', 'key_index member https://a.example'],
    ],
    [
      'a lifetime that is not in the bytes',
      "UPDATE artefact SET exp = exp + 9999 WHERE key = 'https://a.example'",
      ['artefact_claims statement https://a.example', 'signed_until key '],
    ],
    ['keys that are no key set', `UPDATE member SET jwks = '{"keys":[7]}' WHERE entity_id = 'https://a.example'`, ['cell_unreadable member https://a.example']],
    ['a state that is none', "UPDATE organization SET state = 'gone'", ['cell_unreadable organization row 1 (org_)']],
    [
      'a key that the index does not have',
      "DELETE FROM member_key WHERE member_id IN (SELECT id FROM member WHERE entity_id = 'https://a.example')",
      ['key_index member https://a.example'],
    ],
    [
      'a key in the index that is bound to nobody',
      "INSERT INTO member_key SELECT 'x', id, authority_id FROM member WHERE entity_id = 'https://a.example'",
      ['key_index member https://a.example'],
    ],
    ['a spelling that is another one', "UPDATE member SET spelling = 'b' WHERE entity_id = 'https://a.example'", ['spelling member https://a.example']],
    ['a spelling that is missing', "UPDATE member SET spelling = NULL WHERE entity_id = 'https://a.example'", ['spelling member https://a.example']],
    ['a place that is another one', "UPDATE authority SET place = 'elsewhere.example/x'", ['place authority']],
    [
      'an artefact of an organization that is gone',
      'DELETE FROM organization',
      ['artefact_of_nobody statement https://a.example', 'artefact_of_nobody statement https://b.example'],
    ],
    [
      'a member that is gone, and what it left',
      "DELETE FROM member WHERE entity_id = 'https://a.example'",
      [
        'artefact_of_nobody statement https://a.example',
        'key_index member mem_',
        'row_of_nobody registration_event https://a.example',
        'row_of_nobody status_entry member mem_',
        'status_list status list 0',
      ],
    ],
  ])('%s', async (_title, sabotage, expected) => {
    const d = await populated();
    await d.execute(sabotage);
    // Engines read rows that no order is asked of in one of their own.
    expect((await codes(d)).map((one) => one.replace(/(mem_|org_|until key )[\w-]+/, '$1')).sort()).toEqual([...expected].sort());
  });
  it('a text where a number belongs, where the engine lets it in at all', async () => {
    const d = await populated();
    const done = d.execute("UPDATE member SET valid_until = 'soon' WHERE entity_id = 'https://a.example'");
    if (platform === 'postgres') await expect(done).rejects.toThrow(/invalid input syntax/);
    else await done;
    expect(await codes(d)).toEqual(
      // Of whom it cannot be told when he ends nobody says that he is valid, as the list that is served still does.
      platform === 'postgres' ? [] : ['cell_unreadable member row 1 (https://a.example)', 'status_list status list 0'],
    );
  });
  it('a key that signed what lasts longer than is on record of it', async () => {
    const d = await populated();
    await d.execute('UPDATE authority_key SET signed_until = signed_until - 1');
    expect((await codes(d)).map((one) => one.slice(0, 16))).toEqual(['signed_until key']);
  });
  it.each(['', '{', 'nothing', '{"keys":'])('cells that hold %j are named by table and row, whatever the table; they hide nothing else', async (cell) => {
    const d = await populated();
    await d.execute(`UPDATE member SET jwks = '${cell}', entity_types = '${cell}' WHERE entity_id = 'https://a.example'`);
    await d.execute(`UPDATE event SET detail = '${cell}' WHERE seq = 2`);
    await d.execute(`UPDATE authority SET metadata = '${cell}'`);
    await d.execute(`UPDATE authority_key SET jwk = '${cell}'`);
    await d.execute("UPDATE member SET state = 'suspended' WHERE entity_id = 'https://b.example'");
    const found = await codes(d);
    expect(found.filter((one) => one.startsWith('cell_unreadable'))).toEqual([
      'cell_unreadable authority row 1 (https://anchor.example.org)',
      expect.stringMatching(/^cell_unreadable authority_key row 1 \(key_/),
      'cell_unreadable member row 1 (https://a.example)',
      'cell_unreadable event row 3 (2)',
    ]);
    expect(found).toContain('artefact_orphan statement https://b.example');
    expect(found).toContain('event_hash event 2');
    // The one key there is cannot be read, so no signature can be verified.
    expect(found.filter((one) => one.startsWith('artefact_signature'))).toHaveLength(5);
  });
  it('an index that is still being filled is no damage', async () => {
    const d = await populated();
    await d.execute('DELETE FROM member_key');
    await d.execute('UPDATE member SET spelling = NULL');
    await d.execute("INSERT INTO setting (name, value) VALUES ('members_indexed_to', '')");
    expect(await codes(d)).toEqual([]);
    while ((await indexMembers(d.deployment, 1)) > 0);
    expect(await codes(d)).toEqual([]);
    expect(await d.rows('SELECT count(*) AS n FROM member_key')).toEqual([{ n: 2 }]);
  });
  it.each([
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
      { numRuns: { node: 25, postgres: 8, workers: 3 }[platform] },
    );
  });
});
