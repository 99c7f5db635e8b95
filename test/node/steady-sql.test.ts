import { expect, it } from 'vitest';
import { openSqlite, type SqliteDatabase, type SqliteStatement } from '../../src/store/sqlite.node.js';
import { steady } from '../../src/store/steady-sql.js';

/** As the driver itself has it. */
const prepareAsIs = (client: SqliteDatabase, sql: string): SqliteStatement =>
  (Object.getPrototypeOf(client) as SqliteDatabase).prepare.call(client, sql) as SqliteStatement;

function someRows(): SqliteDatabase {
  const client = openSqlite(':memory:');
  client.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, kind TEXT, n INTEGER); CREATE INDEX t_a ON t (a);
    CREATE INDEX t_some ON t (n) WHERE kind = 'mark';
    WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 400)
    INSERT INTO t SELECT i, printf('%04d', i), CASE i % 2 WHEN 0 THEN 'mark' ELSE 'other' END, i FROM c; ANALYZE`);
  return client;
}

const QUERIES = [
  ["SELECT id FROM t WHERE a > seen('0100') ORDER BY a LIMIT ?", [3], 'LIMIT'],
  ["select id from t where a > seen('0100') order by a limit ? offset ?", [3, 2], 'OFFSET'],
  ["SELECT id FROM t WHERE a > seen('0100') AND kind = ? AND n > 7", ['other'], 'what a partial index compares with a literal'],
] as const;

it.each(QUERIES)('%s is prepared once, however often it is asked', (sql, params) => {
  const client = someRows();
  // With statistics about an index the planner asks what a constant is: that is how a test can see it at work.
  let planned = 0;
  client.function('seen', { deterministic: true }, (value) => {
    planned++;
    return value;
  });
  const timesOf = (statement: SqliteStatement): number => {
    const before = planned;
    for (let n = 0; n < 10; n++) statement.all(...params);
    return planned - before;
  };
  const [ours, asIs] = [client.prepare(sql), prepareAsIs(client, sql)];
  expect(ours.all(...params)).toEqual(asIs.all(...params));
  expect(timesOf(ours), 'once a run, and not for a plan').toBe(10);
  expect(timesOf(asIs), 'the driver by itself').toBeGreaterThan(10);
});

it('values, affinities and the use of indexes are what they were', () => {
  const client = someRows();
  const both = (sql: string, ...params: readonly unknown[]) =>
    [client.prepare(sql), prepareAsIs(client, sql)].map((statement) => (statement.reader ? statement.all(...params) : statement.run(...params)));
  for (const [sql, ...params] of [
    ['SELECT id, typeof(a) FROM t WHERE n = ?', '17'],
    ['SELECT id FROM t WHERE a = ? AND n <> ?', '0017', 3],
    ['SELECT id FROM t WHERE a=? OR n <= ? ORDER BY id', 17, 2],
    ['EXPLAIN QUERY PLAN SELECT id FROM t WHERE a = ? AND id >= ?', '0017', 3],
    ["EXPLAIN QUERY PLAN SELECT id FROM t WHERE kind = 'mark' AND n > ? ORDER BY n LIMIT ?", 3, 5],
  ] as const) {
    const [ours, asIs] = both(sql, ...params);
    expect(ours, sql).toEqual(asIs);
  }
  for (const value of ['text', 12, 1.5, null, Buffer.from([0, 255])]) {
    client.prepare('UPDATE t SET a = ?, n = ? WHERE id = ?').run(value, value, 1);
    const ours = client.prepare('SELECT a, typeof(a), n, typeof(n) FROM t WHERE id = 1').all();
    prepareAsIs(client, 'UPDATE t SET a = ?, n = ? WHERE id = ?').run(value, value, 1);
    expect(client.prepare('SELECT a, typeof(a), n, typeof(n) FROM t WHERE id = 1').all(), String(value)).toEqual(ours);
  }
  expect(steady('INSERT INTO t (a) VALUES (?) ON CONFLICT DO UPDATE SET n = ?')).toBe('INSERT INTO t (a) VALUES (?) ON CONFLICT DO UPDATE SET n = +?');
});
