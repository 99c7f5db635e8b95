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
const WORD = { method: 'operator', reason: 'signed contract 4711' };
const discover = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });

describe('hosted configurations (Entity Configuration Hosting draft)', () => {
  async function hosted() {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    await d.admin('POST', `${A}/members`, { entity_id: LEAF, jwks: leaf.jwks, activate: true });
    const configuration = await leaf.configuration();
    const put = (compact: string) => d.admin('PUT', `${M}/configuration`, { entity_configuration: compact, domain_control: WORD });
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
  it('goes to nobody whose identifier is somebody else’s: hosted, active or suspended elsewhere here; the same keys are the same entity', async () => {
    const { d, leaf, configuration, put } = await hosted();
    await put(configuration);
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example.org' });
    const squatter = await testMember(LEAF);
    const at = `/authorities/other/members/${encodeURIComponent(LEAF)}`;
    const claim = async (domain_control: object = WORD) =>
      (await d.admin('PUT', `${at}/configuration`, { entity_configuration: await squatter.configuration(), domain_control })).json.code;
    await d.admin('POST', '/authorities/other/members', { entity_id: LEAF, jwks: squatter.jwks, activate: true });
    expect(await claim(), 'it is hosted').toBe('already_exists');
    await d.admin('DELETE', `${M}/configuration`);
    expect(await claim(), 'it is active').toBe('already_exists');
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect(await claim(), 'it is suspended').toBe('already_exists');
    expect((await d.admin('PATCH', at, { ec_location: 'https://cdn.example/x', domain_control: WORD })).json.code, 'nor published elsewhere').toBe(
      'already_exists',
    );
    await d.admin('PUT', `${at}/keys`, { jwks: leaf.jwks, reason: 'the same' });
    expect((await d.admin('PUT', `${at}/configuration`, { entity_configuration: configuration, domain_control: WORD })).status).toBe(200);
    await d.admin('POST', '/authorities', { slug: 'third', entity_id: 'https://third.example.org' });
    const own = await testMember('https://third.example.org');
    await d.admin('POST', `${A}/members`, { entity_id: own.id, jwks: own.jwks, activate: true });
    expect(
      (
        await d.admin('PUT', `${A}/members/${encodeURIComponent(own.id)}/configuration`, {
          entity_configuration: await own.configuration(),
          domain_control: WORD,
        })
      ).json.code,
      'an authority of ours',
    ).toBe('already_exists');
  });
  it('goes to nobody whose identifier a resolver of ours knows under another superior, unless with the same keys', async () => {
    const { d, leaf, configuration } = await hosted();
    const UP = 'https://up.example.net';
    const up = await testMember(UP);
    const federation_entity = { federation_fetch_endpoint: `${UP}/fetch`, federation_list_endpoint: `${UP}/list` };
    d.network.set(`${UP}/.well-known/openid-federation`, await up.configuration({ metadata: { federation_entity } }));
    d.network.set(`${UP}/list`, JSON.stringify(['https://theirs.example', LEAF]));
    const theirs = await testMember('https://theirs.example');
    for (const [id, key] of [
      [theirs.id, theirs],
      [LEAF, leaf],
    ] as const) {
      d.network.set(`${id}/.well-known/openid-federation`, await key.configuration({ authority_hints: [UP] }));
      const claims = { iss: UP, sub: id, iat: NOW - 10, exp: NOW + day, jwks: key.jwks };
      d.network.set(`${UP}/fetch?sub=${encodeURIComponent(id)}`, await up.key.jwt(claims));
    }
    await d.admin('POST', `${A}/members`, { entity_id: UP, jwks: up.jwks, intermediate: true, activate: true });
    await d.admin('POST', `${A}/crawls`, {});
    await discover(d);
    const squatter = await testMember(theirs.id);
    const enrolled = await d.admin('POST', `${A}/members`, { entity_id: theirs.id, jwks: squatter.jwks, activate: true });
    expect(enrolled.status).toBe(201);
    const host = (id: string, compact: string) =>
      d.admin('PUT', `${A}/members/${encodeURIComponent(id)}/configuration`, { entity_configuration: compact, domain_control: WORD });
    expect((await host(theirs.id, await squatter.configuration())).json).toMatchObject({ code: 'already_exists', detail: expect.stringContaining(UP) });
    expect((await host(LEAF, configuration)).status).toBe(200);
  });
  it('a crawled superior is asked what it states: a bare listing, or what it did not sign, blocks nobody', async () => {
    const { d } = await hosted();
    const SEAT = 'https://seat.example';
    const seat = await testMember(SEAT);
    const configuration = await seat.configuration();
    const at = `${A}/members/${encodeURIComponent(SEAT)}`;
    const UP = 'https://up.example.net';
    const up = await testMember(UP);
    const federation_entity = { federation_fetch_endpoint: `${UP}/fetch`, federation_list_endpoint: `${UP}/list` };
    d.network.set(`${UP}/.well-known/openid-federation`, await up.configuration({ metadata: { federation_entity } }));
    d.network.set(`${UP}/list`, JSON.stringify([SEAT]));
    await d.admin('POST', `${A}/members`, { entity_id: UP, jwks: up.jwks, intermediate: true, activate: true });
    await d.admin('POST', `${A}/crawls`, {});
    await discover(d);
    expect(await d.rows(`SELECT superior FROM crawl_entity WHERE entity_id = '${SEAT}'`)).toEqual([{ superior: UP }]);
    expect((await d.admin('POST', `${A}/members`, { entity_id: SEAT, jwks: seat.jwks, activate: true })).status).toBe(201);
    const squatter = await testKey();
    const place = `${UP}/fetch?sub=${encodeURIComponent(SEAT)}`;
    const state = async (keys: readonly object[], signer = up.key, more: object = {}) =>
      d.network.set(place, await signer.jwt({ iss: UP, sub: SEAT, iat: NOW - 10, exp: NOW + day, jwks: { keys }, ...more } as never));
    const host = async () => {
      const { status, json } = await d.admin('PUT', `${at}/configuration`, { entity_configuration: configuration, domain_control: WORD });
      if (status === 200) await d.admin('DELETE', `${at}/configuration`);
      return status === 200 ? 'hosted' : json.detail;
    };
    const move = async () => {
      const { status, json } = await d.admin('PATCH', at, { ec_location: 'https://cdn.example/x', domain_control: WORD });
      if (status === 200) await d.admin('PATCH', at, { ec_location: null });
      return status === 200 ? 'moved' : json.detail;
    };
    expect([await host(), await move()], 'it lists, and states nothing').toEqual(['hosted', 'moved']);
    await state([squatter.jwk], squatter);
    expect(await host(), 'another key signed that').toBe('hosted');
    await state([squatter.jwk], up.key, { exp: NOW - 100 });
    expect(await host(), 'that has ended').toBe('hosted');
    await state([squatter.jwk]);
    expect(await host(), 'it states other keys, though the entity does not resolve there').toContain(UP);
    expect(await move()).toContain(UP);
    const line = { entity_id: SEAT, jwks: seat.jwks, ec_location: 'https://cdn.example/x', domain_control: WORD };
    await d.admin('POST', '/authorities', { slug: 'third', entity_id: 'https://third.example.org' });
    expect((await d.admin('POST', '/authorities/third/members', { ...line, activate: true })).json.detail, 'nor enrolled elsewhere here').toContain(UP);
    await state([squatter.jwk, seat.key.jwk]);
    expect([await host(), await move()], 'one key is the same').toEqual(['hosted', 'moved']);
  });
  it('domain control is shown, and the event says how: a token under the host, or somebody’s word with a reason', async () => {
    const { d, configuration } = await hosted();
    const put = (domain_control?: object) => d.admin('PUT', `${M}/configuration`, { entity_configuration: configuration, domain_control });
    expect((await put()).json, 'nobody says anything').toMatchObject({ code: 'invalid_request', detail: expect.stringContaining('domain_control') });
    expect((await put({ method: 'operator' })).status, 'a word without a reason').toBe(400);
    const url = `${LEAF}/.well-known/holdfast-domain-control.json`;
    const refused = await put({ method: 'well_known' });
    expect(refused.json).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining(url) });
    const token = /\["(.+)"\]/.exec(refused.json.detail)?.[1];
    for (const wrong of ['["x"]', '{}', `"${token}"`, `[["${token}"]]`, 'no JSON']) {
      d.network.set(url, wrong);
      expect((await put({ method: 'well_known' })).status, wrong).toBe(400);
    }
    d.network.set(url, `["for another", "${token}"]`);
    expect((await put({ method: 'well_known' })).json).toMatchObject({ hosted: true, domain_control: { method: 'well_known', at: NOW } });
    const events = async () => (await d.admin('GET', `${M}/history`)).json.items.filter(({ type }: { type: string }) => type === 'member.hosted');
    expect((await events())[0].detail).toMatchObject({ domain_control: { method: 'well_known', at: NOW } });
    d.network.delete(url);
    expect((await put()).status, 'what was shown once need not be shown with every new configuration').toBe(200);
    expect((await put(WORD)).json.domain_control).toEqual({ ...WORD, at: NOW });
  });
  it('what one authority hosts is never taken for the member of another', async () => {
    const d = await testDeployment();
    const leaf = await testMember(LEAF);
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example.org' });
    const squatter = await testMember(LEAF);
    await d.admin('POST', '/authorities/other/members', { entity_id: LEAF, jwks: squatter.jwks, activate: true });
    const at = `/authorities/other/members/${encodeURIComponent(LEAF)}/configuration`;
    expect((await d.admin('PUT', at, { entity_configuration: await squatter.configuration(), domain_control: WORD })).status).toBe(200);
    d.network.set(`${LEAF}/.well-known/openid-federation`, await leaf.configuration());
    expect((await d.admin('POST', `${A}/members`, { entity_id: LEAF, activate: true })).status).toBe(201);
    await discover(d);
    expect((await d.public(`/resolve?sub=${LEAF}&trust_anchor=${ANCHOR}`)).status).toBe(200);
    expect((await d.admin('GET', M)).json.jwks.keys[0].kid).toBe(leaf.key.jwk.kid);
  });
  it('ec_location of a member that publishes elsewhere: a field at enrolment, in changes and imports; never hosted as well', async () => {
    const { d, leaf, configuration, put } = await hosted();
    const CDN = 'https://cdn.example.net/leaf.jwt';
    const change = (body: object) => d.admin('PATCH', M, body);
    const stated = async (id = LEAF) => decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(id)}`)).text)['ec_location'];
    for (const bad of [
      'http://cdn.example.net/x',
      'no url',
      'https://u:p@cdn.example.net/',
      'data:application/entity-statement+jwt,x',
      'https://cdn.example.net/#x',
    ])
      expect((await change({ ec_location: bad, domain_control: WORD })).status, bad).toBe(422);
    expect((await change({ ec_location: CDN })).json.code, 'not on its own host, nothing shown').toBe('invalid_request');
    expect((await change({ ec_location: `${LEAF}/elsewhere` })).status, 'its own host shows it').toBe(200);
    expect((await change({ ec_location: CDN, domain_control: WORD })).json).toMatchObject({ ec_location: CDN, domain_control: WORD });
    expect(await stated()).toBe(CDN);
    expect((await put(configuration)).json.code, 'either or').toBe('wrong_state');
    d.network.set(CDN, configuration);
    await discover(d);
    expect((await d.public(`/resolve?sub=${LEAF}&trust_anchor=${ANCHOR}`)).status, 'our own resolver reads it there').toBe(200);
    expect((await change({ ec_location: null })).json.ec_location).toBeNull();
    expect(await stated()).toBeUndefined();
    await put(configuration);
    expect((await change({ ec_location: CDN })).json.code).toBe('wrong_state');
    const more = { jwks: leaf.jwks, activate: true, ec_location: CDN };
    expect((await d.admin('POST', `${A}/members`, { entity_id: 'https://b.example', ...more })).status).toBe(400);
    expect((await d.admin('POST', `${A}/members`, { entity_id: 'https://b.example', ...more, domain_control: WORD })).status).toBe(201);
    expect(await stated('https://b.example')).toBe(CDN);
    const job = (await d.admin('POST', `${A}/imports`, {})).json.id;
    const lines = [
      { entity_id: 'https://c.example', ...more },
      { entity_id: 'https://d.example', ...more, domain_control: 'contract 12' },
    ];
    const sent = await d.admin('POST', `${A}/imports/${job}/lines`, lines.map((one) => JSON.stringify(one)).join('\n'), {
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(sent.json).toMatchObject({ done: 2, refused: 1 });
    expect(await stated('https://d.example')).toBe(CDN);
    expect((await d.admin('GET', `${A}/members/${encodeURIComponent('https://d.example')}`)).json.domain_control).toMatchObject({ reason: 'contract 12' });
  });
  it('an authority may say in every statement where the configuration lies (Swedish profile §2.4.2)', async () => {
    const { d, configuration, put, at } = await hosted();
    const stated = async () => decodeJwt((await d.public(`/fetch?sub=${LEAF}`)).text)['ec_location'];
    expect(await stated()).toBeUndefined();
    await d.admin('PATCH', A, { ec_location: 'always' });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await stated()).toBe(`${LEAF}/.well-known/openid-federation`);
    await put(configuration);
    expect(await stated()).toBe(`${ANCHOR}${at}`);
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
      const location = n ? `DATA:Application/Entity-Statement+JWT,${configuration}` : `${INTERMEDIATE}/hosted/one`;
      if (!n) {
        d.network.set(location, configuration);
        // Somebody else, or an older self, answers at the well-known URL: the superior's word goes before.
        const other = await testMember(id);
        d.network.set(`${id}/.well-known/openid-federation`, await other.configuration({ authority_hints: [INTERMEDIATE] }));
      }
      const claims = { iss: INTERMEDIATE, sub: id, iat: NOW - 10, exp: NOW + day, jwks: leaf.jwks, ec_location: location };
      d.network.set(`${INTERMEDIATE}/fetch?sub=${encodeURIComponent(id)}`, await inter.key.jwt(claims));
    }
    await d.admin('POST', `${A}/members`, { entity_id: INTERMEDIATE, jwks: inter.jwks, intermediate: true, activate: true });
    await d.admin('POST', `${A}/crawls`, {});
    await discover(d);
    for (const id of leaves) expect((await d.public(`/resolve?sub=${id}&trust_anchor=${ANCHOR}`)).status, id).toBe(200);
    d.clock = NOW + 3600 * 12;
    await discover(d);
    for (const id of leaves) expect((await d.public(`/resolve?sub=${id}&trust_anchor=${ANCHOR}`)).status, `${id} later, without a crawl`).toBe(200);
  });
});

describe('ec_location in a superior’s statement elsewhere', () => {
  const UP = 'https://intermediate.example.net';
  const ONE = 'https://one.example.net';
  /** What is asked of the network for a leaf that a superior lists, with a statement of its own or one forged. */
  async function crawled({ forged = false, location = `${UP}/hosted/one`, at = location }: { forged?: boolean; location?: string; at?: string }) {
    const d = await testDeployment();
    const [up, leaf, stranger] = [await testMember(UP), await testMember(ONE), await testKey()];
    const endpoints = { federation_fetch_endpoint: `${UP}/fetch`, federation_list_endpoint: `${UP}/list` };
    d.network.set(`${UP}/.well-known/openid-federation`, await up.configuration({ metadata: { federation_entity: endpoints } }));
    d.network.set(`${UP}/list`, JSON.stringify([ONE]));
    const configuration = await leaf.configuration({ authority_hints: [UP] });
    d.network.set(at, configuration);
    const claims = { iss: UP, sub: ONE, iat: NOW - 10, exp: NOW + day, jwks: leaf.jwks, ec_location: location.replace('CONFIGURATION', configuration) };
    const signer = forged ? { ...stranger, jwk: { ...stranger.jwk, kid: up.key.jwk.kid } } : up.key;
    d.network.set(`${UP}/fetch?sub=${encodeURIComponent(ONE)}`, await signer.jwt(claims));
    await d.admin('POST', `${A}/members`, { entity_id: UP, jwks: up.jwks, intermediate: true, activate: true });
    await d.admin('POST', `${A}/crawls`, {});
    await discover(d);
    return { d, status: (await d.public(`/resolve?sub=${ONE}&trust_anchor=${ANCHOR}`)).status };
  }
  it('the place is asked only when the superior’s keys verify the statement', async () => {
    const sound = await crawled({});
    expect([sound.status, sound.d.asked.includes(`${UP}/hosted/one`)]).toEqual([200, true]);
    const { d, status } = await crawled({ forged: true });
    expect([status, d.asked.includes(`${UP}/hosted/one`)]).toEqual([503, false]);
  });
  it('the well-known URL is asked when nothing can be read there', async () => {
    expect((await crawled({ at: `${ONE}/.well-known/openid-federation` })).status).toBe(200);
  });
  it('a data: URL by RFC 2397: the media type in any case, with parameters, never base64', async () => {
    const place = async (location: string) => (await crawled({ location, at: 'https://nowhere.example' })).status;
    expect(await place('data:application/entity-statement+jwt,CONFIGURATION')).toBe(200);
    expect(await place('data:application/Entity-Statement+JWT;charset=utf-8,CONFIGURATION')).toBe(200);
    for (const no of ['data:application/entity-statement+jwt;base64,CONFIGURATION', 'data:text/plain,CONFIGURATION', 'data:,CONFIGURATION', 'file:///x', 'x'])
      expect(await place(no), no).not.toBe(200);
  });
  it('every statement and configuration is fetched once', async () => {
    const { d } = await crawled({});
    const statements = d.asked.filter((url) => url.startsWith(`${UP}/fetch?`));
    expect(statements).toHaveLength(1);
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
