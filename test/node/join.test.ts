import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../support/node/command.js';
import { admin, freePort, run, type Server, shared, startProcess, tempFolder } from '../support/process.js';
import { testKey } from '../support/keys.js';

const SCRIPT = new URL('../../examples/onboard-partner/onboard.mjs', import.meta.url).pathname;

describe('joining over the wire', () => {
  const { later, end } = shared();
  let server: Server;
  let folder: string;
  beforeAll(async () => {
    folder = tempFolder(later);
    server = await startProcess(folder, { later });
  });
  afterAll(end);
  const operator = (...args: readonly string[]) => command(args, server.env);
  const partner = (...args: readonly string[]) => command(args, {});

  it('a partner is onboarded by the script, from nothing to a verified chain, in under a minute', async () => {
    await admin(server, 'PUT', '/authorities/main/binding', { key_proof: 'required' });
    const began = performance.now();
    const { code, stdout, stderr } = await run([server.url, String(await freePort())], server.env, SCRIPT);
    expect(code, stderr + stdout).toBe(0);
    expect(stdout).toContain('is active below');
    expect(stdout).toContain('a chain of 3 statements verified');
    expect(performance.now() - began).toBeLessThan(60_000);
  });

  it('the token is kept in a file of mode 0600, is never written over, and no secret stands in what is shown', async () => {
    const file = join(folder, 'mine.json');
    const made = await operator('join-link', 'create', '--uses', '2', '--note', 'for a test');
    const url = made.stdout.trim();
    expect(url, made.stderr).toMatch(/^http:\/\/localhost:\d+\/join\/v1\/jnl_[0-9a-z]{26}#hfj_[\w-]{43}$/);
    const jwks = join(folder, 'jwks.json');
    writeFileSync(jwks, JSON.stringify({ keys: [(await testKey()).jwk] }));
    const send = ['apply', 'send', url, '--entity-id', 'https://rp.example', '--organization', 'Example Ltd', '--jwks', jwks, '--file', file];
    expect((await partner(...send, '--dry-run')).stderr).not.toContain('hfj_');
    const sent = await partner(...send, '--json');
    expect(sent.code, sent.stderr + sent.stdout).toBe(0);
    const { token } = JSON.parse(readFileSync(file, 'utf8'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(sent.stdout + sent.stderr).not.toContain(token);
    expect(await partner(...send)).toMatchObject({ code: 2, stderr: expect.stringContaining('--file') });
    const { id } = JSON.parse(sent.stdout);
    expect((await operator('application', 'list', '--waiting-on', 'reviewer')).stdout).toContain('https://rp.example');
    expect((await operator('application', 'take', id, '--waive', 'fetch_failed', '--dry-run')).stderr).toContain('nothing was changed');
    expect((await operator('application', 'ask', id, 'which register?')).code).toBe(0);
    expect((await partner('apply', 'status', '--file', file)).stdout).toContain('which register?');
    expect((await partner('apply', 'change', '--scope', 'read', '--file', file)).code).toBe(0);
    expect((await partner('apply', 'message', 'the one of London', '--file', file)).code).toBe(0);
    const shown = await operator('application', 'show', id);
    expect(shown.stdout).toContain('the one of London');
    expect(shown.stdout).toContain('read');
    const refused = await operator(
      'application',
      'refuse',
      id,
      '--reason',
      'no such entry',
      '--redress',
      'write to the board',
      '--reason-code',
      'not_verified',
    );
    expect(refused.code, refused.stderr).toBe(0);
    const said = await partner('apply', 'status', '--file', file);
    expect(said.stdout).toContain('no such entry');
    expect(said.stdout).toContain('write to the board');
    expect((await partner('apply', 'withdraw', '--file', file)).code).toBe(5);
    expect((await operator('application', 'erase', id, '--reason', 'asked for')).code).toBe(0);
    expect((await partner('apply', 'status', '--file', file)).stdout).not.toContain('the one of London');
    const listed = JSON.parse((await operator('join-link', 'list', '--json')).stdout).items[0];
    expect((await operator('join-link', 'end', listed.id)).stdout).toContain('1 of 2');
    const late = ['apply', 'send', url, '--entity-id', 'https://b.example', '--organization', 'B', '--file', join(folder, 'b.json')];
    expect(await partner(...late)).toMatchObject({ code: 5, stderr: expect.stringContaining('another one') });
    expect(await partner('apply', 'send', url.slice(0, -1), '--entity-id', 'https://b.example', '--organization', 'B')).toMatchObject({ code: 2 });
  });
});
