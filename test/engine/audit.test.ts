import { describe, expect, it } from 'vitest';
import { readCheckpoint, whyNotSigned } from '../../src/audit/checkpoint.js';
import { auditVerifier, type AuditOptions } from '../../src/audit/verify.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const X = 'https://x.example.org';
const turn = ({ deployment }: Pick<TestDeployment, 'deployment'>) => backgroundTurn(deployment, { more: () => true });
const latest = async (d: TestDeployment) => readCheckpoint((await d.public('/checkpoints/latest')).text);
const change = (d: TestDeployment, n: number) => d.admin('PATCH', A, { statement_lifetime: 3600 + n });
const last = async (d: TestDeployment) => (await d.rows("SELECT seq, hash FROM event WHERE authority_id <> 'deployment' ORDER BY seq DESC LIMIT 1"))[0];
async function audited(d: TestDeployment, path = `${A}/audit/export`, options: AuditOptions = {}) {
  const { text } = await d.admin('GET', path);
  const verifier = auditVerifier(options);
  for (const line of text.trimEnd().split('\n')) await verifier.line(line);
  return { ...verifier.end(), text };
}
const codes = async (d: TestDeployment, options: AuditOptions = {}) =>
  (await audited(d, undefined, options)).findings.map(({ code, where }) => `${code} ${where}`);

/** A member of a bank, suspended in somebody's words. */
async function withWords() {
  const d = await testDeployment();
  await d.admin('POST', `${A}/members`, { entity_id: X, jwks: (await testMember(X)).jwks, organization: 'Widow Bolte', activate: true });
  await d.admin('POST', `${A}/members/${encodeURIComponent(X)}/suspend`, { reason: 'Mr Meier of the bank called' });
  return d;
}

describe('events of format 2', () => {
  it('hold no words of people in the chain, and are read with them; erased, the chain verifies and says so; format 1 stays', async () => {
    const d = await withWords();
    const chain = async () => JSON.stringify(await d.rows('SELECT * FROM event'));
    expect(await chain()).not.toMatch(/Meier|Bolte|first owner/);
    const find = async (type: string) => (await d.admin('GET', `${A}/events?type=${type}`)).json.items[0];
    const suspended = await find('member.suspended');
    expect(suspended).toMatchObject({ reason: 'Mr Meier of the bank called', reason_code: 'stated', format: 2, erased: null });
    expect((await find('organization.created')).detail).toEqual({ legal_name: 'Widow Bolte' });
    expect((await d.admin('GET', `${A}/members/${encodeURIComponent(X)}/history?order=newest`)).json.items[0].reason).toContain('Meier');
    // A row of an earlier version, in a chain of its own words: it verifies as it is, and cannot be taken apart.
    const erase = (seq: number | string, token?: string) => d.admin('POST', `${A}/events/${seq}/erase`, { reason: 'asked by law' }, token ? { token } : {});
    expect((await erase(suspended.seq)).json).toEqual({ seq: suspended.seq, already: false });
    expect((await erase(suspended.seq)).json).toEqual({ seq: suspended.seq, already: true });
    expect([(await erase(1)).status, (await erase(999)).status, (await erase('x')).status, (await erase('0')).status]).toEqual([409, 404, 404, 404]);
    const after = await find('member.suspended');
    const told = await find('event.erased');
    expect(after).toMatchObject({ reason: null, reason_code: 'stated', hash: suspended.hash, erased: { at: NOW, by: told.actor.id, seq: told.seq } });
    expect(told).toMatchObject({ subject: { kind: 'event', id: String(suspended.seq) }, reason: 'asked by law', actor: { name: 'first owner' } });
    expect(JSON.stringify(await d.rows('SELECT * FROM event_private'))).not.toContain('Meier');
    expect(await audited(d)).toMatchObject({ findings: [], erased: 1 });
    expect(await fsck(d.deployment)).toEqual([]);
    await turn(d);
    expect(await audited(d, '/audit/export')).toMatchObject({ findings: [], entityId: null, provenTo: expect.any(Number) });
    // Of a key that acts by itself the code is the reason, and stays.
    const [key] = (await d.admin('GET', `${A}/keys`)).json.items;
    await d.admin('POST', `${A}/keys/${key.kid}/revoke`, { reason: 'compromised' });
    expect(await find('key.revoked')).toMatchObject({ reason: 'compromised', reason_code: 'compromised', private_commitment: null });
  });
});

describe('checkpoints', () => {
  it('are made at once, after five minutes, after a day, and for every halt; by a key of their own; anyone reads them', async () => {
    const d = await testDeployment();
    expect((await d.public('/checkpoints/latest')).status).toBe(404);
    await turn(d);
    const answer = await d.public('/checkpoints/latest');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/holdfast-checkpoint+jwt']);
    const first = readCheckpoint(answer.text);
    expect(first).toMatchObject({ iss: ANCHOR, seq: 1, head: (await last(d))?.['hash'], prev_checkpoint: null, iat: NOW });
    const jwks = (await d.public('/checkpoints/jwks')).json;
    expect(jwks.keys).toHaveLength(1);
    expect(await whyNotSigned(first as never, jwks)).toBeUndefined();
    const federation = (await d.admin('GET', `${A}/keys`)).json.items.map((one: { kid: string }) => one.kid);
    expect(federation).not.toContain(first?.kid);
    expect(JSON.stringify(jwks)).not.toContain('"d"');
    await change(d, 1);
    await turn(d);
    expect((await latest(d))?.seq, 'not at every event').toBe(1);
    d.clock += 300;
    await turn(d);
    expect(await latest(d)).toMatchObject({ seq: 2, prev_checkpoint: first?.sha256 });
    d.clock += 86_399;
    await turn(d);
    expect((await latest(d))?.iat).toBe(NOW + 300);
    d.clock += 1;
    await turn(d);
    expect(await latest(d), 'idle').toMatchObject({ seq: 2, iat: NOW + 86_700 });
    await d.admin('POST', `${A}/halt`, { reason: 'x' });
    await turn(d);
    expect(await latest(d), 'halted, and it goes on to prove').toMatchObject({ seq: 3, head: (await last(d))?.['hash'] });
    expect((await d.public('/.well-known/openid-federation')).status).toBe(404);
    expect(readCheckpoint((await d.public('/checkpoints/2')).text)).toMatchObject({ seq: 2, iat: NOW + 86_700 });
    for (const path of ['/checkpoints/4', '/checkpoints/0', '/checkpoints/x', '/checkpoints', '/checkpoints/2/2'])
      expect((await d.public(path)).status, path).toBe(404);
    const series = (await d.admin('GET', `${A}/checkpoints?limit=3`)).json;
    expect(series.items.map(({ n, seq }: { n: number; seq: number }) => [n, seq])).toEqual([
      [1, 1],
      [2, 2],
      [3, 2],
    ]);
    expect((await d.admin('GET', `${A}/checkpoints?cursor=${series.next_cursor}`)).json.items).toHaveLength(1);
    expect(await audited(d)).toMatchObject({ findings: [], checkpoints: 4, provenTo: 3 });
    expect((await d.admin('POST', '/authorities', { slug: 'two', entity_id: `${ANCHOR}/checkpoints` })).json.detail).toMatch(/"checkpoints"/);
  });
  it('the key is changed by command; the head names it; what the former one signed holds', async () => {
    const d = await testDeployment();
    await turn(d);
    const before = await latest(d);
    const { json } = await d.admin('POST', `${A}/audit-keys/rotate`, { reason: 'every year' });
    d.clock += 10;
    await turn(d);
    const after = await latest(d);
    expect([after?.kid, after?.prev_checkpoint]).toEqual([json.kid, before?.sha256]);
    const jwks = (await d.public('/checkpoints/jwks')).json;
    expect(new Set(jwks.keys.map(({ exp }: { exp?: number }) => exp))).toEqual(new Set([NOW, undefined]));
    expect((await d.admin('GET', `${A}/audit-keys`)).json.items).toHaveLength(2);
    const claims = JSON.parse(atob(((await d.public('/head')).text.split('.')[1] as string).replaceAll('-', '+').replaceAll('_', '/')));
    expect(claims.audit_key).toBe(json.kid);
    expect(await audited(d, undefined, { keys: jwks })).toMatchObject({ findings: [], checkpoints: 2 });
  });
  it('shows what was done to the database: a changed row, a lost end, words put in the place of others', async () => {
    const d = await withWords();
    await turn(d);
    const kept = (await d.public('/checkpoints/latest')).text;
    const end = Number((await last(d))?.['seq']);
    expect(await audited(d, undefined, { seen: [{ text: kept, where: 'kept' }] })).toMatchObject({ findings: [], provenTo: end });
    const parts = await audited(d, `${A}/audit/export?from=2&to=${end - 1}&private=false`);
    expect([parts.findings, parts.events, parts.text.includes('Meier')]).toEqual([[], end - 2, false]);
    for (const query of [`from=${end + 1}`, 'from=3&to=2', `to=${end + 1}`, 'from=0', 'private=x'])
      expect((await d.admin('GET', `${A}/audit/export?${query}`)).status, query).toBe(400);
    await d.execute(`UPDATE event_private SET payload = '{"reason":"y"}' WHERE authority_id <> 'deployment' AND seq = ${end}`);
    await d.execute("UPDATE event SET subject_id = 'x' WHERE authority_id <> 'deployment' AND seq = 2");
    expect(await codes(d)).toEqual(['changed event 2', `private_changed event ${end}`]);
    expect((await fsck(d.deployment)).map(({ code, where }) => `${code} ${where}`)).toEqual(['event_hash event 2', `event_private event ${end}`]);
    await d.execute(`DELETE FROM event WHERE authority_id <> 'deployment' AND seq = ${end}`);
    expect(await codes(d)).toContain(`truncated event ${end}`);
    expect((await fsck(d.deployment)).map(({ where }) => where)).toContain(`event ${end}`);
    await d.execute('DELETE FROM checkpoint');
    expect(await codes(d, { seen: [{ text: kept, where: 'kept' }] })).toContain(`truncated event ${end}`);
  });
});

describe('what was answered at a moment', () => {
  it('is told from the chain, with the events that decide it; what it leaves open is unknown, and nothing is guessed', async () => {
    const d = await withWords();
    const member = `${A}/members/${encodeURIComponent(X)}`;
    const at = async (time: number) => (await d.admin('GET', `${member}/answered-at?time=${time}`)).json;
    const times = { suspended: NOW };
    d.clock += 100;
    await d.admin('POST', `${member}/resume`, {});
    d.clock += 100;
    await d.admin('POST', `${A}/organizations/Widow%20Bolte/halt`, { reason: 'x' });
    d.clock += 100;
    await d.admin('POST', `${A}/organizations/Widow%20Bolte/resume`, { reason: 'x' });
    d.clock += 5000;
    await d.admin('POST', `${A}/halt`, { reason: 'x' });
    d.clock += 100;
    await d.admin('POST', `${A}/resume`, { reason: 'x' });
    d.clock += 5000;
    const gone = { fetch: 'not_found', list: 'not_found', resolve: 'not_found', statement: null };
    const served = { fetch: 'served', list: 'served', resolve: 'unknown', statement: { sha256: expect.any(String), seq: expect.any(Number) } };
    expect(await at(NOW - 1)).toMatchObject({ ...gone, decided_by: [] });
    expect(await at(times.suspended)).toMatchObject({ ...gone, decided_by: [{ type: 'member.suspended' }] });
    expect(await at(NOW + 150)).toMatchObject({ ...served, doubts: [], decided_by: [{ type: 'member.resumed', at: NOW + 100 }] });
    expect(await at(NOW + 200)).toMatchObject({ ...gone, decided_by: [{ type: 'organization.halted' }] });
    expect(await at(NOW + 5000)).toMatchObject({ ...served, decided_by: [{ type: 'member.resumed', at: NOW + 300 }] });
    expect(await at(NOW + 5350)).toMatchObject({ ...gone, decided_by: [{ type: 'authority.halted' }, { type: 'member.resumed' }] });
    expect(await at(NOW + 5500)).toMatchObject({ fetch: 'unknown', doubts: [expect.stringContaining('came back shortly before')] });
    expect(await at(d.clock)).toMatchObject(served);
    // What is known now need not have been so then: an end that was moved since, a history that was restored since.
    const before = d.clock;
    for (const valid_until of [before + 50, null]) await d.admin('PATCH', member, { valid_until });
    d.clock += 100;
    expect(await at(before - 1)).toMatchObject({ fetch: 'unknown', list: 'unknown', doubts: [expect.stringContaining('another one until event')] });
    expect(await at(NOW + 200)).toMatchObject(gone);
    await d.admin('PATCH', member, { metadata: { openid_relying_party: { client_name: 'x' } } });
    expect(await at(d.clock)).toMatchObject(served);
    expect(await at(d.clock + 1)).toMatchObject({ code: 'invalid_request' });
    expect((await d.admin('GET', `${A}/members/nobody/answered-at?time=1`)).status).toBe(404);
  });
});
