import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { revokeKey } from '../../src/operations/keys/revoke-key.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const enroll = (d: TestDeployment, entity_id: string, jwks: object, body: object = {}, slug = 'main', token?: string) =>
  d.admin('POST', `/authorities/${slug}/members`, { entity_id, jwks, activate: true, ...body }, token ? { token } : {});
type Found = { readonly code: string; readonly severity: string; readonly detail: string };
const codes = (findings: readonly Found[]) => findings.map(({ code, severity }) => [code, severity]);
const SHARED = ['key_shared', 'warning'];

describe('a key that is somebody else’s too', () => {
  it('is a warning: at the enrolment, in the pre-flight, when keys are replaced, in member show; under whatever kid', async () => {
    const d = await testDeployment();
    const one = await testMember('https://one.example');
    expect((await enroll(d, one.id, one.jwks)).json.findings).toEqual([]);
    const second = await enroll(d, 'https://two.example', { keys: [{ ...one.key.jwk, kid: 'another-name' }] });
    expect([second.status, codes(second.json.findings), second.json.findings[0].detail]).toEqual([201, [SHARED], expect.stringContaining(one.id)]);
    expect(codes((await d.admin('GET', `${A}/members/${encodeURIComponent(one.id)}`)).json.findings), 'and of the first').toEqual([SHARED]);
    const three = await testMember('https://three.example', one.key);
    const report = await d.admin('POST', `${A}/preflight`, { entity_id: three.id, entity_configuration: await three.configuration() });
    expect([report.json.ok, codes(report.json.findings).filter(([code]) => code === 'key_shared')]).toEqual([true, [SHARED]]);
    const live = await enroll(d, three.id, {}, { jwks: undefined, entity_configuration: await three.configuration() });
    expect(
      codes(live.json.findings).filter(([code]) => code === 'key_shared'),
      'said once',
    ).toEqual([SHARED]);
    const own = await testKey();
    const keys = (id: string, jwks: object) => d.admin('PUT', `${A}/members/${encodeURIComponent(id)}/keys`, { jwks, reason: 'rolled over' });
    expect((await keys('https://two.example', { keys: [own.jwk] })).json.findings).toEqual([]);
    expect(codes((await keys('https://two.example', one.jwks)).json.findings)).toEqual([SHARED]);
    expect((await d.rows('SELECT * FROM member_key')).length, 'one row a member and key').toBe(3);
  });

  it('is no finding of the same entity under another authority', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'two', entity_id: 'https://two.example.org' });
    const rp = await testMember('https://rp.example');
    await enroll(d, rp.id, rp.jwks);
    expect((await enroll(d, rp.id, rp.jwks, {}, 'two')).json.findings).toEqual([]);
  });

  it('in an import: by earlier members and by earlier lines', async () => {
    const d = await testDeployment();
    const [one, own] = [await testMember('https://one.example'), await testKey()];
    await enroll(d, one.id, one.jwks);
    const job = (await d.admin('POST', `${A}/imports`, {})).json.id;
    const lines = [one.jwks, { keys: [own.jwk] }, { keys: [own.jwk] }].map((jwks, n) => JSON.stringify({ entity_id: `https://l${n}.example`, jwks }));
    const sent = await d.admin('POST', `${A}/imports/${job}/lines`, lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } });
    expect(sent.json).toMatchObject({ done: 3, refused: 0 });
    const report = (await d.admin('GET', `${A}/jobs/${job}/refusals`)).json.items as { line: number; code: string; severity: string }[];
    expect(report.map(({ line, code, severity }) => [line, code, severity])).toEqual([1, 2, 3].map((line) => [line, ...SHARED]));
  });

  it('of the authority itself is refused unless waived by name; of another authority it is a warning; its own entity has it rightly', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'inter', entity_id: 'https://inter.example.org' });
    const jwksOf = async (slug: string) => ({ keys: [(await d.admin('GET', `/authorities/${slug}/keys`)).json.items[0].jwk] });
    const [ours, theirs] = [await jwksOf('main'), await jwksOf('inter')];
    const refused = await enroll(d, 'https://rp.example', ours);
    expect([refused.status, refused.json.code, codes(refused.json.findings)]).toEqual([422, 'findings', [['key_of_authority', 'error']]]);
    expect((await enroll(d, 'https://rp.example', ours, { waive: ['key_of_authority'] })).status).toBe(201);
    const event = (await d.admin('GET', `${A}/events?limit=1000`)).json.items.at(-1);
    expect(event.detail.waived).toEqual(['key_of_authority']);
    expect(codes((await enroll(d, 'https://other.example', theirs)).json.findings)).toEqual([['key_of_authority', 'warning']]);
    expect(codes((await enroll(d, 'https://inter.example.org', theirs, { intermediate: true })).json.findings)).toEqual([SHARED]);
    const rp = await testMember('https://keys.example');
    await enroll(d, rp.id, rp.jwks);
    const put = (body: object) => d.admin('PUT', `${A}/members/${encodeURIComponent(rp.id)}/keys`, { jwks: ours, reason: 'x', ...body });
    expect([(await put({})).status, (await put({ waive: ['key_of_authority'] })).status]).toEqual([422, 200]);
  });
});

describe('a key that an authority here called compromised', () => {
  it('§8.7.3: is bound to nobody again, under whatever kid, its own entity included; no waiver helps', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'inter', entity_id: 'https://inter.example.org' });
    const [{ jwk, kid }] = (await d.admin('GET', '/authorities/inter/keys')).json.items;
    const [own, rp] = [await testKey(), await testMember('https://rp.example')];
    await enroll(d, rp.id, rp.jwks);
    expect((await enroll(d, 'https://before.example', { keys: [own.jwk, jwk] })).status).toBe(201);
    await revokeKey(d.call, 'inter', kid, 'compromised');
    const carrying = { keys: [own.jwk, { ...jwk, kid: 'another-name' }] };
    const waive = { waive: ['key_of_authority'] };
    for (const id of ['https://inter.example.org', 'https://new.example']) {
      for (const answer of [await enroll(d, id, carrying), await enroll(d, id, carrying, waive)]) {
        expect([id, answer.status, answer.json.code]).toEqual([id, 422, 'findings']);
        expect(codes(answer.json.findings)).toContainEqual(['key_compromised', 'error']);
      }
    }
    const put = (id: string) => d.admin('PUT', `${A}/members/${encodeURIComponent(id)}/keys`, { jwks: carrying, reason: 'x', ...waive });
    expect([(await put(rp.id)).status, (await put('https://before.example')).status]).toEqual([422, 422]);
    const job = (await d.admin('POST', `${A}/imports`, {})).json.id;
    const line = JSON.stringify({ entity_id: 'https://line.example', jwks: carrying, ...waive });
    const sent = await d.admin('POST', `${A}/imports/${job}/lines`, line, { headers: { 'content-type': 'application/x-ndjson' } });
    expect(sent.json).toMatchObject({ done: 1, refused: 1 });
    expect(await d.rows(`SELECT 1 FROM member_key WHERE thumbprint = '${kid}'`)).toEqual([]);
    expect((await d.admin('POST', `${A}/members/${encodeURIComponent('https://before.example')}/suspend`, { reason: 'x' })).status, 'a cut goes on').toBe(200);
  });

  it('one that was merely superseded is a warning as before', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'inter', entity_id: 'https://inter.example.org' });
    const [{ jwk, kid }] = (await d.admin('GET', '/authorities/inter/keys')).json.items;
    await revokeKey(d.call, 'inter', kid, 'superseded');
    const answer = await enroll(d, 'https://new.example', { keys: [jwk] });
    expect([answer.status, codes(answer.json.findings)]).toEqual([201, [['key_of_authority', 'warning']]]);
  });
});

describe('rows of an earlier version', () => {
  const older = async (n: number) => {
    const d = await testDeployment();
    for (let at = 0; at < n; at++) await enroll(d, `https://m${at}.example`, { keys: [(await testKey()).jwk] });
    await d.execute('UPDATE member SET spelling = NULL; '.trim());
    await d.execute('DELETE FROM member_key');
    await d.execute("INSERT INTO setting (name, value) VALUES ('members_indexed_to', '')");
    return d;
  };

  it('are indexed by the background; until then no one is enrolled, and the kill switch reads their text', async () => {
    const d = await older(3);
    const rp = await testMember('https://rp.example');
    expect((await enroll(d, rp.id, rp.jwks)).status).toBe(503);
    const ours = (await d.admin('GET', `${A}/keys`)).json.items[0];
    const [row] = await d.rows("SELECT id, jwks FROM member WHERE entity_id = 'https://m1.example'");
    const jwks = { keys: [...JSON.parse(String(row?.['jwks'])).keys, ours.jwk] };
    await d.execute(`UPDATE member SET jwks = '${JSON.stringify(jwks)}' WHERE id = '${row?.['id']}'`);
    await revokeKey(d.call, 'main', ours.kid, 'compromised');
    expect((await d.admin('GET', `${A}/members/${row?.['id']}`)).json.jwks.keys).toHaveLength(1);
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await d.rows('SELECT * FROM member_key')).length).toBe(3);
    expect(await d.rows('SELECT * FROM member WHERE spelling IS NULL')).toEqual([]);
    expect(await d.rows("SELECT * FROM setting WHERE name = 'members_indexed_to'")).toEqual([]);
    expect((await enroll(d, rp.id, rp.jwks)).status).toBe(201);
    expect((await enroll(d, 'https://M1.example', rp.jwks)).json.code).toBe('findings');
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('an identifier that is another one’s but for its spelling', () => {
  const SPELLINGS = [
    'https://rp.example.com/',
    'https://RP.Example.com',
    'https://rp.example.com:443',
    'https://rp.example.com.',
    'https://RP.example.com.:443/',
  ];
  const WAIVED = { waive: ['identifier_respelled'] };
  async function known(state: 'active' | 'revoked' | 'withdrawn') {
    const d = await testDeployment();
    const rp = await testMember('https://rp.example.com');
    await enroll(d, rp.id, rp.jwks, { activate: state !== 'withdrawn' });
    const verb = { active: undefined, revoked: 'revoke', withdrawn: 'withdraw' }[state];
    if (verb) await d.admin('POST', `${A}/members/${encodeURIComponent(rp.id)}/${verb}`, { reason: 'fraud' });
    return { d, jwks: { keys: [(await testKey()).jwk] } };
  }

  it('is refused, named, unless waived', async () => {
    const { d, jwks } = await known('active');
    for (const id of SPELLINGS) {
      const refused = await enroll(d, id, jwks);
      expect([id, refused.status, codes(refused.json.findings)]).toEqual([id, 422, [['identifier_respelled', 'error']]]);
      expect(refused.json.detail).toContain('identifier_respelled can be waived');
    }
    for (const id of ['https://rp.example.com/a', 'https://rp.example.com:8443', 'https://rp.example.co'])
      expect((await enroll(d, id, jwks)).status, id).toBe(201);
    expect((await enroll(d, 'https://ANCHOR.example.org', jwks)).json.detail, 'an authority').toContain('identifier_respelled');
    expect((await enroll(d, SPELLINGS[0] as string, jwks, WAIVED)).status).toBe(201);
  });

  it('of one that was revoked comes back by an approver only; of one that withdrew it is free', async () => {
    const { d, jwks } = await known('revoked');
    const operator = await d.tokenFor('operator');
    for (const id of SPELLINGS) expect((await enroll(d, id, jwks)).json.code, id).toBe('findings');
    const tried = await enroll(d, SPELLINGS[0] as string, jwks, { ...WAIVED, activate: false }, 'main', operator);
    expect([tried.status, tried.json.code]).toEqual([403, 'permission_denied']);
    expect((await enroll(d, SPELLINGS[0] as string, jwks, WAIVED)).status).toBe(201);
    const free = await known('withdrawn');
    expect((await enroll(free.d, SPELLINGS[1] as string, free.jwks)).status).toBe(201);
  });

  it('in an import, also of an earlier line, dry or not; and when it is hosted', async () => {
    const { d, jwks } = await known('revoked');
    const ids = [...SPELLINGS.slice(0, 2), 'https://new.example', 'https://NEW.example', 'https://new.example/'];
    const line = (id: string) => JSON.stringify({ entity_id: id, jwks, ...(id.endsWith('new.example/') && WAIVED) });
    for (const dry_run of [true, false]) {
      const job = (await d.admin('POST', `${A}/imports`, { dry_run })).json.id;
      const send = (some: readonly string[], first: number) =>
        d.admin('POST', `${A}/imports/${job}/lines?first_line=${first}`, some.map(line).join('\n'), { headers: { 'content-type': 'application/x-ndjson' } });
      await send(ids.slice(0, 3), 1);
      expect((await send(ids.slice(3), 4)).json).toMatchObject({ done: 5, refused: 3 });
    }
    const twin = await testMember('https://TWIN.example');
    await enroll(d, 'https://twin.example', { keys: [(await testKey()).jwk] });
    expect((await enroll(d, twin.id, twin.jwks, WAIVED)).status).toBe(201);
    const host = (body: object) =>
      twin.configuration().then((entity_configuration) =>
        d.admin('PUT', `${A}/members/${encodeURIComponent(twin.id)}/configuration`, {
          entity_configuration,
          domain_control: { method: 'operator', reason: 'known' },
          ...body,
        }),
      );
    expect((await host({})).json.code).toBe('findings');
    expect((await host(WAIVED)).status).toBe(200);
  });
});
