import { beforeAll, describe, expect, it } from 'vitest';
import { limits, narrowMetadata } from '../../src/federation/entry.js';
import type { GateVerdict } from '../../src/rp/registration/admit-registration.js';
import { registrationGate } from '../../src/rp/registration/gate.js';
import { strict } from '../../src/rp/modes.js';
import { verifyRegistration, type VerifyRegistrationOptions } from '../../src/rp/registration/verify-registration.js';
import { NOW } from '../support/chain.js';
import { type TestKey, testKey } from '../support/keys.js';

const [ANCHOR, BELOW, AGENT, OTHER, SERVER] = [
  'https://anchor.example.org',
  'https://below.example.org',
  'https://agent.example.com',
  'https://other.example.com',
  'https://as.example.net',
];
let keys: { readonly anchor: TestKey; readonly below: TestKey; readonly client: TestKey; readonly second: TestKey; readonly stranger: TestKey };
beforeAll(async () => {
  const [anchor, below, client, second, stranger] = await Promise.all([testKey(), testKey(), testKey(), testKey(), testKey()]);
  keys = { anchor, below, client, second, stranger } as typeof keys;
});

interface Parts {
  readonly statement?: object;
  readonly statementHeader?: object;
  readonly statementKey?: TestKey;
  readonly token?: object;
  readonly tokenHeader?: object;
  readonly tokenKey?: TestKey;
  readonly request?: object;
  readonly requestHeader?: object;
  readonly requestKey?: TestKey;
  readonly contentType?: string | undefined;
  readonly body?: (body: string) => string;
  readonly bearer?: string | undefined;
  /** The software statement as it is sent. */
  readonly sent?: (compact: string) => unknown;
}
const times = { iat: NOW, exp: NOW + 3600 };

async function parts(given: Parts = {}) {
  const { anchor, client, second } = keys;
  const statement = await (given.statementKey ?? anchor).jwt(
    {
      ...{ iss: ANCHOR, sub: AGENT, jti: 'sst_1', ...times, scope: 'read write', grant_types: ['client_credentials', 'authorization_code'] },
      ...{ redirect_uris: [`${AGENT}/cb`, `${AGENT}/other`], token_endpoint_auth_method: 'private_key_jwt', client_name: 'Agent' },
      ...{ jwks: { keys: [client.jwk, second.jwk] }, status: { status_list: { uri: `${ANCHOR}/status-lists/0`, idx: 1 } } },
      ...{ organization_id: 'org_1', organization_name: 'Agents AB', entitlement_version: 3 },
      ...given.statement,
    },
    { typ: 'software-statement+jwt', ...given.statementHeader },
  );
  const token = await (given.tokenKey ?? anchor).jwt(
    { iss: ANCHOR, sub: AGENT, aud: SERVER, jti: 'iat_1', ...times, cnf: { jkt: client.kid }, ...given.token },
    { typ: 'initial-access-token+jwt', ...given.tokenHeader },
  );
  const request = await (given.requestKey ?? client).jwt(
    { iss: AGENT, aud: SERVER, jti: 'req_1', iat: NOW, exp: NOW + 60, software_statement: given.sent ? given.sent(statement) : statement, ...given.request },
    { typ: 'registration-request+jwt', ...given.requestHeader },
  );
  return {
    statement,
    received: {
      contentType: 'contentType' in given ? given.contentType : 'application/jwt',
      body: given.body ? given.body(request) : request,
      initialAccessToken: 'bearer' in given ? given.bearer : token,
    },
  };
}

/** What was asked of the server itself, in order. */
async function verified(given: Parts = {}, more: Partial<VerifyRegistrationOptions> = {}) {
  const asked: string[] = [];
  const { statement, received } = await parts(given);
  const result = await verifyRegistration(received, {
    anchors: { [ANCHOR]: { keys: [keys.anchor.jwk] } },
    audience: SERVER,
    now: NOW,
    ...more,
    used: (kind, issuer, jti) => {
      asked.push(`used ${kind}`);
      return more.used?.(kind, issuer, jti) ?? false;
    },
    gate: (signed) => {
      asked.push('gate');
      return more.gate?.(signed) ?? { state: 'in_force' };
    },
    redeem: (signed) => {
      asked.push('redeem');
      return more.redeem?.(signed) ?? 'redeemed';
    },
  });
  return { result, asked, statement };
}
const errorOf = async (given?: Parts, more?: Partial<VerifyRegistrationOptions>) => {
  const { result, asked } = await verified(given, more);
  if (result.ok) return [200, 'admitted'];
  expect(result.description, 'RFC 6749 §5.2').toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/);
  expect(result.headers['www-authenticate'] !== undefined, result.error).toBe(result.status === 401);
  if (result.error !== 'temporarily_unavailable' && !asked.includes('gate')) expect(asked).not.toContain('redeem');
  return [result.status, result.error];
};

describe('registry §8.3: a registration that holds', () => {
  it('is what the statement says, narrowed by the request; nobody is told but the server', async () => {
    const { result, asked, statement } = await verified({ request: { scope: 'read', redirect_uris: [`${AGENT}/cb`], client_name: 'Bank', x: 1 } });
    expect(result).toEqual({
      ok: true,
      metadata: {
        ...{ scope: 'read', redirect_uris: [`${AGENT}/cb`], grant_types: ['client_credentials', 'authorization_code'], client_name: 'Agent' },
        ...{ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [keys.client.jwk, keys.second.jwk] } },
      },
      softwareStatement: statement,
      federation: {
        ...{ entity: AGENT, authority: ANCHOR, anchor: ANCHOR, softwareStatementJti: 'sst_1', initialAccessTokenJti: 'iat_1' },
        ...{ keyThumbprint: keys.client.kid, entitlementVersion: 3, organizationId: 'org_1', organizationName: 'Agents AB' },
      },
    });
    expect(asked, 'looked at, then asked, then used up').toEqual(['used initial_access_token', 'used registration_request', 'gate', 'redeem']);
  });

  it('may come from an intermediate whose chain to the pinned anchor goes with the statement, or with the token', async () => {
    const { anchor, below } = keys;
    const chain = [
      await below.jwt({ iss: BELOW, sub: BELOW, ...times, jwks: { keys: [below.jwk] }, authority_hints: [ANCHOR], metadata: { federation_entity: {} } }),
      await anchor.jwt({ iss: ANCHOR, sub: BELOW, ...times, jwks: { keys: [below.jwk] } }),
      await anchor.jwt({ iss: ANCHOR, sub: ANCHOR, ...times, jwks: { keys: [anchor.jwk] }, metadata: { federation_entity: {} } }),
    ];
    const of = { statement: { iss: BELOW }, statementKey: below, token: { iss: BELOW }, tokenKey: below };
    expect(await errorOf(of), 'nobody knows it').toEqual([401, 'invalid_token']);
    const header = { trust_chain: chain };
    const { result } = await verified({ ...of, statementHeader: header });
    expect(result.ok && result.federation).toMatchObject({ authority: BELOW, anchor: ANCHOR });
    expect(await errorOf({ ...of, tokenHeader: header }), 'the token’s own is for the token').toEqual([400, 'unapproved_software_statement']);
    const elsewhere = { ...of, statementHeader: header };
    expect(await errorOf(elsewhere, { anchors: { [OTHER]: { keys: [keys.stranger.jwk] } } }), 'chains that end elsewhere').toEqual([401, 'invalid_token']);
    expect(await errorOf(elsewhere, { now: NOW + 3600 })).toEqual([401, 'invalid_token']);
    expect(await errorOf({ ...elsewhere, statement: { iss: BELOW, sub: BELOW }, token: { iss: BELOW, sub: BELOW } }), 'about itself').toEqual([
      400,
      'unapproved_software_statement',
    ]);
    const gate = (superiors?: readonly string[]) =>
      registrationGate({
        federation: { gate: async () => ({ inForce: true, notBefore: undefined, findings: [], ...(superiors && { superiors }) }) },
        outbound: { get: () => Promise.reject(new Error('nobody is asked')) } as never,
        mode: strict,
        clock: { now: () => NOW, monotonic: () => 0 } as never,
      });
    for (const superiors of [[ANCHOR], [], undefined])
      expect(await errorOf(elsewhere, { gate: gate(superiors) }), 'of who is not below it').toEqual([400, 'unapproved_software_statement']);
    const taken = [chain[0], await anchor.jwt({ iss: ANCHOR, sub: BELOW, ...times, jwks: { keys: [keys.second.jwk] } }), chain[2]];
    expect(await errorOf({ ...of, statementHeader: { trust_chain: taken } }), 'a key that was taken away above').toEqual([401, 'invalid_token']);
    expect(await errorOf(elsewhere, { accepts: (authority) => authority !== BELOW })).toEqual([400, 'unapproved_software_statement']);
  });

  it('§6 an intermediate gives no client what its superiors do not allow: their policies and constraints hold for what it vouches for', async () => {
    const { anchor, below } = keys;
    const chainWith = async (claims: object) => [
      await below.jwt({ iss: BELOW, sub: BELOW, ...times, jwks: { keys: [below.jwk] }, authority_hints: [ANCHOR], metadata: { federation_entity: {} } }),
      await anchor.jwt({ iss: ANCHOR, sub: BELOW, ...times, jwks: { keys: [below.jwk] }, ...claims }),
    ];
    const of = async (claims: object, statement: object = {}): Promise<Parts> => ({
      ...{ statement: { iss: BELOW, ...statement }, statementKey: below, statementHeader: { trust_chain: await chainWith(claims) } },
      ...{ token: { iss: BELOW, status: { status_list: { uri: `${BELOW}/status-lists/0`, idx: 2 } } }, tokenKey: below },
    });
    const left = async (claims: object, statement: object = {}, request: object = {}) => {
      const { result } = await verified({ ...(await of(claims, statement)), request });
      return result.ok ? result.metadata : [result.status, result.error];
    };
    const client = (rules: object) => ({ metadata_policy: { oauth_client: rules } });
    const unapproved = [400, 'unapproved_software_statement'];
    expect(await left(client({ scope: { subset_of: ['read', 'list'] }, grant_types: { subset_of: ['client_credentials'] } }))).toMatchObject({
      ...{ scope: 'read', grant_types: ['client_credentials'], client_name: 'Agent' },
    });
    expect(await left(client({ scope: { subset_of: ['read'] } }), {}, { scope: 'write' }), 'asked for what is cut').toEqual([400, 'invalid_client_metadata']);
    expect(await left(client({ tos_uri: { value: `${ANCHOR}/tos` }, client_name: { value: null } }))).toMatchObject({ tos_uri: `${ANCHOR}/tos` });
    expect(await left(client({ client_name: { value: null } }))).not.toHaveProperty('client_name');
    expect(await left({ metadata_policy: { openid_relying_party: { scope: { subset_of: ['openid'] } } } }), 'of another type').toMatchObject({
      scope: 'read write',
    });
    for (const [what, claims, statement] of [
      ['nothing is left of the scope, which would be every scope', client({ scope: { subset_of: ['list'] } })],
      ['a parameter that is needed', client({ contacts: { essential: true } })],
      ['a value that is none of them', client({ token_endpoint_auth_method: { one_of: ['self_signed_tls_client_auth'] } })],
      ['more scope than was vouched for', client({ scope: { add: ['admin'] } })],
      ['more grants than were vouched for', client({ grant_types: { add: ['implicit'] } })],
      ['another address', client({ redirect_uris: { value: ['https://evil.example/cb'] } })],
      ['other keys', client({ jwks: { value: { keys: [keys.stranger.jwk] } } })],
      [
        'as an OpenID Relying Party',
        { metadata_policy: { openid_relying_party: { scope: { subset_of: ['openid'] }, contacts: { essential: true } } } },
        { scope: 'openid admin' },
      ],
      ['no entity of that type', { constraints: { allowed_entity_types: ['oauth_resource'] } }],
      ['a name outside of its space', { constraints: { naming_constraints: { permitted: ['.example.org'] } } }],
      ['too far below', { constraints: { max_path_length: 0 } }],
      ['a name that is excluded', { constraints: { naming_constraints: { excluded: ['agent.example.com'] } } }],
    ] as const)
      expect(await left(claims, statement ?? {}), what).toEqual(unapproved);
    expect(await left({ constraints: { naming_constraints: { permitted: ['.example.com', '.example.org'] }, max_path_length: 1 } })).toMatchObject({
      scope: 'read write',
    });
    for (const broken of [{ metadata_policy: 5 }, { ...client({ scope: { strange: 1 } }), metadata_policy_crit: ['strange'] }])
      expect(await left(broken), 'a chain that is none').toEqual([401, 'invalid_token']);

    // What came with the statement is of yesterday: the gate knows what the anchor states today.
    const live = async (claims: object) => {
      const jwts = [await keys.client.jwt({}), await below.jwt({ iss: BELOW, sub: AGENT }), ...(await chainWith(claims))];
      const statements = jwts.map((compact) => ({
        compact,
        claims: JSON.parse(atob((compact.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as object,
      }));
      statements.splice(2, 1);
      return registrationGate({
        federation: { gate: async () => ({ inForce: true, notBefore: undefined, findings: [], superiors: [BELOW, ANCHOR], chain: { statements } as never }) },
        outbound: { get: () => Promise.reject(new Error('nobody is asked')) } as never,
        mode: strict,
        clock: { now: () => NOW, milliseconds: () => 0 },
      });
    };
    const wide = await of(client({ scope: { subset_of: ['read', 'write'] } }));
    expect(await errorOf(wide, { gate: await live(client({ scope: { subset_of: ['read'] } })) })).toEqual(unapproved);
    expect(await errorOf(wide, { gate: await live(client({ contacts: { essential: true } })) })).toEqual(unapproved);
    const { result } = await verified(wide, { gate: await live(client({ scope: { subset_of: ['read', 'write', 'list'] } })) });
    expect(!result.ok && result.error, 'all that is left is to look the status up').toBe('temporarily_unavailable');
  });

  it('may come with a token that says nothing, where the authority is asked about it (RFC 7662)', async () => {
    const said = { active: true, iss: ANCHOR, sub: AGENT, aud: SERVER, exp: NOW + 60, jti: 'iat_2', cnf: { jkt: keys.client.kid } };
    const opaque = { bearer: 'hfi_x' };
    const { result } = await verified(opaque, { introspect: () => said });
    expect(result.ok && result.federation.initialAccessTokenJti).toBe('iat_2');
    for (const [answer, error] of [
      [{ active: false }, [401, 'invalid_token']],
      [{ ...said, active: 'true' }, [401, 'invalid_token']],
      [{ ...said, aud: OTHER }, [401, 'invalid_token']],
      [{ ...said, exp: NOW }, [401, 'invalid_token']],
      [{ ...said, cnf: null }, [401, 'invalid_token']],
      [{ ...said, sub: OTHER }, [401, 'invalid_token']],
      ['unavailable', [503, 'temporarily_unavailable']],
    ] as const)
      expect(await errorOf(opaque, { introspect: () => answer as never }), JSON.stringify(answer)).toEqual(error);
    expect(await errorOf(opaque)).toEqual([401, 'invalid_token']);
  });
});

describe('registry §8.3: each check in its order, with the error of the standard', () => {
  const flip = (at: number) => (jwt: string) => jwt.slice(0, at) + (jwt[at] === 'A' ? 'B' : 'A') + jwt.slice(at + 1);
  const unsigned = (payload: object, header: object = { alg: 'none', typ: 'registration-request+jwt', kid: 'k' }) =>
    `${btoa(JSON.stringify(header)).replace(/=+$/, '')}.${btoa(JSON.stringify(payload)).replace(/=+$/, '')}.`;

  it('a: what is no signed request', async () => {
    const bad = [400, 'invalid_request'];
    for (const contentType of ['application/json', undefined, 'text/plain', 'application/jose'])
      expect(await errorOf({ contentType }), contentType).toEqual(bad);
    expect(await errorOf({ contentType: 'Application/JWT; charset=utf-8' })).toEqual([200, 'admitted']);
    expect(await errorOf({ body: () => JSON.stringify({ redirect_uris: [] }) }), 'unsigned').toEqual(bad);
    expect(await errorOf({ body: () => unsigned({ iss: AGENT }) }), 'alg none').toEqual(bad);
    expect(await errorOf({ body: (jwt) => jwt.split('.').slice(0, 2).join('.') }), 'partly signed').toEqual(bad);
    expect(await errorOf({ body: (jwt) => `${jwt.slice(0, jwt.lastIndexOf('.'))}.` }), 'without its signature').not.toEqual([200, 'admitted']);
    expect(await errorOf({ requestHeader: { typ: 'JWT' } }), 'of another type').toEqual(bad);
    expect(await errorOf({ requestHeader: { typ: 'software-statement+jwt' } })).toEqual(bad);
    expect(await errorOf({ requestHeader: { jwk: {} } }), 'its own key in the header').toEqual(bad);
    const doubled = btoa('{"iss":"a","iss":"b"}').replace(/=+$/, '');
    expect(await errorOf({ body: (jwt) => [jwt.split('.')[0], doubled, 'AA'].join('.') }), 'duplicate members').toEqual(bad);
    expect(await errorOf({ request: { x: 'x'.repeat(limits.MAX_REGISTRATION_REQUEST_BYTES) } }), 'too large').toEqual(bad);
    expect(await errorOf({ request: { x: JSON.parse(`${'['.repeat(40)}${']'.repeat(40)}`) } }), 'too deep').toEqual(bad);
    expect(await errorOf({ contentType: 'text/plain', bearer: undefined }), 'the form comes before the token').toEqual(bad);
  });

  it('b: no token, another’s, an old one, one that was used', async () => {
    const bad = [401, 'invalid_token'];
    for (const given of [
      { bearer: undefined },
      { bearer: '' },
      { bearer: 'x' },
      { bearer: unsigned({ iss: ANCHOR, sub: AGENT, aud: SERVER }, { alg: 'none', typ: 'initial-access-token+jwt' }) },
      { tokenKey: keys.stranger },
      { tokenHeader: { typ: 'software-statement+jwt' } },
      { tokenHeader: { typ: 'entity-statement+jwt' } },
      { token: { iss: OTHER } },
      { token: { aud: OTHER } },
      { token: { aud: [SERVER, OTHER] } },
      { token: { exp: NOW } },
      { token: { iat: NOW + 120 } },
      { token: { cnf: undefined } },
      { token: { jti: undefined } },
    ])
      expect(await errorOf(given), JSON.stringify(given)).toEqual(bad);
    expect(await errorOf({ token: { aud: [SERVER] } })).toEqual([200, 'admitted']);
    expect(await errorOf({}, { used: (kind) => kind === 'initial_access_token' }), 'replayed').toEqual(bad);
    expect(await errorOf({ tokenKey: keys.stranger, statementKey: keys.stranger }), 'the token comes before the statement').toEqual(bad);
  });

  it('c and d: a statement that is tampered with, unsigned, expired, for another server, or of nobody', async () => {
    const invalid = [400, 'invalid_software_statement'];
    for (const given of [
      { sent: flip(200) },
      { sent: (jwt: string) => unsigned(JSON.parse(atob(jwt.split('.')[1] ?? '')), { alg: 'none', typ: 'software-statement+jwt', kid: keys.anchor.kid }) },
      { sent: () => undefined },
      { sent: () => ({}) },
      { statementKey: keys.stranger },
      { statementHeader: { typ: 'entity-statement+jwt' } },
      { statement: { exp: NOW } },
      { statement: { aud: OTHER } },
      { statement: { aud: [OTHER, `${SERVER}/`] } },
      { statement: { sub: undefined } },
      { statement: { jwks: undefined } },
      { statement: { jwks: { keys: [] } } },
      { statement: { scope: undefined } },
    ] as readonly Parts[])
      expect(await errorOf(given), JSON.stringify(given)).toEqual(invalid);
    expect(await errorOf({ statement: { aud: [OTHER, SERVER] } })).toEqual([200, 'admitted']);
    expect(await errorOf({ statement: { iss: OTHER } }), 'of another anchor').toEqual([400, 'unapproved_software_statement']);
    expect(await errorOf({}, { accepts: () => false })).toEqual([400, 'unapproved_software_statement']);
  });

  it('e: a token and a statement that do not belong together', async () => {
    const bad = [401, 'invalid_token'];
    expect(await errorOf({ token: { sub: OTHER } }), 'of member B with the token of A').toEqual(bad);
    expect(await errorOf({ token: { cnf: { jkt: keys.stranger.kid } } })).toEqual(bad);
    expect(await errorOf({ token: { software_statement_jti: 'sst_2' } })).toEqual(bad);
    expect(await errorOf({ token: { software_statement_jti: 'sst_1' } })).toEqual([200, 'admitted']);
  });

  it('f: a request by another key, changed on its way, for another server, old, or sent before', async () => {
    const bad = [400, 'invalid_client_metadata'];
    for (const given of [
      { requestKey: keys.stranger },
      { requestKey: keys.second },
      { requestKey: keys.anchor },
      { requestKey: keys.stranger, requestHeader: { kid: keys.client.kid } },
      { request: { aud: OTHER } },
      { request: { aud: [SERVER, OTHER] } },
      { request: { iss: OTHER } },
      { request: { sub: OTHER } },
      { request: { exp: NOW } },
      { request: { iat: NOW, exp: NOW + 301 } },
      { request: { iat: NOW + 61, exp: NOW + 120 } },
      { request: { jti: undefined } },
    ] as readonly Parts[])
      expect(await errorOf(given), JSON.stringify(given)).toEqual(bad);
    expect(await errorOf({ request: { exp: NOW + 300 } })).toEqual([200, 'admitted']);
    expect(await errorOf({}, { used: (kind) => kind === 'registration_request' }), 'replayed').toEqual(bad);
    const { received } = await parts();
    const codes = new Set<string>();
    for (let at = received.body.lastIndexOf('.') + 1; at < received.body.length - 1; at += 9) codes.add(String(await errorOf({ body: flip(at) })));
    expect([...codes], 'row 10: any byte of the signature').toEqual(['400,invalid_client_metadata']);
  });

  it('g: nothing that was cut, and nothing while nobody can be asked', async () => {
    const gate = (state: GateVerdict['state']) => ({ gate: () => ({ state }) });
    expect(await errorOf({}, gate('denied'))).toEqual([400, 'unapproved_software_statement']);
    const { result, asked } = await verified({}, gate('unavailable'));
    expect(result).toMatchObject({ ok: false, status: 503, error: 'temporarily_unavailable', headers: { 'retry-after': '5' } });
    expect(asked, 'fails closed, and uses nothing up').not.toContain('redeem');
    expect(await errorOf({ request: { scope: 'admin' } }, gate('denied')), 'before what is asked').toEqual([400, 'unapproved_software_statement']);
  });

  it('h: no more than what was vouched for', async () => {
    const bad = [400, 'invalid_client_metadata'];
    expect(await errorOf({ request: { redirect_uris: ['https://evil.example/cb'] } })).toEqual([400, 'invalid_redirect_uri']);
    expect(await errorOf({ request: { redirect_uris: [`${AGENT}/CB`] } }), 'compared as texts').toEqual([400, 'invalid_redirect_uri']);
    for (const request of [
      { scope: 'read admin' },
      { scope: '' },
      { scope: ['read'] },
      { grant_types: ['implicit'] },
      { response_types: ['token'] },
      { authorization_details_types: ['payment'] },
      { allowed_resources: ['https://x.example'] },
      { jwks_uri: 'https://evil.example/jwks' },
      { jwks: { keys: [keys.stranger.jwk] } },
      { jwks: { keys: [keys.client.jwk, keys.stranger.jwk] } },
      { jwks: { keys: [] } },
    ])
      expect(await errorOf({ request }), JSON.stringify(request)).toEqual(bad);
    expect(await errorOf({ statement: { scope: '' } }), 'R4: no scope would be every scope').toEqual(bad);
    expect(await errorOf({ statement: { token_endpoint_auth_method: 'client_secret_basic' } })).toEqual(bad);
    const { result } = await verified({
      statement: { client_secret: 's', client_id: 'c', jwks_uri: `${AGENT}/jwks` },
      request: {
        jwks: { keys: [{ ...keys.client.jwk, kid: 'evil' }] },
        require_pushed_authorization_requests: true,
        dpop_bound_access_tokens: 'yes',
        token_endpoint_auth_method: 'none',
      },
    });
    expect(result.ok && result.metadata).toMatchObject({
      jwks: { keys: [keys.client.jwk] },
      require_pushed_authorization_requests: true,
      token_endpoint_auth_method: 'private_key_jwt',
    });
    for (const name of ['client_secret', 'client_id', 'jwks_uri', 'dpop_bound_access_tokens']) expect(result.ok && name in result.metadata, name).toBe(false);
  });

  it('i: once; where nobody can be asked, not now', async () => {
    expect(await errorOf({}, { redeem: () => 'used' })).toEqual([401, 'invalid_token']);
    expect(await errorOf({}, { redeem: () => 'refused' })).toEqual([400, 'unapproved_software_statement']);
    expect(await errorOf({}, { redeem: () => 'unavailable' })).toEqual([503, 'temporarily_unavailable']);
    const seen = new Set<string>();
    const redeem: VerifyRegistrationOptions['redeem'] = ({ token }) => (seen.has(token.jti) ? 'used' : seen.add(token.jti) && 'redeemed');
    const results = await Promise.all(Array.from({ length: 20 }, () => verified({}, { redeem })));
    expect(results.filter(({ result }) => result.ok).length, 'R11').toBe(1);
    const hashes = new Set<string>();
    await verified({}, { redeem: ({ requestSha256 }) => hashes.add(requestSha256) && 'redeemed' });
    expect([...hashes][0]).toMatch(/^[\w-]{43}$/);
  });
});

it('registry §8.1: what nobody vouched for is not asked for, and what is left out means what RFC 7591 §2 says', () => {
  const vouched = { scope: 'a b', jwks: { keys: [] } };
  expect(narrowMetadata(vouched, { grant_types: ['authorization_code'], response_types: ['code'] })).toMatchObject({ ok: true });
  for (const asked of [{ grant_types: ['client_credentials'] }, { redirect_uris: [`${AGENT}/cb`] }, { grant_types: 'authorization_code' }, { scope: 'a  b' }])
    expect(narrowMetadata(vouched, asked), JSON.stringify(asked)).toMatchObject({ ok: false });
  expect(narrowMetadata(vouched, { scope: 'b b a' })).toMatchObject({ ok: true, value: { scope: 'b a' } });
  expect(narrowMetadata({ jwks: {} }, {})).toMatchObject({ ok: false, wider: { parameter: 'scope' } });
});
