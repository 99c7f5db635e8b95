import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { haltKey } from '../../src/operations/members/halt-key.js';
import { fsck } from '../../src/operations/fsck.js';
import { replaceMemberKeys } from '../../src/operations/members/change-member.js';
import { ANCHOR, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const TWO = 'https://two.example.org';
const TYPE = `${ANCHOR}/marks/certified`;
const of = encodeURIComponent;
const ok = async (asked: ReturnType<TestDeployment['admin']>, status = 200) => {
  const answer = await asked;
  expect(answer.status, answer.text).toBe(status);
  return answer.json;
};
const at = (d: TestDeployment, slug: string, id: string) => d.admin('GET', `/authorities/${slug}/members/${of(id)}`);
const enroll = async (d: TestDeployment, slug: string, body: object) => ok(d.admin('POST', `/authorities/${slug}/members`, { activate: true, ...body }), 201);
const halt = (d: TestDeployment, body: object, options: { token?: string; headers?: Record<string, string> } = {}) =>
  d.admin('POST', '/halts', { reason: 'leaked', ...body }, options);
const statement = async (d: TestDeployment, id: string, base = ANCHOR) => d.public(`${base}/fetch?sub=${of(id)}`);
const kidsOf = async (d: TestDeployment, id: string, base = ANCHOR) =>
  (decodeJwt((await statement(d, id, base)).text)['jwks'] as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
const state = async (d: TestDeployment) => [
  await d.rows('SELECT * FROM member ORDER BY id'),
  await d.rows('SELECT * FROM halted_key'),
  await d.rows('SELECT count(*) AS n FROM event'),
];

/** Two authorities; one organization known to both; a key bound at both. */
async function federation() {
  const d = await testDeployment();
  await createAuthority(d.call, { slug: 'two', entityId: TWO });
  const shared = await testMember('https://a.example.com');
  const other = await testKey();
  const jwks = { keys: [shared.key.jwk, other.jwk] };
  for (const [slug, name] of [
    ['main', 'Bank A'],
    ['two', 'Bank A (Sweden)'],
  ] as const) {
    await ok(d.admin('POST', `/authorities/${slug}/organizations`, { legal_name: name, registration_number: 'se 5560-1', jurisdiction: 'se' }), 201);
    await enroll(d, slug, { entity_id: shared.id, jwks: slug === 'main' ? jwks : { keys: [shared.key.jwk] }, organization: name });
  }
  d.network.set(`${shared.id}/.well-known/openid-federation`, await shared.configuration({ jwks }));
  return { d, shared, other, jkt: String(shared.key.jwk.kid) };
}

describe('a key of members', () => {
  it('is halted wherever it is bound, in one act; it comes back by no configuration, import, readmission or other authority', async () => {
    const { d, shared, other } = await federation();
    const thumbprint = String(
      (await d.rows('SELECT thumbprint FROM member_key WHERE authority_id = (SELECT id FROM authority WHERE slug = ?)'.replace('?', "'two'")))[0]?.[
        'thumbprint'
      ],
    );
    const reach = await ok(d.admin('GET', `/halts/reach?level=key&key=${thumbprint}`));
    expect(reach).toMatchObject({ members: 2, statements: 2, others_may_hold: { endless: false } });
    const scoped = await d.tokenFor('responder', ['main']);
    const before = await state(d);
    expect((await halt(d, { level: 'key', key: thumbprint }, { token: scoped })).json.code, 'one of one authority').toBe('permission_denied');
    expect((await halt(d, { level: 'key', key: 'kid-1' })).json.code).toBe('invalid_request');
    expect((await halt(d, { level: 'key', key: 'A'.repeat(43) })).json.code).toBe('not_found');
    expect(await state(d), 'nothing was changed').toEqual(before);

    const done = await ok(halt(d, { level: 'key', key: thumbprint, reason_code: 'compromised' }));
    expect(done).toMatchObject({
      level: 'key',
      authority: null,
      already: false,
      members: 2,
      receipt: { members: 2, still_served: 0, event: { type: 'key.halted', reason_code: 'compromised' } },
    });
    expect(done.receipt.others_may_hold.until).toBe(reach.others_may_hold.until);
    const byUrl = new Map(done.receipt.answers.map((one: { url: string }) => [one.url, one]));
    expect(byUrl.get(`${ANCHOR}/fetch?sub=${of(shared.id)}`)).toMatchObject({ status: 200, lists_key: false });
    expect(byUrl.get(`${TWO}/fetch?sub=${of(shared.id)}`), 'its only key there').toMatchObject({ status: 404 });
    expect(await kidsOf(d, shared.id)).toEqual([other.jwk.kid]);
    expect([(await ok(at(d, 'two', shared.id))).state, (await statement(d, shared.id, TWO)).status]).toEqual(['suspended', 404]);
    for (const slug of ['main', 'two'])
      expect((await ok(d.admin('GET', `/authorities/${slug}/events?limit=1000`))).items.at(-1)).toMatchObject({
        type: 'member.key_halted',
        detail: { halt: done.halt },
      });
    expect(await ok(d.admin('GET', `/receipts/${done.receipt.event.seq}`))).toEqual(done.receipt);

    const again = await ok(halt(d, { level: 'key', key: thumbprint }));
    expect([again.already, again.members]).toEqual([true, 0]);

    // It is shown again, signed by the key that stayed.
    d.clock += 60;
    const shows = await shared.configuration({ jwks: { keys: [shared.key.jwk, other.jwk] }, iat: d.clock - 1 }, other);
    const adopted = await d.admin('POST', `/authorities/main/members/${of(shared.id)}/keys/adopt`, { entity_configuration: shows });
    expect(adopted.status, adopted.text).toBe(409);
    // Somebody else comes with it, alone and in an import.
    const fresh = { entity_id: 'https://b.example.com', jwks: shared.jwks };
    const refused = await d.admin('POST', '/authorities/two/members', fresh);
    expect([refused.status, refused.json.findings?.[0]?.code], refused.text).toEqual([422, 'key_halted']);
    const operator = await d.tokenFor('operator');
    expect((await d.admin('POST', '/authorities/two/members', { ...fresh, waive: ['key_halted'] }, { token: operator })).status).toBe(403);
    const { id } = await ok(d.admin('POST', '/authorities/two/imports', {}), 201);
    await d.admin('POST', `/authorities/two/imports/${id}/lines`, JSON.stringify(fresh), { headers: { 'content-type': 'application/x-ndjson' } });
    expect((await ok(d.admin('GET', `/authorities/two/jobs/${id}/refusals`))).items[0]?.code).toBe('key_halted');
    await ok(d.admin('POST', `/authorities/two/imports/${id}/finish`));
    // It is given back by a person, who says so.
    const back = { jwks: shared.jwks, reason: 'it was another one' };
    expect((await d.admin('PUT', `/authorities/two/members/${of(shared.id)}/keys`, back)).status).toBe(422);
    await ok(d.admin('PUT', `/authorities/two/members/${of(shared.id)}/keys`, { ...back, waive: ['key_halted'] }));
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('is given back by whoever knows of every halt of it: none that comes meanwhile, in whatever process, is waived', async () => {
    const { d, shared } = await federation();
    const leaked = await testKey();
    const enrolled = await d.admin('POST', '/authorities/two/members', { entity_id: 'https://x.example', jwks: { keys: [leaked.jwk] }, activate: true });
    expect(enrolled.status, enrolled.text).toBe(201);
    const keys = { keys: [...(await ok(at(d, 'main', shared.id))).jwks.keys, leaked.jwk] };
    const body = { jwks: keys, reason: 'rotation', waive: ['key_halted'] };
    const haltIt = () => ok(halt(d, { level: 'key', key: String(leaked.kid) }));
    /** A call for which the halt comes while the roots of certificates are read. */
    const meanwhile = () => {
      let left = 1;
      const db = new Proxy(d.call.store.db, {
        get(of, name) {
          if (name !== 'select') return Reflect.get(of, name, of);
          return (fields?: object) => {
            const real = of.select(fields as never);
            if (!fields || !('roots' in fields) || left-- < 1) return real;
            const limit = (t: unknown, w: unknown) => async (n: number) => {
              await haltIt();
              return real
                .from(t as never)
                .where(w as never)
                .limit(n);
            };
            return { from: (t: unknown) => ({ where: (w: unknown) => ({ limit: limit(t, w) }) }) };
          };
        },
      });
      return { ...d.call, store: { ...d.call.store, db } } as never;
    };
    for (const waive of [[], ['key_halted'], ['key_halted']])
      await expect(replaceMemberKeys(meanwhile(), 'main', shared.id, { ...body, waive })).rejects.toThrow();
    expect(await kidsOf(d, shared.id)).not.toContain(leaked.kid);

    const { approvers } = await twoDecide(d);
    const path = `/authorities/main/members/${of(shared.id)}/keys`;
    const put = (n: number) => approvers[n]?.as('PUT', path, body);
    expect((await put(0))?.status).toBe(202);
    await haltIt();
    const listed = (await ok(d.admin('GET', '/approvals?state=open'))).items;
    expect((await put(1))?.status, 'it was halted once more: the first approval is void').toBe(202);
    expect(listed, 'and was not current').toMatchObject([{ current: false }]);
    // Another key of it: halted nowhere when it was asked for, and then at one authority only.
    const other = await testKey();
    await ok(d.admin('POST', '/authorities/two/members', { entity_id: 'https://y.example', jwks: { keys: [other.jwk] }, activate: true }), 201);
    const both = { ...body, jwks: { keys: [...keys.keys.filter(({ kid }: { kid: string }) => kid !== leaked.kid), other.jwk] } };
    expect((await approvers[0].as('PUT', path, both)).status).toBe(202);
    await ok(halt(d, { level: 'key', authority: 'two', key: String(other.kid) }));
    expect((await approvers[1].as('PUT', path, both)).status).toBe(202);
    expect((await approvers[0].as('PUT', path, both)).status, 'both know of it').toBe(200);
  });

  it('is halted with a custody that is away: what listed it is withheld in the same commit', async () => {
    const { d, shared } = await federation();
    const away = async () => Promise.reject(new Error('away'));
    const { signer } = d.deployment.custody;
    Object.assign(d.deployment.custody, { signer: away });
    const done = await ok(halt(d, { level: 'key', authority: 'main', member: shared.id, key: shared.key.jwk.kid }));
    Object.assign(d.deployment.custody, { signer });
    expect([done.authority, done.members, (await statement(d, shared.id)).status]).toEqual(['main', 1, 503]);
    expect(done.receipt.answers[0]).toMatchObject({ what: 'statement', status: 503 });
    expect((await statement(d, shared.id, TWO)).status, 'there it stands').toBe(200);
  });

  it('of many members is halted with a few signatures and few statements; the others are withheld and due; each chain is told', async () => {
    const { d, shared, other, jkt } = await federation();
    const { id } = await ok(d.admin('POST', '/authorities/main/imports', {}), 201);
    // Every second one has no other key.
    const names = Array.from({ length: 40 }, (_, n) => `https://m${n}.example.com`);
    const lines = names.map((one, n) =>
      JSON.stringify({ entity_id: one, jwks: { keys: n % 2 ? [shared.key.jwk] : [shared.key.jwk, other.jwk] }, activate: true }),
    );
    await ok(d.admin('POST', `/authorities/main/imports/${id}/lines`, lines.join('\n'), { headers: { 'content-type': 'application/x-ndjson' } }));
    await ok(d.admin('POST', `/authorities/main/imports/${id}/finish`));
    await ok(d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE }), 201);
    for (const member of names.slice(0, 4)) await ok(d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member }), 201);
    await d.execute(`INSERT INTO key_standing (member_id, thumbprint, authority_id, proven_at) SELECT id, '${jkt}', authority_id, 1 FROM member LIMIT 3`);
    let [statements, signatures] = [0, 0];
    const { custody } = d.deployment;
    const counting: typeof custody = {
      ...custody,
      async signer(key) {
        const signer = await custody.signer(key);
        return {
          ...signer,
          sign: async (bytes) => {
            signatures++;
            return signer.sign(bytes);
          },
        };
      },
    };
    const change: typeof d.store.change = (request) =>
      d.store.change({
        ...request,
        async decide(watch, together) {
          const decision = await request.decide(watch, together);
          statements = decision.statements.length;
          return decision;
        },
      });
    const done = await haltKey({ ...d.call, custody: counting, store: { ...d.store, change } } as never, { key: jkt }, 'leaked');
    expect(done.members).toHaveLength(42);
    expect([signatures <= 10 + 4, statements < 60], `${signatures} signatures, ${statements} statements`).toEqual([true, true]);
    const statuses = await Promise.all(names.map(async (one) => (await statement(d, one)).status));
    expect(statuses.filter((_, n) => n % 2)).toEqual(Array(20).fill(404));
    expect(new Set(statuses.filter((_, n) => n % 2 === 0))).toEqual(new Set([200, 503]));
    expect(await d.rows("SELECT count(*) AS n FROM event WHERE type = 'member.key_halted'")).toEqual([{ n: 42 }]);
    expect(await d.rows('SELECT count(*) AS n FROM trust_mark WHERE revoked_at IS NULL')).toEqual([{ n: 2 }]);
    expect(await d.rows('SELECT count(*) AS n FROM key_standing')).toEqual([{ n: 0 }]);
    await renewSlice(d.deployment);
    expect((await Promise.all(names.map(async (one) => (await statement(d, one)).status))).filter((status) => status === 200)).toHaveLength(20);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('that one authority halted is halted there and nowhere else; the deployment may still halt it everywhere', async () => {
    const { d, shared, other, jkt } = await federation();
    const scoped = await d.tokenFor('responder', ['two']);
    await ok(halt(d, { level: 'key', authority: 'two', key: jkt }, { token: scoped }));
    const bind = (slug: string, n: number) => d.admin('POST', `/authorities/${slug}/members`, { entity_id: `https://n${n}.example.com`, jwks: shared.jwks });
    expect([(await bind('main', 1)).status, (await bind('two', 2)).json.findings?.[0]?.code]).toEqual([201, 'key_halted']);
    expect(await kidsOf(d, shared.id)).toEqual([jkt, other.jwk.kid]);
    expect((await ok(halt(d, { level: 'key', key: jkt }))).members).toBe(2);
    expect((await bind('main', 3)).json.findings?.[0]?.code).toBe('key_halted');
  });
});

describe('an organization', () => {
  it('is halted everywhere by its number, all of it or nothing', async () => {
    const { d, shared } = await federation();
    const scoped = await d.tokenFor('responder', ['main']);
    const before = await state(d);
    const body = { level: 'organization', registration_number: 'SE5560-1', reason_code: 'rules_violated' };
    expect((await halt(d, body, { token: scoped })).status).toBe(403);
    expect((await halt(d, { level: 'organization', authority: 'main', organization: 'Bank A', everywhere: true }, { token: scoped })).status).toBe(403);
    expect((await halt(d, { level: 'organization', registration_number: 'nobody' })).status).toBe(404);
    await ok(d.admin('POST', '/authorities/main/organizations', { legal_name: 'Bank N', registration_number: 'SE5560-1', jurisdiction: 'NO' }), 201);
    const two = await halt(d, body);
    expect([two.status, two.json.detail]).toEqual([400, expect.stringContaining('NO and SE')]);
    expect(await state(d).then((all) => all.slice(0, 2))).toEqual(before.slice(0, 2));
    expect((await d.admin('POST', '/authorities/main/organizations', { legal_name: 'X', registration_number: '1' })).status, 'whose register?').toBe(400);

    const asked = { ...body, jurisdiction: 'SE' };
    const reach = await ok(
      d.admin('GET', `/halts/reach?${new URLSearchParams({ level: 'organization', registration_number: 'SE5560-1', jurisdiction: 'SE' })}`),
    );
    expect(reach).toMatchObject({ members: 2, statements: 2, other_authorities: 1 });
    // Twice at once.
    const both = await Promise.all([ok(halt(d, asked)), ok(halt(d, asked))]);
    expect(both.map(({ already, members }) => [already, members]).sort()).toEqual([
      [false, 2],
      [true, 0],
    ]);
    const done = both.find(({ already }) => !already);
    expect(done).toMatchObject({
      authority: null,
      note: null,
      receipt: { still_served: 0, members: 2, event: { authority: null, reason_code: 'rules_violated' } },
    });
    expect(done.receipt.others_may_hold.until).toBe(reach.others_may_hold.until);
    expect(done.receipt.answers.filter(({ what }: { what: string }) => what === 'statement').map(({ status }: { status: number }) => status)).toEqual([
      404, 404,
    ]);
    for (const [slug, base] of [
      ['main', ANCHOR],
      ['two', TWO],
    ] as const) {
      expect([(await ok(at(d, slug, shared.id))).state, (await statement(d, shared.id, base)).status]).toEqual(['suspended', 404]);
      expect((await ok(d.admin('GET', `/authorities/${slug}/events?limit=1000`))).items.map(({ type }: { type: string }) => type)).toContain(
        'organization.halted',
      );
    }
    expect((await ok(d.admin('GET', '/authorities/main/organizations/Bank%20N'))).state, 'another body').toBe('active');
    expect(JSON.stringify(await d.rows('SELECT detail FROM event')), 'a sole trader is registered under the number of the person').not.toContain('5560-1');

    // Nor does the body get another row, or this one another number.
    const register = { registration_number: 'SE 5560-1', jurisdiction: 'SE' };
    await ok(d.admin('POST', '/authorities/two/organizations', { legal_name: 'Bank X' }), 201);
    for (const asked of [
      d.admin('POST', '/authorities/two/organizations', { legal_name: 'Bank A AB', ...register }),
      d.admin('PATCH', '/authorities/two/organizations/Bank%20X', register),
      d.admin('PATCH', '/authorities/main/organizations/Bank%20A', { registration_number: null }),
    ]) {
      const { status, json } = await asked;
      expect([status, json.code, json.detail]).toEqual([409, 'wrong_state', expect.stringContaining('resume it first')]);
    }

    // Back at one authority, by that one.
    d.clock += 100;
    await ok(d.admin('POST', '/authorities/main/organizations/Bank%20A/resume', { reason: 'cleared' }));
    const row = await ok(at(d, 'main', shared.id));
    expect([row.state, row.not_before, (await ok(at(d, 'two', shared.id))).state]).toEqual(['active', d.clock, 'suspended']);
    expect(Number(decodeJwt((await statement(d, shared.id)).text)['iat'])).toBeGreaterThanOrEqual(row.not_before);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('without a number is halted where it was named, and the answer says that it may not be all', async () => {
    const { d } = await federation();
    await enroll(d, 'main', { entity_id: 'https://c.example.com', jwks: (await testMember('https://c.example.com')).jwks, organization: 'Bank C' });
    const done = await ok(halt(d, { level: 'organization', authority: 'main', organization: 'Bank C', everywhere: true }));
    expect([done.members, done.note]).toEqual([1, expect.stringContaining('no registration number')]);
  });
});

describe('a cut of anything else by the same call', () => {
  it('a member: counted before, proven after, reconstructed from the chain; another authority’s is not found', async () => {
    const { d, shared } = await federation();
    await discoveryTurn(d.deployment, { more: () => true });
    await ok(d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE, lifetime: 86_400 * 90 }), 201);
    await ok(d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: shared.id }), 201);
    const two = await ok(at(d, 'two', shared.id));
    expect((await halt(d, { level: 'member', authority: 'main', member: two.id })).status).toBe(404);
    const reach = await ok(d.admin('GET', `/halts/reach?level=member&authority=main&member=${of(shared.id)}`));
    expect(reach).toMatchObject({
      members: 1,
      statements: 1,
      marks: 1,
      answers: 1,
      other_authorities: 1,
      others_may_hold: { until: d.clock + 86_400 * 90, seconds: 86_400 * 90 },
    });
    const key = { headers: { 'idempotency-key': 'once' } };
    const body = { level: 'member', authority: 'main', member: shared.id, mode: 'revoke', reason_code: 'security_incident', public_reason: 'a breach' };
    const done = await ok(halt(d, body, key));
    expect(done).toMatchObject({
      level: 'member',
      authority: 'main',
      already: false,
      members: 1,
      receipt: { still_served: 0, event: { type: 'member.revoked', reason_code: 'security_incident' } },
    });
    expect(done.receipt.answers).toEqual([
      { what: 'statement', url: `${ANCHOR}/fetch?sub=${of(shared.id)}`, status: 404 },
      { what: 'list', url: `${ANCHOR}/list`, status: 200, listed: false },
      { what: 'resolve', url: `${ANCHOR}/resolve?sub=${of(shared.id)}&trust_anchor=${of(ANCHOR)}`, status: 404 },
      { what: 'resolve', url: `${TWO}/resolve?sub=${of(shared.id)}&trust_anchor=${of(TWO)}`, status: 400 },
      { what: 'trust_mark', url: `${ANCHOR}/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(shared.id)}`, status: 404 },
      { what: 'client_metadata_document', url: expect.stringContaining(`${ANCHOR}/clients/mem_`), status: 404 },
      { what: 'status_list', url: `${ANCHOR}/status-lists/0`, status: 200, value: 1 },
    ]);
    for (const { url, status } of done.receipt.answers) expect([url, (await d.public(url)).status], 'what the public plane says').toEqual([url, status]);
    const repeated = await ok(halt(d, body, key));
    expect([repeated.halt, repeated.receipt]).toEqual([done.halt, null]);
    d.clock += 3600;
    const receipt = await ok(d.admin('GET', `/authorities/main/receipts/${done.receipt.event.seq}`));
    expect(receipt).toMatchObject({ event: done.receipt.event, others_may_hold: { until: done.receipt.others_may_hold.until, seconds: 86_400 * 90 - 3600 } });
    expect((await d.admin('GET', '/authorities/main/receipts/1')).status, 'no cut').toBe(404);
    expect(
      (await d.admin('GET', `/authorities/main/receipts/${done.receipt.event.seq}`, undefined, { token: await d.tokenFor('auditor', ['two']) })).status,
    ).toBe(403);
    expect((await halt(d, body)).json.already).toBe(true);

    // Barred from then on: it comes back with other keys than it ever had.
    expect(await ok(d.admin('GET', '/authorities/main/barred'))).toMatchObject({
      items: [{ entity_id: shared.id, event: done.receipt.event.seq, reason: 'leaked' }],
    });
    const readmit = { entity_id: shared.id, readmit: 'cleared' };
    for (const jwks of [shared.jwks, { keys: [{ ...shared.key.jwk, kid: 'renamed' }] }]) {
      const refused = await d.admin('POST', '/authorities/main/members', { ...readmit, jwks });
      expect([refused.status, refused.json.detail], refused.text).toEqual([409, expect.stringContaining('other keys than it ever had')]);
    }
    const back = await ok(d.admin('POST', '/authorities/main/members', { ...readmit, jwks: { keys: [(await testKey()).jwk] } }), 201);
    expect(back).toMatchObject({ state: 'vetting', not_before: d.clock, predecessor: expect.stringMatching(/^bar_/) });
    expect((await ok(d.admin('GET', '/authorities/main/barred'))).items).toEqual([]);
    expect(await d.rows('SELECT readmitted_at FROM barred_identifier')).toEqual([{ readmitted_at: d.clock }]);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a type of mark and an authority; what has nothing to do with the level is refused', async () => {
    const { d, shared } = await federation();
    await ok(d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: TYPE }), 201);
    await ok(d.admin('POST', '/authorities/main/marks', { trust_mark_type: TYPE, member: shared.id }), 201);
    const type = await ok(halt(d, { level: 'mark_type', authority: 'main', type: TYPE }));
    expect(type.receipt.answers).toEqual([
      { what: 'trust_mark_list', url: expect.stringContaining('/trust-mark-list?'), status: 200, listed: false },
      { what: 'trust_mark', url: expect.stringContaining('/trust-mark?'), status: 404 },
    ]);
    expect((await ok(halt(d, { level: 'mark_type', authority: 'main', type: TYPE }))).already).toBe(true);
    const anchor = await ok(halt(d, { level: 'authority', authority: 'two', reason_code: 'compromised' }));
    expect(anchor.receipt).toMatchObject({
      answers: [{ status: 404 }, { status: 404 }, { what: 'status_list', status: 404 }],
      others_may_hold: { until: expect.any(Number) },
      event: { type: 'authority.halted' },
    });
    expect((await ok(halt(d, { level: 'authority', authority: 'two' }))).already).toBe(true);
    d.clock += 10;
    expect((await ok(d.admin('POST', '/authorities/two/resume', { reason: 'x' }))).not_before).toBe(d.clock);
    for (const odd of [
      { level: 'authority', authority: 'main', member: 'x' },
      { level: 'member', member: 'x' },
      { level: 'key', key: 'x', mode: 'revoke' },
      { level: 'authority', authority: 'main', public_reason: 'x' },
      { level: 'organization', authority: 'main' },
      { level: 'member', authority: 'main', member: 'x', reason_code: 'because' },
    ])
      expect([JSON.stringify(odd), (await halt(d, odd)).status]).toEqual([JSON.stringify(odd), 400]);
  });

  it('a receipt names each part however much came after it, every statement that lists a key, and the bound of what was ever signed', async () => {
    const { d } = await federation();
    const done = await ok(halt(d, { level: 'organization', registration_number: 'SE5560-1', jurisdiction: 'SE' }));
    // Much is told of the organization since.
    await d.execute(`INSERT INTO event (authority_id, seq, at, type, subject_kind, subject_id, actor_id, actor_kind, detail, artefacts, prev_hash, hash, format)
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
      SELECT authority_id, seq + 1000 + i, at, 'organization.renamed', subject_kind, subject_id, actor_id, actor_kind, '{}', '[]', '', 'h' || i, format FROM event, n WHERE type = 'organization.halted'`);
    const receipt = async () => ok(d.admin('GET', `/receipts/${done.receipt.event.seq}`));
    expect(await receipt()).toEqual(done.receipt);
    expect([done.receipt.missing, done.receipt.answers.length > 0]).toEqual([0, true]);
    await d.execute("UPDATE event SET subject_id = 'gone' WHERE type = 'organization.halted' AND authority_id = (SELECT id FROM authority WHERE slug = 'two')");
    expect((await receipt()).missing, 'one cannot be found').toBe(1);
  });

  it('the sixth to whom a key is given back counts; marks and memberships elsewhere are told to whoever may read there', async () => {
    const { d, shared, other, jkt } = await federation();
    const jwks = { keys: [shared.key.jwk, other.jwk] };
    const names = Array.from({ length: 6 }, (_, n) => `https://m${n}.example.com`);
    for (const one of names) await enroll(d, 'main', { entity_id: one, jwks });
    const done = await ok(halt(d, { level: 'key', key: jkt }));
    expect(done.receipt.at_most_until).toBe(Math.max(...(await d.rows('SELECT signed_until AS n FROM authority_key')).map(({ n }) => Number(n))));
    const told = JSON.stringify(await d.rows("SELECT detail FROM event WHERE type = 'key.halted'"));
    const sixth = names.find((one) => !told.includes(one)) ?? '';
    await ok(d.admin('PUT', `/authorities/main/members/${of(sixth)}/keys`, { jwks, reason: 'x', waive: ['key_halted'] }));
    expect((await ok(d.admin('GET', `/receipts/${done.receipt.event.seq}`))).still_served).toBe(1);

    await enroll(d, 'two', { entity_id: sixth, jwks: { keys: [other.jwk] } });
    const secret = `${TWO}/marks/secret`;
    await ok(d.admin('POST', '/authorities/two/mark-types', { trust_mark_type: secret }), 201);
    await ok(d.admin('POST', '/authorities/two/marks', { trust_mark_type: secret, member: sixth, member_of: 'main' }), 201);
    const token = await d.tokenFor('responder', ['main']);
    const query = `/halts/reach?level=member&authority=main&member=${of(sixth)}`;
    expect([(await ok(d.admin('GET', query))).other_authorities, (await ok(d.admin('GET', query, undefined, { token }))).other_authorities]).toEqual([1, 0]);
    const cut = await ok(halt(d, { level: 'member', authority: 'main', member: sixth }, { token }));
    expect(JSON.stringify(cut.receipt)).not.toContain(TWO);
    expect(JSON.stringify(await ok(d.admin('GET', `/authorities/main/receipts/${cut.receipt.event.seq}`)))).toContain(of(secret));

    // Of a member whose keys cannot be read a key is named by its thumbprint.
    await d.execute(`UPDATE member SET jwks = 'damaged' WHERE entity_id = '${names[0]}'`);
    const at = { level: 'key', authority: 'main', member: names[0] };
    expect((await halt(d, { ...at, key: 'kid-1' })).json).toMatchObject({ code: 'wrong_state', detail: expect.stringContaining('thumbprint') });
    expect((await ok(halt(d, { ...at, key: jkt }))).members, 'who has it still').toBe(1);
  });

  it('whoever was refused or withdrew is not barred, also once archived', async () => {
    const d = await testDeployment();
    const one = await testMember('https://a.example.com');
    const body = { entity_id: one.id, jwks: one.jwks };
    await ok(d.admin('POST', '/authorities/main/members', body), 201);
    for (const verb of ['refuse', 'archive']) await ok(d.admin('POST', `/authorities/main/members/${of(one.id)}/${verb}`, { reason: 'papers' }));
    expect((await ok(d.admin('GET', '/authorities/main/barred'))).items).toEqual([]);
    expect((await ok(d.admin('POST', '/authorities/main/members', body), 201)).not_before).toBeNull();
  });
});
