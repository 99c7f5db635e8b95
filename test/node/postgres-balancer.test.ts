import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/cli/client.js';
import { demo } from '../../src/platform/local/demo.node.js';
import { type Balancer, startBalancer } from '../support/balancer.js';
import { testKey } from '../support/keys.js';
import { command } from '../support/node/command.js';
import { newDatabase, type Process, processOn, SUBJECT, until } from '../support/postgres-processes.js';
import { type PostgresServer, startPostgres } from '../support/postgres-server.js';
import { tempFolder } from '../support/process.js';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

interface Pair {
  readonly balancer: Balancer;
  readonly processes: readonly Process[];
}

/** Two processes on one database, and nobody knows which of them he speaks to. */
async function pair(): Promise<Pair> {
  const database = await newDatabase(server);
  const balancer = await startBalancer();
  const env = { HOLDFAST_URL: balancer.url, HOLDFAST_DISCOVERY: 'off' };
  const processes = await Promise.all([processOn(database, { env }), processOn(database, { env })]);
  balancer.behind(processes.map(({ at }) => Number(new URL(at).port)));
  return { balancer, processes };
}
const stop = async ({ balancer, processes }: Pair) => {
  await Promise.all(processes.map((one) => one.kill('SIGTERM')));
  await balancer.stop();
};

it('the whole demo, each of its two deployments being two processes behind a balancer', async () => {
  const said: string[] = [];
  const pairs: Pair[] = [];
  const code = await demo(
    (text) => said.push(text),
    async () => {
      const one = await pair();
      pairs.push(one);
      const { balancer, processes } = one;
      return { id: balancer.url, client: createClient({ url: balancer.url, token: processes[0]?.token ?? '' }), stop: () => stop(one) };
    },
  );
  expect(code, said.join('\n')).toBe(0);
  expect(said.join('\n')).toContain('the provider beside it keeps its chain');
  for (const { balancer } of pairs) expect(Math.min(...balancer.answered), 'both took part').toBeGreaterThan(5);
});

it('a member comes, is marked, changes its keys, is cut off, comes back and goes: by the command line, behind a balancer', async () => {
  const one = await pair();
  const { balancer, processes } = one;
  const folder = tempFolder();
  const env = { HOLDFAST_URL: balancer.url, HOLDFAST_ADMIN_TOKEN: processes[0]?.token ?? '', HOLDFAST_DATA: folder };
  const done = async (...args: string[]) => {
    const finished = await command(args, env);
    expect(finished.code, `${args.join(' ')}\n${finished.stderr}${finished.stdout}`).toBe(0);
    return finished.stdout;
  };
  const keysOf = async (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, JSON.stringify({ keys: [(await testKey()).jwk] }));
    return path;
  };
  /** What is answered by each process: the same, within the time that one needs to see the other's commit. */
  const everywhere = async (path: string, status: number) => {
    for (const { at } of processes) await until(async () => (await fetch(`${at}${path}`)).status === status);
  };
  const statement = `/fetch?sub=${encodeURIComponent(SUBJECT)}`;
  const type = 'https://example.org/marks/certified';
  const mark = `/trust-mark?trust_mark_type=${encodeURIComponent(type)}&sub=${encodeURIComponent(SUBJECT)}`;
  await done('member', 'enroll', SUBJECT, '--jwks', await keysOf('first.json'), '--type', 'openid_relying_party', '--vetting');
  await everywhere(statement, 404);
  await done('member', 'approve', SUBJECT);
  await done('member', 'activate', SUBJECT);
  await everywhere(statement, 200);
  await done('mark', 'type', 'create', type);
  await done('mark', 'grant', type, SUBJECT);
  await everywhere(mark, 200);
  const before = await (await fetch(`${balancer.url}${statement}`)).text();
  await done('member', 'keys', 'replace', SUBJECT, '--jwks', await keysOf('second.json'), '--reason', 'rotated');
  for (const { at } of processes) await until(async () => (await (await fetch(`${at}${statement}`)).text()) !== before);
  await done('member', 'suspend', SUBJECT, '--reason', 'an incident');
  for (const path of [statement, mark]) await everywhere(path, 404);
  await done('member', 'resume', SUBJECT, '--reason', 'it was looked at');
  await everywhere(statement, 200);
  await done('member', 'revoke', SUBJECT, '--reason', 'left', `--yes=${SUBJECT}`);
  await everywhere(statement, 404);
  expect((await done('event', 'list')).match(/member\.\w+/g)?.length).toBeGreaterThan(6);
  await stop(one);
});
