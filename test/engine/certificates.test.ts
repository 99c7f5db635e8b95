import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { certifiableKey, certify, DAY } from '../support/certificates.js';
import { NOW, testDeployment, testMember } from '../support/deployment.js';
import { testKey } from '../support/keys.js';
import { twoDecide } from '../support/people.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const M = `${A}/members/${encodeURIComponent(RP)}`;
const TYPE = 'https://marks.example/iso';

describe('registry §1: nothing said about a member outlives the certificates of its keys', () => {
  it('statement, mark and listing end with the certificate; another one moves the end, and none is no way around it', async () => {
    const d = await testDeployment();
    const { key, pair } = await certifiableKey();
    const rp = await testMember(RP, key);
    const certificate = (until: number) => certify({ pair, until });
    const withX5c = (base64: string) => ({ keys: [{ ...key.jwk, x5c: [base64] }] });
    const enrol = (base64: string) => d.admin('POST', `${A}/members`, { entity_id: RP, jwks: withX5c(base64), activate: true });
    const ended = await enrol((await certificate(0)).base64);
    expect(ended.json).toMatchObject({ code: 'findings', findings: [{ code: 'certificate_invalid' }] });
    const enrolled = await enrol((await certificate(7200)).base64);
    expect(enrolled.status, enrolled.text).toBe(201);
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
    await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
    const exp = async (path: string) => decodeJwt((await d.public(path)).text).exp;
    const both = async () => [
      await exp(`/fetch?sub=${encodeURIComponent(RP)}`),
      await exp(`/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(RP)}`),
    ];
    expect(await both()).toEqual([NOW + 7200, NOW + 7200]);
    expect((await d.admin('GET', M)).json).toMatchObject({ valid_until: null, keys: [{ state: 'bound', x5c_not_after: NOW + 7200 }] });

    const look = async (jwks: object) => {
      d.clock += 1;
      d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ iat: d.clock - 1, exp: d.clock + DAY, jwks }));
      await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
      await discoveryTurn(d.deployment, { more: () => true });
      return (await d.admin('GET', M)).json.keys[0].x5c_not_after;
    };
    expect(await look({ keys: [key.jwk] }), 'left out: it stays as it was bound').toBe(NOW + 7200);
    expect(await look(withX5c((await certificate(10_800)).base64))).toBe(NOW + 10_800);
    // A member that shows another one at each look is followed once a day.
    expect(await look(withX5c((await certificate(20_000)).base64))).toBe(NOW + 10_800);
    const history = (await d.admin('GET', `${M}/history`)).json.items as { type: string }[];
    expect(history.filter(({ type }) => type === 'member.keys_adopted')).toHaveLength(1);
    const [statement] = await both();
    expect(statement).toBe(NOW + 10_800);

    const listed = async () => (await d.public('/list')).json;
    expect(await listed()).toEqual([RP]);
    d.clock = NOW + 10_800;
    expect(await listed(), 'no job has run').toEqual([]);
    expect((await d.public(`/fetch?sub=${encodeURIComponent(RP)}`)).status).not.toBe(200);
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    expect((await d.admin('POST', `${M}/resume`)).json).toMatchObject({ code: 'wrong_state', detail: expect.stringContaining('certificate') });
  });

  it('the configuration that we serve for a member ends with it, as its statement does, also when the end is moved', async () => {
    const d = await testDeployment();
    const { key, pair } = await certifiableKey();
    const rp = await testMember(RP, key);
    const jwks = async (until: number) => ({ keys: [{ ...key.jwk, x5c: [(await certify({ pair, until })).base64] }] });
    const first = await jwks(7200);
    const hosted_configuration = await rp.configuration({ jwks: first, exp: NOW + 30 * DAY });
    const domain_control = { method: 'operator', reason: 'x' };
    expect((await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: first, activate: true, domain_control, hosted_configuration })).status).toBe(201);
    const served = async (clock: number) => {
      d.clock = NOW + clock;
      const q = encodeURIComponent(RP);
      return [(await d.public(`/hosted?sub=${q}`)).status, (await d.public(`/fetch?sub=${q}`)).status];
    };
    expect([await served(7000), await served(7300)]).toEqual([
      [200, 200],
      [404, 404],
    ]);
    d.clock = NOW + 7000;
    const put = async (until: number) => expect((await d.admin('PUT', `${M}/keys`, { jwks: await jwks(until), reason: 'x' })).status).toBe(200);
    await put(20_000);
    expect(await served(19_000)).toEqual([200, 200]);
    d.clock = NOW + 7000;
    await put(9000);
    expect(await served(9100)).toEqual([404, 404]);
  });

  it('the end of the root counts too, also of what an earlier version bound; a key without a certificate is a person’s to bind', async () => {
    const d = await testDeployment();
    const { key, pair } = await certifiableKey();
    const rp = await testMember(RP, key);
    const root = await certify({ name: 'CN=root', ca: true, until: 7200 });
    const leaf = await certify({ name: 'CN=rp', pair, by: root });
    const jwks = { keys: [{ ...key.jwk, x5c: [leaf.base64] }] };
    const exp = async (path = `/fetch?sub=${encodeURIComponent(RP)}`) => decodeJwt((await d.public(path)).text).exp;
    const mark = `/trust-mark?trust_mark_type=${encodeURIComponent(TYPE)}&sub=${encodeURIComponent(RP)}`;
    await d.admin('PUT', `${A}/binding`, { certificate_roots: root.pem });
    expect((await d.admin('POST', `${A}/members`, { entity_id: RP, jwks, activate: true })).status).toBe(201);
    await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
    await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP });
    const turn = () => backgroundTurn(d.deployment, { more: () => true });
    expect([await exp(), await exp(mark)]).toEqual([NOW + 7200, NOW + 7200]);
    // A row of an earlier version: what is signed does not go by it, and the background puts it right, with what was signed for longer.
    await d.execute('UPDATE member SET keys_until = NULL');
    await d.execute("UPDATE artefact SET cap = NULL, exp = exp + 9999 WHERE kind IN ('statement', 'mark')");
    await turn();
    await turn();
    expect(await d.rows('SELECT keys_until FROM member')).toEqual([{ keys_until: NOW + 7200 }]);
    expect([await exp(), await exp(mark)]).toEqual([NOW + 7200, NOW + 7200]);
    expect(await d.rows("SELECT * FROM setting WHERE name = 'members_certified_to'")).toEqual([]);
    await d.execute('UPDATE member SET keys_until = NULL');
    d.clock += 10;
    expect((await d.admin('PATCH', M, { statement_lifetime: 50_000 })).status).toBe(200);
    expect(await exp(), 'signed before it was looked at').toBe(NOW + 7200);
    // The same root with a later end.
    const later = await certify({ name: 'CN=root', ca: true, pair: root.pair, until: 20_000 });
    await d.admin('PUT', `${A}/binding`, { certificate_roots: later.pem });
    await turn();
    expect(await d.rows('SELECT keys_until FROM member')).toEqual([{ keys_until: NOW + 20_000 }]);
    expect(await exp()).toBe(NOW + 20_000);

    const next = await testKey();
    const look = async (...keys: readonly object[]) => {
      d.clock += 1;
      const claims = { iat: d.clock - 1, exp: d.clock + DAY, jwks: { keys } };
      d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration(claims));
      await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
      await discoveryTurn(d.deployment, { more: () => true });
      return (await d.admin('GET', `${M}/watch`)).json.hold;
    };
    expect(await look(jwks.keys[0] as object, next.jwk)).toMatchObject({ kind: 'keys_refused' });
    const bound = async () => ((await d.admin('GET', M)).json.jwks.keys as { kid: string }[]).map(({ kid }) => kid);
    expect(await bound()).toEqual([key.kid]);
    expect((await d.admin('POST', `${M}/hold/accept`, { reason: 'compared' })).status).toBe(200);
    expect(await bound(), 'a person may').toEqual([key.kid, next.kid]);
  });

  it('roots are a setting: to add one takes the quorum, and without it what it issued is not bound', async () => {
    const d = await testDeployment();
    const { key, pair } = await certifiableKey();
    const root = await certify({ name: 'CN=root', ca: true });
    const leaf = await certify({ name: 'CN=rp', pair, by: root });
    const body = { entity_id: RP, jwks: { keys: [{ ...key.jwk, x5c: [leaf.base64] }] }, activate: true };
    expect((await d.admin('POST', `${A}/members`, body)).json).toMatchObject({ code: 'findings', findings: [{ code: 'certificate_untrusted' }] });
    expect((await d.admin('PUT', `${A}/binding`, { certificate_roots: 'nothing' })).json.code).toBe('invalid_request');
    expect((await d.admin('PUT', `${A}/binding`, { certificate_roots: leaf.pem })).json.code).toBe('findings');
    expect((await d.admin('PUT', `${A}/binding`, { certificate_roots: root.pem })).json.certificate_roots).toBe(root.pem);
    const changed = (await d.rows("SELECT detail FROM event WHERE type = 'authority.binding_changed'")).map(({ detail }) => JSON.parse(String(detail)));
    expect(changed).toMatchObject([{ loosens: ['certificate_roots'], single_operator: true, to: { certificate_roots: 1 } }]);
    expect((await d.admin('POST', `${A}/members`, body)).status).toBe(201);

    // What the CA ended is not begun anew by the member itself, by whatever way it is shown.
    const self = { keys: [{ ...key.jwk, x5c: [(await certify({ name: 'CN=me', pair, until: 900 * DAY })).base64] }] };
    const rp = await testMember(RP, key);
    d.clock += 1;
    d.network.set(`${RP}/.well-known/openid-federation`, await rp.configuration({ iat: d.clock - 1, exp: d.clock + DAY, jwks: self }));
    await d.execute('UPDATE known_entity SET due_at = 0, lease_until = 0');
    await discoveryTurn(d.deployment, { more: () => true });
    const untrusted = { code: 'findings', findings: [{ code: 'certificate_untrusted' }] };
    expect((await d.admin('PUT', `${M}/keys`, { jwks: self, reason: 'x' })).json).toMatchObject(untrusted);
    expect((await d.admin('GET', M)).json.keys[0].x5c_not_after).toBe(NOW + 30 * DAY);

    // A root that is taken out is asked for again by whatever vouches for the keys.
    await d.admin('POST', `${M}/suspend`, { reason: 'x' });
    await d.admin('PUT', `${A}/binding`, { certificate_roots: (await certify({ name: 'CN=next', ca: true })).pem });
    expect((await d.admin('POST', `${M}/resume`)).json).toMatchObject(untrusted);
    await d.admin('PUT', `${A}/binding`, { certificate_roots: root.pem });
    expect((await d.admin('POST', `${M}/resume`)).status).toBe(200);

    const { owners } = await twoDecide(d);
    const put = (certificate_roots: string | null) => owners[0].as('PUT', `${A}/binding`, { certificate_roots });
    const other = (await certify({ name: 'CN=other', ca: true })).pem;
    const headed = (pem: string, header: string) => pem.replace('-----BEGIN CERTIFICATE-----\n', `-----BEGIN CERTIFICATE-----\n${header}\n`);
    for (const header of ['Comment: x', 'Comment: x\n\n', `A: b\n${' c: d\n'.repeat(2000)}`])
      for (const pem of [headed(other, header), `${root.pem}\n${headed(other, header)}`])
        expect((await put(pem)).json.code, header.slice(0, 20)).toBe('invalid_request');
    // Another one, and none: then each member is its own issuer.
    for (const pem of [other, `${root.pem}\n${other}`, null]) expect((await put(pem)).status, String(pem)).toBe(202);
    expect((await put(`# the same\n${root.pem.replace(/\n/g, '\r\n')}`)).status).toBe(200);
  });
});
