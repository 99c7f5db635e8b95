import { describe, expect, it } from 'vitest';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { judgeKeys } from '../../src/operations/members/watch-rules.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const M = `${A}/members/${encodeURIComponent(RP)}`;
const day = 86_400;
const WELL_KNOWN = `${RP}/.well-known/openid-federation`;

async function watched() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  let n = 0;
  /** Show a configuration and have it looked at. */
  const look = async (claims: object | null = {}, signer = rp.key) => {
    d.clock += 1;
    n++;
    if (claims === null) d.network.delete(WELL_KNOWN);
    else d.network.set(WELL_KNOWN, await rp.configuration({ iat: d.clock - 1, exp: d.clock + day, jwks: { keys: [signer.jwk] }, ...claims }, signer));
    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await discoveryTurn(d.deployment, { more: () => true });
    return (await d.admin('GET', `${M}/watch`)).json;
  };
  d.network.set(WELL_KNOWN, await rp.configuration());
  expect((await d.admin('POST', `${A}/members`, { entity_id: RP, activate: true })).status).toBe(201);
  return { d, rp, look, looks: () => n };
}
const kids = async (d: TestDeployment) => ((await d.admin('GET', M)).json.jwks.keys as { kid: string }[]).map(({ kid }) => kid);
const events = async (d: TestDeployment) => ((await d.admin('GET', `${M}/history`)).json.items as { type: string }[]).map(({ type }) => type);

describe('keys are followed only by the rules of rollover (§11)', () => {
  it('KR-03: a new key beside the old one, signed by the old: adopted; then the old one leaves', async () => {
    const { d, rp, look } = await watched();
    const next = await testKey();
    await look({ jwks: { keys: [rp.key.jwk, next.jwk] } });
    expect(await kids(d)).toEqual([rp.key.kid, next.kid]);
    await look({}, next);
    expect(await kids(d)).toEqual([next.kid]);
    expect((await events(d)).filter((type) => type === 'member.keys_adopted')).toHaveLength(2);
  });
  it.each(['all_keys_replaced', 'key_changed_under_kid', 'signed_by_unknown_key'] as const)('%s: held for a person, nothing is bound', async (kind) => {
    const { d, rp, look } = await watched();
    const other = await testKey('ES256', kind === 'key_changed_under_kid' ? rp.key.kid : undefined);
    const shown = kind === 'signed_by_unknown_key' ? { jwks: { keys: [rp.key.jwk, other.jwk] } } : {};
    expect((await look(shown, other)).hold).toMatchObject({ kind });
    expect(await kids(d)).toEqual([rp.key.kid]);
    expect((await d.admin('GET', M)).json.jwks.keys[0]).toEqual(rp.key.jwk);
    expect((await d.admin('GET', `${A}/watch?only=held`)).json.items).toMatchObject([{ entity_id: RP }]);
    expect(await events(d)).toContain('member.held');
    const before = (await events(d)).length;
    await look(shown, other);
    expect((await events(d)).length, 'told once').toBe(before);
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'confirmed by phone' })).json).toMatchObject({ hold: null });
    expect(await kids(d)).toContain(other.kid);
    expect((await look(shown, other)).hold).toBeNull();
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'again' })).json.code).toBe('wrong_state');
  });
  it.each([
    ['for encryption', { use: 'enc' }],
    ['not to verify with', { key_ops: ['sign'] }],
    ['of a curve that does not exist', { crv: 'P-257' }],
    ['half of it', { y: undefined }],
  ])('KR-03: a key we vouch for that is shown so that nobody can use it (%s) does not stay', async (_, change) => {
    const { d, rp, look } = await watched();
    const other = await testKey();
    expect((await look({ jwks: { keys: [{ ...rp.key.jwk, ...change }, other.jwk] } }, other)).hold).toMatchObject({ kind: 'all_keys_replaced' });
    expect(await kids(d)).toEqual([rp.key.kid]);
    const member = { jwks: { keys: [rp.key.jwk] }, keysIat: null } as never;
    const claims = { iat: NOW, jwks: { keys: [{ ...rp.key.jwk, ...change }] } };
    expect(await judgeKeys(member, { claims } as never), 'nor alone').toBe('all_keys_replaced');
  });
  it('a key that leaves is followed at once, also beside one that may not be bound; that one is held', async () => {
    const { d, rp, look } = await watched();
    const [leaked, refused] = [await testKey(), await testKey()];
    expect((await d.admin('PUT', `${M}/keys`, { jwks: { keys: [rp.key.jwk, leaked.jwk] }, reason: 'x' })).status).toBe(200);
    d.clock += 60;
    await d.execute(`INSERT INTO halted_key (thumbprint, authority_id, halted_at) VALUES ('${refused.kid}', 'deployment', 1)`);
    for (let n = 0; n < 2; n++) {
      expect((await look({ jwks: { keys: [rp.key.jwk, refused.jwk] } })).hold).toMatchObject({ kind: 'keys_refused' });
      expect(await kids(d)).toEqual([rp.key.kid]);
    }
    expect((await events(d)).filter((type) => type === 'member.held')).toHaveLength(1);
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'x' })).json.findings?.[0]?.code).toBe('key_halted');
  });
  it('a dismissed hold is not raised again for the same keys, but for others', async () => {
    const { d, rp, look } = await watched();
    const other = await testKey();
    await look({}, other);
    await d.admin('POST', `${M}/hold/dismiss`, { reason: 'their test key' });
    expect((await look({}, other)).hold).toBeNull();
    expect((await look({}, await testKey())).hold).toMatchObject({ kind: 'all_keys_replaced' });
    expect(await kids(d)).toEqual([rp.key.kid]);
  });
  it('reliability 39: an old key set replayed is never adopted', async () => {
    const { d, rp, look } = await watched();
    const leaked = await testKey();
    await look({ jwks: { keys: [rp.key.jwk, leaked.jwk] } });
    await look({});
    expect(await kids(d)).toEqual([rp.key.kid]);
    for (let n = 0; n < 3; n++) await look({ iat: NOW - 5, jwks: { keys: [rp.key.jwk, leaked.jwk] } });
    expect(await kids(d)).toEqual([rp.key.kid]);
    expect((await d.admin('GET', `${M}/watch`)).json.findings.map(({ code }: { code: string }) => code)).toContain('configuration_replayed');
  });
  it('a member that named us and stops is held; there is nothing to accept', async () => {
    const { d, look } = await watched();
    await look();
    expect((await look({ authority_hints: ['https://elsewhere.example'] })).hold).toMatchObject({ kind: 'hints_withdrawn' });
    expect((await look({ authority_hints: ['https://elsewhere.example'] })).hold).toMatchObject({ kind: 'hints_withdrawn' });
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'x' })).json.code).toBe('wrong_state');
    // How often we look is the member's to say, so a hold does not end with the next look: a day after it was shown last.
    expect((await look({ authority_hints: [ANCHOR] })).hold).toMatchObject({ kind: 'hints_withdrawn' });
    d.clock += day - 3;
    expect((await look({ authority_hints: [ANCHOR] })).hold, 'n - 1').not.toBeNull();
    expect((await look({ authority_hints: [ANCHOR] })).hold, 'n').toBeNull();
    expect((await events(d)).filter((type) => type.startsWith('member.h'))).toEqual(['member.held', 'member.hold_ended']);
  });
  it('a member that shows other keys, or none but ours, at each look costs a handful of events a day', async () => {
    const { d, rp, look } = await watched();
    await look();
    const others = [await testKey(), await testKey()];
    const before = (await events(d)).length;
    for (let n = 0; n < 24; n++) {
      d.clock += 600;
      const other = others[n % 2] as (typeof others)[number];
      await look(
        { exp: d.clock + 120, jwks: { keys: [(n % 4 < 2 ? other : rp.key).jwk] }, ...(n % 8 === 6 && { authority_hints: ['https://elsewhere.example'] }) },
        n % 4 < 2 ? other : rp.key,
      );
    }
    const told = (await events(d)).slice(before);
    expect(told.filter((type) => type === 'member.held').length, 'once for each kind').toBe(2);
    expect(told.filter((type) => type === 'member.hold_ended')).toEqual([]);
    expect(told.length).toBeLessThanOrEqual(6);
    expect((await d.admin('GET', `${A}/watch?only=held`)).json.items).toHaveLength(1);
  });
  it('what is held and shown no more is not bound by accepting; keys that a person binds end the hold', async () => {
    const { d, rp, look } = await watched();
    const [hijacker, next] = [await testKey(), await testKey()];
    await look({}, hijacker);
    expect((await look()).hold).toMatchObject({ kind: 'all_keys_replaced' });
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'x' })).json).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringContaining('any more'),
    });
    expect(await kids(d)).toEqual([rp.key.kid]);
    await look(null);
    expect((await look({}, hijacker)).hold).toMatchObject({ kind: 'all_keys_replaced' });
    await look(null);
    expect((await d.admin('POST', `${M}/hold/dismiss`, { reason: 'not theirs' })).json.hold).toBeNull();
    expect((await look({}, next)).hold).toMatchObject({ kind: 'all_keys_replaced' });
    await d.admin('PUT', `${M}/keys`, { jwks: { keys: [next.jwk] }, reason: 'confirmed by phone' });
    expect((await look({}, next)).hold).toBeNull();
    expect((await events(d)).filter((type) => type === 'member.hold_ended')).toHaveLength(1);
  });
  it('a hold whose keys nobody can use is no stumbling block for the looks that follow', async () => {
    const { d, rp, look } = await watched();
    await look({
      jwks: {
        keys: [
          { kid: 'x', kty: 'EC', crv: 'P-256' },
          { ...rp.key.jwk, use: 'enc' },
        ],
      },
    });
    expect((await look()).ok_at ?? d.clock).toBe(d.clock);
    expect((await d.admin('GET', `${M}/watch`)).json.checked_at).toBe(d.clock);
  });
});

describe('findings with hysteresis', () => {
  it('raised after three looks in a row, cleared after two without; each told once', async () => {
    const { d, look } = await watched();
    const codes = async (claims: object | null) => ((await look(claims)).findings as { code: string }[]).map(({ code }) => code);
    const broken = { metadata: { openid_relying_party: { redirect_uris: [`${RP}/cb`] } } };
    const seen = [];
    for (const claims of [broken, broken, {}, broken, broken, broken, {}, broken, {}, {}]) seen.push((await codes(claims)).length);
    expect(seen).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 0]);
    const told = (await events(d)).filter((type) => type.startsWith('member.findings'));
    expect(told).toEqual(['member.findings_raised', 'member.findings_cleared']);
  });
  it('findings that come and go are told of four times a day; what is so is still to be read', async () => {
    const { d, look } = await watched();
    const broken = (n: number) => ({ metadata: { openid_relying_party: { redirect_uris: [`${RP}/cb`], [`x${n}`]: 1 } } });
    const told = async () => (await events(d)).filter((type) => type.startsWith('member.findings')).length;
    // A day of its own, so that none is left over from looks before.
    d.clock += day - (d.clock % day);
    for (let n = 0; n < 40; n++) await look(n % 5 < 3 ? broken(n) : {});
    expect(await told()).toBe(4);
    const history = (await d.admin('GET', `${M}/history`)).json.items as { type: string; detail: { more?: string } }[];
    expect(history.filter(({ type }) => type.startsWith('member.findings')).map(({ detail }) => typeof detail.more)).toEqual([
      'undefined',
      'undefined',
      'undefined',
      'string',
    ]);
    for (let n = 0; n < 3; n++) await look(broken(0));
    expect((await d.admin('GET', `${M}/watch`)).json.findings).not.toEqual([]);
    d.clock += day;
    for (let n = 0; n < 2; n++) await look();
    expect(await told(), 'another day').toBe(5);
  });
  it('unreachable three times: a finding that names the failure; the keys stay', async () => {
    const { d, rp, look } = await watched();
    for (let n = 0; n < 2; n++) expect((await look(null)).findings).toEqual([]);
    expect(await look(null)).toMatchObject({ failures: 3, findings: [{ code: 'fetch_failed', transient: true }] });
    expect((await d.admin('GET', `${A}/watch?only=failing`)).json.items).toHaveLength(1);
    expect(await kids(d)).toEqual([rp.key.kid]);
    expect(await look()).toMatchObject({ failures: 0 });
  });
  it('forecasts: a configuration that is not renewed, a membership that ends', async () => {
    const { d, look } = await watched();
    await d.admin('PATCH', M, { valid_until: NOW + 20 * day });
    for (let n = 0; n < 3; n++) await look({ iat: NOW - 3000, exp: NOW + 600 });
    const { findings } = (await d.admin('GET', `${M}/watch`)).json;
    expect(findings.map(({ code }: { code: string }) => code).sort()).toEqual(['configuration_expiring', 'membership_ending']);
  });
});

describe('the life of a policy', () => {
  const BREAKING = { metadata_policy: { openid_relying_party: { contacts: { essential: true } } } };
  async function members(d: TestDeployment, n: number) {
    const key = await testKey();
    for (let i = 0; i < n; i++) {
      const one = await testMember(`https://m${i}.example.com`, key);
      const contacts = i % 3 === 0 ? { contacts: ['a@example.com'] } : {};
      const metadata = { openid_relying_party: { redirect_uris: [`${one.id}/cb`], jwks_uri: `${one.id}/j`, ...contacts } };
      if (i !== n - 1) d.network.set(`${one.id}/.well-known/openid-federation`, await one.configuration({ metadata }));
      await d.admin('POST', `${A}/members`, { entity_id: one.id, jwks: one.jwks, activate: true });
    }
    await discoveryTurn(d.deployment, { more: () => true });
  }
  it('impact: counts first, then who breaks and why; publishing what breaks wants a yes; report-only; rollback', async () => {
    const { backgroundTurn } = await import('../../src/operations/background.js');
    const d = await testDeployment();
    await members(d, 10);
    const draft = async (body: object) => (await d.admin('POST', `${A}/policies`, body)).json.version as number;
    const impact = async (version: number, query = '') => {
      await d.admin('POST', `${A}/policies/${version}/impact`);
      await backgroundTurn(d.deployment, { more: () => true });
      return (await d.admin('GET', `${A}/policies/${version}/impact${query}`)).json;
    };
    const one = await draft({ metadata_policy: { openid_relying_party: { client_name: { default: 'x' } } } });
    expect(await impact(one)).toMatchObject({
      against: null,
      counts: { changes: 9, breaks: 0, unknown: 1 },
      job: { kind: 'impact', state: 'done', done: 10, total: 10 },
    });
    expect((await d.admin('POST', `${A}/policies/${one}/publish`)).json).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringMatching(/could not judge 1 members.*\(https:\/\/m9\.example\.com\).*--accept-unknown/),
    });
    expect((await impact(one, '?effect=unknown')).items).toMatchObject([{ entity_id: 'https://m9.example.com', effect: 'unknown' }]);
    expect((await d.admin('POST', `${A}/policies/${one}/publish`, { accept_unknown: true })).status).toBe(200);
    const two = await draft(BREAKING);
    const found = await impact(two);
    expect(found).toMatchObject({ against: one, counts: { breaks: 6, changes: 3, unknown: 1, unchanged: 0 }, job: { refused: 6 } });
    expect((await impact(two, '?effect=breaks&limit=2')).items).toMatchObject([
      { entity_id: 'https://m1.example.com', effect: 'breaks', detail: expect.stringContaining('contacts') },
      { entity_id: 'https://m2.example.com' },
    ]);
    expect((await impact(two, '?effect=changes')).items[0].detail).toContain('openid_relying_party/client_name: "x" → absent');
    expect((await d.admin('POST', `${A}/policies/${two}/publish`, { accept_breaks: true })).json.detail).toContain('could not judge 1 members');
    expect((await d.admin('POST', `${A}/policies/${two}/publish`, { accept_unknown: true })).json).toMatchObject({
      code: 'wrong_state',
      detail: expect.stringContaining('breaks 6 members'),
    });
    expect((await d.admin('POST', `${A}/policies/${two}/report`)).json.state).toBe('reporting');
    for (let n = 0; n < 3; n++) {
      await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
      await discoveryTurn(d.deployment, { more: () => true });
    }
    const reported = (await d.admin('GET', `${A}/watch?only=findings`)).json.items as { entity_id: string; findings: { where: string }[] }[];
    expect(reported.filter(({ findings }) => findings.some(({ where }) => where.includes(`policy version ${two} (report only)`)))).toHaveLength(6);
    expect((await d.public(`/resolve?sub=https://m1.example.com&trust_anchor=${ANCHOR}`)).status, 'nothing is refused meanwhile').toBe(200);
    expect((await d.admin('POST', `${A}/policies/${two}/publish`, { accept_breaks: true, accept_unknown: true })).json.policy.state).toBe('published');
    await backgroundTurn(d.deployment, { more: () => true });
    expect(await impact(two)).toMatchObject({ counts: { still_broken: 6 } });
    expect((await impact(one)).counts).toMatchObject({ mends: 6, changes: 3 });
    const back = await d.admin('POST', `${A}/policies/rollback`);
    expect(back.json).toMatchObject({ policy: { version: one, state: 'published' }, job: expect.any(String) });
    expect((await d.admin('GET', `${A}/policies/${two}`)).json.state).toBe('superseded');
    expect((await d.admin('POST', `${A}/policies/${two}/report`)).json.code).toBe('wrong_state');
  });
  it('an impact counts for what it was worked out for: members that came or changed since, another policy in force, a day', async () => {
    const { backgroundTurn } = await import('../../src/operations/background.js');
    const d = await testDeployment();
    await members(d, 4);
    const draft = async () =>
      (await d.admin('POST', `${A}/policies`, { metadata_policy: { openid_relying_party: { client_name: { default: 'x' } } } })).json.version;
    const impact = async (version: number) => {
      await d.admin('POST', `${A}/policies/${version}/impact`);
      await backgroundTurn(d.deployment, { more: () => true });
    };
    const publish = async (version: number, body: object = {}) => {
      const { status, json } = await d.admin('POST', `${A}/policies/${version}/publish`, { accept_unknown: true, ...body });
      return status === 200 ? 'published' : [json.code, json.detail.split(';')[0]];
    };
    const one = await draft();
    await d.admin('POST', `${A}/policies/${one}/impact`);
    expect(await publish(one)).toEqual(['wrong_state', 'its impact is still being worked out']);
    await backgroundTurn(d.deployment, { more: () => true });
    d.clock += 86_400;
    expect(await publish(one)).toEqual(['wrong_state', 'its impact is too old to count']);
    await impact(one);
    const late = await testMember('https://late.example.com');
    await d.admin('POST', `${A}/members`, { entity_id: late.id, jwks: late.jwks, activate: true });
    const unseen = ['wrong_state', 'its impact was worked out before members came or changed'];
    expect(await publish(one)).toEqual(unseen);
    await impact(one);
    await d.admin('PATCH', `${A}/members/${encodeURIComponent(late.id)}`, { metadata: { openid_relying_party: { contacts: ['a@example.com'] } } });
    expect(await publish(one)).toEqual(unseen);
    await impact(one);
    await d.admin('POST', `${A}/members/${encodeURIComponent(late.id)}/suspend`, { reason: 'x' });
    expect(await publish(one), 'whoever went can break no more').toBe('published');
    const two = await draft();
    const three = await draft();
    await impact(two);
    await impact(three);
    expect(await publish(two)).toBe('published');
    expect(await publish(three)).toEqual(['wrong_state', 'its impact was compared with version 1, and another one is in force']);
    expect(await publish(three, { accept_breaks: true })).toBe('published');
    await d.execute("DELETE FROM job WHERE kind = 'impact'");
    expect(await publish(two), 'one that is kept no longer is no better').toEqual(['wrong_state', 'its impact is too old to count']);
    expect(
      (await d.rows("SELECT detail FROM event WHERE type = 'policy.published' ORDER BY seq")).map(({ detail }) => JSON.parse(String(detail)).impact),
    ).toEqual([expect.stringMatching(/^job_/), expect.stringMatching(/^job_/), 'waived']);
  });
  it('a report-only period can be ended; one at a time; a rollback without a predecessor is refused', async () => {
    const d = await testDeployment();
    expect((await d.admin('POST', `${A}/policies/rollback`)).json.code).toBe('wrong_state');
    for (let n = 0; n < 2; n++) await d.admin('POST', `${A}/policies`, BREAKING);
    await d.admin('POST', `${A}/policies/1/report`);
    await d.admin('POST', `${A}/policies/2/report`);
    const states = async () => ((await d.admin('GET', `${A}/policies`)).json.items as { state: string }[]).map(({ state }) => state);
    expect(await states()).toEqual(['reporting', 'draft']);
    await d.admin('POST', `${A}/policies/2/end-report`);
    expect(await states()).toEqual(['draft', 'draft']);
    expect((await d.admin('GET', `${A}/policies/2/impact`)).status).toBe(404);
  });
});
