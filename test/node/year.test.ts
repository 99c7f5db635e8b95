import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { testKey } from '../support/keys.js';
import { command } from '../support/node/command.js';
import { startProcess, tempFolder } from '../support/process.js';

const RP = 'https://rp.example.org';
const TYPE = 'https://example.org/marks/certified';

/** An operator's year, by nothing but the command line: each line is what somebody types, and what it leads to. */
it('a year of an operator goes by on the command line alone', async () => {
  const base = tempFolder();
  let data = join(base, 'first');
  let server = await startProcess(data);
  const env = (more: Record<string, string> = {}) => ({ HOLDFAST_DATA: data, HOLDFAST_PORT: server.env['HOLDFAST_PORT'] ?? '', ...more });
  const typed = (...args: string[]) => command(args, env());
  const done = async (...args: string[]) => {
    const finished = await typed(...args);
    expect(finished.code, `${args.join(' ')}\n${finished.stderr}${finished.stdout}`).toBe(0);
    return `${finished.stderr}${finished.stdout}`;
  };
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape are looked at
  const asked = async (...args: string[]): Promise<any> => JSON.parse((await typed('--json', ...args)).stdout);
  const file = (name: string, content: unknown) => {
    const path = join(base, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const statement = async (id: string) => (await fetch(`${server.url}/fetch?sub=${encodeURIComponent(id)}`)).status;
  const keysOf = async () => ({ keys: [(await testKey()).jwk] });

  // January: the first authority is there, an intermediate below it, the first member.
  expect(await done('whoami')).toContain('owner');
  await done('authority', 'create', 'inter', '--entity-id', `${server.url}/inter`, '--hint', server.url);
  await done('member', 'enroll', `${server.url}/inter`);
  const keys = file('keys.json', await keysOf());
  expect(await done('member', 'enroll', RP, '--jwks', keys, '--type', 'openid_relying_party', '--organization', 'Bank A')).toContain('Enrolled');
  expect(await statement(RP)).toBe(200);

  // February: a consortium joins with 45 members, and some more out of a spreadsheet.
  const joining = await Promise.all(
    Array.from({ length: 45 }, async (_, n) => ({ entity_id: `https://m${n}.example.org`, jwks: await keysOf(), organization: 'Consortium', activate: true })),
  );
  const members = file('members.ndjson', joining.map((one) => JSON.stringify(one)).join('\n'));
  expect(await done('member', 'import', members, '--dry-run')).toContain('45 would be enrolled');
  expect(await done('member', 'import', members)).toContain('45 enrolled');
  const cell = `"${JSON.stringify(await keysOf()).replaceAll('"', '""')}"`;
  expect(await done('member', 'import', file('sheet.csv', `entity_id,jwks,activate\nhttps://sheet.example.org,${cell},true\n`))).toContain('1 enrolled');
  expect(await statement('https://m44.example.org')).toBe(200);

  // March: keys. One is rotated on schedule, one is called compromised.
  const next = (await done('key', 'generate')).trim().split(' ')[0] ?? '';
  expect((await typed('key', 'activate', '--', next)).code, 'not while configurations without it can be valid').toBe(5);
  await done('key', 'activate', '--force', '--reason', 'rehearsal', '--', next);
  await done('key', 'revoke', '--reason', 'compromised', `--yes=${next}`, '--', next);
  const { items: after } = await asked('key', 'list');
  expect(after.find(({ kid }: { kid: string }) => kid === next)?.state).toBe('revoked');
  expect(after.filter(({ state }: { state: string }) => state === 'active')).toHaveLength(1);

  // April: an incident, a departure, a mistake.
  await done('member', 'suspend', RP, '--reason', 'incident in April');
  expect(await statement(RP)).toBe(404);
  await done('member', 'resume', RP);
  await done('member', 'revoke', 'https://m1.example.org', '--reason', 'left', '--yes=https://m1.example.org');
  expect((await typed('member', 'resume', 'https://m1.example.org')).code, 'revoked is for ever').toBe(5);
  await done('member', 'enroll', 'https://m1.example.org', '--jwks', file('m1.json', await keysOf()), '--type', 'oauth_client', '--readmit', 'ticket 4711');
  expect(await statement('https://m1.example.org')).toBe(200);

  // May: a policy.
  const policy = file('policy.json', { metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['authorization_code'] } } } });
  await done('policy', 'check', policy);
  await done('policy', 'draft', policy);
  await done('policy', 'impact', '1');
  await done('policy', 'publish', '1', '--accept-breaks', '--accept-unknown');

  // June: marks.
  await done('mark', 'type', 'create', TYPE);
  await done('mark', 'type', 'recognize', TYPE, '--issuer', server.url);
  const granted = await asked('mark', 'grant', TYPE, RP);
  await done('mark', 'withdraw', granted.id, '--reason', 'audit failed');
  await done('mark', 'grant', TYPE, 'https://m2.example.org');
  await done('mark', 'type', 'halt', TYPE, '--reason', 'scheme ended', `--yes=${TYPE}`);
  expect(await (await fetch(`${server.url}/trust-mark-list?trust_mark_type=${encodeURIComponent(TYPE)}`)).json()).toEqual([]);

  // July: the auditor asks who suspended whom, and when.
  expect(await done('member', 'history', RP)).toMatch(/member\.suspended[\s\S]*incident in April/);
  expect(await done('event', 'list', '--since', '1d', '--type', 'member.enrolled')).toContain('member.enrolled');

  // August: two more people, each with the rights of a role.
  const operator = (await typed('api-key', 'create', 'Ada', '--role', 'operator')).stdout.trim();
  const auditor = (await typed('api-key', 'create', 'Grace', '--role', 'auditor')).stdout.trim();
  const as = (token: string, ...args: string[]) => command(args, env({ HOLDFAST_ADMIN_TOKEN: token }));
  expect((await as(operator, 'member', 'enroll', 'https://new.example.org', '--jwks', keys, '--vetting')).code).toBe(0);
  expect((await as(operator, 'member', 'approve', 'https://new.example.org')).code, 'whoever enrols does not approve').toBe(1);
  expect((await as(auditor, 'member', 'suspend', RP, '--reason', 'x')).code, 'an auditor looks').toBe(1);
  expect((await as(auditor, 'event', 'list')).code).toBe(0);

  // September: the owner's token is lost; whoever has the folder has the deployment.
  const recovered = (await typed('api-key', 'recover', '--name', 'after the loss')).stdout.trim();
  expect((await as(recovered, 'whoami')).stdout).toContain('owner');

  // October: a backup, a change after it, a restore that says what it costs.
  const copy = join(base, 'october.db');
  await done('backup', 'create', copy);
  await done('backup', 'verify', copy);
  await done('member', 'suspend', RP, '--reason', 'after the backup');
  await server.kill('SIGTERM');
  expect((await typed('backup', 'restore', copy)).stderr).toContain('--accept-rollback');
  expect(await done('backup', 'restore', copy, '--accept-rollback')).toContain('lost');

  // November: the folder moves; nothing is vouched for before the restored history is confirmed.
  const moved = join(base, 'second');
  cpSync(data, moved, { recursive: true });
  data = moved;
  server = await startProcess(data, { port: Number(new URL(server.url).port) });
  expect(await statement(RP)).toBe(503);
  await done('member', 'suspend', RP, '--reason', 'again, after the restore');
  await done('restore', 'confirm', '--yes');
  expect(await statement(RP)).toBe(404);

  // December: the proof.
  expect(await done('fsck')).toContain('nothing is wrong');
  expect(await done('event', 'list', '--limit', '200')).toContain('deployment.restored');
}, 300_000);
