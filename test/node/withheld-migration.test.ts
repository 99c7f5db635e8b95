import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStore } from '../../src/store/store.node.js';
import { migrationsBefore } from '../support/node/migrations-before.js';
import { tempFolder } from '../support/process.js';

it('what an earlier version withheld stays withheld, and what was due stays due', () => {
  const folder = tempFolder();
  const file = join(folder, 'holdfast.db');
  const old = openStore(file, () => 1, { migrations: migrationsBefore(folder, '0010') });
  const put = old.writer.prepare(
    "INSERT INTO artefact (authority_id, kind, key, media_type, bytes, sha256, iat, exp, kid, generation, renew_at) VALUES ('a', ?, ?, 'x', 'x', 'x', 100, ?, 'k', 1, ?)",
  );
  put.run('statement', 'withheld', 0, 0);
  put.run('resolve', 'withheld', 0, 0);
  put.run('resolve', 'waiting', 0, null);
  put.run('statement', 'due', 500, 0);
  put.run('statement', 'served', 500, 300);
  put.run('historical_keys', '', null, null);
  old.close();
  const began = Math.floor(Date.now() / 1000);
  const store = openStore(file, () => 1);
  const rows = store.reader
    .prepare("SELECT kind, key, exp, CASE WHEN renew_at > 1000 THEN 'now' ELSE renew_at END AS due, withheld FROM artefact ORDER BY id")
    .all();
  expect(rows).toEqual([
    { kind: 'statement', key: 'withheld', exp: 100, due: 'now', withheld: 'earlier_version' },
    { kind: 'resolve', key: 'withheld', exp: 100, due: null, withheld: 'earlier_version' },
    { kind: 'resolve', key: 'waiting', exp: 100, due: null, withheld: 'earlier_version' },
    { kind: 'statement', key: 'due', exp: 500, due: 'now', withheld: null },
    { kind: 'statement', key: 'served', exp: 500, due: 300, withheld: null },
    { kind: 'historical_keys', key: '', exp: null, due: null, withheld: null },
  ]);
  const [{ due = 0 } = {}] = store.reader.prepare("SELECT renew_at AS due FROM artefact WHERE key = 'due'").all() as { due: number }[];
  expect(Math.abs(due - began)).toBeLessThan(60);
  store.close();
});
