import { describe, expect, it } from 'vitest';
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
