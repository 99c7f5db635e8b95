import { eq, sql } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { insertRows, insertWith, putArtefacts, renewArtefacts, type NewArtefact } from '../../src/store/bulk.js';
import { wasCutSince } from '../../src/store/cut-since.js';
import { piecesOf, type Statement } from '../../src/store/database.js';
import { insertEvents } from '../../src/store/event.js';
import { knowMembers } from '../../src/store/known-entities.js';
import { inLot, lotsOf, readByList } from '../../src/store/lots.js';
import { indexRows } from '../../src/store/member-rows.js';
import { artefact, authority, knownEntity, setting } from '../../src/store/schema.js';
import { fsck } from '../../src/operations/fsck.js';
import { testDeployment } from '../support/deployment.js';
import { testKey } from '../support/keys.js';

const bytes = (value: unknown) => (typeof value === 'string' ? new TextEncoder().encode(value).length : 0);
/** The largest value that carrying these out binds. */
const largest = (statements: readonly Statement[]) => Math.max(0, ...piecesOf(statements).flatMap((one) => one.toSQL().params.map(bytes)));
const LONG = 'x'.repeat(2000);
const longIds = (n: number) => Array.from({ length: n }, (_, at) => `https://${at}.example/${LONG}`);
const answer = (n: number, size: number): NewArtefact => ({
  authorityId: 'aut_x',
  kind: 'resolve',
  key: `https://${n}.example`,
  mediaType: 'application/resolve-response+jwt',
  bytes: 'a'.repeat(size),
  sha256: String(n),
  iat: 1,
  exp: 2,
  kid: 'k',
  generation: 1,
});

describe('lots of a list', () => {
  it('are cut by rows and by bytes, in order and whole; what is too large by itself is alone', () => {
    const rows = ['a', 'é'.repeat(600_000), 'b', '"'.repeat(400_000), 'c', ...Array.from({ length: 1200 }, String)];
    const lots = lotsOf(rows);
    expect(lots.flatMap(({ json }) => JSON.parse(json) as string[])).toEqual(rows);
    for (const lot of lots) {
      expect(lot.bytes).toBe(bytes(lot.json) + 1);
      expect(lot.rows.length).toBeLessThanOrEqual(500);
      if (lot.rows.length > 1) expect(lot.bytes).toBeLessThanOrEqual(1_000_000);
    }
    expect(lotsOf([])).toEqual([]);
  });
  it.each([
    ['artefacts that are put', () => putArtefacts(Array.from({ length: 15 }, (_, n) => answer(n, 290_000)))],
    [
      'artefacts that are renewed',
      () =>
        renewArtefacts(
          Array.from({ length: 15 }, (_, n) => ({
            ...answer(n, 290_000),
            cap: null,
            cut: 0,
            renewAt: 1,
            variant: '',
            id: n,
            was: { sha256: 'x', cap: null, renewAt: 1, withheld: null, leaseUntil: 0 },
          })),
        ),
    ],
    ['one row that would double as JSON in JSON', () => [insertRows(setting, [{ name: 'a', value: '"'.repeat(1_500_000) }])]],
    ['members that become known', () => [knowMembers('aut_x', longIds(2000), 1)]],
    [
      'members that are indexed',
      () =>
        indexRows(
          longIds(500).map((id) => ({ memberId: id, spelling: id, jwks: LONG.repeat(4), thumbprints: [LONG] })),
          null,
        ),
    ],
    [
      'events',
      () => [
        insertEvents(
          Array.from({ length: 50 }, (_, n) => ({
            sealed: { salt: '00', payload: LONG.repeat(30) },
            row: {
              authorityId: 'aut_x',
              seq: n,
              at: 1,
              type: 't',
              subjectKind: 'member',
              subjectId: 'm',
              actorId: 'a',
              actorKind: 'system',
              reason: null,
              detail: { LONG: LONG.repeat(30) },
              artefacts: [],
              prevHash: '',
              hash: '',
              format: 2,
              reasonCode: null,
              privateCommitment: null,
            },
          })),
        ),
      ],
    ],
  ] as const)('nothing binds more than D1 takes: %s', (_title, statements) => {
    expect(largest(statements())).toBeGreaterThan(100_000);
    expect(largest(statements())).toBeLessThan(2_000_000);
  });
});

describe('lists above what D1 binds', () => {
  it('fifteen answers of 290 kB, and 1 200 identifiers of the longest kind, are written and read in one go', async () => {
    const { store } = await testDeployment();
    await store.write(putArtefacts(Array.from({ length: 15 }, (_, n) => answer(n, 290_000))));
    await store.write([knowMembers('aut_x', longIds(1200), 1)]);
    const [{ n } = { n: 0 }] = await store.db.select({ n: sql<number>`sum(length(bytes))` }).from(artefact).where(eq(artefact.authorityId, 'aut_x'));
    expect(n).toBe(15 * 290_000);
    const found = await readByList(longIds(1200), (lot) =>
      store.db.select({ id: knownEntity.entityId }).from(knownEntity).where(inLot(knownEntity.entityId, lot)),
    );
    expect(found).toHaveLength(1200);
  });
  it('whether one of 1 200 was cut is asked in one go, and D1 binds a hundred values', async () => {
    const d = await testDeployment();
    const { db } = d.deployment.store;
    const [{ id } = { id: '' }] = await db.select({ id: authority.id }).from(authority);
    const ids = Array.from({ length: 1200 }, (_, n) => `mem_${n}`);
    expect(await wasCutSince(db, id, 0, [...ids, id])).toBe(false);
    await d.admin('POST', '/authorities/main/halt', { reason: 'test' });
    expect(await wasCutSince(db, id, 0, [...ids, id])).toBe(true);
  });
  it('a row that JSON would double stands there as it was given, where its condition holds', async () => {
    const { store, rows } = await testDeployment();
    const value = '"\\é'.repeat(300_000);
    await store.write([
      insertWith(setting, [{ name: 'kept', value }], '', (column) => `length(${column('value')}) = 900000 AND ${column('name')} = 'kept'`),
      insertWith(setting, [{ name: 'not', value }], '', () => 'false'),
    ]);
    await store.write([insertWith(setting, [{ name: 'kept', value: `${value}"` }], 'ON CONFLICT (name) DO UPDATE SET value = excluded.value')]);
    expect((await store.db.select({ name: setting.name, value: setting.value }).from(setting)).filter(({ name }) => ['kept', 'not'].includes(name))).toEqual([
      { name: 'kept', value: `${value}"` },
    ]);
    expect(await rows("SELECT count(*) AS n FROM setting WHERE name = 'not'")).toEqual([{ n: 0 }]);
  });
  it('a member of maximal size, and an import of many such lines', async () => {
    const d = await testDeployment();
    const keys = await Promise.all(Array.from({ length: 40 }, (_, n) => testKey('ES256', `${n}${'k'.repeat(240)}`)));
    const jwks = { keys: keys.map(({ jwk }) => jwk) };
    // Each quote is escaped anew wherever JSON stands in JSON.
    const quotes = '"'.repeat(1000);
    const metadata = { openid_relying_party: Object.fromEntries(Array.from({ length: 31 }, (_, n) => [`m${n}`, quotes])) };
    const claims = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`https://claims.example/${n}`, quotes]));
    const member = (n: number) => ({ entity_id: `https://${n}.example/${LONG}`, jwks, metadata, claims, activate: true });
    const one = await d.admin('POST', '/authorities/main/members', member(0));
    expect([one.status, one.text.slice(0, 200)]).toEqual([201, expect.any(String)]);
    const { json: job } = await d.admin('POST', '/authorities/main/imports', {});
    const lines = Array.from({ length: 12 }, (_, n) => JSON.stringify(member(n + 1))).join('\n');
    const sent = await d.admin('POST', `/authorities/main/imports/${job.id}/lines`, lines, { headers: { 'content-type': 'application/x-ndjson' } });
    expect(sent.json).toMatchObject({ done: 12, refused: 0 });
    expect(await fsck(d.deployment)).toEqual([]);
  });
});
