import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const LEAF = 'https://leaf.example.com';
const M = `${A}/members/${encodeURIComponent(LEAF)}`;
const day = 86_400;
const discover = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });

describe('hosted configurations (Entity Configuration Hosting draft)', () => {
  async function hosted() {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    const configuration = await leaf.configuration();
    const put = (compact: string) => d.admin('PUT', `${M}/configuration`, { entity_configuration: compact });
    return { d, leaf, configuration, put, at: `/hosted?sub=${encodeURIComponent(LEAF)}` };
  }
  it('the member’s own bytes are served, the statement says where, and the leaf resolves without a web server', async () => {
    const { d, configuration, put, at } = await hosted();
    expect((await d.public(at)).status).toBe(404);
    expect((await put(configuration)).json).toMatchObject({ hosted: true });
    const answer = await d.public(at);
    expect([answer.status, answer.headers.get('content-type'), answer.text]).toEqual([200, 'application/entity-statement+jwt', configuration]);
    expect(decodeJwt((await d.public(`/fetch?sub=${LEAF}`)).text)['ec_location']).toBe(`${ANCHOR}${at}`);
    await discover(d);
    expect((await d.public(`/resolve?sub=${LEAF}&trust_anchor=${ANCHOR}`)).status).toBe(200);
    expect(d.asked).toEqual([]);
    expect(await fsck(d.deployment)).toEqual([]);
    await d.admin('PATCH', A, { statement_lifetime: 7200 });
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await d.admin('GET', `${A}/jobs`)).json.items[0], 'it is not ours to sign').toMatchObject({ kind: 'resign', state: 'done' });
    d.clock = NOW + day;
    expect((await d.public(at)).status, 'past its end it is gone').toBe(404);
  });
  it('refused: signed by another key, about another, expired, an intermediate’s, of a member that is not active', async () => {
    const { d, leaf, configuration, put } = await hosted();
    const code = async (compact: string) => {
      const { json } = await put(compact);
      return json.findings?.[0]?.code ?? json.code;
    };
    const other = await testKey();
    expect(await code(await leaf.configuration({}, other))).toBe('signature_key_unknown');
    expect(await code(await (await testMember('https://other.example', leaf.key)).configuration())).toBe('subject_mismatch');
    expect(await code(await leaf.configuration({ exp: NOW - 1 }))).toBe('expired');
    expect(await code(await leaf.configuration({ metadata: { federation_entity: { federation_fetch_endpoint: `${LEAF}/f` } } }))).toBe('wrong_state');
    expect((await d.admin('PATCH', M, { claims: { ec_location: 'https://x.example' } })).status).toBe(422);
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect(await code(configuration)).toBe('wrong_state');
  });
  it('goes with a suspension, with the key that signed it, and when it is ended', async () => {
    const { d, leaf, configuration, put, at } = await hosted();
    await put(configuration);
    const location = async () => decodeJwt((await d.public(`/fetch?sub=${LEAF}`)).text)['ec_location'];
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect((await d.public(at)).status).toBe(404);
    await d.admin('POST', `${M}/resume`, {});
    expect([(await d.public(at)).status, await location()]).toEqual([404, undefined]);
    await put(configuration);
    const next = await testKey();
    await d.admin('PUT', `${M}/keys`, { jwks: { keys: [leaf.key.jwk, next.jwk] }, reason: 'rollover' });
    expect((await d.public(at)).status).toBe(200);
    await d.admin('PUT', `${M}/keys`, { jwks: { keys: [next.jwk] }, reason: 'rollover' });
    expect([(await d.public(at)).status, await location()]).toEqual([404, undefined]);
    await put(await leaf.configuration({}, next));
    expect((await d.admin('DELETE', `${M}/configuration`)).json).toMatchObject({ hosted: false });
    expect([(await d.public(at)).status, await location()]).toEqual([404, undefined]);
  });
  it('an identifier is hosted under one authority of the deployment only', async () => {
    const { d, leaf, configuration, put } = await hosted();
    await put(configuration);
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example.org' });
    await d.admin('POST', '/authorities/other/members', { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    expect(
      (await d.admin('PUT', `/authorities/other/members/${encodeURIComponent(LEAF)}/configuration`, { entity_configuration: configuration })).json.code,
    ).toBe('already_exists');
  });
  it('a leaf hosted elsewhere is found by listing: by https and by data: URL', async () => {
    const d = await testDeployment();
    const INTERMEDIATE = 'https://intermediate.example.net';
    const inter = await testMember(INTERMEDIATE);
    const endpoints = { federation_fetch_endpoint: `${INTERMEDIATE}/fetch`, federation_list_endpoint: `${INTERMEDIATE}/list` };
    d.network.set(`${INTERMEDIATE}/.well-known/openid-federation`, await inter.configuration({ metadata: { federation_entity: endpoints } }));
    const leaves = ['https://one.example.net', 'https://two.example.net'];
    d.network.set(`${INTERMEDIATE}/list`, JSON.stringify(leaves));
    for (const [n, id] of leaves.entries()) {
      const leaf = await testMember(id);
      const configuration = await leaf.configuration({ authority_hints: [INTERMEDIATE] });
      const location = n ? `data:application/entity-statement+jwt,${configuration}` : `${INTERMEDIATE}/hosted/one`;
      if (!n) d.network.set(location, configuration);
      const claims = { iss: INTERMEDIATE, sub: id, iat: NOW - 10, exp: NOW + day, jwks: leaf.jwks, ec_location: location };
      d.network.set(`${INTERMEDIATE}/fetch?sub=${encodeURIComponent(id)}`, await inter.key.jwt(claims));
    }
    await d.admin('POST', `${A}/members`, { entity_id: INTERMEDIATE, jwks: inter.jwks, intermediate: true, activate: true });
    await d.admin('POST', `${A}/crawls`, {});
    await discover(d);
    for (const id of leaves) expect((await d.public(`/resolve?sub=${id}&trust_anchor=${ANCHOR}`)).status, id).toBe(200);
  });
});

describe('extended listing (Implementer’s Draft)', () => {
  async function members(n: number) {
    const d = await testDeployment();
    const key = await testKey();
    for (let i = 0; i < n; i++) {
      d.clock = NOW + i;
      await d.admin('POST', `${A}/members`, {
        entity_id: `https://m${i}.example.com`,
        jwks: { keys: [key.jwk] },
        entity_types: [i % 2 ? 'openid_provider' : 'oauth_client'],
        activate: true,
      });
    }
    return d;
  }
  it('advertised, and paged: every subordinate once, in order', async () => {
    const d = await members(7);
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text)['metadata']).toMatchObject({
      federation_entity: { federation_extended_list_endpoint: `${ANCHOR}/extended-list` },
    });
    const seen: string[] = [];
    for (let from: string | undefined = ''; from !== undefined; ) {
      const { status, json, headers } = await d.public(`/extended-list?limit=3${from && `&from_entity_id=${encodeURIComponent(from)}`}`);
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
      seen.push(...json.immediate_subordinate_entities.map(({ id }: { id: string }) => id));
      from = json.next_entity_id;
    }
    expect(seen).toEqual(Array.from({ length: 7 }, (_, n) => `https://m${n}.example.com`));
  });
  it('carries statements, single claims and times when asked; filters by change and by what the plain list filters', async () => {
    const d = await members(4);
    const ask = async (query: string) => (await d.public(`/extended-list?${query}`)).json.immediate_subordinate_entities;
    expect(await ask('')).toEqual(Array.from({ length: 4 }, (_, n) => ({ id: `https://m${n}.example.com` })));
    const [first] = await ask('claims=subordinate_statement&claims=jwks,exp&audit_timestamps=true');
    expect(first).toEqual({
      id: 'https://m0.example.com',
      registered: NOW,
      updated: NOW,
      subordinate_statement: (await d.public('/fetch?sub=https://m0.example.com')).text,
      jwks: expect.any(Object),
      exp: NOW + day,
    });
    const ids = async (query: string) => ((await ask(query)) as { id: string }[]).map(({ id }) => id.slice(8, 10));
    expect(await ids(`updated_after=${NOW + 1}`)).toEqual(['m2', 'm3']);
    expect(await ids(`updated_after=${NOW}&updated_before=${NOW + 3}`)).toEqual(['m1', 'm2']);
    expect(await ids('entity_type=openid_provider')).toEqual(['m1', 'm3']);
    await d.admin('POST', `${A}/members/${encodeURIComponent('https://m2.example.com')}/suspend`, { reason: 'x' });
    expect(await ids('from_entity_id=https://m2.example.com'), 'one that is gone breaks no reader').toEqual(['m3']);
  });
  it('limits and bad parameters', async () => {
    const d = await members(1);
    for (const query of ['limit=0', 'limit=x', 'updated_after=soon', 'audit_timestamps=maybe', 'intermediate=perhaps', `from_entity_id=${'x'.repeat(2049)}`])
      expect(await d.public(`/extended-list?${query}`), query).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect((await d.public('/extended-list?limit=100000')).status).toBe(200);
    d.clock = NOW + 2 * day;
    expect((await d.public('/extended-list?claims=subordinate_statement')).json.immediate_subordinate_entities, 'never an expired statement').toEqual([
      { id: 'https://m0.example.com' },
    ]);
  });
});

describe('registration_policy (draft)', () => {
  it('stands in the statement as given; anything else is refused', async () => {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    const policy = ['https://anchor.example.org/policy/vetted'];
    const enrol = (claims: object) => d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true, claims });
    for (const bad of ['x', [], ['no uri'], [1]]) expect((await enrol({ registration_policy: bad })).status, JSON.stringify(bad)).toBe(422);
    expect((await enrol({ registration_policy: policy })).status).toBe(201);
    expect(decodeJwt((await d.public(`/fetch?sub=${LEAF}`)).text)['registration_policy']).toEqual(policy);
  });
  it('a constraint is published with the policy', async () => {
    const d = await testDeployment();
    const rules = [{ policy: ['https://anchor.example.org/policy/vetted'], entity_types: ['openid_provider'] }];
    expect((await d.admin('POST', `${A}/policies`, { constraints: { registration_policy: [{ policy: [] }] } })).status).toBe(422);
    expect((await d.admin('POST', `${A}/policies`, { constraints: { registration_policy: rules } })).status).toBe(201);
  });
});
