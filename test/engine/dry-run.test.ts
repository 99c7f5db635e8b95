import { compactVerify, createLocalJWKSet, decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Custody } from '../../src/keys/custody.js';
import { createKey } from '../../src/operations/keys/create-key.js';
import { moveMember } from '../../src/operations/members/move-member.js';
import { rehearsing } from '../../src/operations/rehearsing.js';
import { SYSTEM } from '../../src/operations/call.js';
import { type Answer, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const M = `${A}/members/${encodeURIComponent(RP)}`;
const told = ({ status, json }: Answer) => [status, json.code ?? json.state];

/** What a change would have written into. */
async function kept(d: TestDeployment): Promise<unknown> {
  const tables = [
    'event',
    'event_private',
    'member',
    'authority',
    'authority_key',
    'artefact',
    'proposal',
    'approval',
    'idempotency',
    'api_key',
    'job',
    'setting',
  ];
  return Promise.all(tables.map(async (name) => (await d.rows(`SELECT * FROM "${name}"`)).map((row) => JSON.stringify(row)).sort()));
}

async function enrolled() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  const body = { entity_id: RP, jwks: rp.jwks, activate: true };
  return { d, body, enrol: () => d.admin('POST', `${A}/members`, body) };
}

describe('a dry run', () => {
  it('decides as always and commits nothing: no row, no event, no signature, no note of who asked; then the same is done', async () => {
    const { d, body, enrol } = await enrolled();
    d.clock += 3600;
    const before = await kept(d);
    const dry = await d.admin('POST', `${A}/members?dry_run=true`, body);
    expect([dry.status, dry.json.dry_run, dry.json.state, dry.headers.get('holdfast-dry-run')]).toEqual([200, true, 'active', 'true']);
    expect(await kept(d)).toEqual(before);
    expect(told(await enrol())).toEqual([201, 'active']);
    // What the call would be refused with.
    const after = await kept(d);
    for (const [method, path, asked, answer] of [
      ['POST', `${A}/members`, body, [409, 'already_exists']],
      ['POST', `${M}/activate`, {}, [200, 'active']],
      ['POST', `${M}/take`, {}, [409, 'wrong_state']],
      ['POST', `${M}/suspend`, {}, [400, 'invalid_request']],
      ['POST', `${M}/suspend`, { reason: 'x' }, [200, 'suspended']],
      ['PATCH', M, { v: 9 }, [412, 'version_conflict']],
      ['PATCH', '/authorities/none', {}, [404, 'not_found']],
      ['POST', `${A}/policies`, { metadata_policy: { x: { y: { subset_of: 1 } } } }, [422, 'findings']],
    ] as const)
      expect([path, ...told(await d.admin(method, `${path}?dry_run=true`, asked))]).toEqual([path, ...answer]);
    const auditor = await d.tokenFor('auditor');
    const denied = await kept(d);
    expect(told(await d.admin('POST', `${M}/suspend?dry_run=true`, { reason: 'x' }, { token: auditor }))).toEqual([403, 'permission_denied']);
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status, 'nobody was cut').toBe(200);
    expect(await kept(d)).toEqual(denied);
    expect(denied).not.toEqual(after);
  });

  it('is asked for by true or false alone, and of what writes alone', async () => {
    const { d, body } = await enrolled();
    await d.admin('GET', '/whoami');
    const before = await kept(d);
    for (const value of ['maybe', '1', 'TRUE', '', 'true&dry_run=false']) {
      const { status, json } = await d.admin('POST', `${A}/members?dry_run=${value}`, body);
      expect([value, status, json.code, json.detail]).toEqual([value, 400, 'invalid_request', expect.stringContaining('dry_run')]);
    }
    for (const [method, path, asked] of [
      ['GET', `${A}/members`, undefined],
      ['POST', `${A}/policies/check`, { metadata_policy: {} }],
      ['POST', `${A}/explain`, { entity_id: RP }],
    ] as const)
      expect((await d.admin(method, `${path}?dry_run=true`, asked)).json.detail, path).toContain('is no parameter of this request');
    const lines = await d.admin('POST', `${A}/imports/none/lines?dry_run=true`, '{}', { headers: { 'content-type': 'application/x-ndjson' } });
    expect([lines.status, lines.json.code]).toEqual([400, 'not_rehearsable']);
    expect(await kept(d)).toEqual(before);
    // Written in another way it is the same.
    expect((await d.admin('POST', `${A}/members?dry%5Frun=%74rue`, body)).json).toMatchObject({ dry_run: true });
    expect(await kept(d)).toEqual(before);
    expect((await d.admin('POST', `${A}/members?dry_run=false`, body)).status).toBe(201);
  });

  it('uses no Idempotency-Key up: the same key carries out what was rehearsed, once', async () => {
    const { d, body } = await enrolled();
    const headers = { 'idempotency-key': 'once' };
    for (let n = 0; n < 2; n++) expect((await d.admin('POST', `${A}/members?dry_run=true`, body, { headers })).status).toBe(200);
    const real = await d.admin('POST', `${A}/members`, body, { headers });
    expect([real.status, real.headers.get('idempotency-replayed')]).toEqual([201, null]);
    const again = await d.admin('POST', `${A}/members`, body, { headers });
    expect([again.status, again.headers.get('idempotency-replayed'), again.json.id]).toEqual([201, 'true', real.json.id]);
    // What was done is not what a rehearsal of it would tell.
    expect(told(await d.admin('POST', `${A}/members?dry_run=true`, body, { headers }))).toEqual([409, 'already_exists']);
    expect((await d.admin('POST', `${A}/members?dry_run=true`, body, { headers: { 'idempotency-key': 'x\ty' } })).status).toBe(400);
  });

  it('with quorum 2 tells that it would wait for a second person, and puts nothing on record', async () => {
    const { d, body } = await enrolled();
    const { operator, approvers } = await twoDecide(d, 2);
    const [carl, dora] = approvers;
    await operator.as('POST', `${A}/members`, { ...body, activate: false });
    const before = await kept(d);
    const first = await carl.as('POST', `${M}/approve?dry_run=true`, {});
    expect([first.status, first.json]).toEqual([
      200,
      {
        dry_run: true,
        waiting_for: 1,
        approval: { id: null, kind: 'application', subject: expect.any(String), digest: expect.any(String) },
        detail: expect.any(String),
      },
    ]);
    expect((await operator.as('POST', `${M}/approve?dry_run=true`, {})).json.code).toBe('permission_denied');
    expect(await kept(d)).toEqual(before);
    const asked = await carl.as('POST', `${M}/approve`, {});
    expect([asked.status, asked.json.approval.digest]).toEqual([202, first.json.approval.digest]);
    const waiting = await kept(d);
    expect((await carl.as('POST', `${M}/approve?dry_run=true`, {})).json).toMatchObject({ waiting_for: 1, approval: { id: asked.json.approval.id } });
    const { id, digest } = asked.json.approval;
    for (const verdict of ['approve', 'refuse'])
      expect((await dora.as('POST', `/approvals/${id}?dry_run=true`, { verdict, digest })).json, verdict).toMatchObject({
        dry_run: true,
        state: verdict === 'approve' ? 'done' : 'refused',
      });
    expect(told(await dora.as('POST', `${M}/approve?dry_run=true`, {}))).toEqual([200, 'approved']);
    expect(await kept(d)).toEqual(waiting);
    expect(told(await dora.as('POST', `${M}/approve`, {}))).toEqual([200, 'approved']);
    // What has a richer answer gives it, and says the same.
    await dora.as('POST', `${M}/activate`, {});
    const scopes = (...values: string[]) => ({ entitlements: values.map((value) => ({ kind: 'scope', value })) });
    expect((await carl.as('PUT', `${M}/entitlements`, scopes('read'))).status, 'narrows').toBe(200);
    const narrow = await kept(d);
    expect((await carl.as('PUT', `${M}/entitlements?dry_run=true`, scopes('read', 'write'))).json).toMatchObject({
      dry_run: true,
      waiting_for: 1,
      preview: { widens: true },
    });
    expect((await carl.as('PUT', `${M}/entitlements?dry_run=true`, scopes())).json.waiting_for).toBeUndefined();
    expect(await kept(d)).toEqual(narrow);
  });

  it('of a cut waits for nobody and takes nothing from whoever waits', async () => {
    const { d, enrol } = await enrolled();
    await enrol();
    const [{ id: authorityId } = {}] = (await d.rows("SELECT id FROM authority WHERE slug = 'main'")) as { id: string }[];
    let let_go = () => {};
    const held = new Promise<void>((done) => {
      let_go = done;
    });
    const nothing = (result: string) => ({ events: [], statements: [], result });
    const asked = { authorityId: authorityId as string, actor: SYSTEM };
    const { store } = d.deployment;
    const first = store.change({ ...asked, scope: null, decide: () => held.then(() => nothing('first')) });
    const waits = store.change({ ...asked, scope: RP, decide: async () => nothing('second') });
    const { member } = await moveMember(rehearsing(d.call), 'main', RP, 'suspend', { reason: 'x' });
    expect(member.state).toBe('suspended');
    let_go();
    expect(await Promise.all([first, waits]), 'a cut of the same member would have overtaken it').toEqual(['first', 'second']);
    // For real it does.
    const again = new Promise<void>((done) => {
      let_go = done;
    });
    const blocked = store.change({ ...asked, scope: null, decide: () => again.then(() => nothing('first')) });
    const behind = store.change({ ...asked, scope: RP, decide: async () => nothing('second') }).catch((error: Error) => error.message);
    const cut = moveMember(d.call, 'main', RP, 'suspend', { reason: 'x' });
    // It has come to the queue once whoever was before it is refused.
    expect(await behind).toContain('a cut of it came first');
    let_go();
    expect([await blocked, (await cut).member.state]).toEqual(['first', 'suspended']);
  });

  it('asks the custody for signatures alone: a key that it makes is gone with it', async () => {
    const d = await testDeployment();
    const { custody } = d.deployment;
    const made: string[] = [];
    const taken = <T>(kid: string, key: T): T => {
      made.push(kid);
      return key;
    };
    const watched: Custody = {
      ...custody,
      generate: (id, alg) => custody.generate(id, alg).then((key) => taken(key.kid, key)),
      adopt: (id, ...more) => custody.adopt(id, ...more).then((key) => taken('adopted', key)),
    };
    const call = { ...d.call, custody: watched };
    const before = await kept(d);
    const key = await createKey(rehearsing(call), 'main', { stage: true });
    expect([key.state, made, await kept(d)]).toEqual(['staged', [], before]);
    await createKey(call, 'main', { stage: true });
    expect(made).toHaveLength(1);
    const authority = await d.admin('POST', '/authorities?dry_run=true', { slug: 'other', entity_id: 'https://other.example' });
    expect([authority.status, authority.json.slug], 'its first configuration was signed by a key of the rehearsal').toEqual([200, 'other']);
  });

  it('shows nothing that would open what is not there', async () => {
    const { d, body } = await enrolled();
    await d.admin('POST', `${A}/members`, { ...body, activate: false });
    const before = await kept(d);
    for (const [path, asked, secrets] of [
      ['/api-keys', { name: 'x', role: 'auditor' }, ['token']],
      [`${A}/join-links`, {}, ['secret', 'url']],
      [`${M}/keys/challenges`, {}, ['challenge_id', 'nonce']],
    ] as const) {
      const { status, json, text } = await d.admin('POST', `${path}?dry_run=true`, asked);
      expect([path, status, secrets.filter((name) => name in json)]).toEqual([path, 200, []]);
      expect(text).not.toMatch(/hf_[0-9a-z]{8}_|hfj_/);
    }
    expect(await kept(d)).toEqual(before);
  });

  it('signs nothing that verifies: a mark that was granted in a rehearsal is none, and stands nowhere', async () => {
    const { d, enrol } = await enrolled();
    await enrol();
    const type = 'https://anchor.example.org/mark';
    expect((await d.admin('POST', `${A}/mark-types`, { trust_mark_type: type })).status).toBe(201);
    const keys = (decodeJwt((await d.public('/.well-known/openid-federation')).text)['jwks'] as { keys: never[] }).keys;
    const verified = (mark: string) =>
      compactVerify(mark, createLocalJWKSet({ keys })).then(
        () => true,
        () => false,
      );
    const grant = (query: string) => d.admin('POST', `${A}/marks${query}`, { trust_mark_type: type, member: RP });
    const dry = await grant('?dry_run=true');
    expect([dry.status, decodeJwt(dry.json.trust_mark).sub, await verified(dry.json.trust_mark)]).toEqual([200, RP, false]);
    const real = await grant('');
    expect([real.status, await verified(real.json.trust_mark)]).toEqual([201, true]);
  });

  it('is refused what is refused while the clock is not trusted; a cut is told of', async () => {
    const { d, enrol } = await enrolled();
    await enrol();
    d.jump(3600);
    const before = await kept(d);
    expect(told(await d.admin('PATCH', `${M}?dry_run=true`, {}))).toEqual([503, 'temporarily_unavailable']);
    expect(told(await d.admin('POST', `${M}/suspend?dry_run=true`, { reason: 'x' }))).toEqual([200, 'suspended']);
    expect((await d.admin('POST', '/clock/confirm?dry_run=true', { reason: 'x' })).json).toMatchObject({ dry_run: true, trusted: true, now: NOW + 3600 });
    expect(await kept(d)).toEqual(before);
    expect((await d.admin('GET', '/clock')).json.trusted).toBe(false);
  });
});
