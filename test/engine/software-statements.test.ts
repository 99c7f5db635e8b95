import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { type JwkSet, validateTrustChain } from '../../src/federation/entry.js';
import type { Explorer } from '../../src/operations/explorer.js';
import { Refusal } from '../../src/operations/refusal.js';
import { chainsAbove } from '../../src/operations/registering/carried-chain.js';
import { findAuthority } from '../../src/operations/registry.js';
import { ANCHOR, type Answer, NOW, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';
import { A, AGENT, evaluate, type Registering, registering, SERVER } from '../support/registering.js';

const at = (id: string, verb: string) => `${A}/members/${encodeURIComponent(id)}/${verb}`;
const issue = ({ d }: Registering, body: object = {}, id = AGENT) => d.admin('POST', at(id, 'software-statements'), body);
const token = ({ d, client }: Registering, body: object = {}, id = AGENT) =>
  d.admin('POST', at(id, 'initial-access-tokens'), { audience: SERVER, kid: client.kid, ...body });
const told = ({ status, json }: Answer) => [status, json.code];
const made = (answer: Answer) => {
  expect(answer.status, answer.text).toBe(201);
  return answer.json;
};
const states = async ({ d }: Registering) =>
  (await Promise.all(['software-statements', 'initial-access-tokens'].map(async (kind) => (await d.admin('GET', `${A}/${kind}`)).json.items))).map(
    (items: { state: string }[]) => items.map(({ state }) => state),
  );

describe('registry §8.1: software statements', () => {
  it('say what the record of a member in force says: keys by value, the entitled scope, never wider; signed by the authority', async () => {
    const r = await registering();
    const { d, agent, client } = r;
    const one = made(await issue(r, { audience: [SERVER], software_id: 'agent', software_version: '1.4', scope: 'read' }));
    const compact = String(one.software_statement);
    const header = decodeProtectedHeader(compact);
    const configuration = decodeJwt((await d.public('/.well-known/openid-federation')).text) as { jwks: { keys: { kid: string }[] } };
    const [key] = configuration.jwks.keys;
    expect(header).toEqual({ typ: 'software-statement+jwt', alg: 'ES256', kid: key?.kid });
    await compactVerify(compact, await importJWK(key as never, 'ES256'));
    const claims = decodeJwt(compact);
    expect(claims).toMatchObject({
      ...{ iss: ANCHOR, sub: AGENT, jti: one.jti, iat: NOW, exp: NOW + 3600, aud: [SERVER] },
      ...{ software_id: 'agent', software_version: '1.4', client_name: 'Agent', scope: 'read', token_endpoint_auth_method: 'private_key_jwt' },
      ...{ jwks: { keys: [client.jwk] }, allowed_resources: ['https://tools.example.net/mcp'] },
      ...{ redirect_uris: [`${AGENT}/cb`, `${AGENT}/other`], organization_name: 'Agents AB', entitlement_version: 1 },
    });
    expect(claims).not.toHaveProperty('client_id');
    expect(claims).not.toHaveProperty('jwks_uri');
    expect(decodeJwt(String(made(await issue(r)).software_statement))['scope'], 'all that it is entitled to, where nothing is said').toBe('read write');
    expect((await d.admin('GET', `${A}/software-statements/${one.jti}`)).json).toMatchObject({ state: 'valid', member: agent.memberId, keys: [client.kid] });
    const [event] = await d.rows("SELECT subject_id, detail FROM event WHERE type = 'software_statement.issued' ORDER BY seq LIMIT 1");
    expect([event?.['subject_id'], JSON.parse(String(event?.['detail']))]).toEqual([
      one.jti,
      { member: agent.memberId, entity_id: AGENT, scope: 'read', keys: [client.kid], exp: NOW + 3600, audience: [SERVER] },
    ]);
    // A dry run signs nothing and leaves nothing.
    const { json: dry } = await d.admin('POST', `${at(AGENT, 'software-statements')}?dry_run=true`, { scope: 'write' });
    expect([dry.dry_run, dry.software_statement, dry.client_metadata.scope]).toEqual([true, undefined, 'write']);
    expect((await states(r))[0]).toEqual(['valid', 'valid']);
  });

  it('are refused to who asks for more, is not in force, is no client, or names a server or a key that nobody knows', async () => {
    const r = await registering();
    const { d } = r;
    for (const [body, code] of [
      [{ scope: 'read admin' }, 'entitlement_exceeded'],
      [{ scope: ' ' }, 'entitlement_exceeded'],
      [{ redirect_uris: ['https://evil.example/cb'] }, 'entitlement_exceeded'],
      [{ grant_types: ['implicit'] }, 'entitlement_exceeded'],
      [{ allowed_resources: ['https://other.example/'] }, 'entitlement_exceeded'],
      [{ authorization_details_types: ['payment'] }, 'entitlement_exceeded'],
      [{ audience: ['https://stranger.example'] }, 'audience_unknown'],
      [{ audience: [AGENT] }, 'audience_unknown'],
      [{ kids: ['nobody'] }, 'key_not_bound'],
    ] as const)
      expect(told(await issue(r, body)), JSON.stringify(body)).toEqual([422, code]);
    expect(told(await issue(r, { client_name: 'x' }))).toEqual([400, 'invalid_request']);
    expect(told(await issue(r, { lifetime: 86_401 }))).toEqual([400, 'invalid_request']);
    expect(told(await issue(r, {}, SERVER)), 'no client').toEqual([403, 'member_not_active']);
    expect(told(await issue(r, {}, 'https://nobody.example'))).toEqual([404, 'not_found']);
    await d.admin('PUT', at(AGENT, 'entitlements'), { entitlements: [{ kind: 'scope', value: 'read' }] });
    expect(told(await issue(r)), 'until it was evaluated anew').toEqual([503, 'temporarily_unavailable']);
    await evaluate(d);
    expect(decodeJwt(String(made(await issue(r)).software_statement))['scope']).toBe('read');
    await d.admin('POST', at(AGENT, 'suspend'), { reason: 'test' });
    expect([told(await issue(r)), told(await token(r))]).toEqual([
      [403, 'member_not_active'],
      [403, 'member_not_active'],
    ]);
  });

  it('of an intermediate carry its chain to the anchor, with which whoever pins only that verifies them: where none is known it is evaluated on the spot, and if that finds none the answer says so', async () => {
    const r = await registering();
    const { d, client } = r;
    const BELOW = 'https://below.example.org';
    await d.admin('POST', '/authorities', { slug: 'below', entity_id: BELOW, organization_name: 'Below', authority_hints: [ANCHOR] });
    const { jwks } = decodeJwt((await d.public(`${BELOW}/.well-known/openid-federation`)).text);
    const leaf = 'https://leaf.example.com';
    const one = await testMember(leaf);
    const metadata = { oauth_client: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] }, scope: 'read' } };
    d.network.set(`${leaf}/.well-known/openid-federation`, await one.configuration({ authority_hints: [BELOW], metadata }));
    made(await d.admin('POST', '/authorities/below/members', { entity_id: leaf, jwks: one.jwks, entity_types: ['oauth_client'], activate: true }));
    await backgroundTurn(d.deployment, { more: () => true });
    const evaluating = (id: string) => d.admin('POST', `/authorities/below/entities/${encodeURIComponent(id)}/evaluate`, {});
    await evaluating(leaf);
    const issuing = (query = '') => d.admin('POST', `/authorities/below/members/${encodeURIComponent(leaf)}/software-statements${query}`, {});
    const issued = async () => made(await issuing());
    const looked = async () => (await d.rows(`SELECT evaluated_at FROM known_entity WHERE entity_id = '${BELOW}'`)).map((row) => row['evaluated_at']);
    const none = (detail: string) => [
      { code: 'no_chain', where: 'header/trust_chain', detail: expect.stringContaining(detail), fix: expect.stringContaining(BELOW) },
    ];
    expect((await issued()).findings, 'nothing to look for').toMatchObject(none('is pinned'));
    const anchored = await d.admin('POST', '/authorities/below/anchors', { entity_id: ANCHOR });
    expect(anchored.status, anchored.text).toBeLessThan(300);
    await evaluating(leaf);
    expect(await looked(), 'known, and not evaluated').toEqual([null]);
    const before = await issued();
    expect(before.findings, 'the anchor does not list it').toMatchObject(none('just now'));
    expect(decodeProtectedHeader(String(before.software_statement))).not.toHaveProperty('trust_chain');
    expect(await looked()).toEqual([NOW]);
    expect((await issued()).findings, 'nobody is asked again at once').toMatchObject(none('a moment ago'));
    made(await d.admin('POST', `${A}/members`, { entity_id: BELOW, jwks, entity_types: ['federation_entity'], intermediate: true, activate: true }));
    await d.execute(`DELETE FROM known_entity WHERE entity_id = '${BELOW}'`);
    expect((await issuing('?dry_run=true')).json.findings, 'a rehearsal looks, and keeps nothing').toEqual([]);
    expect(await looked()).toEqual([]);
    const [after, other] = await Promise.all([issued(), issued()]);
    expect([after.findings, other.findings]).toEqual([[], []]);
    expect(await looked()).toEqual([NOW]);
    const { trust_chain: chain } = decodeProtectedHeader(String(after.software_statement)) as { trust_chain: string[] };
    const anchors = { [ANCHOR]: decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as JwkSet };
    const valid = await validateTrustChain(chain, { anchors, now: d.clock, subject: BELOW });
    expect(valid.ok && valid.value.trustAnchor).toBe(ANCHOR);
    // Who is asked to evaluate, and what becomes of an answer that does not come, or of a no.
    const below = await findAuthority(d.deployment.store.db, 'below');
    const asked: string[] = [];
    const above = (now: number, answer: () => Promise<never>, allowed = async () => undefined as unknown) => {
      const ask = (question: string) => {
        asked.push(question);
        return answer();
      };
      return chainsAbove({ ...d.call, now: () => now, explorer: { ask } as unknown as Explorer }, below, allowed, 5);
    };
    const ends = valid.ok ? valid.value.exp : 0;
    const never = () => new Promise<never>(() => undefined);
    expect([(await above(ends - 601, never)).chains.length, asked]).toEqual([1, []]);
    expect(await above(ends - 300, never), 'it is about to end').toMatchObject({ chains: [{ exp: ends }], none: expect.stringContaining('still being') });
    expect(await above(ends + 1, () => Promise.reject(new Refusal('wrong_state', 'why not')))).toEqual({ chains: [], none: 'why not' });
    expect(asked).toEqual(['evaluate', 'evaluate']);
    await expect(above(ends + 1, never, () => Promise.reject(new Error('not in force')))).rejects.toThrow('not in force');
    expect(asked, 'of who gets nothing').toHaveLength(2);
  });

  it('of an authority two below the anchor carry the chain to that one, though the operator in between is an anchor to it too', async () => {
    const { d, client } = await registering();
    const place = (slug: string) => `https://${slug}.example.org`;
    const superiors = { between: ANCHOR, agents: place('between') };
    for (const [slug, superior] of Object.entries(superiors)) {
      await d.admin('POST', '/authorities', { slug, entity_id: place(slug), organization_name: slug, authority_hints: [superior] });
      const { jwks } = decodeJwt((await d.public(`${place(slug)}/.well-known/openid-federation`)).text);
      const above = superior === ANCHOR ? A : '/authorities/between';
      made(
        await d.admin('POST', `${above}/members`, { entity_id: place(slug), jwks, entity_types: ['federation_entity'], intermediate: true, activate: true }),
      );
    }
    const leaf = 'https://leaf.example.com';
    const one = await testMember(leaf);
    const metadata = { oauth_client: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [client.jwk] }, scope: 'read' } };
    d.network.set(`${leaf}/.well-known/openid-federation`, await one.configuration({ authority_hints: [place('agents')], metadata }));
    made(await d.admin('POST', '/authorities/agents/members', { entity_id: leaf, jwks: one.jwks, entity_types: ['oauth_client'], activate: true }));
    for (const anchor of [place('between'), ANCHOR]) await d.admin('POST', '/authorities/agents/anchors', { entity_id: anchor });
    await backgroundTurn(d.deployment, { more: () => true });
    for (const id of [leaf, place('agents')]) await d.admin('POST', `/authorities/agents/entities/${encodeURIComponent(id)}/evaluate`, {});
    const issued = made(await d.admin('POST', `/authorities/agents/members/${encodeURIComponent(leaf)}/software-statements`, {}));
    const { trust_chain: chain } = decodeProtectedHeader(String(issued.software_statement)) as { trust_chain: string[] };
    const anchors = { [ANCHOR]: decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as JwkSet };
    const valid = await validateTrustChain(chain, { anchors, now: d.clock, subject: place('agents') });
    expect(valid.ok && valid.value.trustAnchor, JSON.stringify(issued.findings)).toBe(ANCHOR);
  });
});

describe('registry §8.1: initial access tokens', () => {
  it('are for one server, by one key, told once; of an opaque one nothing can be read', async () => {
    const r = await registering();
    const { d, client } = r;
    const statement = made(await issue(r));
    const one = made(await token(r, { software_statement_jti: statement.jti }));
    const compact = String(one.initial_access_token);
    expect(decodeProtectedHeader(compact)).toMatchObject({ typ: 'initial-access-token+jwt', alg: 'ES256' });
    expect(decodeJwt(compact)).toEqual({
      ...{ iss: ANCHOR, sub: AGENT, aud: SERVER, jti: one.jti, iat: NOW, exp: NOW + 3600 },
      ...{
        cnf: { jkt: client.kid },
        software_statement_jti: statement.jti,
        status: { status_list: { idx: expect.any(Number), uri: `${ANCHOR}/status-lists/0` } },
      },
    });
    const opaque = made(await token(r, { format: 'opaque' }));
    expect(opaque.initial_access_token).toMatch(/^hfi_[\w-]{43}$/);
    const kept = JSON.stringify(await d.rows('SELECT * FROM initial_access_token'));
    expect([kept.includes(compact), kept.includes(opaque.initial_access_token)], 'only digests are kept').toEqual([false, false]);
    expect(JSON.stringify(await d.rows('SELECT detail, artefacts FROM event')), 'nor in the trail').not.toContain('hfi_');
    const key = { headers: { 'idempotency-key': 'k1' } };
    const body = { audience: SERVER, kid: client.kid };
    expect((await d.admin('POST', at(AGENT, 'initial-access-tokens'), body, key)).status).toBe(201);
    expect(told(await d.admin('POST', at(AGENT, 'initial-access-tokens'), body, key)), 'shown once').toEqual([409, 'already_shown']);
    for (const [more, answer] of [
      [{ kid: 'nobody' }, [422, 'key_not_bound']],
      [{ audience: 'https://stranger.example' }, [422, 'audience_unknown']],
      [{ software_statement_jti: 'sst_0' }, [404, 'not_found']],
    ] as const)
      expect(told(await token(r, more)), JSON.stringify(more)).toEqual(answer);
    const other = made(await issue(r, { audience: [SERVER] }));
    await d.admin('POST', `${A}/software-statements/${other.jti}/revoke`, { reason: 'test' });
    expect(told(await token(r, { software_statement_jti: other.jti }))).toEqual([409, 'wrong_state']);
  });

  it('are listed by member in pages, revoked by whoever cuts, and forgotten a month after their end', async () => {
    const r = await registering();
    const { d, agent } = r;
    const [first, second] = [made(await token(r)), made(await token(r))];
    const page = (await d.admin('GET', `${A}/initial-access-tokens?limit=1&member=${encodeURIComponent(AGENT)}`)).json;
    const next = (await d.admin('GET', `${A}/initial-access-tokens?limit=1&member=${agent.memberId}&cursor=${page.next_cursor}`)).json;
    expect([...page.items, ...next.items].map(({ jti }: { jti: string }) => jti).sort()).toEqual([first.jti, second.jti].sort());
    expect(next.next_cursor).toBe(null);
    expect(told(await d.admin('GET', `${A}/initial-access-tokens?cursor=iat_0`))).toEqual([404, 'not_found']);
    const responder = await d.tokenFor('responder');
    const revoked = await d.admin('POST', `${A}/initial-access-tokens/${first.jti}/revoke`, { reason: 'sent astray' }, { token: responder });
    expect([revoked.status, revoked.json.state, revoked.json.already]).toEqual([200, 'revoked', undefined]);
    expect((await d.admin('POST', `${A}/initial-access-tokens/${first.jti}/revoke`)).json.already).toBe(true);
    d.clock = NOW + 3600;
    expect((await states(r))[1]?.sort()).toEqual(['expired', 'revoked']);
    d.jump(31 * 86_400);
    d.clock = NOW + 3600 + 31 * 86_400;
    await d.admin('POST', '/clock/confirm', { reason: 'test' });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await states(r)).toEqual([[], []]);
  });
});

describe('registry §6: after a cut nothing that was issued is good, and the cut writes nothing for that', () => {
  it('of the member, its organization, its authority, a key, and when it is entitled to less; what came before does not live again', async () => {
    const r = await registering();
    const { d, agent } = r;
    const other = await testKey();
    const jwks = { keys: [agent.key.jwk, other.jwk] };
    d.network.set(`${AGENT}/.well-known/openid-federation`, await agent.configuration({ jwks, metadata: r.metadata }));
    await d.admin('PUT', at(AGENT, 'keys'), { jwks, reason: 'x' });
    await d.admin('POST', at(AGENT, 'approve'), { reason: 'x' });
    await d.admin('POST', at(AGENT, 'activate'), {});
    const halt = (verb: string) => d.admin('POST', `${A}/${verb}`, { reason: 'x' });
    for (const [why, cut, back] of [
      ['the member', () => d.admin('POST', at(AGENT, 'suspend'), { reason: 'x' }), () => d.admin('POST', at(AGENT, 'resume'), { reason: 'x' })],
      ['its organization', () => halt('organizations/Agents%20AB/halt'), () => halt('organizations/Agents%20AB/resume')],
      ['its authority', () => halt('halt'), () => halt('resume')],
      ['a key of it', () => d.admin('POST', '/halts', { level: 'key', authority: 'main', member: AGENT, key: other.kid, reason: 'x' })],
      ['what it may ask for', () => d.admin('PUT', at(AGENT, 'entitlements'), { entitlements: [{ kind: 'scope', value: 'read' }] })],
    ] as readonly (readonly [string, () => Promise<Answer>, (() => Promise<Answer>)?])[]) {
      await evaluate(d);
      const issued = [made(await issue(r)).jti, made(await token(r)).jti];
      const now = async () => [
        (await d.admin('GET', `${A}/software-statements/${issued[0]}`)).json.state,
        (await d.admin('GET', `${A}/initial-access-tokens`)).json.items.find(({ jti }: { jti: string }) => jti === issued[1]).state,
      ];
      const rows = () => d.rows('SELECT jti, revoked_at FROM software_statement UNION ALL SELECT jti, revoked_at FROM initial_access_token ORDER BY jti');
      const before = await rows();
      expect(await now(), why).toEqual(['valid', 'valid']);
      const answer = await cut();
      expect(answer.status, answer.text).toBeLessThan(300);
      expect(await now(), why).toEqual(['not_in_force', 'not_in_force']);
      expect(await rows(), why).toEqual(before);
      if (!back) continue;
      expect((await back()).status, why).toBeLessThan(300);
      await evaluate(d);
      expect(await now(), why).toEqual(['not_in_force', 'not_in_force']);
    }
    await evaluate(d);
    made(await issue(r));
    await d.admin('POST', at(AGENT, 'revoke'), { reason: 'x' });
    expect((await states(r))[0]?.every((state) => state === 'not_in_force')).toBe(true);
  });

  it('its membership ends by time, or the key of the authority is called compromised', async () => {
    const r = await registering();
    made(await issue(r, { lifetime: 86_400 }));
    await r.d.execute(`UPDATE member SET valid_until = ${NOW + 60} WHERE entity_id = '${AGENT}'`);
    expect((await states(r))[0]).toEqual(['valid']);
    r.d.clock = NOW + 60;
    expect((await states(r))[0]).toEqual(['not_in_force']);
    await r.d.execute('UPDATE member SET valid_until = NULL');
    r.d.clock = NOW;
    await r.d.execute("UPDATE authority_key SET revoked_reason = 'compromised'");
    expect((await states(r))[0]).toEqual(['not_in_force']);
  });
});
