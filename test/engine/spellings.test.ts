import { describe, expect, it } from 'vitest';
import { spellingOf } from '../../src/federation/place.js';
import { testDeployment, testMember } from '../support/deployment.js';

const MEMBERS = '/authorities/main/members';
const ID = 'https://rp.example.com/a/b~c';
const OTHERS = [
  `${ID}/`,
  `${ID}//`,
  'https://rp.example.com//a/b~c',
  'https://rp.example.com/a///b~c/',
  'https://rp.example.com/%61/b~c',
  'https://rp.example.com/a/b%7Ec',
  'https://rp.example.com/a/b%7ec',
  'https://RP.example.com/a/b~c',
  'https://rp.example.com:443/a/b~c',
  'https://rp.example.com./a/b~c',
  'https://rp.example.com.:443//%61/b%7E%63/',
];

describe('EI-03: an identifier that equals another but for its spelling', () => {
  it.each(OTHERS)('%s is refused unless waived by name, and once the other is revoked it is an approver’s decision', async (other) => {
    const d = await testDeployment();
    const { jwks } = await testMember(ID);
    const second = (await testMember(other)).jwks;
    expect((await d.admin('POST', MEMBERS, { entity_id: ID, jwks, activate: true })).status).toBe(201);
    const enrol = (more: object, token = d.token) => d.admin('POST', MEMBERS, { entity_id: other, jwks: second, ...more }, { token });
    expect((await enrol({})).json).toMatchObject({ code: 'findings', findings: [{ code: 'identifier_respelled', detail: expect.stringContaining(ID) }] });
    await d.admin('POST', `${MEMBERS}/${encodeURIComponent(ID)}/revoke`, { reason: 'fraud' });
    expect((await enrol({})).status, 'barred under whatever spelling').toBe(422);
    const waive = ['identifier_respelled'];
    expect((await enrol({ waive }, await d.tokenFor('operator'))).json.code).toBe('permission_denied');
    expect((await enrol({ waive })).status).toBe(201);
  });
  it.each([
    'https://rp.example.com/A/b~c',
    'https://rp.example.com/a%2Fb~c',
    'https://rp.example.com:8443/a/b~c',
    'https://rp.example.com/a/b~c/d',
    'https://a.rp.example.com/a/b~c',
  ])('%s is another', (other) => expect(spellingOf(other)).not.toBe(spellingOf(ID)));
});
