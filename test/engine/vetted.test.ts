import { describe, expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const MEMBERS = '/authorities/main/members';
const RP = 'https://rp.example.com';
const M = `${MEMBERS}/${encodeURIComponent(RP)}`;

async function enrolled(state: 'approved' | 'suspended', body: object = {}) {
  const d = await testDeployment();
  const rp = await testMember(RP);
  const operator = await d.tokenFor('operator');
  const verb = (name: string, more: object = {}, token?: string) => d.admin('POST', `${M}/${name}`, { reason: 'because', ...more }, token ? { token } : {});
  expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, ...body })).status).toBe(201);
  for (const name of state === 'approved' ? ['approve'] : ['approve', 'activate', 'suspend']) expect((await verb(name)).status).toBe(200);
  const change = (what: object) => d.admin('PATCH', M, what, { token: operator });
  const show = async () => (await d.admin('GET', M)).json;
  const events = async () =>
    (await d.admin('GET', '/authorities/main/events?limit=1000')).json.items as { type: string; detail: { changed?: string[]; from?: string; to?: string } }[];
  const fetched = async () => (await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status;
  return { d, rp, operator, verb, change, show, events, fetched };
}

const CHANGES: readonly (readonly [string, object])[] = [
  ['metadata', { metadata: { openid_relying_party: { client_name: 'Another Bank' } } }],
  ['entity_types', { entity_types: ['openid_provider'] }],
  ['intermediate', { intermediate: true }],
  ['constraints', { constraints: { max_path_length: 3 } }],
  ['claims', { claims: { trust_level: 'high' } }],
  ['statement_lifetime_s', { statement_lifetime: 7200 }],
  ['valid_until', { valid_until: NOW + 999_999 }],
  ['organization_id', { organization: 'Somebody Else Ltd' }],
  ['ec_location', { ec_location: `${RP}/elsewhere.jwt`, domain_control: { method: 'operator', reason: 'I know them' } }],
];

describe('what a person approved is what is activated', () => {
  it.each(CHANGES)('a change of %s of an approved member sends it back to vetting in its own commit', async (name, change) => {
    const t = await enrolled('approved');
    expect((await t.change(change)).json.state).toBe('vetting');
    const all = await t.events();
    expect(all.at(-1)).toMatchObject({ type: 'member.sent_back', detail: { from: 'approved', to: 'vetting' } });
    expect(all.at(-1)?.detail.changed).toContain(name === 'statement_lifetime_s' ? 'statement_lifetime' : name);
    const refused = await t.verb('activate');
    expect([refused.status, refused.json.code, await t.fetched()]).toEqual([409, 'wrong_state', 404]);
    await t.verb('approve');
    expect([(await t.verb('activate')).json.state, await t.fetched()]).toEqual(['active', 200]);
  });

  it('a change that changes nothing leaves the approval', async () => {
    const t = await enrolled('approved', { entity_types: ['openid_provider'] });
    expect((await t.change({ entity_types: ['openid_provider'] })).json.state).toBe('approved');
    expect((await t.events()).map(({ type }) => type)).not.toContain('member.sent_back');
  });

  it('so do other keys: given by a person, adopted from a configuration, or taken away with a compromised one', async () => {
    for (const how of ['replaced', 'adopted', 'compromised']) {
      const t = await enrolled('approved');
      const fresh = await testKey();
      if (how === 'replaced') await t.d.admin('PUT', `${M}/keys`, { jwks: { keys: [fresh.jwk] }, reason: 'new server' });
      if (how === 'adopted') {
        const compact = await t.rp.configuration({ jwks: { keys: [t.rp.key.jwk, fresh.jwk] } });
        expect((await t.d.admin('POST', `${M}/keys/adopt`, { entity_configuration: compact }, { token: t.operator })).status).toBe(200);
      }
      if (how === 'compromised') {
        const [ours] = (await t.d.admin('GET', '/authorities/main/keys')).json.items;
        await t.d.execute(`UPDATE member SET jwks = '${JSON.stringify({ keys: [t.rp.key.jwk, ours.jwk] })}'`);
        await t.d.execute(`INSERT INTO member_key (thumbprint, member_id, authority_id) SELECT '${ours.kid}', id, authority_id FROM member`);
        await t.verb('approve');
        await revokeKey(t.d.call, 'main', ours.kid, 'compromised');
      }
      expect((await t.show()).state, how).toBe('vetting');
      expect((await t.events()).at(-1), how).toMatchObject({ type: 'member.sent_back', detail: { changed: ['jwks'] } });
      expect((await t.verb('activate')).status, how).toBe(409);
    }
  });

  it('a row that was changed past every verb is not activated, and can be approved again', async () => {
    const t = await enrolled('approved');
    await t.d.execute(`UPDATE member SET metadata = '{"openid_provider":{"issuer":"https://forged.example"}}'`);
    const refused = await t.verb('activate');
    expect([refused.json.code, refused.json.detail]).toEqual(['wrong_state', expect.stringContaining('approve it again')]);
    expect((await t.verb('approve', {}, t.operator)).status).toBe(403);
    expect((await t.verb('approve')).json.already).toBeUndefined();
    expect((await t.verb('approve')).json.already).toBe(true);
    expect((await t.verb('activate')).json.state).toBe('active');
  });

  it('a member of before the digest was kept is approved once more', async () => {
    const t = await enrolled('approved');
    await t.d.execute('UPDATE member SET approved_sha256 = NULL');
    expect((await t.verb('activate')).status).toBe(409);
    await t.verb('approve');
    expect((await t.verb('activate')).json.state).toBe('active');
  });
});

describe('what was in force is what is resumed', () => {
  it('an unchanged member is resumed as ever, also one whose configuration we served', async () => {
    const t = await enrolled('suspended');
    expect((await t.verb('resume')).json.state).toBe('active');
    const compact = await t.rp.configuration();
    const hosted = await t.d.admin('PUT', `${M}/configuration`, {
      entity_configuration: compact,
      domain_control: { method: 'operator', reason: 'known' },
    });
    expect(hosted.status, hosted.text).toBe(200);
    await t.verb('suspend');
    expect((await t.verb('resume')).json.state).toBe('active');
    expect(await fsck(t.d.deployment)).toEqual([]);
  });

  it.each(CHANGES)('one whose %s an operator changed meanwhile takes the version that was looked at', async (_name, change) => {
    const t = await enrolled('suspended');
    const changed = await t.change(change);
    expect([changed.json.state, (await t.verb('resume')).json.code, await t.fetched()]).toEqual(['suspended', 'wrong_state', 404]);
    expect((await t.verb('resume', { v: changed.json.v - 1 })).status).toBe(412);
    expect((await t.verb('resume', { v: changed.json.v })).json.state).toBe('active');
    expect((await t.events()).at(-1)).toMatchObject({ type: 'member.resumed', detail: { approved_anew: true } });
  });

  it('what an approver has changed himself is decided, what an operator changed before it is not', async () => {
    const t = await enrolled('suspended');
    const fresh = await testKey();
    const replace = () => t.d.admin('PUT', `${M}/keys`, { jwks: { keys: [fresh.jwk] }, reason: 'the old one leaked' });
    expect((await replace()).status).toBe(200);
    expect((await t.verb('resume')).json.state).toBe('active');
    await t.verb('suspend');
    await t.change({ claims: { trust_level: 'high' } });
    await t.d.admin('PATCH', M, { entity_types: ['openid_provider'] });
    expect((await t.verb('resume')).json.code).toBe('wrong_state');
  });
});
