import { describe, expect, it } from 'vitest';
import { openSqlite } from '../../src/store/sqlite.node.js';
import { createAdminApp } from '../../src/admin/app.js';
import type { Reserve } from '../../src/store/reserve.node.js';
import { type NodeStore, openStore } from '../../src/store/store.node.js';
import { type Answer, answer, type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const RP = 'https://rp.example.com';
const TYPE = 'https://anchor.example.org/marks/certified';
const of = encodeURIComponent;

/** A member that bears a mark, so that its suspension writes as much as one can. */
async function marked(): Promise<TestDeployment> {
  const d = await testDeployment();
  const rp = await testMember(RP);
  await d.admin('POST', `${A}/members`, { entity_id: RP, jwks: rp.jwks, activate: true });
  await d.admin('POST', `${A}/mark-types`, { trust_mark_type: TYPE });
  expect((await d.admin('POST', `${A}/marks`, { trust_mark_type: TYPE, member: RP })).status).toBe(201);
  return d;
}
const fileOf = (d: TestDeployment): string => (d.store as NodeStore).writer.name;
const served = async (d: TestDeployment) => [
  (await d.public(`/fetch?sub=${of(RP)}`)).status,
  (await d.public(`/trust-mark?trust_mark_type=${of(TYPE)}&sub=${of(RP)}`)).status,
  (await d.public('/list')).text,
];
const CUT = [404, 404, '[]'];
const suspend = (d: TestDeployment) => d.admin('POST', `${A}/members/${of(RP)}/suspend`, { reason: 'hijacked' });

/** Another process that has the database to itself. */
function holder(d: TestDeployment) {
  const other = openSqlite(fileOf(d));
  other.exec('BEGIN EXCLUSIVE');
  return () => {
    other.exec('COMMIT');
    other.close();
  };
}

describe('a suspension while the database is in trouble', () => {
  it('a file that another process has locked: it waits, and is committed as soon as it may', async () => {
    const d = await marked();
    const release = holder(d);
    const asked = suspend(d);
    expect(await Promise.race([asked, new Promise((done) => setTimeout(() => done('it waits'), 150))])).toBe('it waits');
    expect((await d.public(`/fetch?sub=${of(RP)}`)).status, 'reading goes on meanwhile').toBe(200);
    release();
    expect((await asked).status).toBe(200);
    expect(await served(d)).toEqual(CUT);
  });

  it('locked for longer than it waits: whoever asked is told so, and asks again', async () => {
    const d = await marked();
    const release = holder(d);
    expect(await suspend(d)).toMatchObject({ status: 503, json: { code: 'storage_busy', detail: expect.stringMatching(/nothing was changed/) } });
    expect((await served(d))[0]).toBe(200);
    release();
    expect((await suspend(d)).status).toBe(200);
    expect(await served(d)).toEqual(CUT);
  });

  it('R15 a full disk: the whole request is carried out on what the reserve gives up; what is no cut gets 507', async () => {
    const d = await marked();
    let spent = false;
    const pages = (more: number) => store.writer.pragma(`max_page_count = ${Number(store.writer.pragma('page_count', { simple: true })) + more}`);
    const reserve: Reserve = {
      get spent() {
        return spent;
      },
      spend() {
        spent = true;
        pages(500);
      },
      refill: () => !spent,
    };
    const store = openStore(fileOf(d), d.deployment.now, { reserve });
    // A pool of free pages would hide that the disk is full.
    store.writer.exec('VACUUM');
    pages(0);
    const app = createAdminApp(() => ({ ...d.deployment, store }));
    const post = (path: string, body: object): Promise<Answer> =>
      answer(
        Promise.resolve(
          app.request(`http://admin.test/admin/v1${A}/${path}`, {
            method: 'POST',
            headers: { authorization: `Bearer ${d.token}`, 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }),
        ),
      );
    const rp = await testMember('https://late.example.com');
    const enrol = () => post('members', { entity_id: rp.id, jwks: rp.jwks, metadata: { federation_entity: { organization_name: 'x'.repeat(30_000) } } });
    expect(await enrol()).toMatchObject({ status: 507, json: { code: 'storage_full' } });
    for (const name of ['a', 'b', 'c', 'd']) {
      const one = await testMember(`https://${name}.example.com`);
      await post('members', { entity_id: one.id, jwks: one.jwks });
    }
    expect((await post(`members/${of(RP)}/suspend`, { reason: 'hijacked' })).status).toBe(200);
    d.published.begin();
    ('changed' in d.published ? (d.published.changed as () => void) : () => undefined)();
    expect(await served(d)).toEqual(CUT);
    expect((await enrol()).status).toBe(507);
    store.close();
  });
});
