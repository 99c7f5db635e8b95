import { decodeJwt, decodeProtectedHeader, exportJWK, exportPKCS8, generateKeyPair } from 'jose';
import { describe, expect, it } from 'vitest';
import { historicalKeyFor, parseEntityStatement, validateHistoricalKeys, validateTrustChain, verifyEntityStatement } from '../../src/federation/entry.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn, rotateAll } from '../../src/operations/background.js';
import { renewSlice } from '../../src/operations/artefacts/renew.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const KEYS = '/authorities/main/keys';
const DAY = 86_400;
const RP = 'https://rp.example.com';
const configuration = async (d: TestDeployment) => (await d.public('/.well-known/openid-federation')).text;
const kids = async (d: TestDeployment) => ((decodeJwt(await configuration(d)) as { jwks: { keys: { kid: string }[] } }).jwks.keys ?? []).map(({ kid }) => kid);
const states = async (d: TestDeployment) =>
  Object.fromEntries((await d.admin('GET', KEYS)).json.items.map((key: { kid: string; state: string }) => [key.kid, key.state]));
const statement = async (d: TestDeployment) => await d.public(`/fetch?sub=${encodeURIComponent(RP)}`);
const work = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });

async function withMember() {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: rp.jwks, activate: true });
  const [first] = await kids(d);
  return { d, rp, first: first as string };
}

describe('key rollover', () => {
  it('KR-01 KR-02: published beside the old, waited, switched, retired; a chain verifies at every step', async () => {
    const { d, rp, first } = await withMember();
    const pinnedAtStart = { [ANCHOR]: (decodeJwt(await configuration(d)) as never)['jwks'] };
    const made = await d.admin('POST', KEYS, {});
    const next = made.json.kid as string;
    expect([made.status, made.json.state, new Set(await kids(d))]).toEqual([201, 'staged', new Set([first, next])]);
    expect(decodeProtectedHeader(await configuration(d)).kid, 'the old key keeps signing').toBe(first);

    const early = await d.admin('POST', `${KEYS}/${next}/activate`);
    expect([early.status, early.json.code]).toEqual([409, 'key_not_ready']);
    const heldCopy = (await statement(d)).text;
    d.clock = NOW + DAY;
    await work(d);
    const pinnedMeanwhile = { [ANCHOR]: (decodeJwt(await configuration(d)) as never)['jwks'] };
    expect((await d.admin('POST', `${KEYS}/${next}/activate`, {})).json.state).toBe('active');
    expect(await states(d)).toEqual({ [first]: 'retiring', [next]: 'active' });
    expect(decodeProtectedHeader(await configuration(d)).kid).toBe(next);
    expect(decodeProtectedHeader((await statement(d)).text).kid, 'the old statement is served until its slice comes').toBe(first);
    const mixed = [await rp.configuration({ exp: NOW + 9 * DAY }), (await statement(d)).text, await configuration(d)];
    expect((await validateTrustChain(mixed, { anchors: pinnedMeanwhile, now: d.clock })).ok).toBe(true);

    const jobs = await d.admin('GET', '/authorities/main/jobs');
    expect(jobs.json.items[0]).toMatchObject({ kind: 'resign', state: 'running', total: expect.any(Number) });
    await work(d);
    expect((await d.admin('GET', `/authorities/main/jobs/${jobs.json.items[0].id}`)).json.state).toBe('done');
    expect(decodeProtectedHeader((await statement(d)).text).kid).toBe(next);
    const after = [await rp.configuration({ exp: NOW + 9 * DAY }), (await statement(d)).text, await configuration(d)];
    expect((await validateTrustChain(after, { anchors: pinnedMeanwhile, now: d.clock })).ok).toBe(true);
    expect((await validateTrustChain(after, { anchors: pinnedAtStart, now: d.clock })).ok, 'who never refreshed the pins is refused').toBe(false);

    expect((await d.admin('POST', `${KEYS}/${first}/retire`)).json.code, 'statements in caches still name it').toBe('key_not_ready');
    d.clock += DAY;
    await work(d);
    expect(await states(d)).toEqual({ [first]: 'historical', [next]: 'active' });
    expect(await kids(d)).toEqual([next]);

    const historical = await validateHistoricalKeys((await d.public('/historical-keys')).text, {
      entityId: ANCHOR,
      jwks: { keys: (await d.admin('GET', KEYS)).json.items.map((key: { jwk: object }) => key.jwk) },
    });
    expect(historical).toMatchObject({ ok: true, value: [{ kid: first, iat: NOW, exp: d.clock }] });
    const old = historical.ok ? historicalKeyFor(historical.value, { kid: first, iat: NOW }) : undefined;
    const parsed = parseEntityStatement(heldCopy, { now: NOW });
    expect(
      parsed.ok && old && (await verifyEntityStatement(parsed.value, { keys: [old] })).ok,
      'HK-06: a past statement verifies with the historical key',
    ).toBe(true);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('HK-02 HK-03 HK-04 HK-05: a revoked key leaves the configuration and stands among the historical ones with its reason', async () => {
    const { d, first } = await withMember();
    const staged = (await d.admin('POST', KEYS, {})).json.kid;
    const revoked = await d.admin('POST', `${KEYS}/${staged}/revoke`, { reason: 'superseded' });
    expect(revoked.json).toMatchObject({ state: 'revoked', revoked_reason: 'superseded' });
    expect(await kids(d)).toEqual([first]);
    const answer = await d.public('/historical-keys');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/jwk-set+jwt']);
    expect(decodeProtectedHeader(answer.text)).toMatchObject({ typ: 'jwk-set+jwt', kid: first });
    expect(decodeJwt(answer.text)).toMatchObject({
      iss: ANCHOR,
      iat: NOW,
      keys: [{ kid: staged, exp: NOW, revoked: { revoked_at: NOW, reason: 'superseded' } }],
    });
    expect((await d.admin('POST', `${KEYS}/${first}/revoke`, { reason: 'Not A Code' })).status).toBe(400);
  });

  it('compromise: from the commit on nothing the key signed is served; a new key takes over', async () => {
    const { d, first } = await withMember();
    const before = (await statement(d)).text;
    expect((await d.admin('POST', `${KEYS}/${first}/revoke`, { reason: 'compromised' })).json.state).toBe('revoked');
    const withheld = await statement(d);
    expect([withheld.status, withheld.json.error]).toEqual([503, 'temporarily_unavailable']);
    const [heir] = await kids(d);
    expect(heir).not.toBe(first);
    expect(decodeProtectedHeader(await configuration(d)).kid, 'the configuration is signed anew in the same commit').toBe(heir);
    expect(await fsck(d.deployment)).toEqual([]);
    await work(d);
    const after = await statement(d);
    expect([after.status, decodeProtectedHeader(after.text).kid]).toEqual([200, heir]);
    expect(after.text).not.toBe(before);
    expect((decodeJwt((await d.public('/historical-keys')).text) as never)['keys']).toMatchObject([{ kid: first, revoked: { reason: 'compromised' } }]);
    const events = await d.admin('GET', '/authorities/main/events?limit=1000');
    expect(events.json.items.at(-1)).toMatchObject({ type: 'key.revoked', subject: { kind: 'key', id: first }, reason: 'compromised' });
  });

  it('revoking the signing key prefers a staged one; force skips the wait and the event says so', async () => {
    const { d, first } = await withMember();
    const staged = (await d.admin('POST', KEYS, {})).json.kid;
    expect((await d.admin('POST', `${KEYS}/${staged}/activate`, { force: true, reason: 'drill' })).json.state).toBe('active');
    const spare = (await d.admin('POST', KEYS, {})).json.kid;
    await d.admin('POST', `${KEYS}/${staged}/revoke`, { reason: 'unspecified' });
    expect(await states(d)).toEqual({ [first]: 'retiring', [staged]: 'revoked', [spare]: 'active' });
    const events = (await d.admin('GET', '/authorities/main/events')).json.items.map((one: { type: string }) => one.type);
    expect(events).toContain('key.activated_by_force');
  });

  it('a key can be made without being published, then staged', async () => {
    const { d, first } = await withMember();
    const hidden = (await d.admin('POST', KEYS, { stage: false })).json;
    expect([hidden.state, await kids(d)]).toEqual(['created', [first]]);
    expect((await d.admin('POST', `${KEYS}/${hidden.kid}/activate`)).json.code).toBe('wrong_state');
    await d.admin('POST', `${KEYS}/${hidden.kid}/stage`);
    expect(new Set(await kids(d))).toEqual(new Set([first, hidden.kid]));
    expect((await d.admin('POST', `${KEYS}/nobody/stage`)).status).toBe(404);
  });

  it.each(['ES384', 'Ed25519', 'RS256', 'PS256'] as const)('a %s key is imported as JWK or PEM; nothing private comes back', async (alg) => {
    const { d } = await withMember();
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = await exportJWK(privateKey);
    const made = await d.admin('POST', KEYS, { jwk, alg });
    expect([made.status, made.json.alg, made.json.state]).toEqual([201, alg, 'staged']);
    expect(made.text).not.toContain(jwk.d as string);
    expect((await d.admin('POST', KEYS, { pem: await exportPKCS8(privateKey), alg })).json.code, 'the same key again').toBe('already_exists');
    d.clock += DAY;
    await work(d);
    await d.admin('POST', `${KEYS}/${made.json.kid}/activate`);
    expect(decodeProtectedHeader(await configuration(d))).toMatchObject({ alg, kid: made.json.kid });
    const rows = JSON.stringify(await d.rows('SELECT * FROM authority_key')) + JSON.stringify(await d.rows('SELECT * FROM event'));
    expect(rows, 'sealed at rest').not.toContain(jwk.d as string);
  });

  it('what is no private signing key is refused without being repeated', async () => {
    const { d } = await withMember();
    const { jwk } = await testKey();
    for (const body of [{ jwk }, { jwk: { kty: 'oct', k: 'c2VjcmV0' } }, { pem: 'hello c2VjcmV0' }]) {
      const refused = await d.admin('POST', KEYS, body);
      expect(refused.status).toBe(422);
      expect(refused.text).not.toContain('c2VjcmV0');
    }
    expect((await d.admin('POST', KEYS, { jwk, pem: 'x' })).status).toBe(400);
  });
});

describe('rotation by schedule', () => {
  it('stages ahead of time, activates when due and ready, retires when nothing old is left', async () => {
    const d = await testDeployment({ keyRotation: 10 * DAY });
    const [first] = await kids(d);
    const at = async (days: number) => {
      d.clock = NOW + days * DAY;
      await work(d);
      return Object.values(await states(d)).join(',');
    };
    expect(await at(7)).toBe('active');
    expect(await at(8)).toBe('active,staged');
    expect(await at(9.5)).toBe('active,staged');
    expect(await at(10)).toBe('retiring,active');
    expect(await at(10.4)).toBe('retiring,active');
    expect(await at(11)).toBe('historical,active');
    expect((await kids(d)).includes(first as string)).toBe(false);
    expect((await d.admin('PATCH', '/authorities/main', { key_rotation: 60 })).status).toBe(422);
  });

  it('KR-03: under a superior a key waits until the superior’s statement has listed it for a whole lifetime', async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'below', entityId: 'https://below.example.org', authorityHints: [ANCHOR] });
    const below = '/authorities/below/keys';
    const own = async () => ({ keys: (await d.admin('GET', below)).json.items.map((key: { jwk: object }) => key.jwk) });
    await d.admin('POST', '/authorities/main/members', { entity_id: 'https://below.example.org', jwks: await own(), intermediate: true, activate: true });
    const next = (await d.admin('POST', below, {})).json.kid;
    d.clock += DAY;
    await work(d);
    const unlisted = await d.admin('POST', `${below}/${next}/activate`);
    expect([unlisted.json.code, unlisted.json.detail]).toEqual(['key_not_ready', expect.stringContaining('superior')]);
    await d.admin('PUT', `/authorities/main/members/${encodeURIComponent('https://below.example.org')}/keys`, { jwks: await own(), reason: 'rollover' });
    expect((await d.admin('POST', `${below}/${next}/activate`)).json.detail).toContain('older statements');
    d.clock += DAY;
    await work(d);
    expect((await d.admin('POST', `${below}/${next}/activate`)).json.state).toBe('active');
  });
});

describe('renewal', () => {
  it('signs again at half-life, changes no content, makes no event', async () => {
    const { d } = await withMember();
    const before = decodeJwt((await statement(d)).text);
    const events = (await d.rows('SELECT count(*) AS n FROM event'))[0];
    d.clock = NOW + DAY / 2 - 1;
    expect(await renewSlice(d.deployment), 'the status list alone').toBe(1);
    d.clock = NOW + DAY * 0.61;
    expect(await renewSlice(d.deployment)).toBe(3);
    const after = decodeJwt((await statement(d)).text);
    expect(after).toEqual({ ...before, iat: d.clock, exp: d.clock + DAY });
    expect((await d.rows('SELECT count(*) AS n FROM event'))[0]).toEqual(events);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  /** Something happens while a renewal signs: after it has read, before it writes. */
  const meanwhile = (d: TestDeployment, act: () => Promise<unknown>) => {
    const { custody } = d.deployment;
    const signer = async (key: Parameters<typeof custody.signer>[0]) => {
      const real = await custody.signer(key);
      return {
        ...real,
        async sign(bytes: Uint8Array) {
          await act();
          return real.sign(bytes);
        },
      };
    };
    return renewSlice({ ...d.deployment, custody: { ...custody, signer } });
  };

  it('what a halt removed while it was being signed stays removed', async () => {
    const { d } = await withMember();
    d.clock = NOW + DAY * 0.7;
    await meanwhile(d, () => d.admin('POST', `/authorities/main/members/${encodeURIComponent(RP)}/suspend`, { reason: 'meanwhile' }));
    expect((await statement(d)).status).toBe(404);
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('keys that were replaced while the old statement was being signed again are not undone', async () => {
    const { d } = await withMember();
    const next = await testKey();
    d.clock = NOW + DAY * 0.7;
    await meanwhile(d, () => d.admin('PUT', `/authorities/main/members/${encodeURIComponent(RP)}/keys`, { jwks: { keys: [next.jwk] }, reason: 'meanwhile' }));
    expect(decodeJwt((await statement(d)).text)['jwks']).toEqual({ keys: [next.jwk] });
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('a policy that was published while old statements were being signed again is not lost', async () => {
    const { d } = await withMember();
    d.clock = NOW + DAY * 0.7;
    let done = false;
    await meanwhile(d, async () => {
      if (done) return;
      done = true;
      await d.admin('POST', '/authorities/main/policies', { metadata_policy: { oauth_client: { scope: { default: 'x' } } } });
      await d.admin('POST', '/authorities/main/policies/1/publish');
    });
    d.clock += 61; // the lease of the slice that lost
    await work(d);
    expect(decodeJwt((await statement(d)).text)['metadata_policy']).toEqual({ oauth_client: { scope: { default: 'x' } } });
  });

  it('two renewals at once share the work; a crashed one’s lease runs out', async () => {
    const { d } = await withMember();
    d.clock = NOW + DAY * 0.7;
    await d.execute(`UPDATE artefact SET lease_until = ${d.clock + 30}`);
    expect(await renewSlice(d.deployment)).toBe(0);
    d.clock += 31;
    expect(await renewSlice(d.deployment)).toBe(3);
  });

  it('an authority whose key does not open does not hold up the others', async () => {
    const { d } = await withMember();
    await createAuthority(d.call, { slug: 'broken', entityId: 'https://broken.example.org' });
    await d.execute("UPDATE authority_key SET sealed = 'AAAA' || sealed WHERE authority_id = (SELECT id FROM authority WHERE slug = 'broken')");
    d.clock = NOW + DAY * 0.7;
    await expect(renewSlice(d.deployment)).rejects.toThrow(/does not open/);
    expect(decodeJwt((await statement(d)).text).iat).toBe(d.clock);
  });

  it('one member that cannot be signed does not hold up the others', async () => {
    const { d } = await withMember();
    const other = await testMember('https://other.example.com');
    await d.admin('POST', '/authorities/main/members', { entity_id: other.id, jwks: other.jwks, activate: true });
    await d.execute(`UPDATE member SET metadata = '{"oauth_client":{"a":null}}' WHERE entity_id = '${RP}'`);
    d.clock = NOW + DAY * 0.7;
    await rotateAll(d.deployment);
    await renewSlice(d.deployment);
    expect(decodeJwt((await d.public(`/fetch?sub=${encodeURIComponent(other.id)}`)).text).iat).toBe(d.clock);
    expect(decodeJwt((await statement(d)).text).iat).toBe(NOW);
  });
});
