import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { sealedCustody } from '../../src/keys/custody.js';
import { newSealKey } from '../../src/keys/random.js';
import { importSealKey } from '../../src/keys/seal.js';
import { createAuthority } from '../../src/operations/authorities/authorities.js';
import { startingCall } from '../../src/operations/call.js';
import { trustedClock } from '../../src/operations/clock/trusted-clock.js';
import { exploringDirectly } from '../../src/operations/explore-directly.js';
import { closedDoor } from '../../src/outbound/closed-door.js';
import { type DatabaseAddress, readConfig } from '../../src/platform/config.js';
import { rotateSealKeyOnPostgres } from '../../src/platform/local/seal-key-postgres.node.js';
import { insertRows, putArtefacts, whileCurrent } from '../../src/store/bulk.js';
import { isDuplicate, StoreUnreachable } from '../../src/store/database.js';
import { named } from '../../src/store/postgres/errors.node.js';
import { migratePostgres } from '../../src/store/postgres/migrate.node.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres, type PostgresOptions, type PostgresStore } from '../../src/store/postgres/store.postgres.node.js';
import { setting } from '../../src/store/schema.js';
import { newDatabase, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';

let server: Awaited<ReturnType<typeof startPostgres>>;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

const database = () => newDatabase(server);
async function opened(url: string, options: PostgresOptions = {}): Promise<PostgresStore> {
  const store = openPostgres(serversOf(url), () => 1000, { readers: 2, ...options });
  onTestFinished(() => store.close());
  return store;
}
async function fresh(options: PostgresOptions): Promise<PostgresStore> {
  const url = await database();
  await migratePostgres(serversOf(url), 'drizzle/postgres');
  return opened(url, options);
}

/** An operation that says when it was carried out before. */
const act = (store: PostgresStore, name: string, tries = { n: 0 }) =>
  store.change({
    authorityId: 'a',
    scope: null,
    actor: { id: 'x', kind: 'system' },
    decide: async () => {
      tries.n++;
      if ((await store.db.select().from(setting)).some((one) => one.name === name)) throw new Error('carried out before');
      return {
        events: [{ type: 'suspended', subjectKind: 'member', subjectId: name }],
        statements: [insertRows(setting, [{ name, value: '1' }])],
        result: 'done',
      };
    },
  });
const events = async (store: PostgresStore) => (await store.pool.query('SELECT count(*), max(seq) FROM event')).rows[0];

it('a connection that is cut once the commit was made: answered as done, decided once', async () => {
  let cuts = 0;
  const store = await fresh({
    onSent: (on) => {
      if (cuts++) return;
      // What the server answers is never read: it stands, and nobody here was told.
      const client = (on as unknown as { client: { connection: { stream: NodeJS.ReadableStream } } }).client;
      client.connection.stream.pause();
      const look = async (): Promise<void> => {
        if (((await events(store))?.[0] as number) > 0) on.destroy();
        else setTimeout(() => void look(), 5);
      };
      void look();
    },
  });
  const tries = { n: 0 };
  expect(await act(store, 'one', tries)).toBe('done');
  expect(tries.n).toBe(1);
  expect(await events(store)).toEqual([1, 1]);
  expect(store.counts).toMatchObject({ settled: 1, resent: 0 });
});

it('a connection that is cut before the server got it: sent again, decided once', async () => {
  let cut = false;
  const store = await fresh({
    onSent: (on) => {
      if (cut) on.destroy();
      cut = false;
    },
  });
  // Now and then the server is quicker than the cut: then it is settled, which is the test before this one.
  for (let n = 1; store.counts.resent === 0; n++) {
    cut = true;
    const tries = { n: 0 };
    expect(await act(store, `a${n}`, tries)).toBe('done');
    expect(tries.n).toBe(1);
    expect(await events(store)).toEqual([n, n]);
    expect(store.counts.settled + store.counts.resent).toBe(n);
    expect(n).toBeLessThan(500);
  }
});

it('200 operations, two of three cut at some moment: 200 events', async () => {
  let n = 0;
  const store = await fresh({
    onSent: (on) => {
      if (++n % 3 === 0) setTimeout(() => on.destroy(), (n % 7) + 1);
      else if (n % 3 === 1) on.destroy();
    },
  });
  for (let i = 0; i < 200; i++) expect(await act(store, `k${i}`)).toBe('done');
  expect(await events(store)).toEqual([200, 200]);
});

it('the server stays away: that it may have been carried out, never that it was not', async () => {
  const store = await fresh({
    patienceMs: 300,
    onSent: (on) => {
      server.freeze();
      on.destroy();
    },
  });
  await expect(act(store, 'one').finally(() => server.wake())).rejects.toBeInstanceOf(StoreUnreachable);
});

it('its migrations are those of SQLite, translated', () => {
  execFileSync(process.execPath, ['test/support/postgres-migrations.mjs', '--check']);
});

it('several that start at once: one migrates, the others find it done', async () => {
  const url = await database();
  await Promise.all(Array.from({ length: 4 }, () => migratePostgres(serversOf(url), 'drizzle/postgres')));
  const store = await opened(url);
  expect(await act(store, 'one')).toBe('done');
});

it('a database of a newer version is refused', async () => {
  const url = await database();
  await migratePostgres(serversOf(url), 'drizzle/postgres');
  await onServer(url, (on) => on.script("INSERT INTO holdfast_migration (name) VALUES ('9999_later.sql')"));
  await expect(migratePostgres(serversOf(url), 'drizzle/postgres')).rejects.toThrow(/newer version of Holdfast.*9999_later/);
});

it('a renewal beside a halt that is not committed waits for it, and leaves nothing of the halted authority', async () => {
  const url = await database();
  await migratePostgres(serversOf(url), 'drizzle/postgres');
  const store = await opened(url);
  await onServer(url, (on) =>
    on.script(`INSERT INTO authority (id, slug, entity_id, state, metadata, claims, authority_hints, configuration_lifetime_s, statement_lifetime_s, client_auth, key_alg, generation, created_at, updated_at, v)
      VALUES ('a', 'a', 'https://a.example', 'active', '{}', '{}', '[]', 1, 1, '{}', 'ES256', 0, 0, 0, 0)`),
  );
  const row = { authorityId: 'a', kind: 'statement' as const, key: 'k', mediaType: 'x', bytes: 'x', sha256: 'x', iat: 1, exp: 2, kid: 'x', generation: 0 };
  await onServer(url, async (halting) => {
    await halting.script(`BEGIN; UPDATE store_state SET version = version + 1; UPDATE authority SET state = 'halted'; DELETE FROM artefact`);
    const renewal = store.write(putArtefacts([row], whileCurrent));
    const waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while ((await store.pool.query(waits)).rows.length === 0) await new Promise((done) => setTimeout(done, 5));
    await halting.script('COMMIT');
    await renewal;
  });
  expect((await store.pool.query('SELECT key FROM artefact')).rows).toEqual([]);
  await onServer(url, (on) => on.script("UPDATE authority SET state = 'active'"));
  await store.write(putArtefacts([row], whileCurrent));
  expect((await store.pool.query('SELECT key FROM artefact')).rows).toEqual([['k']]);
});

it('a duplicate is known in whatever language the server speaks', () => {
  for (const detail of ['Key (authority_id, seq)=(a, 1) already exists.', 'Schlüssel »(authority_id, seq)=(a, 1)« existiert bereits.'])
    expect(isDuplicate(named({ code: '23505', table: 'event', detail }), 'event.authority_id, event.seq'), detail).toBe(true);
});

it('the seal key is rotated on PostgreSQL too, in one commit, while no process has a connection', async () => {
  const url = await database();
  await migratePostgres(serversOf(url), 'drizzle/postgres');
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-seal-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [old, file] = [newSealKey(), join(folder, 'next.key')];
  const store = openPostgres(serversOf(url), () => 1000, { readers: 2 });
  const under = async (key: string) =>
    exploringDirectly({
      store,
      custody: sealedCustody(await importSealKey(key)),
      outbound: closedDoor('not asked'),
      clock: trustedClock({ now: () => 1000, elapsed: () => 0 }, { development: true }),
      development: true,
    });
  await createAuthority(startingCall(await under(old)), { slug: 'main', entityId: 'https://anchor.example' });
  const config = readConfig({ HOLDFAST_DATABASE: url, HOLDFAST_SEAL_KEY: old, HOLDFAST_URL: 'https://anchor.example' });
  const rotate = (dryRun = false) => rotateSealKeyOnPostgres(config, config.database as DatabaseAddress, file, dryRun);
  await expect(rotate()).rejects.toThrow(/connection/);
  expect([await rotate(true), existsSync(file)], 'a dry run tells of it').toEqual([{ keys: 2, file, served: true }, false]);
  await store.close();
  expect([await rotate(true), existsSync(file)]).toEqual([{ keys: 2, file, served: false }, false]);
  expect([await rotate(), await rotate()]).toEqual([
    { keys: 2, file },
    { keys: 0, file },
  ]);
  const [rows] = await onServer(
    url,
    async (on) => (await on.query("SELECT count(*), min(sealed) FROM authority_key, event WHERE type = 'seal_key.rotated'")).rows,
  );
  expect(rows?.[0]).toBe(2);
});
