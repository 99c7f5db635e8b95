import { expect, it, vi } from 'vitest';
import { hashed, hashWith, type Sha256 } from '../../src/federation/sha256.js';
import { NATIVE_SHA256 } from '../../src/keys/native-sha256.node.js';
import { backgroundTurn } from '../../src/operations/background.js';
import type { NodeStore } from '../../src/store/store.node.js';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';
import { carriedOut } from '../support/node/carried-out.js';

/** What is counted here is what was carried out, never how long it took. */

const A = '/authorities/main';
const idOf = (n: number) => `https://rp${n}.example.com`;
const keysOf = (count: number) => Promise.all(Array.from({ length: count }, async (_, n) => (await testMember(idOf(n))).jwks));
const enrol = (d: TestDeployment, n: number, jwks: unknown) => d.admin('POST', `${A}/members`, { entity_id: idOf(n), jwks, activate: true });

it('enrolments that arrive together are a few statements, and no look-up has SQLite prepare a limit anew', async () => {
  const d = await testDeployment();
  const keys = await keysOf(24);
  let inserted = 0;
  const seen = await carriedOut(
    d.store as NodeStore,
    async () => {
      const answers = await Promise.all(keys.map((jwks, n) => enrol(d, n, jwks)));
      expect(answers.map(({ status }) => status)).toEqual(keys.map(() => 201));
    },
    (sql) => {
      if (sql.includes('INSERT INTO "member" ')) inserted++;
    },
  );
  expect(inserted).toBeGreaterThan(0);
  expect(inserted, 'of 24').toBeLessThan(6);
  expect(seen.filter((sql) => /\blimit \?$/i.test(sql))).toEqual([]);
  expect(seen.some((sql) => /\blimit 1$/i.test(sql))).toBe(true);
});

it('one that the database refuses takes no other with it, and leaves nothing', async () => {
  const d = await testDeployment();
  await d.execute(`CREATE TRIGGER refused BEFORE INSERT ON member WHEN NEW.entity_id = '${idOf(3)}' BEGIN SELECT RAISE(ABORT, 'not this one'); END`);
  const keys = await keysOf(8);
  const answers = await Promise.all(keys.map((jwks, n) => enrol(d, n, jwks)));
  expect(answers.map(({ status }) => status)).toEqual(keys.map((_, n) => (n === 3 ? 500 : 201)));
  const others = keys.flatMap((_, n) => (n === 3 ? [] : [{ entity_id: idOf(n) }]));
  expect(await d.rows('SELECT entity_id FROM member ORDER BY entity_id')).toEqual(others);
  expect(await d.rows("SELECT key AS entity_id FROM artefact WHERE kind = 'statement' ORDER BY key")).toEqual(others);
  expect(await d.rows("SELECT count(*) AS n FROM status_entry WHERE kind = 'member'")).toEqual([{ n: 7 }]);
  const chain = (await d.rows("SELECT e.seq AS seq FROM event AS e JOIN authority AS a ON a.id = e.authority_id WHERE a.slug = 'main' ORDER BY e.seq")) as {
    seq: number;
  }[];
  expect(
    chain.map(({ seq }) => seq),
    'no number is missing',
  ).toEqual(chain.map((_, n) => n + 1));
});

it('how much of a re-signing is left is not counted after each of its slices', async () => {
  const d = await testDeployment();
  const keys = await keysOf(24);
  await Promise.all(keys.map((jwks, n) => enrol(d, n, jwks)));
  await d.admin('POST', `${A}/policies`, { metadata_policy: { openid_relying_party: { contacts: { add: ['help@example.org'] } } } });
  expect((await d.admin('POST', `${A}/policies/1/publish`, { accept_breaks: true, accept_unknown: true })).status).toBe(200);
  // A clock that only moves where something is done: signing a slice takes one, to count takes five.
  let time = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => time);
  let [counted, slices] = [0, 0];
  try {
    await carriedOut(
      d.store as NodeStore,
      () => backgroundTurn(d.deployment, { more: () => true, slice: 2 }),
      (sql) => {
        if (/^\s*UPDATE artefact SET bytes/.test(sql)) {
          slices++;
          time += 1;
        } else if (/UPDATE "job"|update "job"/.test(sql)) {
          counted++;
          time += 5;
        }
      },
    );
  } finally {
    clock.mockRestore();
  }
  expect(slices).toBeGreaterThan(10);
  expect(counted, 'once at first, and once at the end').toBeLessThanOrEqual(3);
  expect(await d.rows("SELECT state FROM job WHERE kind = 'resign'")).toEqual([{ state: 'done' }]);
});

it('SHA-256 as Node has it gives what the one in JavaScript gives, of bytes and of any text', () => {
  const all = ['', 'abc', 'ä€😀', '\ud800 half a pair', 'x'.repeat(5000)];
  const made = ({ bytes, hex, base64url }: Sha256) =>
    [...all, ...all.map((text) => new TextEncoder().encode(text))].map((one) => [hex(one), base64url(one), [...bytes(one)]]);
  const computed = made(hashed);
  expect(made(NATIVE_SHA256)).toEqual(computed);
  hashWith(NATIVE_SHA256);
  expect(made(hashed)).toEqual(computed);
});
