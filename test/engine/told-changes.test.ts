import { expect, it } from 'vitest';
import { platform } from '#test-platform';
import { moveMember } from '../../src/operations/members/move-member.js';
import { raw } from '../../src/store/database.js';
import { ANCHOR, testDeployment, testMember } from '../support/deployment.js';
import { almostNoTimePasses } from '../support/slow-clock.js';

/** As on SQLite (`public-changes.test.ts`): what a commit has changed is told in the same commit. Here for PostgreSQL. */
const only = it.runIf(platform === 'postgres');
const A = 'https://a.example.com';
const B = 'https://b.example.com';
const PATHS = ['/.well-known/openid-federation', '/list', '/status-lists/0', `/fetch?sub=${encodeURIComponent(A)}`];

async function federation() {
  const d = await testDeployment();
  const enroll = async (id: string) =>
    d.admin('POST', '/authorities/main/members', { entity_id: id, jwks: (await testMember(id)).jwks, entity_types: ['oauth_client'], activate: true });
  await enroll(A);
  const timePasses = almostNoTimePasses();
  const { published } = d;
  /** What is left, now that whatever was committed has been looked at. */
  const left = async () => {
    // Nobody keeps what is not there, and whoever reads looks first; or waits for a look that was begun before.
    (published as unknown as { changed(): void }).changed();
    for (let n = 0; n < 2; n++) await published.isActive('nobody');
    published.begin();
    return published.kept();
  };
  const warm = async () => {
    await left();
    for (const path of PATHS) expect((await d.public(path)).status).toBe(200);
    return left();
  };
  const has = (path: string) => published.spelled(`${ANCHOR}${path}`) !== undefined;
  const all = async () => (await left()).entries === 0;
  const version = async () => Number((await d.rows('SELECT version FROM store_state'))[0]?.['version']);
  const commit = (store = d.store) => store.write([raw("UPDATE setting SET value = value WHERE name = 'nothing'")]);
  return { d, enroll, left, warm, has, all, version, commit, timePasses };
}

only('a commit that changes nothing public drops nothing, of this process or another; an event is the status list’s', async () => {
  const { d, warm, left, has, commit } = await federation();
  const before = await warm();
  expect(before.spellings).toBe(4);
  await d.execute("INSERT INTO lease (name, holder, until) VALUES ('x', 'y', 1)");
  await d.execute('UPDATE authority SET updated_at = updated_at + 1, v = v + 1; UPDATE artefact SET renew_at = renew_at + 1, lease_until = 5');
  await d.execute("INSERT INTO setting (name, value) VALUES ('x', 'y')");
  await commit();
  await commit(d.another().store);
  expect(await left()).toEqual(before);
  await d.tokenFor('auditor');
  expect((await left()).entries).toBe(before.entries - 1);
  expect(PATHS.map(has)).toEqual([true, true, false, true]);
});

only('an enrolment drops the list and what rests on others; a cut drops everything; what another process commits is seen alike', async () => {
  const { d, enroll, warm, left, has, all } = await federation();
  await warm();
  await enroll(B);
  await left();
  expect(PATHS.map(has)).toEqual([true, false, false, true]);
  await warm();
  await d.execute(`UPDATE artefact SET bytes = bytes || 'x' WHERE kind = 'statement' AND key = '${A}'`);
  await left();
  expect(PATHS.map(has)).toEqual([true, true, true, false]);
  await warm();
  await moveMember({ ...d.call, store: d.another().store }, 'main', A, 'suspend', { reason: 'cut' });
  expect(await all()).toBe(true);
  expect((await d.public(PATHS[3] as string)).status).toBe(404);
});

only.each([
  ['a row is missing', 'DELETE FROM public_change WHERE version = (SELECT max(version) FROM public_change)', false],
  ['all rows are', 'TRUNCATE public_change', false],
  ['one says something else', "UPDATE public_change SET what = 'anchors'", false],
  ['a table is emptied at once', 'TRUNCATE anchor_pin', false],
  ['a trigger is missing', 'DROP TRIGGER public_change_1 ON artefact', true],
  ['a trigger is switched off', 'ALTER TABLE artefact DISABLE TRIGGER public_change_2', true],
  ['all of a table are', 'ALTER TABLE member DISABLE TRIGGER USER', true],
  ['one is switched on otherwise', 'ALTER TABLE artefact ENABLE TRIGGER public_change_2', true],
  [
    'a function tells of less',
    "CREATE OR REPLACE FUNCTION holdfast_words.public_change_0() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    true,
  ],
  ['nothing can be told', 'DROP TABLE public_change CASCADE; DROP TABLE public_told', true],
  ['another version tells', "UPDATE public_told SET digest = 'other'", true],
  ['nobody says from when on', 'DELETE FROM public_told', true],
])('when %s everything may have changed', async (_, sql, stays) => {
  const { d, warm, all, left, commit } = await federation();
  await warm();
  await d.execute(`${sql}; ${stays ? '' : "INSERT INTO lease (name, holder, until) VALUES ('x', 'y', 1)"}`);
  await commit();
  expect(await all()).toBe(true);
  const before = await warm();
  expect(before.entries).toBeGreaterThan(0);
  await commit();
  expect(await left()).toEqual(stays ? { entries: 0, spellings: 0, bytes: 0 } : before);
  await moveMember(d.call, 'main', A, 'suspend', { reason: 'cut' });
  expect((await d.public(PATHS[3] as string)).status).toBe(404);
});

only('what is written behind the lock of writers takes it: it is a commit, told, and in the order of commits', async () => {
  const { d, warm, left, has, version } = await federation();
  await warm();
  const before = await version();
  const text = (key: string) => `UPDATE artefact SET bytes = bytes || 'x' WHERE kind = '${key}'`;
  await d.execute(text('statement'));
  expect(await version()).toBe(before + 1);
  await left();
  expect(PATHS.map(has)).toEqual([true, true, true, false]);
  await warm();
  // Rolled back, it was none.
  await d.execute(`BEGIN; ${text('statement')}; ROLLBACK`);
  expect(await version()).toBe(before + 1);
  expect((await left()).spellings).toBe(4);
  // In a part of a transaction, beside one that is taken back.
  await d.execute(`DO $$ BEGIN ${text('configuration')}; RAISE EXCEPTION 'x'; EXCEPTION WHEN raise_exception THEN ${text('statement')}; END $$`);
  await left();
  expect(PATHS.map(has)).toEqual([true, true, true, false]);
  await warm();
  // One that has told and is not committed holds up whoever comes: a number seen has none below it to come.
  const slow = d.execute(`BEGIN; ${text('statement')}; SELECT pg_sleep(0.3); COMMIT`);
  await d.tokenFor('auditor');
  await left();
  await slow;
  await left();
  expect(PATHS.map(has)).toEqual([true, true, false, false]);
});

only('more than can be told one by one is everything; what is old is swept, and whoever is that far behind drops everything', async () => {
  const { d, warm, left, all, version } = await federation();
  const many = (n: number) =>
    d.execute(
      `INSERT INTO public_change SELECT version, 'anchors', 'x' FROM store_state, generate_series(1, ${n}); UPDATE store_state SET version = version + 1`,
    );
  const before = await warm();
  await d.execute(
    `UPDATE store_state SET version = version + 1; INSERT INTO public_change SELECT version, 'anchors', 'x' FROM store_state, generate_series(1, 500)`,
  );
  expect(await left()).toEqual(before);
  await d.execute(
    `UPDATE store_state SET version = version + 1; INSERT INTO public_change SELECT version, 'anchors', 'x' FROM store_state, generate_series(1, 501)`,
  );
  expect(await all()).toBe(true);
  await many(1);
  await warm();
  const at = await version();
  await d.execute(`UPDATE store_state SET version = ${Math.ceil(at / 256) * 256 + 1023}`);
  await left();
  await warm();
  await d.execute("UPDATE artefact SET bytes = bytes || 'x' WHERE kind = 'statement'");
  expect((await left()).spellings, 'sweeping is no change').toBe(3);
  expect(await d.rows(`SELECT 1 AS found FROM public_change WHERE version <= ${at}`)).toEqual([]);
  const [told] = await d.rows('SELECT since FROM public_told');
  expect(Number(told?.['since'])).toBeGreaterThan(at);
});

only('a number that came back is not the one that was seen; nor is what is told under another lineage, as after a restore', async () => {
  const { d, warm, all, left, has, commit } = await federation();
  await warm();
  const change = "UPDATE artefact SET bytes = bytes || 'x' WHERE kind = 'statement'";
  await d.execute(`BEGIN; ${change}; DELETE FROM public_change WHERE what = 'artefact'; UPDATE store_state SET version = version - 1; COMMIT`);
  expect(await all()).toBe(true);
  await warm();
  await d.execute(`${change}; UPDATE public_told SET lineage = 'another'; DELETE FROM public_change; UPDATE public_told SET since = 0`);
  expect(await all()).toBe(true);
  const before = await warm();
  await commit();
  expect(await left(), 'from there on all is told again').toEqual(before);
  await d.execute(change);
  await left();
  expect(PATHS.map(has)).toEqual([true, true, true, false]);
});

only('where nothing says how many commits there are nothing is served', async () => {
  const { d, warm, left, has, version } = await federation();
  await warm();
  const at = await version();
  await d.execute('DELETE FROM store_state');
  try {
    for (let n = 0; n < 3; n++) {
      (d.published as unknown as { changed(): void }).changed();
      await expect((async () => d.published.isActive('nobody'))()).rejects.toThrow('its count of commits is not there');
      d.published.begin();
      expect(PATHS.map(has)).toEqual([false, false, false, false]);
    }
  } finally {
    await d.execute(`INSERT INTO store_state VALUES (1, ${at}, (SELECT beat_ms FROM store_beat))`);
  }
  expect((await left()).entries, 'that row is another one').toBe(0);
  expect((await d.public(PATHS[0] as string)).status).toBe(200);
});

only('what is written while triggers are switched off makes no commit, and is seen all the same', async () => {
  const { d, warm, left, timePasses } = await federation();
  expect((await warm()).spellings).toBe(4);
  timePasses();
  await d.execute("ALTER TABLE artefact DISABLE TRIGGER USER; UPDATE artefact SET bytes = bytes || 'x' WHERE kind = 'statement'");
  while ((await left()).entries > 0) await new Promise((done) => setTimeout(done, 100));
});
