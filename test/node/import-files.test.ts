import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testKey } from '../support/keys.js';
import { command as run } from '../support/node/command.js';
import { MAIN, shared, startProcess, tempFolder } from '../support/process.js';

const { later, end } = shared();
let folder: string;
let env: Record<string, string>;
let jwks: string;
const cli = (...args: string[]) => run(args, env);
const put = (name: string, content: string | Buffer) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
const stateOf = async (id: string) => JSON.parse((await cli('--json', 'member', 'show', id)).stdout);

beforeAll(async () => {
  folder = tempFolder(later);
  const server = await startProcess(folder, { later });
  env = { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' };
  jwks = JSON.stringify({ keys: [(await testKey()).jwk] });
});

afterAll(end);

describe('member import takes what spreadsheets write', () => {
  it.each([
    ['comma, CRLF, quoted last column', 'a.csv', ',', '\r\n', ''],
    ['semicolon, byte order mark', 'b.CSV', ';', '\r\n', '\ufeff'],
    ['tab, no suffix', 'c', '\t', '\n', ''],
    ['comma, old line ends', 'd.csv', ',', '\r', ''],
  ])('%s', async (_name, file, separator, end, mark) => {
    const host = `https://${file[0]}.spread.example`;
    const rows = [
      ['Entity ID', 'entity_types', 'organization', 'activate', 'valid_until', 'statement_lifetime', 'jwks', ''],
      [`${host}/1`, '"openid_relying_party,oauth_client"', '"Bank\nof, ""A"""', 'TRUE', '2099-01-01', '12h', cell(jwks), ''],
      ['', '', '', '', '', '', '', ''],
      [` ${host}/2`, 'openid_relying_party;oauth_client', 'B\u00e4nk', 'Nein', '', '7200', cell(jwks), ''],
    ];
    if (separator === ';') (rows[3] as string[])[1] = 'openid_relying_party|oauth_client';
    const answer = await cli('member', 'import', put(file, mark + rows.map((row) => row.join(separator)).join(end) + end));
    expect(answer.stderr).toContain('2 enrolled: 1 in state active, 1 in state vetting; 0 refused');
    expect(await stateOf(`${host}/1`)).toMatchObject({
      state: 'active',
      entity_types: ['openid_relying_party', 'oauth_client'],
      valid_until: Date.UTC(2099, 0, 1) / 1000,
      statement_lifetime: 43_200,
    });
    expect(await stateOf(`${host}/2`)).toMatchObject({ state: 'vetting', entity_types: ['openid_relying_party', 'oauth_client'] });
  });

  it('refusals name the row of the sheet and the identifier, in whatever state the row is', async () => {
    const csv = [
      '',
      'entity_id,jwks,intermediate',
      `https://row3.example,${cell(jwks)},`,
      '',
      `https://row5.example,${cell(jwks.replaceAll(',', ',\n'))},maybe`,
      `ftp://row6.example,${cell(jwks)},`,
      'https://row7.example,,',
      `https://row8.example,${cell(jwks)}`,
      'https://row9.example,{broken},',
    ].join('\r\n');
    const answer = await cli('--json', 'member', 'import', put('rows.csv', csv));
    const { job, refusals } = JSON.parse(answer.stdout) as { job: object; refusals: { line: number; entity_id: string; detail: string }[] };
    expect([answer.code, job]).toMatchObject([4, { done: 9, refused: 5, params: { enrolled: { vetting: 1 } } }]);
    expect(refusals.map(({ line, entity_id: id }) => [line, id])).toEqual([
      [5, 'https://row5.example'],
      [6, 'ftp://row6.example'],
      [7, 'https://row7.example'],
      [8, 'https://row8.example'],
      [9, 'https://row9.example'],
    ]);
    expect(refusals[0]?.detail).toContain('write TRUE or FALSE');
    expect(refusals[3]?.detail).toContain('the row has 2 cells, the header 3');
  });

  it('unknown entity types are taken with one warning for all that have them', async () => {
    const csv = [1, 2, 3].map((n) => `https://t${n}.example,${cell(jwks)},Relying Party`).join('\n');
    const answer = await cli('member', 'import', put('types.csv', `entity_id,jwks,entity_types\n${csv}`));
    expect(answer.stdout.match(/entity_type_unknown/g)).toHaveLength(1);
    expect(answer.stdout).toContain('3 members');
    const alone = await cli('member', 'enroll', 'https://t4.example', '--jwks', put('k.json', jwks), '--type', 'openid-relying-party');
    expect(alone.stderr).toContain('is openid_relying_party meant?');
  });

  it.each([
    ['latin.csv', Buffer.from('entity_id,organization\nhttps://l.example,B\u00fcnk\n', 'latin1'), /near line 2.*WINDOWS-1252.*CSV UTF-8/],
    ['nomark.csv', Buffer.from('entity_id,jwks\nhttps://l.example,\u00fc\n', 'utf16le'), /UTF-16LE/],
    ['book.csv', Buffer.from('PK\u0003\u0004rest'), /workbook/],
    ['empty.csv', '', /is empty/],
    ['header.csv', 'entity_id,jwks\n', /below its header there is no member/],
    ['array.json', '[{}]', /JSON array/],
    ['quote.csv', 'entity_id,jwks\nx,y\nhttps://q.example,"abc\n', /row 3.*never closed/],
    ['column.csv', 'entity_id;passwd\nx;y\n', /unknown column "passwd".*semicolons/],
  ])('%s is refused before anything is sent, with what to do', async (name, content, says) => {
    const answer = await cli('member', 'import', put(name, content));
    expect(answer.code === 0).toBe(false);
    expect(answer.stderr).toMatch(says);
    expect(answer.stderr).not.toContain('enrolled');
    expect(answer.stderr).not.toMatch(/^Import job_/);
  });

  it('standard input is read in either form, said or seen', () => {
    const piped = (input: string, ...args: string[]) =>
      spawnSync(process.execPath, [MAIN, 'member', 'import', '-', ...args], { env: { ...process.env, ...env }, input, encoding: 'utf8' });
    expect(piped(`entity_id;jwks\nhttps://in1.example;${cell(jwks)}\n`).stderr).toContain('1 enrolled, in state vetting');
    expect(piped(`{"entity_id":"https://in2.example","jwks":${jwks}}`, '--format', 'ndjson').stderr).toContain('1 enrolled');
  });

  it('a long file goes in pieces, each row under its number; the header goes with each', async () => {
    const rows = Array.from({ length: 1203 }, (_, n) => `https://long.example/${n},${cell(n === 1200 ? '{' : jwks)}`);
    const answer = await cli('--json', 'member', 'import', put('long.csv', ['entity_id,jwks', ...rows].join('\n')), '--dry-run');
    expect(JSON.parse(answer.stdout)).toMatchObject({
      job: { done: 1204, refused: 1, params: { dry_run: true, enrolled: { vetting: 1202 } } },
      refusals: [{ line: 1202, entity_id: 'https://long.example/1200' }],
    });
  });
});
