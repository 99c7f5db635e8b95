import { platform } from '#test-platform';
import { describe, expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const IMPORTS = '/authorities/main/imports';
const send = (d: TestDeployment, job: string, text: string, type = 'application/x-ndjson', query = '') =>
  d.admin('POST', `${IMPORTS}/${job}/lines${query}`, text, { headers: { 'content-type': type } });
const open = async (d: TestDeployment, body: object = {}) => (await d.admin('POST', IMPORTS, body)).json.id as string;

async function lines(n: number, more: (at: number) => object = () => ({ activate: true })): Promise<string> {
  const { jwks } = await testMember('https://x.example');
  return Array.from({ length: n }, (_, at) => JSON.stringify({ entity_id: `https://m${at}.example`, jwks, ...more(at) })).join('\n');
}

describe('bulk import', () => {
  /** On D1 each line costs ten times as much. */
  const many = platform === 'workers' ? 120 : 600;
  it(`${many} members in slices: statements, events, progress; the second time every line is refused`, async () => {
    const d = await testDeployment();
    const text = await lines(many, (at) => ({ activate: at % 2 === 0, organization: `Org ${at % 3}`, entity_types: ['oauth_client'] }));
    const job = await open(d, { total: many });
    expect((await send(d, job, text)).json).toMatchObject({ done: many, total: many, refused: 0, state: 'running' });
    expect((await d.admin('POST', `${IMPORTS}/${job}/finish`)).json.state).toBe('done');
    expect((await d.public('/list')).json).toHaveLength(many / 2);
    expect((await d.admin('GET', '/authorities/main/organizations')).json.items).toHaveLength(3);
    expect((await d.rows("SELECT count(*) AS n FROM event WHERE type = 'member.enrolled'"))[0]).toEqual({ n: many });
    expect(await fsck(d.deployment)).toEqual([]);
    const again = await open(d);
    expect((await send(d, again, text)).json).toMatchObject({ done: many, refused: many });
    const first = await d.admin('GET', `/authorities/main/jobs/${again}/refusals?limit=1`);
    expect(first.json).toMatchObject({ items: [{ line: 1, entity_id: 'https://m0.example', code: 'already_exists' }], next_cursor: '1' });
  });

  it('one report of what was refused and why, by line; the good lines are enrolled', async () => {
    const d = await testDeployment();
    const { jwks, key } = await testMember('https://x.example');
    const line = (value: object) => JSON.stringify(value);
    const text = [
      line({ entity_id: 'https://good.example', jwks, activate: true }),
      '{"entity_id": broken',
      line({ entity_id: 'ftp://bad.example', jwks }),
      '',
      line({ entity_id: 'https://private.example', jwks: { keys: [{ ...key.jwk, d: 'c2VjcmV0' }] } }),
      line({ entity_id: 'https://good.example', jwks }),
      line({ entity_id: 'https://surplus.example', jwks, surprise: true }),
      line({ entity_id: 'https://nokeys.example' }),
      line({ entity_id: 'https://meta.example', jwks, metadata: { t: { p: null } } }),
      `{"entity_id":"https://dup.example","entity_id":"https://dup2.example"}`,
      'x'.repeat(70_000),
    ].join('\n');
    const job = await open(d);
    expect((await send(d, job, text)).json).toMatchObject({ done: 11, refused: 9 });
    const report = await d.admin('GET', `/authorities/main/jobs/${job}/refusals`);
    expect(report.json.items.map((one: { line: number; code: string }) => [one.line, one.code])).toEqual([
      [2, 'invalid_request'],
      [3, 'entity_id_invalid'],
      [5, 'jwk_private'],
      [6, 'already_exists'],
      [7, 'invalid_request'],
      [8, 'invalid_request'],
      [9, 'metadata_invalid'],
      [10, 'invalid_request'],
      [11, 'invalid_request'],
    ]);
    expect(report.text).not.toContain('c2VjcmV0');
    expect((await d.public('/list')).json).toEqual(['https://good.example']);
  });

  it('a dry run reports the same and enrols nobody', async () => {
    const d = await testDeployment();
    const job = await open(d, { dry_run: true });
    expect((await send(d, job, `${await lines(3)}\nbroken`)).json).toMatchObject({ done: 4, refused: 1, params: { dry_run: true } });
    expect(await d.rows('SELECT * FROM member')).toEqual([]);
    expect(await d.rows("SELECT * FROM artefact WHERE kind = 'statement'")).toEqual([]);
  });

  it('an interrupted import goes on where it stopped: lines taken before are skipped', async () => {
    const d = await testDeployment();
    const text = (await lines(20)).split('\n');
    const job = await open(d);
    await send(d, job, text.slice(0, 12).join('\n'));
    expect((await send(d, job, text.join('\n'))).json).toMatchObject({ done: 20, refused: 0 });
    await d.admin('POST', `${IMPORTS}/${job}/finish`);
    expect((await send(d, job, 'x')).json.code).toBe('wrong_state');
  });

  it('CSV with a header row; unknown columns and broken quotes are refused whole', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const csv = [
      'entity_id,jwks,entity_types,organization,activate,statement_lifetime',
      `https://a.example,${cell(JSON.stringify(jwks))},oauth_client openid_relying_party,"Bank, A",true,7200`,
      `https://b.example,${cell('{broken')},,,maybe,`,
    ].join('\n');
    const job = await open(d);
    expect((await send(d, job, csv, 'text/csv')).json).toMatchObject({ done: 3, refused: 1, params: { enrolled: { active: 1 } } });
    expect((await d.admin('GET', `/authorities/main/jobs/${job}/refusals`)).json.items).toMatchObject([{ line: 3, entity_id: 'https://b.example' }]);
    expect((await d.admin('GET', '/authorities/main/members')).json.items).toMatchObject([
      { entity_id: 'https://a.example', state: 'active', entity_types: ['oauth_client', 'openid_relying_party'], statement_lifetime: 7200 },
    ]);
    const more = `entity_id;jwks\nhttps://c.example;${cell(JSON.stringify(jwks))}`;
    expect((await send(d, job, more, 'text/csv', '?first_line=4')).json).toMatchObject({ done: 4, refused: 1 });
    expect((await send(d, job, 'entity_id,passwd\nx,y', 'text/csv')).json.detail).toContain('unknown column');
    expect((await send(d, job, 'entity_id\n"x', 'text/csv')).status).toBe(400);
    const opened = await d.admin('POST', '/authorities/main/imports', { dry_run: true, csv_header: 'entity_id;passwd' });
    expect([opened.status, opened.json.detail]).toEqual([400, expect.stringContaining('unknown column "passwd"')]);
    expect((await d.admin('GET', '/authorities/main/jobs')).json.items).toHaveLength(1);
    expect((await send(d, job, '{}', 'application/json')).status).toBe(415);
  });

  it('of who may not import, or of a job that is over, nothing is parsed', async () => {
    const d = await testDeployment();
    const job = await open(d);
    const csv = (token?: string) =>
      d.admin('POST', `/authorities/main/imports/${job}/lines`, 'entity_id\n"x', { headers: { 'content-type': 'text/csv' }, ...(token && { token }) });
    expect([(await csv(await d.tokenFor('auditor'))).status, (await csv()).status]).toEqual([403, 400]);
    await d.admin('POST', `/authorities/main/imports/${job}/finish`);
    expect((await csv()).status).toBe(409);
  });

  it('who may not approve cannot activate by import', async () => {
    const d = await testDeployment();
    const token = await d.tokenFor('operator');
    const job = (await d.admin('POST', IMPORTS, {}, { token })).json.id;
    const answer = await d.admin('POST', `${IMPORTS}/${job}/lines`, await lines(2, (at) => ({ activate: at === 0 })), {
      token,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(answer.json).toMatchObject({ done: 2, refused: 1 });
    expect((await d.public('/list')).json).toEqual([]);
  });

  it('a gap is refused, so slices in the wrong order lose no line; blank lines count', async () => {
    const d = await testDeployment();
    const text = (await lines(10)).split('\n');
    const job = await open(d);
    const rest = () => send(d, job, text.slice(5).join('\n'), 'application/x-ndjson', '?first_line=6');
    const early = await rest();
    expect([early.status, early.json.code, early.json.detail]).toEqual([409, 'wrong_state', expect.stringContaining('?first_line=1')]);
    expect((await send(d, job, `${[...text.slice(0, 4), ''].join('\n')}\n`)).json).toMatchObject({ done: 5, refused: 0 });
    expect((await send(d, job, text.slice(4, 5).join('\n'), 'application/x-ndjson', '?first_line=6')).json.done).toBe(6);
    expect((await send(d, job, text.slice(6).join('\n'), 'application/x-ndjson', '?first_line=8')).status).toBe(409);
    expect((await d.admin('GET', '/authorities/main/members')).json.items).toHaveLength(5);
  });

  it('a dry run refuses what the real run will refuse: also what stood in an earlier slice or request', async () => {
    const d = await testDeployment();
    const text = `${await lines(600)}\n${(await lines(2)).split('\n').at(1)}`;
    const [first, later] = [text.split('\n').slice(0, 601).join('\n'), (await lines(3)).split('\n').at(2)];
    const outcome = async (dry: boolean) => {
      const job = await open(d, { dry_run: dry });
      await send(d, job, first);
      const { done, refused } = (await send(d, job, later ?? '', 'application/x-ndjson', '?first_line=602')).json;
      await d.admin('POST', `${IMPORTS}/${job}/finish`);
      const report = (await d.admin('GET', `/authorities/main/jobs/${job}/refusals?limit=1000`)).json.items as {
        line: number;
        code: string;
        severity: string;
      }[];
      const refusals = report.filter(({ severity }) => severity !== 'warning');
      return [done, refused, refusals.map(({ line, code }) => [line, code])];
    };
    const dry = await outcome(true);
    expect(dry).toEqual([
      602,
      2,
      [
        [601, 'already_exists'],
        [602, 'already_exists'],
      ],
    ]);
    expect([await d.rows('SELECT * FROM import_entity'), await d.rows('SELECT * FROM member')]).toEqual([[], []]);
    expect(await outcome(false)).toEqual(dry);
  });

  it('a line and a request are the same enrolment: the same row, the same event, the same refusals', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    const body = { jwks, metadata: { oauth_client: { client_name: 'X' } }, claims: { level: 'high' }, organization: 'Bank', activate: true };
    await d.admin('POST', '/authorities/main/members', { entity_id: 'https://one.example', ...body });
    const unknown = { organization: 'org_00000000000000000000000000' };
    const text = [
      { ...body },
      { ...body, ...unknown },
      { ...body, valid_until: NOW - 5 },
      { ...body, domain_control: { method: 'well_known' }, ec_location: 'https://cdn.example/x' },
    ];
    const job = await open(d);
    await send(d, job, text.map((line, n) => JSON.stringify({ entity_id: `https://two${n}.example`, ...line })).join('\n'));
    const [one, two] = await d.rows('SELECT * FROM member ORDER BY entity_id');
    const same = ({ id: _, entity_id: __, approved_sha256: ___, spelling: ____, status_idx: _____, ...row }: Record<string, unknown> = {}) => row;
    expect(same(two)).toEqual(same(one));
    const [alone, line] = (await d.rows("SELECT detail FROM event WHERE type = 'member.enrolled' ORDER BY seq")).map(({ detail }) =>
      JSON.parse(String(detail)),
    );
    expect({ ...line, entity_id: '' }).toEqual({ ...alone, entity_id: '' });
    const report = (await d.admin('GET', `/authorities/main/jobs/${job}/refusals`)).json.items as { code: string; severity: string }[];
    expect(report.filter(({ severity }) => severity !== 'warning').map(({ code }) => code)).toEqual(['not_found', 'invalid_request', 'invalid_request']);
    const refused = await d.admin('POST', '/authorities/main/members', { entity_id: 'https://three.example', ...body, ...unknown });
    expect(refused.json.code).toBe('not_found');
  });

  it('export comes back unchanged: every state, organizations, keys, lifetimes, claims, constraints, places', async () => {
    const d = await testDeployment();
    const member = async (name: string, body: object, ...verbs: string[]) => {
      const one = await testMember(`https://${name}.example`);
      const made = await d.admin('POST', '/authorities/main/members', { entity_id: one.id, jwks: one.jwks, ...body });
      expect(made.status, made.text).toBe(201);
      for (const verb of verbs)
        expect((await d.admin('POST', `/authorities/main/members/${made.json.id}/${verb}`, { reason: `why ${verb}` })).status).toBe(200);
      return one;
    };
    const word = { method: 'operator', reason: 'contract 4711' };
    await member('full', {
      entity_types: ['openid_relying_party', 'federation_entity'],
      metadata: { openid_relying_party: { client_name: 'Bücher "GmbH"\u2028' } },
      constraints: { max_path_length: 1, naming_constraints: { permitted: ['.example.com'] } },
      claims: { trust_level: { a: [1, null] } },
      crit: ['trust_level'],
      organization: 'Bank, A & Söhne',
      statement_lifetime: 7200,
      valid_until: NOW + 5_000_000,
      activate: true,
    });
    await member('located', { ec_location: 'https://cdn.example/ec.jwt', domain_control: word, organization: 'Bank, A & Söhne', activate: true });
    await member('intermediate', { intermediate: true });
    await member('approved', {}, 'approve');
    await member('suspended', { activate: true }, 'suspend');
    await member('revoked', { activate: true }, 'revoke');
    await member('withdrawn', {}, 'withdraw');
    const taken = await member('taken', { activate: true });
    const fresh = await testKey();
    await d.admin('PUT', `/authorities/main/members/${encodeURIComponent(taken.id)}/keys`, { jwks: { keys: [fresh.jwk] }, reason: 'leaked' });
    const leaf = await member('hosted', { activate: true });
    const compact = await leaf.configuration();
    const put = await d.admin('PUT', `/authorities/main/members/${encodeURIComponent(leaf.id)}/configuration`, {
      entity_configuration: compact,
      domain_control: word,
    });
    expect(put.status, put.text).toBe(200);

    const exported = (await d.admin('GET', '/authorities/main/export')).text;
    expect(exported.trim().split('\n')).toHaveLength(9);
    const other = await testDeployment();
    const job = await open(other);
    const taking = await send(other, job, exported);
    expect(taking.json, (await other.admin('GET', `/authorities/main/jobs/${job}/refusals`)).text).toMatchObject({ done: 9, refused: 0 });
    expect((await other.admin('GET', '/authorities/main/export')).text).toBe(exported);
    expect((await other.public(`/hosted?sub=${encodeURIComponent(leaf.id)}`)).text).toBe(compact);
    expect((await other.public('/list')).json).toEqual((await d.public('/list')).json);
    const barred = await other.admin('POST', '/authorities/main/members', { entity_id: 'https://revoked.example', jwks: leaf.jwks });
    expect([barred.status, (await other.admin('GET', '/authorities/main/organizations')).json.items]).toEqual([
      409,
      [expect.objectContaining({ legal_name: 'Bank, A & Söhne' })],
    ]);
    expect(await fsck(other.deployment)).toEqual([]);
  });

  it('what an operator may not decide he may not import either', async () => {
    const d = await testDeployment();
    const token = await d.tokenFor('operator');
    const job = await open(d);
    const states = ['active', 'approved', 'suspended', 'revoked'];
    const { jwks } = await testMember('https://x.example');
    const text = states.map((state) => JSON.stringify({ entity_id: `https://${state}.example`, jwks, state })).join('\n');
    const answer = await d.admin('POST', `${IMPORTS}/${job}/lines`, text, { token, headers: { 'content-type': 'application/x-ndjson' } });
    expect(answer.json).toMatchObject({ done: 4, refused: 2 });
    const resumed = await d.admin('POST', `/authorities/main/members/${encodeURIComponent('https://suspended.example')}/resume`, {});
    expect(resumed.json.code, 'nobody has looked at it').toBe('wrong_state');
  });
});
