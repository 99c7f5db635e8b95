import { calculateJwkThumbprint, decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { NOT_BEFORE, STATUS_TYPES } from '../../src/federation/entry.js';
import { statusAt, type StatusListClaim, unpackStatuses } from '../../src/federation/status-list.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { agentConfiguration, type AgentKeys, agentKeys, AGENTS, assertion as asserted, askAs, makeAgent, withAgents } from '../support/agents.js';
import { type Answer, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { askJoin } from '../support/join.js';
import { A, AGENT, asMember, assertion, enrolled, registering, SERVER } from '../support/registering.js';

const LIST = `${AGENTS}/status-lists/0`;
const HASH = 'a'.repeat(43);
const told = ({ status, json }: Answer) => [status, json.code ?? json.error];
const ok = (answer: Answer, status = 200) => {
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
async function turn(d: TestDeployment, turns = 3): Promise<void> {
  for (let n = 0; n < turns; n++) {
    await backgroundTurn(d.deployment, { more: () => true });
    await discoveryTurn(d.deployment, { more: () => true });
  }
}

/** The status list of the authority for agents, as it is served. */
async function readList(d: TestDeployment) {
  const served = await d.public(LIST);
  expect(served.status, served.text).toBe(200);
  const rows = await d.rows("SELECT m.entity_id AS id, e.idx AS idx FROM status_entry AS e JOIN member AS m ON m.id = e.subject_id WHERE e.kind = 'member'");
  const unpacked = await unpackStatuses(decodeJwt<{ status_list: StatusListClaim }>(served.text).status_list);
  return (id: string) => 'bytes' in unpacked && statusAt(unpacked, Number(rows.find((row) => row['id'] === id)?.['idx']));
}

describe('what was issued about an agent falls with everything that its authority rests on', () => {
  /** An agent with a statement and a token, an authorization server, and what each is told. */
  async function setUp() {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const keys = await agentKeys();
    const agent = ok(await makeAgent(d, acme, 'a', { keys }), 201);
    const server = await enrolled(d, SERVER, { oauth_authorization_server: { issuer: SERVER } }, ['oauth_authorization_server']);
    await turn(d);
    const itself = { id: agent.entity_id as string, entityId: agent.entity_id as string, key: keys.federation };
    const ask = async (method: string, path: string, body?: object) => askJoin(d, method, path, body, { token: await asserted(d, itself, { aud: AGENTS }) });
    const at = `/members/${agent.id}`;
    const statement = ok(await ask('POST', `${at}/software-statements`, {}), 201);
    const token = ok(await ask('POST', `${at}/initial-access-tokens`, { audience: SERVER, kid: keys.client.kid }), 201);
    const good = async () => ({
      statement: (await d.admin('GET', `/authorities/acme/software-statements/${statement.jti}`)).json.state,
      active: (
        await askJoin(d, 'POST', '/introspect', new URLSearchParams({ token: token.initial_access_token }).toString(), {
          token: await assertion(d, server),
          headers: { 'content-type': 'application/x-www-form-urlencoded' },
        })
      ).json.active,
      itself: (await ask('GET', `${at}/software-statements/${statement.jti}`)).status,
      list: (await d.public(LIST)).status === 200,
    });
    return { d, good, server, token };
  }
  const GOOD = { statement: 'valid', active: true, itself: 200, list: true };
  const CUT = { statement: 'not_in_force', active: false, itself: 401, list: false };

  it('is cut as a member above, and comes back', async () => {
    const { d, good, server, token } = await setUp();
    expect(await good()).toEqual(GOOD);
    const cut = `${A}/members/${encodeURIComponent(AGENTS)}/suspend`;
    ok(await d.admin('POST', cut, { reason: 'x' }));
    expect(await good()).toEqual(CUT);
    expect(
      told(await asMember(d, server, 'POST', '/initial-access-tokens/redeem', { initial_access_token: token.initial_access_token, request_sha256: HASH })),
    ).toEqual([410, 'token_ended']);
    ok(await d.admin('POST', cut.replace('suspend', 'resume'), { reason: 'x' }));
    await turn(d);
    expect(await good(), 'what came before a cut does not live again').toEqual({ ...CUT, itself: 200, list: true });
    const { [NOT_BEFORE]: since } = decodeJwt((await d.public(LIST)).text);
    expect(since, 'and tokens of then neither').toEqual({ '*': d.clock });
  });
});

describe('an authority for agents whose membership above has ended by time', () => {
  it('makes no agents, lets none in, and calls none valid', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const keys = await agentKeys();
    const agent = ok(await makeAgent(d, acme, 'a', { keys }), 201);
    const membership = `${A}/members/${encodeURIComponent(AGENTS)}`;
    ok(await d.admin('PATCH', membership, { valid_until: d.clock + 100 }));
    d.clock += 101;
    await turn(d, 1);
    expect(ok(await d.admin('GET', '/authorities/acme/agent-limits')).stands).toBe(false);
    expect(told(await makeAgent(d, acme, 'b'))).toEqual([409, 'wrong_state']);
    expect(told(await askAs(d, acme, 'POST', '/agents/a/renew', {}))).toEqual([409, 'wrong_state']);
    const itself = { entityId: agent.entity_id as string, key: keys.federation };
    expect((await askJoin(d, 'GET', '/agents', undefined, { token: await asserted(d, itself, { aud: AGENTS }) })).status).toBe(401);
    expect((await readList(d))(agent.entity_id)).toBe(STATUS_TYPES.invalid);
    expect(ok(await askAs(d, acme, 'POST', '/agents/a/retire', {})).state, 'less is possible at any time').toBe('retired');
  });
});

describe('an agent that is renewed', () => {
  it('is what it was: of the same types, under no key of a client that somebody else has or that was halted', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const [a, b] = [await agentKeys(), await agentKeys()];
    ok(await makeAgent(d, acme, 'a', { keys: a }), 201);
    const resource = { metadata: { oauth_resource: { resource: `${AGENTS}/agents/b` } } };
    ok(await makeAgent(d, acme, 'b', { keys: b, claims: resource, body: { scopes: undefined } }), 201);
    const renew = async (name: string, keys: AgentKeys, claims: object = {}) =>
      askAs(d, acme, 'POST', `/agents/${name}/renew`, { entity_configuration: await agentConfiguration(name, keys, claims, d.clock) });
    expect(told(await renew('b', b)), 'no client that nobody said anything of').toEqual([400, 'invalid_request']);
    expect(told(await renew('a', { ...a, client: acme.key })), 'the key of its member').toEqual([422, 'findings']);
    expect(told(await renew('a', { ...a, client: b.federation })), 'of another agent').toEqual([422, 'findings']);
    const leaky = await testMember('https://leaky.example');
    ok(await d.admin('POST', `${A}/members`, { entity_id: leaky.id, jwks: leaky.jwks, entity_types: ['oauth_client'], activate: true }), 201);
    ok(await d.admin('POST', '/halts', { level: 'key', key: await calculateJwkThumbprint(leaky.key.jwk as never), reason: 'leaked' }));
    expect(told(await renew('a', { ...a, client: leaky.key })), 'one that was halted').toEqual([422, 'findings']);
    expect((await renew('a', a)).status).toBe(200);
    expect((await renew('a', { ...a, client: (await agentKeys()).client })).status, 'another one of its own').toBe(200);
    expect((await renew('b', b, resource)).status).toBe(200);
  });
});

describe('one server under two authorities', () => {
  it('that one of them suspended uses up no token of it, asks about none, and reports and ends no client there', async () => {
    const r = await registering();
    const { d, agent, server, client } = r;
    const B = 'https://second.example';
    ok(await d.admin('POST', '/authorities', { slug: 'second', entity_id: B }), 201);
    ok(
      await d.admin('POST', '/authorities/second/members', {
        entity_id: SERVER,
        jwks: server.jwks,
        entity_types: ['oauth_authorization_server'],
        activate: true,
      }),
      201,
    );
    const at = `/members/${agent.memberId}`;
    const token = ok(await asMember(d, agent, 'POST', `${at}/initial-access-tokens`, { audience: SERVER, kid: client.kid }), 201);
    const statement = ok(await asMember(d, agent, 'POST', `${at}/software-statements`, {}), 201);
    const body = { entity_id: AGENT, method: 'software_statement', software_statement_jti: statement.jti };
    ok(await asMember(d, server, 'PUT', '/registrations/one', body));
    const ask = async (method: string, path: string, what?: object | string) =>
      askJoin(d, method, path, what, {
        token: await assertion(d, server, { aud: B }),
        headers: typeof what === 'string' ? { 'content-type': 'application/x-www-form-urlencoded' } : {},
      });
    expect(ok(await ask('POST', '/introspect', `token=${token.initial_access_token}`)).active, 'while it is in force').toBe(true);
    ok(await d.admin('POST', `${A}/members/${server.memberId}/suspend`, { reason: 'x' }));
    const redemption = { initial_access_token: token.initial_access_token, request_sha256: HASH };
    expect(ok(await ask('POST', '/introspect', `token=${token.initial_access_token}`)).active).toBe(false);
    expect(told(await ask('POST', '/initial-access-tokens/redeem', redemption))).toEqual([403, 'permission_denied']);
    expect(told(await ask('PUT', '/registrations/two', body))).toEqual([403, 'permission_denied']);
    expect(told(await ask('DELETE', '/registrations/one'))).toEqual([403, 'permission_denied']);
    expect(told(await asMember(d, agent, 'POST', `${at}/initial-access-tokens`, { audience: SERVER, kid: client.kid })), 'nor is one made for it').toEqual([
      422,
      'audience_unknown',
    ]);
  });
});

describe('what a member is told of others', () => {
  it('an authorization server learns of nobody who applied, or was refused', async () => {
    const r = await registering();
    const { d, server } = r;
    const applying = await testMember('https://applying.example');
    ok(await d.admin('POST', `${A}/members`, { entity_id: applying.id, jwks: applying.jwks, entity_types: ['oauth_client'] }), 201);
    const put = (id: string) => asMember(d, server, 'PUT', '/registrations/x', { entity_id: id, method: 'automatic' });
    const [known, unknown] = [await put(applying.id), await put('https://nobody.example')];
    expect([told(known), known.text.replace(applying.id, '')]).toEqual([told(unknown), unknown.text.replace('https://nobody.example', '')]);
  });
});

it('an authority for agents is given to no member that keeps another one: it would keep either', async () => {
  const d = await testDeployment();
  await withAgents(d);
  await withAgents(d, {}, { holder: 'https://second.example.com', slug: 'second' });
  const given = await d.admin('PATCH', '/authorities/acme/agent-limits', { member: 'https://second.example.com' });
  expect(told(given)).toEqual([409, 'already_exists']);
});
