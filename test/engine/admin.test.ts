import { indexMembers } from '../../src/operations/members/index-members.js';
import { describe, expect, it } from 'vitest';
import { createAdminApp } from '../../src/admin/app.js';
import { ROLES } from '../../src/store/schema.js';
import { StoreBusy, StoreFull } from '../../src/store/database.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const MEMBERS = '/authorities/main/members';
interface Operation {
  readonly method: string;
  readonly path: string;
}
async function operations(d: TestDeployment): Promise<Operation[]> {
  const { json } = await d.admin('GET', '/openapi.json');
  return Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.replace('/admin/v1', '') })),
  );
}

/** Who may do what: every operation of the contract has a row here, a new one without a row fails. */
const ALL = 'owner operator approver responder auditor';
const CUT = 'owner operator responder';
const MATRIX: Record<string, string> = {
  'GET /authorities': ALL,
  'POST /authorities': 'owner',
  'GET /authorities/{slug}': ALL,
  'PATCH /authorities/{slug}': 'owner',
  'GET /authorities/{slug}/check': ALL,
  'GET /authorities/{slug}/reach': ALL,
  'POST /authorities/{slug}/halt': CUT,
  'POST /authorities/{slug}/resume': 'owner approver',
  'POST /authorities/{slug}/retire': 'owner',
  'GET /authorities/{slug}/agent-authorities': ALL,
  'POST /authorities/{slug}/agent-authorities': 'owner',
  'GET /authorities/{slug}/agent-limits': ALL,
  'PATCH /authorities/{slug}/agent-limits': 'owner',
  'GET /authorities/{slug}/barred': ALL,
  'GET /authorities/{slug}/receipts/{seq}': ALL,
  'GET /receipts/{seq}': ALL,
  'GET /halts/reach': ALL,
  'POST /halts': CUT,
  'GET /authorities/{slug}/keys': ALL,
  'POST /authorities/{slug}/keys': 'owner operator',
  'POST /authorities/{slug}/keys/{kid}/stage': 'owner operator',
  'POST /authorities/{slug}/keys/{kid}/activate': 'owner operator',
  'POST /authorities/{slug}/keys/{kid}/retire': 'owner operator',
  'POST /authorities/{slug}/keys/{kid}/revoke': 'owner operator',
  'GET /authorities/{slug}/members': ALL,
  'POST /authorities/{slug}/members': 'owner operator',
  'POST /authorities/{slug}/preflight': 'owner operator approver',
  'GET /authorities/{slug}/members/{id}': ALL,
  'PATCH /authorities/{slug}/members/{id}': 'owner operator',
  'POST /authorities/{slug}/members/{id}/take': 'owner operator',
  'POST /authorities/{slug}/members/{id}/approve': 'owner approver',
  'POST /authorities/{slug}/members/{id}/activate': 'owner approver',
  'POST /authorities/{slug}/members/{id}/refuse': 'owner operator',
  'POST /authorities/{slug}/members/{id}/withdraw': 'owner operator',
  'POST /authorities/{slug}/members/{id}/suspend': CUT,
  'POST /authorities/{slug}/members/{id}/resume': 'owner approver',
  'POST /authorities/{slug}/members/{id}/revoke': CUT,
  'POST /authorities/{slug}/members/{id}/archive': 'owner operator',
  'PUT /authorities/{slug}/members/{id}/keys': 'owner approver',
  'POST /authorities/{slug}/members/{id}/keys/adopt': 'owner operator',
  'PUT /authorities/{slug}/members/{id}/configuration': 'owner operator',
  'DELETE /authorities/{slug}/members/{id}/configuration': 'owner operator',
  'GET /authorities/{slug}/members/{id}/statement': ALL,
  'GET /authorities/{slug}/members/{id}/client-metadata-document': ALL,
  'GET /authorities/{slug}/members/{id}/history': ALL,
  'GET /authorities/{slug}/software-statements': ALL,
  'GET /authorities/{slug}/software-statements/{jti}': ALL,
  'POST /authorities/{slug}/members/{id}/software-statements': 'owner operator',
  'POST /authorities/{slug}/software-statements/{jti}/revoke': CUT,
  'GET /authorities/{slug}/initial-access-tokens': ALL,
  'POST /authorities/{slug}/members/{id}/initial-access-tokens': 'owner operator',
  'POST /authorities/{slug}/initial-access-tokens/{jti}/revoke': CUT,
  'GET /authorities/{slug}/registrations': ALL,
  'GET /authorities/{slug}/join-links': ALL,
  'POST /authorities/{slug}/join-links': 'owner operator',
  'POST /authorities/{slug}/join-links/{link}/end': CUT,
  'GET /authorities/{slug}/applications': ALL,
  'GET /authorities/{slug}/applications/{application}': ALL,
  'POST /authorities/{slug}/applications/{application}/take': 'owner operator',
  'POST /authorities/{slug}/applications/{application}/ask': 'owner operator',
  'POST /authorities/{slug}/applications/{application}/refuse': 'owner operator',
  'POST /authorities/{slug}/applications/{application}/erase': 'owner',
  'GET /authorities/{slug}/organizations': ALL,
  'POST /authorities/{slug}/organizations': 'owner operator',
  'GET /authorities/{slug}/organizations/{organization}': ALL,
  'PATCH /authorities/{slug}/organizations/{organization}': 'owner operator',
  'GET /authorities/{slug}/organizations/{organization}/reach': ALL,
  'POST /authorities/{slug}/organizations/{organization}/halt': CUT,
  'POST /authorities/{slug}/organizations/{organization}/resume': 'owner approver',
  'POST /authorities/{slug}/imports': 'owner operator',
  'POST /authorities/{slug}/imports/{job}/lines': 'owner operator',
  'POST /authorities/{slug}/imports/{job}/finish': 'owner operator',
  'POST /authorities/{slug}/jobs/{job}/cancel': 'owner operator',
  'GET /authorities/{slug}/export': ALL,
  'GET /authorities/{slug}/members/{id}/entitlements': ALL,
  'PUT /authorities/{slug}/members/{id}/entitlements': 'owner operator approver responder',
  'PATCH /authorities/{slug}/members/{id}/entitlements': 'owner operator approver responder',
  'GET /authorities/{slug}/issuers': ALL,
  'POST /authorities/{slug}/issuers': 'owner operator approver responder',
  'GET /authorities/{slug}/issuers/{issuer}': ALL,
  'PATCH /authorities/{slug}/issuers/{issuer}': 'owner operator approver responder',
  'POST /authorities/{slug}/issuers/{issuer}/end': 'owner operator approver responder',
  'GET /authorities/{slug}/bundles': ALL,
  'POST /authorities/{slug}/bundles': 'owner operator approver',
  'GET /authorities/{slug}/bundles/{name}': ALL,
  'PATCH /authorities/{slug}/bundles/{name}': 'owner operator approver responder',
  'POST /authorities/{slug}/bundles/{name}/end': 'owner operator approver responder',
  'POST /authorities/{slug}/bundles/{name}/impact': 'owner operator approver',
  'GET /authorities/{slug}/bundles/{name}/impact': ALL,
  'GET /authorities/{slug}/policies': ALL,
  'POST /authorities/{slug}/policies': 'owner operator approver',
  'POST /authorities/{slug}/policies/check': ALL,
  'POST /authorities/{slug}/policies/preview': ALL,
  'GET /authorities/{slug}/policies/{version}': ALL,
  'POST /authorities/{slug}/policies/{version}/publish': 'owner approver',
  'GET /authorities/{slug}/mark-types': ALL,
  'GET /authorities/{slug}/recognized-mark-types': ALL,
  'POST /authorities/{slug}/mark-types': 'owner',
  'PATCH /authorities/{slug}/mark-types/{type}': 'owner',
  'POST /authorities/{slug}/mark-types/{type}/halt': CUT,
  'POST /authorities/{slug}/mark-types/{type}/resume': 'owner approver',
  'PUT /authorities/{slug}/mark-types/{type}/recognition': 'owner',
  'DELETE /authorities/{slug}/mark-types/{type}/recognition': 'owner',
  'GET /authorities/{slug}/mark-types/{type}/delegations': ALL,
  'POST /authorities/{slug}/mark-types/{type}/delegations': 'owner',
  'GET /authorities/{slug}/marks': ALL,
  'POST /authorities/{slug}/marks': 'owner approver',
  'GET /authorities/{slug}/marks/current': ALL,
  'POST /authorities/{slug}/marks/{id}/withdraw': CUT,
  'GET /authorities/{slug}/marks/{id}/issued': ALL,
  'POST /authorities/{slug}/issued-marks/{jti}/withdraw': CUT,
  'GET /authorities/{slug}/own-marks': ALL,
  'POST /authorities/{slug}/own-marks': 'owner',
  'POST /authorities/{slug}/own-marks/hide': 'owner',
  'POST /authorities/{slug}/policies/rollback': 'owner approver',
  'POST /authorities/{slug}/policies/{version}/impact': 'owner operator approver',
  'GET /authorities/{slug}/policies/{version}/impact': ALL,
  'POST /authorities/{slug}/policies/{version}/report': 'owner operator approver',
  'POST /authorities/{slug}/policies/{version}/end-report': 'owner operator approver',
  'GET /authorities/{slug}/watch': ALL,
  'GET /authorities/{slug}/members/{id}/watch': ALL,
  'POST /authorities/{slug}/members/{id}/hold/accept': 'owner approver',
  'POST /authorities/{slug}/members/{id}/hold/dismiss': 'owner operator',
  'GET /authorities/{slug}/anchors': ALL,
  'POST /authorities/{slug}/anchors': 'owner',
  'POST /authorities/{slug}/anchors/{entity}/check': 'owner operator approver',
  'POST /authorities/{slug}/anchors/{entity}/unpin': CUT,
  'GET /authorities/{slug}/entities': ALL,
  'GET /authorities/{slug}/entities/{entity}': ALL,
  'POST /authorities/{slug}/entities/{entity}/evaluate': 'owner operator',
  'POST /authorities/{slug}/explain': 'owner operator approver',
  'GET /authorities/{slug}/graph': ALL,
  'GET /authorities/{slug}/listings': ALL,
  'GET /authorities/{slug}/status-lists': ALL,
  'POST /authorities/{slug}/crawls': 'owner operator',
  'GET /authorities/{slug}/events': ALL,
  'GET /authorities/{slug}/jobs': ALL,
  'GET /authorities/{slug}/jobs/{job}': ALL,
  'GET /authorities/{slug}/jobs/{job}/refusals': ALL,
  'GET /authorities/{slug}/audit/export': ALL,
  'GET /authorities/{slug}/members/{id}/answered-at': ALL,
  'GET /audit/export': 'owner',
  'GET /authorities/{slug}/checkpoints': ALL,
  'GET /authorities/{slug}/audit-keys': ALL,
  'POST /authorities/{slug}/audit-keys/rotate': 'owner operator',
  'POST /authorities/{slug}/events/{seq}/erase': 'owner',
  'POST /events/{seq}/erase': 'owner',
  'GET /events': 'owner',
  'GET /clock': ALL,
  'POST /clock/confirm': 'owner',
  'POST /members/reindex': 'owner',
  'GET /restore': ALL,
  'POST /restore/confirm': 'owner',
  'GET /whoami': ALL,
  'GET /api-keys': 'owner',
  'POST /api-keys': 'owner',
  'POST /api-keys/{id}/revoke': 'owner',
  'GET /people': 'owner',
  'POST /people': 'owner',
  'GET /people/{id}': 'owner',
  'POST /people/{id}/end': 'owner',
  'POST /people/{id}/roles': 'owner',
  // Whose roles and whose decisions they are says who may: of what nobody knows 404.
  'POST /people/{id}/roles/{grant}/end': ALL,
  'PUT /authorities/{slug}/quorum': 'owner',
  'PUT /authorities/{slug}/binding': 'owner',
  'POST /authorities/{slug}/members/{id}/keys/challenges': 'owner operator',
  'POST /authorities/{slug}/members/{id}/keys/proofs': 'owner operator',
  'POST /authorities/{slug}/members/{id}/keys/{key}/confirm': 'owner operator',
  'PUT /authorities/{slug}/admission': 'owner',
  'PUT /authorities/{slug}/members/{id}/sponsor': 'owner operator',
  'POST /authorities/{slug}/members/{id}/reattest': 'owner operator',
  'GET /authorities/{slug}/accreditations': ALL,
  'POST /authorities/{slug}/accreditations': 'owner operator',
  'GET /authorities/{slug}/accreditations/{accreditation}': ALL,
  'POST /authorities/{slug}/accreditations/{accreditation}/verify': 'owner approver',
  'POST /authorities/{slug}/accreditations/{accreditation}/withdraw': CUT,
  'POST /authorities/{slug}/accreditations/{accreditation}/renew': 'owner operator',
  'GET /authorities/{slug}/evidence': 'owner operator approver auditor',
  'POST /authorities/{slug}/evidence': 'owner operator',
  'POST /authorities/{slug}/evidence/uploads': 'owner operator',
  'GET /authorities/{slug}/evidence/{evidence}/content': 'owner operator approver auditor',
  'POST /authorities/{slug}/evidence/{evidence}/review': 'owner operator approver',
  'GET /approvals': ALL,
  'GET /approvals/{id}': ALL,
  'POST /approvals/{id}': ALL,
};
const OF_ANY_AUTHORITY = [
  'GET /halts/reach',
  'POST /halts',
  'GET /authorities',
  'GET /whoami',
  'GET /approvals',
  'GET /approvals/{id}',
  'POST /approvals/{id}',
  'POST /people/{id}/roles/{grant}/end',
];

/** Bodies good enough to get past the border, so that what answers is the permission. */
function bodyFor({ method, path }: Operation): unknown {
  if (method === 'GET' || path.endsWith('/lines') || path.endsWith('/uploads')) return undefined;
  if (path.endsWith('/admission')) return { rules: {} };
  if (path.endsWith('{id}/initial-access-tokens')) return { audience: 'x', kid: 'x' };
  if (path.endsWith('/sponsor')) return { sponsor: null };
  if (path.endsWith('/reattest')) return { until: 1 };
  if (path.endsWith('/accreditations')) return { kind: 'x', issuer: 'x' };
  if (path.endsWith('/evidence')) return { accreditation: 'x', uri: 'x', sha256: 'x' };
  if (path === '/authorities') return { slug: 'x', entity_id: 'https://x.example' };
  if (path === '/halts') return { level: 'member', authority: 'main', member: 'nobody', reason: 'x' };
  if (path === '/clock/confirm') return { reason: 'x' };
  if (path === '/api-keys') return { name: 'x', role: 'auditor' };
  if (path === '/people') return { name: 'x' };
  if (path === '/people/{id}/end') return { reason: 'x' };
  if (path === '/people/{id}/roles') return { role: 'auditor' };
  if (path.endsWith('/quorum')) return { quorum: 1 };
  if (path === '/approvals/{id}') return { verdict: 'refuse', digest: 'x' };
  if (path.endsWith('/ask')) return { text: 'x' };
  if (path.endsWith('{application}/refuse')) return { reason_code: 'unspecified', reason: 'x', redress: 'x' };
  if (path.endsWith('/members')) return { entity_id: 'https://x.example' };
  if (path.endsWith('/entitlements')) return method === 'PUT' ? { entitlements: null } : { add: {} };
  if (path.endsWith('/issuers')) return { member: 'x', kind: 'id_jag', namespaces: [] };
  if (path.endsWith('{issuer}')) return { namespaces: [] };
  if (path.endsWith('{issuer}/end')) return { reason: 'x' };
  if (path.endsWith('/bundles')) return { name: 'nobody', entitlements: [] };
  if (path.endsWith('{name}/end')) return { reason: 'x' };
  if (path.endsWith('{name}/impact')) return { entitlements: [] };
  if (path.endsWith('/preflight')) return { entity_id: 'https://x.example' };
  if (path.endsWith('/preview')) return { member: 'x' };
  if (path.endsWith('/keys/proofs')) return { challenge_id: 'x', proofs: ['x'] };
  if (path.endsWith('{key}/confirm')) return { channel: 'x', with: 'x' };
  if (path.endsWith('{id}/keys')) return { jwks: {}, reason: 'x' };
  if (/\{kid\}\/revoke$/.test(path)) return { reason: 'superseded' };
  if (/\/(suspend|revoke|refuse)$/.test(path) && path.includes('members')) return { reason: 'x' };
  if (path.endsWith('/mark-types')) return { trust_mark_type: 'https://x.example/m' };
  if (path.endsWith('/marks')) return { trust_mark_type: 'https://x.example/m', member: 'x' };
  if (path.endsWith('/configuration')) return method === 'PUT' ? { entity_configuration: 'x' } : undefined;
  if (path.includes('/hold/') || path.endsWith('/erase') || path.endsWith('/audit-keys/rotate')) return { reason: 'x' };
  if (path.endsWith('/halt') || path.endsWith('/withdraw')) return path.includes('members') ? {} : { reason: 'x' };
  if (/\{(slug|organization)\}\/(resume|retire)$/.test(path)) return { reason: 'x' };
  if (/\/organizations(\/\{organization\})?$/.test(path)) return { legal_name: 'x' };
  if (path.endsWith('/delegations')) return { issuer: 'https://x.example' };
  if (path.endsWith('/anchors') || path.endsWith('/explain')) return { entity_id: 'https://x.example' };
  if (path.endsWith('/agent-authorities')) return { member: 'x', slug: 'x' };
  if (path.endsWith('/own-marks')) return { trust_mark: 'x' };
  if (path.endsWith('/hide')) return { trust_mark_type: 'https://x.example/m' };
  return {};
}

describe('authorisation', () => {
  it('every operation × every role × own and other authority answers as the table says', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
    const all = await operations(d);
    expect(all.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(MATRIX).sort());
    const fill = (path: string, slug: string) =>
      path
        .replace('{slug}', slug)
        .replace('{version}', '1')
        .replace('/evidence/uploads', '/evidence/uploads?accreditation=nobody')
        .replace('/marks/current', '/marks/current?trust_mark_type=https://x.example&sub=https://x.example')
        .replace(/\{\w+\}/g, 'nobody');
    for (const role of ROLES) {
      const global = await d.tokenFor(role);
      const scoped = await d.tokenFor(role, ['main']);
      for (const operation of all) {
        const name = `${operation.method} ${operation.path}`;
        const allowed = MATRIX[name]?.split(' ').includes(role);
        const ask = (token: string, slug: string) =>
          d.admin(operation.method, fill(operation.path, slug), bodyFor(operation), {
            token,
            headers: operation.path.endsWith('/lines')
              ? { 'content-type': 'application/x-ndjson' }
              : operation.path.endsWith('/uploads')
                ? { 'content-type': 'application/octet-stream' }
                : {},
          });
        const own = await ask(global, 'main');
        expect([role, name, own.status === 403], own.text).toEqual([role, name, !allowed]);
        expect(own.status, name).toBeLessThan(500);
        // Enrolments wait until it is done.
        if (name === 'POST /members/reindex') await indexMembers(d.deployment);
        if (operation.path.includes('{slug}')) expect([role, name, (await ask(scoped, 'other')).status]).toEqual([role, name, 403]);
        else if (!OF_ANY_AUTHORITY.includes(name)) expect([role, name, (await ask(scoped, 'main')).status]).toEqual([role, name, 403]);
      }
    }
  });

  it('an auditor makes the service ask nobody, and writes nothing', async () => {
    const d = await testDeployment();
    const anchor = await testMember('https://ta.example.net');
    const A = '/authorities/main';
    await d.admin('POST', `${A}/anchors`, { entity_id: anchor.id, jwks: anchor.jwks });
    const token = await d.tokenFor('auditor');
    const before = await d.rows('SELECT * FROM anchor_pin');
    for (const [path, body] of [
      [`${A}/anchors/${encodeURIComponent(anchor.id)}/check`, undefined],
      [`${A}/explain`, { entity_id: 'https://internal.example' }],
      [`${A}/preflight`, { entity_id: 'https://internal.example' }],
      [`${A}/preflight`, { entity_id: 'https://internal.example', entity_configuration: 'x' }],
    ] as const)
      expect([path, (await d.admin('POST', path, body, { token })).json.code]).toEqual([path, 'permission_denied']);
    expect(d.asked).toEqual([]);
    expect(await d.rows('SELECT * FROM anchor_pin')).toEqual(before);
  });

  it('a key for one authority does not learn which others there are: not by member_of, not by whose identifier it is', async () => {
    const d = await testDeployment();
    await d.admin('POST', '/authorities', { slug: 'secret', entity_id: 'https://secret.example' });
    const rp = await testMember('https://x.example');
    await d.admin('POST', '/authorities/secret/members', { entity_id: rp.id, jwks: rp.jwks, activate: true });
    const token = await d.tokenFor('owner', ['main']);
    await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: 'https://x.example/m' });
    const answers = [];
    for (const member_of of ['secret', 'nothing']) {
      const { status, json } = await d.admin(
        'POST',
        '/authorities/main/marks',
        { trust_mark_type: 'https://x.example/m', member: rp.id, member_of },
        { token },
      );
      answers.push([status, json.code, json.detail.replace(member_of, '')]);
    }
    expect(answers[0]).toEqual([403, 'permission_denied', expect.any(String)]);
    expect(answers[1]).toEqual(answers[0]);
    const { jwks } = await testMember('https://x.example');
    const elsewhere = { entity_id: rp.id, jwks, ec_location: 'https://elsewhere.example/ec', domain_control: { method: 'operator', reason: 'known' } };
    const refused = await d.admin('POST', MEMBERS, elsewhere, { token });
    expect([refused.json.code, refused.json.detail.includes('secret')], refused.text).toEqual(['already_exists', false]);
    expect((await d.admin('POST', MEMBERS, elsewhere)).json.detail, 'who may see it is told').toContain('secret');
  });

  it('an operator enrols but does not activate; an approver approves; an approver of one authority touches no other', async () => {
    const d = await testDeployment();
    const operator = { token: await d.tokenFor('operator') };
    const approver = { token: await d.tokenFor('approver', ['main']) };
    const { jwks } = await testMember('https://x.example');
    expect((await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks, activate: true }, operator)).json.code).toBe('permission_denied');
    const { id } = (await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks }, operator)).json;
    await d.admin('POST', `${MEMBERS}/${id}/approve`, {}, approver);
    expect((await d.admin('POST', `${MEMBERS}/${id}/activate`, {}, approver)).json.state).toBe('active');
    expect((await d.admin('PATCH', `${MEMBERS}/${id}`, { intermediate: true }, operator)).json.code, 'an active member changes with an approver only').toBe(
      'permission_denied',
    );
    await d.admin('POST', '/authorities', { slug: 'other', entity_id: 'https://other.example' });
    const foreign = (await d.admin('POST', '/authorities/other/members', { entity_id: 'https://b.example', jwks })).json.id;
    expect((await d.admin('POST', `${MEMBERS}/${foreign}/approve`, {}, approver)).status, 'the id of another authority’s member is not found here').toBe(404);
    expect((await d.admin('GET', '/authorities', undefined, approver)).json.items.map((one: { slug: string }) => one.slug)).toEqual(['main']);
  });

  it('never open: no key, a wrong scheme, an unknown, expired or revoked key', async () => {
    const d = await testDeployment();
    for (const headers of [
      { authorization: '' },
      { authorization: 'Basic x' },
      { authorization: `Bearer ${'x'.repeat(40)}` },
      { authorization: `Bearer ${d.token}x` },
    ]) {
      const answer = await d.admin('GET', '/whoami', undefined, { headers });
      expect([answer.status, answer.json.code, answer.headers.get('www-authenticate')]).toEqual([401, 'unauthenticated', 'Bearer realm="holdfast"']);
    }
    const made = (await d.admin('POST', '/api-keys', { name: 'short', role: 'auditor', expires_at: d.clock + 10 })).json;
    expect((await d.admin('GET', '/whoami', undefined, { token: made.token })).json.role).toBe('auditor');
    d.clock += 10;
    expect((await d.admin('GET', '/whoami', undefined, { token: made.token })).status).toBe(401);
    const other = (await d.admin('POST', '/api-keys', { name: 'gone', role: 'owner' })).json;
    await d.admin('POST', `/api-keys/${other.id}/revoke`);
    expect((await d.admin('GET', '/whoami', undefined, { token: other.token })).status).toBe(401);
    const last = (await d.admin('GET', '/api-keys')).json.items.find(
      (one: { role: string; revoked_at: number | null }) => one.role === 'owner' && one.revoked_at === null,
    );
    expect((await d.admin('POST', `/api-keys/${last.id}/revoke`)).json.code).toBe('last_owner');
    expect(JSON.stringify(await d.rows('SELECT * FROM api_key')) + JSON.stringify(await d.rows('SELECT * FROM event')), 'only hashes are kept').not.toContain(
      d.token,
    );
    const open = createAdminApp(() => d.deployment);
    expect((await open.request('http://x/admin/v1/openapi.json')).status).toBe(200);
    expect(await (await open.request('http://x/admin/v1/docs')).text()).toContain('Enrol a member');
  });
});

describe('bad input', () => {
  it.each([
    ['an unknown field', { entity_id: 'https://a.example', surprise: 1 }],
    ['a wrong type', { entity_id: 5 }],
    ['no identifier', {}],
    ['an array', []],
    ['duplicate members', '{"entity_id":"https://a.example","entity_id":"https://b.example"}'],
    ['no JSON', '{'],
    ['__proto__', '{"entity_id":"https://a.example","metadata":{"__proto__":{"a":1}}}'],
    ['50 000 levels', `{"entity_id":"https://a.example","jwks":${'['.repeat(50_000)}${']'.repeat(50_000)}}`],
    ['two sources of keys', { entity_id: 'https://a.example', jwks: { keys: [] }, pem: 'x' }],
  ])('%s: 400 with code and place, nothing written', async (_title, body) => {
    const d = await testDeployment();
    const answer = await d.admin('POST', MEMBERS, body);
    expect([answer.status, answer.json.code, answer.headers.get('content-type')]).toEqual([400, 'invalid_request', 'application/problem+json']);
    expect(await d.rows('SELECT * FROM member')).toEqual([]);
  });
  it('identifiers: scheme, query, fragment, control characters, 10 kB', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    for (const entity_id of [
      'http://a.example',
      'https://a.example?x',
      'https://a.example#x',
      'https://a.example/\u0001',
      `https://a.example/${'x'.repeat(10_000)}`,
      '',
    ]) {
      expect(await d.admin('POST', MEMBERS, { entity_id, jwks })).toMatchObject({
        status: 422,
        json: { findings: [{ code: 'entity_id_invalid', clause: expect.stringContaining('§1.2') }] },
      });
    }
    expect((await d.admin('POST', MEMBERS, { entity_id: ANCHOR, jwks })).status).toBe(400);
  });
  it('bodies above 512 KiB, other content types, unknown paths', async () => {
    const d = await testDeployment();
    expect((await d.admin('POST', MEMBERS, { entity_id: 'x'.repeat(600_000) })).json.code).toBe('payload_too_large');
    expect((await d.admin('POST', MEMBERS, 'a=b', { headers: { 'content-type': 'application/x-www-form-urlencoded' } })).json.code).toBe(
      'unsupported_media_type',
    );
    expect((await d.admin('GET', '/nothing')).json.code).toBe('not_found');
    expect((await d.admin('GET', '/authorities/nobody')).json.code).toBe('not_found');
    expect((await d.admin('GET', `${MEMBERS}/nobody`)).json.code).toBe('not_found');
    expect((await d.admin('GET', '/authorities/main/events?cursor=x')).json.code).toBe('invalid_request');
    expect((await d.admin('GET', '/authorities/main/policies/x')).status).toBe(404);
  });
  it('a full disk and a locked database have answers of their own; nothing is changed', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    for (const [error, status, code] of [
      [new StoreFull('x'), 507, 'storage_full'],
      [new StoreBusy('x'), 503, 'storage_busy'],
      [new Error('secret detail'), 500, 'internal'],
    ] as const) {
      const store = { ...d.deployment.store, change: () => Promise.reject(error) };
      const app = createAdminApp(() => ({ ...d.deployment, store }));
      const answer = await app.request(`http://x/admin/v1${MEMBERS}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ entity_id: 'https://a.example', jwks }),
      });
      const text = await answer.text();
      expect([answer.status, JSON.parse(text).code]).toEqual([status, code]);
      expect(text).not.toContain('secret');
    }
  });
});

describe('Idempotency-Key', () => {
  const key = (value: string) => ({ headers: { 'idempotency-key': value } });
  it('a repeated write is carried out once and answered alike, also when sent at once', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    const body = { entity_id: 'https://a.example', jwks, activate: true };
    const answers = await Promise.all(Array.from({ length: 5 }, () => d.admin('POST', MEMBERS, body, key('k1'))));
    expect(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1);
    expect(answers[0]?.status).toBe(201);
    const later = await d.admin('POST', MEMBERS, body, key('k1'));
    expect([later.status, later.headers.get('idempotency-replayed'), later.json]).toEqual([201, 'true', answers[0]?.json]);
    expect((await d.rows("SELECT count(*) AS n FROM event WHERE type = 'member.enrolled'"))[0]).toEqual({ n: 1 });
    expect((await d.admin('POST', MEMBERS, { ...body, intermediate: true }, key('k1'))).json.code).toBe('idempotency_key_reused');
    expect((await d.admin('POST', MEMBERS, body, key('bad key'))).status).toBe(400);
    expect((await d.admin('POST', MEMBERS, body, { ...key('k1'), token: await d.tokenFor('owner') })).status, 'another caller’s keys are his own').toBe(409);
  });
  it('an answer with a secret is shown once', async () => {
    const d = await testDeployment();
    const made = await d.admin('POST', '/api-keys', { name: 'x', role: 'auditor' }, key('k2'));
    expect(made.json.token).toMatch(/^hf_/);
    const again = await d.admin('POST', '/api-keys', { name: 'x', role: 'auditor' }, key('k2'));
    expect([again.status, again.json.code]).toEqual([409, 'already_shown']);
    expect(JSON.stringify(await d.rows('SELECT * FROM idempotency'))).not.toContain(made.json.token);
  });
});

describe('sabotage: when storing an artefact fails, nothing else is stored', () => {
  it('the state is unchanged, no event is left, and suspending still works', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember('https://x.example');
    await d.admin('POST', MEMBERS, { entity_id: 'https://a.example', jwks, activate: true });
    await d.execute("CREATE TRIGGER sabotage BEFORE INSERT ON artefact BEGIN SELECT RAISE(ABORT, 'sabotage'); END");
    const before = await d.rows('SELECT * FROM event ORDER BY authority_id, seq');
    const failed = await d.admin('POST', MEMBERS, { entity_id: 'https://b.example', jwks, activate: true });
    expect([failed.status, failed.text.includes('sabotage')]).toEqual([500, false]);
    expect(await d.rows('SELECT * FROM event ORDER BY authority_id, seq')).toEqual(before);
    expect(await d.rows("SELECT * FROM member WHERE entity_id = 'https://b.example'")).toEqual([]);
    expect((await d.admin('POST', `${MEMBERS}/${encodeURIComponent('https://a.example')}/suspend`, { reason: 'x' })).json.state).toBe('suspended');
  });
});
