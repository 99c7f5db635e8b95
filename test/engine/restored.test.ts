import { describe, expect, it } from 'vitest';
import { backgroundTurn } from '../../src/operations/background.js';
import { discoveryTurn } from '../../src/operations/discovery.js';
import { fsck } from '../../src/operations/fsck.js';
import { withhold } from '../../src/store/standing.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = 'https://a.example.org';
const MARK = 'https://example.org/marks/certified';
const PUBLIC = ['/.well-known/openid-federation', `/fetch?sub=${A}`, '/list', '/historical-keys', '/trust-mark-list?trust_mark_type=x', '/extended-list'];

/** A deployment with an active, marked member, whose database is then what a restore leaves. */
async function restoredDeployment() {
  const d = await testDeployment();
  const { jwks } = await testMember(A);
  await d.admin('POST', '/authorities/main/members', { entity_id: A, jwks, metadata: { openid_relying_party: {} }, activate: true });
  await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: MARK });
  const mark = await d.admin('POST', '/authorities/main/marks', { trust_mark_type: MARK, member: A });
  expect(mark.status).toBe(201);
  for (const path of PUBLIC.slice(0, 4)) expect((await d.public(path)).status, path).toBe(200);
  await d.deployment.store.write([withhold({ reason: 'restored', at: NOW, backupAt: NOW - 60, givenUp: [] })]);
  return { ...d, d, jwks, mark };
}
const turn = ({ deployment }: Pick<TestDeployment, 'deployment'>) => backgroundTurn(deployment, { more: () => true });
const headOf = async ({ admin }: Pick<TestDeployment, 'admin'>) => (await admin('GET', '/restore')).json.heads[0] as { seq: number; hash: string };
const bytes = ({ rows }: Pick<TestDeployment, 'rows'>) => rows("SELECT kind, key, sha256, exp FROM artefact WHERE kind <> 'head' ORDER BY id");

describe('a restored deployment that nobody has confirmed', () => {
  it('serves nothing of what its authorities signed: 503 with Retry-After, what was answered before included', async () => {
    const { d } = await restoredDeployment();
    for (const path of PUBLIC) {
      const answer = await d.public(path);
      expect([answer.status, answer.json?.error], path).toEqual([503, 'temporarily_unavailable']);
      expect(answer.json.error_description).toMatch(/restored from a backup.*not confirmed/);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    }
    const status = await d.public('/trust-mark-status', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'trust_mark=x',
    });
    expect(status.status).toBe(503);
    expect((await d.public('/nowhere')).status).toBe(404);
  });

  it('signs nothing: renewal, rotation and discovery do nothing, whatever is due', async () => {
    const { d } = await restoredDeployment();
    await d.execute('UPDATE artefact SET renew_at = 0');
    await d.execute('UPDATE authority SET key_rotation_s = 86400');
    d.clock = NOW + 40 * 86_400;
    const before = [await bytes(d), await d.rows('SELECT kid, state FROM authority_key'), d.asked.length];
    expect(await turn(d)).toEqual({ renewed: 0, rotated: [] });
    expect(await discoveryTurn(d.deployment, { more: () => true })).toMatchObject({ evaluated: 0, crawled: 0 });
    expect([await bytes(d), await d.rows('SELECT kid, state FROM authority_key'), d.asked.length]).toEqual(before);
  });

  it('refuses every change that signs, saying why', async () => {
    const { d, jwks } = await restoredDeployment();
    const before = await bytes(d);
    for (const [method, path, body] of [
      ['POST', '/authorities/main/members', { entity_id: 'https://b.example.org', jwks, metadata: {}, activate: true }],
      ['PATCH', `/authorities/main/members/${encodeURIComponent(A)}`, { valid_until: NOW + 86_400 }],
      ['PATCH', '/authorities/main', { metadata: { federation_entity: { organization_name: 'x' } } }],
      ['POST', '/authorities/main/keys', {}],
      ['POST', '/authorities', { slug: 'two', entity_id: 'https://two.example.org' }],
    ] as const) {
      const answer = await d.admin(method, path, body);
      expect([answer.status, answer.json.code], `${method} ${path}`).toEqual([409, 'not_confirmed']);
      expect(answer.json.detail).toMatch(/restored from a backup.*holdfast restore confirm/);
    }
    expect(await bytes(d)).toEqual(before);
  });

  it('commits every cut, and what it would have signed is due: a revoked member has no chain after the confirmation', async () => {
    const { d, mark } = await restoredDeployment();
    expect((await d.admin('POST', `/authorities/main/members/${encodeURIComponent(A)}/revoke`, { reason: 'fraud' })).status).toBe(200);
    expect(await d.rows('SELECT state FROM member')).toEqual([{ state: 'revoked' }]);
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    const revoked = await d.admin('POST', `/authorities/main/keys/${key.kid}/revoke`, { reason: 'compromised' });
    expect([revoked.status, revoked.json.state]).toEqual([200, 'revoked']);
    expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
    await turn(d);
    expect((await d.public(`/fetch?sub=${A}`)).status).toBe(404);
    const form = new URLSearchParams({ trust_mark: mark.json.trust_mark });
    const status = await d.public('/trust-mark-status', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    });
    expect([status.status, JSON.parse(atob(status.text.split('.')[1] as string)).status]).toEqual([200, 'revoked']);
    const configuration = await d.public('/.well-known/openid-federation');
    expect(configuration.status).toBe(200);
    expect(configuration.text).not.toContain(btoa(key.kid));
    expect(await fsck(d.deployment)).toEqual([]);
  });

  it('is withheld also when the row that says so cannot be read', async () => {
    const { d } = await restoredDeployment();
    await d.execute("UPDATE setting SET value = '{' WHERE name = 'unconfirmed'");
    await d.deployment.store.write([]);
    expect((await d.public(`/fetch?sub=${A}`)).status).toBe(503);
    expect((await d.admin('PATCH', '/authorities/main', { metadata: {} })).json.code).toBe('not_confirmed');
    expect((await d.admin('GET', '/restore')).json.state).toBe('not_confirmed');
  });
});

describe('confirming a restored history', () => {
  it('is an owner’s, shows the heads, and leaves an event in every chain; everything is signed anew', async () => {
    const { d } = await restoredDeployment();
    expect((await d.admin('GET', '/restore')).json).toMatchObject({ state: 'not_confirmed', reason: 'restored', since: NOW, backup_at: NOW - 60 });
    for (const role of ['operator', 'approver', 'auditor'] as const)
      expect((await d.admin('POST', '/restore/confirm', { yes: true }, { token: await d.tokenFor(role) })).status, role).toBe(403);
    expect((await d.admin('POST', '/restore/confirm', { yes: true }, { token: await d.tokenFor('owner', ['main']) })).status).toBe(403);
    expect((await d.public(`/fetch?sub=${A}`)).status).toBe(503);
    const before = await headOf(d);
    const old = await bytes(d);
    d.clock = NOW + 100;
    const confirmed = await d.admin('POST', '/restore/confirm', { yes: true });
    expect([confirmed.status, confirmed.json.state]).toEqual([200, 'confirmed']);
    await turn(d);
    const { items } = (await d.admin('GET', '/authorities/main/events?limit=100')).json;
    const event = items.find((one: { type: string }) => one.type === 'deployment.restored');
    expect(event).toMatchObject({
      seq: before.seq + 1,
      detail: { because: 'restored', backup_at: NOW - 60, seq: before.seq, hash: before.hash, given_up: [] },
    });
    expect(event.actor ?? event.actor_id).toBeTruthy();
    expect((await d.admin('GET', '/events')).json.items.map((one: { type: string }) => one.type)).toContain('deployment.restored');
    expect((await d.public(`/fetch?sub=${A}`)).status).toBe(200);
    const fresh = new Map((await bytes(d)).map((row) => [`${row['kind']} ${row['key']}`, row['sha256']]));
    for (const row of old.filter(({ kind }) => kind !== 'mark_status'))
      expect(fresh.get(`${row['kind']} ${row['key']}`), String(row['kind'])).not.toBe(row['sha256']);
    expect((await d.admin('PATCH', '/authorities/main', { metadata: {} })).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
    // A second time there is nothing to confirm, and no further event.
    const head = await headOf(d);
    expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
    expect(await headOf(d)).toEqual(head);
  });

  it('wants the newest head of every authority, or a person’s word for it', async () => {
    const { d } = await restoredDeployment();
    const { seq, hash } = await headOf(d);
    const nothing = await d.admin('POST', '/restore/confirm', {});
    expect([nothing.status, nothing.json.code]).toEqual([400, 'invalid_request']);
    expect(nothing.json.detail).toMatch(/main/);
    const newer = await d.admin('POST', '/restore/confirm', { yes: true, heads: [{ authority: 'main', seq: seq + 7, hash: 'ab'.repeat(32) }] });
    expect([newer.status, newer.json.code]).toEqual([409, 'wrong_state']);
    expect(newer.json.detail).toMatch(/7 event\(s\) are missing/);
    const forked = await d.admin('POST', '/restore/confirm', { heads: [{ authority: 'main', seq, hash: 'ab'.repeat(32) }] });
    expect(forked.json.detail).toMatch(/not the history/);
    const stranger = await d.admin('POST', '/restore/confirm', { yes: true, heads: [{ authority: 'https://other.example.org', seq: 1, hash }] });
    expect(stranger.json.detail).toMatch(/no authority https:\/\/other/);
    for (const body of [{ heads: [{ authority: 'main', seq: 0, hash }] }, { heads: [{ authority: 'main', seq, hash: 'x' }] }, { yes: 'yes' }, { no: true }])
      expect((await d.admin('POST', '/restore/confirm', body)).status, JSON.stringify(body)).toBe(400);
    expect((await d.admin('GET', '/restore')).json.state).toBe('not_confirmed');
    // An older head that the database holds is no doubt about it.
    expect((await d.admin('POST', '/restore/confirm', { heads: [{ authority: ANCHOR, seq, hash }] })).json.state).toBe('confirmed');
  });

  it('gives up what is missing only when told to, and says so in the chain', async () => {
    const { d } = await restoredDeployment();
    const { seq } = await headOf(d);
    const answer = await d.admin('POST', '/restore/confirm', {
      yes: true,
      accept_rollback: true,
      heads: [{ authority: 'main', seq: seq + 2, hash: 'ab'.repeat(32) }],
    });
    expect(answer.status).toBe(200);
    const { items } = (await d.admin('GET', '/authorities/main/events?limit=100')).json;
    expect(items.at(-1).detail.rollback_accepted).toEqual([expect.stringMatching(/2 event\(s\) are missing/)]);
  });

  it('takes every authority of the deployment with it', async () => {
    const d = await testDeployment();
    expect((await d.admin('POST', '/authorities', { slug: 'two', entity_id: 'https://two.example.org' })).status).toBe(201);
    await d.deployment.store.write([withhold({ reason: 'restored', at: NOW, backupAt: null, givenUp: [] })]);
    expect((await d.public('https://two.example.org/.well-known/openid-federation')).status).toBe(503);
    const { heads } = (await d.admin('GET', '/restore')).json;
    expect(heads.map((one: { authority: string }) => one.authority)).toEqual(['main', 'two']);
    expect(
      (await d.admin('POST', '/restore/confirm', { heads: heads.slice(0, 1).map(({ authority, seq, hash }: never) => ({ authority, seq, hash })) })).json
        .detail,
    ).toMatch(/say for two/);
    expect((await d.admin('POST', '/restore/confirm', { heads: heads.map(({ authority, seq, hash }: never) => ({ authority, seq, hash })) })).status).toBe(200);
    for (const slug of ['main', 'two']) expect((await d.admin('GET', `/authorities/${slug}/events`)).json.items.at(-1).type, slug).toBe('deployment.restored');
    expect((await d.public('https://two.example.org/.well-known/openid-federation')).status).toBe(200);
  });
});

describe('what was signed after the end of a restored history', () => {
  const DAY = 86_400;

  it('KR-03 keeps the key that signed it in the configuration: a key that takes over after the restore does not push it out', async () => {
    const d = await testDeployment();
    const { jwks } = await testMember(A);
    await d.admin('POST', '/authorities/main/members', { entity_id: A, jwks, metadata: { openid_relying_party: {} }, activate: true });
    await d.admin('POST', '/authorities/main/mark-types', { trust_mark_type: MARK, lifetime: 30 * DAY });
    const [{ kid: old }] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    const staged = (await d.admin('POST', '/authorities/main/keys', {})).json.kid;
    d.clock = NOW + 2 * DAY;
    await turn(d);
    const backup = await d.rows('SELECT id, signed_until FROM authority_key');
    const [{ configuration_exp: configurationExp } = {}] = await d.rows('SELECT configuration_exp FROM authority');
    const rows = await d.rows('SELECT id, iat, exp FROM artefact');
    d.clock = NOW + 20 * DAY;
    // What the backup does not hold: a mark, and configurations renewed each day.
    const mark = await d.admin('POST', '/authorities/main/marks', { trust_mark_type: MARK, member: A });
    const { exp } = JSON.parse(atob(mark.json.trust_mark.split('.')[1] as string));
    await d.execute('DELETE FROM trust_mark');
    await d.execute('DELETE FROM trust_mark_grant');
    await d.execute(`DELETE FROM artefact WHERE id NOT IN (${rows.map(({ id }) => id).join(', ')})`);
    for (const { id, iat, exp: end } of rows) await d.execute(`UPDATE artefact SET iat = ${iat}, exp = ${end} WHERE id = ${id}`);
    for (const { id, signed_until: until } of backup) await d.execute(`UPDATE authority_key SET signed_until = ${until} WHERE id = '${id}'`);
    await d.execute(`UPDATE authority SET configuration_exp = ${configurationExp}`);
    await d.deployment.store.write([withhold({ reason: 'restored', at: d.clock, backupAt: NOW + 2 * DAY, givenUp: [] })]);

    expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
    expect((await d.rows('SELECT configuration_exp FROM authority'))[0]?.['configuration_exp'], 'a key staged now waits for them').toBeGreaterThan(d.clock);
    expect((await d.admin('POST', `/authorities/main/keys/${staged}/activate`, {})).status).toBe(200);
    await turn(d);
    d.clock = exp - 10;
    await turn(d);
    const retired = () => d.admin('POST', `/authorities/main/keys/${old}/retire`, {});
    expect((await retired()).json.code, 'the mark is valid for another ten seconds').toBe('key_not_ready');
    d.clock = exp + 30 * DAY;
    await turn(d);
    expect((await d.rows(`SELECT state FROM authority_key WHERE kid = '${old}'`))[0]?.['state'], 'not for ever').not.toBe('active');
    expect((await retired()).status).toBe(200);
  });

  it('a retired authority stays as it is: no work is begun that nobody would end', async () => {
    const { d } = await restoredDeployment();
    await d.admin('POST', '/authorities/main/retire', { reason: 'the federation ends' });
    expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
    await turn(d);
    expect(await d.rows("SELECT 1 FROM job WHERE state = 'running'")).toEqual([]);
    expect((await d.public('/historical-keys')).status).toBe(200);
    expect(await fsck(d.deployment)).toEqual([]);
  });
});

it('a history is not confirmed by a clock that went back: until when the lost part has signed is reckoned from now', async () => {
  const { d } = await restoredDeployment();
  d.jump(-2 * 86_400);
  const early = await d.admin('POST', '/restore/confirm', { yes: true });
  expect([early.status, early.json.code]).toEqual([503, 'temporarily_unavailable']);
  expect((await d.public(`/fetch?sub=${A}`)).status).toBe(503);
  d.jump(2 * 86_400);
  expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
});
