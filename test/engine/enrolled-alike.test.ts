import { expect, it } from 'vitest';
import { type TestDeployment, testDeployment, testMember } from '../support/deployment.js';

const A = '/authorities/main';
const idOf = (n: number) => `https://rp${n}.example.com`;
const TABLES = [
  'organization',
  'member',
  'member_key',
  'status_entry',
  'registration_event',
  'known_entity',
  'event',
  'event_private',
  'artefact',
  'authority',
  'idempotency',
];
/** By chance, by the hour, or signed: what two deployments never have in common. */
const CHANCE = new Set([
  'idx',
  'status_idx',
  'bytes',
  'sha256',
  'approved_sha256',
  'kid',
  'hash',
  'prev_hash',
  'private_commitment',
  'salt',
  'seq',
  'renew_at',
  'response',
  'id',
]);

/** Every row as a text, ids by what they are of, in order of the texts. */
async function contents(d: TestDeployment): Promise<Readonly<Record<string, readonly string[]>>> {
  const named = new Map<string, string>();
  for (const [table, name] of [
    ['authority', 'slug'],
    ['organization', 'legal_name'],
    ['member', 'entity_id'],
    ['api_key', 'name'],
  ])
    for (const row of await d.rows(`SELECT id, ${name} AS name FROM ${table}`)) named.set(String(row['id']), `<${table} ${row['name']}>`);
  const told = (text: string): string =>
    text.replace(/\b[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}\b/g, (id) => named.get(id) ?? '<id>').replace(/"(sha256|kid|audit_kid|prefix)":"[^"]*"/g, '"$1":"…"');
  const known: Record<string, readonly string[]> = {};
  for (const table of TABLES) {
    // A status list says up to which event it was signed.
    const rows = await d.rows(`SELECT * FROM ${table}${table === 'artefact' ? " WHERE kind <> 'status_list'" : ''}`);
    const cells = rows.map((row) =>
      Object.entries(row)
        .filter(([name]) => !CHANCE.has(name))
        .map(([name, value]) => [name, typeof value === 'string' ? told(value) : value])
        .sort(([one], [other]) => String(one).localeCompare(String(other))),
    );
    known[table] = cells.map((row) => JSON.stringify(row)).sort();
  }
  return known;
}

it('enrolled at the same time or one after the other: the same is written in every table', async () => {
  const keys = await Promise.all(Array.from({ length: 10 }, async (_, n) => (await testMember(idOf(n))).jwks));
  const more = (n: number) => ({
    ...(n % 3 === 0 && { organization: 'Bank' }),
    ...(n !== 4 && { activate: true }),
    ...(n === 5 && { valid_until: 4_000_000_000 }),
  });
  const enrol = (d: TestDeployment, n: number) =>
    d.admin(
      'POST',
      `${A}/members`,
      { entity_id: idOf(n), jwks: keys[n], metadata: { openid_relying_party: { client_name: `Ä ${n}` } }, ...more(n) },
      n < 2 ? { headers: { 'idempotency-key': `k${n}` } } : {},
    );
  // One after the other: D1 here is one database.
  const together = await testDeployment();
  const atOnce = await Promise.all(keys.map((_, n) => enrol(together, n)));
  expect(atOnce.map(({ status }) => status)).toEqual(keys.map(() => 201));
  // The chain holds, each event with its number, and an answer that is asked for again is the one that was given.
  const chain = await together.rows("SELECT e.seq AS seq FROM event AS e JOIN authority AS a ON a.id = e.authority_id WHERE a.slug = 'main' ORDER BY e.seq");
  expect(chain.map(({ seq }) => Number(seq))).toEqual(chain.map((_, n) => n + 1));
  expect((await enrol(together, 0)).json).toEqual(atOnce[0]?.json);
  expect((await together.public(`/fetch?sub=${encodeURIComponent(idOf(9))}`)).status).toBe(200);
  const written = await contents(together);
  const apart = await testDeployment();
  for (const n of keys.keys()) expect((await enrol(apart, n)).status).toBe(201);
  expect(written).toEqual(await contents(apart));
});
