import { describe, expect, it } from 'vitest';
import { headToDecideOn, readHead } from '../../src/store/known-heads.js';
import { HistoryLost } from '../../src/store/trouble.js';
import { type SeenHeads, watchHeads } from '../../src/operations/restore/watch-heads.js';
import { NOW, type TestDeployment, testDeployment } from '../support/deployment.js';

const rename = (d: TestDeployment, name: string) => d.admin('PATCH', '/authorities/main', { metadata: { federation_entity: { organization_name: name } } });
const state = async (d: TestDeployment) => (await d.admin('GET', '/restore')).json;
const LAST = "authority_id <> 'deployment' AND seq = (SELECT max(seq) FROM event WHERE authority_id <> 'deployment')";

describe('a store whose chains went back', () => {
  it('is withheld from the next look on, with the heads it lacks; a person confirms, and it is not missed again', async () => {
    const d = await testDeployment();
    const seen: SeenHeads = new Map();
    await watchHeads(d.deployment, seen);
    await rename(d, 'x');
    await watchHeads(d.deployment, seen);
    expect((await state(d)).state).toBe('confirmed');
    await d.execute(`DELETE FROM event WHERE ${LAST}`);
    await watchHeads(d.deployment, seen);
    expect(await state(d)).toMatchObject({ state: 'not_confirmed', reason: 'went_back', since: NOW, given_up: [{ authority: 'main', seq: 2 }] });
    expect((await d.public('/.well-known/openid-federation')).status).toBe(503);
    expect((await rename(d, 'y')).json.code).toBe('not_confirmed');
    for (let n = 0; n < 2; n++) await watchHeads(d.deployment, seen);
    expect((await d.admin('POST', '/restore/confirm', { yes: true })).json.state).toBe('confirmed');
    for (let n = 0; n < 2; n++) await watchHeads(d.deployment, seen);
    expect((await state(d)).state).toBe('confirmed');
    expect((await d.public('/.well-known/openid-federation')).status).toBe(200);
    const { items } = (await d.admin('GET', '/authorities/main/events')).json;
    expect(items.at(-1)).toMatchObject({ type: 'deployment.restored', detail: { because: 'went_back', given_up: [{ seq: 2 }] } });
    // The new history is watched as the old one was.
    await d.execute(`DELETE FROM event WHERE ${LAST}`);
    await watchHeads(d.deployment, seen);
    expect((await state(d)).state).toBe('not_confirmed');
  });
  it('is noticed by its hash where the number is the same, also in the chain of the deployment', async () => {
    for (const chain of ["authority_id <> 'deployment'", "authority_id = 'deployment'"]) {
      const d = await testDeployment();
      const seen: SeenHeads = new Map();
      await watchHeads(d.deployment, seen);
      await d.execute(`UPDATE event SET hash = '${'ab'.repeat(32)}' WHERE ${chain}`);
      await watchHeads(d.deployment, seen);
      expect((await state(d)).reason, chain).toBe('went_back');
    }
  });
  it('is not written by who was told that the lost event is there, before anybody has looked; others decide what it lost', async () => {
    for (const what of [`DELETE FROM event WHERE ${LAST}`, `UPDATE event SET hash = '${'ab'.repeat(32)}' WHERE ${LAST}`]) {
      const d = await testDeployment();
      const seen: SeenHeads = new Map();
      await watchHeads(d.deployment, seen);
      await rename(d, 'x');
      await d.execute(what);
      const refused = await rename(d, 'y');
      expect([refused.status, refused.json.code], what).toEqual([503, 'history_lost']);
      expect(refused.json.detail).toMatch(/nothing was changed/);
      expect(refused.headers.get('retry-after')).toBe('30');
      expect(await d.rows("SELECT 1 AS n FROM event WHERE type = 'authority.changed' AND detail LIKE '%y%'")).toEqual([]);
      // The next look knows what was acknowledged since the last one.
      await watchHeads(d.deployment, seen);
      expect(await state(d)).toMatchObject({ state: 'not_confirmed', reason: 'went_back', given_up: [{ authority: 'main', seq: 2 }] });
      expect((await rename(d, 'y')).json.code).toBe('not_confirmed');
      expect((await d.admin('POST', '/restore/confirm', { yes: true })).json.state).toBe('confirmed');
      for (let n = 0; n < 2; n++) await watchHeads(d.deployment, seen);
      expect((await rename(d, 'z')).status).toBe(200);
      expect((await state(d)).state).toBe('confirmed');
    }
  });
  it('is written on where another process has gone on from what was acknowledged', async () => {
    const d = await testDeployment();
    await rename(d, 'x');
    await d.another().store.change({
      authorityId: (await d.rows('SELECT id FROM authority'))[0]?.['id'] as string,
      scope: null,
      actor: { id: 'x', kind: 'system' },
      decide: async () => ({ events: [{ type: 'x', subjectKind: 'authority', subjectId: 'x' }], statements: [], result: 1 }),
    });
    expect((await rename(d, 'y')).status).toBe(200);
  });
  it('is not seen in what was read while another operation was acknowledged', async () => {
    const d = await testDeployment();
    const [{ id } = { id: '' }] = (await d.rows('SELECT id FROM authority')) as { id: string }[];
    const { db } = d.deployment.store;
    const known = new Map([[id, await readHead(db, id)]]);
    const meanwhile = {
      ...db,
      select: (...fields: Parameters<typeof db.select>) => {
        known.set(id, { seq: 99, hash: 'ab'.repeat(32) });
        return db.select(...fields);
      },
    } as typeof db;
    expect((await headToDecideOn(meanwhile, known, id)).seq).toBe(1);
    await expect(headToDecideOn(db, known, id)).rejects.toBeInstanceOf(HistoryLost);
  });
  it('is not withheld by who has read another server that is behind', async () => {
    const d = await testDeployment();
    await rename(d, 'x');
    const seen: SeenHeads = new Map();
    await watchHeads(d.deployment, seen);
    const [event] = await d.rows(`SELECT * FROM event WHERE ${LAST}`);
    const { store } = d.deployment;
    await d.execute(`UPDATE event SET seq = 99 WHERE ${LAST}`);
    const behind = {
      ...store,
      write: async (...asked: Parameters<typeof store.write>) => {
        await d.execute(`UPDATE event SET seq = ${event?.['seq']} WHERE seq = 99`);
        return store.write(...asked);
      },
    };
    await watchHeads({ ...d.deployment, store: behind }, seen);
    expect((await state(d)).state).toBe('confirmed');
  });
  it('adds what it misses to a restore that nobody has confirmed, and does not bring it back once it is', async () => {
    const d = await testDeployment();
    const seen: SeenHeads = new Map([['aut_gone', { seq: 9, hash: 'cd'.repeat(32) }]]);
    await d.execute(`INSERT INTO setting (name, value) VALUES ('unconfirmed', '{"reason":"restored","at":${NOW},"backupAt":null,"givenUp":[]}')`);
    await watchHeads(d.deployment, seen);
    expect(await state(d)).toMatchObject({ reason: 'restored', given_up: [{ authority: 'aut_gone', seq: 9 }] });
    expect((await d.admin('POST', '/restore/confirm', { yes: true })).status).toBe(200);
    await watchHeads(d.deployment, seen);
    expect([(await state(d)).state, seen.has('aut_gone')]).toEqual(['confirmed', false]);
  });
});
