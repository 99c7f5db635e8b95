import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { command as run } from '../support/node/command.js';
import { freePort, startProcess, tempFolder } from '../support/process.js';

async function setUp() {
  const folder = tempFolder();
  const server = await startProcess(folder);
  const cli = (...args: string[]) => run(args, { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' });
  const put = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  return { folder, server, cli, put, key: await testKey() };
}

describe('what is no entity identifier is told before anything is fetched', () => {
  it.each([
    ['https://rp.example.org/a?b=c', 'query'],
    ['https://rp.example.org/#x', 'fragment'],
    ['https://münchen.example', 'xn--mnchen-3ya.example'],
    ['HTTPS://rp.example.org', 'scheme'],
    ['rp.example.org', 'has no scheme'],
    ['http://rp.example.org', 'not https'],
    ['', 'empty'],
  ])('%s', async (id, reason) => {
    for (const command of ['preflight', 'resolve', 'inspect']) {
      const answer = await run(['--json', command, id], { HOLDFAST_ADMIN_TOKEN: 'x'.repeat(20) });
      const { error } = JSON.parse(answer.stdout) as { error: { code: string; findings: { code: string; detail: string; transient: boolean }[] } };
      expect([answer.code, error.code, error.findings[0]?.code, error.findings[0]?.transient], command).toEqual([
        2,
        'entity_id_invalid',
        'entity_id_invalid',
        false,
      ]);
      expect(error.findings[0]?.detail, command).toContain(reason);
      expect(answer.stderr).not.toContain('may pass by itself');
    }
  });
  it('nothing is asked: a server at the place hears nothing; the URL of an artefact is still fetched', async () => {
    let asked = 0;
    const port = await freePort();
    const key = await testKey();
    const now = Math.floor(Date.now() / 1000);
    const statement = await key.jwt({ iss: 'x', sub: 'y', iat: now, exp: now + 60 });
    const server = createServer((_request, response) => {
      asked++;
      response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(statement);
    });
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    for (const command of ['preflight', 'resolve', 'inspect']) expect((await run([command, `http://127.0.0.1:${port}/a?b=c`])).code, command).toBe(2);
    expect(asked).toBe(0);
    expect((await run(['inspect', `http://127.0.0.1:${port}/anything?sub=y`])).stdout).toContain('Subordinate Statement');
    expect((await run(['inspect', `http://127.0.0.1:${port}`])).code).toBe(0);
  });
});

describe('files: byte order marks, size, and JSON that says something twice', () => {
  it('JSON, PEM, JWT, CSV and NDJSON are read with any byte order mark', async () => {
    const { cli, put, key } = await setUp();
    const bom = (text: string) => Buffer.from(`\ufeff${text}`, 'utf8');
    const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le');
    const jwks = JSON.stringify({ keys: [key.jwk] });
    for (const [n, encode] of [bom, utf16, (text: string) => utf16(text).swap16()].entries()) {
      const id = `https://m${n}.example`;
      expect((await cli('member', 'enroll', id, '--jwks', put('k.json', encode(jwks)))).code, id).toBe(0);
      expect((await cli('policy', 'draft', put('p.json', encode('{"metadata_policy":{"t":{"p":{"essential":true}}}}')))).code).toBe(0);
      const csv = `entity_id,jwks\nhttps://c${n}.example,"${jwks.replaceAll('"', '""')}"\n`;
      expect((await cli('member', 'import', put('m.csv', encode(csv)))).stderr).toContain('1 enrolled');
      expect(
        (await cli('member', 'import', put('m.ndjson', encode(JSON.stringify({ entity_id: `https://n${n}.example`, jwks: JSON.parse(jwks) }))))).stderr,
      ).toContain('1 enrolled');
      const now = Math.floor(Date.now() / 1000);
      const configuration = await key.jwt({
        iss: `https://j${n}.example`,
        sub: `https://j${n}.example`,
        iat: now,
        exp: now + 600,
        jwks: JSON.parse(jwks),
        metadata: { t: {} },
      });
      expect((await cli('member', 'enroll', `https://j${n}.example`, '--entity-configuration', put('c.jwt', encode(`${configuration}\n`)))).code).toBe(0);
    }
  }, 300_000);
  it('too large, twice the same member, no text: refused by what is wrong', async () => {
    const { cli, put, key } = await setUp();
    const at = async (content: string | Buffer) => cli('member', 'enroll', 'https://a.example', '--jwks', put('k.json', content));
    expect(await at(`{"keys":[],"keys":${JSON.stringify([key.jwk])}}`)).toMatchObject({ code: 2, stderr: expect.stringContaining('occurs twice') });
    expect(await at(' '.repeat(4 * 1024 * 1024 + 1))).toMatchObject({ code: 2, stderr: expect.stringContaining('more than 4 MiB') });
    expect(await at(Buffer.from([0xc3, 0x28]))).toMatchObject({ code: 2, stderr: expect.stringContaining('not UTF-8') });
    expect(await at('{')).toMatchObject({ code: 2, stderr: expect.stringContaining('not JSON') });
  });
});

describe('what people are told, scripts are told; a way out that is offered is one that works', () => {
  it('an enrolment with warnings: the same findings in the JSON', async () => {
    const { cli, put, key } = await setUp();
    const id = 'https://op.example';
    const now = Math.floor(Date.now() / 1000);
    const extra = { kty: 'AKP', alg: 'ML-DSA-65', kid: 'pq', pub: 'AAAA' };
    const jwks = { keys: [key.jwk, extra] };
    const metadata = { openid_provider: { issuer: `${id}/realm` } };
    const file = put('c.jwt', await key.jwt({ iss: id, sub: id, iat: now, exp: now + 600, jwks, metadata }));
    const answer = await cli('--json', 'member', 'enroll', id, '--entity-configuration', file);
    expect(answer.code).toBe(0);
    const { member, statement, findings } = JSON.parse(answer.stdout) as {
      member: { jwks: unknown };
      statement: string;
      findings: { code: string; severity: string }[];
    };
    expect(findings.map(({ code }) => code)).toEqual(expect.arrayContaining(['authority_hint_missing', 'metadata_invalid', 'jwk_unsupported']));
    expect(findings.every(({ severity }) => severity === 'warning')).toBe(true);
    expect(member.jwks).toEqual({ keys: [key.jwk] });
    expect(Buffer.from(statement.split('.')[1] ?? '', 'base64url').toString()).not.toContain('AKP');
    const set = put('k.json', JSON.stringify(jwks));
    expect((await cli('member', 'keys', 'replace', id, '--jwks', set, '--reason', 'x')).stderr).toContain('left out');
    expect(JSON.parse((await cli('--json', 'anchor', 'pin', 'http://127.0.0.1:9', '--jwks', set)).stdout).findings).toMatchObject([
      { code: 'jwk_unsupported' },
    ]);
    const lines = put('m.ndjson', JSON.stringify({ entity_id: 'https://l.example', jwks }));
    expect(JSON.parse((await cli('--json', 'member', 'import', lines)).stdout)).toMatchObject({
      refusals: [],
      warnings: [{ line: 1, code: 'jwk_unsupported' }],
    });
  });
  it('--waive is offered for what it can waive, the other ways where they lead somewhere', async () => {
    const { cli, put, key } = await setUp();
    const away = await cli('member', 'enroll', `http://127.0.0.1:${await freePort()}`);
    expect(away.stderr).toContain('--entity-configuration');
    expect(away.stderr).not.toContain('--waive');
    const bad = await cli('member', 'enroll', 'https://a.example/?x');
    for (const way of ['--waive', '--jwks', '--entity-configuration']) expect(bad.stderr, way).not.toContain(way);
    await cli('policy', 'draft', put('p.json', JSON.stringify({ metadata_policy: { oauth_client: { contacts: { essential: true } } } })));
    await cli('policy', 'publish', '1');
    const id = 'https://a.example';
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: id, sub: id, iat: now, exp: now + 600, jwks: { keys: [key.jwk] }, metadata: { oauth_client: {} } };
    const file = put('c.jwt', await key.jwt(claims));
    expect((await cli('member', 'enroll', id, '--entity-configuration', file)).stderr).toContain('--waive policy_violation');
    expect((await cli('member', 'enroll', id, '--entity-configuration', file, '--waive', 'policy_violation')).code).toBe(0);
    const expired = put('e.jwt', await key.jwt({ ...claims, exp: now - 1 }));
    const refused = await cli('member', 'enroll', 'https://a.example', '--entity-configuration', expired, '--waive', 'expired');
    expect(refused.code).toBe(4);
    expect(refused.stderr).not.toContain('--waive');
  });
  it('a policy: example in the help, notices as talk and as JSON, the wrapping that is missing', async () => {
    const { cli, put } = await setUp();
    expect((await run(['policy', 'draft', '--help'])).stdout).toContain('"metadata_policy"');
    expect((await cli('policy', 'draft', put('u.json', '{"openid_provider":{"contacts":{"essential":true}}}'))).stderr).toContain(
      'Wrap entity types in metadata_policy',
    );
    const file = put('n.json', '{"metadata_policy":{"openid_relying_party":{"default_max_age":{"default":3600}}}}');
    expect(await cli('policy', 'check', file)).toMatchObject({ code: 0, stdout: expect.stringMatching(/holds[\s\S]*policy_interop/) });
    expect(await cli('policy', 'draft', file)).toMatchObject({ code: 0, stderr: expect.stringContaining('policy_interop') });
    expect(JSON.parse((await cli('--json', 'policy', 'publish', '1')).stdout).findings).toMatchObject([{ code: 'policy_interop', severity: 'warning' }]);
  });
  it('a private address names the ways there are', async () => {
    const { cli } = await setUp();
    expect((await cli('member', 'enroll', 'https://trust-anchor.internal')).stderr).toMatch(
      /fetch_refused[\s\S]*HOLDFAST_OUTBOUND_ALLOW[\s\S]*development mode/,
    );
  });
  it('a mark type without lifetime', async () => {
    const { cli, put, key } = await setUp();
    const TYPE = 'https://example.org/marks/m';
    await cli('member', 'enroll', 'https://a.example', '--jwks', put('k.json', JSON.stringify({ keys: [key.jwk] })));
    expect((await cli('mark', 'type', 'create', TYPE, '--lifetime', 'none')).stdout).toContain('no end');
    expect((await cli('mark', 'grant', TYPE, 'https://a.example')).stdout).toContain('no end');
    expect((await cli('mark', 'list')).stdout).toContain('no end');
  });
});
