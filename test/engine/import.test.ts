import { describe, expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const IMPORTS = '/authorities/main/imports';
const send = (d: TestDeployment, job: string, text: string, type = 'application/x-ndjson', query = '') =>
  d.admin('POST', `${IMPORTS}/${job}/lines${query}`, text, { headers: { 'content-type': type } });
const open = async (d: TestDeployment, body: object = {}) => (await d.admin('POST', IMPORTS, body)).json.id as string;

async function lines(n: number, more: (at: number) => object = () => ({ activate: true })): Promise<string> {
  const { jwks } = await testMember('https://x.example');
  return Array.from({ length: n }, (_, at) => JSON.stringify({ entity_id: `https://m${at}.example`, jwks, ...more(at) })).join('\n');
}

describe('bulk import', () => {
  it('600 members in slices: statements, events, progress; the second time every line is refused', async () => {
    const d = await testDeployment();
    const text = await lines(600, (at) => ({ activate: at % 2 === 0, organization: `Org ${at % 3}`, entity_types: ['oauth_client'] }));
    const job = await open(d, { total: 600 });
    expect((await send(d, job, text)).json).toMatchObject({ done: 600, total: 600, refused: 0, state: 'running' });
    expect((await d.admin('POST', `${IMPORTS}/${job}/finish`)).json.state).toBe('done');
    expect((await d.public('/list')).json).toHaveLength(300);
    expect((await d.admin('GET', '/authorities/main/organizations')).json.items).toHaveLength(3);
    expect((await d.rows("SELECT count(*) AS n FROM event WHERE type = 'member.enrolled'"))[0]).toEqual({ n: 600 });
    expect(await fsck(d.deployment)).toEqual([]);
    const again = await open(d);
    expect((await send(d, again, text)).json).toMatchObject({ done: 600, refused: 600 });
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
    const other = await open(d);
    const { jwks } = await testMember('https://x.example');
    expect((await send(d, other, JSON.stringify({ entity_id: 'https://later.example', jwks }), 'application/x-ndjson', '?first_line=21')).json).toMatchObject({
      done: 21,
      refused: 0,
    });
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
    expect((await send(d, job, csv, 'text/csv')).json).toMatchObject({ done: 2, refused: 1 });
    expect((await d.admin('GET', '/authorities/main/members')).json.items).toMatchObject([
      { entity_id: 'https://a.example', state: 'active', entity_types: ['oauth_client', 'openid_relying_party'], statement_lifetime: 7200 },
    ]);
    expect((await send(d, job, 'entity_id,passwd\nx,y', 'text/csv')).json.detail).toContain('unknown column');
    expect((await send(d, job, 'entity_id\n"x', 'text/csv')).status).toBe(400);
    expect((await send(d, job, '{}', 'application/json')).status).toBe(415);
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

  it('export gives lines back for every member', async () => {
    const d = await testDeployment();
    await send(d, await open(d), await lines(5));
    const answer = await d.admin('GET', '/authorities/main/export');
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(
      answer.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).entity_id),
    ).toHaveLength(5);
  });
});
