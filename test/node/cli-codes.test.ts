import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorToProblem } from '../../src/admin/errors.js';
import { EXIT, EXIT_HELP, EXIT_SENTENCE, exitOfStatus } from '../../src/cli/exit-codes.js';
import { whyUnanswered } from '../../src/cli/unanswered.js';
import { Refusal, REFUSALS } from '../../src/operations/refusal.js';
import { EXIT_OF } from '../../src/platform/report.js';
import { command as run } from '../support/node/command.js';
import { deaf, leaves } from '../support/node/commands.js';
import { freePort, tempFolder } from '../support/process.js';

describe('exit codes', () => {
  it('stand in one table that help and README show', async () => {
    expect((await run(['--help'])).stdout).toContain(EXIT_HELP);
    expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(EXIT_SENTENCE);
    expect(Object.values(EXIT)).toEqual([0, 1, 2, 3, 4, 5, 130]);
  });
  it('are the same for a refusal of the server and of the command line itself', () => {
    for (const code of REFUSALS) {
      const answer = { res: { headers: new Headers() }, req: { path: '/' }, json: (_body: unknown, status: number) => status };
      const status = errorToProblem(answer as never, new Refusal(code, 'x')) as unknown as number;
      expect(exitOfStatus(status), code).toBe(EXIT_OF[code]);
    }
  });
});

describe('a server that does not answer', () => {
  it('gets the hint that fits, exit 3', async () => {
    const data = tempFolder();
    const env = { HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows', HOLDFAST_DATA: data };
    const port = await freePort();
    const refused = await run(['whoami'], { ...env, HOLDFAST_URL: `http://127.0.0.1:${port}` });
    expect(refused).toMatchObject({ code: 3, stderr: expect.stringContaining('npx holdfast serve') });
    const unknown = await run(['whoami'], { ...env, HOLDFAST_URL: 'https://nowhere.invalid' });
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('--url http://127.0.0.1:') });
    expect(unknown.stderr).not.toContain('holdfast serve');
    writeFileSync(join(data, 'cli.json'), JSON.stringify({ url: 'https://nowhere.invalid', local: `http://127.0.0.1:${port}`, token: 'kept' }));
    expect((await run(['whoami'], { HOLDFAST_DATA: data })).stderr).toContain(`--url http://127.0.0.1:${port}`);
    // The token of the folder goes along to the place the folder names, and nowhere else.
    expect(await run(['--url', `http://127.0.0.1:${port}`, 'whoami'], { HOLDFAST_DATA: data })).toMatchObject({ code: 3 });
    expect(await run(['--url', `http://127.0.0.1:${port + 1}`, 'whoami'], { HOLDFAST_DATA: data })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no API key'),
    });
    const plain = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => plain.once('listening', done));
    const tls = await run(['whoami'], { ...env, HOLDFAST_URL: `https://127.0.0.1:${(plain.address() as AddressInfo).port}` });
    plain.close();
    expect(tls).toMatchObject({ code: 3, stderr: expect.stringContaining('speaks no TLS') });
  });
  it('by its certificate: what to do about it is no question whether the server runs', () => {
    for (const [code, hint] of Object.entries({
      DEPTH_ZERO_SELF_SIGNED_CERT: 'NODE_EXTRA_CA_CERTS',
      UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'NODE_EXTRA_CA_CERTS',
      CERT_HAS_EXPIRED: 'Renew it',
      ERR_TLS_CERT_ALTNAME_INVALID: 'another name',
    })) {
      const cause = Object.assign(new Error('what it said'), { code });
      const said = whyUnanswered('https://a.example', Object.assign(new Error('fetch failed'), { cause }), 'http://127.0.0.1:8080');
      expect(said).toContain(hint);
      expect(said).toContain('--url http://127.0.0.1:8080');
      expect(said).not.toContain('running');
    }
  });
});

describe('--json', () => {
  let url = '';
  let server: ReturnType<typeof createServer>;
  // Answers everything with nothing much: what matters is how many documents come out.
  beforeAll(async () => {
    server = createServer((request, response) =>
      request.url?.includes('refuse')
        ? response.writeHead(400, { 'content-type': 'application/problem+json' }).end('{"code":"invalid_request","detail":"no"}')
        : response.end(
            '{"items":[],"next_cursor":null,"findings":[],"ok":true,"foreign_superiors":[],"heads":[],"given_up":[],"nodes":[],"edges":[],"state":"done","crawled_at":1}',
          ),
    ).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  it('is one document on stdout, of every command, also for errors of every kind', async () => {
    const env = {
      HOLDFAST_URL: url,
      HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows',
      HOLDFAST_DATA: tempFolder(),
      HOLDFAST_SEAL_KEY: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=',
    };
    const lines: (readonly string[])[] = [
      ['member'],
      ['nonsense'],
      ['member', 'list', '--nonsense'],
      ['member', 'list', '--limit', 'x'],
      ['member', 'list', 'too', 'many'],
      ['member', 'suspend', 'mem_x'],
      ['member', 'suspend', 'mem_x', '--reason'],
      ['key', 'revoke', 'refuse', '--reason', 'x', '--yes=refuse'],
      ['key', 'revoke', 'k', '--reason', 'x'],
      ['policy', 'check', 'not-there.json'],
      ['preflight', '--list'],
      ['config', 'show'],
      ['config', 'check'],
      ['config', 'check', '--port', 'x'],
      ['backup', 'create', 'x.db'],
      ['backup', 'verify', 'not-there.db'],
      ['resolve', 'https://rp.invalid', '--anchors', join(tempFolder(), 'none.json')],
      ['inspect', 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.'],
      ['inspect', 'x.y'],
      ['graph'],
      ['tree'],
      ['init', '--port', 'x'],
    ];
    for (const words of lines) {
      const { code, stdout, stderr } = await run(['--json', ...words], env);
      const value = JSON.parse(stdout || `"no document of ${words.join(' ')}: ${code} ${stderr}"`) as { error?: { detail?: string } };
      expect(typeof value, words.join(' ')).toBe('object');
      if (code !== 0 && code !== 4) expect(value.error?.detail, words.join(' ')).toMatch(/./);
    }
    const list = JSON.parse((await run(['--json', 'preflight', '--list'])).stdout) as object;
    expect(list).toMatchObject({ items: expect.any(Array), next_cursor: null });
  });
  it('of all commands that only read, whatever comes back', async () => {
    const env = { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows', HOLDFAST_DATA: tempFolder() };
    const reading = leaves(deaf().program).filter(({ path }) =>
      ['list', 'show', 'status', 'listings', 'issued', 'history', 'watch', 'check'].includes(path.at(-1) ?? ''),
    );
    expect(reading.length).toBeGreaterThan(20);
    for (const { path, command } of reading) {
      if (path[0] === 'config') continue;
      const words = command.registeredArguments.filter(({ required }) => required).map((one) => (one.name() === 'version' ? '1' : 'https://rp.example.org'));
      const { stdout, stderr } = await run(['--json', ...path, ...words], env);
      expect(() => JSON.parse(stdout), `${path.join(' ')}: ${stdout} ${stderr}`).not.toThrow();
    }
  });
});
