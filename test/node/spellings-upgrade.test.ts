import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { indexMembers } from '../../src/operations/members/index-members.js';
import { testDeployment, testMember } from '../support/deployment.js';

const MEMBERS = '/authorities/main/members';

it('rows of before are spelled anew after the upgrade, and only where one has such an identifier', async () => {
  const d = await testDeployment();
  const { jwks } = await testMember('https://rp.example.com');
  const upgrade = () => d.execute(readFileSync(new URL('../../drizzle/0011_spellings_folded.sql', import.meta.url), 'utf8'));
  const pending = () => d.rows("SELECT value FROM setting WHERE name = 'members_indexed_to'");
  await d.admin('POST', MEMBERS, { entity_id: 'https://rp.example.com', jwks });
  await upgrade();
  expect(await pending()).toEqual([]);
  await d.admin('POST', MEMBERS, { entity_id: 'https://op.example.com//x', jwks: (await testMember('https://op.example.com')).jwks });
  await d.execute("UPDATE member SET spelling = 'op.example.com//x/.well-known/openid-federation' WHERE entity_id LIKE '%//x'");
  await upgrade();
  expect(await pending()).toEqual([{ value: '' }]);
  const again = () => d.admin('POST', MEMBERS, { entity_id: 'https://op.example.com/x', jwks });
  expect((await again()).status, 'not before it is known who is here').toBe(503);
  while ((await indexMembers(d.deployment, 1)) > 0);
  expect((await again()).json.findings).toEqual(expect.arrayContaining([expect.objectContaining({ code: 'identifier_respelled' })]));
});
