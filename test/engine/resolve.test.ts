import { platform } from '#test-platform';
import { eq } from 'drizzle-orm';
import { compactVerify, decodeJwt, decodeProtectedHeader, importJWK } from 'jose';
import { describe, expect, it } from 'vitest';
import { type JwkSet, validateResolveResponse, validateTrustChain } from '../../src/federation/entry.js';
import { evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { checkAnchor, pinAnchor, unpinAnchor } from '../../src/operations/resolving/anchors.js';
import { knowMembers } from '../../src/store/known-entities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { artefact } from '../../src/store/schema.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember, whenSigning } from '../support/deployment.js';
import { flipSignature } from '../support/chain.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const SUPER = 'https://super.example.org';
const TYPE = 'https://anchor.example.org/marks/certified';
const day = 86_400;
type Claims = Record<string, never>;

const wellKnown = (id: string) => `${id}/.well-known/openid-federation`;
const discover = (d: TestDeployment) => discoveryTurn(d.deployment, { more: () => true });
const resolveUrl = (sub: string, anchor = ANCHOR, more = '') => `/resolve?sub=${encodeURIComponent(sub)}&trust_anchor=${encodeURIComponent(anchor)}${more}`;
const verb = (d: TestDeployment, id: string, name: string, body: object = { reason: 'test' }) =>
  d.admin('POST', `${A}/members/${encodeURIComponent(id)}/${name}`, body);
const keysOf = async (d: TestDeployment, id = ANCHOR) => decodeJwt((await d.public(wellKnown(id))).text)['jwks'] as unknown as JwkSet;

/** An anchor with one member that answers on the pretended network. */
async function withMember(claims: object = {}, authority: Parameters<typeof testDeployment>[0] = {}) {
  const d = await testDeployment(authority);
  const rp = await testMember(RP);
  d.network.set(wellKnown(RP), await rp.configuration(claims));
  const enrolled = await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, entity_types: ['openid_relying_party'], activate: true });
  expect(enrolled.status, enrolled.text).toBe(201);
  return Object.assign(d, { rp });
}

describe('a resolve response (§8.3)', () => {
  it('RE-01 RE-03 RE-04 RE-06 RE-07 JO-15: signed, with every claim, the chain from the subject to the anchor; jose alone accepts it', async () => {
    const d = await withMember();
    await discover(d);
    const answer = await d.public(resolveUrl(RP));
    expect([answer.status, answer.headers.get('content-type')], answer.text).toEqual([200, 'application/resolve-response+jwt']);
    const keys = await keysOf(d);
    expect(decodeProtectedHeader(answer.text)).toEqual({ typ: 'resolve-response+jwt', alg: 'ES256', kid: keys.keys[0]?.kid });
    await compactVerify(answer.text, await importJWK(keys.keys[0] as never, 'ES256'));
    const claims = decodeJwt(answer.text) as Claims;
    expect(claims).toMatchObject({ iss: ANCHOR, sub: RP, iat: NOW, metadata: { openid_relying_party: { redirect_uris: [`${RP}/cb`] } } });
    expect(Object.keys(claims), 'RE-10: no aud for an anonymous caller').not.toContain('aud');
    const chain = claims['trust_chain'] as unknown as string[];
    expect(chain).toEqual([d.network.get(wellKnown(RP)), (await d.public(`/fetch?sub=${RP}`)).text, (await d.public(wellKnown(ANCHOR))).text]);
    expect(await validateTrustChain(chain, { anchors: { [ANCHOR]: keys }, now: NOW })).toMatchObject({ ok: true });
    expect(claims['exp'], 'RE-05 TC-15').toBe(Math.min(...chain.map((one) => decodeJwt(one).exp as number)));
  });
  it('validateResolveResponse: accepts it; refuses another byte, typ, subject, anchor, resolver, audience, and after its end', async () => {
    const d = await withMember();
    await discover(d);
    const { text } = await d.public(resolveUrl(RP));
    const options = { now: NOW, resolver: { entityId: ANCHOR, jwks: await keysOf(d) }, subject: RP, trustAnchor: ANCHOR };
    const code = async (compact: string, more: object = {}) => {
      const result = await validateResolveResponse(compact, { ...options, ...more });
      return result.ok ? 'ok' : result.findings[0]?.code;
    };
    expect(await code(text)).toBe('ok');
    expect(await code(flipSignature(text))).toBe('signature_invalid');
    expect(await code((await d.public(`/fetch?sub=${RP}`)).text)).toBe('typ_wrong');
    expect(await code(text, { subject: ANCHOR })).toBe('chain_malformed');
    expect(await code(text, { trustAnchor: SUPER })).toBe('chain_malformed');
    expect(await code(text, { resolver: { entityId: SUPER, jwks: await keysOf(d) } })).toBe('issuer_mismatch');
    expect(await code(text, { now: (decodeJwt(text).exp as number) + 1 })).toBe('expired');
    const key = await testKey();
    const aimed = await key.jwt({ ...decodeJwt(text), aud: 'https://me.example' }, { typ: 'resolve-response+jwt' });
    const resolver = { entityId: ANCHOR, jwks: { keys: [key.jwk] } };
    expect([await code(aimed, { resolver }), await code(aimed, { resolver, audience: 'https://me.example' })], 'RE-10').toEqual(['audience_wrong', 'ok']);
  });
  it('of the anchor itself: one statement', async () => {
    const d = await withMember();
    const [row] = await d.rows('SELECT id FROM authority');
    await d.deployment.store.write([knowMembers(String(row?.['id']), [ANCHOR], NOW)]);
    await discover(d);
    expect((decodeJwt((await d.public(resolveUrl(ANCHOR))).text) as Claims)['trust_chain']).toEqual([(await d.public(wellKnown(ANCHOR))).text]);
  });
  it('RE-11 ER-04: required parameters 400; an anchor not resolved under 404; an unknown subject 404; JSON errors', async () => {
    const d = await withMember();
    await discover(d);
    for (const path of ['/resolve', `/resolve?sub=${RP}`, `/resolve?trust_anchor=${ANCHOR}`, `${resolveUrl(RP)}&sub=x`])
      expect(await d.public(path), path).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
    expect(await d.public(resolveUrl(RP, SUPER))).toMatchObject({ status: 404, json: { error: 'invalid_trust_anchor' } });
    expect(await d.public(resolveUrl('https://nobody.example'))).toMatchObject({ status: 404, json: { error: 'not_found' } });
  });
  it('RE-01: of several anchors the first that has an answer', async () => {
    const d = await withMember();
    await discover(d);
    const answer = await d.public(`/resolve?sub=${RP}&trust_anchor=${SUPER}&trust_anchor=${ANCHOR}`);
    expect([answer.status, (decodeJwt(answer.text)['trust_chain'] as string[]).length]).toEqual([200, 3]);
    expect(await d.public(`/resolve?sub=https://x.example&trust_anchor=${SUPER}&trust_anchor=${ANCHOR}`)).toMatchObject({ json: { error: 'not_found' } });
  });
  it('RE-02 RE-06: entity_type narrows; types the subject lacks are dropped; none left is not_found', async () => {
    const metadata = { openid_relying_party: { redirect_uris: [`${RP}/cb`] }, oauth_client: { client_name: 'A' }, oauth_resource: {} };
    const d = await withMember({ metadata });
    await discover(d);
    const types = async (more: string) => {
      const answer = await d.public(resolveUrl(RP, ANCHOR, more));
      return answer.status === 200 ? Object.keys(decodeJwt(answer.text)['metadata'] as object).sort() : answer.json.error;
    };
    expect(await types('')).toEqual(['oauth_client', 'oauth_resource', 'openid_relying_party']);
    expect(await types('&entity_type=oauth_client')).toEqual(['oauth_client']);
    expect(await types('&entity_type=oauth_client&entity_type=oauth_resource&entity_type=openid_provider')).toEqual(['oauth_client', 'oauth_resource']);
    expect(await types('&entity_type=openid_provider')).toBe('not_found');
  });
  it('CO-09 CO-10: constraints that leave no type: the chain stands, its metadata is empty', async () => {
    const d = await withMember();
    await discover(d);
    const draft = await d.admin('POST', `${A}/policies`, { constraints: { allowed_entity_types: ['openid_provider'] } });
    await d.admin('POST', `${A}/policies/${draft.json.version}/publish`);
    await backgroundTurn(d.deployment, { more: () => true });
    await discover(d);
    const answer = await d.public(resolveUrl(RP));
    expect(answer.status, answer.text).toBe(200);
    expect(decodeJwt(answer.text)).toMatchObject({ sub: RP, metadata: {}, trust_chain: [{}, {}, {}].map(() => expect.any(String)) });
    const resolver = { entityId: ANCHOR, jwks: await keysOf(d) };
    expect((await validateResolveResponse(answer.text, { now: NOW, resolver, subject: RP, trustAnchor: ANCHOR })).ok).toBe(true);
    expect(await d.public(resolveUrl(RP, ANCHOR, '&entity_type=openid_relying_party'))).toMatchObject({ status: 404, json: { error: 'not_found' } });
    d.clock = NOW + day / 2;
    d.network.delete(wellKnown(RP));
    await discover(d);
    expect((await d.public(resolveUrl(RP))).status, 'kept while it cannot be reached').toBe(200);
  });
  it('above four types: all, and each single one; other sets are unsupported_parameter', async () => {
    const metadata = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((type) => [type, { x: 1 }]));
    const d = await withMember({ metadata });
    await discover(d);
    const status = async (...types: string[]) => {
      const answer = await d.public(resolveUrl(RP, ANCHOR, types.map((type) => `&entity_type=${type}`).join('')));
      return answer.status === 200 ? 200 : answer.json.error;
    };
    expect([await status(), await status('c'), await status('a', 'b', 'c', 'd', 'e'), await status('a', 'b'), await status('a', 'z')]).toEqual([
      200,
      200,
      200,
      'unsupported_parameter',
      200,
    ]);
  });
  it('§18.1: how many types an entity declares, and how long its chain is, do not decide how much is signed and stored for it', async () => {
    const answersOf = async (metadata: object, claims: object = {}) => {
      const d = await withMember({ metadata, ...claims });
      await discover(d);
      const rows = await d.deployment.store.db.select({ bytes: artefact.bytes }).from(artefact).where(eq(artefact.kind, 'resolve'));
      const ask = async (more: string) => {
        const answer = await d.public(resolveUrl(RP, ANCHOR, more));
        return answer.status === 200 ? 200 : answer.json.error;
      };
      return { count: rows.length, bytes: rows.reduce((sum, { bytes }) => sum + bytes.length, 0), all: await ask(''), one: await ask('&entity_type=t1') };
    };
    const types = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`t${n}`, {}]));
    const long = { padding: 'x'.repeat(150_000) };
    expect(await answersOf(types(15))).toMatchObject({ count: 16, all: 200, one: 200 });
    expect(await answersOf(types(16))).toMatchObject({ count: 17, all: 200, one: 200 });
    expect(await answersOf(types(17))).toMatchObject({ count: 1, all: 200, one: 'unsupported_parameter' });
    expect(await answersOf(types(4000))).toMatchObject({ count: 1, all: 200, one: 'unsupported_parameter' });
    const few = await answersOf(types(4), long);
    expect(few, 'singles have room, all subsets have not').toMatchObject({ count: 5, all: 200, one: 200 });
    const many = await answersOf(types(12), long);
    expect(many).toMatchObject({ count: 1, all: 200, one: 'unsupported_parameter' });
    expect(Math.max(few.bytes, many.bytes)).toBeLessThan(3 * 1024 * 1024);
  });
  it('RE-11 ER-05: a policy conflict is invalid_metadata, superiors that lead nowhere invalid_trust_chain, a broken configuration invalid_subject', async () => {
    const d = await withMember();
    await discover(d);
    expect((await d.public(resolveUrl(RP))).status).toBe(200);
    const policy = { metadata_policy: { openid_relying_party: { contacts: { essential: true } } } };
    const draft = await d.admin('POST', `${A}/policies`, policy);
    await d.admin('POST', `${A}/policies/${draft.json.version}/publish`);
    await backgroundTurn(d.deployment, { more: () => true });
    await discover(d);
    expect(await d.public(resolveUrl(RP))).toMatchObject({
      status: 400,
      json: { error: 'invalid_metadata', error_description: expect.stringMatching(/not valid, or does not fit .* operator/) },
    });
    const other = await withMember({ authority_hints: [SUPER] });
    await discover(other);
    expect(await other.public(resolveUrl(RP)), 'the only superior it names does not answer').toMatchObject({ status: 503 });
    const nowhere = await withMember({ authority_hints: [SUPER] });
    nowhere.network.set(wellKnown(SUPER), 'no configuration');
    await discover(nowhere);
    expect(await nowhere.public(resolveUrl(RP))).toMatchObject({ status: 400, json: { error: 'invalid_trust_chain' } });
    const broken = await withMember({ exp: NOW - 1 });
    await discover(broken);
    expect(await broken.public(resolveUrl(RP))).toMatchObject({ status: 404, json: { error: 'invalid_subject' } });
  });
  it('unreachable for now: 503 with Retry-After, tried again; a valid answer outlives an outage until its end', async () => {
    const d = await withMember();
    const configuration = d.network.get(wellKnown(RP)) as string;
    d.network.delete(wellKnown(RP));
    await discover(d);
    const answer = await d.public(resolveUrl(RP));
    expect([answer.status, answer.json.error, answer.headers.get('retry-after')]).toEqual([503, 'temporarily_unavailable', '10']);
    d.network.set(wellKnown(RP), configuration);
    d.clock = NOW + 80; // a minute, and a quarter of it at most
    await discover(d);
    expect((await d.public(resolveUrl(RP))).status).toBe(200);
    d.network.delete(wellKnown(RP));
    d.clock = NOW + 12.5 * 3600;
    await discover(d);
    expect((await d.public(resolveUrl(RP))).status).toBe(200);
    d.clock = NOW + day;
    expect((await d.public(resolveUrl(RP))).status, 'past its end it is withheld').toBe(503);
  });
  it('renewed at half-life, in one write: never a moment without an answer', async () => {
    const d = await withMember();
    await discover(d);
    const first = (await d.public(resolveUrl(RP))).text;
    d.clock = NOW + 13.5 * 3600;
    d.network.set(wellKnown(RP), await d.rp.configuration({ iat: d.clock - 10, exp: d.clock + day }));
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await d.public(resolveUrl(RP))).text).toBe(first);
    await discover(d);
    const second = (await d.public(resolveUrl(RP))).text;
    expect(decodeJwt(second).iat).toBe(d.clock);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('strangers and callers (§18.1)', () => {
  /** On D1 each costs ten times as much. */
  const strangers = platform === 'workers' ? 100 : 1000;
  it(`SE-02: ${strangers} anonymous requests for unknown subjects cause no outbound request and leave no trace`, async () => {
    const d = await withMember();
    await discover(d);
    const before = d.asked.length;
    await Promise.all(Array.from({ length: strangers }, (_, n) => d.public(resolveUrl(`https://stranger${n}.example`))));
    await discover(d);
    expect(d.asked.length).toBe(before);
    expect(await d.rows('SELECT * FROM wanted_subject')).toEqual([]);
    expect((await d.rows('SELECT count(*) AS n FROM known_entity'))[0]?.['n']).toBe(1);
  });
  it('an authenticated caller may wish: 503 with Retry-After until a job has evaluated it; within a budget', async () => {
    const d = await withMember({}, { clientAuth: { resolve: 'optional' } });
    const stranger = await testMember('https://stranger.example');
    let n = 0;
    const ask = async (sub: string) =>
      d.public('/resolve', {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          sub,
          trust_anchor: ANCHOR,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: await d.rp.key.jwt({ iss: RP, sub: RP, aud: ANCHOR, iat: d.clock, exp: d.clock + 60, jti: `j${n++}` }, { typ: 'JWT' }),
        }).toString(),
      });
    const first = await ask(stranger.id);
    expect([first.status, first.headers.get('retry-after')], first.text).toEqual([503, '10']);
    expect(d.asked, 'the public plane itself fetches nothing').toEqual([]);
    d.network.set(wellKnown(stranger.id), await stranger.configuration());
    await discover(d);
    expect(d.asked).toContain(wellKnown(stranger.id));
    expect((await ask(stranger.id)).json.error, 'evaluated, and no chain').toBe('invalid_trust_chain');
    const member = await ask(RP);
    expect([member.status, member.headers.get('cache-control')]).toEqual([200, 'no-store']);
    const answers = await Promise.all(Array.from({ length: 25 }, (_, k) => ask(`https://s${k}.example`)));
    expect(answers.filter(({ headers }) => headers.get('retry-after') === '60')).toHaveLength(6);
    expect(await d.rows('SELECT * FROM wanted_subject')).toHaveLength(20);
    await discover(d);
    expect((await ask('https://one-more.example')).headers.get('retry-after'), 'taken or not, a wish counts for an hour').toBe('60');
    d.clock = NOW + 3700;
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await ask('https://one-more.example')).headers.get('retry-after')).toBe('10');
  });
});

describe('cutting', () => {
  it('suspending removes statement, snapshot and mark and turns the mark’s status to revoked, in the same commit', async () => {
    const d = await withMember();
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
    const mark = (await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP })).json.trust_mark as string;
    await discover(d);
    const heads = async () => (await d.rows('SELECT max(seq) AS n FROM event'))[0]?.['n'] as number;
    const before = await heads();
    const look = async () => [
      (await d.public(`/fetch?sub=${RP}`)).status,
      (await d.public(resolveUrl(RP))).status,
      (await d.public(`/trust-mark?trust_mark_type=${TYPE}&sub=${RP}`)).status,
      decodeJwt(
        (
          await d.public('/trust-mark-status', {
            method: 'POST',
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
            body: new URLSearchParams({ trust_mark: mark }).toString(),
          })
        ).text,
      )['status'],
    ];
    expect(await look()).toEqual([200, 200, 200, 'active']);
    expect((await verb(d, RP, 'suspend')).status).toBe(200);
    expect(await look()).toEqual([404, 404, 404, 'revoked']);
    expect((await heads()) - before, 'one event: one commit').toBe(1);
    expect(await d.rows("SELECT kind FROM artefact WHERE kind IN ('statement', 'resolve', 'mark')")).toEqual([]);
    expect(await d.rows('SELECT * FROM snapshot')).toEqual([]);
    expect(await d.rows('SELECT * FROM snapshot_link')).toEqual([]);
    await verb(d, RP, 'resume', {});
    await discover(d);
    expect((await look()).slice(0, 3)).toEqual([200, 200, 200]);
  });
  it('evidence read before a halt never serves, whoever publishes it later', async () => {
    const d = await withMember();
    const { deployment, happened } = whenSigning(d.deployment, () => verb(d, RP, 'suspend'));
    await discoveryTurn(deployment, { more: () => true });
    expect(happened()).toBe(true);
    expect((await d.public(resolveUrl(RP))).status).toBe(404);
    await verb(d, RP, 'resume', {});
    expect((await d.public(resolveUrl(RP))).status, 'the old evidence does not come back with the member').not.toBe(200);
  });
  it('a changed member: the old answer waits (503) until it was evaluated anew', async () => {
    const d = await withMember();
    await discover(d);
    await d.admin('PATCH', `${A}/members/${encodeURIComponent(RP)}`, { metadata: { openid_relying_party: { client_name: 'B' } } });
    expect((await d.public(resolveUrl(RP))).status).toBe(503);
    await discover(d);
    expect((decodeJwt((await d.public(resolveUrl(RP))).text) as Claims)['metadata']).toMatchObject({ openid_relying_party: { client_name: 'B' } });
  });
  it('a compromised key: no answer that rests on its statements is served from the commit on', async () => {
    const d = await withMember();
    await discover(d);
    const kid = (await keysOf(d)).keys[0]?.kid as string;
    const old = (await d.public(resolveUrl(RP))).text;
    expect((await d.admin('POST', `${A}/keys/${kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
    expect((await d.public(resolveUrl(RP))).status).toBe(503);
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await d.public(resolveUrl(RP))).status, 'signing anew does not revive it').toBe(503);
    await discover(d);
    const fresh = (await d.public(resolveUrl(RP))).text;
    expect(fresh).not.toBe(old);
    for (const jwt of [fresh, ...((decodeJwt(fresh) as Claims)['trust_chain'] as unknown as string[]).slice(1)])
      expect(decodeProtectedHeader(jwt).kid).not.toBe(kid);
  });
  it('a key compromised while another authority evaluates: its answer does not serve, not even when the statement was signed anew', async () => {
    const d = await withMember();
    await d.admin('POST', '/authorities', { slug: 'resolver', entity_id: 'https://resolver.example.org' });
    await d.admin('POST', '/authorities/resolver/anchors', { entity_id: ANCHOR });
    const [row] = await d.rows("SELECT id FROM authority WHERE slug = 'resolver'");
    await d.deployment.store.write([knowMembers(String(row?.['id']), [RP], NOW)]);
    await d.execute(`DELETE FROM known_entity WHERE entity_id <> '${RP}' OR authority_id <> '${row?.['id']}'`);
    const kid = (await keysOf(d)).keys[0]?.kid as string;
    const { deployment, happened } = whenSigning(d.deployment, () => d.admin('POST', `${A}/keys/${kid}/revoke`, { reason: 'compromised' }));
    await evaluateDue(deployment);
    expect(happened()).toBe(true);
    const at = () => d.public(`https://resolver.example.org${resolveUrl(RP)}`);
    expect((await at()).status).toBe(503);
    await backgroundTurn(d.deployment, { more: () => true });
    expect((await at()).status).toBe(503);
    await discover(d);
    const fresh = decodeJwt((await at()).text)['trust_chain'] as string[];
    expect(fresh.slice(1).map((one) => decodeProtectedHeader(one).kid)).not.toContain(kid);
  });
  it('an ordinary key change signs the stored answers anew, without asking anyone', async () => {
    const d = await withMember();
    await discover(d);
    await d.admin('POST', `${A}/keys`, {});
    const staged = (await d.admin('GET', `${A}/keys`)).json.items.find(({ state }: { state: string }) => state === 'staged').kid;
    await d.admin('POST', `${A}/keys/${staged}/activate`, { force: true, reason: 'test' });
    const asked = d.asked.length;
    await backgroundTurn(d.deployment, { more: () => true });
    const answer = await d.public(resolveUrl(RP));
    expect([answer.status, decodeProtectedHeader(answer.text).kid, d.asked.length]).toEqual([200, staged, asked]);
    expect((await d.admin('GET', `${A}/jobs`)).json.items[0]).toMatchObject({ kind: 'resign', state: 'done' });
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

describe('marks in a response (RE-09)', () => {
  const ISSUER = 'https://issuer.example.org';
  /** A member that shows marks of an issuer elsewhere, which is a member too. */
  async function world(recognized: readonly string[] | null = [ISSUER]) {
    const d = await testDeployment();
    if (recognized) await d.admin('PUT', `${A}/mark-types/${encodeURIComponent(TYPE)}/recognition`, { issuers: recognized });
    const issuer = await testMember(ISSUER);
    const rp = await testMember(RP);
    const issuerMetadata = { federation_entity: { federation_trust_mark_status_endpoint: `${ISSUER}/status` } };
    d.network.set(wellKnown(ISSUER), await issuer.configuration({ metadata: issuerMetadata }));
    for (const one of [issuer, rp]) await d.admin('POST', `${A}/members`, { entity_id: one.id, jwks: one.jwks, activate: true });
    const mark = (claims: object = {}) =>
      issuer.key.jwt({ iss: ISSUER, sub: RP, trust_mark_type: TYPE, iat: NOW, exp: NOW + 5000, ...claims }, { typ: 'trust-mark+jwt' });
    const says = async (compact: string, status: string, more: object = {}) =>
      d.network.set(
        `${ISSUER}/status ${new URLSearchParams({ trust_mark: compact })}`,
        await issuer.key.jwt({ iss: ISSUER, iat: NOW, exp: NOW + 600, trust_mark: compact, status, ...more }, { typ: 'trust-mark-status-response+jwt' }),
      );
    const shown = async (...marks: string[]) => {
      d.network.set(
        wellKnown(RP),
        await rp.configuration({ trust_marks: marks.map((one) => ({ trust_mark_type: decodeJwt(one)['trust_mark_type'], trust_mark: one })) }),
      );
      await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
      await discover(d);
      const answer = await d.public(resolveUrl(RP));
      expect(answer.status, answer.text).toBe(200);
      return decodeJwt(answer.text) as { exp: number; trust_marks?: { trust_mark: string }[] };
    };
    const findings = async () =>
      ((await d.admin('GET', `${A}/entities/${encodeURIComponent(RP)}`)).json.snapshots as { findings: { code: string }[] }[]).flatMap((one) =>
        one.findings.map(({ code }) => code),
      );
    return { d, mark, says, shown, findings };
  }
  it('TM-05 RE-05 C5: verified and active: included, and the answer ends with it', async () => {
    const { mark, says, shown } = await world();
    const one = await mark();
    await says(one, 'active');
    const claims = await shown(one);
    expect([claims.trust_marks, claims.exp]).toEqual([[{ trust_mark_type: TYPE, trust_mark: one }], NOW + 5000]);
  });
  it.each([
    ['its issuer says revoked', {}, 'revoked', {}, [ISSUER], 'trust_mark_not_active'],
    ['its issuer says something unheard of', {}, 'Active', {}, [ISSUER], 'trust_mark_not_active'],
    ['the status answer has ended', {}, 'active', { exp: NOW - 1 }, [ISSUER], 'expired'],
    ['the status answer is about another mark', {}, 'active', { trust_mark: 'x' }, [ISSUER], 'subject_mismatch'],
    ['it was copied from another subject (TM-07)', { sub: 'https://other.example' }, 'active', {}, [ISSUER], 'trust_mark_subject'],
    ['it has ended (TM-08)', { exp: NOW - 1 }, 'active', {}, [ISSUER], 'expired'],
    ['its issuer is not listed (TM-11)', {}, 'active', {}, ['https://another.example'], 'trust_mark_issuer'],
    ['the anchor does not know the type (TM-12)', {}, 'active', {}, null, 'trust_mark_not_recognized'],
  ] as const)('left out when %s', async (_why, claims, status, more, issuers, code) => {
    const { mark, says, shown, findings } = await world(issuers as readonly string[] | null);
    const one = await mark(claims);
    await says(one, status, more);
    const answer = await shown(one);
    expect([answer.trust_marks, answer.exp]).toEqual([undefined, NOW + day]);
    expect(await findings()).toContain(code);
  });
  it('left out when its status cannot be had; an empty issuer list means anyone', async () => {
    const { mark, says, shown, findings } = await world([]);
    const one = await mark();
    expect((await shown(one)).trust_marks).toBeUndefined();
    expect(await findings()).toContain('trust_mark_status_unknown');
    await says(one, 'active');
    expect((await shown(one)).trust_marks).toHaveLength(1);
  });
  it('TM-05: left out when its issuer is no longer trusted', async () => {
    const { d, mark, says, shown } = await world();
    const one = await mark();
    await says(one, 'active');
    expect((await shown(one)).trust_marks).toHaveLength(1);
    await verb(d, ISSUER, 'suspend');
    expect((await shown(one)).trust_marks).toBeUndefined();
  });
  it('one of our own, withdrawn: the answer waits and comes back without it', async () => {
    const d = await testDeployment();
    await d.admin('PUT', `${A}/mark-types/${encodeURIComponent(TYPE)}/recognition`, { issuers: [ANCHOR] });
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
    const rp = await testMember(RP);
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, activate: true });
    const granted = await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
    d.network.set(wellKnown(RP), await rp.configuration({ trust_marks: [{ trust_mark_type: TYPE, trust_mark: granted.json.trust_mark }] }));
    await discover(d);
    expect(decodeJwt((await d.public(resolveUrl(RP))).text)['trust_marks']).toHaveLength(1);
    await d.admin('POST', `${A}/marks/${granted.json.id}/withdraw`, { reason: 'test' });
    expect((await d.public(resolveUrl(RP))).status).toBe(503);
    await discover(d);
    const after = await d.public(resolveUrl(RP));
    expect([after.status, decodeJwt(after.text)['trust_marks']]).toEqual([200, undefined]);
  });
});

describe('several anchors', () => {
  /** leaf → intermediate (an authority of ours) → anchor (another) and → a pinned anchor elsewhere. */
  async function threeLevels() {
    const d = await testDeployment();
    const INTERMEDIATE = 'https://intermediate.example.org';
    const elsewhere = await testKey();
    await d.admin('POST', '/authorities', { slug: 'inter', entity_id: INTERMEDIATE, authority_hints: [ANCHOR, SUPER] });
    const jwks = await keysOf(d, INTERMEDIATE);
    await d.admin('POST', `${A}/members`, { entity_id: INTERMEDIATE, jwks, intermediate: true, activate: true });
    const leaf = await testMember('https://leaf.example.net');
    d.network.set(wellKnown(leaf.id), await leaf.configuration({ authority_hints: [INTERMEDIATE] }));
    await d.admin('POST', '/authorities/inter/members', { entity_id: leaf.id, jwks: leaf.jwks, activate: true });
    const times = { iat: NOW - 10, exp: NOW + day };
    d.network.set(
      wellKnown(SUPER),
      await elsewhere.jwt({
        iss: SUPER,
        sub: SUPER,
        ...times,
        jwks: { keys: [elsewhere.jwk] },
        metadata: { federation_entity: { federation_fetch_endpoint: `${SUPER}/fetch`, federation_list_endpoint: `${SUPER}/list` } },
      }),
    );
    d.network.set(`${SUPER}/fetch?sub=${encodeURIComponent(INTERMEDIATE)}`, await elsewhere.jwt({ iss: SUPER, sub: INTERMEDIATE, ...times, jwks }));
    const pin = (body: object) => d.admin('POST', '/authorities/inter/anchors', body);
    return { d, leaf, elsewhere, pin, at: (anchor: string) => d.public(`https://intermediate.example.org${resolveUrl(leaf.id, anchor)}`), INTERMEDIATE };
  }
  it('a three-level federation resolves under itself, a local anchor and one elsewhere', async () => {
    const { d, elsewhere, pin, at, INTERMEDIATE } = await threeLevels();
    expect((await pin({ entity_id: ANCHOR })).status, 'an authority of this deployment needs no keys').toBe(201);
    expect((await pin({ entity_id: SUPER, jwks: { keys: [elsewhere.jwk] } })).status).toBe(201);
    await discover(d);
    const ends = async (anchor: string) => {
      const answer = await at(anchor);
      expect(answer.status, answer.text).toBe(200);
      const chain = (decodeJwt(answer.text) as Claims)['trust_chain'] as unknown as string[];
      return chain.map((one) => decodeJwt(one).iss);
    };
    const leaf = 'https://leaf.example.net';
    expect(await ends(INTERMEDIATE)).toEqual([leaf, INTERMEDIATE, INTERMEDIATE]);
    expect(await ends(ANCHOR)).toEqual([leaf, INTERMEDIATE, ANCHOR, ANCHOR]);
    expect(await ends(SUPER)).toEqual([leaf, INTERMEDIATE, SUPER, SUPER]);
    // The anchor cuts the intermediate: everything below vanishes under it, and under it alone, from the next request on.
    await verb(d, INTERMEDIATE, 'suspend');
    expect((await at(ANCHOR)).status).toBe(404);
    expect([(await at(SUPER)).status, (await at(INTERMEDIATE)).status]).toEqual([200, 200]);
    await discover(d);
    expect(await at(ANCHOR)).toMatchObject({ status: 400, json: { error: 'invalid_trust_chain' } });
    expect((await at(SUPER)).status).toBe(200);
  });
  it('an intermediate’s key compromised while its superior evaluates what lies below: the answer does not serve', async () => {
    const { d, leaf, INTERMEDIATE } = await threeLevels();
    const [row] = await d.rows("SELECT id FROM authority WHERE slug = 'main'");
    await d.deployment.store.write([knowMembers(String(row?.['id']), [leaf.id], NOW)]);
    await d.execute(`DELETE FROM known_entity WHERE entity_id <> '${leaf.id}' OR authority_id <> '${row?.['id']}'`);
    const kid = (await keysOf(d, INTERMEDIATE)).keys[0]?.kid;
    const { deployment, happened } = whenSigning(d.deployment, () => d.admin('POST', `/authorities/inter/keys/${kid}/revoke`, { reason: 'compromised' }));
    await evaluateDue(deployment);
    expect(happened()).toBe(true);
    expect((await d.public(resolveUrl(leaf.id))).status).toBe(503);
  });
  it('TC-01 TC-11: pinned keys that differ from the served ones: refused; an unpinned anchor answers no more', async () => {
    const { d, elsewhere, pin, at } = await threeLevels();
    const other = await testKey('ES256', elsewhere.kid);
    await pin({ entity_id: SUPER, jwks: { keys: [other.jwk] } });
    await discover(d);
    expect(await at(SUPER)).toMatchObject({ status: 400, json: { error: 'invalid_trust_chain' } });
    const check = await d.admin('POST', `/authorities/inter/anchors/${encodeURIComponent(SUPER)}/check`);
    expect(check.json).toMatchObject({ ok: false, added: [elsewhere.kid], removed: [elsewhere.kid] });
    await pin({ entity_id: SUPER, jwks: { keys: [elsewhere.jwk] } });
    await discover(d);
    expect((await at(SUPER)).status).toBe(200);
    expect((await d.admin('POST', `/authorities/inter/anchors/${encodeURIComponent(SUPER)}/check`)).json).toMatchObject({ ok: true, added: [], removed: [] });
    const place = `${SUPER}/.well-known/openid-federation`;
    const real = d.network.get(place) as string;
    d.network.set(
      place,
      await other.jwt({ ...(decodeJwt(real) as object), jwks: { keys: [elsewhere.jwk, (await testKey()).jwk] } } as never, { kid: elsewhere.kid }),
    );
    expect(
      (await d.admin('POST', `/authorities/inter/anchors/${encodeURIComponent(SUPER)}/check`)).json,
      'keys in a configuration that none of them has signed are not compared',
    ).toMatchObject({ ok: false, findings: [{ code: 'signature_invalid' }], added: [], removed: [] });
    d.network.set(place, real);
    await pin({ entity_id: SUPER, jwks: { keys: [elsewhere.jwk, other.jwk] } });
    expect((await at(SUPER)).status, 'a key more narrows nothing').toBe(200);
    await pin({ entity_id: SUPER, jwks: { keys: [other.jwk] } });
    expect((await at(SUPER)).status, 'what the key that was taken away has proved is served no more').toBe(404);
    await d.admin('POST', `/authorities/inter/anchors/${encodeURIComponent(SUPER)}/unpin`);
    expect(await at(SUPER)).toMatchObject({ status: 404, json: { error: 'invalid_trust_anchor' } });
    await discover(d);
    await pin({ entity_id: SUPER, jwks: { keys: [other.jwk] } });
    expect((await at(SUPER)).status, 'an answer under the old pin never serves under a new one').toBe(404);
  });
  it('a problem with the keys of an anchor is an event when it appears and when it is gone, and no word about keys pinned meanwhile', async () => {
    const { d, elsewhere, pin } = await threeLevels();
    const other = await testKey('ES256', elsewhere.kid);
    const check = () => d.admin('POST', `/authorities/inter/anchors/${encodeURIComponent(SUPER)}/check`);
    const told = async () =>
      (await d.admin('GET', '/authorities/inter/events?limit=200')).json.items
        .filter((one: { type: string }) => one.type.startsWith('anchor.problem'))
        .map(({ type, subject, detail }: { type: string; subject: { id: string }; detail: { problem: string } }) => [type, subject.id, typeof detail.problem]);
    const problem = async () => (await d.rows(`SELECT problem, checked_at FROM anchor_pin WHERE entity_id = '${SUPER}'`))[0];
    await pin({ entity_id: SUPER, jwks: { keys: [elsewhere.jwk] } });
    expect((await check()).json).toMatchObject({ ok: true });
    expect(await told()).toEqual([]);
    expect(await problem()).toEqual({ problem: null, checked_at: NOW });
    const place = `${SUPER}/.well-known/openid-federation`;
    const real = d.network.get(place) as string;
    d.network.set(place, await other.jwt({ ...(decodeJwt(real) as object) } as never, { kid: elsewhere.kid }));
    expect((await check()).json).toMatchObject({ ok: false });
    expect((await check()).json).toMatchObject({ ok: false });
    expect(await told(), 'once').toEqual([['anchor.problem_raised', SUPER, 'string']]);
    d.network.set(place, real);
    expect((await check()).json).toMatchObject({ ok: true });
    expect(await told()).toEqual([
      ['anchor.problem_raised', SUPER, 'string'],
      ['anchor.problem_cleared', SUPER, 'string'],
    ]);
    expect(await problem()).toMatchObject({ problem: null });
    // What is found about other keys than those pinned by now is nobody's problem.
    await pin({ entity_id: SUPER, jwks: { keys: [other.jwk] } });
    let passed = false;
    const call = {
      ...d.call,
      explorer: {
        ...d.call.explorer,
        ask: async (question: never, asked: never) => {
          const answer = await d.call.explorer.ask(question, asked);
          passed = (await pin({ entity_id: SUPER, jwks: { keys: [elsewhere.jwk] } })).status === 201;
          return answer;
        },
      },
    };
    await expect(checkAnchor(call as typeof d.call, 'inter', SUPER)).rejects.toMatchObject({ code: 'version_conflict' });
    expect(passed).toBe(true);
    expect(await problem()).toEqual({ problem: null, checked_at: null });
  });
  it('an anchor is pinned by keys, PEM or thumbprints compared elsewhere, and by nothing less', async () => {
    const { elsewhere, pin, d } = await threeLevels();
    expect((await pin({ entity_id: SUPER })).status).toBe(400);
    expect((await pin({ entity_id: SUPER, jwks: {}, pem: 'x' })).status).toBe(400);
    expect((await pin({ entity_id: 'http://x' })).status).toBe(422);
    expect((await pin({ entity_id: SUPER, thumbprints: ['wrong'] })).json.findings[0].code).toBe('keys_differ');
    expect((await pin({ entity_id: SUPER, thumbprints: [elsewhere.kid] })).json).toMatchObject({ entity_id: SUPER, jwks: { keys: [{ kid: elsewhere.kid }] } });
    expect((await d.admin('GET', '/authorities/inter/anchors')).json.items).toHaveLength(1);
    await expect(unpinAnchor(d.call, 'inter', ANCHOR)).rejects.toMatchObject({ code: 'not_found' });
    await expect(pinAnchor(d.call, 'main', { entityId: ANCHOR })).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
