import { expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { enrollMember } from '../../src/operations/members/enroll-member.js';
import { testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';

it('after an upgrade the index of members comes before all other work, in shares: enrolments wait for no backlog', async () => {
  const d = await testDeployment();
  for (let n = 0; n < 5; n++)
    await enrollMember(d.call, 'main', { entityId: `https://m${n}.example.com`, jwks: (await testMember(`https://m${n}.example.com`)).jwks, activate: true });
  const applicant = { entity_id: 'https://new.example.com', jwks: (await testMember('https://new.example.com')).jwks };
  const enroll = async () => (await d.admin('POST', `${A}/members`, applicant)).status;
  // An upgrade: nothing is indexed; and a backlog: everything is due.
  await d.execute("INSERT INTO setting (name, value) VALUES ('members_indexed_to', '') ON CONFLICT (name) DO UPDATE SET value = excluded.value");
  await d.execute(`UPDATE artefact SET renew_at = ${d.clock - 10}`);
  expect(await enroll()).toBe(503);
  let asked = 0;
  // So little as a turn may do.
  await backgroundTurn(d.deployment, { more: () => asked++ < 3, slice: 1 });
  expect(await d.rows("SELECT 1 FROM setting WHERE name = 'members_indexed_to'"), 'it was done within the first share').toEqual([]);
  expect(await enroll()).toBe(201);
});
