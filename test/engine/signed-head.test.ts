import { describe, expect, it } from 'vitest';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { backgroundTurn } from '../../src/operations/background.js';
import { fsck } from '../../src/operations/fsck.js';
import { withhold } from '../../src/store/standing.js';
import { ANCHOR, NOW, type TestDeployment, testDeployment } from '../support/deployment.js';

const turn = ({ deployment }: Pick<TestDeployment, 'deployment'>) => backgroundTurn(deployment, { more: () => true });
const rename = (d: TestDeployment, name: string) => d.admin('PATCH', '/authorities/main', { metadata: { federation_entity: { organization_name: name } } });
const part = (compact: string, n: number) => JSON.parse(atob((compact.split('.')[n] as string).replace(/-/g, '+').replace(/_/g, '/')));
const served = async (d: TestDeployment) => part((await d.public('/head')).text, 1) as { iss: string; iat: number; seq: number; hash: string };
const ofDatabase = async (d: TestDeployment) => (await d.admin('GET', '/restore')).json.heads[0] as { seq: number; hash: string };

const DEPLOYMENT_HEAD = "SELECT seq, hash FROM event WHERE authority_id = 'deployment' ORDER BY seq DESC LIMIT 1";

describe('the signed head', () => {
  it('says where the chain ends, signed by the authority, below its identifier; no request and no event makes it', async () => {
    const d = await testDeployment();
    expect((await d.public('/head')).status).toBe(404);
    await turn(d);
    const answer = await d.public('/head');
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'application/holdfast-head+jwt']);
    const { seq, hash } = await ofDatabase(d);
    expect(part(answer.text, 0)).toMatchObject({ typ: 'holdfast-head+jwt', kid: (await d.admin('GET', '/authorities/main/keys')).json.items[0].kid });
    const [deployment] = await d.rows(DEPLOYMENT_HEAD);
    const [audit] = await d.rows('SELECT kid FROM audit_key');
    expect(part(answer.text, 1)).toEqual({ iss: ANCHOR, iat: NOW, seq, hash, state: 'active', deployment, audit_key: audit?.['kid'] });
    expect(await fsck(d.deployment)).toEqual([]);
    for (let n = 0; n < 3; n++) await turn(d);
    expect((await d.public('/head')).text).toBe(answer.text);
    expect((await d.public('/head', { method: 'POST' })).status).toBe(405);
  });
  it('follows the chain some minutes later, not at every event, and at once when the clock was ahead', async () => {
    const d = await testDeployment();
    await turn(d);
    await rename(d, 'x');
    d.clock = NOW + 299;
    await turn(d);
    expect((await served(d)).seq).toBe(1);
    d.clock = NOW + 300;
    await turn(d);
    expect(await served(d)).toMatchObject({ seq: 2, iat: NOW + 300, hash: (await ofDatabase(d)).hash });
    d.clock = NOW + 900;
    await turn(d);
    expect((await served(d)).iat, 'it has not moved').toBe(NOW + 300);
  });
  it('is signed by the key in force: a revoked key’s signature is not served', async () => {
    const d = await testDeployment();
    await turn(d);
    const before = (await d.public('/head')).text;
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    expect((await d.admin('POST', `/authorities/main/keys/${key.kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
    expect((await d.public('/head')).status).toBe(503);
    await turn(d);
    const after = (await d.public('/head')).text;
    expect(part(after, 0).kid).not.toBe(part(before, 0).kid);
    expect(part(after, 1).seq).toBe(part(before, 1).seq + 1);
    expect((await d.admin('GET', '/authorities/main/jobs')).json.items.map((one: { state: string }) => one.state)).toEqual(['done']);
  });
  it('shows fsck that events were taken away from the end', async () => {
    const d = await testDeployment();
    await rename(d, 'x');
    await turn(d);
    await d.execute("DELETE FROM event WHERE seq = 2 AND authority_id <> 'deployment'");
    expect(await fsck(d.deployment)).toContainEqual(expect.objectContaining({ code: 'event_gap', where: 'event 2' }));
  });
  it('lies at a segment that no identifier takes', async () => {
    const d = await testDeployment();
    expect((await d.admin('POST', '/authorities', { slug: 'two', entity_id: `${ANCHOR}/head` })).json.detail).toMatch(/"head"/);
  });
  it('given to the confirmation of a restore, refuses a history that lacks it; one that was changed is refused itself', async () => {
    const d = await testDeployment();
    await rename(d, 'x');
    await turn(d);
    const head = (await d.public('/head')).text;
    const events = await d.rows("SELECT * FROM event WHERE seq = 2 AND authority_id <> 'deployment'");
    expect(events).toHaveLength(1);
    const standing = withhold({ reason: 'restored', at: NOW, backupAt: null, givenUp: [] });
    await d.execute("DELETE FROM event WHERE seq = 2 AND authority_id <> 'deployment'");
    await d.deployment.store.write([standing]);
    d.deployment.store.acknowledged.clear(); // a restore is found by a process that has just started
    const refused = await d.admin('POST', '/restore/confirm', { yes: true, signed_heads: [head] });
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringMatching(/1 event\(s\) are missing/)]);
    const [top, , signature] = head.split('.');
    const claims = btoa(JSON.stringify({ iss: ANCHOR, iat: NOW, seq: 1, hash: (await ofDatabase(d)).hash }))
      .replace(/\+/g, '-')
      .replace(/\//g, '_')
      .replace(/=/g, '');
    const changed = await d.admin('POST', '/restore/confirm', { signed_heads: [`${top}.${claims}.${signature}`] });
    expect([changed.status, changed.json.detail]).toEqual([400, expect.stringMatching(/does not verify/)]);
    for (const text of ['', 'x', `${top}.e30.${signature}`, (await d.admin('GET', '/authorities/main/keys')).text])
      expect((await d.admin('POST', '/restore/confirm', { yes: true, signed_heads: [text] })).status, text.slice(0, 20)).toBe(400);
    expect((await d.admin('POST', '/restore/confirm', { yes: true, accept_rollback: true, signed_heads: [head] })).status).toBe(200);
  });
});

describe('the head of an authority that stopped', () => {
  const verb = async (d: TestDeployment, name: string, slug = 'main') =>
    expect((await d.admin('POST', `/authorities/${slug}/${name}`, { reason: 'x' })).status).toBe(200);
  const last = (d: TestDeployment) => d.rows("SELECT seq, hash FROM event WHERE authority_id <> 'deployment' ORDER BY seq DESC LIMIT 1");

  it('tells of it from the next turn on, and of its return; the one from before is not served meanwhile', async () => {
    const d = await testDeployment();
    await turn(d);
    for (const [name, state] of [
      ['halt', 'halted'],
      ['resume', 'active'],
      ['retire', 'retired'],
    ] as const) {
      await verb(d, name);
      if (state !== 'active') expect((await d.public('/head')).status, name).toBe(404);
      await turn(d);
      const [head] = await last(d);
      expect(await served(d), name).toMatchObject({ state, ...head });
      expect((await d.public('/.well-known/openid-federation')).status).toBe(state === 'active' ? 200 : 404);
      expect(await fsck(d.deployment)).toEqual([]);
    }
  });

  it('needs a key that nobody else has: with none left nothing is said, and no turn fails for it', async () => {
    const d = await testDeployment();
    const [key] = (await d.admin('GET', '/authorities/main/keys')).json.items;
    await verb(d, 'retire');
    await turn(d);
    expect((await d.public('/head')).status).toBe(200);
    expect((await d.admin('POST', `/authorities/main/keys/${key.kid}/revoke`, { reason: 'compromised' })).status).toBe(200);
    await turn(d);
    expect((await d.public('/head')).status).toBe(404);
  });

  it('is in the heads of the others: each refuses a history from before the halt', async () => {
    const d = await testDeployment();
    await createAuthority(d.call, { slug: 'two', entityId: 'https://two.example.org' });
    await turn(d);
    const before = (await d.public('/head')).text;
    const events = await d.rows('SELECT count(*) AS n FROM event');
    await verb(d, 'halt', 'two');
    d.clock = NOW + 300;
    await turn(d);
    const after = (await d.public('/head')).text;
    expect(part(after, 1).seq, 'its own chain has not moved').toBe(part(before, 1).seq);
    // The backup from before the halt.
    await d.execute("DELETE FROM event WHERE type = 'authority.halted'");
    await d.execute("UPDATE authority SET state = 'active', cut = 0");
    expect(await d.rows('SELECT count(*) AS n FROM event')).toEqual(events);
    // Beside what else misses them: checkpoints, and private parts.
    expect((await fsck(d.deployment)).filter(({ code }) => code.startsWith('event_') && code !== 'event_private').map(({ where }) => where)).toEqual([
      expect.stringMatching(/^event/),
      expect.stringMatching(/^event/),
      expect.stringMatching(/^event/),
    ]);
    await d.deployment.store.write([withhold({ reason: 'restored', at: NOW + 300, backupAt: NOW, givenUp: [] })]);
    d.deployment.store.acknowledged.clear();
    const refused = await d.admin('POST', '/restore/confirm', { yes: true, signed_heads: [after] });
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringContaining('of the deployment')]);
    expect((await d.admin('POST', '/restore/confirm', { yes: true, signed_heads: [before] })).status).toBe(200);
  });

  it('that was signed before the backup was made says nothing about what came after: a person has to', async () => {
    const d = await testDeployment();
    await turn(d);
    const head = (await d.public('/head')).text;
    await d.deployment.store.write([withhold({ reason: 'restored', at: NOW + 90, backupAt: NOW + 60, givenUp: [] })]);
    const refused = await d.admin('POST', '/restore/confirm', { signed_heads: [head] });
    expect([refused.status, refused.json.detail]).toEqual([400, expect.stringContaining('signed before the backup was made')]);
    await d.deployment.store.write([withhold({ reason: 'restored', at: NOW + 90, backupAt: NOW, givenUp: [] })]);
    expect((await d.admin('POST', '/restore/confirm', { signed_heads: [head] })).status).toBe(200);
    const [told] = await d.rows("SELECT detail FROM event WHERE type = 'deployment.restored' AND authority_id <> 'deployment'");
    expect(JSON.parse(String(told?.['detail'])).shown_by, 'until when it was shown, the chain says').toMatchObject([
      { authority: ANCHOR, signed_at: expect.any(Number) },
    ]);
  });
});
