import { describe, expect, it } from 'vitest';
import { KEY_PROOF_TYP, keyProofClaims } from '../../src/federation/key-proof.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { insertRows } from '../../src/store/bulk.js';
import { keyChallenge } from '../../src/store/schema.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { type TestKey, testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const at = (id: string, more = '') => `${A}/members/${encodeURIComponent(id)}${more}`;
const M = at(RP);
const day = 86_400;

interface Challenge {
  readonly challenge_id: string;
  readonly nonce: string;
  readonly aud: string;
  readonly sub: string;
  readonly purpose: 'bind' | 'rotate' | 'resume';
}
const challenge = async (d: TestDeployment, id = RP, body: object = {}): Promise<Challenge> =>
  (await d.admin('POST', at(id, '/keys/challenges'), body)).json as Challenge;
const signed = (d: TestDeployment, one: Challenge, key: TestKey, claims: object = {}) =>
  key.jwt({ ...keyProofClaims(one, one.sub, `${key.kid} ${one.nonce}`, d.clock), ...claims }, { typ: KEY_PROOF_TYP });
const answer = (d: TestDeployment, one: Challenge, proofs: readonly string[], id = RP) =>
  d.admin('POST', at(id, '/keys/proofs'), { challenge_id: one.challenge_id, proofs });
async function prove(d: TestDeployment, keys: readonly TestKey[], body: object = {}) {
  const one = await challenge(d, RP, body);
  return answer(d, one, await Promise.all(keys.map((key) => signed(d, one, key))));
}
const events = async (d: TestDeployment, id = RP) => ((await d.admin('GET', at(id, '/history'))).json.items as { type: string }[]).map(({ type }) => type);

describe('registry §2.1: challenge and proof', () => {
  it('a proof is taken once, by its member, in time, with its nonce, and by a key that the member has', async () => {
    const d = await testDeployment();
    const [rp, other] = [await testMember(RP), await testMember('https://other.example')];
    for (const one of [rp, other]) await d.admin('POST', `${A}/members`, { entity_id: one.id, jwks: one.jwks });
    const first = await d.admin('POST', at(RP, '/keys/challenges'), {});
    expect(first.status).toBe(201);
    expect(first.json).toMatchObject({ aud: 'https://anchor.example.org', sub: RP, purpose: 'bind', exp: d.clock + 600 });
    expect(Buffer.from(first.json.nonce, 'base64url')).toHaveLength(32);
    const rows = JSON.stringify([await d.rows('SELECT * FROM key_challenge'), await d.rows('SELECT * FROM event')]);
    expect(rows).not.toContain(first.json.nonce);
    const one = first.json as Challenge;
    const [old, foreign] = [await challenge(d), await challenge(d, other.id)];
    const good = await signed(d, one, rp.key);
    const refused: readonly (readonly [
      code: string,
      where: string | undefined,
      asked: Promise<{ json: { code?: string; findings?: { where: string }[] } }>,
    ])[] = [
      ['key_proof_invalid', 'proofs/0/nonce', answer(d, one, [await signed(d, one, rp.key, { nonce: old.nonce })])],
      ['key_proof_invalid', 'proofs/0/nonce', answer(d, one, [await signed(d, { ...foreign, sub: RP }, rp.key)])],
      ['key_proof_invalid', 'proofs/0/iss', answer(d, foreign, [await signed(d, one, rp.key)], other.id)],
      ['key_proof_invalid', 'proofs/0/header/kid', answer(d, one, [await signed(d, one, other.key)])],
      ['key_proof_invalid', 'proofs/1/aud', answer(d, one, [good, await signed(d, one, rp.key, { aud: ['https://x.example', one.aud] })])],
      ['key_proof_invalid', 'proofs/1/jti', answer(d, one, [good, good])],
      ['challenge_invalid', undefined, answer(d, foreign, [good])],
      ['challenge_invalid', undefined, answer(d, { ...one, challenge_id: 'chl_x' }, [good])],
      ['not_found', undefined, answer(d, one, [good], 'https://nobody.example')],
      ['invalid_request', undefined, answer(d, one, [])],
      [
        'invalid_request',
        undefined,
        answer(
          d,
          one,
          Array.from({ length: 17 }, () => good),
        ),
      ],
    ];
    for (const [code, where, asked] of refused) {
      const { json } = await asked;
      expect([json.code, json.findings?.[0]?.where]).toEqual([code, where]);
    }
    expect(await d.rows('SELECT * FROM key_standing')).toEqual([]);
    const twice = await Promise.all([answer(d, one, [good]), answer(d, one, [good])]);
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 422]);
    expect(twice.find(({ status }) => status === 422)?.json.code).toBe('challenge_invalid');
    expect((await events(d)).filter((type) => type === 'member.keys_proven')).toHaveLength(1);
    expect((await d.admin('GET', M)).json.keys).toMatchObject([{ thumbprint: rp.key.kid, state: 'proven', proven_at: d.clock, proof_purpose: 'bind' }]);
    d.clock += 600;
    expect((await answer(d, old, [await signed(d, old, rp.key)])).json.code).toBe('challenge_invalid');
  });

  it('another authority does not answer for its members by id, and keys that could never be bound are not taken in', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    const { id } = (await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks })).json;
    await d.admin('POST', '/authorities', { slug: 'second', entity_id: 'https://second.example' });
    for (const [path, body] of [
      ['challenges', {}],
      ['proofs', { challenge_id: 'chl_x', proofs: ['x'] }],
      [`${rp.key.kid}/confirm`, { channel: 'telephone', with: 'somebody' }],
    ] as const)
      expect((await d.admin('POST', `/authorities/second/members/${id}/keys/${path}`, body)).status).toBe(404);
    const weak = { kty: 'RSA', kid: 'weak', e: 'AQAB', n: Buffer.from([0x80, ...new Uint8Array(126), 1]).toString('base64url') };
    for (const [key, code] of [
      [weak, 'jwk_weak'],
      [{ ...rp.key.jwk, d: 'AA' }, 'jwk_private'],
      [{ kty: 'oct', kid: 'k', k: 'AA' }, 'jwk_symmetric'],
    ] as const)
      expect((await d.admin('POST', at(RP, '/keys/challenges'), { jwks: { keys: [key] } })).json).toMatchObject({
        code: 'key_unacceptable',
        findings: [{ code }],
      });
    const twin = await testKey('ES256', rp.key.kid);
    const doubled = { jwks: { keys: [(await testKey('ES256', 'k')).jwk, (await testKey('ES256', 'k')).jwk] } };
    expect((await d.admin('POST', at(RP, '/keys/challenges'), doubled)).json).toMatchObject({
      code: 'key_unacceptable',
      findings: [{ code: 'kid_duplicate' }],
    });
    expect((await prove(d, [twin], { jwks: { keys: [twin.jwk] } })).json).toMatchObject({
      code: 'key_proof_invalid',
      findings: [{ code: 'signature_key_unknown' }],
    });
    const other = await testMember('https://other.example', rp.key);
    await d.admin('POST', `${A}/members`, { entity_id: other.id, jwks: other.jwks });
    expect((await prove(d, [rp.key])).json.code).toBe('key_already_bound');
    const [open] = await d.deployment.store.db.select().from(keyChallenge).limit(1);
    await d.deployment.store.write([
      insertRows(
        keyChallenge,
        Array.from({ length: 15 }, (_, n) => ({ ...(open as typeof keyChallenge.$inferSelect), id: `chl_${n}`, usedAt: null })),
      ),
    ]);
    expect((await d.admin('POST', at(RP, '/keys/challenges'), {})).json.code, 'so many wait for an answer').toBe('wrong_state');
  });
});

describe('registry §2.1: what an authority demands of keys', () => {
  it('by default nothing; required: a fresh proof for each key to approve, to activate, to bind others, and one for coming back', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    expect((await d.admin('PUT', `${A}/binding`, { key_proof: 'required' })).json).toMatchObject({ key_proof: 'required', second_channel: 'never' });
    expect((await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, activate: true })).json.code).toBe('key_unproven');
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks });
    expect((await d.admin('POST', `${M}/approve`)).json).toMatchObject({ code: 'key_unproven', findings: [{ code: 'key_unproven' }] });
    expect((await prove(d, [rp.key])).status).toBe(200);
    d.clock += day + 1;
    expect((await d.admin('POST', `${M}/approve`)).json.code).toBe('key_unproven');
    expect((await prove(d, [rp.key])).status).toBe(200);
    expect((await d.admin('POST', `${M}/approve`)).status).toBe(200);
    expect((await d.admin('POST', `${M}/activate`)).status).toBe(200);
    const next = await testKey();
    const both = { jwks: { keys: [rp.key.jwk, next.jwk] }, reason: 'rotation' };
    expect((await d.admin('PUT', `${M}/keys`, both)).json.code).toBe('key_unproven');
    expect((await prove(d, [next], { jwks: { keys: [next.jwk] } })).status).toBe(200);
    expect((await d.admin('PUT', `${M}/keys`, both)).status).toBe(200);
    expect((await d.admin('POST', `${M}/keys/challenges`, { purpose: 'resume' })).json.code, 'only a suspended one comes back').toBe('wrong_state');
    // One of an earlier version: asked for and answered while it was active.
    const early = await challenge(d);
    await d.execute("UPDATE key_challenge SET purpose = 'resume'");
    expect((await answer(d, early, [await signed(d, { ...early, purpose: 'resume' }, next)])).json.code).toBe('challenge_invalid');
    await d.execute(`UPDATE key_standing SET proof_purpose = 'resume', proven_at = ${d.clock}`);
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect((await d.admin('POST', `${M}/resume`)).json.code, 'a proof of before the suspension').toBe('key_unproven');
    expect(await d.rows('SELECT * FROM key_challenge'), 'nor is a question of before it answered').toEqual([]);
    const rotates = { purpose: 'rotate' };
    expect((await prove(d, [rp.key, next], rotates)).status).toBe(200);
    expect((await d.admin('POST', `${M}/resume`)).json.code, 'a proof for binding does not serve for coming back').toBe('key_unproven');
    expect((await prove(d, [rp.key, next])).json).toMatchObject({ purpose: 'resume', keys: [{}, {}] });
    const open = await challenge(d);
    expect((await d.admin('POST', `${M}/resume`)).status).toBe(200);
    expect((await answer(d, open, [await signed(d, open, rp.key)])).json.code, 'it came back').toBe('challenge_invalid');
    // It served once, whoever suspends it then.
    await d.admin('PATCH', M, { organization: 'Bank' });
    await challenge(d);
    for (const [stop, back] of [
      [`${M}/suspend`, `${M}/resume`],
      [`${A}/organizations/Bank/halt`, `${M}/resume`],
    ] as const) {
      d.clock += 60;
      expect((await d.admin('POST', stop, { reason: 'x' })).status).toBe(200);
      expect(await d.rows('SELECT * FROM key_challenge')).toEqual([]);
      if (stop.includes('halt')) await d.admin('POST', `${A}/organizations/Bank/resume`, { reason: 'x' });
      else {
        expect((await d.admin('POST', back)).json.code).toBe('key_unproven');
        expect((await prove(d, [rp.key, next])).status).toBe(200);
        expect((await d.admin('POST', back)).status).toBe(200);
      }
      expect(await d.rows("SELECT * FROM key_standing WHERE proof_purpose = 'resume'")).toEqual([]);
    }
    // What a person takes away begins anew.
    await d.admin('PUT', `${M}/keys`, { jwks: rp.jwks, reason: 'leaked' });
    expect((await d.admin('PUT', `${M}/keys`, both)).json.code).toBe('key_unproven');
  });

  it('nothing proven, confirmed or asked before a halt of the key, or before a cut of the member, counts after it', async () => {
    const d = await testDeployment();
    const [rp, next] = [await testMember(RP), await testKey()];
    await d.admin('PUT', `${A}/binding`, { key_proof: 'required' });
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks });
    await prove(d, [rp.key]);
    for (const verb of ['approve', 'activate']) expect((await d.admin('POST', `${M}/${verb}`)).status).toBe(200);
    const handed = { jwks: { keys: [next.jwk] } };
    const halt = (more: object = {}) => d.admin('POST', '/halts', { level: 'key', key: next.kid, reason: 'stolen', ...more });
    const put = (more: object = {}) => d.admin('PUT', `${M}/keys`, { jwks: { keys: [rp.key.jwk, next.jwk] }, reason: 'rotation', ...more });
    // Proven by one, bound to nobody: it can be halted all the same, here and everywhere.
    for (const where of [{ authority: 'main' }, {}]) {
      d.clock += 60;
      expect((await prove(d, [next], handed)).status).toBe(200);
      const old = await challenge(d, RP, handed);
      const late = await signed(d, old, next);
      expect((await halt(where)).json.already).toBe(false);
      expect((await put({ waive: ['key_halted'] })).json.code).toBe('key_unproven');
      expect((await answer(d, old, [late])).json.code, 'asked before').toBe('challenge_invalid');
      // One that lost a race, or that an older version left behind, counts as little.
      const { id } = (await d.admin('GET', M)).json;
      await d.execute(`DELETE FROM key_standing WHERE thumbprint = '${next.kid}'`);
      await d.execute(
        `INSERT INTO key_standing (member_id, thumbprint, authority_id, proven_at, proof_purpose, confirmed_at, confirmed_by, confirmed_channel)
         SELECT '${id}', '${next.kid}', authority_id, ${d.clock}, 'rotate', ${d.clock}, 'x', 'x' FROM member WHERE id = '${id}'`,
      );
      expect((await put({ waive: ['key_halted'] })).json.code).toBe('key_unproven');
    }
    d.clock += 60;
    expect((await prove(d, [next], handed)).status).toBe(200);
    expect((await halt()).json.already, 'and once more').toBe(true);
    expect((await put({ waive: ['key_halted'] })).json.code, 'each halt counts').toBe('key_unproven');
    d.clock += 60;
    expect((await prove(d, [next], handed)).status).toBe(200);
    expect((await put({ waive: ['key_halted'] })).status, 'proven after it').toBe(200);
    // The member itself is cut: what was proven before for whatever is void, also by a cut that found it cut already.
    const third = await testKey();
    const both = { jwks: { keys: [rp.key.jwk, third.jwk] }, reason: 'rotation' };
    await prove(d, [third], { jwks: { keys: [third.jwk] } });
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect(await d.rows('SELECT * FROM key_standing WHERE proven_at IS NOT NULL')).toEqual([]);
    await prove(d, [rp.key, next]);
    await challenge(d);
    await d.admin('POST', `${M}/suspend`, { reason: 'again' });
    expect(await d.rows('SELECT * FROM key_challenge')).toEqual([]);
    expect((await d.admin('POST', `${M}/resume`)).json.code).toBe('key_unproven');
    await prove(d, [rp.key, next]);
    expect((await d.admin('POST', `${M}/resume`)).status).toBe(200);
    expect((await d.admin('PUT', `${M}/keys`, both)).json.code, 'a proof of before the suspension').toBe('key_unproven');
  });

  it('second channel: recorded with person, channel and time; the contact can be erased; intermediates or all', async () => {
    const d = await testDeployment();
    const rp = await testMember(RP);
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks });
    await d.admin('PUT', `${A}/binding`, { second_channel: 'intermediates' });
    expect((await d.admin('POST', `${M}/approve`)).status).toBe(200);
    expect((await d.admin('POST', `${M}/activate`)).status, 'a leaf').toBe(200);
    expect((await d.admin('PATCH', M, { intermediate: true })).json.code, 'and no intermediate after that').toBe('key_unconfirmed');
    await d.execute("UPDATE member SET state = 'approved'");
    await d.admin('PUT', `${A}/binding`, { second_channel: 'always' });
    expect((await d.admin('POST', `${M}/activate`)).json).toMatchObject({ code: 'key_unconfirmed', findings: [{ code: 'key_unconfirmed' }] });
    const said = { channel: 'telephone', with: 'Jane Doe, +41 00 000' };
    expect((await d.admin('POST', `${M}/keys/nothing/confirm`, said)).json.code).toBe('not_found');
    const done = await d.admin('POST', `${M}/keys/${rp.key.kid}/confirm`, said);
    expect(done.json).toMatchObject({ thumbprint: rp.key.kid, at: d.clock });
    expect((await d.admin('POST', `${M}/activate`)).status).toBe(200);
    const [key] = (await d.admin('GET', `${A}/members`)).json.items[0].keys;
    expect(key).toMatchObject({ state: 'bound', proven_at: null, confirmed_at: d.clock, confirmed_by: done.json.by, confirmed_channel: 'telephone' });
    const chain = JSON.stringify(await d.rows("SELECT * FROM event WHERE type = 'member.key_confirmed'"));
    expect(chain).toContain(rp.key.kid);
    expect(chain).not.toContain('Jane');
    expect(chain).not.toContain('telephone');
    // The channel may be somebody's number: it goes with the event, from answers that are kept too; that it was confirmed stays.
    const again = { headers: { 'idempotency-key': 'k1' } };
    await d.admin('PATCH', M, { statement_lifetime: 7200 }, again);
    const seq = (await d.rows("SELECT seq FROM event WHERE type = 'member.key_confirmed'"))[0]?.['seq'];
    expect((await d.admin('POST', `${A}/events/${seq}/erase`, { reason: 'asked for' })).status).toBe(200);
    const kept = JSON.stringify([
      await d.rows('SELECT * FROM key_standing'),
      await d.rows('SELECT * FROM event_private'),
      await d.rows('SELECT * FROM idempotency'),
    ]);
    expect(kept).not.toContain('telephone');
    expect((await d.admin('GET', `${A}/members`)).json.items[0].keys[0]).toMatchObject({ confirmed_at: d.clock, confirmed_channel: null });
    // Short words that a copy tells after a colon.
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: 'https://marks.example/iso' });
    const { id: grant } = (await d.admin('POST', `${A}/marks`, { trust_mark_type: 'https://marks.example/iso', member: RP })).json;
    await d.admin('POST', `${M}/suspend`, { reason: 'Jane' });
    await d.execute(`INSERT INTO idempotency (actor_id, key, request_sha256, status, response, expires_at)
      SELECT 'x', 'k2', 'x', 200, '{"id":"' || subject_id || '","reason":"suspended: Jane"}', ${d.clock + 999} FROM event WHERE type = 'member.suspended'`);
    const cut = (await d.rows("SELECT seq FROM event WHERE type = 'member.suspended'"))[0]?.['seq'];
    expect((await d.admin('POST', `${A}/events/${cut}/erase`, { reason: 'asked for' })).status).toBe(200);
    expect(JSON.stringify(await d.rows('SELECT * FROM idempotency'))).not.toContain('Jane');
    expect(grant).toBeDefined();
  });

  it('quorum 2: to demand more takes one person, to demand less two', async () => {
    const d = await testDeployment();
    const { owners } = await twoDecide(d);
    const [ann, bob] = owners;
    expect((await ann.as('PUT', `${A}/binding`, { key_proof: 'required', second_channel: 'always' })).status).toBe(200);
    expect((await ann.as('PUT', `${A}/binding`, { second_channel: 'intermediates' })).status).toBe(202);
    expect((await d.admin('GET', A)).json).toMatchObject({ second_channel: 'always' });
    const held = await ann.as('PUT', `${A}/binding`, { key_proof: 'optional' });
    expect(held.status).toBe(202);
    const { id, digest } = held.json.approval;
    expect((await bob.as('GET', `/approvals/${id}`)).json).toMatchObject({ kind: 'binding', current: true, content: { loosens: ['key_proof'] } });
    const decided = await bob.as('POST', `/approvals/${id}`, { verdict: 'approve', digest });
    expect(decided.status, decided.text).toBe(200);
    expect((await d.admin('GET', A)).json).toMatchObject({ key_proof: 'optional', second_channel: 'always' });
  });
});

describe('registry §2.1: rotation without people', () => {
  const URL_OF = `${RP}/.well-known/openid-federation`;
  it('required: signed by a bound key and not proven is held, told once however often it changes; the proof lets it in; a removal is followed at once', async () => {
    const d = await testDeployment();
    const [rp, second] = [await testMember(RP), await testKey()];
    const look = async (...keys: readonly TestKey[]) => {
      d.clock += 1;
      const claims = { iat: d.clock - 1, exp: d.clock + day, jwks: { keys: keys.map(({ jwk }) => jwk) } };
      d.network.set(URL_OF, await rp.configuration(claims));
      await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
      await discoveryTurn(d.deployment, { more: () => true });
      return (await d.admin('GET', `${M}/watch`)).json;
    };
    const bound = async () => ((await d.admin('GET', M)).json.jwks.keys as { kid: string }[]).map(({ kid }) => kid);
    await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: { keys: [rp.key.jwk, second.jwk] }, activate: true });
    await d.admin('PUT', `${A}/binding`, { key_proof: 'required' });
    const before = (await events(d)).length;
    for (let n = 0; n < 2; n++) expect((await look(rp.key, second, await testKey())).hold).toMatchObject({ kind: 'key_unproven' });
    expect((await events(d)).slice(before)).toEqual(['member.held']);
    expect(await bound()).toEqual([rp.key.kid, second.kid]);
    const next = await testKey();
    // What may have leaked is not kept until the new one is proven.
    expect((await look(rp.key, next)).hold).toMatchObject({ kind: 'key_unproven' });
    expect(await bound()).toEqual([rp.key.kid]);
    expect((await d.admin('GET', M)).json.keys).toMatchObject([{ state: 'bound' }, { thumbprint: next.kid, state: 'proposed' }]);
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'looks good' })).json.code, 'a person’s word is no proof').toBe('key_unproven');
    expect((await prove(d, [next])).json).toMatchObject({ purpose: 'rotate' });
    expect((await look(rp.key, next)).hold).toBeNull();
    expect(await bound()).toEqual([rp.key.kid, next.kid]);
  });
});
