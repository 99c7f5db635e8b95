import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { testKey } from '../support/keys.js';
import { command as run } from '../support/node/command.js';
import { admin, MAIN, type Server, shared, startProcess, tempFolder } from '../support/process.js';

const { later, end } = shared();
let folder: string;
let env: Record<string, string>;
let server: Server;
let jwks: object;
const cli = (...args: string[]) => run(args, env);
const json = async (...args: string[]) => JSON.parse((await cli('--json', ...args)).stdout);
const put = (name: string, content: string) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const lines = (from: number, n: number, organization: string) =>
  Array.from({ length: n }, (_, at) => JSON.stringify({ entity_id: `https://m${from + at}.example`, jwks, organization })).join('\n');

beforeAll(async () => {
  folder = tempFolder(later);
  server = await startProcess(folder, { later });
  env = { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' };
  jwks = { keys: [(await testKey()).jwk] };
});
afterAll(end);

it('many members are moved together, after their number was confirmed, and again without harm', async () => {
  const imported = await cli('member', 'import', put('a.ndjson', lines(0, 20, 'Bank A')));
  expect(imported.stderr).toContain('20 enrolled, in state vetting');
  expect(imported.stderr).toContain('member approve --state vetting');
  const asked = await cli('member', 'approve', '--organization', 'Bank A');
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/20 member\(s\): https:\/\/m0\.example.* and 15 more[\s\S]*--yes=20/)]);
  expect((await cli('member', 'approve', '--organization', 'Bank A', '--yes', '19')).code).toBe(2);
  expect((await cli('member', 'approve', '--organization', 'Bank A', '--yes', '20')).stderr).toContain('20 approved');
  expect((await json('member', 'activate', '--state', 'approved', '--yes', '20')).outcomes).toHaveLength(20);
  const again = await cli('member', 'activate', 'https://m0.example', 'https://m1.example', 'https://nobody.example', '--yes', '3');
  expect([again.code, again.stderr]).toEqual([4, expect.stringContaining('2 already_active, 1 refused')]);
  expect((await cli('member', 'suspend', '--query', 'bank a', '--reason', 'audit', '--yes', '20')).stderr).toContain('20 suspended');
  expect((await cli('member', 'approve')).code).toBe(2);
  expect((await cli('member', 'approve', 'https://m0.example', '--state', 'vetting')).code).toBe(2);
  expect((await cli('member', 'archive', '--query', 'no such')).stderr).toContain('nothing was changed');
});

it('--activate publishes at once; an import that is cancelled takes no more', async () => {
  const file = put('b.ndjson', lines(100, 2, 'Bank B'));
  expect((await cli('member', 'import', file, '--activate')).stderr).toContain('2 enrolled, in state active');
  const dry = await json('member', 'import', file, '--dry-run');
  expect((await cli('job', 'list')).stdout).toContain('import (dry run)');
  expect((await cli('job', 'cancel', dry.job.id)).stderr).toContain('done already');
  const before = (await json('job', 'list')).items.length;
  expect((await cli('member', 'import', put('c.csv', 'entity_id,what\nx,y\n'), '--dry-run')).stderr).toContain('unknown column "what"');
  expect((await json('job', 'list')).items).toHaveLength(before);
  const { id } = (await admin(server, 'POST', '/authorities/main/imports', {})).json;
  expect((await cli('job', 'cancel', id)).code).toBe(0);
  expect(await json('job', 'show', id)).toMatchObject({ state: 'cancelled' });
  expect((await cli('member', 'import', file, '--job', id)).stderr).toContain('cancelled');
});

it('a member is changed by name, shown first, and fields are emptied; organizations are made and renamed', async () => {
  await cli('organization', 'create', 'Bank C');
  expect((await cli('organization', 'create', 'Bank C')).code).toBe(5);
  const enrolled = await cli('member', 'enroll', 'https://c.example', '--jwks', put('k.json', JSON.stringify(jwks)), '--organization', 'Bank C');
  expect(enrolled.stdout).toContain('Bank C');
  const change = (...more: string[]) => cli('member', 'change', 'https://c.example', ...more);
  const constraints = put('constraints.json', '{"max_path_length":1}');
  const dry = await change('--constraints', constraints, '--statement-lifetime', '12h', '--dry-run');
  expect(dry.stdout).toContain('+ {"max_path_length":1}');
  expect(await json('member', 'show', 'https://c.example')).toMatchObject({ constraints: {}, organization: 'Bank C', v: 1 });
  expect((await change('--constraints', constraints, '--statement-lifetime', '12h', '--valid-until', '2099-01-01', '--type', 'oauth_client')).code).toBe(0);
  expect(await json('member', 'show', 'https://c.example')).toMatchObject({
    constraints: { max_path_length: 1 },
    statement_lifetime: 43_200,
    valid_until: Date.UTC(2099, 0, 1) / 1000,
    entity_types: ['oauth_client'],
  });
  expect((await change('--unset', 'constraints', '--unset', 'valid-until', '--unset', 'organization')).code).toBe(0);
  expect(await json('member', 'show', 'https://c.example')).toMatchObject({ constraints: {}, valid_until: null, organization_id: null });
  for (const wrong of [[], ['--unset', 'jwks'], ['--valid-until', '31/12/2099'], ['--statement-lifetime', 'soon']])
    expect((await change(...wrong)).code).toBe(2);
  expect((await change('--unset', 'metadata', '--seen', '1')).code).toBe(5);
  expect((await cli('organization', 'change', 'Bank C', '--name', 'Bank D')).stdout).toContain('Bank D');
  expect((await cli('organization', 'change', 'Bank D', '--name', 'Bank B')).code).toBe(5);
});

/** Something between the command and the server: told of each request, before it goes on or when it has been answered. */
async function between(tell: (request: IncomingMessage, when: 'before' | 'after') => Promise<unknown>): Promise<Record<string, string>> {
  const proxy = createServer(async (request, response) => {
    const body = await text(request);
    await tell(request, 'before');
    const headers: Record<string, string> = Object.fromEntries(
      ['authorization', 'content-type', 'idempotency-key'].flatMap((name) => (request.headers[name] ? [[name, String(request.headers[name])]] : [])),
    );
    headers['connection'] = 'close';
    const answer = await fetch(`${server.url}${request.url}`, { method: request.method ?? 'GET', headers, ...(body && { body }) }).catch(() => undefined);
    if (!answer) return void response.destroy();
    const said = await answer.text();
    await tell(request, 'after');
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(said);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  return { HOLDFAST_URL: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, HOLDFAST_ADMIN_TOKEN: server.token, HOLDFAST_DATA: tempFolder() };
}

it('what became of members after they were found is not run over: an edit is not approved, a cut is not undone', async () => {
  await cli('member', 'import', put('d.ndjson', lines(200, 6, 'Bank E')));
  const member = (n: number, verb = '', method = 'POST', body: object = { reason: 'fraud' }) =>
    admin(server, method, `/authorities/main/members/${encodeURIComponent(`https://m${n}.example`)}${verb}`, method === 'GET' ? undefined : body);
  let meanwhile = async (): Promise<unknown> => undefined;
  const proxied = await between((request, when) => (when === 'after' && request.url?.includes('/members?') ? meanwhile() : Promise.resolve()));
  const bulk = async (...args: string[]) =>
    JSON.parse((await run(['--json', 'member', ...args, '--organization', 'Bank E', '--yes', '6'], proxied)).stdout).outcomes;
  const outcomes = (all: { outcome: string }[]) => all.map(({ outcome }) => outcome);

  meanwhile = () => member(200, '', 'PATCH', { constraints: { max_path_length: 5 } });
  const approved = await bulk('approve');
  expect(outcomes(approved)).toEqual(['refused', ...Array(5).fill('approved')]);
  meanwhile = async () => undefined;
  await bulk('approve', '--state', 'vetting,approved');
  await bulk('activate');
  await bulk('suspend', '--reason', 'audit');

  // Suspended already: its state tells nothing of the second cut.
  meanwhile = () => member(203, '/suspend');
  expect(outcomes(await bulk('resume'))).toEqual(['active', 'active', 'active', 'refused', 'active', 'active']);
  expect((await member(203, '', 'GET')).json.state).toBe('suspended');
});

it('interrupted, it says how far it came and that it may be run again', async () => {
  await cli('member', 'import', put('e.ndjson', lines(300, 40, 'Bank F')));
  let asked = 0;
  const proxied = await between(async (request, when) => {
    if (request.method !== 'POST' || when === 'after' || asked++ < 20) return;
    if (asked === 21) child.kill('SIGINT');
    await new Promise(() => undefined);
  });
  const child = spawn(process.execPath, [MAIN, 'member', 'approve', '--organization', 'Bank F', '--yes', '40'], {
    env: { PATH: process.env['PATH'] ?? '', ...proxied },
  });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(code).toBe(130);
  expect(said).toMatch(/Stopped after \d+ of 40\. Run it again/);
});

it('quorum 2: many wait for another person, each by itself, and are moved by the second; a key for somebody else is made by a digest', async () => {
  const people: { readonly id: string; readonly token: string }[] = [];
  for (const name of ['ann', 'bob', 'cleo']) {
    const { id } = await json('person', 'add', name);
    await cli('person', 'grant', id, 'owner', '--of-all');
    people.push({ id, token: (await cli('api-key', 'create', name, '--person', id)).stdout.trim() });
  }
  const as = (n: number, ...args: string[]) =>
    run(args, { ...env, HOLDFAST_ADMIN_TOKEN: people[n]?.token as string, HOLDFAST_URL: `http://localhost:${env['HOLDFAST_PORT']}` });
  expect((await as(0, 'member', 'import', put('q.ndjson', lines(400, 5, 'Bank Q')))).stderr).toContain('5 enrolled');
  expect((await cli('authority', 'quorum', 'main', '2')).code).toBe(0);
  const approve = (n: number) => as(n, '--json', 'member', 'approve', '--organization', 'Bank Q', '--yes=5');
  const outcomes = async (n: number) => {
    const { code, stdout } = await approve(n);
    return [code, ...new Set(JSON.parse(stdout).outcomes.map(({ outcome }: { outcome: string }) => outcome))];
  };
  expect(await outcomes(0), 'who enrolled them').toEqual([4, 'refused']);
  expect([await outcomes(1), await outcomes(1)], 'once more is the same').toEqual([
    [0, 'waiting'],
    [0, 'waiting'],
  ]);
  expect((await as(2, 'member', 'approve', '--organization', 'Bank Q', '--yes=5')).stderr).toMatch(/5 approved/);
  expect((await as(1, '--json', 'member', 'activate', '--organization', 'Bank Q', '--yes=5')).code).toBe(0);
  await as(0, 'member', 'suspend', '--organization', 'Bank Q', '--reason', 'audit', '--yes=5');
  expect((await as(1, 'member', 'resume', 'https://m400.example', 'https://m401.example', '--yes=2')).stdout).toMatch(/waiting .*it takes one more person/);
  // A token that only its person has seen.
  const secret = JSON.parse((await cli('--json', 'api-key', 'secret')).stdout);
  const { id: dora } = await json('person', 'add', 'dora');
  const make = (n: number) => as(n, 'api-key', 'create', 'laptop', '--person', dora, '--token-digest', secret.token_digest);
  expect((await as(0, 'api-key', 'create', 'laptop', '--person', dora)).stderr).toContain('api-key secret');
  expect([(await make(0)).stderr, await make(1)]).toEqual([
    expect.stringContaining('one more person'),
    { code: 0, stdout: '', stderr: expect.stringContaining('whoever made its token has it') },
  ]);
  const who = await run(['--json', 'whoami'], { ...env, HOLDFAST_ADMIN_TOKEN: secret.token });
  expect(JSON.parse(who.stdout)).toMatchObject({ id: dora });
});
