import { platform } from '#test-platform';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { NOT_BEFORE } from '../../src/federation/entry.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { AGENTS, agentKeys, askAs, assertion, DAY, HOLDER, makeAgent, SLUG, withAgents } from '../support/agents.js';
import { ANCHOR, type Answer, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { askJoin } from '../support/join.js';
import { testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const turn = async (d: TestDeployment) => {
  await backgroundTurn(d.deployment, { more: () => true });
  await discoveryTurn(d.deployment, { more: () => true });
};
const wellKnown = (name: string) => `${AGENTS}/agents/${name}/.well-known/openid-federation`;
const fetched = (name: string) => `${AGENTS}/fetch?sub=${encodeURIComponent(`${AGENTS}/agents/${name}`)}`;
const code = ({ status, json }: Answer) => [status, json.code];
async function ok(asked: Answer | Promise<Answer>, status = 200) {
  const answer = await asked;
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
}

describe('agents of a member (registry §12)', () => {
  it('an authority for them is made, enrolled and limited in one commit; an agent is a leaf below it, with a client document', async () => {
    const d = await testDeployment();
    const dry = { member: HOLDER, slug: SLUG };
    const acme = await withAgents(d);
    expect(acme.made).toMatchObject({
      slug: SLUG,
      entity_id: AGENTS,
      below: 'main',
      member: HOLDER,
      membership: 'active',
      stands: true,
      agents: 0,
      max_agents: 100,
    });
    expect(code(await d.admin('POST', `${A}/agent-authorities?dry_run=true`, { ...dry, slug: 'other' })), 'one for each member').toEqual([
      409,
      'already_exists',
    ]);
    const above = decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(AGENTS)}`)).text);
    expect(above['constraints']).toEqual({
      ...{ max_path_length: 1, allowed_entity_types: ['oauth_client', 'oauth_resource'], naming_constraints: { permitted: ['anchor.example.org'] } },
    });
    const agent = await ok(makeAgent(d, acme, 'invoices'), 201);
    expect(agent).toMatchObject({ entity_id: `${AGENTS}/agents/invoices`, state: 'active', scopes: ['tools:read'], ends_at: NOW + 30 * DAY });
    const own = await d.public(wellKnown('invoices'));
    expect([own.status, own.headers.get('content-type'), decodeJwt(own.text).sub]).toEqual([200, 'application/entity-statement+jwt', agent.entity_id]);
    expect(decodeJwt((await d.public(fetched('invoices'))).text)).toMatchObject({ iss: AGENTS, sub: agent.entity_id });
    for (let n = 0; n < 3; n++) await turn(d);
    await ok(d.public(`/resolve?sub=${encodeURIComponent(agent.entity_id)}&trust_anchor=${ANCHOR}`).then((one) => ({ ...one, json: {} })));
    expect(await ok(d.public(agent.client_id))).toMatchObject({ client_id: agent.client_id, scope: 'tools:read' });
    expect(d.asked, 'nothing of it is asked for over the network').toEqual([`${HOLDER}/.well-known/openid-federation`]);
    const listed = await ok(askAs(d, acme, 'GET', '/agents'));
    expect(listed).toMatchObject({ items: [agent], authority: AGENTS, stands: true, agents: 1, max_agents: 100, made_within_a_day: 1, max_life: 30 * DAY });
    const [event] = (await ok(d.admin('GET', `/authorities/${SLUG}/events?type=member.enrolled`))).items;
    expect(event).toMatchObject({
      actor: { kind: 'member', id: acme.id, name: HOLDER },
      detail: { agent_of: HOLDER, valid_until: NOW + 30 * DAY, hosted: true },
    });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('is retired by its member and gone with that commit; renewed before its end, and lapses at it with every job dead', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d, { max_life: DAY });
    const keys = await agentKeys();
    const agent = await ok(makeAgent(d, acme, 'a', { keys }), 201);
    await ok(makeAgent(d, acme, 'b', { body: { life: 3600 } }), 201);
    await turn(d);
    await ok(d.public(agent.client_id));
    expect(await ok(askAs(d, acme, 'POST', '/agents/a/retire', { reason: 'done' }))).toMatchObject({ id: agent.id, state: 'retired' });
    for (const place of [wellKnown('a'), fetched('a'), agent.client_id]) expect((await d.public(place)).status, place).toBe(404);
    expect(await ok(askAs(d, acme, 'POST', `/agents/${agent.id}/retire`))).toMatchObject({ state: 'retired', already: true });
    // Neither its name nor its keys come back.
    expect(code(await makeAgent(d, acme, 'a'))).toEqual([409, 'already_exists']);
    const again = await makeAgent(d, acme, 'c', { keys });
    expect([...code(again), again.json.findings[0].code]).toEqual([422, 'findings', 'key_shared']);
    expect(code(await askAs(d, acme, 'POST', '/agents/a/renew'))).toEqual([409, 'wrong_state']);
    // Another day from now, and not beyond its configuration.
    d.clock += 1800;
    expect(await ok(askAs(d, acme, 'POST', '/agents/b/renew', { life: 7200 }))).toMatchObject({ ends_at: NOW + 9000, state: 'active' });
    expect(code(await askAs(d, acme, 'POST', '/agents/b/renew', { life: DAY + 1 }))).toEqual([400, 'invalid_request']);
    await turn(d);
    const b = await ok(askAs(d, acme, 'GET', '/agents/b'));
    expect((await d.public(b.client_id)).status).toBe(200);
    expect(decodeJwt((await d.public(fetched('b'))).text).exp).toBeLessThanOrEqual(NOW + 9000);
    d.clock = NOW + 9000;
    for (const place of [wellKnown('b'), fetched('b'), b.client_id]) expect((await d.public(place)).status, place).toBe(404);
    expect((await d.public(`${AGENTS}/list`)).json).toEqual([]);
    expect(await ok(askAs(d, acme, 'GET', '/agents/b'))).toMatchObject({ state: 'ended' });
    expect(code(await askAs(d, acme, 'POST', '/agents/b/renew'))).toEqual([409, 'wrong_state']);
    expect(await ok(askAs(d, acme, 'GET', '/agents'))).toMatchObject({ agents: 0, made_within_a_day: 2 });
    await turn(d);
    expect(await d.rows("SELECT state FROM member WHERE entity_id LIKE '%/agents/b'")).toEqual([{ state: 'revoked' }]);
    const [ended] = (await ok(d.admin('GET', `/authorities/${SLUG}/events?type=member.revoked&order=newest`))).items;
    expect(ended).toMatchObject({ actor: { kind: 'system' }, reason_code: 'cessation' });
    expect(await ok(askAs(d, acme, 'GET', '/agents/b'))).toMatchObject({ state: 'ended' });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('each cut above takes all agents in its own commit, and they come back with what is above', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const agent = await ok(makeAgent(d, acme, 'a'), 201);
    const places = [wellKnown('a'), fetched('a'), agent.client_id, `${AGENTS}/list`, `${AGENTS}/.well-known/openid-federation`];
    const resolve = `/resolve?sub=${encodeURIComponent(agent.entity_id)}&trust_anchor=${ANCHOR}`;
    const answers = async () => Promise.all([...places, resolve].map(async (place) => (await d.public(place)).status));
    const served = async (why: string) => {
      // What a resolver finds below an intermediate takes it several turns.
      for (let n = 0; n < 6 && (await answers()).some((status) => status !== 200); n++) await turn(d);
      expect(await answers(), why).toEqual([...places, resolve].map(() => 200));
    };
    await served('at first');
    const reach = async (level: object) => (await ok(d.admin('GET', `/halts/reach?${new URLSearchParams({ authority: 'main', ...level })}`))).below;
    expect([await reach({ level: 'organization', organization: 'Acme AB' }), await reach({ level: 'member', member: HOLDER })], 'counted before').toEqual([
      1, 1,
    ]);
    const toldAt = async (time: number) => (await ok(d.admin('GET', `/authorities/${SLUG}/members/${agent.id}/answered-at?time=${time}`))).fetch;
    const M = (id: string) => `${A}/members/${encodeURIComponent(id)}`;
    const cuts = [
      ['the organization', `${A}/organizations/Acme%20AB/halt`, `${A}/organizations/Acme%20AB/resume`],
      ['the authority for agents', `/authorities/${SLUG}/halt`, `/authorities/${SLUG}/resume`],
      ['its membership', `${M(AGENTS)}/suspend`, `${M(AGENTS)}/resume`],
      ['the member that keeps them', `${M(HOLDER)}/suspend`, `${M(HOLDER)}/resume`],
      ['the authority above', `${A}/halt`, `${A}/resume`],
    ] as const;
    // On D1 two of them: it is one condition in one place.
    for (const [what, cut, resume] of platform === 'workers' ? cuts.slice(0, 2) : cuts) {
      await ok(d.admin('POST', cut, { reason: 'incident' }));
      expect(
        (await answers()).every((status) => status === 404 || status === 400),
        `${what}: ${await answers()}`,
      ).toBe(true);
      // Nothing of it is evaluated back meanwhile.
      await turn(d);
      expect((await d.public(agent.client_id)).status, what).toBe(404);
      d.clock += 10;
      await ok(d.admin('POST', resume, { reason: 'over' }));
      d.clock += 61;
      await served(`after ${what}`);
      expect(await toldAt(d.clock - 66), `the audit trail knows: ${what}`).toBe('not_found');
    }
    await ok(d.admin('POST', `/authorities/${SLUG}/retire`, { reason: 'contract ended' }));
    expect((await answers()).slice(0, 5)).toEqual([404, 404, 404, 404, 404]);
    expect(code(await askAs(d, acme, 'GET', '/agents'))).toEqual([404, 'not_found']);
    expect(await ok(d.admin('GET', `/authorities/${SLUG}/agent-limits`))).toMatchObject({ state: 'retired', stands: false });
    // Then the member may be given another one.
    expect(await ok(d.admin('POST', `${A}/agent-authorities`, { member: HOLDER, slug: 'acme-2' }), 201)).toMatchObject({ stands: true });
    expect(await fsck(d.deployment)).toEqual([]);
    await d.execute("UPDATE authority SET agents_by = 'mem_0' WHERE slug = 'acme-2'");
    expect(await fsck(d.deployment)).toMatchObject([{ code: 'row_of_nobody', where: 'authority acme-2' }]);
    expect((await d.public(`${ANCHOR}/acme-2/.well-known/openid-federation`)).status, 'and what cannot be is not served').toBe(404);
  });

  it('what was issued to an agent, and its place in the status list, fall with what is above; what comes back says since when', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const keys = await agentKeys();
    const agent = await ok(makeAgent(d, acme, 'a', { keys, body: { scopes: ['tools:read', 'tools:call'] } }), 201);
    await turn(d);
    const S = `/authorities/${SLUG}/software-statements`;
    const issued = await ok(d.admin('POST', `/authorities/${SLUG}/members/${agent.id}/software-statements`, {}), 201);
    const state = async () => (await ok(d.admin('GET', S))).items.find(({ jti }: { jti: string }) => jti === issued.jti).state;
    const listed = async () => {
      const { status, text } = await d.public(`${AGENTS}/status-lists/0`);
      return status === 200 ? (decodeJwt(text)[NOT_BEFORE] ?? {}) : status;
    };
    expect([await state(), await listed()]).toEqual(['valid', {}]);
    await ok(d.admin('POST', `${A}/organizations/Acme%20AB/halt`, { reason: 'incident' }));
    await backgroundTurn(d.deployment, { more: () => true });
    expect([await state(), await listed()]).toEqual(['not_in_force', 404]);
    d.clock += 30;
    await ok(d.admin('POST', `${A}/organizations/Acme%20AB/resume`, { reason: 'over' }));
    for (let n = 0; n < 3; n++) await turn(d);
    expect([await state(), await listed()], 'nothing of before lives again').toEqual(['not_in_force', { '*': NOW + 30 }]);
    const next = await ok(d.admin('POST', `/authorities/${SLUG}/members/${agent.id}/software-statements`, {}), 201);
    await ok(d.admin('PUT', `${A}/members/${encodeURIComponent(AGENTS)}/entitlements`, { entitlements: [{ kind: 'scope', value: 'tools:read' }] }));
    expect((await ok(d.admin('GET', S))).items.find(({ jti }: { jti: string }) => jti === next.jti).state, 'less above').toBe('not_in_force');
    // The agent is a member of its authority as long as what is above that stands.
    const itself = async () =>
      code(await askJoin(d, 'GET', '/agents', undefined, { token: await assertion(d, { entityId: agent.entity_id, key: keys.federation }, { aud: AGENTS }) }));
    expect(await itself()).toEqual([404, 'not_found']);
    await ok(d.admin('POST', `${A}/members/${encodeURIComponent(HOLDER)}/suspend`, { reason: 'incident' }));
    expect(await itself()).toEqual([401, 'unauthenticated']);
  });

  it('what agents may ask for at most is said above: less there reaches the next document, and a halted agent counts as one that lives', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d, { max_agents: 1 });
    const agent = await ok(makeAgent(d, acme, 'a', { body: { scopes: ['tools:read', 'tools:call'] } }), 201);
    await turn(d);
    expect(await ok(d.public(agent.client_id))).toMatchObject({ scope: 'tools:call tools:read' });
    await ok(d.admin('PUT', `${A}/members/${encodeURIComponent(AGENTS)}/entitlements`, { entitlements: [{ kind: 'scope', value: 'tools:read' }] }));
    expect((await d.public(agent.client_id)).status).toBe(503);
    await turn(d);
    expect(await ok(d.public(agent.client_id))).toMatchObject({ scope: 'tools:read' });
    const about = decodeJwt((await d.public(fetched('a'))).text)['metadata_policy'] as { oauth_client: { scope: object } };
    expect(about.oauth_client.scope, 'no statement about an agent says more').toMatchObject({ default: 'tools:read', subset_of: ['tools:read'] });
    await ok(d.admin('POST', `/authorities/${SLUG}/members/${agent.id}/suspend`, { reason: 'odd' }));
    expect(code(await makeAgent(d, acme, 'b'))).toEqual([409, 'agents_exhausted']);
  });
});

describe('how many agents there may be', () => {
  it.each([
    ['in one process', false],
    ['in two processes', true],
  ])('several that are made at once at the last places: so many are, and the others are told that there is no room (%s)', async (_, apart) => {
    const d = await testDeployment();
    const acme = await withAgents(d, { max_agents: 3 });
    const other = { ...d.deployment, store: apart ? d.another().store : d.deployment.store };
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const made = names.map((name, n) => makeAgent(d, acme, name, n % 2 ? { deployment: other } : {}));
    const answers = (await Promise.all(made)).map(code);
    expect(answers.filter(([status]) => status === 201)).toHaveLength(3);
    expect(answers.filter(([, why]) => why === 'agents_exhausted')).toHaveLength(3);
    // The limits of before are those that count for who lives; less lets nobody in until some are gone.
    await ok(d.admin('PATCH', `/authorities/${SLUG}/agent-limits`, { max_agents: 1 }));
    expect(await ok(askAs(d, acme, 'GET', '/agents'))).toMatchObject({ agents: 3, max_agents: 1 });
    expect(code(await makeAgent(d, acme, 'g'))).toEqual([409, 'agents_exhausted']);
    const living = (await ok(askAs(d, acme, 'GET', '/agents'))).items.map(({ name }: { name: string }) => name);
    for (const name of living.slice(0, 2)) await ok(askAs(d, acme, 'POST', `/agents/${name}/retire`));
    expect(code(await makeAgent(d, acme, 'g'))).toEqual([409, 'agents_exhausted']);
    await ok(askAs(d, acme, 'POST', `/agents/${living[2]}/retire`));
    await ok(makeAgent(d, acme, 'g'), 201);
  });
  it('whoever brings them in: an operator and an import get no further than the member; who is counted already is not one more', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d, { max_agents: 3 });
    await ok(makeAgent(d, acme, 'a'), 201);
    const OPERATED = `/authorities/${SLUG}/members`;
    const enrol = async (name: string, more: object = {}) =>
      d.admin('POST', OPERATED, { entity_id: `${AGENTS}/x/${name}`, jwks: { keys: [(await testKey()).jwk] }, entity_types: ['oauth_client'], ...more });
    expect((await enrol('b')).status, 'who has only applied is counted').toBe(201);
    const { id } = await ok(d.admin('POST', `/authorities/${SLUG}/imports`, {}), 201);
    const line = async (name: string) =>
      JSON.stringify({ entity_id: `${AGENTS}/x/${name}`, jwks: { keys: [(await testKey()).jwk] }, entity_types: ['oauth_client'] });
    const sent = await d.admin('POST', `/authorities/${SLUG}/imports/${id}/lines`, `${await line('c')}\n${await line('d')}\n`, {
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect([sent.status, sent.json.refused], sent.text).toEqual([200, 1]);
    expect(await d.rows('SELECT code FROM job_refusal')).toEqual([{ code: 'agents_exhausted' }]);
    expect(code(await enrol('e'))).toEqual([409, 'agents_exhausted']);
    expect(code(await makeAgent(d, acme, 'f'))).toEqual([409, 'agents_exhausted']);
    expect(await ok(askAs(d, acme, 'GET', '/agents'))).toMatchObject({ agents: 3, max_agents: 3 });
    await ok(d.admin('POST', `${OPERATED}/${encodeURIComponent(`${AGENTS}/x/c`)}/refuse`, { reason: 'x' }));
    const answers = await Promise.all([enrol('g'), enrol('h'), makeAgent(d, acme, 'i', { deployment: d.restarted() })]);
    expect(answers.map(({ status }) => status).sort(), 'one place').toEqual([201, 409, 409]);
    expect(
      (await d.admin('POST', `${A}/members`, { entity_id: 'https://plain.example.com', jwks: { keys: [(await testKey()).jwk] } })).status,
      'nothing limits others',
    ).toBe(201);
  });
  it('within a day, those that were retired too', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d, { max_per_day: 2 });
    await ok(makeAgent(d, acme, 'a'), 201);
    await ok(askAs(d, acme, 'POST', '/agents/a/retire'));
    await ok(makeAgent(d, acme, 'b'), 201);
    expect(code(await makeAgent(d, acme, 'c'))).toEqual([409, 'agents_exhausted']);
    d.clock += DAY + 1;
    await ok(makeAgent(d, acme, 'c'), 201);
  });
  it('less takes one person, more the quorum of the authority above', async () => {
    const d = await testDeployment();
    await withAgents(d);
    const L = `/authorities/${SLUG}/agent-limits`;
    expect(await ok(d.admin('PATCH', L, { max_agents: 5, max_life: 3600 }))).toMatchObject({ max_agents: 5, max_life: 3600, v: 2 });
    expect(code(await d.admin('PATCH', L, { max_agents: 6, v: 1 }))).toEqual([412, 'version_conflict']);
    for (const bad of [{ max_agents: 10_001 }, { max_life: 10 }, { max_life: 400 * DAY }, { max_per_day: -1 }, { max: 1 }])
      expect((await d.admin('PATCH', L, bad)).status, JSON.stringify(bad)).toBe(400);
    expect(code(await d.admin('GET', `${A}/agent-limits`))).toEqual([404, 'not_found']);
    expect((await ok(d.admin('GET', `${A}/agent-authorities`))).items).toMatchObject([{ slug: SLUG, max_agents: 5 }]);
  });

  it('with quorum 2 the membership of a new one waits for two persons, and there is no agent before; more takes two as well, and another member', async () => {
    const d = await testDeployment();
    const acme = await withAgents(d);
    const second = await testMember('https://two.acme.example.com');
    await ok(d.admin('POST', `${A}/members`, { entity_id: second.id, jwks: second.jwks, organization: 'Acme AB', activate: true }), 201);
    const beta = await testMember('https://beta.example.com');
    const scopes = [{ kind: 'scope', value: 'read' }];
    await ok(d.admin('POST', `${A}/members`, { entity_id: beta.id, jwks: beta.jwks, organization: 'Beta', entitlements: scopes, activate: true }), 201);
    const { owners, approvers } = await twoDecide(d, 3);
    const [ann, bob] = owners;
    const L = `/authorities/${SLUG}/agent-limits`;
    expect(await ok(ann.as('PATCH', L, { max_agents: 50 })), 'less').toMatchObject({ max_agents: 50 });
    for (const more of [{ max_agents: 60 }, { member: second.id }]) {
      const { approval } = await ok(ann.as('PATCH', L, more), 202);
      expect((await ok(bob.as('GET', `/approvals/${approval.id}`))).current).toBe(true);
      expect(await ok(bob.as('POST', `/approvals/${approval.id}`, { verdict: 'approve', digest: approval.digest }))).toMatchObject({ state: 'done' });
    }
    expect(await ok(ann.as('GET', L))).toMatchObject({ max_agents: 60, member: second.id });
    expect(code(await askAs(d, acme, 'GET', '/agents')), 'another member keeps them now').toEqual([404, 'not_found']);
    await ok(askAs(d, { ...acme, entityId: second.id, key: second.key }, 'GET', '/agents'));
    expect(code(await ann.as('PATCH', L, { member: beta.id })), 'of another organization').toEqual([409, 'wrong_state']);

    const made = await ok(ann.as('POST', `${A}/agent-authorities`, { member: beta.id, slug: 'beta' }), 201);
    expect(made).toMatchObject({ membership: 'vetting', stands: false });
    const asBeta = { ...acme, entityId: beta.id, key: beta.key, below: `${ANCHOR}/beta` };
    const make = () => makeAgent(d, asBeta, 'a', { body: { scopes: ['read'] } });
    expect(code(await make())).toEqual([409, 'wrong_state']);
    expect((await d.public(`${ANCHOR}/beta/.well-known/openid-federation`)).status).toBe(404);
    const M = `${A}/members/${encodeURIComponent(`${ANCHOR}/beta`)}`;
    await ok(approvers[0].as('POST', `${M}/approve`, {}), 202);
    await ok(approvers[1].as('POST', `${M}/approve`, {}));
    await ok(approvers[1].as('POST', `${M}/activate`, {}));
    await ok(make(), 201);
  });
});
