import { expect, it } from 'vitest';
import { noteActor } from '../../src/edge/actor-of.js';
import { createLog, logRequests, requestLines } from '../../src/platform/log.node.js';
import { testDeployment, testMember } from '../support/deployment.js';
import { cliOn } from '../support/node/cli-on.js';

it('after a key is revoked: who signs, who has to be told, and the command that gives the keys', async () => {
  const d = await testDeployment({ authorityHints: ['https://superior.example.org'] });
  const cli = cliOn(d);
  const active = async () => (await d.admin('GET', '/authorities/main/keys')).json.items.find((one: { state: string }) => one.state === 'active').kid as string;
  const old = await active();
  const told = await cli('key', 'revoke', '--reason', 'compromised', `--yes=${old}`, '--', old);
  expect(told.code).toBe(0);
  const heir = await active();
  expect(heir).not.toBe(old);
  expect(told.stderr).toContain(`${heir} (`);
  expect(told.stderr).toMatch(/Tell at once: https:\/\/superior\.example\.org, everyone who has pinned .*--authority main key export-public/);
  const later = await cli('--json', 'key', 'revoke', '--reason', 'superseded', `--yes=${heir}`, '--', heir);
  expect(JSON.parse(later.stdout)).toMatchObject({ kid: heir, revoked_reason: 'superseded' });
});

it('an operator who may not activate is told the option that works; a misspelt policy operator is told in check, draft and publish', async () => {
  const d = await testDeployment();
  const { token } = (await d.admin('POST', '/api-keys', { name: 'op', role: 'operator' })).json;
  const rp = await testMember('https://rp.example.org');
  const refused = await d.admin('POST', '/authorities/main/members', { entity_id: rp.id, jwks: rp.jwks, activate: true }, { token });
  expect([refused.status, refused.json.detail]).toEqual([403, expect.stringContaining('--vetting')]);
  const policy = { metadata_policy: { openid_relying_party: { contacts: { subset_off: ['a'] } } } };
  const warned = [{ code: 'policy_operator_unknown', severity: 'warning', detail: expect.stringContaining('Did you mean subset_of?') }];
  const base = '/authorities/main/policies';
  expect((await d.admin('POST', `${base}/check`, policy)).json).toMatchObject({ ok: true, findings: warned });
  expect((await d.admin('POST', base, policy)).json.findings).toMatchObject(warned);
  expect((await d.admin('POST', `${base}/1/publish`)).json.findings).toMatchObject(warned);
  const named = { ...policy, metadata_policy_crit: ['subset_off'] };
  expect((await d.admin('POST', `${base}/check`, named)).json.findings).toEqual([]);
  const far = { metadata_policy: { openid_relying_party: { contacts: { regexp: 'a' } } } };
  expect((await d.admin('POST', `${base}/check`, far)).json.findings).toMatchObject([{ detail: expect.not.stringContaining('Did you mean') }]);
});

it('the log line of a write says whose it was, never the token; one of a read does not', async () => {
  let written = '';
  const log = requestLines(createLog('info'), (text) => {
    written += text;
  });
  const answering = logRequests(log, (request) => {
    noteActor(request, { id: 'api_1', name: 'night', token: 'secret' } as never);
    return new Response('');
  });
  await answering(new Request('http://x/admin/v1/clock/confirm', { method: 'POST' }));
  await answering(new Request('http://x/admin/v1/whoami'));
  // A join link whose `#` a mail program has encoded.
  await answering(new Request(`http://x/join/v1/jnl_${'0'.repeat(26)}%23hfj_${'secret-_'.repeat(5)}abc`));
  expect(written, 'what comes together is written together').toBe('');
  log?.flush();
  const lines = written
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(lines[0]).toMatchObject({
    level: 30,
    time: expect.stringMatching(/Z$/),
    method: 'POST',
    path: '/admin/v1/clock/confirm',
    status: 200,
    msg: 'request',
  });
  expect(lines[0]).toMatchObject({ actor: 'api_1', actor_name: 'night', ms: expect.any(Number) });
  expect(lines[1]).not.toHaveProperty('actor');
  expect(written).not.toContain('secret');
  expect(lines[2]).toMatchObject({ path: expect.stringContaining('/join/v1/jnl_') });
});
