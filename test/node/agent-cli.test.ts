import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { command } from '../support/node/command.js';
import { testKey } from '../support/keys.js';
import { admin, type Server, shared, startProcess, tempFolder } from '../support/process.js';

const ACME = 'https://acme.example.com';

describe('agents from the command line, over the wire', () => {
  const { later, end } = shared();
  let server: Server;
  let folder: string;
  beforeAll(async () => {
    folder = tempFolder(later);
    server = await startProcess(folder, { later });
  });
  afterAll(end);

  it('an operator gives a member its authority; the member makes, renews and retires agents with its federation key alone', async () => {
    const key = await testKey();
    const keyFile = join(folder, 'member.json');
    writeFileSync(keyFile, JSON.stringify({ ...(await exportJWK(key.privateKey)), kid: key.kid }), { mode: 0o600 });
    await admin(server, 'POST', '/authorities/main/members', {
      ...{ entity_id: ACME, jwks: { keys: [key.jwk] }, entity_types: ['openid_relying_party'], organization: 'Acme AB', activate: true },
    });
    const operator = (...args: readonly string[]) => command(args, server.env);
    const given = ['agent-authority', 'create', ACME, '--slug', 'acme', '--max-agents', '1', '--max-life', '7d'];
    expect(await operator(...given), 'nothing limits it').toMatchObject({ code: 2, stderr: expect.stringContaining('scopes') });
    expect((await operator(...given, '--scope', 'tools:read', '--dry-run')).stderr).toContain('Dry run');
    const made = await operator(...given, '--scope', 'tools:read');
    expect(made.stdout, made.stderr).toContain('0 of 1');
    const { entity_id: at } = JSON.parse((await operator('authority', 'show', 'main', '--json')).stdout);
    const agent = (verb: string, ...args: readonly string[]) =>
      command(['agent', verb, ...args, '--as', ACME, '--at', at, '--key', keyFile, '--url', server.url], {});
    const file = join(folder, 'invoices.agent.json');
    const create = ['invoices', '--scope', 'tools:read', '--life', '1d', '--file', file];
    expect((await agent('create', ...create, '--dry-run')).stderr).toContain('nothing was sent');
    const created = await agent('create', ...create, '--json');
    expect(created.code, created.stderr).toBe(0);
    const one = JSON.parse(created.stdout);
    expect(one).toMatchObject({ entity_id: `${at}/acme/agents/invoices`, state: 'active', scopes: ['tools:read'] });
    const kept = JSON.parse(readFileSync(file, 'utf8'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(kept).toMatchObject({ entity_id: one.entity_id, client_id: one.client_id });
    expect(created.stdout + created.stderr).not.toContain(kept.federation_key.d);
    expect((await fetch(`${one.entity_id}/.well-known/openid-federation`)).status).toBe(200);
    expect(await agent('create', ...create), 'its keys are not written over').toMatchObject({ code: 2, stderr: expect.stringContaining('--file') });
    const second = await agent('create', 'second', '--scope', 'tools:read', '--file', join(folder, 'second.json'));
    expect(second, 'one at once').toMatchObject({ code: 5, stderr: expect.stringContaining('1 agents live') });
    expect(await agent('create', 'wide', '--scope', 'admin', '--file', join(folder, 'w.json'))).toMatchObject({ code: 4 });
    const renewed = await agent('renew', 'invoices', '--life', '2d', '--file', file, '--json');
    expect(JSON.parse(renewed.stdout).ends_at, renewed.stderr).toBeGreaterThan(one.ends_at + 80_000);
    expect((await agent('list')).stdout).toContain('invoices');
    expect((await agent('show', one.id)).stdout).toContain(one.entity_id);
    expect((await agent('retire', 'invoices', '--reason', 'done')).stdout).toContain('retired');
    expect((await fetch(`${one.entity_id}/.well-known/openid-federation`)).status).toBe(404);
    expect((await operator('agent-authority', 'change', 'acme', '--max-agents', '0')).stdout).toContain('0 of 0');
    expect((await operator('agent-authority', 'list')).stdout).toContain('acme');
    expect((await operator('agent-authority', 'retire', 'acme', '--reason', 'over', '--yes=acme')).stdout).toContain('retired');
    expect(await agent('list')).toMatchObject({ code: 1, stderr: expect.stringContaining('no authority for agents') });
  });
});
