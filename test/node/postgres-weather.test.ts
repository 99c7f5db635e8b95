import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { saidOf, troubleIn } from '../../src/store/trouble.js';
import { serversOf } from '../../src/store/postgres/servers.node.js';
import { openPostgres } from '../../src/store/postgres/store.postgres.node.js';
import { asOwner, onServer } from '../support/postgres-database.js';
import { startPostgres } from '../support/postgres-server.js';
import { act, migrated, opened, standing, type TestServer, whole } from '../support/postgres-store.js';

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

let server: TestServer;
beforeAll(async () => {
  server = await startPostgres(['fsync=on']);
});
afterAll(() => server.stop());

/** Sixteen that write without end, until told. Names of what was acknowledged. */
function sixteen(store: ReturnType<typeof opened>) {
  const acknowledged: string[] = [];
  const refused: unknown[] = [];
  let going = true;
  const writer = async (w: number) => {
    for (let n = 0; going; n++) {
      const name = `${w}-${n}`;
      await act(store, name, { scope: name }).then(
        () => acknowledged.push(name),
        (error: unknown) => refused.push(error),
      );
    }
  };
  const all = Promise.all(Array.from({ length: 16 }, (_, w) => writer(w)));
  const more = async (than: number) => {
    while (acknowledged.length < than) await pause(5);
  };
  return {
    acknowledged,
    refused,
    more,
    async end() {
      going = false;
      await all;
    },
  };
}
const names = async (store: ReturnType<typeof opened>) => new Set((await store.pool.query('SELECT name FROM setting')).rows.map(([name]) => String(name)));

describe('a server that goes away under sixteen writers', () => {
  it('killed with -9 and started again, three times: nothing acknowledged is lost, nothing is there by halves, nobody is refused', async () => {
    const url = await migrated(server);
    const store = opened(url);
    const load = sixteen(store);
    for (let n = 1; n <= 3; n++) {
      await load.more(n * 60);
      await server.crash();
      await pause(100);
      await server.startAgain();
    }
    await load.more(load.acknowledged.length + 60);
    await load.end();
    expect(load.refused).toEqual([]);
    expect(await standing(store)).toEqual(whole(load.acknowledged.length));
    const there = await names(store);
    expect(load.acknowledged.filter((one) => !there.has(one))).toEqual([]);
  });
  it('frozen and waking: given up as a whole when it does not answer, and used again when it does; nothing is lost or made twice', async () => {
    const url = await migrated(server);
    const answerMs = 300;
    const store = opened(url, { answerMs, readers: 4 });
    const load = sixteen(store);
    await load.more(60);
    const read = () =>
      store.pool.query('SELECT 1').then(
        () => 'answered',
        (error: unknown) => String(error),
      );
    await Promise.all(Array.from({ length: 4 }, read));
    server.freeze();
    const begun = performance.now();
    // On each of the connections at once, and none of them is waited for by itself.
    const told = await Promise.all(Array.from({ length: 4 }, read));
    const took = performance.now() - begun;
    server.wake();
    expect(told.filter((one) => one === 'answered')).toEqual([]);
    // By itself a statement has thirty seconds.
    expect(took).toBeLessThan(20_000);
    await load.more(load.acknowledged.length + 60);
    await load.end();
    expect(load.refused).toEqual([]);
    expect(await standing(store)).toEqual(whole(load.acknowledged.length));
  });
  it('frozen for longer than anybody waits: everybody is told that it may have been carried out; what was is whole', async () => {
    const url = await migrated(server);
    const store = opened(url, { answerMs: 1000, patienceMs: 6000 });
    expect(await act(store, 'first')).toBe('done');
    server.freeze();
    const told = await Promise.allSettled(Array.from({ length: 16 }, (_, n) => act(store, `late ${n}`, { scope: `${n}` })));
    server.wake();
    for (const one of told) expect(troubleIn((one as PromiseRejectedResult).reason)).toBe('unreachable');
    expect(await act(store, 'last')).toBe('done');
    const { events, top, withoutEvent, withoutRow } = await standing(store);
    expect([top, withoutEvent, withoutRow]).toEqual([events, 0, 0]);
  });
  it('a statement that takes longer than a server may be silent is waited for: it lives', async () => {
    const url = await migrated(server);
    const store = opened(url, { answerMs: 2000 });
    await store.write([{ toSQL: () => ({ sql: 'UPDATE store_state SET version = version FROM pg_sleep(4)', params: [] }) }]);
    expect(store.counts).toMatchObject({ transactions: 1, resent: 0 });
  });
});

/** Until the server has noticed that there is a standby to wait for: some time after it was told, by a process of its own. */
async function untilCommitsWait(): Promise<void> {
  await onServer(server.url('postgres'), async (on) => {
    for (;;) {
      let made = false;
      const commit = onServer(server.url('postgres'), (other) =>
        other.script("SET application_name = 'trial'; SELECT pg_logical_emit_message(true, 'trial', '')"),
      ).then(() => {
        made = true;
      });
      const waits = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'trial'";
      while (!made) {
        const [row] = (await on.query(waits)).rows;
        // It does not wait for longer: it stands here.
        if (row) await on.query(`SELECT pg_cancel_backend(${Number(row[0])})`);
        if (row) return commit;
        await pause(5);
      }
    }
  });
}

describe('a commit that waits for standbys', () => {
  it('is not acknowledged when a time limit ends its wait, nor found to be made by looking; once a standby is there it is', async () => {
    const url = await migrated(server);
    const store = opened(url, { patienceMs: 5000, answerMs: 2000 });
    expect(await act(store, 'first')).toBe('done');
    // A limit as low as it can be, where it would be in force at the commit.
    await onServer(url, (on) =>
      on.script(`CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN PERFORM set_config('statement_timeout', '300', true); RETURN NEW; END $f$;
        CREATE TRIGGER hurry BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION hurry()`),
    );
    const standbys = async (name: string) => {
      await onServer(server.url('postgres'), (on) => on.script(`ALTER SYSTEM SET synchronous_standby_names = '${name}'`));
      await onServer(server.url('postgres'), (on) => on.script('SELECT pg_reload_conf()'));
    };
    await standbys('nobody');
    await untilCommitsWait();
    onTestFinished(() => standbys(''));
    const waits = act(store, 'second').then(
      () => 'done',
      (error: unknown) => error,
    );
    const told = await Promise.race([waits, pause(1500).then(() => 'waits')]);
    expect(told).toBe('waits');
    // The server ends the connection: what it had written is there from then on, on this server alone.
    // The store then gives up every connection of this process to the server, and may see that end before the answer to this one is here.
    const end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    await onServer(server.url('postgres'), (on) => on.script(end)).catch((error: unknown) => expect(String(error)).toContain('terminated'));
    expect(troubleIn(await waits)).toBe('unreachable');
    await standbys('');
    await expect(act(store, 'second')).rejects.toThrow('carried out before');
    expect(await act(store, 'third')).toBe('done');
    expect(await standing(store)).toEqual(whole(3));
  });
  it('a cut waits until they show it, by an operation and by what withholds; whatever else is carried out does not', async () => {
    const url = await migrated(server);
    const store = opened(url);
    await onServer(url, (on) =>
      on.script(`CREATE TABLE seen (how text); GRANT ALL ON seen TO holdfast;
        CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $f$;
        CREATE TRIGGER seen BEFORE INSERT ON setting FOR EACH ROW EXECUTE FUNCTION seen()`),
    );
    await act(store, 'plain');
    await act(store, 'cut', { urgent: true });
    const put = (name: string) => ({ toSQL: () => ({ sql: 'INSERT INTO setting (name, value) VALUES (?, ?)', params: [name, ''] }) });
    await store.write([put('note')]);
    await store.write([put('withheld')], { urgent: true });
    expect((await store.pool.query('SELECT how FROM seen')).rows.flat()).toEqual(['on', 'remote_apply', 'on', 'remote_apply']);
  });
});

describe('a server that takes no more, or does not write', () => {
  it('too many connections: it is waited for, then 503; once there is room again everything goes on', async () => {
    const small = await startPostgres(['max_connections=6', 'superuser_reserved_connections=0', 'reserved_connections=0']);
    onTestFinished(() => small.stop());
    const url = await migrated(small);
    const store = opened(url, { patienceMs: 500 });
    const takers: { close(): Promise<void> }[] = [];
    const { Connection } = await import('../../src/store/postgres/connection.node.js');
    for (;;) {
      const one = await Connection.to(serversOf(asOwner(url)), 'any', 5000).catch(() => undefined);
      if (!one) break;
      takers.push(one);
    }
    const refused = await act(store, 'one').catch((error: unknown) => error);
    expect(troubleIn(refused)).toBe('unreachable');
    const patient = openPostgres(serversOf(asOwner(url)), () => 1000, { readers: 1 });
    onTestFinished(() => patient.close());
    const waits = act(patient, 'two');
    await pause(200);
    for (const one of takers) await one.close();
    expect(await waits).toBe('done');
    expect(await standing(patient)).toEqual(whole(1));
  });
  it('one that only reads is not taken for a primary, and the others in the URL are asked', async () => {
    const reading = await startPostgres(['default_transaction_read_only=on']);
    onTestFinished(() => reading.stop());
    const alone = openPostgres(serversOf(reading.url('postgres')), () => 1000, { patienceMs: 300, readers: 1 });
    onTestFinished(() => alone.close());
    const told = await alone.write([{ toSQL: () => ({ sql: 'SELECT 1', params: [] }) }]).catch((error: unknown) => error);
    expect(troubleIn(told)).toBe('unreachable');
    expect(String((told as Error).cause)).toMatch(/only reads/);
    const url = await migrated(server);
    const both = openPostgres([...serversOf(reading.url('postgres')), ...serversOf(asOwner(url))], () => 1000, { readers: 2 });
    onTestFinished(() => both.close());
    for (let n = 0; n < 4; n++) expect(await act(both, `${n}`)).toBe('done');
  });
  it('a primary that only reads from now on is left, and found again', async () => {
    const url = await migrated(server);
    const store = opened(url);
    expect(await act(store, 'one')).toBe('done');
    const database = url.split('/').at(-1);
    const only = (on: 'on' | 'off') =>
      onServer(server.url('postgres'), (at) =>
        at.script(`ALTER DATABASE ${database} SET default_transaction_read_only = ${on};
      SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`),
      );
    await only('on');
    const waits = act(store, 'two');
    await pause(300);
    await only('off');
    expect(await waits).toBe('done');
    expect(await standing(store)).toEqual(whole(2));
  });
  it('a role without rights is told so at once, by a read and by a write', async () => {
    const url = await migrated(server);
    await onServer(url, (on) => on.script('DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN'));
    const store = opened(url.replace('//postgres@', '//poor@'));
    const writes = () => store.write([{ toSQL: () => ({ sql: 'DELETE FROM setting', params: [] }) }]);
    for (const ask of [() => act(store, 'one'), writes]) {
      const told = await ask().catch((error: unknown) => error);
      expect(troubleIn(told)).toBe('refused');
      expect(saidOf(told)).toMatch(/permission denied.*grant/s);
    }
  });
  it('after a probe that found the lock taken the next write is made', async () => {
    const url = await migrated(server);
    const store = opened(url);
    await onServer(url, async (on) => {
      await on.script('ALTER TABLE store_state RENAME TO away');
      for (let n = 0; n < 3; n++) await expect(store.probe()).rejects.toThrow(/store_state/);
      await on.script('ALTER TABLE away RENAME TO store_state');
    });
    for (let n = 0; n < 4; n++) expect(await act(store, `${n}`)).toBe('done');
  });
});
