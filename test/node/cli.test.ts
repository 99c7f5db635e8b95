import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { command as run } from '../support/node/command.js';
import { freePort, startProcess, tempFolder } from '../support/process.js';

async function setUp() {
  const folder = tempFolder();
  const server = await startProcess(folder);
  const env = { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' };
  const { jwk } = await testKey();
  const jwks = join(folder, 'jwks.json');
  writeFileSync(jwks, JSON.stringify({ keys: [jwk] }));
  const cli = (...args: string[]) => run(args, env);
  return { folder, server, cli, jwks, jwk };
}
const RP = 'https://rp.example.com';

describe('the command line', () => {
  it('enrols, shows, suspends, resumes, revokes; data on stdout, talk on stderr', async () => {
    const { cli, jwks } = await setUp();
    const enrolled = await cli('member', 'enroll', RP, '--jwks', jwks, '--type', 'openid_relying_party', '--organization', 'Bank A');
    expect(enrolled).toMatchObject({ code: 0, stdout: expect.stringContaining('Subordinate Statement'), stderr: expect.stringContaining('Enrolled') });
    expect(JSON.parse((await cli('--json', 'member', 'list')).stdout)).toMatchObject({ items: [{ entity_id: RP, state: 'active' }], next_cursor: null });
    expect((await cli('member', 'statement', RP)).stdout).toContain(RP);
    expect((await cli('member', 'suspend', RP)).code, 'a reason is needed').toBe(2);
    expect((await cli('member', 'suspend', RP, '--reason', 'x')).code).toBe(0);
    expect((await cli('member', 'suspend', RP, '--reason', 'x')).stderr).toContain('already_suspended');
    expect((await cli('member', 'statement', RP)).code).toBe(1);
    expect((await cli('member', 'resume', RP)).code).toBe(0);
    expect(await cli('member', 'revoke', RP, '--reason', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining(`--yes=${RP}`) });
    expect((await cli('member', 'revoke', RP, '--reason', 'x', `--yes=${RP}`)).code).toBe(0);
    expect((await cli('member', 'resume', RP)).code, 'a conflict').toBe(5);
    expect((await cli('member', 'history', RP)).stdout).toMatch(/member.enrolled[\s\S]*member.revoked/);
    expect((await cli('event', 'list')).stdout).toContain('authority.created');
  });

  it('shows findings with clause and fix; exit 4', async () => {
    const { cli, folder, jwk } = await setUp();
    const bad = join(folder, 'bad.json');
    writeFileSync(bad, JSON.stringify({ keys: [{ ...jwk, d: 'x' }] }));
    expect(await cli('member', 'enroll', RP, '--jwks', bad)).toMatchObject({ code: 4, stderr: expect.stringMatching(/jwk_private[\s\S]*§3\.1\.1[\s\S]*—/) });
    const unreachable = await cli('member', 'enroll', `http://127.0.0.1:${await freePort()}`);
    expect(unreachable).toMatchObject({ code: 3, stderr: expect.stringContaining('fetch_failed') });
    expect((await cli('member', 'enroll', RP, '--jwks', join(folder, 'nothing.json'))).code).toBe(2);
    const json = await cli('--json', 'member', 'enroll', 'ftp://x', '--jwks', bad);
    expect(JSON.parse(json.stdout).error.findings[0].code).toBe('entity_id_invalid');
  });

  it('resolves and inspects: a chain from a live leaf, its configuration by URL, a JWT, standard input', async () => {
    const { cli, server, folder } = await setUp();
    const key = await testKey();
    const id = `http://127.0.0.1:${await freePort()}`;
    const now = Math.floor(Date.now() / 1000);
    const configuration = await key.jwt({
      iss: id,
      sub: id,
      iat: now,
      exp: now + 600,
      jwks: { keys: [key.jwk] },
      authority_hints: [server.url],
      metadata: { openid_relying_party: { client_name: '\u001b[31mred', redirect_uris: [`${id}/cb`], jwks_uri: `${id}/jwks` } },
    });
    const leaf = createServer((_request, response) =>
      response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(configuration),
    ).listen(Number(new URL(id).port), '127.0.0.1');
    onTestFinished(() => void leaf.close());
    expect((await cli('member', 'enroll', id)).stderr).toContain('no findings');
    const resolved = await cli('resolve', id, '--explain');
    expect(resolved).toMatchObject({ code: 0, stdout: expect.stringContaining('└─') });
    expect(resolved.stdout, 'a stranger’s escape sequences never reach the terminal').not.toContain('\u001b');
    expect(JSON.parse((await cli('--json', 'resolve', id)).stdout)).toMatchObject({
      valid: true,
      trust_anchor: server.url,
      trust_chain: [expect.any(String), expect.any(String), expect.any(String)],
    });
    expect((await cli('inspect', id)).stdout).toContain('Entity Configuration');
    expect((await cli('inspect', configuration)).stdout).not.toContain('\u001b');
    expect((await cli('inspect', 'nonsense')).code).toBe(4);
    expect((await cli('resolve', 'https://nobody.invalid')).code).toBe(4);
    const anchors = join(folder, 'anchors.json');
    writeFileSync(anchors, JSON.stringify({ [server.url]: { keys: [key.jwk] } }));
    expect(await cli('resolve', id, '--anchors', anchors), 'wrong pins').toMatchObject({ code: 4, stdout: expect.stringContaining('signature_key_unknown') });
  });

  it('runs authorities, keys, policies, API keys and imports', async () => {
    const { cli, folder, jwk, server } = await setUp();
    expect((await cli('authority', 'create', 'second', '--entity-id', `${server.url}/second`, '--hint', server.url)).code).toBe(0);
    expect((await cli('authority', 'list')).stdout).toContain('/second');
    expect((await cli('--authority', 'second', 'authority', 'show')).stdout).toContain('second');
    expect((await run(['whoami'], { HOLDFAST_DATA: folder, HOLDFAST_URL: `${server.url}/some/path` })).stdout, 'the admin API lies at the origin').toContain(
      'owner',
    );
    const kid = (await cli('key', 'generate')).stdout.split(' ')[0] ?? '';
    expect(await cli('key', 'activate', kid)).toMatchObject({ code: 5, stderr: expect.stringContaining('cannot sign yet') });
    expect((await cli('key', 'list')).stdout).toContain('staged');
    expect((await cli('key', 'revoke', kid, '--reason', 'superseded', `--yes=${kid}`)).code).toBe(0);
    expect(JSON.parse((await cli('key', 'export-public')).stdout).keys).toHaveLength(1);
    const policy = join(folder, 'policy.json');
    writeFileSync(policy, JSON.stringify({ metadata_policy: { t: { p: { one_of: ['a'], add: ['a'] } } } }));
    expect((await cli('policy', 'check', policy)).code).toBe(4);
    writeFileSync(policy, JSON.stringify({ metadata_policy: { openid_provider: { issuer: { essential: true } } } }));
    expect((await cli('policy', 'draft', policy)).code).toBe(0);
    expect((await cli('policy', 'publish', '1')).stderr).toContain('job show');
    expect((await cli('policy', 'list')).stdout).toContain('published');
    const file = join(folder, 'members.ndjson');
    writeFileSync(
      file,
      [
        { entity_id: 'https://a.example', jwks: { keys: [jwk] }, activate: true },
        { entity_id: 'bad', jwks: { keys: [jwk] } },
      ]
        .map((one) => JSON.stringify(one))
        .join('\n'),
    );
    expect((await cli('member', 'import', file, '--dry-run')).stderr).toContain('1 would be enrolled, in state active; 1 refused');
    expect(await cli('member', 'import', file)).toMatchObject({ code: 4, stdout: expect.stringContaining('entity_id_invalid') });
    expect((await cli('member', 'export')).stdout.trim().split('\n')).toHaveLength(1);
    expect((await cli('job', 'list')).stdout).toContain('import');
    const token = (await cli('api-key', 'create', 'auditor', '--role', 'auditor')).stdout.trim();
    expect((await run(['whoami'], { HOLDFAST_URL: server.url, HOLDFAST_ADMIN_TOKEN: token })).stdout).toContain('auditor');
    expect((await cli('api-key', 'list')).stdout).not.toContain(token);
    expect(JSON.parse((await cli('openapi')).stdout).openapi).toBe('3.1.0');
  });

  it('marks: types, recognition, grants, withdrawal, delegation, marks of others', async () => {
    const { cli, jwks, server, folder } = await setUp();
    const TYPE = 'https://example.org/marks/certified';
    await cli('member', 'enroll', RP, '--jwks', jwks);
    expect(await cli('mark', 'list')).toMatchObject({ code: 0, stderr: expect.stringContaining('mark grant') });
    expect((await cli('mark', 'type', 'create', 'no url')).code).toBe(2);
    expect(await cli('mark', 'type', 'create', TYPE, '--lifetime', '86400')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 d') });
    expect((await cli('mark', 'type', 'recognize', TYPE, '--issuer', server.url)).stdout).toContain(`issuers  ${server.url}`);
    const granted = JSON.parse((await cli('--json', 'mark', 'grant', TYPE, RP)).stdout) as { id: string; jti: string; trust_mark: string };
    expect((await cli('mark', 'show', TYPE, RP)).stdout).toContain('Trust Mark');
    expect((await cli('mark', 'list', '--type', TYPE)).stdout).toContain(granted.id);
    expect((await cli('mark', 'withdraw-instance', granted.jti, '--reason', 'leaked')).stderr).toContain('revoked');
    expect((await cli('mark', 'issued', granted.id)).stdout).toMatch(/revoked: leaked/);
    expect(await cli('mark', 'grant', TYPE, RP)).toMatchObject({ code: 5, stderr: expect.stringContaining('already') });
    expect((await cli('mark', 'withdraw', granted.id)).code, 'a reason is needed').toBe(2);
    expect((await cli('mark', 'withdraw', granted.id, '--reason', 'x')).stdout).toContain('revoked');
    const delegation = await cli('mark', 'type', 'delegate', TYPE, 'https://issuer.example.org');
    expect((await cli('inspect', delegation.stdout.trim())).stdout).toContain('Trust Mark delegation');
    expect((await cli('mark', 'own', 'list')).stderr).toContain('no marks');
    writeFileSync(join(folder, 'mark.jwt'), granted.trust_mark);
    expect(await cli('mark', 'own', 'show', join(folder, 'mark.jwt'))).toMatchObject({ code: 4, stderr: expect.stringContaining('trust_mark_subject') });
    expect((await cli('mark', 'type', 'halt', TYPE, '--reason', 'x')).stderr).toContain(`--yes=${TYPE}`);
    expect((await cli('mark', 'type', 'halt', TYPE, '--reason', 'x', `--yes=${TYPE}`)).code).toBe(0);
    expect((await cli('mark', 'type', 'list')).stdout).toContain('halted');
    expect((await cli('mark', 'type', 'forget', TYPE)).code).toBe(0);
  });

  it('resolving: anchors, entities, crawls, tree, graph; the life of a policy; watching; pre-flight with a profile', async () => {
    const folder = tempFolder();
    const server = await startProcess(folder, { env: { HOLDFAST_DISCOVERY: 'on' } });
    const cli = (...args: string[]) => run(args, { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' });
    const key = await testKey();
    const jwks = join(folder, 'jwks.json');
    writeFileSync(jwks, JSON.stringify({ keys: [key.jwk] }));
    expect((await cli('anchor', 'list')).stderr).toContain('anchor pin');
    expect((await cli('anchor', 'pin', 'http://127.0.0.1:9')).code, 'keys come from outside').toBe(2);
    expect((await cli('anchor', 'pin', 'http://127.0.0.1:9', '--jwks', jwks)).stderr).toContain(key.kid);
    expect((await cli('anchor', 'list')).stdout).toContain('http://127.0.0.1:9');
    expect((await cli('anchor', 'unpin', 'http://127.0.0.1:9')).code).toBe(0);
    const now = Math.floor(Date.now() / 1000);
    const id = `http://127.0.0.1:${await freePort()}`;
    const claims = {
      iss: id,
      sub: id,
      iat: now,
      exp: now + 3600,
      jwks: { keys: [key.jwk] },
      authority_hints: [server.url],
      metadata: { oauth_client: { client_name: 'A name' } },
    };
    const leaf = createServer(async (_request, response) =>
      response.writeHead(200, { 'content-type': 'application/entity-statement+jwt' }).end(await key.jwt(claims)),
    );
    await new Promise<void>((done) => leaf.listen(Number(new URL(id).port), '127.0.0.1', done));
    onTestFinished(() => {
      leaf.closeAllConnections();
      leaf.close();
    });
    expect((await cli('member', 'enroll', id)).code).toBe(0);
    expect(await cli('entity', 'evaluate', id)).toMatchObject({ code: 0, stdout: expect.stringContaining('A name') });
    expect((await cli('entity', 'list', '--type', 'oauth_client')).stdout).toContain(id);
    expect((await cli('entity', 'show', id)).stdout).toContain(`${id} → ${server.url}`);
    expect((await cli('job', 'run', 'nonsense')).code).toBe(2);
    expect((await cli('job', 'run', 'crawl', '--wait')).stdout).toContain('2 of 2');
    expect((await cli('tree')).stdout).toContain(`└─ ${id}  valid`);
    expect((await cli('graph', '--dot')).stdout).toContain(`"${server.url}" -> "${id}";`);
    expect(JSON.parse((await cli('graph')).stdout)).toMatchObject({ edges: [{ from: server.url, to: id }] });
    expect(await cli('tree', '--anchor', 'http://127.0.0.1:7')).toMatchObject({ code: 1, stderr: expect.stringContaining('job run crawl') });
    expect((await cli('member', 'watch', id)).stdout).toContain('looked at');
    expect((await cli('member', 'watch')).stdout).toContain(id);
    const policy = join(folder, 'policy.json');
    writeFileSync(policy, JSON.stringify({ metadata_policy: { oauth_client: { contacts: { essential: true } } } }));
    await cli('policy', 'draft', policy);
    expect(await cli('policy', 'impact', '1')).toMatchObject({ code: 4, stdout: expect.stringMatching(/breaks +1[\s\S]*contacts/) });
    expect(await cli('policy', 'publish', '1')).toMatchObject({ code: 5, stderr: expect.stringContaining('--accept-breaks') });
    expect((await cli('policy', 'report', '1')).stderr).toContain('reporting');
    expect((await cli('policy', 'report', '1', '--end')).stderr).toContain('draft');
    expect((await cli('policy', 'publish', '1', '--accept-breaks')).code).toBe(0);
    expect((await cli('policy', 'rollback')).code).toBe(5);
    const checked = await run(['preflight', id, '--profile', 'sweden', '--profile', 'base']);
    expect(checked).toMatchObject({ code: 0, stderr: expect.stringContaining('sweden 1.0 - draft 00, base 2') });
    expect((await run(['preflight', server.url, '--profile', 'italy'])).code).toBe(4);
    expect(await run(['preflight', id, '--profile', 'atlantis'])).toMatchObject({ code: 2, stderr: expect.stringContaining('sweden') });
    expect((await run(['preflight', '--list'])).stdout).toContain('roles-apart');
    expect(await cli('authority', 'check', '--profile', 'edugain')).toMatchObject({ code: 4, stdout: expect.stringContaining('ta.oidf-pilot.edugain.org') });
  });

  it('help, unknown commands, no server, no key', async () => {
    for (const args of [['--help'], ['member', '--help'], ['member', 'enroll', '--help']]) expect((await run(args)).code).toBe(0);
    expect((await run(['member', 'enroll', '--help'])).stdout).toContain('Examples:');
    expect((await run(['nonsense'])).code).toBe(2);
    expect((await run(['member', 'list'], { HOLDFAST_DATA: tempFolder() })).code).toBe(2);
    expect((await run(['member', 'list'], { HOLDFAST_URL: `http://127.0.0.1:${await freePort()}`, HOLDFAST_ADMIN_TOKEN: 'x'.repeat(20) })).code).toBe(3);
    const shown = await run(['config', 'show', '--sources'], { HOLDFAST_PORT: '9999', HOLDFAST_ADMIN_TOKEN: 'x'.repeat(20) });
    expect(shown.stdout).toMatch(/HOLDFAST_PORT +9999 +environment/);
    expect(shown.stdout).toMatch(/HOLDFAST_URL +http:\/\/localhost:9999 +default/);
    expect(shown.stdout).not.toContain('xxxx');
    expect((await run(['--version'])).stdout.trim()).toBe((JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version);
  });
});
