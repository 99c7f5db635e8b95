import { describe, expect, it } from 'vitest';
import { testKey } from '../support/keys.js';
import { ANCHOR, type Answer, NOW, testMember } from '../support/deployment.js';
import { askJoin } from '../support/join.js';
import { A, AGENT, asMember, assertion, enrolled, type Registering, registering, SERVER } from '../support/registering.js';

const HASH = 'a'.repeat(43);
const told = ({ status, json }: Answer) => [status, json.code ?? json.error];
const ok = (answer: Answer, status = 200) => {
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
const tokenOf = async ({ d, agent, client }: Registering, body: object = {}) =>
  ok(await asMember(d, agent, 'POST', `/members/${agent.memberId}/initial-access-tokens`, { audience: SERVER, kid: client.kid, ...body }), 201);
const statementOf = async ({ d, agent }: Registering, body: object = {}) =>
  ok(await asMember(d, agent, 'POST', `/members/${encodeURIComponent(AGENT)}/software-statements`, body), 201);
const redeem = ({ d, server }: Registering, token: unknown, hash = HASH, by = server) =>
  asMember(d, by, 'POST', '/initial-access-tokens/redeem', { initial_access_token: token, request_sha256: hash });

describe('registry §8.2: a member with its federation key', () => {
  it('has statements and tokens issued to itself, sees and ends its own; nobody else does', async () => {
    const r = await registering();
    const { d, agent, server } = r;
    const statement = await statementOf(r, { scope: 'read', software_id: 'agent' });
    const token = await tokenOf(r, { software_statement_jti: statement.jti });
    expect([statement.scope, token.software_statement_jti, token.state]).toEqual(['read', statement.jti, 'valid']);
    const at = (jti: string) => `/members/${agent.memberId}/software-statements/${jti}`;
    expect(ok(await asMember(d, agent, 'GET', at(statement.jti)))).toMatchObject({ state: 'valid', created_by: agent.memberId });
    expect(told(await asMember(d, server, 'GET', at(statement.jti))), 'of others it is told nothing').toEqual([404, 'not_found']);
    const theirs = `/members/${server.memberId}/software-statements/${statement.jti}`;
    for (const method of ['GET', 'DELETE']) expect(told(await asMember(d, server, method, theirs)), method).toEqual([404, 'not_found']);
    expect(told(await asMember(d, agent, 'POST', `/members/${agent.memberId}/software-statements`, { scope: 'admin' }))).toEqual([422, 'entitlement_exceeded']);
    expect(ok(await asMember(d, agent, 'DELETE', at(statement.jti))).state).toBe('revoked');
    expect(ok(await asMember(d, agent, 'DELETE', at(statement.jti))).already).toBe(true);
    const own = (await d.admin('GET', `${A}/initial-access-tokens`)).json.items;
    expect(
      own.map(({ state }: { state: string }) => state),
      'it was bound to that statement',
    ).toEqual(['not_in_force']);
    const [event] = await d.rows("SELECT actor_kind, actor_id FROM event WHERE type = 'software_statement.issued'");
    expect([event?.['actor_kind'], event?.['actor_id']]).toEqual(['member', agent.memberId]);
  });

  it('is let in by an assertion for this authority alone, under a bound key, once, while it is in force; there is one answer to all others', async () => {
    const r = await registering();
    const { d, agent } = r;
    const path = `/members/${agent.memberId}/software-statements`;
    const ask = async (token: string) => askJoin(d, 'POST', path, {}, { token });
    const stranger = await testMember('https://stranger.example');
    const used = await assertion(d, agent);
    ok(await ask(used), 201);
    const answers = new Set<string>();
    for (const [why, token] of [
      ['used before', used],
      ['for somebody else', await assertion(d, agent, { aud: SERVER })],
      ['for two', await assertion(d, agent, { aud: [ANCHOR, SERVER] })],
      ['not its own key', await assertion(d, { ...agent, key: await testKey() })],
      ['by the key of the client', await assertion(d, { ...agent, key: r.client })],
      ['late', await assertion(d, agent, { exp: d.clock })],
      ['too long', await assertion(d, agent, { exp: d.clock + 3600 })],
      ['no member', await assertion(d, stranger)],
      ['about another', await assertion(d, agent, { sub: SERVER })],
      ['of another type', await agent.key.jwt({ iss: AGENT, sub: AGENT, aud: ANCHOR, iat: NOW, exp: NOW + 60, jti: 'x' })],
      ['none', 'a.b.c'],
    ] as const) {
      const answer = await ask(token);
      expect([why, ...told(answer)]).toEqual([why, 401, 'unauthenticated']);
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"');
      answers.add(answer.text);
    }
    expect(answers.size).toBe(1);
    expect(told(await askJoin(d, 'POST', path, {}))).toEqual([401, 'unauthenticated']);
    await d.admin('POST', `${A}/members/${agent.memberId}/suspend`, { reason: 'x' });
    expect(told(await ask(await assertion(d, agent))), 'cut with it').toEqual([401, 'unauthenticated']);
    const [{ n } = { n: 0 }] = await d.rows("SELECT count(*) AS n FROM event WHERE type = 'software_statement.issued'");
    expect(Number(n)).toBe(1);
  });

  it('may not do it without end: a member of many acts waits', async () => {
    const r = await registering();
    const { d, agent } = r;
    const codes: number[] = [];
    for (let n = 0; n < 62; n++) codes.push((await asMember(d, agent, 'GET', `/members/${agent.memberId}/software-statements/x`)).status);
    expect([codes.slice(0, 60).every((code) => code === 404), codes.at(-1)]).toEqual([true, 429]);
  });
});

describe('registry §8.2: the authorization server (R11)', () => {
  it('redeems a token once: of twenty at once one, for the same request it is told again, for another it is refused', async () => {
    const r = await registering();
    const { d, server } = r;
    const { initial_access_token: token, jti } = await tokenOf(r);
    const assertions = await Promise.all(Array.from({ length: 20 }, () => assertion(d, server)));
    const answers = await Promise.all(
      assertions.map((by, n) =>
        askJoin(
          d,
          'POST',
          '/initial-access-tokens/redeem',
          { initial_access_token: token, request_sha256: `${String(n).padStart(2, '0')}${HASH.slice(2)}` },
          { token: by },
        ),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
    expect(new Set(answers.filter(({ status }) => status === 409).map(({ json }) => json.code))).toEqual(new Set(['already_redeemed']));
    const [won] = await d.rows('SELECT request_sha256 FROM initial_access_token');
    const again = ok(await redeem(r, token, String(won?.['request_sha256'])));
    expect(again).toMatchObject({ jti, member: AGENT, status: 'active', entitlement_version: 1, already_redeemed: true });
    const [{ n } = { n: 0 }] = await d.rows("SELECT count(*) AS n FROM event WHERE type = 'initial_access_token.redeemed'");
    expect(Number(n)).toBe(1);
  });

  it('redeems and asks about no token of another server, of a member that was cut, that was revoked, or that nobody issued', async () => {
    const r = await registering();
    const { d, agent, server } = r;
    const OTHER = 'https://other.example.net';
    const other = await enrolled(d, OTHER, { oauth_authorization_server: {} }, ['oauth_authorization_server']);
    const introspect = async (token: string, by = server, form: Record<string, string> = {}) =>
      askJoin(d, 'POST', '/introspect', new URLSearchParams({ token, ...form }).toString(), {
        token: await assertion(d, by),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      });
    const opaque = await tokenOf(r, { format: 'opaque' });
    const told_ = ok(await introspect(opaque.initial_access_token));
    expect(told_).toEqual({
      ...{ active: true, iss: ANCHOR, sub: AGENT, aud: SERVER, iat: NOW, exp: NOW + 3600, jti: opaque.jti, cnf: { jkt: r.client.kid } },
    });
    expect(ok(await introspect(opaque.initial_access_token, other))).toEqual({ active: false });
    expect(ok(await introspect('hfi_x'))).toEqual({ active: false });
    expect(told(await introspect(opaque.initial_access_token, agent)), 'a client is no server').toEqual([403, 'permission_denied']);
    const inForm = await askJoin(
      d,
      'POST',
      '/introspect',
      new URLSearchParams({
        token: opaque.initial_access_token,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(d, server),
      }).toString(),
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    );
    expect(ok(inForm).active, 'RFC 7521 §4.2').toBe(true);
    const nobody = await askJoin(d, 'POST', '/introspect', 'token=x', { headers: { 'content-type': 'application/x-www-form-urlencoded' } });
    expect(told(nobody)).toEqual([401, 'invalid_client']);
    expect(told(await askJoin(d, 'POST', '/introspect', {}, { token: await assertion(d, server) }))).toEqual([415, 'unsupported_media_type']);

    expect(told(await redeem(r, opaque.initial_access_token, HASH, other))).toEqual([403, 'audience_mismatch']);
    expect(told(await redeem(r, opaque.initial_access_token, HASH, agent))).toEqual([403, 'permission_denied']);
    expect(told(await redeem(r, 'hfi_x'))).toEqual([410, 'token_ended']);
    const revoked = await tokenOf(r);
    await d.admin('POST', `${A}/initial-access-tokens/${revoked.jti}/revoke`, {});
    expect(told(await redeem(r, revoked.initial_access_token))).toEqual([410, 'token_ended']);
    const lapsed = await tokenOf(r, { lifetime: 60 });
    d.clock = NOW + 60;
    expect(told(await redeem(r, lapsed.initial_access_token))).toEqual([410, 'token_ended']);
    d.clock = NOW;
    await d.admin('POST', `${A}/members/${agent.memberId}/suspend`, { reason: 'x' });
    expect(ok(await introspect(opaque.initial_access_token))).toEqual({ active: false });
    expect(told(await redeem(r, opaque.initial_access_token))).toEqual([410, 'token_ended']);
    await d.admin('POST', `${A}/members/${other.memberId}/suspend`, { reason: 'x' });
    expect(told(await redeem(r, 'hfi_x', HASH, other)), 'a server that was cut').toEqual([401, 'unauthenticated']);
  });

  it('reports the clients that came of it, for all to see who holds what, also of a member that was cut', async () => {
    const r = await registering();
    const { d, agent, server } = r;
    const { jti } = await statementOf(r, { audience: [SERVER] });
    const put = (id: string, body: object, by = server) => asMember(d, by, 'PUT', `/registrations/${encodeURIComponent(id)}`, { entity_id: AGENT, ...body });
    const body = { method: 'software_statement', software_statement_jti: jti };
    const events = async () => Number((await d.rows('SELECT count(*) AS n FROM event'))[0]?.['n']);
    expect(ok(await put('client/1 %', body))).toMatchObject({
      client_id: 'client/1 %',
      server: SERVER,
      entity_id: AGENT,
      member_state: 'active',
      ended_at: null,
    });
    const before = await events();
    ok(await put('client/1 %', body));
    expect(await events(), 'told again it changes nothing').toBe(before);
    ok(await put('by-document', { method: 'metadata_document' }));
    expect(told(await put('x', { method: 'software_statement', software_statement_jti: 'sst_0' }))).toEqual([404, 'not_found']);
    expect(told(await put('x', { method: 'software_statement' }))).toEqual([400, 'invalid_request']);
    expect(told(await put('x', body, agent)), 'a client is no server').toEqual([403, 'permission_denied']);
    expect(told(await put('x\n', { method: 'automatic' }))).toEqual([400, 'invalid_request']);
    const listed = async (query = '') => (await d.admin('GET', `${A}/registrations${query}`)).json;
    expect((await listed()).items.map((one: { client_id: string }) => one.client_id).sort()).toEqual(['by-document', 'client/1 %']);
    const first = await listed('?limit=1');
    const second = await listed(`?limit=1&cursor=${encodeURIComponent(first.next_cursor)}`);
    expect([...first.items, ...second.items].map((one: { client_id: string }) => one.client_id).sort()).toEqual(['by-document', 'client/1 %']);
    expect([(await listed(`?server=${encodeURIComponent(SERVER)}`)).items.length, (await listed('?server=https://x.example')).items.length]).toEqual([2, 0]);
    expect((await d.admin('GET', `${A}/registrations?cursor=x`)).status).toBe(400);

    expect(ok(await asMember(d, server, 'DELETE', '/registrations/by-document')).ended_at).toBe(NOW);
    ok(await asMember(d, server, 'DELETE', '/registrations/by-document'));
    expect(told(await asMember(d, server, 'DELETE', '/registrations/x'))).toEqual([404, 'not_found']);
    const token = await tokenOf(r);
    const { receipt } = ok(await d.admin('POST', '/halts', { level: 'member', authority: 'main', member: AGENT, reason: 'incident' }), 200);
    expect(receipt.registrations, 'registry §6: who still holds what').toEqual({
      clients: 1,
      servers: [{ server: SERVER, clients: 1 }],
      software_statements: 1,
      initial_access_tokens: 1,
      until: NOW + 3600,
    });
    expect(token.exp).toBe(NOW + 3600);
    expect((await listed()).items.find((one: { client_id: string }) => one.client_id === 'client/1 %')).toMatchObject({ member_state: 'suspended' });
    expect(ok(await put('client/2', body)).member_state, 'a client of a member that was cut is a fact').toBe('suspended');
    ok(await asMember(d, server, 'DELETE', `/registrations/${encodeURIComponent('client/1 %')}`));
    const later = ok(await d.admin('GET', `${A}/receipts/${receipt.event.seq}`));
    expect(later.registrations).toMatchObject({ clients: 1, servers: [{ server: SERVER, clients: 1 }] });
  });
});
