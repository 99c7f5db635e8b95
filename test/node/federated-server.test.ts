import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRelyingParty, type RelyingParty, strict } from '../../src/rp/entry.node.js';
import { memoryAdapter } from '../../src/rp/oidc-provider/memory-adapter.js';
import { type JoseEntity, type JoseFederation, joseKey, type JoseKey, type JoseRecord } from '../support/jose-federation.js';
import { docBlock, runBlock } from '../support/node/doc-blocks.js';
import { federatedProvider, REDIRECT, RESOURCE } from '../support/node/federated-provider.js';
import { joseServer } from '../support/node/jose-server.js';
import { shared } from '../support/process.js';

/** oidc-provider as it is published, and a second anchor that has no line of ours: jose alone. */
const { later, end } = shared();
afterAll(end);

let federation: JoseFederation;
let origin: string;
let party: RelyingParty & { close(): Promise<void> };
let server: Awaited<ReturnType<typeof federatedProvider>>;
let anchor: JoseEntity;
let operator: JoseEntity;
let operatorRecord: JoseRecord;
let count = 0;

const payment = { type: 'payment', actions: ['read', 'pay'], limit: 100 };
const ENTITLED = {
  scope: 'openid offline_access read write mcp:call',
  allowed_resources: [RESOURCE],
  authorization_details_types: ['payment'],
  authorization_details_templates: [payment],
};

/** An agent below the operator that the server has never heard of. */
async function agent({ type = 'oauth_client', metadata = {}, lists = true }: { type?: string; metadata?: object; lists?: boolean } = {}) {
  const key = await joseKey();
  const id = `${origin}/agent-${++count}`;
  const own = {
    ...{
      client_name: 'Agent',
      grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: [REDIRECT],
    },
    ...{ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] }, id_token_signed_response_alg: 'RS256', organization_name: 'Agents Ltd' },
    ...ENTITLED,
    ...metadata,
  };
  const entity = await federation.entity(id, { [type]: JSON.parse(JSON.stringify(own)) as object }, [operator.id]);
  const record = federation.enroll(operator, entity, {}, lists ? count : undefined);
  const token = (form: Record<string, string> = {}, claims: object = {}, header: object = {}) => server.token(id, key, form, claims, header);
  return { id, key, entity, record, token, chain: () => federation.chain(entity, operator, anchor) };
}
const narrowTo = (record: JoseRecord, scope: string): void => {
  record.claims = { metadata_policy: { oauth_client: { scope: { subset_of: scope.split(' ') } } } };
};

beforeAll(async () => {
  ({ federation, origin } = await joseServer(later));
  anchor = await federation.superior(`${origin}/anchor`);
  operator = await federation.superior(`${origin}/operator`, [anchor.id]);
  operatorRecord = federation.enroll(anchor, operator, {}, 1);
  party = createRelyingParty({ anchors: federation.anchors(anchor), mode: strict, development: true });
  later(() => party.close());
  server = await federatedProvider(party, later);
});

describe('automatic registration', () => {
  it('AR-10 who was never registered gets a token for what the federation gives it, and no more', async () => {
    const { token, id } = await agent();
    expect(await token({ scope: 'read' })).toMatchObject({ status: 200, scope: 'read', expires_in: 300 });
    expect(await token({ scope: 'admin' }), 'not entitled').toMatchObject({ status: 400, error: 'invalid_scope' });
    expect(server.told.at(-1)).toMatchObject({
      entity: id,
      decision: 'admitted',
      authority: operator.id,
      anchor: anchor.id,
      organization: 'Agents Ltd',
      route: 'token',
    });
    expect(server.fetched, 'the provider itself fetches nothing').toEqual([]);
  });

  it('AR-13 keys are those of its metadata by the federation: not its federation keys, and not those of another client', async () => {
    const [one, other] = [await agent(), await agent()];
    expect(await server.token(one.id, other.key)).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await server.token(one.id, one.entity.key)).toMatchObject({ status: 401, error: 'invalid_client' });
  });

  it('AR-05 AR-14 a Request Object at the authorization endpoint, PAR with an assertion, PAR with both: each is taken', async () => {
    const { id, key } = await agent({ type: 'openid_relying_party' });
    const direct = await server.authorize({
      client_id: id,
      request: await server.requestObject(id, key),
      scope: 'openid',
      response_type: 'code',
      redirect_uri: REDIRECT,
    });
    expect(direct, direct.text).toMatchObject({ status: 303, location: expect.stringContaining('/interaction') });
    for (const more of [{}, { request: await server.requestObject(id, key) }]) {
      const pushed = await server.par(id, key, { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', ...more });
      expect(pushed, pushed.text).toMatchObject({ status: 201 });
      const led = await server.authorize({ client_id: id, request_uri: String(pushed.request_uri) });
      expect(led, led.text).toMatchObject({ status: 303, location: expect.stringContaining('/interaction') });
    }
  });

  it('AR-04 AR-17 a request that proves no key, and trust that fails, end on a page: no redirect', async () => {
    const { id, record } = await agent({ type: 'openid_relying_party' });
    const plain = {
      client_id: id,
      scope: 'openid',
      response_type: 'code',
      redirect_uri: REDIRECT,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    };
    expect(await server.authorize(plain)).toMatchObject({ status: 400, location: null, text: expect.stringContaining('invalid_request') });
    record.state = 1;
    expect(await server.authorize(plain)).toMatchObject({ location: null });
    expect(await server.authorize({ ...plain, request: 'x.y.z' })).toMatchObject({
      status: 401,
      location: null,
      text: expect.stringContaining('invalid_client'),
    });
  });

  it('AR-11 a trust_chain header saves asking the client, in assertions and in Request Objects', async () => {
    const { id, token, chain } = await agent({ type: 'openid_relying_party' });
    federation.instead.set(`${id}/.well-known/openid-federation`, () => ({ status: 404, type: '', body: '' }));
    expect(await token({ scope: 'read' }), 'nothing is known of it').toMatchObject({ status: 401, error: 'invalid_client' });
    const trust_chain = await chain();
    expect(await token({ scope: 'read' }, {}, { trust_chain })).toMatchObject({ status: 200 });
    const other = await agent({ type: 'openid_relying_party' });
    federation.instead.set(`${other.id}/.well-known/openid-federation`, () => ({ status: 404, type: '', body: '' }));
    const request = await server.requestObject(other.id, other.key, {}, { trust_chain: await other.chain() });
    expect(await server.authorize({ client_id: other.id, request })).toMatchObject({ status: 303 });
  });

  it('a client of the server itself is neither shadowed nor shadows', async () => {
    const { id } = await agent();
    const own = await federatedProvider(party, later, {
      configuration: {
        clients: [{ client_id: id, client_secret: 'its-own-secret', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
      },
    });
    const basic = (secret: string) =>
      own.send('/token', { grant_type: 'client_credentials' }, { authorization: `Basic ${btoa(`${encodeURIComponent(id)}:${secret}`)}` });
    expect(await basic('its-own-secret')).toMatchObject({ status: 200 });
    expect(await basic('wrong')).toMatchObject({ status: 401 });
    expect((await server.introspect((await (await agent()).token()).access_token ?? '')).active).toBe(true);
    expect(await server.send('/token', { grant_type: 'client_credentials' }, { authorization: `Basic ${btoa('checker:wrong')}` })).toMatchObject({
      status: 401,
    });
  });
});

describe('what running a relying server taught us', () => {
  it('R1 who was halted is refused with the next request at token, PAR, introspection, userinfo and refresh; and at whoever stands above', async () => {
    const { id, key, token, record } = await agent();
    const tokens = await server.userTokens(id, 'openid offline_access read');
    const refresh = async () => server.send('/token', { grant_type: 'refresh_token', refresh_token: tokens.refresh, ...(await server.by(id, key)) });
    expect(await server.userinfo(tokens.access)).toMatchObject({ status: 200, sub: 'ada' });
    for (const one of [record, operatorRecord]) {
      one.state = 2;
      expect(await token()).toMatchObject({ status: 401, error: 'invalid_client' });
      expect(await server.par(id, key)).toMatchObject({ status: 401, error: 'invalid_client' });
      expect(await server.send('/token/introspection', { token: tokens.access, ...(await server.by(id, key)) })).toMatchObject({
        status: 401,
        error: 'invalid_client',
      });
      expect(await server.userinfo(tokens.access)).toMatchObject({ status: 401, error: 'invalid_token' });
      expect(await refresh()).toMatchObject({ status: 401, error: 'invalid_client' });
      one.state = 0;
    }
  });

  it('R2 introspection looks at the client of a token: halted, none is active; back again, none of before is', async () => {
    const { id, token, record } = await agent();
    const machine = (await token()).access_token ?? '';
    const { access, refresh } = await server.userTokens(id, 'openid read');
    const all = () => Promise.all([machine, access, refresh].map(async (one) => (await server.introspect(one)).active));
    expect(await all()).toEqual([true, true, true]);
    record.state = 2;
    expect(await all()).toEqual([false, false, false]);
    record.state = 0;
    expect(await all(), 'a suspension that was lifted revives nothing').toEqual([false, false, false]);
    expect(await server.userinfo(access)).toMatchObject({ status: 401, error: 'invalid_token' });
  });

  it('R3 a denied identifier is never fetched, although the server takes metadata documents and one lies there', async () => {
    const key = await joseKey();
    const id = 'https://agent.example.org/one';
    const document = {
      client_id: id,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
    };
    const fetched: string[] = [];
    const configuration = {
      fetch: async (url: URL | string) => {
        fetched.push(String(url));
        return new Response(JSON.stringify(document), { headers: { 'content-type': 'application/json' } });
      },
    };
    const context = { entity: id, decision: 'denied' as const };
    const denying: RelyingParty = { ...party, admit: async () => ({ admitted: false, reason: 'denied', error: 'invalid_client', findings: [], context }) };
    const guarded = await federatedProvider(denying, later, { configuration });
    expect(await guarded.token(id, key)).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(fetched).toEqual([]);
    const open = await federatedProvider(denying, later, { configuration, options: { isDocument: (one) => one === id } });
    expect(await open.token(id, key), 'the document would have opened the door').toMatchObject({ status: 200 });
    const { token, record } = await agent();
    record.state = 1;
    expect(await token()).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await server.token(`${origin}/nobody`, key)).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(server.fetched).toEqual([]);
  });

  it('R4 without a scope there is no access', async () => {
    for (const scope of [undefined, '', ' '])
      expect(await (await agent({ metadata: { scope } })).token({ scope: 'read' })).toMatchObject({ status: 401, error: 'invalid_client' });
    const { token } = await agent({ metadata: { scope: 'mcp:call' } });
    expect(await token({ scope: 'admin' }), 'a scope of resources is none of the server').toMatchObject({ status: 400, error: 'invalid_scope' });
    expect(await token({ scope: 'mcp:call', resource: RESOURCE })).toMatchObject({ status: 200, scope: 'mcp:call' });
  });

  it('R5 a resource gives what both it and the client have; one that the client may not have is no target', async () => {
    const { token } = await agent();
    expect(await token({ scope: 'mcp:call mcp:admin read', resource: RESOURCE })).toMatchObject({
      status: 200,
      scope: 'read mcp:call'.split(' ').reverse().join(' '),
    });
    expect(await token({ scope: 'mcp:call', resource: 'https://other.example.org/mcp' })).toMatchObject({ status: 400, error: 'invalid_target' });
    expect(await (await agent({ metadata: { scope: 'write' } })).token({ scope: 'write', resource: RESOURCE })).toMatchObject({
      status: 400,
      error: 'invalid_target',
    });
    expect(await (await agent({ metadata: { allowed_resources: undefined } })).token({ scope: 'read', resource: RESOURCE })).toMatchObject({
      error: 'invalid_target',
    });
  });

  it('R7 tokens are opaque and live 300 s, whatever a resource wants', async () => {
    const { token } = await agent();
    const one = await token({ scope: 'mcp:call', resource: RESOURCE });
    expect(one.expires_in).toBe(300);
    expect(one.access_token?.split('.')).toHaveLength(1);
    expect(await server.introspect(one.access_token ?? '')).toMatchObject({
      active: true,
      aud: RESOURCE,
      scope: 'mcp:call',
      federation: { decision: 'admitted' },
    });
  });

  it('R9 AR-06 AR-07 a Request Object has no sub, one audience, an end, a jti that serves once, and a key of the client', async () => {
    const { id, key, entity } = await agent({ type: 'openid_relying_party' });
    const pushed = async (claims: object, signer: JoseKey = key) => server.par(id, key, { request: await server.requestObject(id, signer, claims) });
    for (const [what, claims] of Object.entries({
      sub: { sub: id },
      'two audiences': { aud: [server.issuer, 'https://other.example.org'] },
      'no jti': { jti: undefined },
      'no end': { exp: undefined },
      'an end far away': { exp: Math.floor(Date.now() / 1000) + 86_400 },
      'no client_id': { client_id: undefined },
    }))
      expect(await pushed(claims), what).toMatchObject({ status: 400, error: 'invalid_request_object' });
    expect(await pushed({}, entity.key), 'a federation key').toMatchObject({ status: 400, error: 'invalid_request_object' });
    const jti = crypto.randomUUID();
    expect(await pushed({ jti }, await joseKey()), 'who has no key of the client spends no jti').toMatchObject({ status: 400 });
    expect(await pushed({ jti })).toMatchObject({ status: 201 });
    expect(await pushed({ jti }), 'replayed').toMatchObject({ status: 400, error: 'invalid_request_object' });
    const request = await server.requestObject(id, key);
    const all = await Promise.all(Array.from({ length: 10 }, () => server.authorize({ client_id: id, request, redirect_uri: REDIRECT })));
    expect(
      all.filter(({ location }) => location?.includes('/interaction')),
      'ten at once',
    ).toHaveLength(1);
  });

  it('R10 AR-15 the audience of an assertion is the issuer alone', async () => {
    const { token, id, key } = await agent();
    expect(await token({}, { aud: [server.issuer] })).toMatchObject({ status: 200 });
    for (const aud of [`${server.issuer}/token`, [server.issuer, `${server.issuer}/token`], [server.issuer, 'https://other.example.org']])
      expect(await token({}, { aud }), String(aud)).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await server.par(id, key, {}, { aud: `${server.issuer}/request` })).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await token({}, { exp: Math.floor(Date.now() / 1000) + 3600 })).toMatchObject({ status: 401 });
  });

  it('R11 one assertion, and one Request Object, sent ten times at once serve once, where the store finds nothing yet', async () => {
    const kept = memoryAdapter();
    const adapter = (model: string) => {
      const store = kept(model);
      const late = async (id: string) => {
        const found = await store.find(id);
        await new Promise((done) => setTimeout(done, 50));
        return found;
      };
      return model === 'ReplayDetection' ? { ...store, find: late } : store;
    };
    const slow = await federatedProvider(party, later, { configuration: { adapter } });
    const { id, key } = await agent();
    const form = { grant_type: 'client_credentials', ...(await slow.by(id, key)) };
    const all = await Promise.all(Array.from({ length: 10 }, () => slow.send('/token', form)));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    const request = await slow.requestObject(id, key);
    const led = await Promise.all(Array.from({ length: 10 }, () => slow.authorize({ client_id: id, request })));
    expect(led.filter(({ location }) => location?.includes('/interaction'))).toHaveLength(1);
  });
});

describe('least privilege', () => {
  it('a record that was narrowed narrows the next token, and the one of a refresh, without registration', async () => {
    const { id, key, token, record } = await agent();
    expect(await token({ scope: 'read write' })).toMatchObject({ scope: 'read write' });
    const { refresh } = await server.userTokens(id, 'openid offline_access read write');
    narrowTo(record, 'openid offline_access read');
    expect(await token({ scope: 'read write' })).toMatchObject({ status: 400, error: 'invalid_scope' });
    expect(await token({ scope: 'read' })).toMatchObject({ status: 200, scope: 'read' });
    const again = await server.send('/token', { grant_type: 'refresh_token', refresh_token: refresh, ...(await server.by(id, key)) });
    expect(again, again.text).toMatchObject({ status: 200, scope: 'openid offline_access read' });
    expect(await server.introspect(String(again.access_token))).toMatchObject({ active: true, scope: 'openid offline_access read' });
    narrowTo(record, 'nothing');
    expect(await token({ scope: 'read' }), 'nothing left is no access').toMatchObject({ status: 401, error: 'invalid_client' });
  });

  it('a refresh token is good for the key of its client alone, as often as it is asked for; a client without a key is none', async () => {
    const [one, other] = [await agent({ type: 'openid_relying_party' }), await agent({ type: 'openid_relying_party' })];
    const { refresh } = await server.userTokens(one.id, 'openid offline_access read');
    const again = async ({ id, key }: typeof one) =>
      server.send('/token', { grant_type: 'refresh_token', refresh_token: refresh, ...(await server.by(id, key)) });
    for (const _ of [1, 2]) expect(await again(one)).toMatchObject({ status: 200, refresh_token: refresh });
    expect(await again(other), 'stolen by another client').toMatchObject({ status: 400, error: 'invalid_grant' });
    expect(await server.send('/token', { grant_type: 'refresh_token', refresh_token: refresh, client_id: one.id }), 'without the key').toMatchObject({
      status: 401,
      error: 'invalid_client',
    });
    const open = await agent({ type: 'openid_relying_party', metadata: { token_endpoint_auth_method: 'none' } });
    expect(await server.par(open.id, open.key)).toMatchObject({ status: 400, error: 'invalid_metadata' });
  });

  it('a client that this server makes none of is told so as any that is refused, and the log does not say that it was admitted', async () => {
    const { id, key, token } = await agent({ metadata: { grant_types: ['urn:example:grant'] } });
    expect(await token()).toMatchObject({ status: 401, error: 'invalid_client' });
    expect(await server.par(id, key)).toMatchObject({ status: 400, error: 'invalid_metadata' });
    expect(server.told.at(-1)).toMatchObject({ entity: id, decision: 'denied', reasons: ['requirement_unmet'] });
  });

  it('R8 details are within a template of the client', async () => {
    const { id, key } = await agent({ type: 'openid_relying_party' });
    const asked = (detail: object) =>
      server.par(id, key, {
        resource: RESOURCE,
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
        authorization_details: JSON.stringify([{ type: 'payment', ...detail }]),
      });
    const within = await asked({ actions: ['read'], limit: 50 });
    expect(within, within.text).toMatchObject({ status: 201 });
    for (const detail of [{ actions: ['refund'] }, { limit: 101 }, { actions: ['read'], locations: ['https://elsewhere'] }])
      expect(await asked(detail), JSON.stringify(detail)).toMatchObject({ status: 400, error: 'invalid_authorization_details' });
  });
});

describe('before a token is sent', () => {
  it('a resource that bears the mark, and whose authorization server is a member: the lines of the document', async () => {
    const MARK = `${origin}/marks/vetted`;
    const marking = await federation.entity(`${origin}/marking-anchor`, { ...anchor.metadata }, [], {
      trust_mark_issuers: { [MARK]: [`${origin}/marking-anchor`] },
    });
    Object.assign(marking, {
      metadata: { federation_entity: { federation_fetch_endpoint: `${marking.id}/fetch`, federation_list_endpoint: `${marking.id}/list` } },
    });
    const [resource, issuer] = [`${origin}/service`, `${origin}/as`];
    const iat = Math.floor(Date.now() / 1000);
    const mark = await marking.key.sign('trust-mark+jwt', { iss: marking.id, sub: resource, iat, exp: iat + 3600, trust_mark_type: MARK });
    const published = { resource, authorization_servers: [issuer] };
    const service = await federation.entity(resource, { oauth_resource: published }, [marking.id], {
      trust_marks: [{ trust_mark_type: MARK, trust_mark: mark }],
    });
    const as = await federation.entity(issuer, { oauth_authorization_server: { issuer } }, [marking.id]);
    const record = federation.enroll(marking, service, {}, 1);
    federation.enroll(marking, as, {}, 2);
    federation.instead.set(`${origin}/.well-known/oauth-protected-resource/service`, () => ({
      status: 200,
      type: 'application/json',
      body: JSON.stringify(published),
    }));
    const asker = createRelyingParty({ anchors: federation.anchors(marking), mode: strict, development: true });
    later(() => asker.close());
    const lines = (type = MARK) =>
      docBlock('docs/relying-party.md', 'federation.verifyResource(')
        .replaceAll('https://tools.example.com/mcp', resource)
        .replaceAll('https://federation.example.org/marks/vetted', type);
    const run = (type?: string) => runBlock(lines(type), { federation: asker }, 'service');
    expect(await run()).toMatchObject({ trusted: true, entity: resource, authorizationServer: { issuer } });
    await expect(run(`${MARK}/other`)).rejects.toThrow('it bears no Trust Mark of this type');
    const admit = (marks: string[]) => asker.admit(resource, { requires: { entityType: 'oauth_resource', marks } });
    expect(await admit([MARK])).toMatchObject({ admitted: true });
    expect(await admit([MARK, `${MARK}/other`])).toMatchObject({ admitted: false, reason: 'denied' });
    record.state = 2;
    await expect(run(), 'suspended').rejects.toThrow('suspended');
  });
});

describe('a second anchor, hostile: the exact error, and no door opens', () => {
  const ways = ['token', 'par'] as const;
  async function both(one: Awaited<ReturnType<typeof agent>>, trust_chain?: readonly string[]) {
    const header = trust_chain ? { trust_chain } : {};
    return Promise.all(
      ways.map(async (way) =>
        (way === 'token' ? one.token({}, {}, header) : server.par(one.id, one.key, {}, {}, header)).then(({ status, error }) => `${status} ${error}`),
      ),
    );
  }

  it('AR-17 the three errors of trust are for PAR; everywhere else it is invalid_client', async () => {
    const elsewhere = await federation.superior(`${origin}/elsewhere`);
    const one = await agent();
    federation.enroll(elsewhere, one.entity);
    one.entity.hints = [elsewhere.id];
    const foreign = await federation.chain(one.entity, elsewhere);
    expect(await both(one, foreign), 'a chain that ends elsewhere').toEqual(['401 invalid_client', '400 invalid_trust_anchor']);
    const broken = await agent();
    broken.record.claims = { metadata_policy: { oauth_client: { scope: { one_of: ['none'] } } } };
    expect(await both(broken), 'a policy that its metadata cannot fulfil').toEqual(['401 invalid_client', '400 invalid_metadata']);
    const keyless = await agent({ metadata: { jwks: undefined, jwks_uri: `${origin}/keys` } });
    expect(await both(keyless), 'keys by reference are the word of the client').toEqual(['401 invalid_client', '400 invalid_metadata']);
    const outsider = await agent();
    operator.records.delete(outsider.id);
    expect(await both(outsider), 'stated by nobody').toEqual(['401 invalid_client', '400 invalid_trust_chain']);
  });

  it('a chain with a member in the middle that was revoked, an ended one, and one that live answers contradict', async () => {
    const middle = await federation.superior(`${origin}/middle-${count}`, [anchor.id]);
    const record = federation.enroll(anchor, middle);
    const one = await agent();
    federation.enroll(middle, one.entity);
    one.entity.hints = [middle.id];
    const chain = await federation.chain(one.entity, middle, anchor);
    record.state = 1;
    federation.instead.set(`${one.id}/.well-known/openid-federation`, () => ({ status: 404, type: '', body: '' }));
    expect(await both(one, chain), 'the middle is not stated any more').toEqual(['401 invalid_client', '401 invalid_client']);
    const narrowed = await agent();
    const wide = await narrowed.chain();
    narrowTo(narrowed.record, 'read');
    expect(await narrowed.token({ scope: 'write' }, {}, { trust_chain: wide }), 'what its superior states now').toMatchObject({
      status: 400,
      error: 'invalid_scope',
    });
    const ended = await agent();
    const past = Math.floor(Date.now() / 1000) - 10;
    ended.record.claims = { iat: past - 100, exp: past };
    expect(await both(ended, await ended.chain())).toEqual(['401 invalid_client', '400 invalid_trust_chain']);
  });

  it('100 000 elements in a policy, and a chain that is longer than any', async () => {
    const one = await agent();
    one.record.claims = { metadata_policy: { oauth_client: { scope: { subset_of: Array.from({ length: 100_000 }, (_, n) => `s${n}`) } } } };
    expect(await both(one)).toEqual(['401 invalid_client', '400 invalid_trust_chain']);
    const other = await agent();
    const [own = '', ...rest] = await other.chain();
    const long = [own, ...Array.from({ length: 20 }, () => rest[0] ?? ''), ...rest];
    operator.records.delete(other.id);
    expect(await both(other, long)).toEqual(['401 invalid_client', '400 invalid_trust_chain']);
  });

  it('a registry that answers what is no list is not believed, and that is not for ever: 503, then as before', async () => {
    const one = await agent();
    expect(await both(one)).toEqual(['200 undefined', '201 undefined']);
    const place = `${operator.id}/status-lists/0`;
    const old = await federation.list(operator, { iat: Math.floor(Date.now() / 1000) - 200 });
    for (const answer of [
      { status: 503, type: 'application/json', body: '{}' },
      { status: 404, type: 'application/json', body: '{}' },
      { status: 200, type: 'application/statuslist+jwt', body: 'garbage' },
      { status: 200, type: 'application/statuslist+jwt', body: old },
    ]) {
      federation.instead.set(place, () => answer);
      expect(await both(one), String(answer.body).slice(0, 20)).toEqual(['503 temporarily_unavailable', '503 temporarily_unavailable']);
    }
    federation.instead.delete(place);
    expect(await both(one)).toEqual(['200 undefined', '201 undefined']);
  });
});
