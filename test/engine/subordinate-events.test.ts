import { decodeJwt, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { fsck } from '../../src/operations/fsck.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { retellMembers } from '../../src/operations/members/retell.js';
import { tellAsTheyAre } from '../../src/store/registration-events.js';
import { insertRows } from '../../src/store/bulk.js';
import { registrationEvent } from '../../src/store/schema.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const RP = 'https://rp.example.com';
const A = '/authorities/main';
const at = (id: string, more = '') => `${A}/members/${encodeURIComponent(id)}${more}`;
const eventsOf = (d: TestDeployment, sub = RP) => d.public(`/subordinate-events?sub=${encodeURIComponent(sub)}`);
const sign = (d: TestDeployment) => backgroundTurn(d.deployment, { more: () => true });
const told = (text: string) =>
  (decodeJwt(text)['federation_registration_events'] as { iat: number; event: string; event_description?: string }[]).map(
    ({ iat, event, event_description: why }) => [iat - NOW, event, ...(why ? [why] : [])],
  );
const act = async (d: TestDeployment, method: string, path: string, body: object, after = 10) => {
  d.clock += after;
  const { status, text } = await d.admin(method, path, body);
  expect(status, text).toBeLessThan(300);
};

async function telling(subordinateEvents = true): Promise<TestDeployment> {
  const d = await testDeployment({ subordinateEvents });
  const { jwks } = await testMember(RP);
  await act(d, 'POST', `${A}/members`, { entity_id: RP, jwks, entity_types: ['openid_relying_party'], organization: 'Acme', activate: true }, 0);
  await sign(d);
  return d;
}

describe('Federation Subordinate Events Endpoint 1.0 - draft 00', () => {
  it('tells the whole track, signed by the authority, also of one that was revoked, and what anyone may know of the reason', async () => {
    const d = await telling();
    const other = await testKey();
    await act(d, 'PUT', at(RP, '/keys'), { jwks: { keys: [other.jwk] }, reason: 'rotated by hand' });
    await act(d, 'PATCH', at(RP), { metadata: { openid_relying_party: { client_name: 'New' } } });
    await act(d, 'POST', at(RP, '/suspend'), { reason: 'case 17, secret', public_reason: 'under review' });
    await act(d, 'POST', at(RP, '/resume'), { reason: 'cleared' });
    const { json } = await d.admin('POST', `${A}/policies`, { metadata_policy: { openid_relying_party: { scope: { default: 'openid' } } } });
    await act(d, 'POST', `${A}/policies/${json.version}/publish`, {});
    await act(d, 'POST', at(RP, '/revoke'), { reason: 'case 18' });
    await sign(d);
    const { status, headers, text } = await eventsOf(d);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/entity-events-statement+jwt']);
    const configuration = decodeJwt((await d.public('/.well-known/openid-federation')).text) as {
      jwks: { keys: { kid: string }[] };
      metadata: Record<string, Record<string, unknown>>;
    };
    expect(configuration.metadata['federation_entity']?.['federation_subordinate_events_endpoint']).toBe(`${ANCHOR}/subordinate-events`);
    const key = configuration.jwks.keys.find(({ kid }) => kid === decodeProtectedHeader(text).kid);
    const { payload, protectedHeader } = await jwtVerify(text, await importJWK(key as never), {
      issuer: ANCHOR,
      subject: RP,
      typ: 'entity-events-statement+jwt',
      currentDate: new Date(d.clock * 1000),
    });
    expect(protectedHeader['alg']).toBe('ES256');
    expect(Object.keys(payload).sort()).toEqual(['exp', 'federation_registration_events', 'iat', 'iss', 'sub']);
    expect(told(text)).toEqual([
      [0, 'registration'],
      [10, 'jwks_update'],
      [20, 'metadata_update'],
      [30, 'suspension', 'under review'],
      [40, 'registration'],
      [50, 'metadata_policy_update'],
      [60, 'revocation'],
    ]);
    expect(
      text
        .split('.')
        .map((one) => atob(one.replaceAll('-', '+').replaceAll('_', '/')))
        .join(),
    ).not.toContain('case 1');
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).toBe(404);
  });

  it('a cut is told by nothing that was signed before it, and needs no signature itself; the halt of an organization alike', async () => {
    const d = await telling();
    expect((await eventsOf(d)).status).toBe(200);
    await act(d, 'POST', at(RP, '/suspend'), { reason: 'x' });
    expect((await eventsOf(d)).json).toMatchObject({ error: 'temporarily_unavailable' });
    await sign(d);
    expect(told((await eventsOf(d)).text).at(-1)).toEqual([10, 'suspension']);
    await act(d, 'POST', at(RP, '/resume'), {});
    await sign(d);
    await act(d, 'POST', `${A}/organizations/Acme/halt`, { reason: 'secret', public_reason: 'licence withdrawn' });
    expect((await eventsOf(d)).status).toBe(503);
    await sign(d);
    expect(told((await eventsOf(d)).text).at(-1)).toEqual([30, 'suspension', 'licence withdrawn']);
    await act(d, 'POST', `${A}/organizations/Acme/resume`, { reason: 'back' });
    await sign(d);
    expect(await fsck(d.deployment)).toEqual([]);
    expect(told((await eventsOf(d)).text).at(-1)).toEqual([40, 'registration']);
    expect(await d.rows("SELECT count(*) AS n FROM artefact WHERE kind = 'events'")).toEqual([{ n: 1 }]);
  });

  it('nobody who was never registered is told of: applicants, barred, unknown and malformed ones are the same 404', async () => {
    const d = await telling();
    const { jwks } = await testMember('https://applicant.example.com');
    await act(d, 'POST', `${A}/members`, { entity_id: 'https://applicant.example.com', jwks, entity_types: ['openid_relying_party'] });
    await act(d, 'POST', at('https://applicant.example.com', '/refuse'), { reason: 'no' });
    await sign(d);
    const answers = await Promise.all(
      ['https://applicant.example.com', 'https://unknown.example.com', ANCHOR, 'nonsense', `${RP}/`].map(async (sub) => eventsOf(d, sub)),
    );
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, json: { error: 'not_found' } });
    for (const path of ['/subordinate-events', `/subordinate-events?sub=${RP}&sub=${RP}`])
      expect(await d.public(path)).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  });

  it('is not there until it is switched on; then it tells of everybody at once, and of nobody when it is switched off', async () => {
    const d = await telling(false);
    const inMetadata = async () =>
      JSON.stringify(decodeJwt((await d.public('/.well-known/openid-federation')).text)['metadata']).includes('subordinate_events');
    expect([(await eventsOf(d)).status, await inMetadata()]).toEqual([404, false]);
    await act(d, 'POST', at(RP, '/revoke'), { reason: 'x' });
    await act(d, 'PATCH', A, { subordinate_events: true });
    await sign(d);
    expect(await inMetadata()).toBe(true);
    expect(told((await eventsOf(d)).text)).toEqual([
      [0, 'registration'],
      [10, 'revocation'],
    ]);
    await act(d, 'PATCH', A, { subordinate_events: false });
    expect([(await eventsOf(d)).status, await inMetadata()]).toEqual([404, false]);
  });

  it('what a version that does not tell has done beside this one is told after it, once, also when two look at the same time', async () => {
    const d = await telling();
    const { jwks } = await testMember('https://b.example');
    await act(d, 'POST', `${A}/members`, { entity_id: 'https://b.example', jwks, activate: true });
    await act(d, 'POST', at(RP, '/suspend'), { reason: 'x' });
    // As if neither had been told: the enrolment of one, the suspension of the other.
    await d.execute('DELETE FROM registration_event WHERE id NOT IN (SELECT min(id) FROM registration_event)');
    await d.execute("DELETE FROM artefact WHERE kind = 'events'");
    expect((await fsck(d.deployment)).map(({ code }) => code)).toEqual(['registration_events', 'registration_events']);
    const ids = (await d.rows('SELECT id FROM member')).map(({ id }) => String(id));
    await Promise.all([d.store.write(tellAsTheyAre(ids, d.clock)), d.store.write(tellAsTheyAre(ids, d.clock))]);
    await act(d, 'POST', at(RP, '/resume'), { reason: 'x' });
    await d.execute('DELETE FROM registration_event WHERE id IN (SELECT max(id) FROM registration_event)');
    // One at a time, round and round.
    for (let n = 0; n < 4; n++) await retellMembers(d.deployment, 1);
    expect(await fsck(d.deployment)).toEqual([]);
    await sign(d);
    expect([told((await eventsOf(d)).text).map(([, what]) => what), told((await eventsOf(d, 'https://b.example')).text)]).toEqual([
      ['registration', 'suspension', 'registration'],
      [[10, 'registration']],
    ]);
    // Suspended and told so, then revoked by such a version, whose clock is behind.
    await act(d, 'POST', at(RP, '/suspend'), { reason: 'x' });
    await d.execute(`UPDATE member SET state = 'revoked', updated_at = ${NOW - 100} WHERE entity_id = '${RP}'`);
    for (let n = 0; n < 4; n++) await retellMembers(d.deployment, 1);
    await sign(d);
    const [suspended, revoked] = told((await eventsOf(d)).text).slice(-2);
    expect([suspended?.[1], revoked]).toEqual(['suspension', [suspended?.[0], 'revocation']]);
  });

  it('of one whose keys changed ten thousand times the newest are told, behind the registration that they belong to', async () => {
    const d = await telling();
    const [row] = await d.rows('SELECT authority_id FROM registration_event');
    const many = Array.from({ length: 10_000 }, (_, n) => ({
      authorityId: String(row?.['authority_id']),
      entityId: RP,
      at: NOW + 1 + n,
      event: 'jwks_update' as const,
      description: null,
    }));
    await d.deployment.store.write([insertRows(registrationEvent, many)]);
    d.clock += 20_000;
    await act(d, 'PATCH', at(RP), { metadata: { openid_relying_party: { client_name: 'New' } } });
    await sign(d);
    const { text } = await eventsOf(d);
    const track = told(text);
    expect([track.length, track[0], track[1], track.at(-1)]).toEqual([501, [0, 'registration'], [9502, 'jwks_update'], [20_010, 'metadata_update']]);
    expect(text.length).toBeLessThan(60_000);
  });

  it('a record that was tampered with is found, and nothing is signed from it', async () => {
    const d = await telling();
    await d.execute("UPDATE registration_event SET event = 'canonization'");
    expect((await fsck(d.deployment)).map(({ code }) => code)).toEqual(['cell_unreadable', 'registration_events']);
    await act(d, 'POST', at(RP, '/suspend'), { reason: 'x' });
    await sign(d);
    expect((await eventsOf(d)).status).toBe(503);
  });

  it('is renewed before it ends, signed anew when its key was compromised, and gone while the authority is halted', async () => {
    const d = await telling();
    d.clock += 20 * 3600;
    await sign(d);
    expect(decodeJwt((await eventsOf(d)).text).iat).toBe(d.clock);
    const [{ kid }] = (await d.rows("SELECT kid FROM authority_key WHERE state = 'active'")) as [{ kid: string }];
    const { json } = await d.admin('POST', `${A}/keys`, {});
    await act(d, 'POST', `${A}/keys/${json.kid}/activate`, { force: true, reason: 'x' });
    await act(d, 'POST', `${A}/keys/${kid}/revoke`, { reason: 'compromised' });
    expect((await eventsOf(d)).status).toBe(503);
    await sign(d);
    expect(decodeProtectedHeader((await eventsOf(d)).text).kid).toBe(json.kid);
    await act(d, 'POST', `${A}/halt`, { reason: 'x' });
    expect((await eventsOf(d)).status).toBe(404);
  });
});
