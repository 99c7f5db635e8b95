import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, lutimesSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { changeContexts, readContexts } from '../../src/cli/contexts.js';
import { command as run } from '../support/node/command.js';
import { MAIN, tempFolder } from '../support/process.js';

/** A server that knows one key, and tells which it was shown. */
async function knowing(token: string) {
  const shown: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    shown.push(request.headers.authorization?.slice(7));
    const known = request.headers.authorization === `Bearer ${token}`;
    response
      .writeHead(known ? 200 : 401)
      .end(known ? '{"id":"api_1","role":"owner","authorities":null,"development":true}' : '{"code":"unauthenticated","detail":"no such key"}');
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, shown, token };
}

function config() {
  const folder = tempFolder();
  const file = join(folder, 'holdfast', 'contexts.json');
  const cli = (args: readonly string[], env: Record<string, string> = {}) => run(args, { XDG_CONFIG_HOME: folder, ...env });
  const key = (token: string) => {
    const path = join(folder, `${token}.txt`);
    writeFileSync(path, `${token}\n`, { mode: 0o600 });
    return path;
  };
  return { folder, file, cli, key };
}

describe('contexts', () => {
  it('login keeps a key that the server knows, for its owner only; list, use, show and logout', async () => {
    const { file, cli, key } = config();
    const [test, production] = [await knowing('key-of-test'), await knowing('key-of-production')];
    expect(await cli(['login', '--url', test.url, '--token-file', key('wrong')])).toMatchObject({ code: 1, stderr: expect.stringContaining('no such key') });
    expect(existsSync(file)).toBe(false);
    expect((await cli(['login', 'test', '--url', test.url, '--token-file', key(test.token)])).code).toBe(0);
    expect((await cli(['login', 'production', '--url', `${production.url}/x`, '--token-file', key(production.token)])).code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const listed = await cli(['--json', 'context', 'list']);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      items: [
        { name: 'test', in_use: false },
        { name: 'production', in_use: true, url: production.url },
      ],
    });
    expect((await cli(['context', 'list'])).stdout + listed.stdout).not.toContain('key-of');
    expect((await cli(['whoami'])).stdout).toContain(production.url);
    expect((await cli(['--context', 'test', 'whoami'])).stdout).toContain(test.url);
    expect(await cli(['context', 'use', 'tset'])).toMatchObject({ code: 2, stderr: expect.stringContaining('test, production') });
    expect((await cli(['context', 'use', 'test'])).code).toBe(0);
    expect(JSON.parse((await cli(['--json', 'context', 'show'])).stdout)).toMatchObject({ context: 'test', url: test.url });
    expect((await cli(['logout'])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toContain('key-of-test');
    expect((await cli(['context', 'show'])).code).toBe(2);
    expect((await cli(['logout', '__proto__'])).code).toBe(2);
  });
  it('flags, then environment, then the context, then the data folder; a key goes to its own server only', async () => {
    const { folder, cli, key } = config();
    const [test, other] = [await knowing('key-of-test'), await knowing('key-of-other')];
    await cli(['login', 'test', '--url', test.url, '--token-file', key(test.token)]);
    const data = tempFolder();
    writeFileSync(join(data, 'cli.json'), JSON.stringify({ url: other.url, token: other.token }));
    expect((await cli(['whoami'])).stdout).toContain(test.url);
    expect((await cli(['whoami'], { HOLDFAST_DATA: data })).stdout, 'a folder that is named').toContain(other.url);
    expect((await cli(['--data', data, 'whoami'])).stdout).toContain(other.url);
    expect((await cli(['whoami'], { HOLDFAST_URL: other.url, HOLDFAST_ADMIN_TOKEN: other.token })).stdout).toContain(other.url);
    expect((await cli(['--context', 'test', 'whoami'], { HOLDFAST_URL: other.url, HOLDFAST_ADMIN_TOKEN: other.token })).stdout).toContain(test.url);
    expect(await cli(['whoami'], { HOLDFAST_URL: other.url }), 'no key of another server').toMatchObject({ code: 2 });
    expect(other.shown).not.toContain(test.token);
    expect(test.shown).not.toContain(other.token);
    writeFileSync(join(folder, 'holdfast', 'contexts.json'), '{"current":"x","contexts":{"x":{"url":7}}}');
    expect(await cli(['whoami'])).toMatchObject({ code: 2, stderr: expect.stringContaining('sign in again') });
  });
  it('the key comes from standard input or is typed unseen at a terminal; an argument is none', async () => {
    const { folder, cli } = config();
    const { url, token } = await knowing('key-that-is-typed');
    const env = { PATH: process.env['PATH'] ?? '', XDG_CONFIG_HOME: folder };
    const type = (program: string, args: readonly string[]) =>
      new Promise<string>((done) => {
        const child = spawn(program, args, { env });
        let said = '';
        let asked = false;
        const hear = (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes('not shown') && !asked) {
            asked = true;
            child.stdin.write(`${token}\r`);
          }
        };
        child.stdout.on('data', hear);
        child.stderr.on('data', hear);
        child.once('close', () => done(said));
        if (program !== 'script') child.stdin.end(`${token}\n`);
      });
    const [piped, typed] = await Promise.all([
      type(process.execPath, [MAIN, 'login', 'piped', '--url', url]),
      type('script', ['-qec', `${process.execPath} ${MAIN} login typed --url ${url}`, '/dev/null']),
    ]);
    expect(piped).toContain('Signed in');
    expect(typed).toContain('Signed in');
    expect(typed).not.toContain(token);
    expect(await cli(['login', 'a', '--url', url, '--token', token])).toMatchObject({ code: 2, stderr: expect.stringContaining("unknown option '--token'") });
  });
});

describe('the file of contexts', () => {
  it('is changed by one at a time, follows no link, is refused when others may read it, and takes names that can be typed', async () => {
    const { folder, file, cli, key } = config();
    const { url, token } = await knowing('key-of-many');
    const login = (name: string) => cli(['login', name, '--url', url, '--token-file', key(token)]);
    expect((await login('first')).code).toBe(0);
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    onTestFinished(() => void vi.unstubAllEnvs());
    const names = Array.from({ length: 12 }, (_, n) => `n${n}`);
    await Promise.all(names.map((name) => changeContexts((all) => ({ ...all, contexts: { ...all.contexts, [name]: { url, token } } }))));
    expect(Object.keys(readContexts().contexts).sort()).toEqual(['first', ...names].sort());

    const elsewhere = join(folder, 'elsewhere');
    for (const planted of [`${file}.new`, `${file}.${process.pid}`]) {
      symlinkSync(elsewhere, planted);
      lutimesSync(planted, 1, 1);
    }
    expect((await login('second')).code).toBe(0);
    expect(existsSync(elsewhere)).toBe(false);
    expect([statSync(file).mode & 0o777, lstatSync(file).isFile()]).toEqual([0o600, true]);

    for (const name of ['__proto__', 'a\u001b[2J', 'a b', '']) expect((await login(name)).code, name).toBe(2);
    expect(readFileSync(file, 'utf8')).toContain('"second"');
    expect(existsSync(`${file}.new`)).toBe(false);
    chmodSync(file, 0o644);
    expect(await cli(['context', 'list'])).toMatchObject({ code: 2, stderr: expect.stringContaining(`chmod 600 ${file}`) });
  });
  it('keeps no key for what is no server of ours, and no command takes its answers for one', async () => {
    const { file, cli, key } = config();
    const bodies = [
      '<html>sign in</html>',
      '{}',
      'null',
      '[]',
      '{"items":"x"}',
      '{"items":[null]}',
      '{"detail":{},"code":7,"findings":"x"}',
      '{"findings":[null,{}]}',
    ];
    let at = { status: 200, body: '' };
    const server = createServer((_request, response) => {
      if (at.body === 'cut') response.writeHead(200, { 'content-length': '100' }).write('{"items":[', () => response.destroy());
      else response.writeHead(at.status).end(at.body);
    }).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: 'a-token-of-many-letters' };
    for (at of [200, 422].flatMap((status) => bodies.map((body) => ({ status, body })))) {
      const told = [await cli(['login', '--url', url, '--token-file', key('k')]), await cli(['whoami'], env), await cli(['member', 'list'], env)];
      expect(
        told.map(({ code }) => code === (at.status === 200 ? 1 : 4)),
        JSON.stringify(at),
      ).toEqual([true, true, true]);
      for (const { stdout, stderr } of told) {
        expect(stdout).toBe('');
        expect(stderr).toMatch(at.status === 200 ? /not as Holdfast does|not what this version expects/ : /the server answered 422/);
        expect(stderr).not.toMatch(/\n {4}at |object Object|undefined {2}/);
      }
    }
    at = { status: 200, body: 'cut' };
    expect(await cli(['member', 'list'], env)).toMatchObject({ code: 3, stderr: expect.stringContaining('broke off') });
    at = { status: 200, body: '<html>' };
    expect((await cli(['doctor'], env)).stdout).toContain('/readyz answers 200, but not as Holdfast does');
    expect(existsSync(file)).toBe(false);
  });
});

describe('completion', () => {
  it('of bash: commands, commands below them, options, past an identifier too', async () => {
    const { stdout } = await run(['completion', 'bash']);
    const complete = (...words: string[]) => {
      const script = `${stdout}\nCOMP_WORDS=(${words.map((one) => `'${one}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _holdfast; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).stdout.trim().split('\n');
    };
    expect(complete('holdfast', 'mem')).toEqual(['member']);
    expect(complete('holdfast', 'member', 'sus')).toEqual(['suspend']);
    expect(complete('holdfast', '--json', 'member', 'suspend', 'https://rp.example.org', '--rea')).toEqual(['--reason', '--reason-code']);
    expect(complete('holdfast', 'mark', 'type', 'rec')).toEqual(['recognize', 'recognized']);
    expect(complete('holdfast', 'key', 'list', '--j')).toEqual(['--json']);
  });
  it('of zsh and fish is made of the same commands; another shell is told', async () => {
    expect((await run(['completion', 'zsh'])).stdout).toMatch(/^#compdef holdfast\n/);
    const fish = (await run(['completion', 'fish'])).stdout;
    expect(fish).toContain("complete -c holdfast -n '__holdfast_at \\'member\\'' -a suspend");
    expect(fish, 'a value may be a file').toContain("complete -c holdfast -n '__holdfast_at \\'member enroll\\'' -l jwks -r -d");
    expect(fish, 'names keep their underscores').toContain('HOLDFAST_DATA');
    if (spawnSync('fish', ['--version']).status !== 0) return;
    const completions = join(tempFolder(), 'holdfast.fish');
    writeFileSync(completions, fish);
    const complete = (typed: string) => {
      const script = `source ${completions}; complete -C '${typed}'`;
      return spawnSync('fish', ['--no-config', '-c', script], { encoding: 'utf8' })
        .stdout.split('\n')
        .flatMap((line) => line.split('\t')[0] || []);
    };
    expect(complete('holdfast mem')).toEqual(['member']);
    expect(complete('holdfast --authority main member sus')).toEqual(['suspend']);
    expect(complete('holdfast member suspend https://rp.example.org --rea')).toEqual(['--reason', '--reason-code']);
    expect(complete('holdfast mark type rec')).toEqual(['recognize', 'recognized']);
    expect(complete('holdfast member import packag')).toEqual(['package.json', 'package-lock.json']);
    expect(complete('holdfast member packag')).toEqual([]);
    expect(await run(['completion', 'tcsh'])).toMatchObject({ code: 2, stderr: expect.stringContaining('bash, zsh, fish') });
  });
});
