import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { KEY_PROOF_TYP, keyProofClaims } from '../../src/federation/key-proof.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { evidenceIn } from '../../src/store/evidence-files.node.js';
import { askAdmin } from '../support/admin-app.js';
import { type Answer, ANCHOR, answer, NOW, type TestDeployment, testDeployment, type TestMember, testMember } from '../support/deployment.js';
import { apply } from '../support/join.js';
import { testKey } from '../support/keys.js';
import { command } from '../support/node/command.js';
import { deaf, leaves } from '../support/node/commands.js';
import { testPeople, twoDecide } from '../support/people.js';
import { tempFolder } from '../support/process.js';
import { wholeStore } from '../support/whole-store.js';

const A = '/authorities/{slug}';
const M = `${A}/members/{id}`;
const TYPE = `${ANCHOR}/marks/certified`;
const RP = 'https://rp.example.com';
const CLIENT = 'https://client.example.com';
const DAY = 86_400;
const BYTES = { 'content-type': 'application/octet-stream' };

/**
 * What cannot be rehearsed, and why. A short list: whatever else writes is rehearsed, and an operation that is new is.
 */
const UNREHEARSED: Readonly<Record<string, string>> = {
  [`POST ${A}/imports/{job}/lines`]: 'each slice goes on where the one before ended; the import has a dry run of its own, for all of it',
  [`POST ${A}/entities/{entity}/evaluate`]: 'the thread that reads strangers stores what it finds; explain asks the same and stores nothing',
};
/** No GET, and nothing is changed by them. */
const READING = [`POST ${A}/preflight`, `POST ${A}/policies/check`, `POST ${A}/policies/preview`, `POST ${A}/explain`];
/** What opens something is shown when it is made, and never of what was not. */
const SECRETS: Readonly<Record<string, readonly string[]>> = {
  'POST /api-keys': ['token'],
  [`POST ${A}/join-links`]: ['secret', 'url'],
  [`POST ${M}/keys/challenges`]: ['challenge_id', 'nonce'],
  [`POST ${M}/software-statements`]: ['software_statement'],
  [`POST ${M}/initial-access-tokens`]: ['initial_access_token'],
};

interface Step {
  readonly at: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
  /** It is refused with that, rehearsed and for real. */
  readonly refused?: string;
}

/** Every row of every table. */
async function whole(d: TestDeployment): Promise<ReadonlyMap<string, readonly string[]>> {
  const tables = await d.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name");
  const rows = await Promise.all(tables.map(async ({ name }) => [String(name), (await d.rows(`SELECT * FROM "${name}"`)).map((row) => JSON.stringify(row))]));
  return new Map(rows as [string, string[]][]);
}

/** The shape of an answer: which members it has. */
const shape = ({ json }: Answer): readonly string[] => Object.keys(json ?? {}).toSorted();

class Walk {
  readonly done = new Set<string>();
  readonly evidence = tempFolder();
  readonly #deployment;

  constructor(readonly d: TestDeployment) {
    this.#deployment = { ...d.deployment, evidence: evidenceIn(this.evidence) };
  }

  ask(operation: string, { at, body, query = '', headers = {}, token = this.d.token }: Step, dry?: string): Promise<Answer> {
    const [method = '', path = ''] = operation.split(' ');
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(at[name] ?? (name === 'slug' ? 'main' : `no ${name}`)));
    const asked = new URLSearchParams([...new URLSearchParams(query), ...(dry === undefined ? [] : [['dry_run', dry] as [string, string]])]);
    const type: Record<string, string> = body !== undefined && !('content-type' in headers) ? { 'content-type': 'application/json' } : {};
    return answer(
      askAdmin(this.#deployment, `http://admin.test/admin/v1${filled}?${asked}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...type, ...headers },
        ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      }),
    );
  }

  /** Rehearse it, see that nothing is there that was not; then do it, and see that it goes as it was told. */
  async step(operation: string, step: Step): Promise<Answer['json']> {
    this.done.add(operation);
    const files = () => (existsSync(this.evidence) ? readdirSync(this.evidence) : []);
    const [before, lay] = [await whole(this.d), files()];
    const dry = await this.ask(operation, step, 'true');
    expect([await whole(this.d), files()], `${operation} ${dry.text}`).toEqual([before, lay]);
    const real = await this.ask(operation, step);
    const said = `${operation}\n${dry.text}\n${real.text}`;
    if (operation in UNREHEARSED) {
      expect([dry.status, dry.json.code, dry.headers.get('holdfast-dry-run')], said).toEqual([400, 'not_rehearsable', null]);
      expect(real.status, said).toBe(200);
      return real.json;
    }
    expect(dry.headers.get('holdfast-dry-run'), said).toBe('true');
    expect(real.headers.get('holdfast-dry-run'), said).toBeNull();
    if (step.refused !== undefined) {
      expect([dry.status, dry.json.code], said).toEqual([real.status, real.json.code]);
      expect(real.json.code, said).toBe(step.refused);
      return real.json;
    }
    expect([dry.status, dry.json.dry_run, Math.floor(real.status / 100), real.json.dry_run], said).toEqual([200, true, 2, undefined]);
    const secrets = SECRETS[operation] ?? [];
    const own = shape(real).filter((name) => !secrets.includes(name));
    expect(
      shape(dry).filter((name) => name !== 'dry_run' && name !== 'preview'),
      said,
    ).toEqual(own);
    for (const secret of secrets) expect([secret, typeof real.json[secret]], said).toEqual([secret, 'string']);
    if ('state' in real.json) expect([dry.json.state, dry.json.already], said).toEqual([real.json.state, real.json.already]);
    return real.json;
  }
}

async function deployed(): Promise<Walk> {
  const d = await testDeployment();
  // Whoever asks is noted in the minute: what is compared has to tell of that too.
  d.clock += 3600;
  return new Walk(d);
}

/** Every operation once, in an order in which each can be done. */
async function everything(walk: Walk): Promise<void> {
  const { d } = walk;
  const step = walk.step.bind(walk);
  const [own, next, third] = await Promise.all([testKey(), testKey(), testKey()]);
  const rp = await testMember(RP, own);
  const shows = async (claims: object = {}, key = own) =>
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ iat: d.clock - 1, exp: d.clock + DAY, ...claims }, key));
  await shows();

  await step('POST /authorities', { at: {}, body: { slug: 'other', entity_id: 'https://other.example' } });
  await step(`PATCH ${A}`, { at: {}, body: { organization_name: 'Anchor' } });
  const staged = await step(`POST ${A}/keys`, { at: {}, body: { stage: false } });
  await step(`POST ${A}/keys/{kid}/stage`, { at: { kid: staged.kid } });
  const [{ kid: old }] = (await d.admin('GET', '/authorities/main/keys')).json.items;
  await step(`POST ${A}/keys/{kid}/activate`, { at: { kid: staged.kid }, body: {}, refused: 'key_not_ready' });
  await step(`POST ${A}/keys/{kid}/activate`, { at: { kid: staged.kid }, body: { force: true, reason: 'now' } });
  await step(`POST ${A}/keys/{kid}/retire`, { at: { kid: old }, body: { force: true, reason: 'now' } });
  const spare = await step(`POST ${A}/keys`, { at: {}, body: {} });
  await step(`POST ${A}/keys/{kid}/revoke`, { at: { kid: spare.kid }, body: { reason: 'compromised' } });
  await step(`POST ${A}/audit-keys/rotate`, { at: {}, body: { reason: 'yearly' } });

  const organization = await step(`POST ${A}/organizations`, { at: {}, body: { legal_name: 'Bank A' } });
  await step(`PATCH ${A}/organizations/{organization}`, { at: { organization: organization.id }, body: { registration_number: '1', jurisdiction: 'SE' } });
  const enrolled = await step(`POST ${A}/members`, {
    at: {},
    body: { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], organization: 'Bank A', state: 'applied' },
  });
  await step(`POST ${A}/members`, { at: {}, body: { entity_id: RP, jwks: rp.jwks }, refused: 'already_exists' });
  const id = { id: enrolled.id };
  const challenge = await step(`POST ${M}/keys/challenges`, { at: id, body: {} });
  const proof = await own.jwt(keyProofClaims(challenge, RP, 'jti', d.clock), { typ: KEY_PROOF_TYP });
  await step(`POST ${M}/keys/proofs`, { at: id, body: { challenge_id: challenge.challenge_id, proofs: [proof] } });
  await step(`POST ${M}/keys/{key}/confirm`, { at: { ...id, key: own.kid }, body: { channel: 'telephone', with: 'the register' } });
  await step(`POST ${M}/take`, { at: id, body: {} });
  await step(`POST ${M}/approve`, { at: id, body: {} });
  await step(`POST ${M}/activate`, { at: id, body: {} });
  await step(`PATCH ${M}`, { at: id, body: { statement_lifetime: 7200 } });
  await step(`PUT ${M}/sponsor`, { at: id, body: { sponsor: { name: 'Ann', email: 'ann@example.org' } } });
  await step(`POST ${M}/reattest`, { at: id, body: { until: d.clock + 30 * DAY } });
  await shows({ jwks: { keys: [own.jwk, next.jwk] } });
  await step(`POST ${M}/keys/adopt`, { at: id, body: {} });
  await step(`PUT ${M}/keys`, { at: id, body: { jwks: rp.jwks, reason: 'one is enough' } });
  const hosted = await rp.configuration({ iat: d.clock - 1, exp: d.clock + DAY, authority_hints: [ANCHOR] });
  await step(`PUT ${M}/configuration`, { at: id, body: { entity_configuration: hosted, domain_control: { method: 'operator', reason: 'known' } } });
  await step(`DELETE ${M}/configuration`, { at: id });
  for (const verb of ['accept', 'dismiss']) {
    const other = verb === 'accept' ? third : await testKey();
    await shows({ jwks: { keys: [other.jwk] } }, other);
    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await discoveryTurn(d.deployment, { more: () => true });
    await step(`POST ${M}/hold/${verb}`, { at: id, body: { reason: 'looked at' } });
  }
  await shows({ jwks: { keys: [third.jwk] } }, third);

  const agents = await step(`POST ${A}/agent-authorities`, { at: {}, body: { member: RP, slug: 'rp-agents', scopes: ['read'] } });
  await step(`PATCH ${A}/agent-limits`, { at: { slug: agents.slug }, body: { max_agents: 2 } });

  await certified(walk, id, organization.id);
  await clients(walk);
  await marked(walk);
  await applied(walk);
  await step(`POST ${A}/policies`, { at: {}, body: { metadata_policy: { openid_relying_party: { contacts: { add: ['ops@example.org'] } } } } });
  await step(`POST ${A}/policies`, { at: {}, body: { metadata_policy: {} } });
  await step(`POST ${A}/policies/{version}/impact`, { at: { version: '1' } });
  for (const verb of ['report', 'end-report']) await step(`POST ${A}/policies/{version}/${verb}`, { at: { version: '1' } });
  for (const version of ['1', '2'])
    await step(`POST ${A}/policies/{version}/publish`, { at: { version }, body: { accept_breaks: true, accept_unknown: true } });
  await step(`POST ${A}/policies/rollback`, { at: {} });

  const job = await step(`POST ${A}/imports`, { at: {}, body: {} });
  const line = JSON.stringify({ entity_id: 'https://imported.example', jwks: rp.jwks, waive: [] });
  await step(`POST ${A}/imports/{job}/lines`, { at: { job: job.id }, body: line, headers: { 'content-type': 'application/x-ndjson' } });
  await step(`POST ${A}/imports/{job}/finish`, { at: { job: job.id } });
  const given = await step(`POST ${A}/imports`, { at: {}, body: { dry_run: true } });
  await step(`POST ${A}/jobs/{job}/cancel`, { at: { job: given.id } });

  const pinned = await testKey();
  await step(`POST ${A}/anchors`, { at: {}, body: { entity_id: 'https://ta.example.net', jwks: { keys: [pinned.jwk] } } });
  await step(`POST ${A}/anchors/{entity}/check`, { at: { entity: 'https://ta.example.net' } });
  await step(`POST ${A}/anchors/{entity}/unpin`, { at: { entity: 'https://ta.example.net' } });
  await step(`POST ${A}/entities/{entity}/evaluate`, { at: { entity: RP } });
  await step(`POST ${A}/crawls`, { at: {}, body: {} });

  await people(walk);
  await cut(walk, id, organization.id);
}

async function certified(walk: Walk, id: { readonly id: string }, organization: string): Promise<void> {
  const step = walk.step.bind(walk);
  const base = `${A}/accreditations`;
  const one = await step(`POST ${base}`, { at: {}, body: { member: id.id, kind: 'iso27001', issuer: 'Certifier' } });
  const [at, other] = [{ accreditation: one.id }, await walk.d.admin('POST', '/authorities/main/accreditations', { organization, kind: 'x', issuer: 'y' })];
  const uri = { accreditation: one.id, uri: 'https://documents.example/1', sha256: '0'.repeat(64) };
  const evidence = await step(`POST ${A}/evidence`, { at: {}, body: uri });
  await step(`POST ${A}/evidence/uploads`, { at: {}, query: `accreditation=${one.id}`, body: 'bytes', headers: BYTES });
  expect(readdirSync(walk.evidence)).toHaveLength(1);
  await step(`POST ${A}/evidence/uploads`, { at: {}, query: 'accreditation=nobody', body: 'bytes', headers: BYTES, refused: 'not_found' });
  await step(`POST ${A}/evidence/{evidence}/review`, { at: { evidence: evidence.id } });
  await step(`POST ${base}/{accreditation}/verify`, { at, body: {} });
  await step(`POST ${base}/{accreditation}/renew`, { at, body: { valid_until: walk.d.clock + 90 * DAY } });
  await step(`POST ${base}/{accreditation}/withdraw`, { at: { accreditation: other.json.id }, body: { reason: 'forged' } });
  await step(`PUT ${A}/admission`, { at: {}, body: { rules: { openid_relying_party: { accreditations: ['iso27001'] } } } });
  await step(`PUT ${A}/admission`, { at: {}, body: { rules: {} } });
}

async function clients(walk: Walk): Promise<void> {
  const step = walk.step.bind(walk);
  const client = await testMember(CLIENT);
  const enrolled = await walk.d.admin('POST', '/authorities/main/members', {
    entity_id: CLIENT,
    jwks: client.jwks,
    entity_types: ['oauth_client'],
    activate: true,
  });
  const at = { id: enrolled.json.id };
  await registered(walk, client, at.id);
  const list = [{ kind: 'scope', value: 'read' }];
  await step(`POST ${A}/bundles`, { at: {}, body: { name: 'readers', entitlements: list } });
  await step(`PUT ${M}/entitlements`, { at, body: { entitlements: list } });
  await step(`PATCH ${M}/entitlements`, { at, body: { add: { bundles: ['readers'] } } });
  await step(`PATCH ${A}/bundles/{name}`, { at: { name: 'readers' }, body: { description: 'who reads' } });
  await step(`POST ${A}/bundles/{name}/impact`, { at: { name: 'readers' }, body: { entitlements: [] } });
  await step(`POST ${A}/bundles/{name}/end`, { at: { name: 'readers' }, body: { reason: 'nobody reads' } });
  const namespaces = [{ type: 'email_domain', value: 'example.com' }];
  const issuer = await step(`POST ${A}/issuers`, {
    at: {},
    body: { member: at.id, kind: 'id_jag', issuer: 'https://idp.example.com', jwks_uri: 'https://idp.example.com/jwks', namespaces },
  });
  await step(`PATCH ${A}/issuers/{issuer}`, { at: { issuer: issuer.id }, body: { namespaces: [{ type: 'email_domain', value: 'example.net' }] } });
  await step(`POST ${A}/issuers/{issuer}/end`, { at: { issuer: issuer.id }, body: { reason: 'done' } });
}

/** What members register with as clients of authorization servers. */
async function registered(walk: Walk, client: TestMember, id: string): Promise<void> {
  const { d } = walk;
  const step = walk.step.bind(walk);
  const server = 'https://as.example.com';
  const { jwks } = await testMember(server);
  const types = ['oauth_authorization_server'];
  await d.admin('POST', '/authorities/main/members', { entity_id: server, jwks, entity_types: types, activate: true });
  const metadata = { oauth_client: { scope: 'read', jwks: client.jwks, token_endpoint_auth_method: 'private_key_jwt' } };
  d.network.set(
    `${CLIENT}/.well-known/openid-federation`,
    await client.configuration({ iat: d.clock, exp: d.clock + DAY, authority_hints: [ANCHOR], metadata }),
  );
  await backgroundTurn(d.deployment, { more: () => true });
  await d.admin('POST', `/authorities/main/entities/${encodeURIComponent(CLIENT)}/evaluate`, {});
  const { jti } = await step(`POST ${M}/software-statements`, { at: { id }, body: {} });
  const token = await step(`POST ${M}/initial-access-tokens`, { at: { id }, body: { audience: server, kid: client.key.kid } });
  await step(`POST ${A}/software-statements/{jti}/revoke`, { at: { jti }, body: {} });
  await step(`POST ${A}/initial-access-tokens/{jti}/revoke`, { at: { jti: token.jti }, body: {} });
}

async function marked(walk: Walk): Promise<void> {
  const step = walk.step.bind(walk);
  const { d } = walk;
  const T = `${A}/mark-types/{type}`;
  const at = { type: TYPE };
  await step(`POST ${A}/mark-types`, { at: {}, body: { trust_mark_type: TYPE } });
  await step(`PATCH ${T}`, { at, body: { lifetime: 30 * DAY } });
  const grant = await step(`POST ${A}/marks`, { at: {}, body: { trust_mark_type: TYPE, member: CLIENT } });
  await step(`POST ${A}/issued-marks/{jti}/withdraw`, { at: { jti: grant.jti }, body: { reason: 'anew' } });
  await step(`POST ${A}/marks/{id}/withdraw`, { at: { id: grant.id }, body: { reason: 'not any more' } });
  await step(`POST ${T}/halt`, { at, body: { reason: 'looked into' } });
  await step(`POST ${T}/resume`, { at });
  await step(`PUT ${T}/recognition`, { at, body: { issuers: ['https://marks.example'] } });
  await step(`DELETE ${T}/recognition`, { at });
  await step(`POST ${T}/delegations`, { at, body: { issuer: 'https://marks.example' } });
  const [key, iss] = [await testKey(), 'https://marks.elsewhere.example'];
  const jwks = { keys: [key.jwk] };
  d.network.set(
    `${iss}/.well-known/openid-federation`,
    await key.jwt({ iss, sub: iss, iat: NOW, exp: d.clock + DAY, jwks, metadata: { federation_entity: {} } }),
  );
  const claims = { iss, sub: ANCHOR, trust_mark_type: TYPE, iat: NOW, exp: d.clock + DAY };
  await step(`POST ${A}/own-marks`, { at: {}, body: { trust_mark: await key.jwt(claims, { typ: 'trust-mark+jwt' }) } });
  await step(`POST ${A}/own-marks/hide`, { at: {}, body: { trust_mark_type: TYPE } });
}

async function applied(walk: Walk): Promise<void> {
  const step = walk.step.bind(walk);
  const { d } = walk;
  const link = await step(`POST ${A}/join-links`, { at: {}, body: { uses: 2 } });
  const applicant = await testMember('https://applicant.example');
  d.network.set(`${applicant.id}/.well-known/openid-federation`, await applicant.configuration({ exp: d.clock + DAY, authority_hints: [ANCHOR] }));
  const [taken, other] = [await apply(d, applicant.id, {}, link), await apply(d, 'https://unknown.example', {}, link)];
  await step(`POST ${A}/join-links/{link}/end`, { at: { link: link.id }, body: {} });
  await step(`POST ${A}/applications/{application}/ask`, { at: { application: taken.id }, body: { text: 'who are you?' } });
  await step(`POST ${A}/applications/{application}/take`, { at: { application: other.id }, body: {}, refused: 'findings' });
  await step(`POST ${A}/applications/{application}/take`, { at: { application: taken.id }, body: {} });
  const refusal = { reason_code: 'unspecified', reason: 'unknown', redress: 'ask us' };
  await step(`POST ${A}/applications/{application}/refuse`, { at: { application: other.id }, body: refusal });
  await step(`POST ${A}/applications/{application}/erase`, { at: { application: other.id }, body: { reason: 'asked for' } });
}

async function people(walk: Walk): Promise<void> {
  const step = walk.step.bind(walk);
  const { d } = walk;
  const person = await step('POST /people', { at: {}, body: { name: 'Carl' } });
  const role = await step('POST /people/{id}/roles', { at: { id: person.id }, body: { role: 'auditor' } });
  await step('POST /people/{id}/roles/{grant}/end', { at: { id: person.id, grant: role.id }, body: {} });
  const key = await step('POST /api-keys', { at: {}, body: { name: 'script', role: 'auditor' } });
  await step('POST /api-keys/{id}/revoke', { at: { id: key.id } });
  await step('POST /people/{id}/end', { at: { id: person.id }, body: { reason: 'left' } });
  const seq = (await d.admin('GET', '/events?type=person.ended')).json.items[0].seq;
  await step('POST /events/{seq}/erase', { at: { seq: String(seq) }, body: { reason: 'asked for' } });
  const own = (await d.admin('GET', '/authorities/main/events?type=trust_mark_type.halted')).json.items[0].seq;
  await step(`POST ${A}/events/{seq}/erase`, { at: { seq: String(own) }, body: { reason: 'asked for' } });
  await step(`PUT ${A}/binding`, { at: { slug: 'other' }, body: { key_proof: 'required' } });
  const [ann, bob] = await testPeople(d, [
    ['owner', null],
    ['owner', null],
  ]);
  await step(`PUT ${A}/quorum`, { at: {}, body: { quorum: 2 }, token: ann?.token as string });
  const asked = await ann?.as('PUT', '/authorities/main/quorum', { quorum: 1 });
  const { id, digest } = asked?.json.approval ?? {};
  await step('POST /approvals/{id}', { at: { id }, body: { verdict: 'approve', digest }, token: bob?.token as string });
  await step('POST /clock/confirm', { at: {}, body: { reason: 'looked at' } });
}

async function cut(walk: Walk, id: { readonly id: string }, organization: string): Promise<void> {
  const step = walk.step.bind(walk);
  const reason = { reason: 'looked into' };
  await step('POST /halts', { at: {}, body: { level: 'member', authority: 'main', member: CLIENT, ...reason } });
  await step(`POST ${A}/organizations/{organization}/halt`, { at: { organization }, body: reason });
  await step(`POST ${A}/organizations/{organization}/resume`, { at: { organization }, body: reason });
  await step(`POST ${M}/suspend`, { at: id, body: reason });
  await step(`POST ${M}/resume`, { at: id, body: {} });
  await step(`POST ${M}/revoke`, { at: id, body: reason });
  await step(`POST ${M}/archive`, { at: id, body: {} });
  const enrol = async (entity: string) =>
    (await walk.d.admin('POST', '/authorities/other/members', { entity_id: entity, jwks: (await testMember(entity)).jwks })).json.id as string;
  await step(`POST ${M}/refuse`, { at: { slug: 'other', id: await enrol('https://one.example') }, body: reason });
  await step(`POST ${M}/withdraw`, { at: { slug: 'other', id: await enrol('https://two.example') }, body: {} });
  await step(`POST ${A}/halt`, { at: {}, body: reason });
  await step(`POST ${A}/resume`, { at: {}, body: reason });
  await step(`POST ${A}/retire`, { at: { slug: 'other' }, body: reason });
  // Enrolments wait for it.
  await step('POST /members/reindex', { at: {} });
  const standing = JSON.stringify({ reason: 'restored', at: walk.d.clock, backupAt: null, givenUp: [] });
  await walk.d.execute(`INSERT INTO setting (name, value) VALUES ('unconfirmed', '${standing}')`);
  await step('POST /restore/confirm', { at: {}, body: {}, refused: 'invalid_request' });
  await step('POST /restore/confirm', { at: {}, body: { yes: true } });
}

describe('dry_run', () => {
  it('of every operation that writes: nothing is kept, not one row and not one file, and what it tells is what happens then', async () => {
    const walk = await deployed();
    await everything(walk);
    const { paths } = (await walk.d.admin('GET', '/openapi.json')).json as { paths: Record<string, Record<string, { parameters?: { name: string }[] }>> };
    const writing = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods)
        .filter(([method]) => method !== 'get')
        .map(([method, { parameters = [] }]) => ({
          name: `${method.toUpperCase()} ${path.replace('/admin/v1', '')}`,
          dry: parameters.some(({ name }) => name === 'dry_run'),
        })),
    );
    expect([...walk.done, ...READING].sort(), 'an operation that nobody has rehearsed here').toEqual(writing.map(({ name }) => name).sort());
    // The contract says the same.
    const without = writing.filter(({ dry }) => !dry).map(({ name }) => name);
    expect(without.sort()).toEqual([...READING, ...Object.keys(UNREHEARSED)].sort());
  });
});

/** The command line before a deployment of this test. @param change what comes between the two */
function commandLine(d: TestDeployment, change: (answer: Response) => Promise<Response> | Response = (answer) => answer) {
  const url = 'http://admin.test';
  vi.stubGlobal('fetch', async (input: string, init?: RequestInit) => change(await askAdmin(d.deployment, input, init)));
  onTestFinished(() => void vi.unstubAllGlobals());
  return (words: readonly string[], token = d.token) => command(words, { HOLDFAST_URL: url, HOLDFAST_ADMIN_TOKEN: token, HOLDFAST_DATA: '/nonexistent' });
}

/** Commands that only look. */
const LOOKING = `
config show|config check|fsck|doctor|completion|whoami|openapi|clock|resolve|inspect|preflight|tree|graph|context show|restore status
authority check|member preflight|member statement|member client|member history|member watch|member export|member barred|halt receipt
key prove|key export-public|policy check|policy preview|evidence get|mark type recognized|mark type delegations|mark issued
entity explain|entity listings|job refusals|event tail|apply status|apply preflight
audit export|audit verify|audit checkpoints|audit at|audit keys|backup verify|api-key secret
`
  .trim()
  .split(/[|\n]/);
/** Commands that write and cannot be rehearsed, and why. */
const WITHOUT: Readonly<Record<string, string>> = {
  serve: 'it runs until it is stopped',
  demo: 'it makes what it shows, in a folder of its own',
  init: 'config check says whether it would start; it writes nothing where there is something',
  'backup create': 'it leaves the database as it is',
  login: 'it asks the server whether the key is good before it keeps it',
  logout: 'it forgets a key of this machine',
  'context use': 'which server is spoken to from this machine',
  'apply prove': 'the challenge it answers would have to be made',
  'agent renew': 'it moves the end of one agent of your own',
  'agent retire': 'it ends one agent of your own, by name',
  'entity evaluate': 'entity explain asks the same and stores nothing',
};

describe('--dry-run', () => {
  it('has every command that writes', () => {
    const names = leaves(deaf().program).flatMap(({ path, command: { options } }) =>
      options.some(({ long }) => long === '--dry-run') ? [] : [path.join(' ')],
    );
    const looks = (name: string) => / (list|show)$/.test(name) || LOOKING.includes(name);
    expect(names.filter((name) => !looks(name) && !(name in WITHOUT))).toEqual([]);
    expect([...LOOKING, ...Object.keys(WITHOUT)].filter((name) => !names.includes(name))).toEqual([]);
  });

  it('says what would be and that nothing was changed, confirms nothing, waits for nothing; the whole store is as it was', async () => {
    const { d } = await deployed();
    const rp = await testMember(RP);
    await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
    const { kid } = (await d.admin('POST', '/authorities/main/keys', {})).json;
    await d.admin('POST', '/authorities/main/organizations', { legal_name: 'Bank A' });
    const [{ seq }] = (await d.admin('GET', '/authorities/main/events?type=organization.created')).json.items;
    await d.admin('POST', '/authorities/main/policies', { metadata_policy: {} });
    const folder = tempFolder();
    const file = (name: string, value: unknown) => {
      writeFileSync(join(folder, name), JSON.stringify(value));
      return join(folder, name);
    };
    const cli = commandLine(d);
    const jwks = file('jwks.json', { keys: [(await testKey()).jwk] });
    const policy = file('policy.json', { metadata_policy: { openid_relying_party: { contacts: { add: ['a@b.example'] } } } });
    const before = await whole(d);
    for (const [line, said] of [
      [`member suspend ${RP} --reason why`, 'is suspended now'],
      [`member suspend --state active --reason why`, '1 suspended'],
      [`member revoke ${RP} --reason why`, 'is revoked now'],
      [`member change ${RP} --statement-lifetime 1h`, '+ 3600'],
      [`member enroll https://new.example --jwks ${jwks}`, 'It would be enrolled.'],
      [`member challenge ${RP}`, 'Dry run'],
      [`halt member ${RP} --reason why`, 'members 1'],
      [`key revoke ${kid} --reason compromised --wait`, 'revoked (compromised)'],
      ['authority retire main --reason why', 'is retired now'],
      ['api-key create x --role auditor', 'its token is shown then'],
      ['join-link create', 'It would last until'],
      [`policy draft ${policy}`, 'Version 2'],
      ['policy impact 1', 'The replay would begin.'],
      ['policy publish 1 --accept-breaks', 'Published'],
      ['job run crawl --wait', 'crawl'],
      [`event erase ${seq} --reason why`, 'Dry run'],
      ['clock confirm --reason why', 'is trusted again'],
    ] as const) {
      const { code, stdout, stderr } = await cli([...line.split(' '), '--dry-run']);
      expect([line, code, `${stdout}${stderr}`], stderr).toEqual([line, 0, expect.stringContaining(said)]);
      expect(stderr.startsWith('Dry run: this is what would be.\n') && stderr.endsWith('Dry run: nothing was changed.\n'), stderr).toBe(true);
      expect(`${stdout}${stderr}`).not.toMatch(/hf_[0-9a-z]{8}_|hfj_/);
      expect(await whole(d), line).toEqual(before);
    }
    const document = await cli(['--json', 'member', 'suspend', RP, '--reason', 'why', '--dry-run']);
    expect([JSON.parse(document.stdout), document.stderr]).toEqual([expect.objectContaining({ dry_run: true, state: 'suspended', entity_id: RP }), '']);
    const refused = await cli(['member', 'take', RP, '--dry-run']);
    expect([refused.code, refused.stderr]).toEqual([5, expect.stringContaining('active')]);
    expect(await whole(d)).toEqual(before);
    expect((await cli(['member', 'suspend', RP, '--reason', 'why'])).stderr, 'the next command is none').not.toContain('Dry run');
    expect((await d.admin('GET', `/authorities/main/members/${encodeURIComponent(RP)}`)).json.state).toBe('suspended');
  });

  it('tells that it would wait for a second person; of a server that does not say it rehearsed it says so', async () => {
    const { d } = await deployed();
    const { operator, approvers } = await twoDecide(d, 2);
    await operator.as('POST', '/authorities/main/members', { entity_id: RP, jwks: (await testMember(RP)).jwks });
    const cli = commandLine(d);
    // Whoever looks first is noted.
    await approvers[0].as('GET', '/whoami');
    const before = await whole(d);
    const waits = await cli(['member', 'approve', RP, '--dry-run'], approvers[0].token);
    expect([waits.code, waits.stderr]).toEqual([
      0,
      expect.stringContaining('Dry run: nothing was changed; it would be put on record, and wait for a second person'),
    ]);
    const document = await cli(['--json', 'member', 'approve', RP, '--dry-run'], approvers[0].token);
    expect(JSON.parse(document.stdout)).toMatchObject({ dry_run: true, waiting_for: 1, approval: { id: null } });
    const many = await cli(['member', 'approve', '--state', 'vetting', '--dry-run'], approvers[0].token);
    expect([many.code, many.stderr]).toEqual([0, expect.stringContaining('1 waiting')]);
    expect(await whole(d)).toEqual(before);
    const silent = commandLine(d, async (answer) => {
      const { dry_run: _, ...body } = (await answer.json()) as { dry_run?: true };
      return Response.json(body, { status: answer.status });
    });
    expect(await silent(['member', 'change', RP, '--statement-lifetime', '1h', '--dry-run'], operator.token)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not say that this was a dry run'),
    });
  });

  it('of what works on files leaves every byte: restoring, sealing anew, an owner key, opening again', async () => {
    const { folder, file } = await wholeStore();
    const run = (...words: string[]) => command([...words, '--dry-run'], { HOLDFAST_DATA: folder, HOLDFAST_URL: 'http://localhost:8080' });
    const backup = join(tempFolder(), 'backup.db');
    expect((await command(['backup', 'create', backup], { HOLDFAST_DATA: folder, HOLDFAST_URL: 'http://localhost:8080' })).code).toBe(0);
    const bytes = () => [
      readFileSync(file),
      readFileSync(join(folder, 'seal.key')),
      ...readdirSync(folder)
        .filter((name) => !/-(wal|shm)$/.test(name))
        .sort(),
    ];
    const before = bytes();
    expect(await run('seal-key', 'rotate')).toMatchObject({ code: 0, stdout: expect.stringMatching(/\d+ private key\(s\) would be sealed/) });
    expect(await run('api-key', 'recover')).toMatchObject({
      code: 0,
      stdout: expect.not.stringMatching(/hf_/),
      stderr: expect.stringContaining('nothing was changed'),
    });
    expect(await run('store', 'reopen')).toMatchObject({ code: 0, stdout: expect.stringContaining('is not dormant') });
    expect(await run('backup', 'restore', backup)).toMatchObject({ code: 0, stdout: expect.stringContaining('would be restored') });
    expect(JSON.parse((await run('--json', 'backup', 'restore', backup)).stdout)).toMatchObject({ dry_run: true, served: false, lost_events: 0, kept: null });
    expect(bytes()).toEqual(before);
    const fresh = join(tempFolder(), 'new');
    const elsewhere = await command(['backup', 'restore', backup, '--dry-run'], { HOLDFAST_DATA: fresh });
    expect([elsewhere.code, existsSync(fresh)], elsewhere.stderr).toEqual([0, false]);
    // A key that does not open is told before anything is written.
    mkdirSync(fresh);
    copyFileSync(file, join(fresh, 'holdfast.db'));
    writeFileSync(join(fresh, 'seal.key'), Buffer.alloc(32, 1).toString('base64'), { mode: 0o600 });
    const wrong = await command(['seal-key', 'rotate', '--dry-run'], { HOLDFAST_DATA: fresh, HOLDFAST_URL: 'http://localhost:8080' });
    expect([wrong.code, wrong.stderr, readdirSync(fresh).includes('seal.key.next')]).toEqual([1, expect.stringContaining('does not open'), false]);
  });
});
