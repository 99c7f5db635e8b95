import { expect, it } from 'vitest';
import { testKey } from '../support/keys.js';
import { admin, run, startProcess, tempFolder } from '../support/process.js';

const RP = 'https://rp.example.com';
const of = encodeURIComponent;

/** A signing process with one member of Bank A, and a public-only process beside it. */
async function two() {
  const folder = tempFolder();
  const server = await startProcess(folder);
  const alone = await startProcess(folder, { args: ['--public-only'], env: { HOLDFAST_URL: server.url } });
  const env = { HOLDFAST_DATA: folder, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '' };
  const jwks = { keys: [(await testKey()).jwk] };
  expect((await admin(server, 'POST', '/authorities/main/members', { entity_id: RP, jwks, organization: 'Bank A', activate: true })).status).toBe(201);
  const there = `http://localhost:${alone.env['HOLDFAST_PORT']}`;
  /** Commits of another process are seen within 20 ms (store/published.node.ts). */
  const seen = () => new Promise((done) => setTimeout(done, 50));
  /** What both processes answer to all of these. */
  const served = async (...paths: string[]) => {
    await seen();
    const answers = [];
    for (const at of [server.url, there]) for (const path of paths) answers.push((await fetch(`${at}${path}`)).status);
    return answers;
  };
  return { folder, server, there, seen, served, cli: (...args: string[]) => run(args, env) };
}
const FETCH = `/fetch?sub=${of(RP)}`;
const PATHS = ['/.well-known/openid-federation', FETCH, '/list', '/historical-keys'];
const eight = (status: number) => Array.from({ length: 8 }, () => status);
const MANY_PROCESSES = 180_000;

it('the command line halts and resumes an organization, and says first what that reaches', { timeout: MANY_PROCESSES }, async () => {
  const { cli, served } = await two();
  expect((await cli('organization', 'list')).stdout).toMatch(/active +org_\w+ +Bank A/);
  expect((await cli('organization', 'halt', 'Bank A')).code, 'a reason is needed').toBe(2);
  expect(await cli('organization', 'halt', 'Bank A', '--reason', 'licence withdrawn')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/Bank A: 1 active member, 0 marks[\s\S]*--yes=Bank A/),
  });
  expect(await served(FETCH)).toEqual([200, 200]);
  expect(await cli('organization', 'halt', 'Bank A', '--reason', 'licence withdrawn', '--yes=Bank A')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Bank A is halted now: 1 member suspended'),
  });
  expect(await served(FETCH)).toEqual([404, 404]);
  expect((await cli('organization', 'show', 'Bank A')).stdout).toMatch(/Bank A +halted[\s\S]*licence withdrawn[\s\S]*1 suspended/);
  expect((await cli('member', 'show', RP)).stdout).toContain('organization halted: licence withdrawn');
  expect((await cli('member', 'resume', RP)).code).toBe(5);
  expect((await cli('organization', 'resume', 'Bank A', '--reason', 'licence back')).stderr).toContain('1 member brought back');
  expect(await served(FETCH)).toEqual([200, 200]);
});

it('a public-only process serves nothing of a halted authority, over a restart; resume, retire', { timeout: MANY_PROCESSES }, async () => {
  const { cli, served, server, folder, there, seen } = await two();
  expect(await served(...PATHS)).toEqual(eight(200));
  expect(await cli('authority', 'halt', 'main', '--reason', 'break-in')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/main: 1 active member, 0 marks, \d answers[\s\S]*verify until[\s\S]*--yes=main/),
  });
  expect(await served(...PATHS)).toEqual(eight(200));
  expect(await cli('authority', 'halt', 'main', '--reason', 'break-in', '--yes=main')).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('main is halted now'),
  });
  expect(await served(...PATHS)).toEqual(eight(404));
  expect((await cli('authority', 'halt', 'main', '--reason', 'x', '--yes=main')).stderr).toContain('already_halted');
  for (const at of [server.url, there]) expect((await fetch(`${at}/readyz`)).status, 'it is ready to say so').toBe(200);
  await server.kill('SIGTERM');
  const again = await startProcess(folder, { port: Number(server.env['HOLDFAST_PORT']) });
  expect(await served(...PATHS), 'a restart changes nothing').toEqual(eight(404));
  expect((await cli('authority', 'resume', 'main', '--reason', 'mended')).code).toBe(0);
  for (let n = 0; n < 600 && (await fetch(`${again.url}${FETCH}`)).status !== 200; n++) await seen();
  expect(await served(...PATHS)).toEqual(eight(200));
  expect((await cli('authority', 'retire', 'main', '--reason', 'the end', '--yes=main')).code).toBe(0);
  expect(await served(...PATHS)).toEqual([404, 404, 404, 200, 404, 404, 404, 200]);
  expect(await cli('authority', 'resume', 'main', '--reason', 'x')).toMatchObject({ code: 5, stderr: expect.stringContaining('main is retired') });
});
