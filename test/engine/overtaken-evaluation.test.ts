import { expect, it } from 'vitest';
import { evaluateNamed } from '../../src/operations/resolving/evaluate-asked.js';
import { evaluateDue } from '../../src/operations/resolving/evaluate-due.js';
import { createEvaluating } from '../../src/operations/resolving/evaluating.js';
import { knowEntities, take } from '../../src/operations/resolving/take-entities.js';
import { piecesOf, raw } from '../../src/store/database.js';
import { evaluatedNow, whileAsTaken } from '../../src/store/evaluation-leases.js';
import { ANCHOR, NOW, testDeployment, testMember } from '../support/deployment.js';

const RP = 'https://rp.example.com';

it('who began to look before and found nobody takes no answer away that somebody found since; what came late is written nowhere', async () => {
  const d = await testDeployment();
  const member = await testMember(RP);
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: member.jwks, activate: true });
  let writes: () => void = () => {};
  let go: () => void = () => {};
  const writing = new Promise<void>((done) => (writes = done));
  const gate = new Promise<void>((done) => (go = done));
  const { store } = d.deployment;
  const inTurn = evaluateDue({
    ...d.deployment,
    store: {
      ...store,
      async write(statements, how) {
        // What was found, not that it is looked at.
        if (piecesOf(statements).some((one) => /INTO [`"]?snapshot/i.test(one.toSQL().sql))) {
          writes();
          await gate;
        }
        return store.write(statements, how);
      },
    },
  });
  await writing;
  d.network.set(`${RP}/.well-known/openid-federation`, await member.configuration({ exp: NOW + 86_400 }));
  const asked = await d.admin('POST', `/authorities/main/entities/${encodeURIComponent(RP)}/evaluate`, {});
  expect(asked.json).toMatchObject({ snapshots: [{ state: 'valid' }] });
  const resolve = async () => (await d.public(`/resolve?${new URLSearchParams({ sub: RP, trust_anchor: ANCHOR })}`)).status;
  expect(await resolve()).toBe(200);
  const before = await d.rows('SELECT * FROM known_entity');
  go();
  await inTurn;
  expect(await resolve()).toBe(200);
  expect(await d.rows('SELECT state FROM snapshot')).toEqual([{ state: 'valid' }]);
  expect(await d.rows('SELECT * FROM known_entity')).toEqual(before);
});

it('one that is asked for by name is begun anew when it is overtaken; when it is each time, that is said and nothing is kept', async () => {
  const d = await testDeployment();
  const member = await testMember(RP);
  d.network.set(`${RP}/.well-known/openid-federation`, await member.configuration());
  await d.admin('POST', '/authorities/main/members', { entity_id: RP, jwks: member.jwks, activate: true });
  const { store } = d.deployment;
  /** So many times somebody takes it before what was found is written. */
  const evaluate = (times: number) => {
    let left = times;
    const write: typeof store.write = async (statements, how) => {
      if (piecesOf(statements).some((one) => /INTO [`"]?snapshot/i.test(one.toSQL().sql)) && left-- > 0)
        await d.execute('UPDATE known_entity SET lease_until = lease_until + 1');
      return store.write(statements, how);
    };
    return evaluateNamed({ ...d.deployment, store: { ...store, write } }, { slug: 'main', entityId: RP });
  };
  await expect(evaluate(1000)).rejects.toMatchObject({ code: 'temporarily_unavailable', message: expect.stringContaining('ask again') });
  expect(await d.rows('SELECT state FROM snapshot')).toEqual([]);
  await evaluate(4);
  expect(await d.rows('SELECT state FROM snapshot')).toEqual([{ state: 'valid' }]);
});

it('results that are written together: without one that is overtaken the others still are, and of what cannot be each is written by itself', async () => {
  const d = await testDeployment();
  const [owner] = await d.rows('SELECT id FROM authority');
  const ids = Array.from({ length: 6 }, (_, n) => `https://e${n}.example`);
  const { store } = d.deployment;
  const written = async (broken: boolean) => {
    const taken = await take(d.deployment, await knowEntities(d.deployment, String(owner?.['id']), ids, 'wish'), 'together');
    const state = createEvaluating();
    for (const known of taken) {
      const again = { dueAt: NOW + 1000, attempts: 7, line: 4, now: NOW };
      const fails = broken && known.entityId === ids[1] ? [raw('UPDATE known_entity SET no_such_column = 1')] : [];
      state.later({ known, statements: [whileAsTaken(known), ...fails, evaluatedNow(known, again, undefined)] });
    }
    await d.execute(`UPDATE known_entity SET lease_until = lease_until + 1 WHERE entity_id = '${ids[3]}'`);
    let writes = 0;
    const counting: typeof store.write = (statements, how) => {
      writes++;
      return store.write(statements, how);
    };
    await state.write({ ...d.deployment, store: { ...store, write: counting } }, true);
    const found = await d.rows('SELECT entity_id FROM known_entity WHERE attempts = 7 ORDER BY entity_id');
    await d.execute('DELETE FROM known_entity');
    return { writes, found: found.map((row) => row['entity_id']), errors: state.errors.length, busy: state.busy.size };
  };
  expect(await written(false)).toEqual({ writes: 2, found: ids.filter((_, n) => n !== 3), errors: 0, busy: 0 });
  expect(await written(true)).toEqual({ writes: 9, found: ids.filter((_, n) => n !== 3 && n !== 1), errors: 1, busy: 0 });
});
