import { expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { A, AGENT, asMember, registering, SERVER } from '../support/registering.js';

const HASH = 'a'.repeat(43);

it('fsck holds statements, tokens and clients of registrations against events, members, the status list and each other', async () => {
  const r = await registering();
  const { d, agent, server, client } = r;
  const made = async (what: string, body: object = {}) => {
    const { status, json, text } = await d.admin('POST', `${A}/members/${encodeURIComponent(AGENT)}/${what}`, body);
    expect(status, text).toBe(201);
    return json;
  };
  const [kept, gone] = [await made('software-statements'), await made('software-statements')];
  const token = { audience: SERVER, kid: client.kid };
  const [used, open, ended] = [
    await made('initial-access-tokens', token),
    await made('initial-access-tokens', token),
    await made('initial-access-tokens', token),
  ];
  const redemption = { initial_access_token: used.initial_access_token, request_sha256: HASH };
  expect((await asMember(d, server, 'POST', '/initial-access-tokens/redeem', redemption)).status).toBe(200);
  for (const [kind, { jti }] of [
    ['software-statements', gone],
    ['initial-access-tokens', ended],
  ] as const)
    expect((await d.admin('POST', `${A}/${kind}/${jti}/revoke`, { reason: 'x' })).status, kind).toBe(200);
  const body = { entity_id: AGENT, method: 'software_statement', software_statement_jti: kept.jti };
  for (const id of ['c1', 'c2']) expect((await asMember(d, server, 'PUT', `/registrations/${id}`, body)).status).toBeLessThan(300);
  expect((await asMember(d, server, 'DELETE', '/registrations/c2')).status).toBeLessThan(300);
  const found = async () =>
    (await fsck(d.deployment))
      .filter(({ code }) => !code.startsWith('event') && code !== 'status_list')
      .map(({ code, where, detail }) => `${code} ${where}: ${detail.split(':')[0]}`);
  expect(await found()).toEqual([]);

  const other = server.memberId;
  const [S, T] = ['software_statement', 'initial_access_token'];
  const one = (table: string, jti: string, set: string) => `UPDATE ${table} SET ${set} WHERE jti = '${jti}'`;
  for (const [set, back, ...expected] of [
    [one(S, kept.jti, "member_id = 'mem_x'"), one(S, kept.jti, `member_id = '${agent.memberId}'`), `row_of_nobody ${S} ${kept.jti}`],
    [one(T, open.jti, "member_id = 'mem_x'"), one(T, open.jti, `member_id = '${agent.memberId}'`), `row_of_nobody ${T} ${open.jti}`],
    [
      "UPDATE client_registration SET member_id = 'mem_x' WHERE client_id = 'c2'",
      `UPDATE client_registration SET member_id = '${agent.memberId}' WHERE client_id = 'c2'`,
      `row_of_nobody client_registration c2 ${SERVER}`,
    ],
    [one(S, kept.jti, "jti = 'invented'"), one(S, 'invented', `jti = '${kept.jti}'`), `${S} invented: no event tells that it was issued`],
    [one(T, open.jti, "jti = 'invented'"), one(T, 'invented', `jti = '${open.jti}'`), `${T} invented: no event tells that it was issued`],
    [one(S, kept.jti, 'exp = exp + 86400'), one(S, kept.jti, 'exp = exp - 86400'), `${S} ${kept.jti}: it lives longer than any may`],
    [one(T, open.jti, 'exp = 1'), one(T, open.jti, `exp = ${d.clock + 3600}`), `${T} ${open.jti}: it lives longer than any may`],
    [one(T, open.jti, 'cut = cut + 1'), one(T, open.jti, 'cut = cut - 1'), `${T} ${open.jti}: it was signed under more cuts than there were`],
    [one(S, gone.jti, 'revoked_at = NULL'), one(S, gone.jti, `revoked_at = ${d.clock}`), `${S} ${gone.jti}: it was revoked, and its row does not say so`],
    [one(T, ended.jti, 'revoked_at = NULL'), one(T, ended.jti, `revoked_at = ${d.clock}`), `${T} ${ended.jti}: it was revoked, and its row does not say so`],
    [
      one(S, kept.jti, 'revoked_at = 1'),
      one(S, kept.jti, 'revoked_at = NULL'),
      `${S} ${kept.jti}: it is revoked, and no event tells of it`,
      `${S} ${kept.jti}: it was revoked, and the status list calls it valid`,
    ],
    [
      `UPDATE status_entry SET revoked_at = NULL WHERE subject_id = '${used.jti}'`,
      `UPDATE status_entry SET revoked_at = ${d.clock} WHERE subject_id = '${used.jti}'`,
      `${T} ${used.jti}: it was revoked or used, and the status list calls it valid`,
    ],
    [
      one(T, used.jti, 'redeemed_at = NULL'),
      one(T, used.jti, `redeemed_at = ${d.clock}`),
      `${T} ${used.jti}: it was used, and its row does not say so`,
      `${T} ${used.jti}: it was used for no request, or for one without having been used`,
    ],
    [
      one(T, open.jti, `redeemed_at = ${d.clock}, request_sha256 = 'x'`),
      one(T, open.jti, 'redeemed_at = NULL, request_sha256 = NULL'),
      `${T} ${open.jti}: it is used, and no event tells of it`,
      `${T} ${open.jti}: it was revoked or used, and the status list calls it valid`,
    ],
    [
      one(T, used.jti, `redeemed_at = ${d.clock + 4000}`),
      one(T, used.jti, `redeemed_at = ${d.clock}`),
      `${T} ${used.jti}: it was used before it was there, after its end, or after it was revoked`,
    ],
    [
      `UPDATE client_registration SET client_id = 'c9' WHERE client_id = 'c1'`,
      `UPDATE client_registration SET client_id = 'c1' WHERE client_id = 'c9'`,
      `client_registration c9 ${SERVER}: no event tells that it was registered`,
    ],
    [
      `UPDATE client_registration SET ended_at = 1 WHERE client_id = 'c1'`,
      `UPDATE client_registration SET ended_at = NULL WHERE client_id = 'c1'`,
      `client_registration c1 ${SERVER}: it was ended, and no event tells of it`,
    ],
    [
      `UPDATE client_registration SET software_statement_jti = NULL WHERE client_id = 'c1'`,
      `UPDATE client_registration SET software_statement_jti = '${kept.jti}' WHERE client_id = 'c1'`,
      `client_registration c1 ${SERVER}: it came by a software statement, and by none or that of another member`,
    ],
    [
      one(S, kept.jti, `member_id = '${other}'`),
      one(S, kept.jti, `member_id = '${agent.memberId}'`),
      `client_registration c1 ${SERVER}: it came by a software statement, and by none or that of another member`,
      `client_registration c2 ${SERVER}: it came by a software statement, and by none or that of another member`,
    ],
  ] as readonly (readonly [string, string, ...string[]])[]) {
    await d.execute(set);
    const named = (await found()).map((line) => line.replace(/^registered_otherwise /, '').replace(/: no member here.*/, ''));
    expect(named, set).toEqual(expect.arrayContaining(expected));
    await d.execute(back);
  }
  expect(await found()).toEqual([]);
  await d.execute(`INSERT INTO event (authority_id, seq, at, type, subject_kind, subject_id, actor_id, actor_kind, detail, artefacts, prev_hash, hash)
    SELECT authority_id, 9999, at, type, subject_kind, subject_id, actor_id, actor_kind, detail, artefacts, 'x', 'x' FROM event WHERE type = '${T}.redeemed'`);
  expect(await found()).toContain(`registered_otherwise ${T} ${used.jti}: it was used more than once`);
});
