import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refusals } from '../../src/platform/local/story/doors.node.js';
import { createNarrator, wrapped } from '../../src/platform/local/story/narrator.js';
import { runStory } from '../../src/platform/local/story/run.node.js';
import { openStage } from '../../src/platform/local/story/stage.node.js';
import { story, type Told } from '../../src/platform/local/story/story.node.js';
import { MAIN, shared, tempFolder } from '../support/process.js';

/**
 * The whole story over HTTP, each party a process of its own: an anchor, an operator below it, oidc-provider as it is published, the
 * same with holdfast/rp, an MCP server and MCP clients. What `npm run demo` tells, with services that ask with each request.
 */
const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const DOORS = ['document', 'automatic', 'statement'];
const { later, end } = shared();
afterAll(end);

const said: string[] = [];
let told: Told;
beforeAll(async () => {
  const stage = await openStage({ main: MAIN, examples: EXAMPLES });
  later(() => stage.close());
  told = await story(
    createNarrator((text) => void said.push(...text.split('\n'))),
    stage,
    { federation: 'strict', resource: 'strict', document: 1 },
  ).catch((error: unknown) => {
    throw new Error(`${said.slice(-20).join('\n')}\n${stage.children.map(({ name, notes }) => `${name}: ${notes()}`).join('\n')}`, { cause: error });
  });
});

describe('an agent that nobody typed in', () => {
  it('gets in by each of three doors, as itself, for what it was vetted for', () => {
    const { used, agent } = told;
    expect(used.map(({ door, scope }) => [door, scope])).toEqual(DOORS.map((door) => [door, 'tools:read']));
    expect(used.slice(0, 2).map(({ clientId }) => clientId)).toEqual([agent.clientId, agent.entity]);
    for (const { beyond, door } of used) {
      expect(beyond, door).toMatchObject({ event: 'refused', by: 'authorization server', status: 400, error: 'invalid_scope' });
      expect(beyond['before'], `${door}: first the resource`).toMatchObject([{ by: 'resource', status: 403, error: 'insufficient_scope' }]);
    }
  });

  it('registers once: the statement and the token that it registered with are used up', () => {
    expect(told.again).toMatchObject({ event: 'refused', error: 'invalid_token' });
  });

  it('whom nobody has vetted is nobody, at the server that reads documents and at the one that reads chains', () => {
    expect(told.strangers.map(({ event, error }) => [event, error])).toEqual([
      ['refused', 'invalid_client'],
      ['refused', 'invalid_client'],
    ]);
  });

  it('is out once the operator halts it: the tool mid-session and every door', () => {
    const { doors, gone, receipt } = told.halted;
    expect(gone.map(({ status }) => status)).toEqual([404, 404]);
    expect(receipt.event.type).toBe('member.suspended');
    expect(receipt.registrations, 'who still holds a client of it').toMatchObject({
      clients: 1,
      servers: [{ server: told.services.federation.url, clients: 1 }],
    });
    for (const { door, call, token, late, admitted, tries } of doors) {
      expect(refusals(call.said)[0], door).toMatchObject({ by: 'resource', status: 401, error: 'invalid_token' });
      expect(token.said, door).toMatchObject({ event: 'refused', error: 'invalid_client' });
      expect([late.call, admitted], `${door}: none of ${tries} more`).toEqual([0, 0]);
      // A server that asks nobody lets in for as long as it keeps the document: here a second.
      if (door !== 'document') expect(late.token, door).toBe(0);
    }
  });

  it('nothing at all was admitted for it after the halt, by what the services wrote down themselves', () => {
    const { services, agent, halted, used } = told;
    const ids = [agent.entity, ...used.map(({ clientId }) => clientId)];
    const sinceHalt = (name: 'federation' | 'mcp', event: string) =>
      services[name].child.said.filter(
        (one) => one.event === event && String(one['at']) > halted.at && (ids.includes(String(one['client_id'])) || ids.includes(String(one['entity']))),
      );
    expect(sinceHalt('mcp', 'tool_call')).toEqual([]);
    expect(sinceHalt('federation', 'token')).toEqual([]);
    expect(sinceHalt('mcp', 'refused').length, 'it was asked').toBeGreaterThan(10);
    expect(sinceHalt('federation', 'decision').filter(({ decision }) => decision === 'admitted')).toEqual([]);
  });
});

it('a person lets a client act by openid-client (PAR, PKCE, DPoP), and the halt of that client ends it: token, refresh, new requests', () => {
  const { token, refused, late } = told.user;
  expect(token).toMatchObject({ event: 'token', token_type: 'dpop', scope: 'tools:read', sub: 'ada' });
  for (const act of ['refresh', 'push'] as const) expect(refused[act].said, act).toMatchObject({ event: 'refused', status: 401, error: 'invalid_client' });
  expect(late, 'with the next request').toBe(0);
});

it('a chatbot uses the service that the consortium vouches for, and sends no token to it once that is suspended', () => {
  const { good, call, suspended, tokensAsked } = told.chosen;
  expect(good).toMatchObject({ trusted: true, authorization_server: told.services.federation.url });
  expect(call).toMatchObject({ event: 'tool_call', ok: true });
  expect(suspended).toMatchObject({ trusted: false, findings: [{ code: 'not_in_force' }] });
  expect(tokensAsked).toBe(0);
});

it('both sides tell the same: one chain hash in every log, each statement of it in the events, and the events are whole', () => {
  const { trail, used } = told;
  const hashes = [trail.registry.sha256, ...used.map(({ chain }) => chain), ...Object.values(trail.written).flat()];
  expect(hashes.length).toBeGreaterThan(5);
  expect([...new Set(hashes)]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect([trail.registry.statements.length, trail.recorded]).toEqual([3, 3]);
  expect(trail.events.map(({ type }) => type)).toEqual([
    'member.enrolled',
    'software_statement.issued',
    'initial_access_token.issued',
    'initial_access_token.redeemed',
    'client.registered',
    'member.suspended',
  ]);
  expect(trail.verified.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(trail.calls, 'admitted after every door had refused').toBe(0);
});

it('it is told in lines of 80, each step with what was sent and how long it took', () => {
  expect(said.filter((line) => [...line].length > 80)).toEqual([]);
  const steps = said.filter((line) => /^ ?\d+\. /.test(line)).length;
  expect(steps).toBeGreaterThan(12);
  expect(said.filter((line) => line.startsWith('    took')).length).toBe(steps);
  expect(wrapped('aaa bbbb cc', 8)).toEqual(['aaa bbbb', 'cc']);
});

it('a party that ends tells why, and in which step', async () => {
  const folder = tempFolder();
  const main = join(folder, 'main.mjs');
  writeFileSync(main, 'console.error("no such luck"); process.exit(3);');
  const lines: string[] = [];
  expect(await runStory((text) => lines.push(text), { main, examples: EXAMPLES })).toBe(1);
  expect(lines.join('\n')).toMatch(/failed at step 1\. A trust anchor[\s\S]*ended with 3[\s\S]*no such luck/);
});

it('Ctrl-C ends every child and removes the folder', async () => {
  const temp = tempFolder();
  mkdirSync(join(temp, 'tmp'));
  const child = spawn(process.execPath, [MAIN, 'demo'], { env: { PATH: process.env['PATH'], HOME: temp, TMPDIR: join(temp, 'tmp') } });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const children = () =>
    execFileSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' })
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .flatMap(([parent, pid]) => (parent === String(child.pid) ? [Number(pid)] : []));
  await vi.waitFor(() => expect(children().length, out).toBeGreaterThanOrEqual(2), { timeout: 60_000, interval: 50 });
  const before = children();
  child.kill('SIGINT');
  expect([await ended, out.includes('Stopped')], out).toEqual([130, true]);
  for (const pid of before) expect(() => process.kill(pid, 0), String(pid)).toThrow();
  expect(readdirSync(join(temp, 'tmp'))).toEqual([]);
});
