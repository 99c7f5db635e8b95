import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { examplesOf } from '../../src/cli/examples.js';
import { nearest } from '../../src/federation/nearest.js';
import { activationObstacle, retirementObstacle } from '../../src/keys/life-cycle.js';
import { command as run } from '../support/node/command.js';
import { deaf, leaves } from '../support/node/commands.js';
import { MAIN, tempFolder } from '../support/process.js';

/** Options that only page through a list. */
const PAGING = new Set(['--limit', '--cursor']);
/** What a shell makes of a line: quoted words, and nothing behind `>` or `|`. */
const wordsOf = (line: string): string[] => [...(line.split(/ [>|]/)[0] ?? '').matchAll(/"([^"]*)"|\S+/g)].map(([word, quoted]) => quoted ?? word);

describe('help', () => {
  it('says something about every command and every option', () => {
    const { program } = deaf();
    const all = [...leaves(program), ...program.commands.map((command) => ({ path: [command.name()], command }))];
    for (const { path, command } of all) {
      expect(command.description(), path.join(' ')).toMatch(/../);
      for (const { flags, description, hidden } of command.options) if (!hidden) expect(description, `${path.join(' ')} ${flags}`).toMatch(/../);
    }
    for (const { flags, description } of program.options) expect(description, flags).toMatch(/../);
  });
  it('has an example for every command that takes something, and each is a command line that works as typed', () => {
    const told = deaf();
    const examples = examplesOf(told.program);
    const without: string[] = [];
    for (const { path, command } of leaves(told.program)) {
      const takes = command.registeredArguments.length + command.options.filter(({ long }) => !PAGING.has(long ?? '')).length;
      const lines = examples.get(command) ?? [];
      if (takes && lines.length === 0) without.push(path.join(' '));
      for (const line of lines) {
        told.heard = undefined;
        try {
          told.program.parse(wordsOf(line), { from: 'user' });
        } catch (error) {
          expect.soft((error as Error).message, line).toBe('');
        }
        expect.soft(told.heard, line).toBeDefined();
        expect(line.split(' ').slice(0, path.length), line).toEqual(path);
      }
    }
    expect(without).toEqual([]);
    const known = new Set(leaves(told.program).map(({ command }) => command));
    for (const [command, lines] of examples) expect(known.has(command), lines.join()).toBe(true);
    const shown: string[] = [];
    const preflight = told.program.commands.find((one) => one.name() === 'preflight');
    preflight?.configureOutput({ writeOut: (text) => void shown.push(text) }).outputHelp();
    expect(shown.join('')).toContain('Examples:\n  npx holdfast preflight https://rp.example.org\n');
  });
  it('suggests what a typing error may have meant, and nothing where none is near', async () => {
    for (const [word, meant] of [
      ['memebr', 'member'],
      ['membr', 'member'],
      ['polcy', 'policy'],
      ['serv', 'serve'],
    ] as const)
      expect((await run([word])).stderr, word).toContain(`unknown command '${word}' (did you mean ${meant}?)`);
    for (const word of ['nope', 'd', 'zzz', 'x'.repeat(10_000), 'constructor']) expect((await run([word])).stderr, word).not.toContain('did you mean');
    expect(await run(['member', 'suspnd', 'x'])).toMatchObject({ code: 2, stderr: expect.stringContaining('suspend') });
    expect(nearest('', ['a'])).toEqual([]);
  });
  it('an artefact without typ, alg or kid is shown as such; one whose times are none does not end the command', async () => {
    const jwt = (header: object, claims: object) => [header, claims].map((one) => Buffer.from(JSON.stringify(one)).toString('base64url')).join('.');
    const shown = await run(['inspect', `${jwt({}, { iss: 'x', iat: 'soon', exp: 1e300 })}.`]);
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining('no typ, no alg, no kid') });
    expect(shown.stdout).not.toMatch(/undefined|NaN/);
    expect(shown.stdout).toContain('soon');
  });
  it('a key that has to wait is told until when, with the way around it', async () => {
    const key = { state: 'staged', stagedAt: 1_800_000_000, unseenUntil: null, superiorReadyAt: null, signedUntil: 1_800_000_500, retiringAt: null } as never;
    expect(activationObstacle(key, { now: 1_800_000_000, configurationLifetime: 3600, hasSuperior: false })).toContain('2027-01-15 09:00:00Z');
    expect(retirementObstacle(key, { now: 1_800_000_000, longestLifetime: 3600 })).toContain('until 2027-01-15 08:08:20Z');
    const { env } = await answering(() => [409, { code: 'key_not_ready', detail: 'the key cannot sign yet' }]);
    for (const verb of ['activate', 'retire'])
      expect(await run(['key', verb, '-abc'], env)).toMatchObject({ code: 5, stderr: expect.stringContaining('--force --reason') });
  });
  it('a file that cannot be read is told in words', async () => {
    const folder = tempFolder();
    expect((await run(['policy', 'check', join(folder, 'x.json')], { HOLDFAST_ADMIN_TOKEN: 'x' })).stderr).toContain('no such file');
    expect((await run(['policy', 'check', folder], { HOLDFAST_ADMIN_TOKEN: 'x' })).stderr).toContain('it is a folder');
  });
});

async function answering(answer: (path: string) => readonly [number, object] | undefined) {
  const server = createServer((request, response) => {
    const found = answer((request.url ?? '').split('?')[0] ?? '');
    // What is not answered is waited for.
    if (found) response.writeHead(found[0]).end(JSON.stringify(found[1]));
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { env: { HOLDFAST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, HOLDFAST_ADMIN_TOKEN: 'a-token-that-nobody-knows' } };
}

describe('Ctrl-C', () => {
  it('while something long is waited for says how to go on, exit 130; nothing is drawn where no terminal is', async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'm.ndjson'), '{}\n{}\n');
    const running = { id: 'job_1', kind: 'crawl', state: 'running', done: 0, total: 9, refused: 0, params: {} };
    let polls = 0;
    const children: ReturnType<typeof spawn>[] = [];
    const { env } = await answering((path) => {
      if (path.endsWith('/lines')) {
        children[1]?.kill('SIGINT');
        return undefined;
      }
      if (path.endsWith('/jobs/job_1') && ++polls === 2) children[0]?.kill('SIGINT');
      return [200, running];
    });
    const ends = [
      ['job', 'run', 'crawl', '--wait'],
      ['member', 'import', join(folder, 'm.ndjson')],
    ].map((words) => {
      const child = spawn(process.execPath, [MAIN, ...words], { env: { PATH: process.env['PATH'] ?? '', ...env } });
      children.push(child);
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
      return new Promise<readonly [number | null, string]>((done) => child.once('close', (code) => done([code, said])));
    });
    const [crawl, members] = await Promise.all(ends);
    expect(crawl).toEqual([130, expect.stringContaining('npx holdfast job show job_1')]);
    expect(members).toEqual([130, expect.stringMatching(/Interrupted after 0 of 9.*member import .*m\.ndjson --job job_1/)]);
    for (const end of [crawl, members]) expect(end?.[1]).not.toMatch(/\p{Cc}(?<!\n)/u);
  });
});
