import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { draftPolicy, publishPolicy } from '../../src/operations/policies/policies.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

const POLICIES = '/authorities/main/policies';
const RP = 'https://rp.example.com';
const POLICY = {
  metadata_policy: { openid_relying_party: { grant_types: { subset_of: ['authorization_code'] } } },
  constraints: { max_path_length: 1 },
  note: 'first',
};

describe('policies and constraints of an authority', () => {
  it('drafted, published as a visible job, in every statement afterwards; rolled back by publishing the old version', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
    const claims = async () => decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).text);
    const draft = await d.admin('POST', POLICIES, POLICY);
    expect(draft).toMatchObject({ status: 201, json: { version: 1, state: 'draft', note: 'first', created_by: expect.stringMatching(/^api_/) } });
    expect(await claims()).not.toHaveProperty('metadata_policy');
    const done = await d.admin('POST', `${POLICIES}/1/publish`);
    expect(done.json).toMatchObject({ policy: { state: 'published', published_at: NOW }, job: expect.stringMatching(/^job_/) });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await claims()).toMatchObject({ metadata_policy: POLICY.metadata_policy, constraints: POLICY.constraints });
    expect((await d.admin('GET', `/authorities/main/jobs/${done.json.job}`)).json).toMatchObject({ state: 'done', done: 2, total: 2 });
    expect((await d.admin('POST', `${POLICIES}/1/publish`)).json.job, 'already published').toBeNull();
    await d.admin('POST', POLICIES, { metadata_policy: { openid_relying_party: { scope: { default: 'openid' } } } });
    await d.admin('POST', `${POLICIES}/2/publish`);
    expect((await d.admin('GET', POLICIES)).json.items.map((one: { state: string }) => one.state)).toEqual(['published', 'superseded']);
    await d.admin('POST', `${POLICIES}/1/publish`);
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await claims()).toMatchObject({ metadata_policy: POLICY.metadata_policy });
    const late = await testMember('https://late.example');
    await d.admin('POST', '/authorities/main/members', { entity_id: late.id, jwks: late.jwks, activate: true });
    expect(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(late.id)}`)).text)['metadata_policy']).toEqual(POLICY.metadata_policy);
  });

  it.each([
    ['a contradiction', { metadata_policy: { t: { p: { one_of: ['a'], add: ['a'] } } } }, 'policy_combination'],
    ['an empty parameter', { metadata_policy: { t: { p: {} } } }, 'policy_malformed'],
    ['a wrong type', { metadata_policy: { t: { p: { add: 'a' } } } }, 'policy_operator_type'],
    ['a standard operator as critical', { metadata_policy: { t: { p: { add: ['a'] } } }, metadata_policy_crit: ['add'] }, 'policy_crit_invalid'],
    ['a malformed constraint', { constraints: { max_path_length: -1 } }, 'constraint_malformed'],
    ['federation_entity among allowed types', { constraints: { allowed_entity_types: ['federation_entity'] } }, 'constraint_malformed'],
  ])('%s is refused when written, with the reason', async (_title, body, code) => {
    const d = await testDeployment();
    const refused = await d.admin('POST', POLICIES, body);
    expect([refused.status, refused.json.findings[0].code]).toEqual([422, code]);
    expect((await d.admin('POST', `${POLICIES}/check`, body)).json).toMatchObject({ ok: false, findings: [{ code }] });
    expect((await d.admin('GET', POLICIES)).json.items).toEqual([]);
  });

  it('a policy that contradicts its superior’s is refused with the reason', async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'below', entityId: 'https://below.example.org', authorityHints: [ANCHOR] });
    const jwks = { keys: (await d.admin('GET', '/authorities/below/keys')).json.items.map((key: { jwk: object }) => key.jwk) };
    await publishPolicy(
      d.call,
      'main',
      (await draftPolicy(d.call, 'main', { metadataPolicy: { openid_relying_party: { subject_type: { value: 'pairwise' } } } })).version,
    );
    await d.admin('POST', '/authorities/main/members', { entity_id: 'https://below.example.org', jwks, activate: true });
    const refused = await d.admin('POST', '/authorities/below/policies', { metadata_policy: { openid_relying_party: { subject_type: { value: 'public' } } } });
    expect(refused.json.findings[0]).toMatchObject({ code: 'policy_merge', where: expect.stringContaining(ANCHOR) });
    expect(
      (await d.admin('POST', '/authorities/below/policies', { metadata_policy: { openid_relying_party: { subject_type: { value: 'pairwise' } } } })).status,
    ).toBe(201);
  });

  it('a superior that cannot be read is a warning: a policy can be prepared, and tightened, while it is away', async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'below', entityId: 'https://below.example.org', authorityHints: ['https://away.example'] });
    const body = { metadata_policy: { openid_relying_party: { subject_type: { value: 'pairwise' } } } };
    const warned = [{ code: 'fetch_failed', severity: 'warning', detail: expect.stringContaining('not compared') }];
    expect((await d.admin('POST', '/authorities/below/policies/check', body)).json).toMatchObject({ ok: true, findings: warned });
    expect(await d.admin('POST', '/authorities/below/policies', body)).toMatchObject({ status: 201, json: { version: 1, findings: warned } });
    expect(await d.admin('POST', '/authorities/below/policies/1/publish')).toMatchObject({ status: 200, json: { findings: warned } });
    const broken = await d.admin('POST', '/authorities/below/policies', { metadata_policy: { t: { p: { one_of: ['a'], add: ['a'] } } } });
    expect([broken.status, broken.json.findings[0]]).toMatchObject([422, { code: 'policy_combination', severity: 'error' }]);
  });

  it.each([
    ['a number as default', { openid_relying_party: { default_max_age: { default: 3600 } } }, 'openid_relying_party/default_max_age/default'],
    ['a number as value', { openid_relying_party: { default_max_age: { value: 0 } } }, 'openid_relying_party/default_max_age/value'],
    ['null as value', { openid_relying_party: { policy_uri: { value: null } } }, 'openid_relying_party/policy_uri/value'],
    ['scope in add', { openid_relying_party: { scope: { add: ['openid'] } } }, 'openid_relying_party/scope/add'],
    ['scope in subset_of', { openid_relying_party: { scope: { subset_of: ['openid', 'email'] } } }, 'openid_relying_party/scope/subset_of'],
    ['scope in superset_of', { openid_relying_party: { scope: { superset_of: ['openid'] } } }, 'openid_relying_party/scope/superset_of'],
    ['a type no member declares', { openid_provider: { contacts: { essential: true } } }, 'openid_provider'],
  ])('a legal policy that deployed clients break on is told, never refused: %s', async (_title, policy, where) => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
    const told = [{ code: 'policy_interop', severity: 'warning', where: `metadata_policy/${where}`, detail: expect.stringContaining('deployed clients') }];
    const body = { metadata_policy: policy };
    expect((await d.admin('POST', `${POLICIES}/check`, body)).json).toMatchObject({ ok: true, findings: told });
    expect(await d.admin('POST', POLICIES, body)).toMatchObject({ status: 201, json: { findings: told } });
    expect(await d.admin('POST', `${POLICIES}/1/publish`)).toMatchObject({ status: 200, json: { policy: { state: 'published' }, findings: told } });
  });

  it('no notice where there is nothing to tell', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
    const plain = {
      openid_relying_party: { grant_types: { subset_of: ['authorization_code'] }, scope: { default: 'openid' }, x: { value: true, essential: true } },
    };
    expect((await d.admin('POST', `${POLICIES}/check`, { metadata_policy: plain })).json).toEqual({ ok: true, findings: [] });
    const away = { metadata_policy: plain, constraints: { allowed_entity_types: ['openid_provider'] } };
    expect((await d.admin('POST', `${POLICIES}/check`, away)).json.findings).toMatchObject([{ detail: expect.stringContaining('allowed_entity_types') }]);
  });

  it('a policy without its wrapping is refused with the wrapping it needs', async () => {
    const d = await testDeployment();
    for (const path of [POLICIES, `${POLICIES}/check`, `${POLICIES}/preview`])
      expect((await d.admin('POST', path, { openid_provider: { contacts: { essential: true } } })).json.detail, path).toContain(
        '{"metadata_policy":{"openid_provider":',
      );
  });

  it('previewed against one member, from its live metadata or from what is sent along', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', {
      entity_id: RP,
      jwks: rp.jwks,
      activate: true,
      metadata: { openid_relying_party: { client_name: 'ours' } },
    });
    const preview = await d.admin('POST', `${POLICIES}/preview`, {
      ...POLICY,
      member: RP,
      metadata: { openid_relying_party: { grant_types: ['authorization_code', 'implicit'] } },
    });
    expect(preview.json).toMatchObject({ after: { openid_relying_party: { grant_types: ['authorization_code'], client_name: 'ours' } }, findings: [] });
    const broken = await d.admin('POST', `${POLICIES}/preview`, {
      metadata_policy: { openid_relying_party: { policy_uri: { essential: true } } },
      constraints: { naming_constraints: { excluded: ['rp.example.com'] } },
      member: RP,
      metadata: { openid_relying_party: {} },
    });
    expect(broken.json).toMatchObject({ after: null, findings: [{ code: 'name_excluded' }, { code: 'policy_violation' }] });
    expect((await d.admin('POST', `${POLICIES}/preview`, { ...POLICY, member: RP })).json.findings[0].code).toBe('fetch_failed');
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration());
    expect((await d.admin('POST', `${POLICIES}/preview`, { ...POLICY, member: RP })).json.after.openid_relying_party.redirect_uris).toEqual([`${RP}/cb`]);
  });

  it('a longer statement lifetime reaches every statement as a job, the configuration at once', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
    await d.admin('PATCH', '/authorities/main', {
      statement_lifetime: 7200,
      configuration_lifetime: 3600,
      metadata: { federation_entity: { organization_name: 'Ours' } },
      v: 1,
    });
    expect(decodeJwt((await d.public('/.well-known/openid-federation')).text)).toMatchObject({
      exp: NOW + 3600,
      metadata: { federation_entity: { organization_name: 'Ours', federation_fetch_endpoint: `${ANCHOR}/fetch` } },
    });
    await backgroundTurn(d.deployment, { more: () => true });
    expect(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).text).exp).toBe(NOW + 7200);
    expect((await d.admin('PATCH', '/authorities/main', { v: 1 })).json.code).toBe('version_conflict');
    for (const body of [
      { statement_lifetime: 59 },
      { authority_hints: ['not an id'] },
      { claims: { iss: 'x' } },
      { metadata: { t: { p: null } } },
      { claims: { trust_mark_issuers: { 'TM-03 no url': [] } } },
    ])
      expect((await d.admin('PATCH', '/authorities/main', body)).status).toBe(422);
    for (const metadata of [{ federation_entity: { jwks: { keys: [] } } }, { openid_provider: { issuer: 'https://else.example' } }])
      expect((await d.admin('PATCH', '/authorities/main', { metadata })).json.findings[0].code, 'MD-10 MD-12').toBe('metadata_invalid');
  });

  it('authorities: malformed ones are refused, two never share a URL', async () => {
    const d = await testDeployment();
    const make = async (slug: string, entity_id: string) => (await d.admin('POST', '/authorities', { slug, entity_id })).status;
    expect(await make('Bad Slug', 'https://x.example')).toBe(400);
    expect(await make('ok', 'https://x.example/?q=1')).toBe(422);
    expect(await make('ok', 'http://localhost:1/')).toBe(422);
    expect(await make('ok', 'https://x.example/fetch')).toBe(400);
    expect(await make('ok', 'https://x.example/admin/y')).toBe(400);
    expect(await make('main', 'https://x.example')).toBe(409);
    expect(await make('ok', `${ANCHOR}/`)).toBe(409);
    expect(await make('ok', 'https://x.example')).toBe(201);
    expect((await d.admin('GET', '/authorities')).json.items.map((one: { slug: string }) => one.slug)).toEqual(['main', 'ok']);
  });
});
