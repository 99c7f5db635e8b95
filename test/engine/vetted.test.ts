import { calculateJwkThumbprint } from 'jose';
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
        await t.d.execute(`INSERT INTO member_key SELECT '${await calculateJwkThumbprint(ours.jwk)}', id, authority_id FROM member`);
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
    const refused = await t.verb('activate');
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringContaining('an earlier version approved it; look at it and approve it again')]);
    await t.verb('approve');
    expect((await t.verb('activate')).json.state).toBe('active');
  });
  it('a member of before the digest was kept is resumed with the version looked at, and the refusal says why', async () => {
    const t = await enrolled('suspended');
    await t.d.execute('UPDATE member SET approved_sha256 = NULL');
    const refused = await t.verb('resume');
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringMatching(/suspended by an earlier version.*--seen \d+ \(API: v\)$/)]);
    const [, v] = /--seen (\d+)/.exec(refused.json.detail) ?? [];
    expect((await t.verb('resume', { v: Number(v) })).json.state).toBe('active');
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

it('who comes back as suspended was approved by nobody, whatever it was before: an approver names the version looked at', async () => {
  for (const was of ['nobody', 'withdrawn', 'refused']) {
    const d = await testDeployment();
    const [operator, approver] = [await d.tokenFor('operator'), await d.tokenFor('approver')];
    const { jwks } = await testMember(RP);
    if (was !== 'nobody') {
      expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks }, { token: operator })).status).toBe(201);
      const verb = was === 'withdrawn' ? 'withdraw' : 'refuse';
      expect((await d.admin('POST', `${M}/${verb}`, { reason: 'no' }, { token: operator })).status).toBe(200);
    }
    const { id } = (await d.admin('POST', '/authorities/main/imports', {}, { token: operator })).json;
    const headers = { 'content-type': 'application/x-ndjson' };
    const line = `${JSON.stringify({ entity_id: RP, jwks, state: 'suspended' })}\n`;
    expect((await d.admin('POST', `/authorities/main/imports/${id}/lines`, line, { token: operator, headers })).json.refused).toBe(0);
    const resume = (more: object) => d.admin('POST', `${M}/resume`, { reason: 'because', ...more }, { token: approver });
    expect([was, (await resume({})).status, (await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status]).toEqual([was, 409, 404]);
    expect((await resume({ v: (await d.admin('GET', M)).json.v })).status).toBe(200);
  }
});
