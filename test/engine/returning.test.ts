import { describe, expect, it } from 'vitest';
import { retellMembers } from '../../src/operations/members/retell.js';
import { fsck } from '../../src/operations/fsck.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const MEMBERS = '/authorities/main/members';
const RP = 'https://rp.example.com';
const of = encodeURIComponent(RP);
const WELL_KNOWN = `${RP}/.well-known/openid-federation`;

async function applied() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  const enroll = (body: object = {}, options: { token?: string } = {}) => d.admin('POST', MEMBERS, { entity_id: RP, jwks: rp.jwks, ...body }, options);
  const verb = (name: string) => d.admin('POST', `${MEMBERS}/${of}/${name}`, { reason: 'papers missing' });
  const events = async () =>
    (await d.admin('GET', '/authorities/main/events?limit=100')).json.items as { type: string; reason?: string; detail: { was?: string } }[];
  const first = await enroll();
  expect(first.status).toBe(201);
  return { d, rp, enroll, verb, events, id: first.json.id as string };
}
const fetched = async (d: Awaited<ReturnType<typeof applied>>['d']) => (await d.public(`/fetch?sub=${of}`)).status;

describe('an entity that was here before', () => {
  it.each(['refuse', 'withdraw'])('after %s it applies again, under the same id and with its history', async (how) => {
    const { d, enroll, verb, events, id } = await applied();
    expect((await verb(how)).status).toBe(200);
    const again = await enroll({ activate: true });
    expect([again.status, again.json.id, again.json.state, await fetched(d)], again.text).toEqual([201, id, 'active', 200]);
    const enrolled = (await events()).filter(({ type }) => type === 'member.enrolled');
    expect(enrolled.map(({ detail }) => detail.was)).toEqual([undefined, how === 'refuse' ? 'refused' : 'withdrawn']);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('one that is applying, active or suspended is known already', async () => {
    const { enroll, verb } = await applied();
    for (const name of ['approve', 'activate', 'suspend']) {
      expect((await enroll({ readmit: 'no reason is enough' })).json.code, `before ${name}`).toBe('already_exists');
      expect((await verb(name)).status).toBe(200);
    }
    expect((await enroll({ readmit: 'no' })).json.code).toBe('already_exists');
  });

  it.each(['revoked', 'archived'])('%s stays barred, but for an approver with a reason', async (state) => {
    const { d, enroll, verb, events, id } = await applied();
    for (const name of ['approve', 'activate', 'revoke', ...(state === 'archived' ? ['archive'] : [])]) expect((await verb(name)).status).toBe(200);
    const barred = await enroll();
    expect([barred.status, barred.json.code, barred.json.detail]).toEqual([409, 'already_exists', expect.stringContaining('readmit')]);
    const respelled = await enroll({ entity_id: `${RP}/`, waive: ['identifier_respelled'] });
    expect([respelled.status, respelled.json.detail], 'nor with its old keys under another spelling').toEqual([409, expect.stringContaining('barred')]);
    const operator = await d.tokenFor('operator');
    expect((await enroll({ readmit: 'a mistake' }, { token: operator })).status).toBe(403);
    const back = await enroll({ readmit: 'revoked by mistake', jwks: { keys: [(await testKey()).jwk] } });
    expect([back.status, back.json.id, back.json.state, await fetched(d)]).toEqual([201, id, 'vetting', 404]);
    expect((await events()).at(-1)).toMatchObject({ type: 'member.enrolled', reason: 'revoked by mistake', detail: { was: state } });
  });

  it('revoked by a version that knows no bars: barred by the background, and at once when it asks to come back', async () => {
    const { d, enroll, verb, id } = await applied();
    for (const name of ['approve', 'activate', 'revoke', 'archive']) expect((await verb(name)).status).toBe(200);
    const bars = () => d.rows('SELECT entity_id, member_id, event_seq, readmitted_at FROM barred_identifier');
    const [bar] = await bars();
    const none = () => d.execute('DELETE FROM barred_identifier');
    await none();
    await retellMembers(d.deployment);
    expect(await bars()).toEqual([bar]);
    await retellMembers(d.deployment);
    expect(await bars(), 'once').toHaveLength(1);
    await none();
    expect((await enroll({ readmit: 'with its old keys' })).json.detail, 'the keys it had then').toContain('keys');
    expect(await bars()).toEqual([bar]);
    await none();
    expect((await enroll({ readmit: 'by mistake', jwks: { keys: [(await testKey()).jwk] } })).status).toBe(201);
    expect(await d.rows('SELECT predecessor FROM member WHERE predecessor IS NOT NULL')).toHaveLength(1);
    // Whoever is back, or was refused since, is not barred for what was before that.
    for (const name of ['refuse', 'archive']) expect((await verb(name)).status).toBe(200);
    await retellMembers(d.deployment);
    expect((await bars()).filter(({ readmitted_at: at }) => at === null)).toEqual([]);
    expect(id).toBe(bar?.['member_id']);
  });

  it('a key that a person took away comes back by a person, and by no configuration', async () => {
    const { d, rp, enroll, verb } = await applied();
    const other = await testKey();
    await d.admin('PUT', `${MEMBERS}/${of}/keys`, { jwks: { keys: [other.jwk] }, reason: 'leaked' });
    await verb('withdraw');
    d.network.set(WELL_KNOWN, await rp.configuration());
    const shown = await enroll({ jwks: undefined });
    expect([shown.status, shown.json.detail], shown.text).toEqual([409, expect.stringContaining('took away')]);
    expect((await enroll()).status).toBe(201);
  });

  it('readmit is for who was here', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(RP);
    expect((await d.admin('POST', MEMBERS, { entity_id: RP, jwks, readmit: 'x' })).status).toBe(409);
  });
});
